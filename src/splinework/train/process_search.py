"""The search for the hyperparameters of a Gaussian process: families, starts, curves per input, and the density to maximise.

The density is that of `log p(y) = -½ yᵀ(K + σ²I)⁻¹y - ½ log det(K + σ²I)` and the prior of the hyperparameters (Rasmussen &
Williams 2006, eq. 2.30).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.optimize import OptimizeResult, minimize
from torch import Tensor

from splinework.train.covariance import (
    FAMILIES,
    MAX_NOISE_SHARE,
    Covariance,
    Family,
    RowPairs,
    cholesky_factor,
    condition,
    kernel_of,
)

TRIAL_ITERATIONS, MAX_ITERATIONS = 12, 80
"""Iterations of L-BFGS by which starts are compared, and most of them from the best on."""
MAX_LINE_STEPS = 8
"""Evaluations of a line search: near the noise of rounding more find nothing, and elsewhere four are most that it takes."""
MAX_GAIN = 25.0
"""Most that the log density rises after the first iterations: at most 22 in 37 of 39 searches by 300 rows of drawn targets."""
MAX_FEW_ROWS = 150
"""Rows up to which hyperparameters are integrated out in a comparison, and idle inputs sought from more noise, too."""
MIN_GAIN = 1e-6
"""Share of the log density that an iteration must gain, or there are no more: a thousandth of a unit, where two are evidence."""
LONG_SPREAD = 3.0
"""Spread of the prior of the logarithm of a length scale above its middle; below it is 1."""
CHANCE_GAIN = 1.0
"""What an idle input adds to the log likelihood by chance, in the mean: half for each of a length and a slope (Wilks 1938)."""
NOISE_LEVELS, NOISY = (0.5, 1.0), 0.5
"""More noise that is tried, between the logarithms of what was found and of the error of rows left out; and further starts'."""
STEP, MIN_CURVATURE = 1e-3, 1e-2
"""Differences of logarithms by which the curvature of the density is found, and the least one, of what even priors leave open."""
START_LENGTHS = (1.5, 0.4)
"""Length scales that the search begins with, in standard deviations of an input, times the root of the number of inputs."""
MIN_NOISE, MAX_NOISE = 1e-6, 2.0
"""Bounds of the noise's standard deviation, in standard deviations of y."""


@dataclass(frozen=True)
class EvidenceRows:
    """Rows by which hyperparameters are compared.

    Attributes:
        z: Standardised inputs `(N, inputs)`.
        t: Standardised targets `(N,)`.
        inverse: The variance of a row's noise, as a multiple of that of a row of weight 1, `(N,)`.
        pairs: All pairs of rows.
        deadline: Time on the clock after which no search begins or goes on: what has been found by then is taken.
    """

    z: Tensor
    t: Tensor
    inverse: Tensor
    pairs: RowPairs
    deadline: float = math.inf

    @classmethod
    def of(cls, z: Tensor, t: Tensor, inverse: Tensor, deadline: float = math.inf) -> EvidenceRows:
        """The rows and their pairs."""
        return cls(z, t, inverse, RowPairs.of(z), deadline)

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() > self.deadline

    def first(self, count: int) -> EvidenceRows:
        """The first of the rows."""
        if count >= len(self.z):
            return self
        return self.of(self.z[:count], self.t[:count], self.inverse[:count], self.deadline)

    def among(self, used: Tensor) -> EvidenceRows:
        """The rows with some inputs only, which are `used (inputs,)`."""
        return self.of(self.z[:, used], self.t, self.inverse, self.deadline)


def estimate(rows: EvidenceRows, noise: float | None = None, least: float = -math.inf) -> tuple[Covariance, float]:
    """The covariance of the largest posterior density: family and start first, then a curve per input too.

    Of few rows that does not say what a model with more numbers is worth: there each family gets curves, and integrals decide.
    Where the first iterations do not come beyond a log density of `least`, which is known already, there are no more.
    """
    inputs, few = rows.z.shape[1], len(rows.z) <= MAX_FEW_ROWS
    tried, found = list[tuple[Covariance, float]](), list[tuple[Covariance, float]]()
    for family in FAMILIES:
        if tried and rows.over:
            break
        starts = [_start(family, rows.z, 0.1, length).with_noise(noise) for length in START_LENGTHS]
        tried.append(_begun(starts, rows))

    def with_curves(plain: Covariance) -> tuple[Covariance, float]:
        like, values = rows.z, plain.values
        curves = torch.tensor([math.log(0.3), math.log(0.7)], dtype=like.dtype).repeat_interleave(inputs)
        more = replace(plain, values=torch.cat([values, curves]), additive=True)
        additive = replace(more, values=more.values.clone())
        additive.values[1] = math.log(0.05)  # a sum of curves and next to nothing else
        return _begun([more, additive], rows)

    best = max(tried, key=itemgetter(1))
    if best[1] <= least and (inputs == 1 or with_curves(best[0])[1] <= least):
        return best
    for plain in _followed(tried, rows, all_of_them=few):
        found.append(plain)
        if inputs > 1 and not rows.over:
            found.append(maximise(with_curves(plain[0])[0], rows, MAX_ITERATIONS))
    integrates = few and not rows.over
    return max(found, key=lambda each: integrated(each, rows) if integrates else each[1])


