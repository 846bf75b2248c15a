"""The pool of formulas that were proposed for a target: each fitted as it stands, the shortest descriptions kept."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy

from splinework.symbolic.constants import Target, Template
from splinework.symbolic.expression import count
from splinework.symbolic.marquardt import Solution

LONGEST = 90
"""Longer expressions than this many nodes are nobody's formula."""
NODE_COST = 0.7
"""Nats per node of a formula's tree: what it costs to write it down."""
KEPT = 16


@dataclass(frozen=True)
class Entry:
    """A fitted proposal and its description length before its numbers are snapped."""

    template: Template
    solution: Solution
    description: float


@dataclass
class Pool:
    """Proposals for one target, fitted, shortest description first."""

    target: Target
    entries: list[Entry] = field(default_factory=list)
    seen: set[Any] = field(default_factory=set)

    def offer(self, expression: Any) -> Entry | None:
        """Fits a proposal; None where it cannot be, is too long, or came before."""
        if expression in self.seen:
            return None
        self.seen.add(expression)
        if count(expression) > LONGEST or expression.has(sympy.nan, sympy.oo, -sympy.oo, sympy.zoo, sympy.I):
            return None
        template = Template(expression, self.target)
        solution = template.fit(template.start, {})
        if solution is None:
            return None
        n = len(self.target.y)
        numbers = solution.rank * math.log(n) / 2
        fit = n / 2 * math.log(max(solution.rss, self.target.floor) / n)
        entry = Entry(template, solution, fit + numbers + NODE_COST * count(expression))
        self.entries = sorted([*self.entries, entry], key=lambda e: e.description)[:KEPT]
        return entry
