"""Permutation importance: how much the error on held-out rows grows where an input is permuted."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from splinework.errors import ConfigError
from splinework.errors.foreign import explained
from splinework.interpret.importance.marginals import exchanged
from splinework.interpret.importance.row_function import Floats, Group, RowFunction, row_function


@final
@dataclass(frozen=True)
class PermutationImportance:
    """Growth of the loss for each input and output, `(inputs, outputs)`.

    Attributes:
        importance: Mean growth; of a squared error in variances of y, so that it is the loss of R².
        error: Its standard error over the permutations.
        loss: The loss without permutation, `(outputs,)`.
    """

    importance: Floats
    error: Floats
    loss: Floats


@explained
def permutation_importance(
    predictor: Any, x: Any, y: Any, *, groups: Iterable[Group] | None = None, repeats: int = 10, seed: int = 0
) -> PermutationImportance:
    """Growth of the loss where an input's values are permuted among the rows, `E L(f(x_π), y) - E L(f(x), y)`.

    On rows that a fit has not seen, an input that only helps to repeat noise has about zero or less. For a network and a function
    the loss is the squared error over the variance of y, for an estimator its own.

    Args:
        predictor: A network, in a frame or not; a fitted estimator; or a function of an array `(n, inputs)`.
        x: Held-out rows `(n, inputs)`.
        y: Their targets, `(n,)` or `(n, outputs)`.
        groups: Inputs that are permuted together, by name or index.
        repeats: Permutations of each input, at least two.
        seed: Seed of the permutations.

    Returns:
        The growth of the loss for every input and output, with its standard error.

    Raises:
        ArgumentError: If the predictor is not a function.
        ShapeError: If x has another number of columns, or y another number of rows or outputs.
        DataError: If x or y are not finite numbers.
        ConfigError: If a group names an unknown input, or there are fewer than two repeats.

    References:
        Breiman 2001 (random forests); Fisher, Rudin and Dominici 2019 (any model).

    Example:
        >>> x = np.random.default_rng(0).normal(size=(500, 2))
        >>> found = permutation_importance(lambda x: x[:, 0], x, x[:, 0])
        >>> found.importance.round(1).ravel().tolist()
        [2.0, 0.0]
    """
    return permuted(row_function(predictor, x, groups), y, repeats=repeats, seed=seed)


def permuted(function: RowFunction, y: Any, *, repeats: int = 10, seed: int = 0) -> PermutationImportance:
    """`permutation_importance` of a `RowFunction`."""
    if not repeats >= 2:
        raise ConfigError(f"a standard error needs at least 2 repeats of each permutation, got {repeats}; try 10.")
    losses = _squared(function, y) if function.loss is None else lambda outputs: _loss(function, outputs, y)
    generator = np.random.default_rng(seed)
    before = losses(function(function.x))
    mean, error = np.zeros((2, len(function.inputs), len(function.outputs)))
    for i, columns in enumerate(function.columns):
        if columns:
            orders = (generator.permutation(len(function.x)) for _ in range(repeats))
            mixed = (exchanged(function, function.x, function.x[order], [i]) for order in orders)
            growth = np.array([losses(function(rows)) - before for rows in mixed])
            mean[i], error[i] = growth.mean(axis=0), growth.std(axis=0, ddof=1) / np.sqrt(repeats)
    return PermutationImportance(mean, error, before)


def _squared(function: RowFunction, y: Any) -> Any:
    targets = function.targets(y, len(function.x))
    variance = targets.var(axis=0)
    scale = np.where(variance > 0, variance, 1.0)
    return lambda outputs: ((outputs - targets) ** 2).mean(axis=0) / scale


def _loss(function: RowFunction, outputs: Floats, y: Any) -> Floats:
    """The estimator's own loss, the same for all outputs."""
    assert function.loss is not None
    return np.broadcast_to(function.loss(outputs, y).mean(axis=0), (len(function.outputs),))
