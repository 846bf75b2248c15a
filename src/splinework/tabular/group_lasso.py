"""The group lasso of an additive model: curves whose lines and bends are shrunk to zero as groups, along a path of strengths.

The criterion is the mean loss plus `strength · Σ_g weight_g ‖coefficients_g‖`. Lines are groups of one column, bends groups of
several, so that a covariate is left out, straight or curved as the rows say (Chouldechova and Hastie 2015, "Generalized additive
model selection"). It is solved by accelerated proximal gradients on the groups that move at all, to which others are added until
none violates its optimality condition (Beck and Teboulle 2009; Tibshirani et al. 2012, "Strong rules").
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from splinework.tabular.design import DesignMatrix
from splinework.tabular.tasks import Task

MAX_STEPS = 300
"""Steps of the proximal gradient for one set of groups; warm starts need far fewer."""
STEP_GROWTH, MAX_HALVINGS, ROUNDING = 1.2, 40, 1e-9
"""Steps grow until one goes beyond the quadratic bound by more than rounding, relative to the loss, and are halved then: second
derivatives may be far smaller than their bound, as those of separable classes are, or have none."""
MAX_SETS = 8
"""Times that groups are added at one strength."""
TOLERANCE, GRADIENT_TOLERANCE = 1e-3, 0.02
"""Steps end where the coefficients move by less than this share of the largest, and the gradients of no group differ from the
optimality conditions by more than this share of its limit: where curvatures vary, steps are short."""


@dataclass(frozen=True)
class LassoPoint:
    """The solution at one strength.

    Attributes:
        columns: Columns of the design matrix whose coefficients are not zero.
        coefficients: Their coefficients `(len(columns), q)`.
        bias: `(q,)`.
    """

    columns: Tensor
    coefficients: Tensor
    bias: Tensor

    def values(self, rows: Tensor) -> Tensor:
        """The outputs `(n, q)` for rows `(n, P)` of the design matrix."""
        return rows[:, self.columns].to(self.bias.dtype) @ self.coefficients + self.bias


class LassoPath:
    """The criterion on some rows: solutions at falling strengths, each from the one before.

    Args:
        design: The design matrix; its `blocks` are the groups.
        y: Targets `(n, q)`.
        weights: Row weights `(n,)`.
        task: The likelihood.
    """

    def __init__(self, design: DesignMatrix, y: Tensor, weights: Tensor, task: Task) -> None:
        self._x, self._y, self._task = design.values, y, task
        self._share = weights / weights.sum()
        self._groups = design.blocks
        # A group's mean gradient under chance grows with the sum of the variances of its columns.
        self._scale = torch.zeros(int(self._groups.max()) + 1, dtype=y.dtype).index_add(
            0, self._groups, design.squares(weights) / weights.sum()
        )
        self._scale = self._scale.sqrt()
        empty = torch.empty(0, dtype=torch.long)
        self._now = LassoPoint(empty, y.new_zeros(0, y.shape[1]), task.constant(y, weights))

    def largest(self) -> float:
        """The least strength at which all curves are zero."""
        weight = self._scale
        norms = self._norms(self._gradient(self._outputs(self._now)))
        return float((norms / torch.where(weight > 0, weight, torch.inf)).max())

    def path(self, strengths: Sequence[float]) -> Iterator[LassoPoint]:
        """The solutions at falling strengths."""
        before = self.largest()
        for strength in strengths:
            self._now = self._solve(strength, before)
            before = strength
            yield self._now

    def _solve(self, strength: float, before: float) -> LassoPoint:
        norms = self._norms(self._gradient(self._outputs(self._now)))
        moving = norms > (2 * strength - before) * self._scale  # the strong rule
        moving[self._groups[self._now.columns]] = True
        moving &= self._scale > 0
        found = self._now
        for _ in range(MAX_SETS):
            found = self._descend(torch.nonzero(moving[self._groups])[:, 0], found, strength)
            norms = self._norms(self._gradient(self._outputs(found)))
            wrong = (norms > (1 + 1e-2) * strength * self._scale) & ~moving & (self._scale > 0)
            if not bool(wrong.any()):
                break
            moving |= wrong
        return found

    def _descend(self, columns: Tensor, start: LassoPoint, strength: float) -> LassoPoint:
        """Accelerated proximal gradients over these columns, with restarts (O'Donoghue and Candès 2015) and step halving."""
        x = self._x[:, columns].to(self._y.dtype)
        x = torch.cat([x, x.new_ones(len(x), 1)], dim=1)
        place, groups = torch.unique(self._groups[columns], return_inverse=True)
        limits = strength * self._scale[place]
        now = self._y.new_zeros(len(columns) + 1, self._y.shape[1])
        now[torch.searchsorted(columns, start.columns)] = start.coefficients
        now[-1] = start.bias
        there = x @ now
        step = 1 / (self._task.steepest(there, self._y) * _largest_square(x, self._share))
        ahead, outputs, momentum = now, there, 1.0
        for _ in range(MAX_STEPS):
            slope = x.T @ (self._share[:, None] * self._task.slope(outputs, self._y))
            level = self._share @ self._task.loss(outputs, self._y)
            step *= STEP_GROWTH
            for _ in range(MAX_HALVINGS):
                moved = ahead - step * slope
                squares = limits.new_zeros(len(limits)).index_add(0, groups, moved[:-1].square().sum(1))
                kept = (1 - step * limits / squares.sqrt().clamp_min(1e-300)).clamp_min(0)
                moved[:-1] *= kept[groups, None]
                reached, off = x @ moved, (moved - ahead).flatten()
                bound = level + slope.flatten() @ off + off @ off / (2 * step)
                if float(self._share @ self._task.loss(reached, self._y) - bound) <= ROUNDING * (1 + abs(float(level))):
                    break
                step /= 2
            change = moved - now
            small = float(change.abs().max()) <= TOLERANCE * float(moved.abs().max())
            missed = (
                limits.new_zeros(len(limits)).index_add(0, groups, (moved - ahead)[:-1].square().sum(1))
            ).sqrt() / step
            if float((ahead - moved).flatten() @ change.flatten()) > 0:
                momentum = 1.0
            following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
            further = (momentum - 1) / following
            ahead, outputs = moved + further * change, reached + further * (reached - there)
            now, there, momentum = moved, reached, following
            if small and bool((missed <= GRADIENT_TOLERANCE * limits).all()):
                break
        used = (now[:-1] != 0).any(1)
        return LassoPoint(columns[used], now[:-1][used], now[-1])

    def _outputs(self, point: LassoPoint) -> Tensor:
        return point.values(self._x)

    def _gradient(self, outputs: Tensor) -> Tensor:
        slope = self._share[:, None] * self._task.slope(outputs, self._y)
        return (self._x.T @ slope.to(self._x.dtype)).to(slope.dtype)

    def _norms(self, gradient: Tensor) -> Tensor:
        squares = torch.zeros_like(self._scale).index_add(0, self._groups, gradient.square().sum(1))
        return squares.sqrt()


def _largest_square(x: Tensor, share: Tensor) -> float:
    """The largest eigenvalue of the cross products of x, by the smaller of both Gram matrices."""
    rows = share.sqrt()[:, None] * x
    gram = rows.T @ rows if x.shape[1] <= x.shape[0] else rows @ rows.T
    return float(torch.linalg.eigvalsh(gram)[-1])
