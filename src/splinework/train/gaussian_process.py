"""Gaussian process regression: an estimate from few or noisy rows, whose marginal likelihood says how smooth, how noisy.

Among the covariances of `covariance.py`, from a line or curves to a function of all inputs, that of the largest density is taken,
`log p(y) = -½ yᵀ(K + σ²I)⁻¹y - ½ log det(K + σ²I)` and its prior's (Rasmussen & Williams 2006, eq. 2.30).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from splinework.train.between_rows import MAX_REFIT_ROWS, cross_validated
from splinework.train.covariance import (
    MAX_BLOCK_ENTRIES,
    MAX_NOISE_SHARE,
    Covariance,
    Kernel,
    condition,
    kernel_of,
)
from splinework.train.threads import suited_to

EVIDENCE_ROWS, MAX_EVIDENCE_ROWS = 300, 600
"""Rows by which hyperparameters are searched for, as an evaluation costs the cube, and by which what was found is followed on."""
MAX_EXACT_ROWS, N_INDUCING_ROWS = 2000, 1000
"""Rows up to which the process is exact; with more it is a regression on the covariances with a sample of this size."""
MIN_LEFT_SHARE = 1e-4
"""Share of the squared errors of rows left out in the variance above which the search begins anew on more rows where these are no
noise: the best optimum of few rows may know nothing of a narrow peak."""
LAST_ITERATIONS = 20
"""Iterations of L-BFGS by which the best of a search is followed on more rows."""
MIN_FREE_SHARE = 0.1
"""Least share of the rows that is left beside the hyperparameters of a process."""
MIN_WEIGHT = 1e-6
"""Least weight of a row."""


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
        parts = self._standardised(x)
        return self.centre + self.spread * torch.cat([self.covariance(part, self.nodes) @ self.loads for part in parts])

    def _standardised(self, x: Tensor) -> Sequence[Tensor]:
        """The points on the scales of the process, in parts whose covariances stay in the cache."""
        parts: Sequence[Tensor] = ((x - self.shift) / self.scale).split(max(MAX_BLOCK_ENTRIES // len(self.nodes), 16))
        return parts

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
        for z in self._standardised(x):
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
    quick: bool = False,
    deadline: float = math.inf,
) -> GaussianProcess:
    """Hyperparameters of the largest marginal likelihood, and the posterior mean.

    Args:
        x: Inputs `(N, inputs)`, float64.
        y: Targets `(N,)`.
        weights: Row weights `(N,)` of mean 1: the variance of a row's noise is inversely proportional to its weight.
        seed: Seed of the sample of rows that hyperparameters are estimated from.
        begun: The covariance of a process of nearly the same rows, from which the search goes on, or which stays where it comes
            from as many rows as hyperparameters are estimated from; None searches from the start.
        noise: The variance of the noise of a row of weight 1; None where it is to be estimated.
        changed: Whether targets have changed since `begun`, so that it never stays.
        is_last: Whether idle inputs are left out, and left-out residuals of few rows are those of processes without each fold.
        quick: Whether hyperparameters of many rows are those of a few hundred, as for comparisons.
        deadline: Time on the clock by which the search ends, with what it has found; a part of it may take a second longer.

    Returns:
        The process.

    >>> x = torch.linspace(-1, 1, 30, dtype=torch.float64)[:, None]
    >>> process = fit_process(x, torch.sin(3 * x[:, 0]))
    >>> float((process(x) - torch.sin(3 * x[:, 0])).abs().max()) < 1e-4
    True
    """
    with suited_to(len(x)):
        found = _fitted(x, y, weights, seed, begun, None, noise, deadline, changed, quick, is_last)
        if not (is_last and is_refitted(x)):
            return replace(found, left_out=_inflation(found) * found.left_out)

        def without(seen: Tensor) -> GaussianProcess:
            some = None if weights is None else weights[seen] / weights[seen].mean()
            return _fitted(x[seen], y[seen], some, seed, found.covariance, LAST_ITERATIONS, noise, deadline)

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
    iterations: int | None,
    noise: float | None = None,
    deadline: float = math.inf,
    changed: bool = False,
    quick: bool = False,
    selects: bool = False,
) -> GaussianProcess:
    """The process, with left-out residuals at the hyperparameters of all rows; from `begun` on with these iterations."""
    from splinework.train.process_search import MAX_ITERATIONS, EvidenceRows, estimate, maximise, without_idle_inputs

    share = torch.full_like(y, 1 / len(y)) if weights is None else weights / weights.sum()
    shift, centre = share @ x, float(share @ y)
    scale, spread = (share @ (x - shift).square()).sqrt(), float(share @ (y - centre).square()) ** 0.5 or 1.0
    scale = torch.where(scale > 1e-12 * x.abs().amax(0), scale, torch.ones_like(scale))
    z, t = (x - shift) / scale, (y - centre) / spread
    order = torch.randperm(len(z), generator=torch.Generator().manual_seed(seed))
    inverse = torch.ones_like(t) if weights is None else 1 / weights.clamp_min(MIN_WEIGHT)
    few, more = order[:EVIDENCE_ROWS], order[:MAX_EVIDENCE_ROWS]
    known = None if noise is None else noise / spread**2

    def seen(some: Tensor) -> EvidenceRows:
        return EvidenceRows.of(z[some], t[some], inverse[some], deadline)

    covariance, evidence = estimate(seen(few), known) if begun is None else (begun.with_noise(known), -math.inf)
    most = iterations or MAX_ITERATIONS if len(more) == len(few) else LAST_ITERATIONS
    asked = begun is not None and (changed or len(z) == len(more))  # other rows, or targets, than those before
    fresh = not quick and covariance.rows < len(more)
    if asked or fresh:
        covariance, evidence = maximise(covariance, seen(more), most)
    nodes = z if len(z) <= MAX_EXACT_ROWS else z[order[:N_INDUCING_ROWS]]

    def conditioned(one: Covariance) -> tuple[Tensor, Tensor, Tensor]:
        return condition(kernel_of(one, z, nodes), t, one.noise * inverse)

    found = conditioned(covariance)
    left = float(share @ found[1].square())
    if fresh and len(more) > len(few) and covariance.noise < MAX_NOISE_SHARE * left and left > MIN_LEFT_SHARE:
        anew, larger = estimate(seen(more), known, evidence)
        if larger > evidence:
            covariance, evidence = anew, larger
            found = conditioned(covariance)
    searched = begun is None or changed or fresh
    if selects and searched and covariance.rows == len(more):
        fewer, density = without_idle_inputs(
            covariance, evidence, seen(more), LAST_ITERATIONS, EVIDENCE_ROWS, begins=begun is None
        )
        if fewer is not covariance:
            rival = conditioned(fewer)
            # A sample of the rows may not show what all of them do.
            if len(z) == len(more) or share @ rival[1].square() <= share @ found[1].square():
                covariance, evidence, found = fewer, density, rival
    loads, left_out, factor = found
    return GaussianProcess(covariance, evidence, shift, scale, centre, spread, nodes, loads, spread * left_out, factor)


def _inflation(process: GaussianProcess) -> float:
    """The factor of left-out residuals that allows for hyperparameters, which have seen all rows: half a row for each."""
    count = len(process.left_out)
    return math.sqrt(count / max(count - len(process.covariance.values) / 2, MIN_FREE_SHARE * count))
