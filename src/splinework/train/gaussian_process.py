"""Gaussian process regression: an estimate from few or noisy rows, whose marginal likelihood says how smooth, how noisy.

The covariance is `1 + Σ aᵢ² xᵢx'ᵢ + Σ bᵢ² κ(|xᵢ - x'ᵢ| / mᵢ) + c² κ(‖(x - x') / l‖)` in standardised inputs: a constant, a line,
a curve per input and a function of all of them, so that each simpler model is a special case that the likelihood can choose. κ is
the squared exponential for smooth functions, or Matérn's of smoothness 5/2 or 3/2 for rougher ones (Rasmussen & Williams 2006).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

Family = Literal["squared exponential", "matern 5/2", "matern 3/2"]
FAMILIES: tuple[Family, ...] = ("squared exponential", "matern 5/2", "matern 3/2")
MAX_EVIDENCE_ROWS = 300
"""Rows that hyperparameters are estimated from: few numbers need no more, and an evaluation costs the cube."""
MAX_EXACT_ROWS, N_INDUCING_ROWS = 2000, 1000
"""Rows up to which the process is exact; with more it is a regression on the covariances with a sample of this size."""
TRIAL_ROWS, TRIAL_ITERATIONS, MAX_ITERATIONS = 150, 12, 80
"""Rows and iterations of L-BFGS by which the starts are compared, and most iterations from the best of them on, on all rows."""
MIN_GAIN = 1e-6
"""Share of the log density that an iteration must gain, or there are no more: a thousandth of a unit, where two are evidence."""
START_LENGTHS = (1.5, 0.4)
"""Length scales that the search begins with, in standard deviations of an input, times the root of the number of inputs."""
MIN_NOISE, MAX_NOISE = 1e-6, 2.0
"""Bounds of the noise's standard deviation, in standard deviations of y."""


@dataclass(frozen=True)
class RowPairs:
    """All pairs of N rows, each once, and each row with itself: what a symmetric matrix is made of, P = N (N + 1) / 2 numbers.

    Attributes:
        places: Where the pair is in the flattened lower triangle, `(P,)`.
        counts: How often it is in the whole matrix, `(P,)`: 2, or 1 on the diagonal.
        gaps: Squared distances along each input, `(inputs, P)`.
        products: Products of the two values of each input, `(inputs, P)`.
    """

    places: Tensor
    counts: Tensor
    gaps: Tensor
    products: Tensor

    @classmethod
    def of(cls, x: Tensor) -> RowPairs:
        """Those of x `(N, inputs)`."""
        i, j = torch.tril_indices(len(x), len(x))
        one, other = x[i].T.contiguous(), x[j].T.contiguous()
        return cls(i * len(x) + j, 2.0 - (i == j).to(x), (one - other).square_(), one * other)


