"""Gaussian process regression: an estimate from few or noisy rows, whose marginal likelihood says how smooth, how noisy.

Among the covariances of `covariance.py`, from a line or curves to a function of all inputs, that of the largest density is taken,
`log p(y) = -½ yᵀ(K + σ²I)⁻¹y - ½ log det(K + σ²I)` and its prior's (Rasmussen & Williams 2006, eq. 2.30).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from operator import itemgetter

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from splinework.train.between_rows import MAX_REFIT_ROWS, cross_validated
from splinework.train.covariance import (
    FAMILIES,
    Covariance,
    Kernel,
    RowPairs,
    condition,
    kernel_of,
    negative_evidence,
    prior_normals,
    priors,
)

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
CHANCE_GAIN = 1.0
"""What an idle input adds to the log likelihood by chance, in the mean: half for each of a length and a slope (Wilks 1938)."""
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
    is_last: bool = True,
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
        is_last: Whether idle inputs are left out, and left-out residuals of few rows are those of processes without each fold.

    Returns:
        The process.

    >>> x = torch.linspace(-1, 1, 30, dtype=torch.float64)[:, None]
    >>> process = fit_process(x, torch.sin(3 * x[:, 0]))
    >>> float((process(x) - torch.sin(3 * x[:, 0])).abs().max()) < 1e-4
    True
    """
    found = _fitted(x, y, weights, seed, begun, MAX_ITERATIONS, noise, changed, is_last)
    if not (is_last and is_refitted(x)):
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
    is_last: bool = False,
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

    def conditioned(one: Covariance) -> tuple[Tensor, Tensor, Tensor]:
        return condition(kernel_of(one, z, nodes), t, one.noise * inverse)

    found = conditioned(covariance)
    left = float(share @ found[1].square())
    if len(more) > len(few) and begun is None and covariance.noise < MAX_NOISE_SHARE * left and left > MIN_LEFT_SHARE:
        anew, larger = _estimate(z[more], t[more], inverse[more], known)
        if larger > evidence:
            covariance, evidence = anew, larger
            found = conditioned(covariance)
    if is_last and (begun is None or changed) and len(z) <= MAX_EXACT_ROWS:
        fewer, density = _without_idle_inputs(covariance, evidence, RowPairs.of(z[more]), t[more], inverse[more])
        if fewer is not covariance:
            rival = conditioned(fewer)
            # A sample may not show what all rows do.
            if len(z) == len(more) or share @ rival[1].square() <= share @ found[1].square():
                covariance, evidence, found = fewer, density, rival
    loads, left_out, factor = found
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
    prior, (_, lower, upper) = priors(covariance), prior_normals(covariance)
    bends = []
    for step in STEP * torch.eye(len(lower), dtype=lower.dtype):
        ends = [covariance.values + step, covariance.values - step]
        up, down = (
            negative_evidence(replace(covariance, values=at), pairs, t, inverse)[1] + prior(at)[1] for at in ends
        )
        bends.append((up - down) / (2 * STEP))
    hessian = torch.stack(bends)
    curvatures = torch.linalg.eigvalsh((hessian + hessian.T) / 2).clamp_min(MIN_CURVATURE)
    return density - float(((lower + upper) / 2).log().sum()) - float(curvatures.log().sum()) / 2


def _without_idle_inputs(
    covariance: Covariance, density: float, pairs: RowPairs, t: Tensor, inverse: Tensor
) -> tuple[Covariance, float]:
    """The covariance without the inputs from which the rows gain no more than by chance, and its log density.

    The length scales of idle inputs are long, but a dozen of them are still a dozen things that few rows do not determine.
    """

    def cost(one: Covariance) -> float:
        value, _ = negative_evidence(one, pairs, t, inverse)
        return value + priors(one)(one.values)[0] + CHANCE_GAIN * int(one.depends.sum())

    while bool(covariance.depends[1:].any()):
        fewer, least = covariance, cost(covariance)
        used = torch.nonzero(covariance.depends)[:, 0].tolist()
        for i in sorted(used, key=lambda i: cost(covariance.without(i)))[:-1]:
            if (after := cost(fewer.without(i))) > least:
                break
            fewer, least = fewer.without(i), after
        if fewer is covariance:
            break
        covariance, density = _maximise(fewer, pairs, t, inverse, LAST_ITERATIONS)
    return covariance, density


def _maximise(
    start: Covariance, pairs: RowPairs, t: Tensor, inverse: Tensor, iterations: int
) -> tuple[Covariance, float]:
    """L-BFGS on the logarithms; the covariance with the best values, and the log density there."""
    d, prior = start.inputs, priors(start)
    low = [math.log(MIN_NOISE), -4.0, *[-4.0] * d, *[-8.0] * d, *([-8.0] * d + [-4.0] * d) * start.additive]
    high = [math.log(MAX_NOISE), 5.0, *[8.0] * d, *[4.0] * d, *([4.0] * d + [5.0] * d) * start.additive]
    if start.noise_is_known:
        low[0] = high[0] = float(start.values[0])

    free = start.values.isfinite()

    def at(values: NDArray[np.float64]) -> Covariance:
        return replace(start, values=start.values.masked_scatter(free, torch.from_numpy(values)))

    def cost(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        covariance = at(values)
        value, slope = negative_evidence(covariance, pairs, t, inverse)
        pulled, pull = prior(covariance.values)
        return value + pulled, (slope + pull)[free].numpy()

    found = minimize(
        cost,
        start.values[free].numpy(),
        jac=True,
        method="L-BFGS-B",
        bounds=np.array([low, high]).T[free.numpy()],
        options={"maxiter": iterations, "ftol": MIN_GAIN},
    )
    return at(found.x), -float(found.fun)
