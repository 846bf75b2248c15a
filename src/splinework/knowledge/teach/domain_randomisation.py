"""Domain randomisation: a simulator whose parameters are not known exactly is run with many of them.

Where a parameter is known on the real side, it becomes an input of the model (`randomised`); where it is not, a model can only
learn the mean over its prior, and should state its spread (`marginalised`). See Tobin et al. 2017,
arXiv 1703.06907.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc, uniform

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.errors.foreign import explained
from splinework.knowledge.teach.query_points import rows_of

Floats = NDArray[np.float64]
Simulator = Callable[..., Any]
"""`simulator(x, **parameters)` with x `(n, p)` and each parameter `(n,)`, giving `(n,)` or `(n, q)`."""


@final
@dataclass(frozen=True)
class RandomisedRows:
    """Rows of a simulator with its parameters as inputs.

    Attributes:
        x: Inputs and then parameters, `(n, p + k)`.
        y: Outputs, `(n, q)`.
        names: Names of all columns of x.
    """

    x: Floats
    y: Floats
    names: tuple[str, ...]


@explained
def randomised(
    simulator: Simulator, x: Any, parameters: Mapping[str, Any], *, names: tuple[str, ...] = (), seed: int = 0
) -> RandomisedRows:
    """Runs the simulator once per row, each time with other parameters, which become inputs.

    Args:
        simulator: Takes x `(n, p)` and each parameter `(n,)` by name.
        x: Where, `(n, p)`.
        parameters: Prior of each parameter: `(low, high)`, or a distribution of `scipy.stats` such as `norm(1, 0.1)`.
        names: Names of the columns of x; by default `x1`, `x2`, ….
        seed: Seed of the parameters, a Sobol sequence in their distributions.

    Returns:
        The rows, with the parameters as further inputs.

    Raises:
        ConfigError: For a parameter that is not a distribution, or a name that comes twice.
        ShapeError: If x, names and what the simulator gives do not fit.
        DataError: If the simulator gives no finite numbers.

    >>> table = randomised(lambda x, k: k * x[:, 0], np.ones((8, 1)), {"k": (1, 2)})
    >>> table.names, bool((table.y[:, 0] == table.x[:, 1]).all())
    (('x1', 'k'), True)
    """
    rows, priors = _checked(x, parameters)
    names = tuple(names) or tuple(f"x{i + 1}" for i in range(rows.shape[1]))
    every = (*names, *priors)
    if len(names) != rows.shape[1]:
        raise ShapeError(f"names has one entry per column of x, {rows.shape[1]}, got {len(names)}.")
    if len(set(every)) != len(every):
        raise ConfigError(f"names of inputs and parameters differ from each other, got {list(every)}.")
    drawn = _drawn(priors, len(rows), seed)
    y = _run(simulator, rows, drawn)
    return RandomisedRows(np.concatenate([rows, *(column[:, None] for column in drawn.values())], 1), y, every)


@explained
def marginalised(
    simulator: Simulator, x: Any, parameters: Mapping[str, Any], *, draws: int = 32, seed: int = 0
) -> tuple[Floats, Floats]:
    """Mean and standard deviation of the outputs over the priors of the parameters, `(n, q)` each.

    Args:
        simulator: As for `randomised`.
        x: Where, `(n, p)`.
        parameters: As for `randomised`.
        draws: Number of draws of the parameters, the same for all rows; rounded up to a power of two.
        seed: Seed of the draws.

    Returns:
        Mean and standard deviation, each `(n, q)` in the units of the simulator.

    Raises:
        ConfigError: For a parameter that is not a distribution, or fewer than 2 draws.
        ShapeError: If x and what the simulator gives do not fit.
        DataError: If the simulator gives no finite numbers.

    >>> mean, deviation = marginalised(lambda x, k: k * x[:, 0], np.ones((8, 1)), {"k": (1, 2)})
    >>> mean.shape, bool(abs(mean[0, 0] - 1.5) < 0.02)
    ((8, 1), True)
    """
    rows, priors = _checked(x, parameters)
    if not (isinstance(draws, int) and draws >= 2):
        raise ConfigError(f"draws is a whole number, at least 2, got {draws!r}.")
    count = 2 ** int(np.ceil(np.log2(draws)))
    drawn = _drawn(priors, count, seed)
    many = {name: np.repeat(values, len(rows)) for name, values in drawn.items()}
    y = _run(simulator, np.tile(rows, (count, 1)), many)
    each = y.reshape(count, len(rows), -1)
    return each.mean(0), each.std(0)


def _checked(x: Any, parameters: Any) -> tuple[Floats, dict[str, Any]]:
    rows = rows_of(x)
    if not isinstance(parameters, Mapping) or not parameters:
        raise ConfigError(f'parameters is a dict such as {{"k": (0.9, 1.1)}}, got {parameters!r}.')
    priors = {}
    for name, prior in parameters.items():
        if hasattr(prior, "ppf"):
            priors[str(name)] = prior
            continue
        try:
            low, high = (float(end) for end in prior)
        except (TypeError, ValueError):
            low, high = 1.0, 0.0
        if not -np.inf < low <= high < np.inf:
            raise ConfigError(
                f"{name} is drawn from (low, high), both finite, or from a distribution of scipy.stats; got {prior!r}."
            )
        priors[str(name)] = uniform(low, high - low)
    return rows, priors


def _drawn(priors: Mapping[str, Any], count: int, seed: int) -> dict[str, Floats]:
    sobol = qmc.Sobol(len(priors), seed=seed).random_base2(int(np.ceil(np.log2(max(count, 1)))))[:count]
    inner = np.clip(sobol, 1e-9, 1 - 1e-9)  # a quantile of 0 may be infinite
    return {name: np.asarray(prior.ppf(inner[:, k])) for k, (name, prior) in enumerate(priors.items())}


def _run(simulator: Simulator, rows: Floats, drawn: Mapping[str, Floats]) -> Floats:
    y = np.asarray(simulator(rows, **drawn), dtype=np.float64)
    y = y[:, None] if y.ndim == 1 else y
    if y.ndim != 2 or len(y) != len(rows):
        raise ShapeError(f"the simulator gives one output per row, ({len(rows)},) or ({len(rows)}, q), got {y.shape}.")
    if not np.isfinite(y).all():
        raise DataError("the simulator gives values that are not finite; narrow its parameters or inputs.")
    return y