@dataclass(frozen=True)
class Covariance:
    """The covariance function and the noise; `values` are natural logarithms.

    Attributes:
        family: κ.
        values: Noise, c, then l, a and, where `additive`, b and m: `(2 + 2 inputs,)` or `(2 + 4 inputs,)`.
        inputs: Number of inputs.
        additive: Whether there is a curve per input.
    """

    family: Family
    values: Tensor
    inputs: int
    additive: bool = False

    @property
    def noise(self) -> float:
        """Variance of the noise in standardised units."""
        return math.exp(2 * float(self.values[0]))

    def __call__(self, x: Tensor, z: Tensor) -> Tensor:
        """Covariances `(N, M)` without noise of `x (N, inputs)` and `z (M, inputs)`."""
        a, b = x / self._of(2), z / self._of(2)
        squares = (a.square().sum(1)[:, None] + b.square().sum(1)).addmm_(a, b.T, alpha=-2).clamp_min_(0)
        total = kappa(self.family, squares)[0].mul_(math.exp(2 * float(self.values[1])))
        total = torch.addmm(total, x * self._of(3), (z * self._of(3)).T).add_(1)
        if self.additive:
            a, b = x / self._of(5), z / self._of(5)
            for one, other, size in zip(a.T, b.T, self._of(4).square().tolist(), strict=True):
                total.add_(kappa(self.family, (one[:, None] - other).square_())[0], alpha=size)
        return total

    def variance(self, x: Tensor) -> Tensor:
        """The diagonal of `K(x, x)`, `(N,)`."""
        level = 1 + math.exp(2 * float(self.values[1])) + (float(self._of(4).square().sum()) if self.additive else 0.0)
        return (x * self._of(3)).square().sum(1) + level

    def expand(self, pairs: RowPairs) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """The covariances of pairs of rows, and their derivatives by all logarithms but the noise's.

        Args:
            pairs: P pairs.

        Returns:
            The covariances `(P,)`, and the function of weights `(P,)` that is the derivative of `Σ weight ∘ covariances`,
            `(len(values) - 1,)`; it can be called once.
        """
        size, near, slopes = math.exp(2 * float(self.values[1])), self._of(2) ** -2, self._of(3).square()
        joint, bend = (part.mul_(size) for part in kappa(self.family, near @ pairs.gaps))
        total = (joint + 1).addmv_(pairs.products.T, slopes)
        sizes, close = (self._of(4).square(), self._of(5) ** -2) if self.additive else (slopes[:0], near[:0])
        curves, bends = kappa(self.family, close[:, None] * pairs.gaps[: len(close)])
        total.addmv_(curves.T, sizes)

        def derivatives(weight: Tensor) -> Tensor:
            by_length = -2 * near * (pairs.gaps @ bend.mul_(weight))
            by_width = -2 * sizes * close * (bends.mul_(pairs.gaps[: len(close)]) @ weight)
            by_slope, by_size = 2 * slopes * (pairs.products @ weight), 2 * sizes * (curves @ weight)
            return torch.cat([2 * (weight @ joint)[None], by_length, by_slope, by_size, by_width])

        return total, derivatives

    def _of(self, part: int) -> Tensor:
        """The exponentials of l, a, b or m: parts 2 to 5."""
        start = 2 + (part - 2) * self.inputs
        return self.values[start : start + self.inputs].exp()


def kappa(family: Family, square: Tensor) -> tuple[Tensor, Tensor]:
    """κ and its derivative by the square of the distance.

    >>> value, slope = kappa("squared exponential", torch.tensor([0.0, 2.0]))
    >>> value, slope
    (tensor([1.0000, 0.3679]), tensor([-0.5000, -0.1839]))
    """
    if family == "squared exponential":
        value = (square * -0.5).exp_()
        return value, value * -0.5
    if family == "matern 5/2":
        s = (5 * square).sqrt_()
        decay = torch.exp(-s)
        s += 1
        slope = s * decay
        return torch.addcmul(slope, square, decay, value=5 / 3), slope.mul_(-5 / 6)
    s = (3 * square).sqrt_()
    decay = torch.exp(-s)
    return s.add_(1).mul_(decay), decay.mul_(-1.5)


@dataclass(frozen=True)
class GaussianProcess:
    """A fitted process for one target.

    Attributes:
        covariance: The covariance with its hyperparameters.
        evidence: Logarithm of the marginal likelihood, and of the hyperparameters' prior, on the rows they were estimated from.
        shift: Means of the inputs `(inputs,)`.
        scale: Their standard deviations `(inputs,)`.
        centre: Mean of y.
        spread: Standard deviation of y.
        nodes: Rows that the mean is a sum over, standardised: `(M, inputs)`.
        loads: Their coefficients `(M,)`.
        left_out: Residual of every row under the process without it, `(N,)` in units of y.
        factor: Cholesky factor of the system that the coefficients solve, `(M, M)`.
    """

    covariance: Covariance
    evidence: float
    shift: Tensor
    scale: Tensor
    centre: float
    spread: float
    nodes: Tensor
    loads: Tensor
    left_out: Tensor
    factor: Tensor = field(repr=False)

    @property
    def noise(self) -> float:
        """Standard deviation of the noise, in units of y."""
        return self.spread * math.sqrt(self.covariance.noise)

    def __call__(self, x: Tensor) -> Tensor:
        """The posterior mean at `x (N, inputs)`, `(N,)`."""
        parts = ((x - self.shift) / self.scale).split(4096)
        return self.centre + self.spread * torch.cat([self.covariance(part, self.nodes) @ self.loads for part in parts])

    def deviation(self, x: Tensor) -> Tensor:
        """The posterior standard deviation of the mean at `x (N, inputs)`, `(N,)`, in units of y."""
        z = (x - self.shift) / self.scale
        cross = self.covariance(z, self.nodes)
        known: Tensor = torch.linalg.solve_triangular(self.factor, cross.T, upper=False).square().sum(0)
        if len(self.left_out) > len(
            self.nodes
        ):  # a regression on covariances: its variance is that of the coefficients
            return known.sqrt() * self.spread
        return (self.covariance.variance(z) - known).clamp_min(0).sqrt() * self.spread


