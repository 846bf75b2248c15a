"""The additive part of an estimator: a penalised spline per covariate and output, its smoothness chosen by REML.

A network `[p, q]` is a generalised additive model. Near its optimum it is a linear mixed model: every curve has a linear and a
nonlinear part, each with a variance of its own, which restricted maximum likelihood (REML) estimates by the fixed point of
Fellner and Schall (Wood and Fasiolo 2017). An uninformative covariate gets variances near zero and hence a flat curve, so no
variable selection is needed beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from splinework.nn.layer import KANLayer
from splinework.tabular.multinomial import solve_classes
from splinework.tabular.tasks import Multiclass, Task
from splinework.train.smoothing import fellner_schall_update

MAX_ROUNDS = 30
"""Iterations of the fixed point; on most tables far fewer suffice."""
FREEDOM_TOLERANCE = 1e-3
"""The fixed point has converged when the effective degrees of freedom change by less than this share."""
MAX_PENALTY = 1e10
"""Upper bound of a penalty; the likelihood says the lower one."""
STEPS_PER_ROUND = 20
"""Steps for several classes between two updates of the penalties, which need no more than roughly right coefficients."""
NEWTON_STEPS = 8
"""Newton steps of a likelihood after the row weights have changed."""
MIN_STEP_LENGTH = 1e-3
"""Step halving ends below this fraction of a Newton step."""
MIN_WORKING_WEIGHT = 1e-6
"""Lower bound of a row's working weight, which vanishes where its class is certain."""


@dataclass(frozen=True)
class DesignMatrix:
    """The design matrix: `values @ coefficients` are the sums of curves at the rows, where each curve has mean zero.

    Attributes:
        values: `(n, P)`.
        blocks: Block number of each column, `(P,)`; the columns of a block share one variance.
        lift: Per input a matrix `(size, m)` from the coefficients of its columns to spline coefficients.
        spans: Columns of each input.
    """

    values: Tensor
    blocks: Tensor
    lift: tuple[Tensor, ...]
    spans: tuple[slice, ...]

    def spline_coefficients(self, coefficients: Tensor) -> Tensor:
        """Spline coefficients `(I, size, q)` of the curves with these coefficients `(P, q)`."""
        return torch.stack([lift @ coefficients[span] for lift, span in zip(self.lift, self.spans, strict=True)])


def make_design(layer: KANLayer, u: Tensor, weights: Tensor, groups: Sequence[Sequence[int]]) -> DesignMatrix:
    """The design matrix of every input's curves on the layer's grid.

    An input with two values has one column, its step; inputs of one group (the levels of a category) share one variance.

    Args:
        layer: The layer whose grid is used; its coefficients are ignored.
        u: Inputs `(n, I)` in the layer's units.
        weights: Row weights `(n,)`.
        groups: Inputs that share a variance; all others have their own.
    """
    share = weights / weights.sum()
    rows = layer.table().rows(u, 0)
    bends, straights = _bends(layer), greville(layer)
    group = {i: number for number, members in enumerate(groups) if len(members) > 1 for i in members}
    columns, blocks, lifts, spans, at = [], [], [], [], 0
    names: dict[object, int] = {}
    for i in range(layer.inputs):
        line = straights[i] - share @ u[:, i]
        spread = torch.sqrt(share @ (rows[:, i] @ line) ** 2)
        parts = [(line / spread if spread > 0 else torch.zeros_like(line))[:, None]]
        keys: list[object] = [("group", group[i]) if i in group else ("straight", i)]
        if len(torch.unique(u[:, i])) > 2:
            parts.append(_bent(rows[:, i], share, parts[0], bends[i]))
            keys += [("bent", i)] * parts[1].shape[1]
        lift = torch.cat(parts, dim=1)
        columns.append(rows[:, i] @ lift)
        blocks += [names.setdefault(key, len(names)) for key in keys]
        lifts.append(lift)
        spans.append(slice(at, at + lift.shape[1]))
        at += lift.shape[1]
    return DesignMatrix(torch.cat(columns, dim=1), torch.tensor(blocks), tuple(lifts), tuple(spans))


def greville(layer: KANLayer) -> Tensor:
    """Coefficients of the identity, `(I, size)`: the means of k consecutive knots (Greville abscissae)."""
    return layer.grid[:, 1:-1].unfold(1, layer.basis.size - layer.basis.resolution, 1).mean(-1)


