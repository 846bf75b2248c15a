"""Gauss–Newton without its matrix: steps by conjugate gradients inside a trust region, for networks of many parameters."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.train.objective import CurvatureOperator, Objective
from splinework.train.optim.base import Optimiser, Stepper
from splinework.train.optim.jump_penalty import JumpPenalty, JumpPenaltyStepper

MIN_RELATIVE_DECREASE = 0.02
"""The jump penalty's share of the error is lessened after a step that gains less than this share of the objective."""
ROUNDING_TOLERANCE = 1e-13
"""Changes of the objective below this share of it mean nothing."""
MAX_FORCING, MIN_FORCING = 0.3, 0.02
"""What is left of a linear system's right-hand side, at most and at least: more exact steps cost more than they gain, as the next
one starts from a better system."""
MIN_DIAGONAL_RATIO, BLOCK_RIDGE = 1e-6, 1e-3
"""The least share of the largest element on the diagonal that counts, and what is added to each block's own: what the data hardly
see has some length too, as a straight step in it does not lead far."""


@final
@dataclass(frozen=True)
class NewtonCG(Optimiser):
    """Truncated Gauss–Newton in a trust region (Steihaug 1983; Nocedal & Wright 2006, algorithm 7.2).

    Of the curvature it needs products with vectors only: a tangent and a backward pass over all rows each, so that memory
    is `O(rows · width + parameters)`. They are preconditioned by every edge's own block.

    Attributes:
        products: Most products in one step.
        jump_penalty: As for `LevenbergMarquardt`.

    Raises:
        ConfigError: If a number is out of range.
    """

    products: int = 200
    jump_penalty: float = 1e-2

    name: ClassVar[str] = "newton-cg"
    default_steps: ClassVar[int] = 200
    trial_steps: ClassVar[int] = 12
    settles: ClassVar[float] = 0.05
    second_order: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not (self.products >= 1 and self.jump_penalty >= 0):
            raise ConfigError(
                f"products must be at least 1 and jump_penalty not negative; got {self.products} and {self.jump_penalty}."
            )

    def attach(self, objective: Objective, steps: int, generator: torch.Generator) -> Stepper:
        return _NewtonCGStepper(self, objective)


class _NewtonCGStepper(JumpPenaltyStepper):
    every = 1

    def __init__(self, recipe: NewtonCG, objective: Objective) -> None:
        super().__init__(objective, recipe.jump_penalty)
        self.recipe = recipe
        # A step's length is about what it changes the outputs by.
        self.radius, self.slope = math.sqrt(max(self.error, 0.0)), math.inf
        self.exhausted = self.parameters.read(self.model).numel() == 0

    @torch.no_grad()
    def step(self) -> float:
        if self.exhausted:
            return self.error
        start, before = self.parameters.read(self.model), self.value
        system = _PreconditionedSystem(
            self.objective.curvature_operator(self.parameters), self.jump_penalty, start, self.weight
        )
        # Eisenstat & Walker 1996, choice 2: as exact as the descent has been fast.
        forcing = 0.9 * (system.slope / self.slope) ** 2 if math.isfinite(self.slope) else MAX_FORCING
        path = _ConjugateGradientPath(
            system, min(max(forcing, MIN_FORCING), MAX_FORCING), self.recipe.products, self.radius
        )
        for _ in range(12):
            move, length, predicted_decrease = path.until(self.radius)
            self.parameters.write(self.model, start + move)
            gained, error, roughness = self._trial()
            ratio = gained / max(predicted_decrease, 1e-300)
            # The last step promises less than the objective's rounding shows, and still brings digits of the numbers.
            self.exhausted = (
                predicted_decrease <= ROUNDING_TOLERANCE * before and abs(gained) <= ROUNDING_TOLERANCE * before
            )
            if math.isfinite(gained) and (gained > 0 or self.exhausted):
                self.step_norm, self.gradient_norm, self.slope = float(move.norm()), 2 * system.slope, system.slope
                if ratio > 0.75 and length > 0.99 * self.radius:
                    self.radius *= 3.0
                elif ratio < 0.25:
                    self.radius = 0.3 * length
                self.error, self.jump_size = error, roughness
                self._update_weight()
                if gained < MIN_RELATIVE_DECREASE * before and self._reduce_ratio():
                    self.exhausted = False
                return error
            self.radius = 0.25 * min(length, self.radius)
            if not self.radius > 0:
                break
        self.parameters.write(self.model, start)
        self.exhausted = not self._reduce_ratio()
        self.radius = math.sqrt(max(self.error, 0.0))
        return self.error

    def state(self) -> dict[str, Any]:
        names = ("error", "jump_size", "ratio", "weight", "radius", "slope", "exhausted")
        return {name: getattr(self, name) for name in names}