@torch.no_grad()
def fit_process(
    x: Tensor, y: Tensor, *, weights: Tensor | None = None, seed: int = 0, begun: Covariance | None = None
) -> GaussianProcess:
    """Hyperparameters of the largest marginal likelihood, and the posterior mean.

    Args:
        x: Inputs `(N, inputs)`, float64.
        y: Targets `(N,)`.
        weights: Row weights `(N,)` of mean 1: the variance of a row's noise is inversely proportional to its weight.
        seed: Seed of the sample of rows that hyperparameters are estimated from.
        begun: The covariance of a process of nearly the same rows, from which the search goes on; None searches from the start.

    Returns:
        The process.

    >>> x = torch.linspace(-1, 1, 30, dtype=torch.float64)[:, None]
    >>> process = fit_process(x, torch.sin(3 * x[:, 0]))
    >>> float((process(x) - torch.sin(3 * x[:, 0])).abs().max()) < 1e-4
    True
    """
    share = torch.full_like(y, 1 / len(y)) if weights is None else weights / weights.sum()
    shift, centre = share @ x, float(share @ y)
    scale, spread = (share @ (x - shift).square()).sqrt(), float(share @ (y - centre).square()) ** 0.5 or 1.0
    scale = torch.where(scale > 1e-12 * x.abs().amax(0), scale, torch.ones_like(scale))
    z, t = (x - shift) / scale, (y - centre) / spread
    order = torch.randperm(len(z), generator=torch.Generator().manual_seed(seed))
    inverse = torch.ones_like(t) if weights is None else 1 / weights.clamp_min(1e-6)
    few = order[:MAX_EVIDENCE_ROWS]
    covariance, evidence = _estimate(z[few], t[few], inverse[few], begun)
    nodes = z if len(z) <= MAX_EXACT_ROWS else z[order[:N_INDUCING_ROWS]]
    loads, left_out, factor = _condition(covariance, z, t, inverse, nodes)
    return GaussianProcess(covariance, evidence, shift, scale, centre, spread, nodes, loads, spread * left_out, factor)


