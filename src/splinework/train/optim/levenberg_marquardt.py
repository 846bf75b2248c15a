"""Levenberg–Marquardt, the recipe; and its steps for shaped networks: in coordinates that are bounds, with an active set.

What is at a bound and would cross it stays; the rest takes the Newton step of the damped quadratic. So bounds hold exactly, and
edges that want to be flat are flat to the last bit, where a positive function of free numbers would only creep towards that.

The problem of a step is `min ½ δᵀAδ + gᵀδ` with `l ≤ θ + δ ≤ u`; the active set is that of Bertsekas 1982 (projected Newton
methods for simple constraints).
"""

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from splinework.train.coordinates import Coordinates, is_shaped
from splinework.train.objective import Objective
from splinework.train.optim.base import Stepper
from splinework.train.optim.damped_systems import DampedFactor, DampedSystem, NormalEquations
from splinework.train.optim.marquardt_stepper import DIFFERENCE_STEP, DampedLeastSquares, MarquardtStepper

MAX_ACTIVE_SET_CHANGES, MAX_HALVINGS = 25, 12
"""Most changes of the active set in one step, and how often a step that does not lower the quadratic is halved."""


@final
@dataclass(frozen=True)
class BoundedSystem(NormalEquations):
    """The same for the δ that stay within bounds.

    Attributes:
        below: How far each coordinate may go down, negative or zero, `(Q,)`.
        above: How far it may go up.
    """

    below: Tensor
    above: Tensor

    def factor(self, damping: float) -> DampedFactor | None:
        root = self.scale.rsqrt()
        matrix = self.matrix * root[:, None] * root
        matrix.diagonal().add_(damping * self.damped + 1e-15)
        vector, low, high = self.vector * root, self.below / root, self.above / root
        found = _primal_dual_active_set(matrix, vector, low, high) or _projected_newton(matrix, vector, low, high)
        if found is None:
            return None
        z, triangle = found
        return DampedFactor(torch.clamp(z * root, self.below, self.above), triangle, root)


BoundedMinimum = tuple[Tensor, Tensor]
"""A minimum, and the triangle of the part of the matrix that is not at bounds."""


def _primal_dual_active_set(matrix: Tensor, vector: Tensor, low: Tensor, high: Tensor) -> BoundedMinimum | None:
    """The minimum of `½ zᵀKz + gᵀz` within bounds, by primal and dual active sets (Hintermüller, Ito and Kunisch 2003).

    Solves as if some coordinates were at their bounds, lets go of those that are pulled inside, and adds those that went
    beyond, until nothing changes: a few rounds, mostly. None where that does not end.
    """
    below, above = (low >= 0) & (vector > 0), (high <= 0) & (vector < 0)
    for _ in range(MAX_ACTIVE_SET_CHANGES):
        z = torch.where(below, low, torch.where(above, high, torch.zeros_like(vector)))
        which = (~(below | above)).nonzero()[:, 0]
        triangle = matrix[:0, :0]
        if len(which):
            triangle, failed = torch.linalg.cholesky_ex(matrix[which][:, which], upper=True)
            if int(failed):
                return None
            wanted = -(vector + matrix @ z)[which]
            z[which] = torch.cholesky_solve(wanted[:, None], triangle, upper=True)[:, 0]
        gradient = matrix @ z + vector
        now_below = torch.where(below, gradient > 0, z < low) & ~above
        now_above = torch.where(above, gradient < 0, z > high) & ~below
        if bool((now_below == below).all()) and bool((now_above == above).all()):
            return z, triangle
        below, above = now_below, now_above
    return None


def _projected_newton(matrix: Tensor, vector: Tensor, low: Tensor, high: Tensor) -> BoundedMinimum | None:
    """The same by projected Newton steps, which go down at every round (Bertsekas 1982)."""
    z = torch.zeros_like(vector)
    triangle = matrix[:0, :0]
    for _ in range(MAX_ACTIVE_SET_CHANGES):
        gradient = matrix @ z + vector
        which = (~(((z <= low) & (gradient > 0)) | ((z >= high) & (gradient < 0)))).nonzero()[:, 0]
        if not len(which):
            break
        triangle, failed = torch.linalg.cholesky_ex(matrix[which][:, which], upper=True)
        if int(failed):
            return None
        step = torch.zeros_like(z)
        step[which] = torch.cholesky_solve(-gradient[which, None], triangle, upper=True)[:, 0]
        moved = z
        for halving in range(MAX_HALVINGS):
            there = torch.clamp(z + 0.5**halving * step, low, high)
            change = there - z
            if float(gradient @ change + change @ (matrix @ change) / 2) < 0:
                moved = there
                break
        if bool((moved == z).all()):
            break
        z = moved
    return z, triangle


class BoundedStepper(MarquardtStepper):
    """The stepper; what it moves are coordinates."""

    coordinates: Coordinates
    bounded: bool

    def _take_grids(self) -> None:
        super()._take_grids()
        coordinates = Coordinates.of(self.model, self.parameters)
        assert coordinates is not None
        self.coordinates, self.bounded = coordinates, coordinates.bounded

    def _read(self) -> Tensor:
        return self.coordinates.read(super()._read())

    def _write(self, values: Tensor) -> None:
        if self.bounded:
            values = torch.clamp(values, self.coordinates.lower, self.coordinates.upper)
        super()._write(self.coordinates.write(values))

    def _directional_curvature(self, start: Tensor, move: Tensor) -> Tensor | None:
        if self.bounded:
            return None  # the geodesic may leave through a bound
        theta, along = self.coordinates.write(start), self.coordinates.write(move)
        bend = self.objective.geodesic_gradient(self.parameters, theta, along, DIFFERENCE_STEP)
        return None if bend is None else self.coordinates.gradient(bend)

    def _rows(self, jacobian: Tensor) -> Tensor:
        return self.coordinates.columns(jacobian)

    def _can_use_qr(self) -> bool:
        return not self.bounded and super()._can_use_qr()

    def _normal(self, matrix: Tensor, vector: Tensor) -> DampedSystem:
        matrix, vector = self.coordinates.square(matrix), self.coordinates.gradient(vector)
        scale = self._rescaled(matrix.diagonal())
        if not self.bounded:
            return NormalEquations(scale, self.damped, matrix, vector)
        present = self._read()
        below, above = self.coordinates.lower - present, self.coordinates.upper - present
        return BoundedSystem(scale, self.damped, matrix, vector, below, above)


@final
@dataclass(frozen=True)
class LevenbergMarquardt(DampedLeastSquares):
    """Marquardt 1963 with Nielsen's (1999) rule for the damping and geodesic acceleration (Transtrum & Sethna 2012).

    A network of splines has long curved valleys: a node may be stretched if the next edges are, nearly for free. There a
    straight step leaves the valley soon, and one that bends with it does not.
    """

    name: ClassVar[str] = "lm"

    def attach(self, objective: Objective, steps: int, generator: torch.Generator) -> Stepper:
        return (BoundedStepper if is_shaped(objective.model) else MarquardtStepper)(self, objective)
