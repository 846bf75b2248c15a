"""Gaussian processes blended with curves: the smooth estimate that networks learn from where rows are few or noisy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from splinework.nn.network import KAN
from splinework.splines.bases import BSpline
from splinework.train.between_rows import blending_share
from splinework.train.covariance import Covariance, depends_on
from splinework.train.curve import MAX_CLEAN_SHARE, CurveEstimate, SmoothCurve, grid_range, smooth_curve, spline_network
from splinework.train.data_split import Samples
from splinework.train.gaussian_process import EVIDENCE_ROWS, MAX_EXACT_ROWS, GaussianProcess, fit_process

MAX_SHARE = 0.95
"""The weight of the process from which on it is alone."""
N_UNCERTAINTY_POINTS = 200
"""Points at which the teacher's uncertainty is evaluated."""
POINTS_PER_ROW, MIN_CURVE_POINTS, MAX_CURVE_POINTS = 4, 200, 1000
"""Even points at which a spline of one input learns the mean of a process: as many for each row, within bounds."""

MAX_REACH, MIN_REACH, N_REACHES, MAX_DEVIATION = 1.0, 0.1, 41, 0.1
"""How far beyond clean rows a curve goes on like a process, at most and at least, as a share of their range; points at which that
is asked, and the largest deviation of the process there, as a share of the spread."""
MIN_CELLS, POINTS_PER_CELL = 8, 4
"""Cells in which a curve goes on, at least, and points in each."""


