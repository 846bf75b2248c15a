"""Predictions between the rows: draws points where further rows would lie, compares two models there, weighs two predictors."""

from collections.abc import Callable

import torch
from torch import Tensor

from splinework.nn.network import KAN
from splinework.train.data_objective import DataObjective

MAX_CODES = 10
"""A column with at most this number of distinct values is a code; values between them are not drawn."""
KERNEL_FREEDOM = 3
"""Degrees of freedom of the kernel, a t distribution: some points lie far from any row, where a few of many new rows would."""
N_OUTERMOST, REACH, OUTER_REACH = 3, 3.0, 10.0
"""Outermost gaps of a column, and how many times their mean a point may lie beyond its range: the largest of twenty times as many
rows lies about three (the logarithm of twenty) beyond the largest of them, where the tail is exponential; and the same for outer
points, as tails may be longer."""
STRETCH = 1.0
"""Mean of how much further from the mean than the rows outer points lie, as a share."""
N_COMPARED_POINTS = 500
"""Points at which two predictions are compared."""
PRIOR_ROWS = 10
"""Rows that a pull towards equal weights of two predictors is worth."""
MAX_DISAGREEMENT = 4.0
"""How much more two predictions may differ between the rows, in mean square, than by their errors on held-out rows."""
N_FOLDS, MAX_REFIT_ROWS = 6, 20
"""Folds, and the rows per input, which has two variances, up to which residuals of left-out rows are those of fits without each
fold: variances that have seen a row make its residual too small, of curves by a fifth to a half where rows are that few."""


