"""Pairs of inputs that act together: how much of the variance, and the surface of each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, final

import numpy as np

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.errors.foreign import explained
from splinework.interpret.importance.marginals import InputDistributions, exchanged
from splinework.interpret.importance.pair_tests import PairTests
from splinework.interpret.importance.row_function import Floats, Group, RowFunction, row_function
from splinework.interpret.importance.sobol import SCRAMBLES, pairs_of_samples
from splinework.interpret.importance.structure import input_components

if TYPE_CHECKING:
    import pandas as pd

MIN_SHARE = 1e-6
"""Total share of the variance below which an input is not looked at in pairs."""
MIN_TESTED_ROWS = 20
"""Rows below which nothing is tested."""
MAX_BACKGROUND = 256
"""Rows over which a surface averages the other inputs."""


@final
@dataclass(frozen=True)
class PairInteractions:
    """The interaction of each pair of inputs.

    Attributes:
        inputs: Name of each input.
        outputs: Name of each output.
        pairs: Indices of the inputs of each pair, in order.
        share: Share of the variance that both are part of, `(pairs, outputs)`.
        error: Its standard error; zero where the structure of a network excludes the interaction.
        p_value: Probability of targets that differ as much from a function without the interaction, where the truth has none,
            `(pairs, outputs)`; None without targets. It is one of each pair: of twenty idle ones, one is below 0.05 by chance.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    pairs: tuple[tuple[int, int], ...]
    share: Floats
    error: Floats
    p_value: Floats | None = None

    @property
    def table(self) -> "pd.DataFrame":
        """The strongest pair first: `input`, `with`, `share`, `standard error` and, if there are targets, `p-value`.

        Of several outputs each pair has the one where its share is largest.
        """
        import pandas as pd

        best = self.share.argmax(axis=1) if len(self.pairs) else np.zeros(0, int)
        at = np.arange(len(self.pairs))
        columns = {
            "input": [self.inputs[i] for i, _ in self.pairs],
            "with": [self.inputs[j] for _, j in self.pairs],
            "share": self.share[at, best],
            "standard error": self.error[at, best],
        }
        if self.p_value is not None:
            columns["p-value"] = self.p_value[at, best]
        return pd.DataFrame(columns).sort_values("share", ascending=False, kind="stable", ignore_index=True)

    def __str__(self) -> str:
        short = {"p-value": lambda value: f"{value:.2g}"} if self.p_value is not None else {}
        return self.table.to_string(index=False, formatters=short, float_format=lambda value: f"{value:.4f}")


@explained
def interactions(
    predictor: Any, x: Any, y: Any = None, *, groups: Iterable[Group] | None = None, samples: int = 8192, seed: int = 0
) -> PairInteractions:
    """The share of the variance that each pair of inputs has together, `Σ_{A ∋ i, j} Var(f_A) / Var(f)`.

    That is the superset importance, `¼ E[(f(x) - f(x_i') - f(x_j') + f(x_ij'))²]` over the variance: all terms of which both are
    part, so that it vanishes exactly where they do not act together. Inputs are taken as independent, as in `sobol_indices`.

    The share is of the function; whether the data have the interaction, too, say the p-values: with the targets of rows that the
    fit has not seen, the function without its interaction of a pair is tested against products of polynomials of both inputs, by
    a score test that noise of unequal variance does not mislead (`pair_tests.py`). So a fit to noise has a share, but no small
    p-value, and an interaction that the fit has missed has a small p-value, but no share. On rows of the fit itself the
    residuals are too small, and the p-values with them; with correlated inputs these are somewhat too small, too.

    Args:
        predictor: A network, in a frame or not; a fitted estimator; or a function of an array `(n, inputs)`.
        x: Rows, at least two; for p-values rows that the fit has not seen.
        y: Their targets, as the predictor was fitted to them, for p-values.
        groups: Inputs that count as one, by name or index.
        samples: Points of the quasi-random sample.
        seed: Seed of the scrambling.

    Returns:
        The share of every pair with its standard error and, with targets, its p-value, which prints as a table.

    Raises:
        ArgumentError: If the predictor is not a function.
        ShapeError: If x has another number of columns, or fewer than two rows; or y another number of rows or outputs.
        DataError: If x, y or the outputs are not finite numbers, or there are fewer than 20 rows with targets.
        ConfigError: If a group names an unknown input, or samples is less than 64.

    References:
        Liu and Owen 2006 ("Estimating mean dimensionality of analysis of variance decompositions", JASA 101, 712); Wooldridge
        1991 ("On the application of robust, regression-based diagnostics", Journal of Econometrics 47, 5).

    Example:
        >>> x = np.random.default_rng(0).uniform(-1, 1, (1000, 3))
        >>> found = interactions(lambda x: x[:, 0] * x[:, 1] + x[:, 2], x)
        >>> found.table.round(1).values.tolist()[:2]
        [['x1', 'x2', 0.3, 0.0], ['x1', 'x3', 0.0, 0.0]]
    """
    if not samples >= 8 * SCRAMBLES:
        raise ConfigError(f"samples is a number of points, at least {8 * SCRAMBLES}, got {samples}.")
    function = row_function(predictor, x, groups)
    count, outputs = len(function.inputs), len(function.outputs)
    parts = np.zeros((SCRAMBLES, count, count, outputs))
    variance = np.zeros(outputs)
    for joined in input_components(function.network, function.columns):
        samples_of = pairs_of_samples(InputDistributions(function), joined, samples, seed)
        for number, (a, b) in enumerate(samples_of):
            before = function(a)
            whole = before.var(axis=0)
            variance += whole / SCRAMBLES
            alone = {i: function(exchanged(function, a, b, [i])) for i in (joined if len(joined) > 1 else ())}
            # No pair has a larger share than the total share of either input.
            acting = [i for i, mixed in alone.items() if np.any(_mean_square(before - mixed) > 2 * MIN_SHARE * whole)]
            for i, j in combinations(acting, 2):
                both = function(exchanged(function, a, b, [i, j]))
                parts[number, i, j] = 0.25 * _mean_square(before - alone[i] - alone[j] + both)
    first, second = np.triu_indices(count, 1)
    found = parts[:, first, second] / np.where(variance > 0, variance, 1.0)
    error = found.std(axis=0, ddof=1) / np.sqrt(SCRAMBLES)
    pairs = tuple(zip(first.tolist(), second.tolist(), strict=True))
    share = found.mean(axis=0)
    p_value = None if y is None else _p_values(function, y, pairs, share, seed)
    return PairInteractions(function.inputs, function.outputs, pairs, share, error, p_value)


