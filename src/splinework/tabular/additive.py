"""The additive part of an estimator: a penalised spline per covariate and output, its smoothness chosen by REML.

A network `[p, q]` is a generalised additive model. Near its optimum it is a linear mixed model: every curve has a linear and a
nonlinear part, each with a variance of its own, which restricted maximum likelihood (REML) estimates by the fixed point of
Fellner and Schall (Wood and Fasiolo 2017). An uninformative covariate gets variances near zero and hence a flat curve, so no
variable selection is needed beforehand.

The model is `y = μ + Σ_i f_i(x_i) + ε`, `f_i(x) = Σ_m c_m B_m(x)`, with a penalty `λ_i cᵀ S_i c` per curve.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from splinework.tabular.design import DesignMatrix
from splinework.tabular.multinomial import solve_classes
from splinework.tabular.tasks import Classification, Multiclass, Task
from splinework.train.mixed_model import MixedModelEquations, PenalisedSolution

MAX_ROUNDS = 30
"""Iterations of the fixed point; on most tables far fewer suffice."""
FREEDOM_TOLERANCE = 1e-3
"""The fixed point has converged when the effective degrees of freedom change by less than this share."""
MAX_PENALTY = 1e10
"""Upper bound of a penalty; the likelihood says the lower one."""
STEPS_PER_ROUND = 20
"""Steps for several classes between two updates of the penalties, which need no more than roughly right coefficients."""
MAX_FEW_ROWS, MAX_START_ROWS, CLOSE_ENOUGH = 2000, 5000, 0.005
"""Rows of a classification up to which the fixed point is followed to its end; of more it has converged when the degrees of
freedom of all curves, and so the log likelihood, change by less than this many roots of the number of rows: a hundredth of what
chance changes the latter by. Of more than `MAX_START_ROWS` penalties are first those of a sample."""
FRESH_CHANGE, MAX_CARRIED = 0.1, 25.0
"""Of many rows, the share by which the degrees of freedom have to change for another curvature, which is what takes longest;
and the largest penalty per row with which they go on from another fit: a hundredth of a degree of freedom, soon raised."""
MAX_VARIANCE_ROWS = 20_000
"""Rows from which the variances of the curves are estimated where working weights vary, as in a classification, evenly thinned:
each iteration needs all cross products anew then. The coefficients are fitted to all rows."""
NEWTON_STEPS, MAX_STEPS, STEP_TOLERANCE = 8, 50, 1e-4
"""Most steps of a likelihood after the row weights have changed, of classes and of a regression other than least squares, whose
mean curvatures converge linearly; and the change that ends them."""
MIN_STEP_LENGTH = 1e-3
"""Step halving ends below this fraction of a Newton step."""
MIN_FREE_SHARE = 0.01
"""Lower bound of one less a row's leverage: a row that the curves follow wherever it goes tells nothing of the others."""
MIN_WORKING_WEIGHT = 1e-6
"""Lower bound of a row's working weight, which vanishes where its class is certain."""


@dataclass(frozen=True)
class AdditiveFit:
    """A fitted additive model.

    Attributes:
        coefficients: `(P, q)`.
        bias: `(q,)`.
        penalties: Ridge penalty of each coefficient, `(P, q)`.
        degrees_of_freedom: Effective degrees of freedom of each output, `(q,)`.
        task: The likelihood.
        curvature: Second derivatives of the loss of many rows by coefficients and bias of each output, for a total weight of 1,
            `(q, P + 1, P + 1)`; further fits are preconditioned by them. None where rows are few or the task is a regression.
    """

    coefficients: Tensor
    bias: Tensor
    penalties: Tensor
    degrees_of_freedom: Tensor
    task: Task
    curvature: Tensor | None = None

    @classmethod
    def constant(cls, width: int, bias: Tensor, task: Task) -> AdditiveFit:
        """The constant `(q,)` of a design of this width, whose curves are all zero."""
        none = bias.new_zeros(width, len(bias))
        return cls(none, bias, torch.full_like(none, MAX_PENALTY), torch.zeros_like(bias), task)

    def values(self, design: DesignMatrix) -> Tensor:
        """The sums at the design's rows, `(n, q)`."""
        return design.times(self.coefficients) + self.bias

    def against_first(self) -> AdditiveFit:
        """The fit with the same probabilities of several classes whose first has no curves; of other likelihoods itself."""
        if not isinstance(self.task, Multiclass):
            return self
        first = self.coefficients[:, :1], self.bias[:1]
        return replace(self, coefficients=self.coefficients - first[0], bias=self.bias - first[1])


