"""The effect of each input in the units of the outputs, centred, with a band where a fit knows its uncertainty."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from splinework.errors import ConfigError
from splinework.errors.foreign import explained
from splinework.interpret.importance.marginals import InputDistributions
from splinework.interpret.importance.row_function import Floats, Group, row_function

MAX_BACKGROUND = 128
"""Rows over which an effect averages the other inputs."""


@final
@dataclass(frozen=True)
class Effect:
    """The effect of one input: the mean output where it has a value, about the mean of all, `E f(x_i, z) - E f(z)`.

    Attributes:
        input: Its name.
        outputs: Name of each output.
        values: Values of its columns, `(m, columns)`: evenly spaced over the range of one, all that occur if they are few.
        effect: `(m, outputs)`, in the units of the outputs.
        width: Half width of the confidence band, `(m, outputs)`; None for what has no posterior, such as a bare network.
    """

    input: str
    outputs: tuple[str, ...]
    values: Floats
    effect: Floats
    width: Floats | None


@explained
def effects(
    predictor: Any, x: Any, *, groups: Iterable[Group] | None = None, points: int = 49, level: float = 0.9
) -> tuple[Effect, ...]:
    """The effect of each input for plotting, `E f(x_i, z) - E f(z)`: the curve itself, centred, for a sum of curves.

    The band is one of the effect, not of the prediction: the posterior of the difference, in which a constant that all values
    share has no part. That of a fit is the posterior of its network, that of an estimator the posterior of curves of its columns,
    fitted to the rows of its fit (`splinework.tabular.bands`).

    Args:
        predictor: A network, in a frame or not; a function of an array `(n, inputs)`; or, with bands, a fitted estimator or the
            result of `sw.fit`.
        x: Rows, over which the other inputs are averaged; at most 128, evenly spread over them.
        groups: Inputs that count as one, by name or index.
        points: Values of an input at most.
        level: Probability with which the band covers the effect at a value.

    Returns:
        One effect per input.

    Raises:
        ArgumentError: If the predictor is not a function.
        ShapeError: If x has another number of columns, or fewer than two rows.
        DataError: If x or the outputs are not finite numbers, or the rows of the fit are too few for a band.
        ConfigError: If a group names an unknown input, points is less than two, or level is not a probability.

    References:
        Friedman 2001 (partial dependence); for the band Wahba 1983 and `splinework.train.uncertainty`.

    Example:
        >>> x = np.linspace(-1, 1, 101)[:, None]
        >>> effects(lambda x: 3 * x[:, 0], x, points=3)[0].effect.round(12).ravel().tolist()
        [-3.0, 0.0, 3.0]
    """
    of_fit = hasattr(predictor, "contrast_widths") and not hasattr(predictor, "row_function")
    function = row_function(predictor.model if of_fit else predictor, x, groups)
    widths = predictor.contrast_widths if of_fit else function.widths
    if not points >= 2:
        raise ConfigError(f"points is the number of values of an input, at least 2, got {points}.")
    rows = function.x[:: max(1, -(-len(function.x) // MAX_BACKGROUND))]
    base = function(rows).mean(axis=0)
    marginals, found = InputDistributions(function), []
    for i, (name, columns) in enumerate(zip(function.inputs, function.columns, strict=True)):
        values, _ = marginals.points(i, points)
        if len(columns) == 1 and len(values) == points:
            own = function.x[:, columns[0]]
            values = np.linspace(own.min(), own.max(), points)[:, None]
        sets = np.repeat(rows[None], len(values), axis=0)
        sets[:, :, list(columns)] = values[:, None, :]
        outputs = function(sets.reshape(-1, rows.shape[1])).reshape(len(values), len(rows), -1)
        width = None if widths is None else widths(sets, rows, level=level)
        band = None if width is None else np.asarray(width)
        found.append(Effect(name, function.outputs, values, outputs.mean(axis=1) - base, band))
    return tuple(found)