def _p_values(function: RowFunction, y: Any, pairs: Sequence[tuple[int, int]], share: Floats, seed: int) -> Floats:
    """The p-value of each pair, `(pairs, outputs)`."""
    if np.ndim(y) == 0 or len(y) != len(function.x):
        raise ShapeError(f"y has a row for each of the {len(function.x)} of x, got {np.shape(y)}.")
    if len(function.x) < MIN_TESTED_ROWS:
        raise DataError(
            f"p-values need at least {MIN_TESTED_ROWS} rows, got {len(function.x)}; give more, or leave y out."
        )
    acts = np.any(share > 0, axis=1).tolist()
    tests = PairTests(function, y, sum(acts), seed)
    found = [tests.p_values(i, j, acts=own) for (i, j), own in zip(pairs, acts, strict=True)]
    return np.array(found).reshape(share.shape)


def _mean_square(changes: Floats) -> Floats:
    return np.asarray((changes**2).mean(axis=0))


@final
@dataclass(frozen=True)
class PairSurface:
    """The surface of two inputs on a grid, in the units of the outputs, and their interaction.

    Attributes:
        inputs: Names of both inputs.
        outputs: Name of each output.
        x: Values of the first, `(m,)`.
        y: Values of the second, `(n,)`.
        joint: Mean output where both have these values, about the mean of all, `(m, n, outputs)`.
        interaction: The rest of it without a sum of a function of each, `(m, n, outputs)`.
    """

    inputs: tuple[str, str]
    outputs: tuple[str, ...]
    x: Floats
    y: Floats
    joint: Floats
    interaction: Floats


@explained
def pair_surface(predictor: Any, x: Any, first: str | int, second: str | int, *, points: int = 33) -> PairSurface:
    """The surface of a pair of inputs: the mean output where they have given values, `E f(x_i, x_j, z) - E f(z)`.

    Args:
        predictor: A network, in a frame or not; a fitted estimator; or a function of an array `(n, inputs)`.
        x: Rows, over which the other inputs are averaged; at most 256, evenly spread over them.
        first: One input, of one column, by name or index.
        second: The other one.
        points: Values of each input, evenly spaced over its range.

    Returns:
        The surface, and what of it is not a sum of both inputs' own effects.

    Raises:
        ArgumentError: If the predictor is not a function.
        ShapeError: If x has another number of columns, or fewer than two rows.
        DataError: If x or the outputs are not finite numbers.
        ConfigError: If there is no such input, both are one, or it has several columns.

    References:
        Friedman 2001 (partial dependence); Friedman and Popescu 2008 (its interactions).

    Example:
        >>> x = np.random.default_rng(0).uniform(-1, 1, (100, 3))
        >>> surface = pair_surface(lambda x: x[:, 0] * x[:, 1] + x[:, 2], x, "x1", "x2", points=3)
        >>> surface.interaction.shape, bool(abs(surface.interaction).max() > 0.5)
        ((3, 3, 1), True)
    """
    function = row_function(predictor, x)
    places = [function.place(first), function.place(second)]
    columns = [_one_column(function, i) for i in places]
    if columns[0] == columns[1]:
        raise ConfigError(f"a surface is one of two inputs, got {first!r} twice.")
    if not points >= 2:
        raise ConfigError(f"points is the number of values of each input, at least 2, got {points}.")
    rows = function.x[:: max(1, -(-len(function.x) // MAX_BACKGROUND))]
    ends = [np.linspace(function.x[:, c].min(), function.x[:, c].max(), points) for c in columns]

    def mean(grid: Floats, own: list[int]) -> Floats:
        """Mean outputs over the rows where columns have the values of a grid `(m, c)`."""
        filled = np.repeat(rows[None], len(grid), axis=0)
        filled[:, :, own] = grid[:, None, :]
        values = function(filled.reshape(-1, rows.shape[1]))
        return np.asarray(values.reshape(len(grid), len(rows), -1).mean(axis=1))

    grid = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 2)
    base = function(rows).mean(axis=0)
    joint = mean(grid, columns).reshape(points, points, -1) - base
    alone = [mean(values[:, None], [c]) - base for values, c in zip(ends, columns, strict=True)]
    names = (function.inputs[places[0]], function.inputs[places[1]])
    rest = joint - alone[0][:, None] - alone[1][None]
    return PairSurface(names, function.outputs, ends[0], ends[1], joint, rest)


def _one_column(function: RowFunction, i: int) -> int:
    if len(function.columns[i]) != 1:
        raise ConfigError(
            f"{function.inputs[i]} has {len(function.columns[i])} columns, so it has no axis; take an input of numbers."
        )
    return function.columns[i][0]
