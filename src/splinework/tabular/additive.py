"""The additive part of an estimator: one curve per input and output, as smooth as the rows ask for.

A network `[p, q]` is a generalised additive model. Near its optimum it is a linear mixed model: every curve has a straight part
and a bent part, each with a variance of its own, and restricted maximum likelihood (REML) finds those by the fixed point of
Fellner and Schall (Wood and Fasiolo 2017). An input that tells nothing gets variances near zero and with them a flat curve, so
nothing has to be selected beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from splinework.nn.layer import KANLayer
from splinework.tabular.multinomial import solve_classes
from splinework.tabular.tasks import Binary, Multiclass, Task
from splinework.train.smoothing import likelier

ROUNDS = 30
"""Most rounds of the fixed point; it settles long before on most tables."""
SETTLED = 1e-3
"""The variances are found when the number of effective parameters changes by less than this share."""
WEAKEST, WEAKEST_CLASSES, STRONGEST = 1e-6, 1.0, 1e10
"""Classes that can be told apart for certain would like no penalty at all, and would then be too sure."""
MOST_COLUMNS = 600
"""So many columns has the design at most: a round costs their cube."""
TURNS = 8
"""Newton steps of a likelihood after its weights have changed."""
LEAST_SHARE = 1e-3
"""A step of which less than this share helps is not taken further."""
LEAST_WEIGHT = 1e-6
"""Working weights of a likelihood stay above this, where a row is as good as certain."""


@dataclass(frozen=True)
class DesignMatrix:
    """Curves as columns: `values @ numbers` are the sums of curves at the rows, each curve with mean zero there.

    Attributes:
        values: `(n, P)`.
        blocks: Which columns share one variance, `(P,)` of block numbers.
        lift: Per input, from its columns' numbers to spline coefficients `(size, m)`.
        spans: Per input, its columns.
    """

    values: Tensor
    blocks: Tensor
    lift: tuple[Tensor, ...]
    spans: tuple[slice, ...]

    def coefficients(self, numbers: Tensor) -> Tensor:
        """Spline coefficients `(I, size, q)` of the curves with these numbers `(P, q)`."""
        return torch.stack([lift @ numbers[span] for lift, span in zip(self.lift, self.spans, strict=True)])


def make_design(layer: KANLayer, u: Tensor, weights: Tensor, groups: Sequence[Sequence[int]]) -> DesignMatrix:
    """The columns of every input's curves on the layer's grid.

    An input with two values has one number, its step; inputs of one group (the levels of a category) share one variance.

    Args:
        layer: With the grid to use; its numbers are not looked at.
        u: `(n, I)`, in the layer's units.
        weights: `(n,)`.
        groups: Inputs that belong together; those in none stand alone.
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
    """Coefficients of the identity, `(I, size)`: the means of k knots in a row (Greville's abscissae)."""
    return layer.grid[:, 1:-1].unfold(1, layer.basis.size - layer.basis.resolution, 1).mean(-1)


def _bends(layer: KANLayer) -> Tensor:
    """Change of slope from one coefficient to the next, times their distance, squared and summed: `(I, size, size)`.

    Each place judges bends by its own distance of knots, so with knots by quantiles a curve may bend where rows are many.
    """
    at = greville(layer)
    apart = torch.diff(at, dim=1)
    slopes = torch.diff(torch.eye(at.shape[1], dtype=at.dtype), dim=0) / apart[:, :, None]
    second = torch.diff(slopes, dim=1) * (apart[:, 1:] + apart[:, :-1])[:, :, None] / 2
    return second.transpose(1, 2) @ second


def _bent(rows: Tensor, share: Tensor, line: Tensor, bend: Tensor) -> Tensor:
    """Coefficients of functions whose bends are orthonormal and that are neither constant nor straight at the rows."""
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
    """An additive fit.

    Attributes:
        numbers: `(P, q)`.
        bias: `(q,)`.
        strengths: `(P, q)`, what each squared number costs.
        freedom: Effective parameters of each output, `(q,)`.
    """

    numbers: Tensor
    bias: Tensor
    strengths: Tensor
    freedom: Tensor

    def values(self, design: DesignMatrix) -> Tensor:
        """The sums at the design's rows, `(n, q)`."""
        return design.values @ self.numbers + self.bias


def fit_additive(design: DesignMatrix, y: Tensor, weights: Tensor, task: Task) -> AdditiveFit:
    """Finds variances and numbers together.

    Args:
        design: The curves' columns.
        y: `(n, q)` targets, or class indicators `(n, q)` of a classification.
        weights: `(n,)`, mean 1.
        task: Whose likelihood; that of two classes is treated as weighted least squares in turns. Several classes take their
            strengths from each class against all others.
    """
    outputs, width = y.shape[1], design.values.shape[1]
    if isinstance(task, Multiclass):
        single = [fit_additive(design, y[:, [j]], weights, Binary()) for j in range(outputs)]
        strengths = torch.cat([each.strengths for each in single], dim=1)
        freedom = torch.cat([each.freedom for each in single])
        return AdditiveFit(*solve_classes(design.values, y, weights, strengths), strengths, freedom)
    work = _AdditiveSolver(design, y, weights, task)
    start = y.new_zeros(width, outputs)
    state = AdditiveFit(start, task.constant(y, weights), torch.ones_like(start), y.new_full((outputs,), float(width)))
    before = float("inf")
    for _ in range(ROUNDS):
        for j in range(outputs):
            work.round(state, j)
        total = float(state.freedom.sum())
        if abs(total - before) <= SETTLED * (1.0 + total):
            break
        before = total
    return state