def fit_additive(
    design: DesignMatrix,
    y: Tensor,
    weights: Tensor,
    task: Task,
    *,
    start: Tensor | None = None,
    products: tuple[Tensor, Tensor] | None = None,
    rows: int = 0,
) -> AdditiveFit:
    """Estimates variances and coefficients together.

    Args:
        design: The design matrix.
        y: Targets `(n, q)`, or class indicators `(n, q)`.
        weights: Row weights `(n,)`, mean 1.
        task: The likelihood. Two classes are fitted by iteratively reweighted least squares, several by L-BFGS with each class's
            own penalties.
        start: Penalties `(P, q)` to start from.
        products: For a task with fixed weights: what `design.about_mean(weights)` gives, where it is known already.
        rows: The number of rows of which these are a sample.
    """
    outputs, width, rows = y.shape[1], design.width, max(rows, len(y))
    many = isinstance(task, Classification) and rows > MAX_FEW_ROWS

    def of_some(most: int) -> AdditiveFit:
        some = slice(None, None, math.ceil(len(y) / most))
        own = replace(design, values=design.values[some])
        return fit_additive(own, y[some], weights[some] / weights[some].mean(), task, start=start, rows=rows)

    if many and start is None and len(y) > MAX_START_ROWS:
        start = of_some(MAX_START_ROWS).penalties
    if not task.has_fixed_weights and len(y) > MAX_VARIANCE_ROWS:
        return refit_additive(of_some(MAX_VARIANCE_ROWS), design, y, weights)
    work = _AdditiveSolver(design, y, weights, task, products)
    zeros, free = y.new_zeros(width, outputs), y.new_full((outputs,), float(width))
    penalties = (
        torch.ones_like(zeros) if start is None else start.clamp_max(MAX_CARRIED * len(y) if many else MAX_PENALTY)
    )
    state = AdditiveFit(zeros, task.constant(y, weights), penalties, free, task)
    if many:
        state = replace(state, curvature=work.curvature_of_constant(state.bias))
    fresh, before, known = True, math.inf, y.new_full((1, 1), math.inf)
    for _ in range(MAX_ROUNDS):
        state, freedoms = work.round(state, fresh=fresh)
        total = float(state.degrees_of_freedom.sum())
        change = float((freedoms - known).abs().sum()) if many else abs(total - before)
        if change <= (CLOSE_ENOUGH * math.sqrt(len(y)) if many else FREEDOM_TOLERANCE * (1.0 + total)):
            break
        fresh, before, known = change > FRESH_CHANGE * (1.0 + total), total, freedoms
    if many or isinstance(task, Multiclass):
        return refit_additive(state, design, y, weights)
    if task.is_regression and not task.is_quadratic:  # the penalties may have settled before the coefficients
        work.settle(state)
    return state


def refit_additive(
    found: AdditiveFit,
    design: DesignMatrix,
    y: Tensor,
    weights: Tensor,
    products: tuple[Tensor, Tensor] | None = None,
) -> AdditiveFit:
    """Refits the coefficients for other weights, such as zeros for held-out rows; penalties and likelihood stay.

    `products` are those of `fit_additive`.
    """
    task = found.task
    if found.curvature is not None or isinstance(task, Multiclass):
        how = dict[str, Any]()
        if found.curvature is not None:
            how = {"start": (found.coefficients, found.bias), "curvature": found.curvature * weights.sum()}
        coefficients, bias = solve_classes(design, y, weights, found.penalties, task, **how)
        return replace(found, coefficients=coefficients, bias=bias)
    state = replace(found, coefficients=found.coefficients.clone(), bias=found.bias.clone())
    state = replace(state, degrees_of_freedom=found.degrees_of_freedom.clone())
    _AdditiveSolver(design, y, weights, task, products).settle(state)
    return state