def draw_points(u: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """The rows, or a sample of them where they are more, then points of a kernel density estimate: `(count, inputs)`.

    A point is a row moved along the rows' own covariance by Silverman's bandwidth times a variable of a t distribution, so that
    points lie where further rows would, some of them far out. It may leave the range of a column by three times what its
    outermost rows are apart: far where a column has long tails, hardly where it ends all at once. What goes further is
    reflected. Codes keep their values.

    Args:
        u: Rows `(N, inputs)`, at least two.
        count: Number of points, rows among them.
        generator: Source of randomness, on the CPU.
    """
    rows, inputs = u.shape
    chosen = torch.randint(rows, (max(count - rows, 0),), generator=generator).to(u.device)
    codes = torch.tensor([_is_code(column) for column in u.T]).to(u.device)
    bandwidth = (4 / (inputs + 2) / rows) ** (1 / (inputs + 4))
    values, vectors = torch.linalg.eigh(torch.cov(u.T).reshape(inputs, inputs))
    drawn = torch.randn(len(chosen), inputs, generator=generator, dtype=u.dtype).to(u.device)
    drawn = (drawn * values.clamp_min(0).sqrt()) @ vectors.T
    squares = (
        torch.randn(len(chosen), KERNEL_FREEDOM, generator=generator, dtype=u.dtype).square().mean(1, keepdim=True)
    )
    drawn = drawn / squares.sqrt().to(u.device)
    moved = u[chosen] + bandwidth * torch.where(codes, torch.zeros_like(drawn), drawn)
    low, high = reached(u)
    low, high = torch.where(codes, u.amin(0), low), torch.where(codes, u.amax(0), high)
    moved = torch.where(moved < low, 2 * low - moved, moved)
    moved = torch.where(moved > high, 2 * high - moved, moved).clamp(low, high)
    kept = u if count >= rows else u[torch.randperm(rows, generator=generator)[:count].to(u.device)]
    return torch.cat([kept, moved])


def outer_points(u: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Points beyond the rows, and between columns that go together: `(count, inputs)`.

    A row is stretched away from the mean by a factor of one and an exponential variable, as far as the columns' tails allow: half
    of the rows by one factor, the others by one for each column. Half have taken some columns from others before. Codes keep
    their values.

    Args:
        u: Rows `(N, inputs)`.
        count: Number of points.
        generator: Source of randomness, on the CPU.
    """
    rows, inputs = u.shape

    def some() -> Tensor:
        return u[torch.randint(rows, (count,), generator=generator).to(u.device)]

    def chance(*size: int) -> Tensor:
        return torch.rand(count, *size, generator=generator, dtype=u.dtype).to(u.device)

    codes = torch.tensor([_is_code(column) for column in u.T]).to(u.device)
    mixed = torch.where((chance(inputs) < 0.5) & (chance(1) < 0.5), some(), some())
    factor = 1 - STRETCH * torch.where(chance(1) < 0.5, chance(1), chance(inputs)).clamp_min(1e-6).log()
    low, high = reached(u, OUTER_REACH)
    return torch.where(codes, mixed, (u.mean(0) + factor * (mixed - u.mean(0))).clamp(low, high))


def reached(u: Tensor, reach: float = REACH) -> tuple[Tensor, Tensor]:
    """How far further rows may lie beyond the rows `u (N, inputs)`, `reach` gaps: lower and upper ends `(inputs,)`."""
    last = min(N_OUTERMOST, len(u) - 1)
    share = reach / last
    low, high = (u.topk(last + 1, 0, largest=largest).values for largest in (False, True))
    return low[0] - share * (low[last] - low[0]), high[0] + share * (high[0] - high[last])


def _is_code(column: Tensor) -> bool:
    """Whether a column has few distinct values; the first rows of most others show that they are more."""
    return all(len(torch.unique(part)) <= MAX_CODES for part in (column[:1000], column))


def new_points(u: Tensor, count: int, seed: int) -> Tensor:
    """Points of the density estimate, `(count, inputs)`: neither rows nor points that a network learns from with this seed."""
    return draw_points(u, len(u) + count, torch.Generator().manual_seed(seed + 1))[len(u) :]


def agree(one: Tensor, other: Tensor, errors: float) -> bool:
    """Whether two predictions at new points differ by no more than their errors say.

    Predictions with independent errors differ, in mean square, by the sum of these. A model that differs by far more than
    held-out rows explain has wiggles, or wild tails, that these happen not to meet.

    Args:
        one: Predictions `(M, outputs)`.
        other: Those of the other model.
        errors: Sum of both models' mean squared errors on held-out rows.
    """
    return bool((one - other).square().mean() <= MAX_DISAGREEMENT * errors)


def blending_share(one: Tensor, other: Tensor, prior_rows: float = PRIOR_ROWS) -> float:
    """The weight of one predictor beside another that the residuals `(N, q)` of rows which neither has seen ask for, from 0 to 1.

    Least squares, with a pull towards equal weights that is worth `prior_rows` rows: of two predictors that are nearly as good
    the mean is better than either.
    """
    apart = one - other
    pull = prior_rows * float(torch.minimum(one.square().mean(), other.square().mean()))
    size = float(apart.square().mean(1).sum()) + pull
    if size == 0:
        return 0.5
    return min(max((0.5 * pull - float((other * apart).mean(1).sum())) / size, 0.0), 1.0)


def is_significant(gains: Tensor, weights: Tensor | None = None, z_score: float = 1.0) -> bool:
    """Whether the mean of the rows' gains `(N,)` exceeds this many standard errors; one row alone exceeds no one.

    Weights that are whole numbers count rows, of which each has an error of its own.
    """
    weights = torch.ones_like(gains) if weights is None else weights
    shares, is_count = weights / weights.sum(), bool((weights == weights.round()).all())
    mean = shares @ gains
    squares = shares / weights.sum() if is_count else shares.square()
    variance = squares @ (gains - mean).square() / (1 - squares.sum())
    return bool(mean > z_score * variance.sqrt())


def cross_validated(u: Tensor, t: Tensor, fitted: Callable[[Tensor], Callable[[Tensor], Tensor]]) -> Tensor:
    """Residuals of rows, in the shape of t, under predictors that were fitted to the rows of all other folds.

    Args:
        u: Inputs `(N, inputs)`.
        t: Targets `(N, …)`.
        fitted: The predictor fitted to the rows of a mask `(N,)`.
    """
    residuals = torch.empty_like(t)
    fold = torch.randperm(len(u), generator=torch.Generator().manual_seed(0)).to(u.device) % N_FOLDS
    for seen in (fold != k for k in range(N_FOLDS)):
        residuals[~seen] = t[~seen] - fitted(seen)(u[~seen])
    return residuals


@torch.no_grad()
def goes_astray(taught: KAN, rival: KAN, teacher: Callable[[Tensor], Tensor], held_out: DataObjective) -> bool:
    """Whether a network leaves its teacher at held-out rows, and errs there by more than the rival.

    The outermost rows may lie beyond all points that it has learned from. What it is off by there is of few rows, so that a
    comparison by standard errors does not see it.
    """
    mean, own, other = (f(held_out.u) for f in (teacher, taught.unit_forward, rival.unit_forward))
    follows = agree(mean, own, float((mean - held_out.t).square().mean()))
    return not follows and bool((own - held_out.t).square().mean() > (other - held_out.t).square().mean())


@torch.no_grad()
def prefers(
    rival: KAN,
    smooth: Callable[[Tensor], Tensor],
    held_out: DataObjective,
    fresh: Tensor,
    *,
    clearly: bool,
    known: Callable[[Tensor], Tensor] | None = None,
) -> bool:
    """Whether held-out rows prefer a rival to a smooth prediction, and the rival does not go astray between the rows.

    Args:
        rival: A network.
        smooth: The smooth prediction, of points `(M, inputs)`.
        held_out: The rows that decide.
        fresh: Points between the rows, `(M, inputs)`.
        clearly: Whether the rival's squared error must be less by more than a standard error. Else it must be less by more than
            two standard errors of a root mean square: these rows have chosen the rival, the luckiest of many states.
        known: The prediction with which the rival must agree between the rows, where the smooth one is of a network, which may go
            astray there itself; None for the smooth one.
    """
    known = smooth if known is None else known
    errors = [(f(held_out.u) - held_out.t).square().mean(1) for f in (smooth, rival.unit_forward, known)]
    if held_out.weights is not None:
        errors = [error * held_out.weights for error in errors]
    gains = errors[0] - errors[1]
    least = errors[1].mean() * ((1 + 2 * (2 * len(gains)) ** -0.5) ** 2 - 1)
    if not (is_significant(gains) if clearly else bool(gains.mean() > least)):
        return False
    return agree(known(fresh), rival.unit_forward(fresh), float(errors[1].mean() + errors[2].mean()))
