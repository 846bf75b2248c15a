"""Functions of one input: a spline whose degree, grid and smoothness are chosen by one criterion.

The coefficients minimise `Σ w (y - f(x))² + λ ∫ (dᵐf/dxᵐ)²` (O'Sullivan 1986; Eilers & Marx 1996) for splines of degree k from
3 to 9 on grids up to a third as fine as the rows, with m = 3 or, where there is hardly any noise, m = k: the higher derivative
hardly touches a function that is smooth, and yet holds it where rows are far apart; under noise it lets curves loose beyond the
outermost rows. Degree, grid, m and λ are those of the least cross-validation, generalised (Craven & Wahba 1979) or ordinary,
whichever is the larger. Nobody has to decide whether what a coarse grid leaves is noise or a wave: a fine grid with a penalty is
right for both. Where rows are not met so, a function of a limited band is fitted too (`splinework.train.band_limited`); if that
errs far less, the spline is the one nearest to it.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.splines.bases import BSpline
from splinework.train.band_limited import BandLimited
from splinework.train.between_rows import reached
from splinework.train.data_split import Samples
from splinework.train.penalised_spline import PenalisedBasis, PenalisedSpline

MAX_MARGIN = 0.05
"""Share of the range of the rows by which a grid goes beyond them at most."""
DEGREES, MAX_RESOLUTION = (3, 5, 7, 9), 320
MIN_ROWS, ROWS_PER_INTERVAL = 8, 3
"""Distinct values of x below which there is no choice to make, and those that an interval needs."""
MAX_SELECTION_ROWS = 4000
"""Rows by which degree, grid and smoothness are chosen; the coefficients are those of all rows."""
LEAST_DERIVATIVE = 3
"""The lowest derivative that is penalised; the highest is the last one that a spline has."""
MAX_CLEAN_SHARE = 1e-4
"""Share of the variance left, below which curves have found the function itself, and no other estimate is asked."""
MAX_MET_SHARE = 1e-20
"""The same, below which the rows are met, and no function of a limited band is asked either."""
WAVES, MAX_BAND_RESOLUTION = (16, 32, 64, 128, 256), 2560
"""Waves in a period of such functions that are tried, and the most intervals of a spline that stands for one."""
MAX_BAND_ERROR = 0.3
"""Share of the spline's error by cross-validation that one of these must be below: of smooth functions it is by orders of
magnitude, of others hardly, and then nothing holds it between the rows."""
FREEDOM_COST = 1.4
"""What an effective parameter counts in the criterion: with 1 it follows the noise of one data set in ten (Kim & Gu 2004)."""
MIN_FREE_SHARE = 1e-13
"""A spline of which one row determines more than all but this share is none: rounding is all that is left of its residual."""
MAX_TOLERANCE, MAX_DEVIANCE = 0.01, 2.0
"""Share by which the criterion of a smaller spline may be worse, so that it is preferred; and the same times the number of rows,
which is what a parameter costs in twice the log likelihood (Akaike 1974)."""
BAND_STRENGTHS = 10.0 ** np.arange(-28.0, -15.0, 2.0)
"""Strengths λ of the penalty of functions of a limited band, relative to the square of the largest singular value: from where
singular values are rounding to where they are a few million times that."""
LOG_STRENGTHS = np.linspace(-20.0, 6.0, 105)
"""Decimal logarithms of λ that are compared, relative to the ratio of the two quadratic forms."""


@dataclass(frozen=True)
class CurveEstimate(ABC):
    """One or more outputs that are sums of curves, one per input, with what is known of their errors.

    Attributes:
        network: The network `[d, q]` of the curves, in units of the rows.
        freedom: Effective parameters of every output, the constant among them.
        noise: Standard deviation of the noise of every output.
        left_out: Residual of every row under the curves without it, `(N, q)`.
    """

    network: KAN
    freedom: tuple[float, ...]
    noise: tuple[float, ...]
    left_out: Tensor

    def __call__(self, u: Tensor) -> Tensor:
        """The sums of the curves `(N, q)` at `u (N, d)`."""
        found: Tensor = self.network.unit_forward(u)
        return found

    @abstractmethod
    def deviation(self, u: Tensor) -> Tensor:
        """Standard deviations of the sums `(N, q)`, from the posterior of the coefficients; beyond the grid those of its ends."""


@dataclass(frozen=True)
class Choice:
    """The spline that was chosen for one or more outputs.

    Attributes:
        basis: Degree and number of intervals.
        order: The order of the penalised derivative.
        strengths: Strength of the penalty for every output.
        freedom: Effective number of parameters of every output.
        score: Logarithm of the criterion, summed over the outputs.
        waves: Those in a period of the function that the spline stands for; 0 where it stands for itself.
    """

    basis: BSpline
    order: int
    strengths: tuple[float, ...]
    freedom: tuple[float, ...]
    score: float
    waves: int = 0

    def on(self, grid: Tensor, x: Tensor, root: Tensor) -> PenalisedSpline:
        """The spline on rows `x (N,)` with square roots of weights `root (N,)`."""
        if not self.waves:
            return PenalisedSpline.on(self.basis, grid, x, root, self.order)
        low, high = self.basis.domain(grid)
        return BandLimited.on(x, root, float(low), float(high), self.waves).spline(self.basis, grid)


@dataclass(frozen=True)
class SmoothCurve(CurveEstimate):
    """The spline that was chosen for one or more outputs, with its coefficients.

    Attributes:
        chosen: Degree, grid and strengths.
        roots: For every output a root of the covariance of the coefficients, `(M, M)`.
    """

    chosen: Choice
    roots: tuple[Tensor, ...]

    @torch.no_grad()
    def deviation(self, u: Tensor) -> Tensor:
        """Standard deviations `(N, q)` at `u (N, 1)`, from the posterior of the coefficients; beyond the grid of its ends."""
        layer = self.network.kan_layers[0]
        low, high = layer.basis.domain(layer.grid)
        rows = layer.basis.rows(u.clamp(low, high), layer.grid, layer.basis.prepare(layer.grid), 0)[:, 0]
        return torch.stack([(rows @ root).norm(dim=1) for root in self.roots], dim=1)


@torch.no_grad()
def smooth_curve(model: KAN, rows: Samples, ends: tuple[Tensor, Tensor] | None = None) -> SmoothCurve:
    """Fits the curves of one input.

    Args:
        model: A network whose first layer says what the domain of the input is; unchanged.
        rows: The rows in network units, with at least `MIN_ROWS` values of the input.
        ends: Ends of the grid, `(1,)` each; by default a little beyond the rows.

    Returns:
        The curves of the least criterion.
    """
    layer = model.kan_layers[0]
    x, t = rows.u[:, 0], rows.t
    low, high = grid_range(layer, rows.u) if ends is None else ends
    root = rows.all_weights.sqrt()
    chosen = choose(x, t, root, low, high)
    grid = chosen.basis.make_grid(low, high)
    spline = chosen.on(grid, x, root)
    plain = chosen.basis.rows(x[:, None], grid, chosen.basis.prepare(grid), 0)[:, 0]
    values = torch.stack([spline.coefficients(root * t[:, j], each) for j, each in enumerate(chosen.strengths)], dim=1)
    errors = t - plain @ values
    left = (root > 0).sum() - t.new_tensor(chosen.freedom)
    noise = (root.square() @ errors.square() / left.clamp_min(1)).sqrt()
    filters = spline.filters(t.new_tensor(chosen.strengths)).T
    leverage = spline.left.square() @ filters
    # Where a row's leverage is near one, what the spline misses of the function that it stands for would grow out of all bounds.
    met = spline.left @ (filters * (spline.left.T @ (root[:, None] * t)))
    residual = torch.where(root[:, None] > 0, t - met / root[:, None], errors)
    return SmoothCurve(
        spline_network(layer, chosen.basis, grid, values[None], t.new_zeros(t.shape[1])),
        chosen.freedom,
        tuple(noise.tolist()),
        residual / (1 - leverage).clamp_min(1e-12),
        chosen,
        tuple(size * spline.root(each) for size, each in zip(noise, chosen.strengths, strict=True)),
    )


def spline_network(like: KANLayer, basis: BSpline, grid: Tensor, values: Tensor, bias: Tensor) -> KAN:
    """A network `[d, q]` of splines alone.

    Args:
        like: A layer whose edges go on outside their grids as those of the network are to.
        basis: Degree and number of intervals.
        grid: Knots `(d, K)`.
        values: Coefficients `(d, size, q)`.
        bias: Constants `(q,)`.
    """
    made = KAN(
        [len(grid), len(bias)],
        grid=basis.grid,
        degree=basis.degree,
        base="none",
        extrapolation=like.extrapolation,
        dtype=torch.float64,
        generator=torch.Generator(),
    ).to(grid.device)
    layer = made.kan_layers[0]
    layer.replace_grid(basis, grid, values)
    assert layer.bias is not None
    layer.bias.copy_(bias)
    return made


def grid_range(layer: KANLayer, u: Tensor) -> tuple[Tensor, Tensor]:
    """The ends `(I,)` of new grids for rows `u (N, I)`: a little beyond the rows, where edges go on as lines or constants there.

    Splines go on better than lines where further rows may lie, and anywhere where there are none for long; an end of the old grid
    that is near says that rows may lie as far. With other tails the grid reaches over the old one in any case.
    """
    low, high = u.amin(0), u.amax(0)
    old_low, old_high = layer.basis.domain(layer.grid)
    if layer.extrapolation not in ("linear", "constant"):
        return torch.minimum(old_low, low), torch.maximum(old_high, high)
    near, (least, most) = MAX_MARGIN * (high - low), reached(u)
    varies = high > low
    least = torch.where(old_low >= low - near, torch.minimum(least, old_low), least)
    most = torch.where(old_high <= high + near, torch.maximum(most, old_high), most)
    low, high = torch.maximum(low - near, least), torch.minimum(high + near, most)
    return torch.where(varies, low, old_low), torch.where(varies, high, old_high)


def tolerance_of(count: int) -> float:
    """Largest amount by which the criterion of a smaller spline may be worse on this number of rows."""
    return math.log1p(min(MAX_TOLERANCE, MAX_DEVIANCE / count))


def choose(x: Tensor, t: Tensor, root: Tensor, low: Tensor, high: Tensor) -> Choice:
    """The degree, the number of intervals and the strengths of the least criterion of cross-validation.

    Args:
        x: Inputs `(N,)`.
        t: Targets `(N, q)`.
        root: Square roots of the rows' weights `(N,)`.
        low: Lower end of the grid, `(1,)`.
        high: Its upper end, `(1,)`.
    """
    counted = (root > 0).nonzero()[:, 0]  # the others are no rows to the criterion
    few = counted[x[counted].argsort()][:: math.ceil(len(counted) / MAX_SELECTION_ROWS)]  # evenly over the range
    x, t, root = x[few], t[few], root[few]
    y, strengths, distinct = root[:, None] * t, torch.from_numpy(10.0**LOG_STRENGTHS).to(x), len(torch.unique(x))

    def tried(degree: int, order: int, least: int, most: int) -> list[Choice]:
        bases = [BSpline(each, degree) for each in _resolutions(distinct, degree) if least <= each <= most]
        splines = (PenalisedSpline.on(each, each.make_grid(low, high), x, root, order) for each in bases)
        return [
            Choice(basis, order, *_best_strengths(spline, y, strengths))
            for basis, spline in zip(bases, splines, strict=True)
        ]

    def simplest(found: list[Choice]) -> Choice:
        least = min(each.score for each in found) + t.shape[1] * tolerance_of(len(t))
        return min((each for each in found if each.score <= least), key=lambda each: (each.basis.size, each.score))

    found = [each for degree in DEGREES for each in tried(degree, LEAST_DERIVATIVE, 1, MAX_RESOLUTION)]
    best = simplest(found)
    spread = root.square() @ (t - root.square() @ t / root.square().sum()).square()
    if best.score < float(torch.log(MAX_CLEAN_SHARE * spread.clamp_min(1e-300)).sum()):
        near = best.basis.resolution // 2, 2 * best.basis.resolution
        higher = [each for each in DEGREES if LEAST_DERIVATIVE < each <= distinct and each >= best.basis.degree]
        found += [each for degree in higher for each in tried(degree, degree, *near)]
        best = simplest(found)
    met = float(torch.log(MAX_MET_SHARE * spread.clamp_min(1e-300)).sum())
    return best if best.score <= met else _band_limited(best, met, x, y, root, float(low), float(high))


def _band_limited(best: Choice, met: float, x: Tensor, y: Tensor, root: Tensor, low: float, high: float) -> Choice:
    """The same choice, or the spline that stands for a function of a limited band, where that errs far less.

    The waves in a period are doubled until that pays no longer, and the intervals until the spline differs from the function by
    less than this errs by cross-validation, or than the criterion `met` says.
    """
    series, strengths = None, torch.from_numpy(BAND_STRENGTHS).to(x)
    best = replace(best, score=best.score + 2 * y.shape[1] * math.log(MAX_BAND_ERROR))
    most = (len(torch.unique(x)) // ROWS_PER_INTERVAL - 1) // 2
    for waves in dict.fromkeys(min(each, most) for each in WAVES if most >= WAVES[0]):
        trial = BandLimited.on(x, root, low, high, waves)
        found = Choice(best.basis, 0, *_best_strengths(trial, y, strengths, trial.rounding(y)), waves)
        if found.score < best.score:
            best, series = found, trial
        elif series is not None:
            break
    if series is None:
        return best
    error = math.exp(max(best.score, met) / y.shape[1]) / len(x)
    basis = BSpline(best.basis.grid, DEGREES[-1])
    while True:
        grid = basis.make_grid(x.new_tensor([low]), x.new_tensor([high]))
        between = torch.linspace(low, high, 4 * basis.grid + 1, dtype=x.dtype).to(x.device)[1::2]
        spline, plain = series.spline(basis, grid), basis.rows(between[:, None], grid, basis.prepare(grid), 0)[:, 0]
        off = torch.stack(
            [
                plain @ spline.coefficients(y[:, j], each) - series.values(between, y[:, j], each)
                for j, each in enumerate(best.strengths)
            ]
        )
        if float(off.square().mean()) <= error or 2 * basis.grid > MAX_BAND_RESOLUTION:
            return replace(best, basis=basis)
        basis = BSpline(2 * basis.grid, DEGREES[-1])


def _best_strengths(
    on: PenalisedBasis, y: Tensor, strengths: Tensor, rounding: Tensor | float = 0.0
) -> tuple[tuple[float, ...], tuple[float, ...], float]:
    """The strength of the least criterion for every output, with its effective parameters, and the sum of the criteria.

    Args:
        on: The functions on the rows.
        y: Weighted targets `(N, q)`.
        strengths: Those of the penalty, `(S,)`.
        rounding: The part of each residual that rounding may have made, `(N, q)`.

    The criterion is `log RSS - 2 log(1 - cost edf / N)` or, if it is larger, the logarithm of the sum of squares of the rows'
    residuals under the fit without them (Allen 1974). The first sees the average leverage only: where most rows are at one end of
    the range, it takes splines that a single row determines at the other end, and that are anything beyond it. The second divides
    by what of a row is left to the others, and so what rounding leaves of its residual, too: that part is taken off before.
    """
    left, filters = on.left, on.filters(strengths)
    along = left.T @ y
    freedom = filters.sum(1)
    free = 1 - FREEDOM_COST * freedom / len(y)
    square = left.square()
    alone = (1 - square.sum(1, keepdim=True)).clamp_min(0) + square @ (1 - filters).T
    taken = torch.stack([(left * each) @ (1 - filters).T for each in along.T], dim=-1)
    residual = (y - left @ along)[:, None] + taken
    error = residual.square().sum(0)
    sure = (residual.abs() - (residual.new_zeros(y.shape) + rounding)[:, None]).clamp_min(0)
    unseen = (sure / alone.clamp_min(MIN_FREE_SHARE)[:, :, None]).square().sum(0)
    # Rounding leaves about this much of a function that is met exactly; below it splines are not compared.
    floor = len(y) * (1e-15 * y.abs().amax(0).clamp_min(1e-300)).square()
    score = torch.log(error + floor) - 2 * torch.log(free.clamp_min(1e-12))[:, None]
    score = torch.maximum(score, torch.log(unseen + floor))
    score = torch.where(((free > 0) & (alone.amin(0) > MIN_FREE_SHARE))[:, None], score, torch.inf)
    best = score.argmin(0)
    return tuple(strengths[best].tolist()), tuple(freedom[best].tolist()), float(score.amin(0).sum())


def _resolutions(distinct: int, degree: int) -> Iterator[int]:
    """4, 8, 16, … intervals, as many as the rows allow."""
    most = max(min(MAX_RESOLUTION, distinct // ROWS_PER_INTERVAL - degree), 1)
    resolution = 4
    while resolution < most:
        yield resolution
        resolution *= 2
    yield most
