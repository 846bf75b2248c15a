"""What rules on conflicts share: the result of a rule, and what is known of the model that the axioms are for."""

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
"""No function at all; only one that does not change; a function of little freedom, which may well be meant."""


@final
@dataclass(frozen=True)
class Conflict:
    """What a rule found.

    Attributes:
        why: Why the axioms do not go together, a sentence.
        way_out: What to do, a sentence.
        severity: `impossible`, `constant` or `note`.
    """

    why: str
    way_out: str
    severity: str = IMPOSSIBLE


@final
@dataclass(frozen=True, eq=False)
class ConflictContext:
    """What is known of the model.

    Attributes:
        input_names: Names of the inputs.
        output_names: Names of the outputs.
        extrapolation: What edges do outside their grid.
        box: Ranges of the inputs, where the grids are; None where that is not known yet.
        read_unit: How the text of a unit is read.
    """

    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    extrapolation: str = "linear"
    box: tuple[Range, ...] | None = None
    read_unit: UnitReader = read_unit

    def input(self, name: Name) -> int:
        """The number of an input whose name was checked."""
        return place(name, self.input_names, "the axiom")

    def outputs(self, stated: Axiom | Fact) -> frozenset[int]:
        """The outputs that an axiom or a fact speaks of."""
        return frozenset(outputs_of(stated.axiom if isinstance(stated, Fact) else stated, self.output_names))

    def range(self, fact: Fact, i: int) -> Range | None:
        """Where a fact holds along an input; None where that is the grid, and it is not known."""
        if fact.domain == "all":
            return -math.inf, math.inf
        if not isinstance(fact.domain, str):
            for name, ends in fact.domain:
                if self.input(name) == i:
                    return ends
        return None if self.box is None else self.box[i]

    def together(self, first: Fact, second: Fact) -> bool:
        """Whether the two speak of one output somewhere at the same place."""
        if not self.outputs(first) & self.outputs(second):
            return False
        for i in range(len(self.input_names)):
            one, other = self.range(first, i), self.range(second, i)
            if one is not None and other is not None and not max(one[0], other[0]) < min(one[1], other[1]):
                return False
        return True

    def covers(self, fact: Fact, name: Name, length: float) -> bool:
        """Whether a fact holds on a range as long as this; a grid that is not known yet is taken to be."""
        where = self.range(fact, self.input(name))
        return where is None or where[1] - where[0] >= length * (1 - TOLERANCE)

    def surrounds(self, fact: Fact, name: Name, at: float) -> bool:
        """Whether a fact holds on both sides of a value of an input; a grid that is not known yet is taken to have it inside."""
        where = self.range(fact, self.input(name))
        return where is None or where[0] < at < where[1]

    def samples(self, fact: Fact | None = None, count: int = 64) -> Tensor:
        """Points where a fact holds in the box, `(count, I)`; in the unit box where that is not known."""
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
"""What a rule on a fact and all others found, and the other facts that take part."""


def listed(names: Sequence[Name]) -> str:
    """Names for a sentence."""
    return ", ".join(map(str, names))