def _bends(layer: KANLayer) -> Tensor:
    """The penalty matrix `(I, size, size)`: squared changes of slope between coefficients, times their distance.

    The penalty is relative to the local knot distance, so with quantile knots a curve may bend where the data are dense.
    """
    at = greville(layer)
    apart = torch.diff(at, dim=1)
    slopes = torch.diff(torch.eye(at.shape[1], dtype=at.dtype), dim=0) / apart[:, :, None]
    second = torch.diff(slopes, dim=1) * (apart[:, 1:] + apart[:, :-1])[:, :, None] / 2
    return second.transpose(1, 2) @ second


def _bent(rows: Tensor, share: Tensor, line: Tensor, bend: Tensor) -> Tensor:
    """Coefficients of functions orthonormal in the penalty and orthogonal to constant and linear ones at the rows."""
    values, vectors = torch.linalg.eigh(bend)
    kept = values > 1e-9 * values[-1]
    functions = vectors[:, kept] / values[kept].sqrt()
    ones = torch.ones(len(line), 1, dtype=line.dtype)
    even = torch.cat([ones, line], dim=1)
    at = rows @ even
    gram = at.T @ (share[:, None] * at)
    moments = at.T @ (share[:, None] * (rows @ functions))
    bent: Tensor = functions - even @ torch.linalg.lstsq(gram, moments, driver="gelsd").solution
    return bent


# ------------------------------------------------------------------------------------------------------ variances


@dataclass(frozen=True)
class AdditiveFit:
    """A fitted additive model.

    Attributes:
        coefficients: `(P, q)`.
        bias: `(q,)`.
        penalties: Ridge penalty of each coefficient, `(P, q)`.
        degrees_of_freedom: Effective degrees of freedom of each output, `(q,)`.
        task: The likelihood.
    """

    coefficients: Tensor
    bias: Tensor
    penalties: Tensor
    degrees_of_freedom: Tensor
    task: Task

    def values(self, design: DesignMatrix) -> Tensor:
        """The sums at the design's rows, `(n, q)`."""
        return design.values @ self.coefficients + self.bias


def fit_additive(
    design: DesignMatrix, y: Tensor, weights: Tensor, task: Task, start: Tensor | None = None
) -> AdditiveFit:
    """Estimates variances and coefficients together.

    Args:
        design: The design matrix.
        y: Targets `(n, q)`, or class indicators `(n, q)`.
        weights: Row weights `(n,)`, mean 1.
        task: The likelihood. Two classes are fitted by iteratively reweighted least squares, several by L-BFGS with each class's
            own penalties.
        start: Penalties `(P, q)` to start from.
    """
    outputs, width = y.shape[1], design.values.shape[1]
    work = _AdditiveSolver(design, y, weights, task)
    zeros, free = y.new_zeros(width, outputs), y.new_full((outputs,), float(width))
    penalties = torch.ones_like(zeros) if start is None else start.clone()
    state = AdditiveFit(zeros, task.constant(y, weights), penalties, free, task)
    before = float("inf")
    for _ in range(MAX_ROUNDS):
        state = work.round(state)
        total = float(state.degrees_of_freedom.sum())
        if abs(total - before) <= FREEDOM_TOLERANCE * (1.0 + total):
            break
        before = total
    return refit_additive(state, design, y, weights) if isinstance(task, Multiclass) else state


def refit_additive(found: AdditiveFit, design: DesignMatrix, y: Tensor, weights: Tensor) -> AdditiveFit:
    """Refits the coefficients for other weights, such as zeros for held-out rows; penalties and lapse rates stay."""
    task = found.task
    if isinstance(task, Multiclass):
        coefficients, bias = solve_classes(design.values, y, weights, found.penalties, task)
        return replace(found, coefficients=coefficients, bias=bias)
    state = replace(
        found,
        coefficients=found.coefficients.clone(),
        bias=found.bias.clone(),
        degrees_of_freedom=found.degrees_of_freedom.clone(),
    )
    work = _AdditiveSolver(design, y, weights, task)
    for _ in range(1 if task.is_regression else NEWTON_STEPS):
        for j in range(y.shape[1]):
            work.solve(state, j)
    return state


@dataclass(frozen=True)
class _NormalEquations:
    """Normal equations of weighted least squares about the means: `centre` of the columns, `level` of the target."""

    centre: Tensor
    gram: Tensor
    level: Tensor
    moments: Tensor
    spread: Tensor

    def residual(self, coefficients: Tensor) -> Tensor:
        """Weighted residual sum of squares of these coefficients."""
        return self.spread - 2 * self.moments @ coefficients + coefficients @ (self.gram @ coefficients)


