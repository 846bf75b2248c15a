"""The result of a conflict rule, and the properties of the model that rules may use."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import final

import torch
from torch import Tensor

from splinework.knowledge.axioms.axiom import Axiom, Name, outputs_of, place
from splinework.knowledge.axioms.facts import TOLERANCE, Fact, Range
from splinework.knowledge.axioms.sampling import UnitReader, formula, read_unit, sobol

IMPOSSIBLE, CONSTANT, NOTE = "impossible", "constant", "note"
"""Severities: no function exists; only a constant one does; little freedom remains, which may be intended."""


@final
@dataclass(frozen=True)
class Conflict:
    """A conflict found by a rule.

    Attributes:
        why: Why the axioms are incompatible, a sentence.
        way_out: How to resolve it, a sentence.
        severity: `impossible`, `constant` or `note`.
    """

    why: str
    way_out: str
    severity: str = IMPOSSIBLE


@final
@dataclass(frozen=True, eq=False)
class ConflictContext:
    """The properties of the model that conflict rules use.

    Attributes:
        extrapolation: How edges continue outside their grid.
        box: Ranges of the inputs that the grids cover; None if not known yet.
        read_unit: Parser of units.
    """

    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    extrapolation: str = "linear"
    box: tuple[Range, ...] | None = None
    read_unit: UnitReader = read_unit

    def input(self, name: Name) -> int:
        """The index of an input whose name was checked before."""
        return place(name, self.input_names, "the axiom")

    def outputs(self, stated: Axiom | Fact) -> frozenset[int]:
        """The outputs that an axiom or a fact refers to."""
        return frozenset(outputs_of(stated.axiom if isinstance(stated, Fact) else stated, self.output_names))

    def range(self, fact: Fact, i: int) -> Range | None:
        """The range of an input on which a fact holds; None for the grid if that is not known."""
        if fact.domain == "all":
            return -math.inf, math.inf
        if not isinstance(fact.domain, str):
            for name, ends in fact.domain:
                if self.input(name) == i:
                    return ends
        return None if self.box is None else self.box[i]

    def together(self, first: Fact, second: Fact) -> bool:
        """Whether two facts share an output and their domains overlap."""
        if not self.outputs(first) & self.outputs(second):
            return False
        for i in range(len(self.input_names)):
            one, other = self.range(first, i), self.range(second, i)
            if one is not None and other is not None and not max(one[0], other[0]) < min(one[1], other[1]):
                return False
        return True

    def covers(self, fact: Fact, name: Name, length: float) -> bool:
        """Whether a fact holds on a range of at least this length; an unknown grid is assumed to be long enough."""
        where = self.range(fact, self.input(name))
        return where is None or where[1] - where[0] >= length * (1 - TOLERANCE)

    def surrounds(self, fact: Fact, name: Name, at: float) -> bool:
        """Whether a fact holds on both sides of a value of an input; an unknown grid is assumed to contain the value."""
        where = self.range(fact, self.input(name))
        return where is None or where[0] < at < where[1]

    def samples(self, fact: Fact | None = None, count: int = 64) -> Tensor:
        """Points in the box where a fact holds, `(count, I)`; in the unit box if the box is not known."""
        box = list(self.box or ((0.0, 1.0),) * len(self.input_names))
        for i, (low, high) in enumerate(box):
            ends = None if fact is None or fact.domain == "all" else self.range(fact, i)
            if ends is not None:
                box[i] = (ends[0] if math.isfinite(ends[0]) else min(low, ends[1] - 1), ends[1])
                box[i] = (box[i][0], ends[1] if math.isfinite(ends[1]) else max(high, box[i][0] + 1))
        return _sampled(count, tuple(box))

    def reaches(self, fact: Fact, i: int, at: float) -> bool:
        """Whether a fact holds at a value of an input."""
        ends = self.range(fact, i)
        return ends is None or ends[0] - TOLERANCE * (1 + abs(at)) <= at <= ends[1] + TOLERANCE * (1 + abs(at))

    def value(self, text: float | str, points: Tensor) -> Tensor:
        """A number or a formula at points, `(N,)`."""
        return formula(text, self.input_names)(points)


@lru_cache(maxsize=64)
def _sampled(count: int, box: tuple[Range, ...]) -> Tensor:
    return sobol(count, torch.tensor(box, dtype=torch.float64), 0)


JointConflict = tuple[Conflict, tuple[Fact, ...]]
"""A conflict of one fact with others, and those others."""


def listed(names: Sequence[Name]) -> str:
    """Names joined by commas."""
    return ", ".join(map(str, names))
