"""Curves of an additive model that rise or fall along directed inputs: least penalised loss within cones of coefficients."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor

from splinework.tabular.additive import MIN_STEP_LENGTH, MIN_WORKING_WEIGHT, AdditiveFit, posteriors
from splinework.tabular.design import DesignMatrix

MAX_STEPS, TOLERANCE = 8, 1e-6
"""Newton steps of a likelihood with the constraints, and the change that ends them."""


@torch.no_grad()
def within(free: AdditiveFit, design: DesignMatrix, y: Tensor, weights: Tensor, signs: Tensor) -> AdditiveFit:
    """The curves of least penalised loss, at the penalties of a free fit, that rise or fall along directed inputs.

    Quadratic programs of least distance (Lawson and Hanson 1974, chapter 23), one a Newton step and output.
    """
    rows = _differences(design, signs)
    if not bool((rows @ free.coefficients < 0).any()):
        return free
    found = replace(free, coefficients=torch.zeros_like(free.coefficients), bias=free.task.constant(y, weights))
    for _ in range(1 if free.task.is_quadratic else MAX_STEPS):
        coefficients = torch.zeros_like(found.coefficients)
        for j, (gram, moments, penalties, _) in enumerate(posteriors(found, design, y, weights)):
            coefficients[:, j] = _least_distance(gram + torch.diag(penalties), moments, rows)
        moved = _towards(found, coefficients, design, y, weights)
        change = (moved.coefficients - found.coefficients).abs().amax()
        found = moved
        if change <= TOLERANCE * coefficients.abs().amax():
            break
    return found


def given_up(fits: Sequence[AdditiveFit], design: DesignMatrix, signs: Tensor) -> Tensor:
    """Half of the outputs of each fit's directed curves, `(n, fits, q)`, which a full share of interactions replaces.

    Interactions that rise can add to a curve's slope, but never take from it: where a slope depends on other inputs, a curve of
    the mean slope is too steep for some rows. With half of it, they can do either. Shares of two groups take away all of it at
    most, so that the sum still rises.
    """
    halves = half_directed(design, signs)
    return torch.stack([design.times(halves[:, None] * fit.coefficients) for fit in fits], dim=1)


def half_directed(design: DesignMatrix, signs: Tensor) -> Tensor:
    """One half for the coefficients `(P,)` of directed inputs, zero for the others."""
    found = torch.zeros(design.width, dtype=torch.float64)
    for i in torch.nonzero(signs)[:, 0].tolist():
        found[design.spans[i]] = 0.5
    return found


def _towards(found: AdditiveFit, coefficients: Tensor, design: DesignMatrix, y: Tensor, weights: Tensor) -> AdditiveFit:
    """A Newton step to these coefficients, halved until the penalised loss is lower; their cone is convex, so it stays inside."""
    task, outputs, change = found.task, found.values(design), design.times(coefficients - found.coefficients)

    def after(share: float) -> tuple[AdditiveFit, float]:
        moved = found.coefficients + share * (coefficients - found.coefficients)
        sums, bias = outputs + share * change, found.bias.clone()
        for j in range(y.shape[1]):
            target, working = task.working(sums, y, weights, j, MIN_WORKING_WEIGHT)
            bias[j] += working @ (target - sums[:, j]) / working.sum()
        cost = y.shape[1] * (weights @ task.loss(sums + bias - found.bias, y))
        return replace(found, coefficients=moved, bias=bias), float(cost + (0.5 * found.penalties * moved**2).sum())

    share, least = 1.0, after(0.0)[1]
    while (best := after(share))[1] > least and share > MIN_STEP_LENGTH and not task.is_quadratic:
        share /= 2
    return best[0]


def _differences(design: DesignMatrix, signs: Tensor) -> Tensor:
    """Rows `(m, P)` whose products with coefficients are the signed increments of the spline coefficients."""
    found = []
    for i in torch.nonzero(signs)[:, 0].tolist():
        increments = signs[i] * torch.diff(design.lift[i], dim=0)
        rows = increments.new_zeros(len(increments), design.width)
        rows[:, design.spans[i]] = increments
        found.append(rows)
    return torch.cat(found) if found else torch.zeros(0, design.width, dtype=torch.float64)


def _least_distance(hessian: Tensor, moments: Tensor, rows: Tensor) -> Tensor:
    """The minimum of `½ bᵀHb - mᵀb` with `rows @ b >= 0`, by non-negative least squares of the dual."""
    factor = torch.linalg.cholesky(hessian)
    free = torch.cholesky_solve(moments[:, None], factor)[:, 0]
    lack = -(rows @ free)
    if not bool((lack > 0).any()):
        return free
    turned = torch.linalg.solve_triangular(factor, rows.T, upper=False)  # the constraints (P, m) in units of the factor
    size = turned.norm(dim=0).clamp_min(1e-300)
    turned, lack = turned / size, lack / size
    unit = lack.abs().amax()
    system = torch.cat([turned, (lack / unit)[None]]).numpy()
    wanted = np.zeros(len(system))
    wanted[-1] = 1.0
    shares, _ = nnls(system, wanted, maxiter=10 * system.shape[1])
    residual = system @ shares - wanted
    step = torch.from_numpy(-residual[:-1] / residual[-1]) * unit
    found: Tensor = free + torch.linalg.solve_triangular(factor.T, step[:, None], upper=True)[:, 0]
    return found
