"""What rules on contradictions share: the verdict of a rule, and what is known of the model that the axioms are for."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, final

import torch
from torch import Tensor

from splinework.knowledge.axioms.axiom import Axiom, Name, place
from splinework.knowledge.axioms.setting import Units, formula, read_unit, sobol

Range = tuple[float, float]
IMPOSSIBLE, CONSTANT, NOTE = "impossible", "constant", "note"
"""No function at all; only one that does not change; a function of little freedom, which may well be meant."""
TOLERANCE: Final = 1e-9


@final
@dataclass(frozen=True)
class Clash:
    """What a rule found.

    Attributes:
        why: Why the axioms do not go together, a sentence.
        way_out: What to do, a sentence.
        verdict: `impossible`, `constant` or `note`.
    """

    why: str
    way_out: str
    verdict: str = IMPOSSIBLE


@final
@dataclass(frozen=True, eq=False)
class Context:
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
    read_unit: Units = read_unit

    def input(self, name: Name) -> int:
        """The number of an input whose name was checked."""
        return place(name, self.input_names, "the axiom")

    def outputs(self, axiom: Axiom) -> frozenset[int]:
        """The outputs that an axiom speaks of."""
        if axiom.output is None:
            return frozenset(range(len(self.output_names)))
        return frozenset({place(axiom.output, self.output_names, axiom.word, "output")})

    def range(self, axiom: Axiom, i: int) -> Range | None:
        """Where an axiom holds along an input; None where that is the grid, and it is not known."""
        if axiom.domain == "all":
            return -math.inf, math.inf
        if not isinstance(axiom.domain, str):
            for name, ends in axiom.domain:
                if self.input(name) == i:
                    return ends
        return None if self.box is None else self.box[i]

    def together(self, first: Axiom, second: Axiom) -> bool:
        """Whether the two speak of one output somewhere at the same place."""
        if not self.outputs(first) & self.outputs(second):
            return False
        for i in range(len(self.input_names)):
            one, other = self.range(first, i), self.range(second, i)
            if one is not None and other is not None and not max(one[0], other[0]) < min(one[1], other[1]):
                return False
        return True

    def samples(self, axiom: Axiom | None = None, count: int = 64) -> Tensor:
        """Points where an axiom holds in the box, `(count, I)`; in the unit box where that is not known."""
        box = list(self.box or ((0.0, 1.0),) * len(self.input_names))
        for i, (low, high) in enumerate(box):
            ends = None if axiom is None or axiom.domain == "all" else self.range(axiom, i)
            if ends is not None:
                box[i] = (ends[0] if math.isfinite(ends[0]) else min(low, ends[1] - 1), ends[1])
                box[i] = (box[i][0], ends[1] if math.isfinite(ends[1]) else max(high, box[i][0] + 1))
        return _sampled(count, tuple(box))

    def reaches(self, axiom: Axiom, i: int, at: float) -> bool:
        """Whether an axiom holds at a value of an input."""
        ends = self.range(axiom, i)
        return ends is None or ends[0] - TOLERANCE * (1 + abs(at)) <= at <= ends[1] + TOLERANCE * (1 + abs(at))

    def whole(self, axiom: Axiom) -> bool:
        """Whether an axiom holds all over the grids, not in some ranges of inputs only."""
        return isinstance(axiom.domain, str)

    def value(self, text: float | str, points: Tensor) -> Tensor:
        """A number or a formula at points, `(N,)`."""
        return formula(text, self.input_names)(points)


@lru_cache(maxsize=64)
def _sampled(count: int, box: tuple[Range, ...]) -> Tensor:
    return sobol(count, torch.tensor(box, dtype=torch.float64), 0)


def listed(names: Sequence[Name]) -> str:
    """Names for a sentence."""
    return ", ".join(map(str, names))
