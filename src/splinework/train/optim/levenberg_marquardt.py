"""Levenberg–Marquardt, the recipe: on the parameters themselves, or within bounds where edges are shaped.

A step solves `(JᵀJ + λD) δ = -Jᵀr` (Levenberg 1944; Marquardt 1963).
"""

from dataclasses import dataclass
from typing import ClassVar, final

import torch

from splinework.train.coordinates import Coordinates
from splinework.train.jacobian import ParameterVector
from splinework.train.objective import Objective
from splinework.train.optim.base import Stepper
from splinework.train.optim.bounded_stepper import BoundedStepper
from splinework.train.optim.marquardt_stepper import DampedLeastSquares, MarquardtStepper


@final
@dataclass(frozen=True)
class LevenbergMarquardt(DampedLeastSquares):
    """Marquardt 1963 with Nielsen's (1999) rule for the damping and geodesic acceleration (Transtrum & Sethna 2012).

    A network of splines has long curved valleys: a node may be stretched if the next edges are, nearly for free. There a
    straight step leaves the valley soon, and one that bends with it does not.
    """

    name: ClassVar[str] = "lm"

    def attach(self, objective: Objective, steps: int, generator: torch.Generator) -> Stepper:
        coordinates = Coordinates.of(objective.model, ParameterVector.of(objective.model))
        if coordinates is None:
            return MarquardtStepper(self, objective)
        return BoundedStepper(self, objective, coordinates)
