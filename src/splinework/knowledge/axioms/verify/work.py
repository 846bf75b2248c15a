"""Work units: what proofs may cost, counted in evaluations, so that a result does not depend on the load of the machine."""

import math
import time
from dataclasses import dataclass
from typing import Final

from splinework.knowledge.axioms.verify.network import Enclosure

_PER_ROUND: Final = 1e-3
_PER_BOX: Final = 1e-5
_PER_EDGE: Final = 3e-7
"""Units of a round, of a box, and of one derivative of one edge on a box: about a second of one core is one unit."""


@dataclass
class WorkBudget:
    """Work that is left.

    Attributes:
        units: Units of work that may still be done.
        deadline: Value of `time.monotonic` at which to stop in any case.
    """

    units: float
    deadline: float = math.inf

    @property
    def left(self) -> bool:
        """Whether any work is left."""
        return self.units > 0 and (self.deadline == math.inf or time.monotonic() < self.deadline)

    def spend(self, enclosure: Enclosure, boxes: int, order: int) -> None:
        """Takes the evaluation of boxes with derivatives up to an order from the work that is left."""
        self.units -= _PER_ROUND + boxes * (_PER_BOX + _PER_EDGE * enclosure.edges * (order + 1))

    def share(self, part: float) -> "WorkBudget":
        """A part of the work that is left; what is not needed of it is given back by `returned`."""
        taken = WorkBudget(max(self.units, 0.0) * part, self.deadline)
        self.units -= taken.units
        return taken

    def returned(self, part: "WorkBudget") -> None:
        """Adds what is left of a part."""
        self.units += part.units