@dataclass(frozen=True)
class _AdditiveSolver:
    """Rows and likelihood, with the steps that update a fit in place."""

    design: DesignMatrix
    y: Tensor
    weights: Tensor
    task: Task

    def round(self, state: AdditiveFit) -> AdditiveFit:
        """One solution and one Fellner–Schall update of all penalties."""
        together = isinstance(self.task, Multiclass)
        if isinstance(self.task, Multiclass):
            start = state.coefficients, state.bias
            coefficients, bias = solve_classes(
                self.design.values, self.y, self.weights, state.penalties, self.task, start, STEPS_PER_ROUND
            )
            state = replace(state, coefficients=coefficients, bias=bias)
        for j in range(self.y.shape[1]):
            self._penalties(state, j, *(self.information(state, j)[1:] if together else self.solve(state, j)))
        return state

    def information(self, state: AdditiveFit, j: int) -> tuple[Tensor, Tensor, _NormalEquations]:
        """Cholesky factor and inverse of output j's penalised normal equations, and these; sets its degrees of freedom."""
        normal = self._normal(state, j)
        loose = normal.gram.clone()
        loose.diagonal().add_(state.penalties[:, j])
        factor = torch.linalg.cholesky(loose)
        inverse = torch.cholesky_inverse(factor)
        state.degrees_of_freedom[j] = (inverse * normal.gram).sum()
        return factor, inverse, normal

    def solve(self, state: AdditiveFit, j: int) -> tuple[Tensor, _NormalEquations]:
        """Solves for output j's coefficients at its penalties; returns the inverse of the penalised matrix, too."""
        factor, inverse, normal = self.information(state, j)
        found = torch.cholesky_solve(normal.moments[:, None], factor)[:, 0]
        level = normal.level - normal.centre @ found
        if self.task.is_regression:
            state.coefficients[:, j], state.bias[j] = found, level
        else:
            self._step(state, j, found, level)
        return inverse, normal

    def _penalties(self, state: AdditiveFit, j: int, inverse: Tensor, normal: _NormalEquations) -> None:
        """One Fellner–Schall update of output j's penalties; `tr(S⁻S_j) = m / λ` for a block of m columns."""
        coefficients, penalties = state.coefficients[:, j], state.penalties[:, j]
        noise = 1.0
        if self.task.is_regression:
            count = int((self.weights > 0).sum())
            noise = float(
                normal.residual(coefficients).clamp_min(0) / (count - 1 - state.degrees_of_freedom[j]).clamp_min(1.0)
            )
        blocks = self.design.blocks
        sums = penalties.new_zeros(int(blocks.max()) + 1)
        size = sums.index_add(0, blocks, coefficients**2)
        asked = noise * sums.index_add(0, blocks, 1 / penalties - inverse.diagonal())
        updated = fellner_schall_update(penalties, asked[blocks], size[blocks])
        state.penalties[:, j] = updated.clamp(self.task.min_penalty, MAX_PENALTY)

    def _normal(self, state: AdditiveFit, j: int) -> _NormalEquations:
        x = self.design.values
        outputs = x @ state.coefficients + state.bias
        target, working = self.task.working(outputs, self.y, self.weights, j, MIN_WORKING_WEIGHT)
        centre, gram = self._fixed if self.task.is_regression else _about_mean(x, working)
        level = (working @ target) / working.sum()
        off = target - level
        return _NormalEquations(centre, gram, level, x.T @ (working * off), working @ off**2)

    @cached_property
    def _fixed(self) -> tuple[Tensor, Tensor]:
        """Means and cross products of the columns, cached where the weights are constant."""
        return _about_mean(self.design.values, self.weights)

    def _step(self, state: AdditiveFit, j: int, found: Tensor, level: Tensor) -> None:
        """Moves output j towards `found` with step halving: a full Newton step may overshoot."""
        old, low = state.coefficients[:, j].clone(), state.bias[j].clone()
        outputs = self.design.values @ state.coefficients + state.bias
        change = self.design.values @ (found - old) + (level - low)

        def cost(share: float) -> Tensor:
            moved = outputs.clone()
            moved[:, j] += share * change
            penalty = 0.5 * (state.penalties[:, j] * (old + share * (found - old)) ** 2).sum()
            return self.weights @ self.task.loss(moved, self.y) + penalty

        before, share = cost(0.0), 1.0
        while share > MIN_STEP_LENGTH and not cost(share) <= before:
            share /= 2
        state.coefficients[:, j], state.bias[j] = old + share * (found - old), low + share * (level - low)


def _about_mean(x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    centre = (weights @ x) / weights.sum()
    centred = x - centre
    return centre, centred.T @ (weights[:, None] * centred)
