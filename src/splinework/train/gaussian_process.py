"""Gaussian process regression: an estimate from few or noisy rows, whose marginal likelihood says how smooth, how noisy.

Among the covariances of `covariance.py`, from a line or curves to a function of all inputs, that of the largest density is taken,
`log p(y) = -½ yᵀ(K + σ²I)⁻¹y - ½ log det(K + σ²I)` and its prior's (Rasmussen & Williams 2006, eq. 2.30).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from operator import itemgetter

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from splinework.train.between_rows import MAX_REFIT_ROWS, cross_validated
from splinework.train.covariance import FAMILIES, Covariance, Kernel, RowPairs, cholesky_factor, condition, kernel_of

EVIDENCE_ROWS, MAX_EVIDENCE_ROWS = 300, 600
"""Rows by which hyperparameters are searched for, as an evaluation costs the cube, and by which what was found is followed on."""
MAX_EXACT_ROWS, N_INDUCING_ROWS = 2000, 1000
"""Rows up to which the process is exact; with more it is a regression on the covariances with a sample of this size."""
MAX_NOISE_SHARE, MIN_LEFT_SHARE = 0.5, 1e-4
"""Share of noise in the squared errors of rows left out, and of these in the variance, below and above which the search begins
anew on more rows: what is left is not noise. The best optimum of few rows may know nothing of a narrow peak."""
TRIAL_ITERATIONS, MAX_ITERATIONS, LAST_ITERATIONS = 12, 80, 20
"""Iterations of L-BFGS by which starts are compared, most of them from the best of each family on, and then on more rows."""
MIN_FREE_SHARE = 0.1
"""Least share of the rows that is left beside the hyperparameters of a process."""
MAX_FEW_ROWS = 150
"""Rows up to which hyperparameters are integrated out in a comparison."""
MIN_GAIN = 1e-6
"""Share of the log density that an iteration must gain, or there are no more: a thousandth of a unit, where two are evidence."""
LONG_SPREAD = 3.0
"""Spread of the prior of the logarithm of a length scale above its middle; below it is 1."""
STEP, MIN_CURVATURE = 1e-3, 1e-2
"""Differences of logarithms by which the curvature of the density is found, and the least one, of what even priors leave open."""
START_LENGTHS = (1.5, 0.4)
"""Length scales that the search begins with, in standard deviations of an input, times the root of the number of inputs."""
MIN_WEIGHT = 1e-6
"""Least weight of a row."""
MIN_NOISE, MAX_NOISE = 1e-6, 2.0
"""Bounds of the noise's standard deviation, in standard deviations of y."""


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
        left_out: Residual of every row under the process without it, or its fold where rows are few, `(N,)` in units of y.
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

    def in_units(self, shift: float, scale: float) -> GaussianProcess:
        """The process of `(y - shift) / scale`."""
        centre, spread, left_out = (self.centre - shift) / scale, self.spread / scale, self.left_out / scale
        return replace(self, centre=centre, spread=spread, left_out=left_out)

    def kernel(self, x: Tensor) -> Kernel:
        """The covariances of the rows `x (N, inputs)` that it was fitted to."""
        z = (x - self.shift) / self.scale
        return kernel_of(self.covariance, z, z if len(self.nodes) == len(x) else self.nodes)

    def mean(self, kernel: Kernel) -> Tensor:
        """The posterior mean at the rows of a kernel, `(N,)`."""
        return self.centre + self.spread * (kernel[0] @ self.loads)

    def given(self, y: Tensor, weights: Tensor, noise: float | None, kernel: Kernel) -> GaussianProcess:
        """The process of the same hyperparameters for other targets of its rows; weights and noise are as in `fit_process`."""
        covariance = self.covariance.with_noise(None if noise is None else noise / self.spread**2)
        t, inverse = (y - self.centre) / self.spread, 1 / weights.clamp_min(MIN_WEIGHT)
        loads, left_out, factor = condition(kernel, t, covariance.noise * inverse)
        return replace(self, covariance=covariance, loads=loads, left_out=self.spread * left_out, factor=factor)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The posterior mean and its standard deviation at `x (N, inputs)`, `(N,)` each, in units of y."""
        means, variances = [], []
        for z in ((x - self.shift) / self.scale).split(4096):
            cross = self.covariance(z, self.nodes)
            known: Tensor = torch.linalg.solve_triangular(self.factor, cross.T, upper=False).square().sum(0)
            # A regression on covariances, of more rows than nodes, has the variance of its coefficients.
            regression = len(self.left_out) > len(self.nodes)
            variances.append(known if regression else (self.covariance.variance(z) - known).clamp_min(0))
            means.append(cross @ self.loads)
        return self.centre + self.spread * torch.cat(means), self.spread * torch.cat(variances).sqrt()

    def deviation(self, x: Tensor) -> Tensor:
        """The posterior standard deviation of the mean at `x (N, inputs)`, `(N,)`, in units of y."""
        return self.posterior(x)[1]


@torch.no_grad()
def fit_process(
    x: Tensor,
    y: Tensor,
    *,
    weights: Tensor | None = None,
    seed: int = 0,
    begun: Covariance | None = None,
    noise: float | None = None,
    changed: bool = False,
    refits: bool = True,
) -> GaussianProcess:
    """Hyperparameters of the largest marginal likelihood, and the posterior mean.

    Args:
        x: Inputs `(N, inputs)`, float64.
        y: Targets `(N,)`.
        weights: Row weights `(N,)` of mean 1: the variance of a row's noise is inversely proportional to its weight.
        seed: Seed of the sample of rows that hyperparameters are estimated from.
        begun: The covariance of a process of nearly the same rows, from which the search goes on, or which stays where rows are
            more than hyperparameters are estimated from; None searches from the start.
        noise: The variance of the noise of a row of weight 1; None where it is to be estimated.
        changed: Whether targets have changed since `begun`, so that it never stays.
        refits: Whether the left-out residuals of few rows are those of processes without each fold.

    Returns:
        The process.

    >>> x = torch.linspace(-1, 1, 30, dtype=torch.float64)[:, None]
    >>> process = fit_process(x, torch.sin(3 * x[:, 0]))
    >>> float((process(x) - torch.sin(3 * x[:, 0])).abs().max()) < 1e-4
    True
    """
    found = _fitted(x, y, weights, seed, begun, MAX_ITERATIONS, noise, changed)
    if not (refits and is_refitted(x)):
        return replace(found, left_out=_inflation(found) * found.left_out)

    def without(seen: Tensor) -> GaussianProcess:
        some = None if weights is None else weights[seen] / weights[seen].mean()
        return _fitted(x[seen], y[seen], some, seed, found.covariance, LAST_ITERATIONS, noise)

    return replace(found, left_out=cross_validated(x, y, without))


def is_refitted(x: Tensor) -> bool:
    """Whether rows `x (N, inputs)` are so few that residuals of left-out ones are those of processes without each fold."""
    return 1 < x.shape[1] >= len(x) / MAX_REFIT_ROWS


def _fitted(
    x: Tensor,
    y: Tensor,
    weights: Tensor | None,
    seed: int,
    begun: Covariance | None,
    iterations: int,
    noise: float | None = None,
    changed: bool = False,
) -> GaussianProcess:
    """The process, with left-out residuals at the hyperparameters of all rows; from `begun` on with this number of iterations."""
    share = torch.full_like(y, 1 / len(y)) if weights is None else weights / weights.sum()
    shift, centre = share @ x, float(share @ y)
    scale, spread = (share @ (x - shift).square()).sqrt(), float(share @ (y - centre).square()) ** 0.5 or 1.0
    scale = torch.where(scale > 1e-12 * x.abs().amax(0), scale, torch.ones_like(scale))
    z, t = (x - shift) / scale, (y - centre) / spread
    order = torch.randperm(len(z), generator=torch.Generator().manual_seed(seed))
    inverse = torch.ones_like(t) if weights is None else 1 / weights.clamp_min(MIN_WEIGHT)
    few, more = order[:EVIDENCE_ROWS], order[:MAX_EVIDENCE_ROWS]
    known = None if noise is None else noise / spread**2
    covariance, evidence = (
        _estimate(z[few], t[few], inverse[few], known) if begun is None else (begun.with_noise(known), -math.inf)
    )
    if len(more) > len(few) if begun is None else changed or len(z) == len(more):  # of more rows that number were asked
        most = LAST_ITERATIONS if len(more) > len(few) else iterations
        covariance, evidence = _maximise(covariance, RowPairs.of(z[more]), t[more], inverse[more], most)
    nodes = z if len(z) <= MAX_EXACT_ROWS else z[order[:N_INDUCING_ROWS]]
    loads, left_out, factor = condition(kernel_of(covariance, z, nodes), t, covariance.noise * inverse)
    left = float(share @ left_out.square())
    if len(more) > len(few) and begun is None and covariance.noise < MAX_NOISE_SHARE * left and left > MIN_LEFT_SHARE:
        anew, larger = _estimate(z[more], t[more], inverse[more], known)
        if larger > evidence:
            covariance, evidence = anew, larger
            loads, left_out, factor = condition(kernel_of(covariance, z, nodes), t, covariance.noise * inverse)
    return GaussianProcess(covariance, evidence, shift, scale, centre, spread, nodes, loads, spread * left_out, factor)


def _inflation(process: GaussianProcess) -> float:
    """The factor of left-out residuals that allows for hyperparameters, which have seen all rows: half a row for each."""
    count = len(process.left_out)
    return math.sqrt(count / max(count - len(process.covariance.values) / 2, MIN_FREE_SHARE * count))


def _estimate(z: Tensor, t: Tensor, inverse: Tensor, noise: float | None = None) -> tuple[Covariance, float]:
    """The covariance of the largest posterior density: family and start first, then a curve per input too.

    Of few rows that does not say what a model with more numbers is worth: there each family gets curves, and integrals decide.
    """
    inputs, pairs, rows = z.shape[1], RowPairs.of(z), (t, inverse)
    tried, found = [], []
    for family in FAMILIES:
        starts = []
        for length in START_LENGTHS:
            values = torch.full((2 + 2 * inputs,), math.log(length * math.sqrt(inputs)), dtype=z.dtype)
            values[0], values[1], values[2 + inputs :] = math.log(0.1), 0.0, math.log(0.1)
            start = Covariance(family, values, inputs).with_noise(noise)
            starts.append(_maximise(start, pairs, *rows, TRIAL_ITERATIONS))
        tried.append(_maximise(max(starts, key=itemgetter(1))[0], pairs, *rows, MAX_ITERATIONS))
    few = len(z) <= MAX_FEW_ROWS
    for plain in tried if few else [max(tried, key=itemgetter(1))]:
        found.append(plain)
        if inputs > 1:
            curves = torch.tensor([math.log(0.3), math.log(0.7)], dtype=z.dtype).repeat_interleave(inputs)
            more = replace(plain[0], values=torch.cat([plain[0].values, curves]), additive=True)
            additive = replace(more, values=more.values.clone())
            additive.values[1] = math.log(0.05)  # a sum of curves and next to nothing else
            rivals = [_maximise(start, pairs, *rows, MAX_ITERATIONS) for start in (more, additive)]
            found.append(max(rivals, key=itemgetter(1)))
    return max(found, key=lambda each: _integrated(each, pairs, t, inverse) if few else each[1])


def _integrated(found: tuple[Covariance, float], pairs: RowPairs, t: Tensor, inverse: Tensor) -> float:
    """The log evidence of all hyperparameters, without a constant: Laplace's approximation at the largest density (MacKay 1992).

    A number that the rows determine has cost its share of the prior; one that they do not is free.
    """
    covariance, density = found
    prior, (_, lower, upper) = _priors(covariance), _prior_normals(covariance)
    bends = []
    for step in STEP * torch.eye(len(lower), dtype=lower.dtype):
        ends = [covariance.values + step, covariance.values - step]
        up, down = (
            _negative_evidence(replace(covariance, values=at), pairs, t, inverse)[1] + prior(at)[1] for at in ends
        )
        bends.append((up - down) / (2 * STEP))
    hessian = torch.stack(bends)
    curvatures = torch.linalg.eigvalsh((hessian + hessian.T) / 2).clamp_min(MIN_CURVATURE)
    return density - float(((lower + upper) / 2).log().sum()) - float(curvatures.log().sum()) / 2


def _maximise(
    start: Covariance, pairs: RowPairs, t: Tensor, inverse: Tensor, iterations: int
) -> tuple[Covariance, float]:
    """L-BFGS on the logarithms; the covariance with the best values, and the log density there."""
    d, prior = start.inputs, _priors(start)
    low = [math.log(MIN_NOISE), -4.0, *[-4.0] * d, *[-8.0] * d, *([-8.0] * d + [-4.0] * d) * start.additive]
    high = [math.log(MAX_NOISE), 5.0, *[8.0] * d, *[4.0] * d, *([4.0] * d + [5.0] * d) * start.additive]
    if start.noise_is_known:
        low[0] = high[0] = float(start.values[0])

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


def _prior_normals(covariance: Covariance) -> tuple[Tensor, Tensor, Tensor]:
    """Modes of the logarithms' priors, and their spreads below and above.

    They keep finite what the rows do not determine, and make a line or a curve that is not needed cost what it is worth. Lengths
    may be large: an input that does nothing has an infinite one.
    """
    d = covariance.inputs
    length = 0.5 + 0.5 * math.log(d)  # shorter ones in many inputs are one more noise
    means = [-2.5, 0.0, *[length] * d, *[-2.0] * d, *([-2.0] * d + [0.0] * d) * covariance.additive]
    below = [4.0, 3.0, *[1.0] * d, *[2.0] * d, *([1.5] * d + [1.0] * d) * covariance.additive]
    above = [*below[:2], *[LONG_SPREAD] * d, *below[2 + d :]]
    centre, lower, upper = (torch.tensor(each).double() for each in (means, below, above))
    return centre, lower, upper


def _priors(covariance: Covariance) -> Callable[[Tensor], tuple[float, Tensor]]:
    """Minus the log of the priors, weak normals of two halves, without its constant, and its derivatives."""
    centre, lower, upper = _prior_normals(covariance)

    def of(values: Tensor) -> tuple[float, Tensor]:
        off = values - centre
        width = torch.where(off > 0, upper, lower)
        return float((off / width).square().sum()) / 2, off / width.square()

    return of