def _condition(
    covariance: Covariance, z: Tensor, t: Tensor, inverse: Tensor, nodes: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Coefficients of the mean, leave-one-out residuals, and the factor (Rasmussen & Williams 2006, eqs. 5.12 and 8.14)."""
    noise = covariance.noise * inverse
    if nodes is z:
        factor = cholesky_factor(covariance(z, z) + noise.diag())
        loads = torch.cholesky_solve(t[:, None], factor)[:, 0]
        return loads, loads / torch.cholesky_inverse(factor).diagonal(), factor
    # By QR, as the normal equations of a small noise have no digits left (Foster et al. 2009).
    cross, lower = covariance(z, nodes), cholesky_factor(covariance(nodes, nodes))
    whitened = torch.linalg.solve_triangular(lower, (cross / noise.sqrt()[:, None]).T, upper=False).T
    orthogonal, triangle = torch.linalg.qr(torch.cat([whitened, torch.eye(len(nodes), dtype=z.dtype)]))
    orthogonal = orthogonal[: len(z)]
    along = torch.linalg.solve_triangular(triangle, orthogonal.T @ (t / noise.sqrt())[:, None], upper=True)
    loads = torch.linalg.solve_triangular(lower.T, along, upper=True)[:, 0]
    leverage = orthogonal.square().sum(1)
    return loads, (t - cross @ loads) / (1 - leverage).clamp_min(1e-12), lower @ triangle.T


def cholesky_factor(matrix: Tensor) -> Tensor:
    """The Cholesky factor, with as much on the diagonal as it takes."""
    factor: Tensor
    factor, failed = torch.linalg.cholesky_ex(matrix)
    size = float(matrix.diagonal().mean())
    for share in (1e-14, 1e-12, 1e-10, 1e-8, 1e-6):
        if not int(failed):
            break
        factor, failed = torch.linalg.cholesky_ex(matrix + share * size * torch.eye(len(matrix), dtype=matrix.dtype))
    return factor


def _estimate(z: Tensor, t: Tensor, inverse: Tensor, begun: Covariance | None = None) -> tuple[Covariance, float]:
    """The covariance of the largest posterior density, from `begun` on, or family and start first, then a curve per input too."""
    inputs, pairs = z.shape[1], RowPairs.of(z)
    if begun is not None:
        return _maximise(begun, pairs, t, inverse, MAX_ITERATIONS)
    tried, some = [], RowPairs.of(z[:TRIAL_ROWS])
    for family in FAMILIES:
        for length in START_LENGTHS:
            values = torch.full((2 + 2 * inputs,), math.log(length * math.sqrt(inputs)), dtype=z.dtype)
            values[0], values[1], values[2 + inputs :] = math.log(0.1), 0.0, math.log(0.1)
            start = Covariance(family, values, inputs)
            tried.append(_maximise(start, some, t[:TRIAL_ROWS], inverse[:TRIAL_ROWS], TRIAL_ITERATIONS))
    best = max(tried, key=lambda each: each[1])
    found = _maximise(best[0], pairs, t, inverse, MAX_ITERATIONS)
    if inputs == 1:
        return found
    curves = torch.tensor([math.log(0.3), math.log(0.7)], dtype=z.dtype).repeat_interleave(inputs)
    more = replace(found[0], values=torch.cat([found[0].values, curves]), additive=True)
    additive = replace(more, values=more.values.clone())
    additive.values[1] = math.log(0.05)  # a sum of curves and next to nothing else
    rivals = [_maximise(start, pairs, t, inverse, MAX_ITERATIONS) for start in (more, additive)]
    return max([found, *rivals], key=lambda each: each[1])


def _maximise(
    start: Covariance, pairs: RowPairs, t: Tensor, inverse: Tensor, iterations: int
) -> tuple[Covariance, float]:
    """L-BFGS on the logarithms; the covariance with the best values, and the log density there."""
    d, prior = start.inputs, _priors(start)
    low = [math.log(MIN_NOISE), -4.0, *[-4.0] * d, *[-8.0] * d, *([-8.0] * d + [-4.0] * d) * start.additive]
    high = [math.log(MAX_NOISE), 5.0, *[8.0] * d, *[4.0] * d, *([4.0] * d + [5.0] * d) * start.additive]

    def cost(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        covariance = replace(start, values=torch.from_numpy(values.copy()))
        value, slope = _negative_evidence(covariance, pairs, t, inverse)
        pulled, pull = prior(covariance.values)
        return value + pulled, (slope + pull).numpy()

    found = minimize(
        cost,
        start.values.numpy(),
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(low, high, strict=True)),
        options={"maxiter": iterations, "ftol": MIN_GAIN},
    )
    return replace(start, values=torch.from_numpy(found.x)), -float(found.fun)


def _negative_evidence(covariance: Covariance, pairs: RowPairs, t: Tensor, inverse: Tensor) -> tuple[float, Tensor]:
    """Minus the log marginal likelihood, without its constant, and its derivatives (R. & W. 2006, eqs. 2.30 and 5.9)."""
    noise, (values, derivatives) = covariance.noise * inverse, covariance.expand(pairs)
    lower = t.new_zeros(len(t), len(t))
    lower.view(-1)[pairs.places] = values
    lower.diagonal().add_(noise)
    factor = cholesky_factor(lower)
    loads = torch.cholesky_solve(t[:, None], factor)
    value = float(t @ loads[:, 0]) / 2 + float(factor.diagonal().log().sum())
    weight = torch.cholesky_inverse(factor).addr_(loads[:, 0], loads[:, 0], alpha=-1).div_(2)
    by_noise = 2 * (weight.diagonal() @ noise)
    return value, torch.cat([by_noise[None], derivatives(weight.take(pairs.places).mul_(pairs.counts))])


def _priors(covariance: Covariance) -> Callable[[Tensor], tuple[float, Tensor]]:
    """Minus the log of weak normal priors of the logarithms, and its derivatives.

    They keep finite what the rows do not determine, and make a line or a curve that is not needed cost what it is worth.
    """
    d = covariance.inputs
    length = 0.5 + 0.5 * math.log(d)  # shorter ones in many inputs are one more noise
    means = [-2.5, 0.0, *[length] * d, *[-2.0] * d, *([-2.0] * d + [0.0] * d) * covariance.additive]
    spreads = [4.0, 3.0, *[1.0] * d, *[2.0] * d, *([1.5] * d + [1.0] * d) * covariance.additive]
    centre, width = torch.tensor(means).double(), torch.tensor(spreads).double()

    def of(values: Tensor) -> tuple[float, Tensor]:
        off = (values - centre) / width
        return float(off.square().sum()) / 2, off / width

    return of
