"""Levenberg–Marquardt: Gauss–Newton steps on the exact Jacobian, damped in the units of each parameter.

Steps come from the normal equations while those are accurate enough, and from a QR factorisation of the Jacobian itself
once the error is so small that squaring its condition number would end the descent (about 1e-8 relative otherwise).
"""

import math
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from splinework.bases import BSpline
from splinework.errors import ConfigError
from splinework.functional import bspline_rows, grid_points
from splinework.layer import KANLayer
from splinework.train.jacobian import Parameters, linearise
from splinework.train.objective import Objective
from splinework.train.optim.base import Optimiser, Stepper

WEAKEST_TIE_BREAK, STRONGEST_TIE_BREAK = 1e-12, 1e-3
"""Bounds of the tie-break's weight."""
SMALLEST_SCALE = 1e-6
"""Parameters that the data hardly see are damped as if they had this share of the strongest column's length."""


@final
@dataclass(frozen=True)
class LevenbergMarquardt(Optimiser):
    """Marquardt 1963 with Nielsen's (1999) rule for the damping.

    Attributes:
        damping: At the start, relative to the columns' squared lengths.
        chunk: Numbers of the Jacobian held at once; more rows are summed in parts.
        tie_break: What the jumps of the highest derivative at the knots cost, as a share of the error:
            too little to bend a spline where there are data, but each goes on as smoothly as it can where there are
            none, and the first steps from a random start keep away from wiggles. 0 switches it off.
    """

    damping: float = 1e-3
    chunk: int = 4_000_000
    tie_break: float = 1e-2

    name: ClassVar[str] = "lm"
    default_steps: ClassVar[int] = 300
    trial_steps: ClassVar[int] = 12
    settles: ClassVar[float] = 0.05

    def __post_init__(self) -> None:
        if not (self.damping > 0 and self.tie_break >= 0 and self.chunk >= 1):
            raise ConfigError(
                f"damping must be positive, tie_break not negative and chunk at least 1; got {self.damping}, "
                f"{self.tie_break} and {self.chunk}."
            )

    def attach(self, objective: Objective, steps: int, generator: torch.Generator) -> Stepper:
        return _Marquardt(self, objective)