@dataclass(frozen=True)
class ProcessTeacher:
    """A Gaussian process per output, in network units, and curves blended with it (stacking, Wolpert 1992).

    The process lives on the CPU, and takes points of any device.

    Attributes:
        processes: One per output.
        curves: A sum of curves, or None.
        share: The weight of the process; one less it is that of the curves.
    """

    processes: tuple[GaussianProcess, ...]
    curves: CurveEstimate | None = None
    share: float = 1.0

    @classmethod
    def of(
        cls,
        rows: Samples,
        seed: int,
        curves: CurveEstimate | None = None,
        begun: Sequence[Covariance] = (),
        *,
        quick: bool = False,
        deadline: float = math.inf,
    ) -> ProcessTeacher:
        """The teacher fitted to the rows, blended with the curves by weights from out-of-sample errors.

        Args:
            rows: The rows.
            seed: Seed of the sample of rows that hyperparameters are estimated from.
            curves: A sum of curves, or None.
            begun: Covariances of a teacher of most of these rows, from which the search for hyperparameters goes on.
            quick: Whether hyperparameters of many rows are those of a few hundred, as for comparisons.
            deadline: Time on the clock by which the search ends, with what it has found.
        """
        u, weights = rows.u.cpu(), None if rows.weights is None else rows.weights.cpu()
        columns = zip(rows.t.cpu().T, begun or (None,) * rows.t.shape[1], strict=True)
        how: dict[str, Any] = {"weights": weights, "seed": seed, "quick": quick, "deadline": deadline}
        alone = cls(tuple(fit_process(u, column, begun=one, **how) for column, one in columns))
        if curves is None:
            return alone
        share = blending_share(alone.left_out, curves.left_out.cpu())
        return alone if share > MAX_SHARE else cls(alone.processes, curves, share)

    @torch.no_grad()
    def __call__(self, u: Tensor) -> Tensor:
        """The posterior means `(N, outputs)`."""
        return self._blended(torch.stack([process(u.cpu()) for process in self.processes], dim=1).to(u.device), u)

    @torch.no_grad()
    def posterior(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """The posterior means, and the standard deviations of the processes, `(N, outputs)` each."""
        found = [process.posterior(u.cpu()) for process in self.processes]
        means, deviations = (torch.stack(each, dim=1).to(u.device) for each in zip(*found, strict=True))
        return self._blended(means, u), deviations

    def _blended(self, means: Tensor, u: Tensor) -> Tensor:
        """The means of the processes beside the curves."""
        return means if self.curves is None else self.share * means + (1 - self.share) * self.curves(u)

    @torch.no_grad()
    def uncertainty(self, u: Tensor) -> float:
        """Root mean square of the posterior standard deviations over some of the points, and outputs.

        Where rows left out are predicted better than that, noise and all, it is their error.
        """
        u = u[:N_UNCERTAINTY_POINTS]
        deviations = torch.stack([process.deviation(u.cpu()) for process in self.processes], dim=1)
        squares = self.share**2 * deviations.square().mean()
        if self.curves is not None:
            squares = squares + ((1 - self.share) * self.curves.deviation(u)).square().mean().cpu()
        return math.sqrt(min(float(squares), float(self.left_out.square().mean())))

    @torch.no_grad()
    def misfit(self, network: Callable[[Tensor], Tensor], u: Tensor) -> float:
        """Mean square by which a network differs from the means: of a blend with curves that it cannot be it learns nothing."""
        return float((network(u) - self(u)).square().mean())

    @property
    def covariances(self) -> tuple[Covariance, ...]:
        """Those of the processes."""
        return tuple(each.covariance for each in self.processes)

    @property
    def depends(self) -> Tensor:
        """Whether the means of the processes depend on an input, `(inputs,)`."""
        return depends_on(self.covariances)

    @property
    def noise(self) -> float:
        """Root mean square of the outputs' noise, in network units."""
        return math.sqrt(sum(process.noise**2 for process in self.processes) / len(self.processes))

    @property
    def left_out(self) -> Tensor:
        """Residual of every row under the teacher without it, or without its fold where rows are few, `(N, outputs)`."""
        errors = torch.stack([process.left_out for process in self.processes], dim=1)
        return errors if self.curves is None else self.share * errors + (1 - self.share) * self.curves.left_out.cpu()

    def __str__(self) -> str:
        share = max(process.covariance.noise for process in self.processes) ** 0.5
        text = f"a Gaussian process ({self.processes[0].covariance.family}, noise {100 * share:.2g} % of the spread)"
        return (
            text
            if self.curves is None
            else f"{100 * self.share:.0f} % {text} and {100 - 100 * self.share:.0f} % curves"
        )


@dataclass(frozen=True)
class ContinuedCurve(CurveEstimate):
    """A curve on a longer grid.

    Attributes:
        curve: The curve before, which it is inside the old grid.
    """

    curve: CurveEstimate

    def deviation(self, u: Tensor) -> Tensor:
        """Standard deviations `(N, q)` at `u (N, 1)`; beyond the old grid those of its ends."""
        return self.curve.deviation(u)


@torch.no_grad()
def estimated_curve(model: KAN, rows: Samples, seed: int) -> tuple[CurveEstimate, Tensor, str]:
    """The curve of one input: a spline or, if a process knows more of noisy rows, the spline of the mean of both, blended.

    A spline is chosen by cross-validation, which of a few dozen rows may see no wave at all; a process, chosen by its marginal
    likelihood, may take a kink for noise. Weights from the residuals of rows that neither has seen say how far to follow which.

    Args:
        model: A network whose first layer says what the domain of the input is; unchanged.
        rows: The rows in network units, with at least `MIN_ROWS` values of the input.
        seed: Seed of the sample of rows that hyperparameters of a process are estimated from.

    Returns:
        The curve, the residual of every row under the estimate without it `(N, q)`, and how it was found.
    """
    curve = smooth_curve(model, rows)
    freedom = ", ".join(f"{f:.3g}" for f in curve.freedom)
    found = curve, curve.left_out, f"{curve.chosen.basis} by cross-validation: {freedom} effective parameters"
    counted = torch.ones_like(rows.u[:, 0], dtype=torch.bool) if rows.weights is None else rows.weights > 0
    known = Samples(rows.u[counted], rows.t[counted], None if rows.weights is None else rows.weights[counted])
    curve = replace(curve, left_out=curve.left_out[counted])
    clean = curve.left_out.square().mean(0) < MAX_CLEAN_SHARE * known.t.var(0, correction=0)
    if len(known.u) > (EVIDENCE_ROWS if bool(clean.all()) else MAX_EXACT_ROWS):
        return found
    if bool(clean.all()):
        further = _continued(model, known, curve, ProcessTeacher.of(known, seed))
        return found if further is None else (further, found[1], f"{found[2]}; beyond the rows like a Gaussian process")
    teacher = ProcessTeacher.of(known, seed, curve)
    if teacher.share == 0:
        return found
    # Beyond noisy rows a spline goes on like its last few, which are mostly noise, and a process like all of them.
    alone = replace(teacher, curves=None, share=1.0)

    def mean(points: Tensor) -> Tensor:
        return torch.where(clean, curve(points), _continuation(teacher, alone, points, known.u))

    taught = learned_curve(model, rows.u, mean)
    left_out = rows.t - taught(rows.u)  # rows that do not count are unseen
    left_out[counted] = torch.where(clean, curve.left_out, teacher.left_out.to(clean.device))
    return taught, left_out, f"{taught.chosen.basis} for the mean of {teacher}"


def learned_curve(model: KAN, u: Tensor, function: Callable[[Tensor], Tensor]) -> SmoothCurve:
    """The spline of one input that is nearest to a function of points `(M, 1)`, among the rows `u (N, 1)` and on the grid."""
    return _learned_between(model, len(u), function, grid_range(model.kan_layers[0], u))


def _learned_between(
    model: KAN, rows: int, function: Callable[[Tensor], Tensor], ends: tuple[Tensor, Tensor]
) -> SmoothCurve:
    """The spline that is nearest to a function on a grid with these ends `(1,)`, all of which points tell it of."""
    count = min(max(POINTS_PER_ROW * rows, MIN_CURVE_POINTS), MAX_CURVE_POINTS)
    share = torch.linspace(0, 1, count, dtype=ends[0].dtype, device=ends[0].device)[:, None]
    points = ends[0] + (ends[1] - ends[0]) * share
    return smooth_curve(model, Samples(points, function(points), None), ends)


def _continued(model: KAN, rows: Samples, curve: CurveEstimate, teacher: ProcessTeacher) -> CurveEstimate | None:
    """The curve of clean rows that goes on beyond them like a process, as far as that is certain; None where it is not.

    Rows in clusters leave out much of where others may lie; the slope at the outermost row says less of that than all rows do.
    A spline of both is taken where it moves the rows by no more than their own residuals, left out; else that of the rows
    alone is made longer.
    """
    ends, spread = torch.cat([rows.u.amin(0, keepdim=True), rows.u.amax(0, keepdim=True)]), rows.t.std(0, correction=0)
    reach = (ends[1] - ends[0]) * torch.linspace(0, MAX_REACH, N_REACHES, dtype=ends.dtype, device=ends.device)[:, None]
    sides = []
    for end, way in zip(ends, (-1, 1), strict=True):
        beyond = end + way * reach
        deviation = torch.stack([process.deviation(beyond.cpu()) for process in teacher.processes], dim=1).to(spread)
        count = int((deviation <= MAX_DEVIATION * spread).all(1).long().cumprod(0).sum())
        sides.append(beyond[max(count - 1, 0)])
    if bool((sides[1] - sides[0] <= (1 + MIN_REACH) * (ends[1] - ends[0])).all()):
        return None

    def mean(points: Tensor) -> Tensor:
        return _continuation(curve, teacher, points, rows.u)

    taught = _learned_between(model, len(rows.u), mean, (sides[0], sides[1]))
    apart = (taught(rows.u) - curve(rows.u)).square().mean()
    if bool(apart <= curve.left_out.square().mean()):
        return taught
    return _lengthened(model, curve, teacher, sides, MAX_DEVIATION * spread)


def _lengthened(
    model: KAN, curve: CurveEstimate, teacher: ProcessTeacher, sides: Sequence[Tensor], most: Tensor
) -> ContinuedCurve | None:
    """The curve on a grid that reaches to both sides; None where that is hardly further, or leaves the process by `most (q,)`.

    Inside its own grid it stays as it is, to rounding: B-splines beyond vanish there, and these are fitted to the process.
    """
    own = curve.network.kan_layers[0]
    low, high = own.basis.domain(own.grid)
    further = torch.cat([low - sides[0], sides[1] - high]).clamp_min(0)
    if float(further.max()) <= MIN_REACH * float(high - low):
        return None
    width = (high - low) / own.basis.resolution
    parts = math.ceil(MIN_CELLS * float(width / further.max()))
    width, cells, degree = width / parts, parts * own.basis.resolution, own.basis.size - own.basis.resolution
    before, after = (math.ceil(each) for each in (further / width).tolist())
    basis = BSpline(before + cells + after, degree)
    grid = basis.make_grid(low - before * width, high + after * width)

    def rows_at(points: Tensor) -> Tensor:
        return basis.rows(points, grid, basis.prepare(grid), 0)[:, 0]

    def even(start: Tensor, count: int) -> Tensor:
        shares = torch.arange(POINTS_PER_CELL * count, dtype=width.dtype, device=width.device)[:, None] + 0.5
        return start + width * shares / POINTS_PER_CELL

    inside, outside = even(low, cells), torch.cat([even(low - before * width, before), even(high, after)])
    old = torch.arange(basis.size, device=width.device)
    old = (old >= before) & (old < before + cells + degree)
    values = width.new_zeros(basis.size, len(most))
    values[old] = torch.linalg.lstsq(rows_at(inside)[:, old], curve(inside)).solution
    left = _continuation(curve, teacher, outside, torch.cat([low, high])[:, None]) - rows_at(outside) @ values
    values[~old] = torch.linalg.lstsq(rows_at(outside)[:, ~old], left).solution
    missed = left - rows_at(outside)[:, ~old] @ values[~old]
    if bool((missed.abs() > most).any()):
        return None
    made = spline_network(model.kan_layers[0], basis, grid, values[None], torch.zeros_like(values[0]))
    return ContinuedCurve(made, curve.freedom, curve.noise, curve.left_out, curve)


def _continuation(
    inner: Callable[[Tensor], Tensor], outer: Callable[[Tensor], Tensor], points: Tensor, rows: Tensor
) -> Tensor:
    """The values `(M, q)` of one function among the rows `(N, d)`, which goes on beyond them by what another changes there."""
    inside = points.clamp(rows.amin(0), rows.amax(0))
    return inner(inside) + outer(points) - outer(inside)