def _begun(starts: Sequence[Covariance], rows: EvidenceRows) -> tuple[Covariance, float]:
    """The best of some starts after their first iterations: most of them have the same end."""
    return max((maximise(start, rows, TRIAL_ITERATIONS) for start in starts), key=itemgetter(1))


def _followed(
    tried: Sequence[tuple[Covariance, float]], rows: EvidenceRows, *, all_of_them: bool
) -> list[tuple[Covariance, float]]:
    """Each family at its end, or only the best one: those that are further behind than iterations gain are not gone on with."""
    least = -math.inf if all_of_them else max(tried, key=itemgetter(1))[1] - MAX_GAIN
    ended = [maximise(start, rows, MAX_ITERATIONS) for start, value in tried if value >= least]
    return ended if all_of_them else [max(ended, key=itemgetter(1))]


def integrated(found: tuple[Covariance, float], rows: EvidenceRows) -> float:
    """The log evidence of all hyperparameters, without a constant: Laplace's approximation at the largest density (MacKay 1992).

    A number that the rows determine has cost its share of the prior; one that they do not is free.
    """
    covariance, density = found
    prior, (_, lower, upper) = _priors(covariance), _prior_normals(covariance)
    bends = []
    for step in STEP * torch.eye(len(lower), dtype=lower.dtype):
        ends = [covariance.values + step, covariance.values - step]
        up, down = (negative_evidence(replace(covariance, values=at), rows)[1] + prior(at)[1] for at in ends)
        bends.append((up - down) / (2 * STEP))
    hessian = torch.stack(bends)
    curvatures = torch.linalg.eigvalsh((hessian + hessian.T) / 2).clamp_min(MIN_CURVATURE)
    return density - float(((lower + upper) / 2).log().sum()) - float(curvatures.log().sum()) / 2


def without_idle_inputs(
    covariance: Covariance, density: float, rows: EvidenceRows, iterations: int, few: int, *, begins: bool = True
) -> tuple[Covariance, float]:
    """The covariance without the inputs from which the rows gain no more than by chance, and its log density.

    The length scales of idle inputs are long, but a dozen of them are still a dozen things that few rows do not determine. What
    has followed the noise by some of them misses each: so more noise is tried too, and the search begins anew on what is left, by
    the first `few` rows. It begins from more noise besides where all rows are few, unless it goes on from a search that did
    (`begins`).
    """
    z, starts = rows.z, [covariance]
    if rows.over:
        return covariance, density
    if begins and z.shape[1] > 1 and len(z) <= MAX_FEW_ROWS and not covariance.noise_is_known:
        starts += [maximise(_start(family, z, NOISY), rows, MAX_ITERATIONS)[0] for family in FAMILIES[:2]]
    found = min((_selected(start, rows, iterations, few) for start in starts), key=lambda one: _cost(one, rows))
    return (covariance, density) if found is covariance else (found, _density(found, rows))


def _selected(covariance: Covariance, rows: EvidenceRows, iterations: int, few: int) -> Covariance:
    """The covariance of the least cost by turns of leaving inputs out and beginning anew on what is left."""
    found, asked, some = covariance, set[tuple[bool, ...]](), rows.first(few)
    for noisier in (False, True):
        found = _without_idle_inputs(found, rows, iterations, noisier=noisier)
        while (used := found.depends).sum() > 1 and not bool(used.all()) and (key := tuple(used.tolist())) not in asked:
            asked.add(key)
            known = found.noise if found.noise_is_known else None
            anew = replace(estimate(some.among(used), known)[0].among(used), rows=len(rows.z))
            anew = anew if some is rows else maximise(anew, rows, iterations)[0]
            anew = _without_idle_inputs(anew, rows, iterations, noisier=noisier)
            if _cost(anew, rows) >= _cost(found, rows):
                break
            found = anew
    return found


def _start(family: Family, z: Tensor, noise: float, length: float = START_LENGTHS[0]) -> Covariance:
    """The covariance that a search begins with: the same length along all inputs, and lines."""
    inputs = z.shape[1]
    values = z.new_full((2 + 2 * inputs,), math.log(length * math.sqrt(inputs)))
    values[0], values[1], values[2 + inputs :] = math.log(noise), 0.0, math.log(0.1)
    return Covariance(family, values, inputs)


def _without_idle_inputs(covariance: Covariance, rows: EvidenceRows, iterations: int, *, noisier: bool) -> Covariance:
    """The covariance of the least cost with input after input left out, those first that are missed least."""
    found, least = covariance, _cost(covariance, rows)
    while int(found.depends.sum()) > 1 and not rows.over:
        ends = []
        for start in _noisier(found, rows) if noisier else [found]:
            used, path = torch.nonzero(start.depends)[:, 0].tolist(), [start]
            missed = {i: _cost(start.without(i), rows) for i in used}
            for i in sorted(used, key=missed.__getitem__)[:-1]:
                path.append(path[-1].without(i))
            ends.append(min(path, key=lambda one: _cost(one, rows)))
        ended = [maximise(end, rows, iterations)[0] for end in ends if end is not found]
        costs = [_cost(end, rows) for end in ended]
        if not ended or min(costs) >= least:
            break
        fewer, least = ended[costs.index(min(costs))], min(costs)
        done, found = bool((fewer.depends == found.depends).all()), fewer
        if done:
            break
    return found


