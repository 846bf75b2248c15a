"""Bayesian least squares near a known solution: the prior variance of each block of numbers maximises the evidence.

`r = A z + noise` with `z_j ~ N(0, v_b)` for the numbers of block b. The variances `v_b` and that of the noise maximise the
marginal likelihood, by the fixed point of MacKay (1992, "Bayesian interpolation", eq. 4.9): each block's variance becomes its
mean square per number that the rows have determined.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor

NO_PRIOR = -1
"""Block of numbers that have no prior."""
MAX_UPDATES, MAX_UPDATES_PER_STEP, VARIANCE_TOLERANCE = 200, 12, 3e-3
"""Most updates of the variances, most between two Gauss–Newton steps, and the share by which none changes when they are found."""
MIN_RESTART_SHARE = 1e-3
"""Share of the variance of a fresh start below which none begins."""
MIN_NOISE = 1e-12
"""Smallest variance of the noise, in units of the mean square of what is to be explained."""
MAX_STEPS, MAX_HALVINGS, MIN_RELATIVE_DECREASE = 20, 8, 1e-4
"""Most Gauss–Newton steps, halvings of one, and the share of the objective of which a smaller gain ends them."""

At = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From numbers `(P,)` to values `(n,)` and their derivatives `(n, P)`."""


@final
@dataclass(frozen=True)
class EvidenceFit:
    """The result of evidence maximisation.

    Attributes:
        numbers: Posterior mean, `(P,)`.
        variances: Prior variance of each block.
        noise: Variance of the noise.
        freedom: How many numbers the rows have determined, per block.
        evidence: Logarithm of the marginal likelihood.
    """

    numbers: Tensor
    variances: Tensor
    noise: float
    freedom: Tensor
    evidence: float


@torch.no_grad()
def maximise_evidence(
    columns: Tensor, target: Tensor, blocks: Tensor, *, near: EvidenceFit | None = None, rounds: int = MAX_UPDATES
) -> EvidenceFit:
    """The posterior mean under the variances that the rows ask for.

    Args:
        columns: A, `(n, P)`; only the products of a column and the square root of its variance matter.
        target: r, `(n,)`.
        blocks: Block of every number, `(P,)`, from 0 on; `NO_PRIOR` has no prior.
        near: The result of a similar problem, whose variances are the start.
        rounds: Most updates of the variances.
    """
    free = blocks == NO_PRIOR
    order = torch.cat([free.nonzero()[:, 0], (~free).nonzero()[:, 0]])
    # A rotation leaves the noise as it is; after this one the free numbers have their own rows, and many rows are few.
    triangle = torch.linalg.qr(torch.cat([columns[:, order], target[:, None]], 1), mode="r").R
    unbound = int(free.sum())
    rows = max(len(columns) - unbound, 1)
    found = _weighed(triangle[unbound:, unbound:-1], triangle[unbound:, -1], blocks[~free], rows, near, rounds)
    numbers = columns.new_zeros(columns.shape[1])
    numbers[~free] = found.numbers
    if unbound:
        own = triangle[:unbound, -1] - triangle[:unbound, unbound:-1] @ found.numbers
        numbers[free] = torch.linalg.lstsq(triangle[:unbound, :unbound], own[:, None], driver="gelsd").solution[:, 0]
    return replace(found, numbers=numbers)


def _weighed(
    columns: Tensor, target: Tensor, blocks: Tensor, count: int, near: EvidenceFit | None, rounds: int
) -> EvidenceFit:
    """The fixed point, where every number has a prior; `count` rows stand behind those that a rotation has left."""
    number = int(blocks.max()) + 1 if len(blocks) else 0
    zero = columns.new_zeros(number)
    scale = float(target.square().sum()) / count or 1.0
    reach = zero.index_add(0, blocks, columns.square().sum(0)) / count
    variances = torch.where(reach > 0, scale / reach.clamp_min(1e-300) / max(number, 1), 0.0)
    noise, freedom, evidence, numbers = 0.1 * scale, zero, -math.inf, columns.new_zeros(len(blocks))
    if near is not None:  # a block that had gone may come back: from nothing it would not
        variances, noise = torch.maximum(near.variances, MIN_RESTART_SHARE * variances), near.noise
    for _ in range(rounds):
        prior = variances[blocks]
        covariance = (columns * prior) @ columns.T
        covariance.diagonal().add_(noise)
        factor = torch.linalg.cholesky(covariance)
        whitened = torch.linalg.solve_triangular(factor, torch.cat([columns, target[:, None]], 1), upper=False)
        seen, pull = whitened[:, :-1], whitened[:, -1]
        numbers = prior * (seen.T @ pull)
        determined = prior * seen.square().sum(0)
        freedom = zero.index_add(0, blocks, determined)
        evidence = -0.5 * float(pull @ pull + 2 * factor.diagonal().log().sum())
        evidence -= 0.5 * (count - len(target)) * math.log(noise)
        squares = zero.index_add(0, blocks, numbers.square())
        fresh = torch.where(freedom > 1e-12, squares / freedom.clamp_min(1e-300), variances)
        left = float((target - columns @ numbers).square().sum())
        quiet = max(left / max(count - float(determined.sum()), 0.05 * count), MIN_NOISE * scale)
        # A block that the rows want gone shrinks by a factor each time and never settles; what it still does counts for none.
        size = reach / scale
        settled = bool(((fresh - variances).abs() * size <= VARIANCE_TOLERANCE * (variances * size + 1e-6)).all())
        settled &= abs(quiet - noise) <= VARIANCE_TOLERANCE * noise
        variances, noise = fresh, quiet
        if settled:
            break
    return EvidenceFit(numbers, variances, noise, freedom, evidence)


@torch.no_grad()
def maximise_evidence_nonlinear(at: At, target: Tensor, blocks: Tensor) -> EvidenceFit:
    """The same for values that are not linear in their parameters, by Gauss–Newton steps from zero.

    Args:
        at: Values and derivatives at some numbers.
        target: Target values, `(n,)`.
        blocks: As in `maximise_evidence`.
    """
    numbers = target.new_zeros(len(blocks))
    values, columns = at(numbers)
    found = maximise_evidence(columns, target - values + columns @ numbers, blocks, rounds=MAX_UPDATES_PER_STEP)
    for _ in range(MAX_STEPS):
        before, move, share = _objective(target - values, numbers, blocks, found), found.numbers - numbers, 1.0
        for _ in range(MAX_HALVINGS):
            trial = numbers + share * move
            there, slopes = at(trial)
            after = _objective(target - there, trial, blocks, found)
            if after <= before:
                break
            share /= 2
        else:
            break
        numbers, values, columns = trial, there, slopes
        found = maximise_evidence(
            columns, target - values + columns @ numbers, blocks, near=found, rounds=MAX_UPDATES_PER_STEP
        )
        if before - after <= MIN_RELATIVE_DECREASE * abs(before):
            break
    last = maximise_evidence(columns, target - values + columns @ numbers, blocks, near=found)
    there, _ = at(last.numbers)
    if _objective(target - there, last.numbers, blocks, last) <= _objective(target - values, numbers, blocks, last):
        return last
    return replace(last, numbers=numbers)


def _objective(left: Tensor, numbers: Tensor, blocks: Tensor, found: EvidenceFit) -> float:
    """Twice the negative logarithm of the posterior density, at given variances, up to a constant."""
    bound = blocks != NO_PRIOR
    prior = found.variances[blocks[bound]].clamp_min(1e-300)
    return float(left.square().sum()) / found.noise + float((numbers[bound].square() / prior).sum())