class _Marquardt:
    def __init__(self, recipe: LevenbergMarquardt, objective: Objective) -> None:
        self.recipe, self.objective = recipe, objective
        self.parameters = Parameters.of(objective.model)
        self.damping, self.growth = recipe.damping, 2.0
        self.size = self.parameters.read(objective.model).numel()
        self.exhausted, self.every = self.size == 0, 1
        self.precise = False
        self.scale: Tensor | None = None
        self.jumps = [_jumps(layer) for layer in objective.model.kan_layers]
        self.weight = STRONGEST_TIE_BREAK
        self.error, self.roughness = self._state()
        self._weaken()
        self.spread = float(objective.t.var(unbiased=False)) or 1.0

    @torch.no_grad()
    def step(self) -> float:
        if self.exhausted:
            return self.error
        system = self._system()
        start = self.parameters.read(self.objective.model)
        for _ in range(12):
            move = system.solve(self.damping)
            if move is not None:
                self.parameters.write(self.objective.model, start + move)
                error, roughness = self._state()
                gained = self.value - (error + self.weight * roughness)
                if math.isfinite(gained) and gained > 0:
                    ratio = gained / max(system.promised(move), 1e-300)
                    self.damping = max(self.damping * max(1 / 3, 1 - (2 * min(ratio, 2.0) - 1) ** 3), 1e-15)
                    self.growth = 2.0
                    self.error, self.roughness = error, roughness
                    self._weaken()
                    return error
            self.damping = min(self.damping * self.growth, 1e12)
            self.growth *= 2
        self.parameters.write(self.objective.model, start)
        if self._can_be_precise() and not self.precise:
            self.precise, self.damping, self.growth = True, 1e-6, 2.0
        else:
            self.exhausted = True
        return self.error

    @property
    def value(self) -> float:
        """What the steps lower: the objective and the tie-break."""
        return self.error + self.weight * self.roughness

    @torch.no_grad()
    def _state(self) -> tuple[float, float]:
        """The objective, and the sum of the squared jumps."""
        roughness = 0.0
        for layer, rows in zip(self.objective.model.kan_layers, self.jumps, strict=True):
            if rows is not None:
                roughness += float(torch.einsum("rim,imj->rij", rows, layer.edge_coefficients()).square().sum())
        return float(self.objective.value()), roughness

    def _weaken(self) -> None:
        """Keeps the tie-break at its share of the error, which falls; the weight never rises, so no step is undone by it."""
        fair = self.recipe.tie_break * self.error / max(self.roughness, 1e-300)
        self.weight = min(self.weight, max(fair, WEAKEST_TIE_BREAK)) if self.recipe.tie_break else 0.0

    def _can_be_precise(self) -> bool:
        count = self.objective.t.numel()
        return not self.objective.penalties and count * self.size <= self.recipe.chunk and count >= self.size

    def _system(self) -> "_System":
        model, u, t = self.objective.model, self.objective.u, self.objective.t
        total = t.numel()
        start, size = self.parameters.read(model), self.size
        if not self.precise and self.value < 1e-9 * self.spread and self._can_be_precise():
            self.precise = True
        rows = max(self.recipe.chunk // max(size * t.shape[1], 1), 1)
        if self.precise:
            outputs, jacobian = linearise(model, self.parameters, u)
            stacked = torch.cat([jacobian.flatten(0, 1), (outputs - t).reshape(-1, 1)], dim=1) / math.sqrt(total)
            smooth = self._smooth_rows(size)
            smooth = torch.cat([smooth, smooth @ start[:, None]], dim=1)
            r = torch.linalg.qr(torch.cat([stacked, smooth]), mode="r").R
            triangle, rest = r[:, :size], r[:, size]
            self._rescale(triangle.square().sum(0))
            assert self.scale is not None
            return _Triangular(triangle, rest, self.scale)
        matrix, vector = start.new_zeros(size, size), start.new_zeros(size)
        for part in range(0, u.shape[0], rows):
            outputs, jacobian = linearise(model, self.parameters, u[part : part + rows])
            flat = jacobian.flatten(0, 1)
            matrix.addmm_(flat.T, flat, alpha=1 / total)
            vector.addmv_(flat.T, (outputs - t[part : part + rows]).flatten(), alpha=1 / total)
        smooth = self._smooth_rows(size)
        matrix += smooth.T @ smooth
        vector += smooth.T @ (smooth @ start)
        self._add_penalties(matrix, vector)
        self._rescale(matrix.diagonal())
        assert self.scale is not None
        return _Normal(matrix, vector, self.scale)

    def _smooth_rows(self, size: int) -> Tensor:
        """The tie-break as rows `(R, P)` of the least-squares problem."""
        blocks, position = [], 0
        for layer, rows, (i, _) in zip(self.objective.model.kan_layers, self.jumps, self.parameters.edges, strict=True):
            width = layer.basis.size + (layer.base_weight is not None)
            if rows is not None:
                block = rows.new_zeros(len(i), rows.shape[0], size)
                for edge, a in enumerate(i.tolist()):
                    start = position + edge * width
                    block[edge, :, start : start + width] = math.sqrt(self.weight) * rows[:, a]
                blocks.append(block.flatten(0, 1))
            position += len(i) * width + (layer.outputs if layer.bias is not None else 0)
        like = self.objective.u
        return torch.cat(blocks) if blocks else torch.zeros(0, size, dtype=like.dtype, device=like.device)

    def _rescale(self, squares: Tensor) -> None:
        floor = SMALLEST_SCALE * squares.max().clamp_min(1e-300)
        fresh = squares.clamp_min(floor)
        # Half of the past is remembered (Moré keeps all of it): a column that was long may have become short for good.
        self.scale = fresh if self.scale is None else torch.maximum(fresh, 0.5 * self.scale)

    def _add_penalties(self, matrix: Tensor, vector: Tensor) -> None:
        """Adds every edge's curvature to its block, and half of its gradient."""
        if not self.objective.penalties:
            return
        u, position = self.objective.u, 0
        for layer, nodes, (i, j) in zip(
            self.objective.model.kan_layers, self.objective.model.config.nodes[1:], self.parameters.edges, strict=True
        ):
            size = layer.basis.size + (layer.base_weight is not None)
            for gradient, curvature in (penalty.quadratic(layer, u) for penalty in self.objective.penalties):
                for edge, (a, b) in enumerate(zip(i.tolist(), j.tolist(), strict=True)):
                    part = slice(position + edge * size, position + (edge + 1) * size)
                    matrix[part, part] += curvature[a, b]
                    vector[part] += gradient[a, b] / 2
            position += len(i) * size + (layer.outputs if layer.bias is not None else 0)
            u = nodes.combine(layer(u))


def _jumps(layer: KANLayer) -> Tensor | None:
    """Jumps of the highest derivative at the inner knots, in units of the mean interval: rows `(G - 1, I, size)`.

    On even knots they are the (k+1)-th differences of the coefficients. None where the basis has no knots.
    """
    if not isinstance(layer.basis, BSpline) or layer.basis.grid < 2:
        return None
    degree, grid = layer.basis.degree, layer.knots().detach()
    points = grid_points(grid, degree)
    middles = ((points[:, 1:] + points[:, :-1]) / 2).T
    pieces = bspline_rows(middles, grid, layer.basis.prepare(grid), degree, degree)
    mean = (points[:, -1] - points[:, 0]) / layer.basis.grid
    jumps = torch.diff(pieces, dim=0) * (mean**degree)[:, None]
    if layer.base_weight is None:
        return jumps
    return torch.cat([jumps, jumps.new_zeros(*jumps.shape[:2], 1)], dim=2)


@dataclass(frozen=True)
class _Normal:
    """`(A + λD) δ = -b` with `A = JᵀJ`, `b = Jᵀr`, by Cholesky."""

    matrix: Tensor
    vector: Tensor
    scale: Tensor

    def solve(self, damping: float) -> Tensor | None:
        root = self.scale.rsqrt()
        scaled = self.matrix * root[:, None] * root
        scaled.diagonal().add_(damping)
        factor, failed = torch.linalg.cholesky_ex(scaled)
        if int(failed):
            return None
        move: Tensor = torch.cholesky_solve((-self.vector * root)[:, None], factor)[:, 0] * root
        return move

    def promised(self, move: Tensor) -> float:
        return float(-(2 * self.vector @ move + move @ (self.matrix @ move)))


@dataclass(frozen=True)
class _Triangular:
    """`min ‖[R; √(λD)] δ + [q; 0]‖` with `J = QR`, by a second QR."""

    triangle: Tensor
    rest: Tensor
    scale: Tensor

    def solve(self, damping: float) -> Tensor | None:
        root = self.scale.rsqrt()
        size = root.numel()
        damped = torch.cat(
            [self.triangle * root, math.sqrt(damping) * torch.eye(size, dtype=root.dtype, device=root.device)]
        )
        target = torch.cat([-self.rest, self.rest.new_zeros(size)])
        q, r = torch.linalg.qr(damped)
        if not bool((r.diagonal() != 0).all()):
            return None
        move: Tensor = torch.linalg.solve_triangular(r, (q.T @ target)[:, None], upper=True)[:, 0] * root
        return move

    def promised(self, move: Tensor) -> float:
        after = self.triangle @ move + self.rest
        return float(self.rest @ self.rest - after @ after)


_System = _Normal | _Triangular