def left_out(
    found: AdditiveFit,
    design: DesignMatrix,
    y: Tensor,
    weights: Tensor,
    products: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Outputs `(n, q)` for every row of a regression as if it had been left out, at the penalties of the fit.

    Exact for least squares; else one Newton step (approximate leave-one-out, Rad and Maleki 2020).
    """
    task = found.task
    work, outputs = _AdditiveSolver(design, y, weights, task, products), found.values(design)
    unseen = outputs.clone()
    for j in range(y.shape[1]):
        target, working = task.working(outputs, y, weights, j, MIN_WORKING_WEIGHT)
        solution = PenalisedSolution.of(work.normal(found, j), found.penalties[:, j])
        leverage = working * (design.deviations(solution) + 1 / working.sum())
        unseen[:, j] -= (target - outputs[:, j]) * leverage / (1 - leverage).clamp_min(MIN_FREE_SHARE)
    return unseen


def posteriors(
    found: AdditiveFit, design: DesignMatrix, y: Tensor, weights: Tensor, noise: Tensor | None = None
) -> list[tuple[Tensor, Tensor, Tensor, float]]:
    """The posterior of each output's coefficients as `(G, m, Λ, φ)`, of mean `(G + Λ)⁻¹ m` and covariance `φ (G + Λ)⁻¹`.

    Args:
        found: The fit to all rows.
        design: The design matrix.
        y: Targets `(n, q)`.
        weights: Row weights `(n,)`, mean 1.
        noise: A variance of the noise `(q,)` that is known to be no larger than what the curves leave: the prior variances of the
            curves stay, so that their penalties fall with it. For a task without a dispersion it is not used.
    """
    task = found.task
    work = _AdditiveSolver(design, y, weights, task)
    parts = []
    for j in range(y.shape[1]):
        normal, penalties, size = work.normal(found, j), found.penalties[:, j].clone(), 1.0
        if task.has_dispersion:
            left = normal.residual(found.coefficients[:, j]).clamp_min(0)
            size = float(left / (len(y) - 1 - found.degrees_of_freedom[j]).clamp_min(1.0))
            if noise is not None and 0 < float(noise[j]) < size:
                penalties *= float(noise[j]) / size
                size = float(noise[j])
        parts.append((normal.gram, normal.moments, penalties, size))
    return parts


@dataclass(frozen=True)
class _AdditiveSolver:
    """Rows and likelihood, with the steps that update a fit in place."""

    design: DesignMatrix
    y: Tensor
    weights: Tensor
    task: Task
    products: tuple[Tensor, Tensor] | None = None

    def round(self, state: AdditiveFit, *, fresh: bool = True) -> tuple[AdditiveFit, Tensor]:
        """One solution and one update of all penalties, by a `fresh` curvature or the last; freedoms `(q, blocks)` before it."""
        many, how = state.curvature is not None, dict[str, Any]()
        together = many or isinstance(self.task, Multiclass)
        if together:
            how = {"start": (state.coefficients, state.bias), "steps": STEPS_PER_ROUND}
            how["curvature"] = None if state.curvature is None else state.curvature * self.weights.sum()
            coefficients, bias = solve_classes(self.design, self.y, self.weights, state.penalties, self.task, **how)
            state = replace(state, coefficients=coefficients, bias=bias)
        if many and fresh:
            state = replace(state, curvature=self._curvature(state))
        blocks, freedoms = self.design.blocks, self.y.new_zeros(self.y.shape[1], int(self.design.blocks.max()) + 1)
        for j in range(self.y.shape[1]):
            found = self.information(state, j) if together else self.solve(state, j)
            state.degrees_of_freedom[j] = found.freedom
            freedoms[j].index_add_(0, blocks, found.freedoms)
            noise = None if self.task.has_dispersion else 1.0
            how = {"noise": noise, "at": state.coefficients[:, j]}
            state.penalties[:, j] = found.updated_penalties(blocks, self.task.min_penalty, MAX_PENALTY, **how)
        return state, freedoms

    def curvature_of_constant(self, bias: Tensor) -> Tensor:
        """The `curvature` of a fit without curves."""
        one = torch.ones_like(self.weights[:1])
        sizes = [self.task.working(bias[None], self.y[:1], one, j, MIN_WORKING_WEIGHT)[1] for j in range(len(bias))]
        return torch.stack(sizes)[:, :, None] * self.design.with_constant(self.weights / self.weights.sum())

    def _curvature(self, state: AdditiveFit) -> Tensor:
        """The `curvature` of a fit."""
        outputs, share = state.values(self.design), self.weights / self.weights.sum()
        each = (self.task.working(outputs, self.y, share, j, MIN_WORKING_WEIGHT)[1] for j in range(self.y.shape[1]))
        return torch.stack([self.design.with_constant(working) for working in each])

    def information(self, state: AdditiveFit, j: int) -> PenalisedSolution:
        """The solution of output j's normal equations at its penalties; of many rows only its variances."""
        if state.curvature is None:
            return PenalisedSolution.of(self.normal(state, j), state.penalties[:, j].clone())
        whole = state.curvature[j] * self.weights.sum()
        sums, total = whole[-1, :-1], whole[-1, -1]
        gram = whole[:-1, :-1] - torch.outer(sums / total, sums)
        known = MixedModelEquations(len(self.y), sums / total, gram, total, torch.zeros_like(sums), total)
        return PenalisedSolution.of(known, state.penalties[:, j].clone())

    def solve(self, state: AdditiveFit, j: int) -> PenalisedSolution:
        """Moves output j's coefficients to the solution at its penalties."""
        found = self.information(state, j)
        level = found.equations.level - found.equations.centre @ found.coefficients
        if self.task.is_quadratic:
            state.coefficients[:, j], state.bias[j] = found.coefficients, level
        else:
            self._step(state, j, found.coefficients, level)
        return found

    def settle(self, state: AdditiveFit) -> None:
        """Solves for the coefficients at fixed penalties."""
        for _ in range(1 if self.task.is_quadratic else MAX_STEPS if self.task.is_regression else NEWTON_STEPS):
            before = state.coefficients.clone()
            found = [self.solve(state, j) for j in range(self.y.shape[1])]
            moved = (state.coefficients - before).abs().amax()
            if moved <= STEP_TOLERANCE * state.coefficients.abs().amax():
                break
        state.degrees_of_freedom[:] = torch.stack([each.freedom for each in found])

    def normal(self, state: AdditiveFit, j: int) -> MixedModelEquations:
        """The normal equations of output j at the present outputs."""
        if self.task.is_quadratic:
            return self._fixed[j]
        outputs = state.values(self.design)
        target, working = self.task.working(outputs, self.y, self.weights, j, MIN_WORKING_WEIGHT)
        if self.task.has_fixed_weights:
            centre, gram = self._own_products
            products = centre, gram * (working.sum() / self.weights.sum())
        else:
            products = self.design.about_mean(working)
        (normal,) = self._equations(target[:, None], working, products)
        return normal

    @cached_property
    def _fixed(self) -> list[MixedModelEquations]:
        """The equations of every output of least squares, which stay the same."""
        return self._equations(self.y, self.weights, self._own_products)

    @cached_property
    def _own_products(self) -> tuple[Tensor, Tensor]:
        """Means and cross products of the columns with the rows' own weights."""
        return self.products or self.design.about_mean(self.weights)

    def _equations(
        self, targets: Tensor, weights: Tensor, products: tuple[Tensor, Tensor]
    ) -> list[MixedModelEquations]:
        levels = (weights @ targets) / weights.sum()
        off = targets - levels
        moments, spreads = self.design.moments(weights[:, None] * off), weights @ off**2
        count = int((self.weights > 0).sum())
        return [
            MixedModelEquations(count, *products, level, moment, spread)
            for level, moment, spread in zip(levels, moments.T, spreads, strict=True)
        ]

    def _step(self, state: AdditiveFit, j: int, found: Tensor, level: Tensor) -> None:
        """Moves output j towards `found` with step halving: a full Newton step may overshoot."""
        old, low = state.coefficients[:, j].clone(), state.bias[j].clone()
        outputs = state.values(self.design)
        change = self.design.times(found - old) + (level - low)

        def cost(share: float) -> Tensor:
            moved = outputs.clone()
            moved[:, j] += share * change
            penalty = 0.5 * (state.penalties[:, j] * (old + share * (found - old)) ** 2).sum()
            # The loss of a regression is the mean over its outputs, and the penalties are for their sum.
            return self.y.shape[1] * (self.weights @ self.task.loss(moved, self.y)) + penalty

        before, share = cost(0.0), 1.0
        while share > MIN_STEP_LENGTH and not cost(share) <= before:
            share /= 2
        state.coefficients[:, j], state.bias[j] = old + share * (found - old), low + share * (level - low)