def _noisier(covariance: Covariance, rows: EvidenceRows) -> list[Covariance]:
    """The covariance, and with more noise, up to the error of rows left out, where most of that is no noise."""
    kernel = kernel_of(covariance, rows.z, rows.z)
    left = condition(kernel, rows.t, covariance.noise * rows.inverse)[1].square().mean()
    if covariance.noise_is_known or covariance.noise > MAX_NOISE_SHARE * float(left):
        return [covariance]
    found, first = [covariance], covariance.values[0]
    for share in NOISE_LEVELS:
        values = covariance.values.clone()
        values[0] = (1 - share) * first + share * left.log() / 2
        found.append(replace(covariance, values=values))
    return found


def _density(covariance: Covariance, rows: EvidenceRows) -> float:
    """The log density that is maximised."""
    return -negative_evidence(covariance, rows, slope=False)[0] - _priors(covariance)(covariance.values)[0]


def _cost(covariance: Covariance, rows: EvidenceRows) -> float:
    """Minus the log density; what idle inputs gain by chance; and, as there are many sets of inputs, how unlikely this one is.

    Every number of inputs is as likely as another, and every set of as many (Scott & Berger, Annals of Statistics 38, 2010).
    """
    used = int(covariance.depends.sum())
    return CHANCE_GAIN * used + math.log(math.comb(covariance.inputs, used)) - _density(covariance, rows)


def maximise(start: Covariance, rows: EvidenceRows, iterations: int) -> tuple[Covariance, float]:
    """L-BFGS on the logarithms; the covariance with the best values, and the log density there."""
    d, prior, free, used = start.inputs, _priors(start), start.values.isfinite(), start.depends
    low = [math.log(MIN_NOISE), -4.0, *[-4.0] * d, *[-8.0] * d, *([-8.0] * d + [-4.0] * d) * start.additive]
    high = [math.log(MAX_NOISE), 5.0, *[8.0] * d, *[4.0] * d, *([4.0] * d + [5.0] * d) * start.additive]
    if start.noise_is_known:
        low[0] = high[0] = float(start.values[0])
    if rows.over:
        return start, _density(start, rows)
    seen = rows if bool(used.all()) else rows.among(used)

    def at(values: NDArray[np.float64]) -> Covariance:
        return replace(start, values=start.values.masked_scatter(free, torch.from_numpy(values)), rows=len(rows.t))

    def cost(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        own = replace(start, values=torch.from_numpy(values), inputs=seen.z.shape[1])
        value, slope = negative_evidence(own, seen)
        pulled, pull = prior(at(values).values)
        return value + pulled, (slope + pull[free]).numpy()

    def go_on(intermediate_result: OptimizeResult) -> None:
        if rows.over:
            raise StopIteration

    found = minimize(
        cost,
        start.values[free].numpy(),
        jac=True,
        method="L-BFGS-B",
        bounds=np.array([low, high]).T[free.numpy()],
        callback=go_on,
        options={"maxiter": iterations, "ftol": MIN_GAIN, "maxls": MAX_LINE_STEPS},
    )
    return at(found.x), -float(found.fun)


def negative_evidence(covariance: Covariance, rows: EvidenceRows, *, slope: bool = True) -> tuple[float, Tensor]:
    """Minus the log marginal likelihood, without its constant, and its derivatives (R. & W. 2006, eqs. 2.30 and 5.9).

    Without `slope` there are none, in half of the time.
    """
    t, pairs, noise = rows.t, rows.pairs, covariance.noise * rows.inverse
    values, derivatives = covariance.expand(pairs)
    matrix = t.new_zeros(len(t), len(t))

    def fill() -> Tensor:
        matrix.view(-1)[pairs.places] = values
        matrix.diagonal().add_(noise)
        return matrix

    # Factor and inverse take the place of the lower triangle, which is the upper one of a matrix in Fortran's order.
    _, failed = dpotrf(fill().numpy().T, clean=False, overwrite_a=True)
    if failed:
        matrix.copy_(cholesky_factor(fill()))
    loads = torch.cholesky_solve(t[:, None], matrix)
    value = float(t @ loads[:, 0]) / 2 + float(matrix.diagonal().log().sum())
    if not slope:
        return value, t.new_empty(0)
    dpotri(matrix.numpy().T, overwrite_c=True)
    weight = matrix.addr_(loads[:, 0], loads[:, 0], alpha=-1).div_(2)
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
        off = torch.where(values.isfinite(), values - centre, 0.0)
        width = torch.where(off > 0, upper, lower)
        return float((off / width).square().sum()) / 2, off / width.square()

    return of