def refit_additive(found: AdditiveFit, design: DesignMatrix, y: Tensor, weights: Tensor, task: Task) -> AdditiveFit:
    """The same strengths with other weights, such as zeros for rows held out."""
    if isinstance(task, Multiclass):
        return AdditiveFit(*solve_classes(design.values, y, weights, found.strengths), found.strengths, found.freedom)
    state = AdditiveFit(found.numbers.clone(), found.bias.clone(), found.strengths, found.freedom.clone())
    work = _AdditiveSolver(design, y, weights, task)
    for _ in range(1 if task.is_regression else TURNS):
        for j in range(y.shape[1]):
            work.solve(state, j)
    return state


@dataclass(frozen=True)
class _NormalEquations:
    """Weighted least squares about the means, `centre` of the columns and `level` of the target."""

    centre: Tensor
    gram: Tensor
    level: Tensor
    moments: Tensor
    spread: Tensor

    def residual(self, numbers: Tensor) -> Tensor:
        """Sum of weighted squares that these numbers leave."""
        return self.spread - 2 * self.moments @ numbers + numbers @ (self.gram @ numbers)


@dataclass(frozen=True)
class _AdditiveSolver:
    """Rows and likelihood, and the steps that change a state in place."""

    design: DesignMatrix
    y: Tensor
    weights: Tensor
    task: Task

    def solve(self, state: AdditiveFit, j: int) -> tuple[Tensor, _NormalEquations]:
        """Output j's numbers with its present strengths; returns the inverse of the penalised matrix, too."""
        normal = self._normal(state, j)
        loose = normal.gram.clone()
        loose.diagonal().add_(state.strengths[:, j])
        factor = torch.linalg.cholesky(loose)
        inverse = torch.cholesky_inverse(factor)
        state.freedom[j] = (inverse * normal.gram).sum()
        found = torch.cholesky_solve(normal.moments[:, None], factor)[:, 0]
        level = normal.level - normal.centre @ found
        if self.task.is_regression:
            state.numbers[:, j], state.bias[j] = found, level
        else:
            self._step(state, j, found, level)
        return inverse, normal

    def round(self, state: AdditiveFit, j: int) -> None:
        """One solution and one update of output j's variances, with `tr(S⁻S_j) = m / λ` for the m numbers of a block."""
        inverse, normal = self.solve(state, j)
        numbers, strengths = state.numbers[:, j], state.strengths[:, j]
        noise = 1.0
        if self.task.is_regression:
            count = int((self.weights > 0).sum())
            noise = float(normal.residual(numbers).clamp_min(0) / (count - 1 - state.freedom[j]).clamp_min(1.0))
        blocks = self.design.blocks
        sums = strengths.new_zeros(int(blocks.max()) + 1)
        size = sums.index_add(0, blocks, numbers**2)
        asked = noise * sums.index_add(0, blocks, 1 / strengths - inverse.diagonal())
        updated = likelier(strengths, asked[blocks], size[blocks])
        weakest = WEAKEST if self.task.is_regression else WEAKEST_CLASSES
        state.strengths[:, j] = updated.clamp(weakest, STRONGEST)

    def _normal(self, state: AdditiveFit, j: int) -> _NormalEquations:
        x = self.design.values
        outputs = x @ state.numbers + state.bias
        target, working = self.task.working(outputs, self.y, self.weights, j, LEAST_WEIGHT)
        centre, gram = self._fixed if self.task.is_regression else _about_mean(x, working)
        level = (working @ target) / working.sum()
        off = target - level
        return _NormalEquations(centre, gram, level, x.T @ (working * off), working @ off**2)

    @cached_property
    def _fixed(self) -> tuple[Tensor, Tensor]:
        """The columns' means and products where weights do not change: the part that costs."""
        return _about_mean(self.design.values, self.weights)

    def _step(self, state: AdditiveFit, j: int, found: Tensor, level: Tensor) -> None:
        """Moves output j towards `found`, as far as that lowers the penalised cost: Newton's step alone may leap too far."""
        old, low = state.numbers[:, j].clone(), state.bias[j].clone()
        outputs = self.design.values @ state.numbers + state.bias
        change = self.design.values @ (found - old) + (level - low)

        def cost(share: float) -> Tensor:
            moved = outputs.clone()
            moved[:, j] += share * change
            penalty = 0.5 * (state.strengths[:, j] * (old + share * (found - old)) ** 2).sum()
            return self.weights @ self.task.loss(moved, self.y) + penalty

        before, share = cost(0.0), 1.0
        while share > LEAST_SHARE and not cost(share) <= before:
            share /= 2
        state.numbers[:, j], state.bias[j] = old + share * (found - old), low + share * (level - low)


def _about_mean(x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    centre = (weights @ x) / weights.sum()
    centred = x - centre
    return centre, centred.T @ (weights[:, None] * centred)
