"""A network without hidden nodes, `[d, q]`: a sum of splines, one per input, as smooth each as its likelihood asks for.

The coefficients minimise `Σ w (y - b - Σ_i f_i(x_i))² + Σ_i (λ_i ∫ f_i''² + μ_i (∫ f_i')²)`: a generalised additive model
(Hastie & Tibshirani 1990), which is a linear mixed model whose variances, and so λ and μ, come from restricted maximum likelihood
by the fixed point of Fellner and Schall (Wood & Fasiolo 2017). A curve that is not needed gets a large λ and μ and is flat.
Degree and number of intervals, the same for all inputs, are those of the least cross-validation, generalised (Craven & Wahba
1979) or ordinary: a coarse grid cannot tell a wave from noise, and a fine one with penalties is right for both.

Every curve is a line and functions of unit bend, both penalties of which are diagonal, so that a step of the fixed point costs
one inverse for all curves.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.splines import greville
from splinework.splines.bases import BSpline
from splinework.train.between_rows import MAX_REFIT_ROWS, cross_validated
from splinework.train.curve import (
    FREEDOM_COST,
    MAX_SELECTION_ROWS,
    MIN_ROWS,
    ROWS_PER_INTERVAL,
    CurveEstimate,
    grid_range,
    spline_network,
    tolerance_of,
)
from splinework.train.data_objective import DataObjective
from splinework.train.data_split import Samples
from splinework.train.mixed_model import MixedModelEquations, PenalisedSolution, restricted_fit
from splinework.train.smoothing import penalty_matrices

DEGREES, MIN_RESOLUTION, MAX_RESOLUTION = (3, 5), 5, 320
"""Degrees that are compared, and the fewest and most intervals; their number is doubled in between."""
MAX_COLUMNS = 1000
"""Most coefficients of all curves together: a step of the fixed point costs their cube."""
FREE_COLUMNS = 400
"""Coefficients up to which all numbers of intervals are tried, and beyond which only if the last doubling was worth while."""
MIN_STRENGTH, MAX_STRENGTH, SMALL_SHARE = 1e-12, 1e8, 1e-3
"""Bounds of λ and μ, and small ones to start from, as a share of the sums of squares of the functions at the rows."""
MIN_FREE_VALUES = 0.05
"""Least share of the rows that is left beside the effective parameters, as the criterion counts them."""
MIN_FREE_SHARE = 0.01
"""Lower bound of one less a row's leverage, as a row that the curves follow wherever it goes says nothing."""
BLOCK_ENTRIES = 2**22
"""Entries of the design matrix that are held at once where all cross products are summed."""


Blocks = Iterable[tuple[slice, Tensor]]
"""Parts of the rows, and the values of all functions there."""


@dataclass(frozen=True)
class SumOfCurves(CurveEstimate):
    """The curves of several inputs.

    Attributes:
        strengths: λ and μ of every curve, `(2, d, q)`, relative to the sum of the weighted squared residuals.
        roots: For every output a root of the covariance of the coefficients, `(P, P)`, in the coordinates of `design`.
        design: The coordinates.
    """

    strengths: Tensor
    roots: tuple[Tensor, ...]
    design: CurveCoordinates

    def deviation(self, u: Tensor) -> Tensor:
        """Standard deviations of the sums `(N, q)`, from the posterior of the coefficients; beyond the grid those of its ends."""
        rows = self.design.rows(u)
        constant = [noise**2 / len(self.left_out) for noise in self.noise]
        return torch.stack(
            [((rows @ r).square().sum(1) + c).sqrt() for r, c in zip(self.roots, constant, strict=True)], 1
        )


