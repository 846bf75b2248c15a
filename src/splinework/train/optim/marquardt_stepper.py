"""The steps of Levenberg–Marquardt: (generalised) Gauss–Newton on the exact Jacobian, damped in the units of each parameter.

Steps come from the normal equations while those are accurate enough, and from a QR factorisation of the Jacobian itself where the
error is so small that squaring its condition number would end the descent (about 1e-8 relative otherwise) and the damping too
light to make up for it, or a step from the normal equations has failed.

A step solves `(JᵀJ + λD) δ = -Jᵀr`, D the squared lengths of the columns (Marquardt 1963; Moré 1978).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.train.objective import Objective
from splinework.train.optim.base import Optimiser
from splinework.train.optim.damped_systems import (
    DampedFactor,
    DampedSystem,
    NormalEquations,
    QRSystem,
    precision_needed,
    triangle_of,
)
from splinework.train.optim.jump_penalty import JumpPenaltyStepper

MIN_SCALE_RATIO = 1e-6
"""Smallest scale of a parameter in the damping, as a share of the largest squared column length."""
MIN_RELATIVE_DECREASE = 0.02
"""After a step with a smaller relative decrease the ratio of the jump penalty is reduced, as it may stand in the way."""
MAX_GEODESIC_LOSS, DIFFERENCE_STEP, MAX_ACCELERATION_RATIO = 1e-2, 0.1, 0.4
"""Geodesic acceleration (Transtrum & Sethna 2012): used below this share of the spread, with this step of the finite difference,
and accepted up to this length relative to the step."""
LEAST_GROWTH = 2.0
"""Factor of the damping after a refused step, twice as much after each other one (Nielsen 1999)."""
LIGHT_DAMPING_RATIO = 1e-2
"""Damping of linear parameters that are solved for anyway; without it, undetermined ones would grow freely."""
MAX_QR_WORK = 2e11
"""Rows times parameters squared beyond which a QR factorisation takes too long."""
MIN_NORMAL_DAMPING = 1e-13
"""Least damping, of columns of unit length, at which normal equations are as good as a QR factorisation, which takes several
times as long: rounding changes their eigenvalues by about 1e-14."""


@dataclass(frozen=True)
class DampedLeastSquares(Optimiser):
    """Base of the damped least-squares recipes.

    Attributes:
        damping: At the start, relative to the columns' squared lengths.
        chunk: Numbers of the Jacobian held at once; more rows are summed in parts.
        jump_penalty: Ratio of the penalty on jumps of the highest derivative at the knots to the error: too little to bend a
            spline where there are data, but splines continue smoothly where there are none, and the first steps from a
            random start avoid wiggles. 0 switches it off.

    Raises:
        ConfigError: If a number is out of range.
    """

    damping: float = 1e-3
    chunk: int = 4_000_000
    jump_penalty: float = 1e-2

    default_steps: ClassVar[int] = 300
    trial_steps: ClassVar[int] = 12
    settles: ClassVar[float] = 0.05
    second_order: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not (self.damping > 0 and self.jump_penalty >= 0 and self.chunk >= 1):
            raise ConfigError(
                f"damping must be positive, jump_penalty not negative and chunk at least 1; got {self.damping}, "
                f"{self.jump_penalty} and {self.chunk}."
            )


class MarquardtStepper(JumpPenaltyStepper):
    """The stepper; other recipes may damp some parameters lightly, or move some on after each step."""

    def __init__(self, recipe: DampedLeastSquares, objective: Objective, *, lightly: slice = slice(0)) -> None:
        super().__init__(objective, recipe.jump_penalty)
        self.chunk, values = recipe.chunk, self._read()
        self.size = values.numel()
        self.damped = torch.ones_like(values)
        self.damped[lightly] = LIGHT_DAMPING_RATIO
        self.damping, self.growth = recipe.damping, LEAST_GROWTH
        self.exhausted, self.every, self.needs_qr = self.size == 0, 1, False
        self.gradient_norm = self.step_norm = math.nan
        self.scale: Tensor | None = None

    @torch.no_grad()
    def step(self) -> float:
        if self.exhausted:
            return self.error
        system = self._system()
        start, before = self._read(), self.value
        for _ in range(12):
            factor = system.factor(self.damping)
            for move, straight in () if factor is None else self._moves(factor, start):
                self._write(start + move)
                gained, error, roughness = self._trial()
                if math.isfinite(gained) and gained > 0:
                    self.step_norm = float(move.norm())
                    self._accept(gained / max(system.predicted_decrease(straight), 1e-300), error, roughness)
                    if gained < MIN_RELATIVE_DECREASE * before:
                        self._reduce_ratio()
                    return error
            self.damping = min(self.damping * self.growth, 1e12)
            self.growth *= 2
        self._write(start)
        if self._can_use_qr() and not self.needs_qr:
            self.uses_qr, self.needs_qr, self.damping, self.growth = True, True, 1e-6, LEAST_GROWTH
        elif self._reduce_ratio():
            self.damping, self.growth = 1e-3, LEAST_GROWTH
        else:
            self.exhausted = True
        return self.error

    def state(self) -> dict[str, Any]:
        names = (
            "damping", "growth", "exhausted", "uses_qr", "needs_qr", "scale", "ratio", "weight", "error",
            "jump_size",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}

    def _moves(self, factor: DampedFactor, start: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """The step along the geodesic to second order, where that is to be trusted; then the plain one; each with that.

        After a refused step the model is no longer where geodesics begin.
        """
        move = factor.move
        if self.error < MAX_GEODESIC_LOSS * self.spread and self.growth == LEAST_GROWTH:
            bend = self._directional_curvature(start, move)
            turn = None if bend is None else factor.solve(bend)
            if turn is not None and float((turn / factor.root).norm()) <= MAX_ACCELERATION_RATIO * float(
                (move / factor.root).norm()
            ):
                yield move + turn / 2, move
        yield move, move

    def _accept(self, ratio: float, error: float, roughness: float) -> None:
        self.damping = max(self.damping * max(1 / 3, 1 - (2 * min(ratio, 2.0) - 1) ** 3), 1e-15)
        self.growth = LEAST_GROWTH
        self.error, self.jump_size = error, roughness
        self._update_weight()

    def _can_use_qr(self) -> bool:
        numbers = self.objective.n_values
        return numbers >= self.size and numbers * self.size**2 <= MAX_QR_WORK and self.objective.is_sum_of_squares

    def _system(self) -> DampedSystem:
        values = self.parameters.read(self.model)
        if not self.uses_qr and precision_needed(self.value, self.spread) and self._can_use_qr():
            self.uses_qr = True
        if self.needs_qr or (self.uses_qr and self.damping < MIN_NORMAL_DAMPING):
            smooth = math.sqrt(self.weight) * self.jump_penalty.rows
            blocks = [(smooth, smooth @ values)] if self.weight and len(smooth) else []
            triangle, rest = triangle_of(self._blocks(blocks))
            self.gradient_norm = 2 * float((triangle.T @ rest).norm())
            return QRSystem(self._rescaled(triangle.square().sum(0)), self.damped, triangle, rest)
        matrix, vector = self.objective.quadratic(self.parameters, self.chunk)
        self.gradient_norm = 2 * float(vector.norm())
        if self.weight:
            self.jump_penalty.add_to(matrix, vector, values, self.weight)
        return self._normal(matrix, vector)

    def _blocks(self, first: list[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
        for jacobian, residual in chain(self.objective.jacobian_blocks(self.parameters, self.chunk), first):
            yield self._rows(jacobian), residual

    # The coordinates are the parameters themselves; a shaped network has others.

    def _read(self) -> Tensor:
        """The coordinates that the steps change, at the model's present parameters."""
        return self.parameters.read(self.model)

    def _write(self, values: Tensor) -> None:
        """Writes coordinates into the model."""
        self.parameters.write(self.model, values)

    def _directional_curvature(self, start: Tensor, move: Tensor) -> Tensor | None:
        """Gradient of the geodesic acceleration along a step; None where it is not available."""
        return self.objective.geodesic_gradient(self.parameters, start, move, DIFFERENCE_STEP)

    def _rows(self, jacobian: Tensor) -> Tensor:
        """Rows of the Jacobian in these coordinates."""
        return jacobian

    def _normal(self, matrix: Tensor, vector: Tensor) -> DampedSystem:
        """The problem of one step, from the quadratic in the parameters."""
        return NormalEquations(self._rescaled(matrix.diagonal()), self.damped, matrix, vector)

    def _rescaled(self, squares: Tensor) -> Tensor:
        floor = MIN_SCALE_RATIO * squares.max().clamp_min(1e-300)
        fresh = squares.clamp_min(floor)
        # Half of the past is remembered (Moré keeps all of it): a column that was long may have become short for good.
        self.scale = fresh if self.scale is None else torch.maximum(fresh, 0.5 * self.scale)
        return self.scale