class _PreconditionedSystem:
    """`A δ = -b` including the jump penalty, with a block-diagonal preconditioner M: every edge's block of A."""

    def __init__(self, products: CurvatureOperator, jump_penalty: JumpPenalty, values: Tensor, weight: float) -> None:
        self.products, self.jump_penalty, self.weight = products, jump_penalty, weight
        self.vector, diagonal, squares = products.vector, products.diagonal.clone(), products.squares()
        if weight:
            self.vector = self.vector + weight * jump_penalty.times(values)
            for own, forms in jump_penalty.forms:
                diagonal[own] += weight * torch.diagonal(forms, dim1=1, dim2=2).flatten()
        self.root = diagonal.clamp_min(MIN_DIAGONAL_RATIO * diagonal.max().clamp_min(1e-300)).rsqrt()
        self.factors = []
        for own, blocks in squares:
            smooth = [forms for place, forms in jump_penalty.forms if place == own and weight]
            self.factors.append((own, _factor(sum((weight * forms for forms in smooth), blocks), self.root[own])))
        self.slope = math.sqrt(max(float(self.vector @ self.precondition(self.vector)), 0.0))

    def times(self, v: Tensor) -> Tensor:
        """`A v`."""
        product = self.products.times(v)
        return product + self.weight * self.jump_penalty.times(v) if self.weight else product

    def precondition(self, v: Tensor) -> Tensor:
        """`M⁻¹ v`."""
        scaled = v * self.root
        for own, triangle in self.factors:
            each = scaled[own].unflatten(0, (len(triangle), -1, 1))
            scaled[own] = torch.cholesky_solve(each, triangle).flatten()
        return scaled * self.root

    def inner(self, v: Tensor, w: Tensor) -> float:
        """`vᵀM w`."""
        scaled = w / self.root
        for own, triangle in self.factors:
            each = scaled[own].unflatten(0, (len(triangle), -1, 1))
            scaled[own] = (triangle @ (triangle.mT @ each)).flatten()
        return float(v @ (scaled / self.root))


def _factor(blocks: Tensor, root: Tensor) -> Tensor:
    """Cholesky factors of blocks `(edges, size, size)`, scaled to unit diagonals by `root (edges · size,)`."""
    root = root.unflatten(0, blocks.shape[:2])
    scaled, added = blocks * root[:, :, None] * root[:, None, :], BLOCK_RIDGE
    scaled.diagonal(dim1=1, dim2=2).clamp_min_(1.0)  # the blocks may come from some rows only, the scale from all
    while True:
        scaled.diagonal(dim1=1, dim2=2).add_(added)
        triangle, failed = torch.linalg.cholesky_ex(scaled)
        if not bool(failed.any()):
            factor: Tensor = triangle
            return factor
        added *= 10  # rounding has taken more than was there


class _ConjugateGradientPath:
    """The way of conjugate gradients from 0, which leads farther away with every step, up to a trust region's edge.

    Some of its points are kept, each farther than the one before by a share, so that a shorter step needs no products.
    """

    def __init__(self, system: _PreconditionedSystem, forcing: float, most: int, radius: float) -> None:
        self.system = system
        zero = torch.zeros_like(system.vector)
        self.points: list[tuple[Tensor, Tensor, float]] = [(zero, -system.vector, 0.0)]
        """δ, `-b - A δ` and `‖δ‖_M`."""
        self.count = 0
        self._walk(forcing * system.slope, most, radius)

    def until(self, radius: float) -> tuple[Tensor, float, float]:
        """The point at this distance, or the last one: δ, its length, and by how much the quadratic falls."""
        move, rest, length = self.points[-1]
        if length > radius:
            k = next(k for k, point in enumerate(self.points) if point[2] > radius)
            (before, rest_before, shorter), (move, rest, length) = self.points[k - 1 : k + 1]
            along, both = move - before, self.system.inner(before, move)
            square = length**2 - 2 * both + shorter**2
            share = _crossing(square, both - shorter**2, shorter**2, radius)
            move, rest, length = before + share * along, torch.lerp(rest_before, rest, share), radius
        return move, length, float((rest - self.system.vector) @ move)

    def _walk(self, enough: float, most: int, radius: float) -> None:
        """Nocedal & Wright, algorithm 7.2, with lengths by the recurrences of Conn, Gould & Toint 2000, eq. 7.5.5."""
        move, rest, _ = self.points[0]
        ahead = self.system.precondition(rest)
        left, direction = float(rest @ ahead), ahead
        square, across, along = 0.0, 0.0, left
        while self.count < most and left > enough**2:
            self.count += 1
            product = self.system.times(direction)
            curvature = float(direction @ product)
            if not curvature > 0:  # nothing but rounding is left, as A is semi-definite
                break
            share = left / curvature
            over = square + 2 * share * across + share**2 * along >= radius**2
            if over:
                share = _crossing(along, across, square, radius)
            move, rest = move + share * direction, rest - share * product
            square += 2 * share * across + share**2 * along
            if over or square > 1.3**2 * self.points[-1][2] ** 2:
                self.points.append((move, rest, math.sqrt(square)))
            if over:
                return
            ahead = self.system.precondition(rest)
            left, before = float(rest @ ahead), left
            across, along = left / before * (across + share * along), left + (left / before) ** 2 * along
            direction = ahead + left / before * direction
        if self.count and self.points[-1][0] is not move:
            self.points.append((move, rest, math.sqrt(square)))


def _crossing(a: float, b: float, c: float, radius: float) -> float:
    """The positive root of `a s² + 2 b s + c = radius²`, where c is less."""
    missing = radius**2 - c
    return missing / (b + math.sqrt(b * b + a * missing))