@dataclass(frozen=True)
class CurveCoordinates:
    """A line, and functions without mean slope that are orthonormal in bend: the splines of an input but for the constant.

    Attributes:
        basis: Degree and number of intervals.
        grid: Knots `(d, K)`.
        lift: Spline coefficients of the functions, the line's first, `(d, size, M)`.
        means: Weighted means of the functions at the rows, `(d, M)`.
    """

    basis: BSpline
    grid: Tensor
    lift: Tensor
    means: Tensor

    @classmethod
    def on(cls, layer: KANLayer, basis: BSpline, u: Tensor, weights: Tensor) -> CurveCoordinates:
        """The functions on equal intervals over the layer's domain and the rows, with penalties in the layer's units."""
        scratch = copy.deepcopy(layer)
        grid = basis.make_grid(*grid_range(layer, u))
        extra = layer.edge_coefficients().shape[1] - layer.basis.size
        scratch.replace_grid(basis, grid, grid.new_zeros(layer.inputs, basis.size + extra, layer.outputs))
        bend, slope = penalty_matrices(scratch)[:, :, : basis.size, : basis.size]
        values, vectors = torch.linalg.eigh(bend)
        bent = vectors[:, :, 2:] / values[:, None, 2:].sqrt()  # neither constants nor lines bend
        line = greville(grid, basis.degree)[:, :, None]
        line = line / (line.transpose(1, 2) @ slope @ line).sqrt()
        lift = torch.cat([line, bent - line @ (line.transpose(1, 2) @ slope @ bent)], dim=2)
        found = cls(basis, grid, lift, lift.new_zeros(lift.shape[0], lift.shape[2]))
        total = sum((weights[at] @ rows for at, rows in found.blocks(u)), lift.new_zeros(found.width))
        return replace(found, means=(total / weights.sum()).reshape(found.means.shape))

    @property
    def width(self) -> int:
        """Number of functions of all inputs."""
        return self.means.numel()

    @property
    def variances(self) -> Tensor:
        """Number of the variance of every function, `(P,)`: those of the bends of all inputs, then those of the lines."""
        inputs, size = self.means.shape
        number = torch.arange(inputs, device=self.means.device)[:, None].repeat(1, size)
        number[:, 0] += inputs
        return number.flatten()

    def rows(self, u: Tensor) -> Tensor:
        """Centred values of all functions `(N, d · M)` at `u (N, d)`."""
        low, high = self.basis.domain(self.grid)
        table = self.basis.rows(u.clamp(low, high), self.grid, self.basis.prepare(self.grid), 0)
        return (torch.einsum("bis,ism->bim", table, self.lift) - self.means).flatten(1)

    def blocks(self, u: Tensor) -> Blocks:
        """The rows in parts."""
        step = max(BLOCK_ENTRIES // max(self.width, 1), 1)
        for start in range(0, len(u), step):
            at = slice(start, start + step)
            yield at, self.rows(u[at])


def is_estimable(objective: DataObjective) -> bool:
    """Whether there are rows and coefficients enough, and not too many, for curves of several inputs."""
    inputs = objective.u.shape[1]
    return (
        1 < inputs <= MAX_COLUMNS // (MIN_RESOLUTION + max(DEGREES))
        and objective.count >= MIN_ROWS
        and objective.spread > 0
        and bool((objective.u.amax(0) > objective.u.amin(0)).all())
    )


@torch.no_grad()
def additive_fit(model: KAN, rows: Samples, max_columns: int = MAX_COLUMNS) -> SumOfCurves:
    """Fits a sum of curves.

    Args:
        model: A network whose first layer says what the domains of the inputs are; unchanged.
        rows: The rows in network units, at least 8, of inputs that vary.
        max_columns: Most coefficients of all curves together, for more intervals than the fewest.

    Returns:
        The curves of the least criterion.
    """
    u, t, weights = rows.u, rows.t, rows.all_weights
    some = slice(None, None, math.ceil(len(u) / MAX_SELECTION_ROWS))
    layer, few = model.kan_layers[0], (u[some], t[some], weights[some])
    best: tuple[float, BSpline, Tensor] | None = None
    for degree in DEGREES:
        strengths = None
        for resolution in _resolutions(u, degree, max_columns):
            many = resolution * u.shape[1] > FREE_COLUMNS
            if best is not None and resolution > 2 * best[1].resolution and (many or degree > best[1].degree):
                break  # what these splines might follow, those of the lower degree have not found either
            basis = BSpline(resolution, degree)
            score, strengths = _criterion(CurveCoordinates.on(layer, basis, few[0], few[2]), *few, strengths)
            if best is None or score < best[0] - t.shape[1] * tolerance_of(len(few[0])):
                best = score, basis, strengths
    assert best is not None
    return _on(model, rows, CurveCoordinates.on(layer, best[1], u, weights), best[2])


@torch.no_grad()
def judged_fit(model: KAN, rows: Samples, known: SumOfCurves | None = None) -> SumOfCurves:
    """The sum of curves for comparisons: of few rows, residuals without each are those of fits without its fold.

    Curves that are `known` of most of the rows give their degree and intervals.
    """
    found = additive_fit(model, rows) if known is None else additive_refit(model, rows, known)
    if len(rows.u) > MAX_REFIT_ROWS * rows.u.shape[1]:
        return found
    folds = cross_validated(rows.u, rows.t, lambda seen: additive_refit(model, rows.rows(seen), found))
    return replace(found, left_out=torch.where(folds.isfinite(), folds, found.left_out))


@torch.no_grad()
def additive_refit(model: KAN, rows: Samples, curves: SumOfCurves) -> SumOfCurves:
    """The sum of curves of some of the rows on splines like those of all, its strengths estimated again.

    Args:
        model: As for `additive_fit`.
        rows: The rows in network units, of inputs that vary.
        curves: The fit to all rows.
    """
    weights = rows.all_weights
    design = CurveCoordinates.on(model.kan_layers[0], curves.design.basis, rows.u, weights)
    return _on(model, rows, design, _criterion(design, rows.u, rows.t, weights, curves.strengths)[1])


def _on(model: KAN, rows: Samples, design: CurveCoordinates, start: Tensor) -> SumOfCurves:
    """The curves in these coordinates, their strengths the fixed point from given ones `(2, d, q)` on."""
    u, t, weights = rows.u, rows.t, rows.all_weights
    equations = _equations(design.width, design.blocks(u), t, weights)
    found = [_solve(design, each, strengths) for each, strengths in zip(equations, start.unbind(2), strict=True)]
    noise = tuple(float(each.noise().sqrt()) for each in found)
    return SumOfCurves(
        _network(model.kan_layers[0], design, found),
        tuple(1 + float(each.freedom) for each in found),
        noise,
        _cross_validated(design.blocks(u), found, t, weights)[0],
        _strengths(design, found),
        tuple(size * each.root for size, each in zip(noise, found, strict=True)),
        design,
    )


def _cross_validated(
    blocks: Blocks, found: Sequence[PenalisedSolution], t: Tensor, weights: Tensor
) -> tuple[Tensor, float]:
    """Residuals of the rows under the curves without them, `(N, q)`, and the criterion.

    That is the sum over the outputs of `log RSS - 2 log(1 - 1.4 edf / N)` or, if it is larger, of `log Σ left_out²`. Errors
    below what rounding leaves of the targets are not compared.
    """
    errors, leverage = t - _levels(found), (weights / weights.sum())[:, None].repeat(1, t.shape[1])
    for at, block in blocks:
        for j, each in enumerate(found):
            errors[at, j] -= block @ each.coefficients
            leverage[at, j] += weights[at] * each.deviations(block)
    left_out = errors / (1 - leverage).clamp_min(MIN_FREE_SHARE)
    left = 1 - FREEDOM_COST * torch.stack([1 + each.freedom for each in found]) / len(t)
    if bool((left < MIN_FREE_VALUES).any()):
        return left_out, math.inf
    floor = len(t) * (1e-8 * t.abs().amax(0).clamp_min(1e-100)).square()
    generalised = torch.log(weights @ errors.square() + floor) - 2 * torch.log(left)
    return left_out, float(torch.maximum(generalised, torch.log(weights @ left_out.square() + floor)).sum())


def _equations(width: int, blocks: Blocks, t: Tensor, weights: Tensor) -> list[MixedModelEquations]:
    """The normal equations of every output; the functions have their means taken off already."""
    level = weights @ t / weights.sum()
    off = t - level
    gram, moments = t.new_zeros(width, width), t.new_zeros(width, t.shape[1])
    for at, block in blocks:
        weighted = block * weights[at, None]
        gram += weighted.T @ block
        moments += weighted.T @ off[at]
    count, centre = int((weights > 0).sum()), gram.new_zeros(width)
    return [
        MixedModelEquations(count, centre, gram, *parts)
        for parts in zip(level, moments.T, weights @ off.square(), strict=True)
    ]


def _criterion(
    design: CurveCoordinates, u: Tensor, t: Tensor, weights: Tensor, before: Tensor | None
) -> tuple[float, Tensor]:
    """The criterion of these splines, and their strengths `(2, d, q)`: the better one of two fixed points.

    From large strengths on, or those `before` on fewer intervals, the fixed point may never see a wave; from small ones it may
    end at curves that follow the noise of few rows.
    """
    blocks = list(design.blocks(u))  # of a few thousand rows
    equations = _equations(design.width, blocks, t, weights)
    sizes = equations[0].gram.diagonal().view(design.means.shape)
    large = torch.stack([sizes[:, 1:].mean(1), sizes[:, 0]]).clamp_min(1e-300)[:, :, None].expand(-1, -1, t.shape[1])
    first, second = (
        [_solve(design, each, strengths) for each, strengths in zip(equations, start.unbind(2), strict=True)]
        for start in (large if before is None else before, SMALL_SHARE * large)
    )
    tried = [first] if all(map(PenalisedSolution.agrees, first, second)) else [first, second]
    scored = [(_cross_validated(blocks, found, t, weights)[1], _strengths(design, found)) for found in tried]
    return min(scored, key=lambda each: each[0])


def _solve(design: CurveCoordinates, equations: MixedModelEquations, strengths: Tensor) -> PenalisedSolution:
    """The fixed point of the strengths `(2, d)` of one output, starting from given ones."""
    blocks = design.variances
    return restricted_fit(equations, blocks, strengths.flatten()[blocks], MIN_STRENGTH, MAX_STRENGTH)


def _strengths(design: CurveCoordinates, found: Sequence[PenalisedSolution]) -> Tensor:
    """λ and μ of every curve, `(2, d, q)`."""
    penalties = torch.stack([each.penalties for each in found], dim=1).unflatten(0, design.means.shape)
    return torch.stack([penalties[:, 1], penalties[:, 0]])


def _levels(found: Sequence[PenalisedSolution]) -> Tensor:
    return torch.stack([each.equations.level for each in found])


def _network(like: KANLayer, design: CurveCoordinates, found: Sequence[PenalisedSolution]) -> KAN:
    """The network `[d, q]` of the curves."""
    coefficients = torch.stack([each.coefficients.view(design.means.shape) for each in found], dim=-1)
    values = torch.einsum("ism,imq->isq", design.lift, coefficients)
    values -= torch.einsum("im,imq->iq", design.means, coefficients)[:, None]  # splines sum up to one
    return spline_network(like, design.basis, design.grid, values, _levels(found))


def _resolutions(u: Tensor, degree: int, max_columns: int) -> Iterator[int]:
    """5, 10, 20, … intervals, as many as rows and coefficients allow."""
    distinct = max(len(torch.unique(column)) for column in u.T)
    most = min(MAX_RESOLUTION, distinct // ROWS_PER_INTERVAL, max_columns // u.shape[1] - degree)
    resolution = MIN_RESOLUTION
    yield resolution
    while 2 * resolution <= most:
        resolution *= 2
        yield resolution
