"""Sobol indices: the share of a function's variance that an input explains alone, and the share that is gone without it.

With independent inputs `f = f_0 + Σ_i f_i + Σ_ij f_ij + …`, and all terms are uncorrelated (Sobol 1993, "Sensitivity estimates
for nonlinear mathematical models"). The first-order index is `S_i = Var(f_i) / Var(f)`, the total index `T_i` the share of all
terms with input i (Homma and Saltelli 1996). Paths of a network that cancel have neither.

A network is first taken apart: inputs that its edges do not join have no term in common, so each set of joined inputs is looked
at by itself, and an input alone has `S_i = T_i = Var(f_i) / Var(f)` exactly. Two or three joined inputs are integrated over a
grid of their quantiles; more are sampled quasi-randomly (Saltelli et al. 2010, "Variance based sensitivity analysis of model
output", table 2, formulas b and f), with scrambled sequences whose spread gives the standard error (Owen 1998).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, final

import numpy as np
from scipy.stats import qmc

from splinework.errors import ConfigError
from splinework.errors.foreign import explained
from splinework.interpret.importance.marginals import InputDistributions, exchanged
from splinework.interpret.importance.row_function import Floats, Group, RowFunction, row_function
from splinework.interpret.importance.structure import input_components

GRID_POINTS = {2: 128, 3: 32}
"""Quantiles per input of two or three joined inputs."""
SCRAMBLES = 8
"""Independent scrambled sequences, whose spread is the standard error."""


@final
@dataclass(frozen=True)
class SobolIndices:
    """Sobol indices of every input for every output, each `(inputs, outputs)`.

    Attributes:
        first: First-order indices.
        first_error: Their standard errors; zero where they are not sampled.
        total: Total indices.
        total_error: Their standard errors.
        variance: Variance of each output with independent inputs, `(outputs,)`.
    """

    first: Floats
    first_error: Floats
    total: Floats
    total_error: Floats
    variance: Floats


@explained
def sobol_indices(
    predictor: Any, x: Any, *, groups: Iterable[Group] | None = None, samples: int = 8192, seed: int = 0
) -> SobolIndices:
    """First-order and total Sobol indices, `S_i = Var(E[f|x_i]) / Var(f)` and `T_i = E[Var(f|x_~i)] / Var(f)`.

    The inputs are taken as independent, each distributed as in the rows. Inputs that are not belong into one group, which is
    drawn as a whole, from one row (Jacques, Lavergne and Devictor 2006).

    Args:
        predictor: A network, in a frame or not; a fitted estimator; or a function of an array `(n, inputs)`.
        x: Rows, whose columns say how each input is distributed, at least two.
        groups: Inputs that belong together, by name or index, such as `[["width", "height"]]`.
        samples: Points of the quasi-random sample, rounded to eight powers of two.
        seed: Seed of the scrambling.

    Returns:
        The indices of every input, or group, for every output.

    Raises:
        ArgumentError: If the predictor is not a function.
        ShapeError: If x has another number of columns, or fewer than two rows.
        DataError: If x or the outputs are not finite numbers.
        ConfigError: If a group names an unknown input, or samples is less than 64.

    Example:
        >>> x = np.random.default_rng(0).uniform(-1, 1, (1000, 3))
        >>> found = sobol_indices(lambda x: x[:, 0] * x[:, 1], x)
        >>> found.first.round(2).ravel().tolist(), found.total.round(2).ravel().tolist()
        ([0.0, 0.0, 0.0], [1.0, 1.0, 0.0])
    """
    return indices_of(row_function(predictor, x, groups), samples=samples, seed=seed)


def indices_of(function: RowFunction, *, samples: int = 8192, seed: int = 0) -> SobolIndices:
    """`sobol_indices` of a `RowFunction`."""
    if not samples >= 8 * SCRAMBLES:
        raise ConfigError(f"samples is a number of points, at least {8 * SCRAMBLES}, got {samples}.")
    marginals, shape = InputDistributions(function), (len(function.inputs), len(function.outputs))
    first, total = np.zeros(shape), np.zeros(shape)
    first_error, total_error, variance = np.zeros(shape), np.zeros(shape), np.zeros(shape[1])
    for joined in input_components(function.network, function.columns):
        own = list(joined)
        if len(own) <= max(GRID_POINTS):
            parts, whole = _by_grid(marginals, own)
            first[own], total[own] = parts
        else:
            parts, errors, whole = _by_sampling(marginals, own, samples, seed)
            first[own], total[own] = parts
            first_error[own], total_error[own] = errors
        variance += whole
    scale = np.where(variance > 0, variance, 1.0)
    return SobolIndices(first / scale, first_error / scale, total / scale, total_error / scale, variance)


def _by_grid(marginals: InputDistributions, inputs: Sequence[int]) -> tuple[tuple[Floats, Floats], Floats]:
    """Variances of one to three inputs, first-order and total, `(k, q)`, and of all together, `(q,)`, by a product grid."""
    points = [marginals.points(i, GRID_POINTS.get(len(inputs), len(marginals.function.x))) for i in inputs]
    places = np.array(list(product(*(range(len(w)) for _, w in points)))).T
    rows = marginals.rows(inputs, [values[at] for (values, _), at in zip(points, places, strict=True)])
    values = marginals.function(rows).reshape(*(len(w) for _, w in points), -1)
    weights = [w for _, w in points]
    values = values - _mean(values, weights, range(len(inputs)))
    whole = _mean(values**2, weights, range(len(inputs)))
    first, total = [], []
    for axis in range(len(inputs)):
        others = [other for other in range(len(inputs)) if other != axis]
        first.append(_mean(_mean(values, weights, others) ** 2, weights, range(len(inputs))))
        total.append(whole - _mean(_mean(values, weights, [axis]) ** 2, weights, range(len(inputs))))
    whole = whole.reshape(-1)
    return (np.reshape(first, (len(inputs), -1)), np.maximum(np.reshape(total, (len(inputs), -1)), 0)), whole


def _mean(values: Floats, weights: Sequence[Floats], axes: Iterable[int]) -> Floats:
    """Expectation over some axes, which stay, with one entry where they are averaged."""
    for axis in axes:
        if values.shape[axis] > 1:
            values = np.expand_dims(np.tensordot(weights[axis], values, axes=(0, axis)), axis)
    return values


def pairs_of_samples(
    marginals: InputDistributions, inputs: Sequence[int], samples: int, seed: int
) -> Iterable[tuple[Floats, Floats]]:
    """Two independent samples of rows `(n, p)` of these inputs, the others typical, once for each scrambling."""
    count = 2 ** round(np.log2(samples / SCRAMBLES))
    for number in range(SCRAMBLES):
        u = qmc.Sobol(2 * len(inputs), seed=np.random.default_rng([seed, number])).random(count)
        halves = u[:, : len(inputs)], u[:, len(inputs) :]
        a, b = (
            marginals.rows(inputs, [marginals.quantiles(i, half[:, k]) for k, i in enumerate(inputs)])
            for half in halves
        )
        yield a, b


def _by_sampling(
    marginals: InputDistributions, inputs: Sequence[int], samples: int, seed: int
) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats], Floats]:
    """Variances of inputs, first-order and total, `(k, q)`, their standard errors, and that of all together, `(q,)`."""
    function = marginals.function
    parts, wholes = [], []
    for a, b in pairs_of_samples(marginals, inputs, samples, seed):
        of_a, of_b = function(a), function(b)
        both = np.concatenate([of_a, of_b])
        middle, whole = both.mean(axis=0), both.var(axis=0)
        one = []
        for i in inputs:
            mixed = function(exchanged(function, a, b, [i]))
            one.append([((of_b - middle) * (mixed - of_a)).mean(axis=0), 0.5 * ((of_a - mixed) ** 2).mean(axis=0)])
        parts.append(one)
        wholes.append(whole)
    found = np.array(parts)  # (scrambles, k, 2, q)
    mean, error = found.mean(axis=0), found.std(axis=0, ddof=1) / np.sqrt(SCRAMBLES)
    return (mean[:, 0], mean[:, 1]), (error[:, 0], error[:, 1]), np.mean(wholes, axis=0)
