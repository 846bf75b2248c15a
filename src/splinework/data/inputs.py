"""Recipes of inputs: a name, a range with its unit, a distribution; and the dependence between several of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, final, get_args

import numpy as np

from splinework.data.random_streams import Floats
from splinework.errors import ConfigError, nearest
from splinework.formula.reading import positions

Distribution = Literal["uniform", "loguniform", "normal", "integer"]
_SIGMAS: Final = 3.0
"""Standard deviations from the middle of a normal input to either end of its range."""


@final
@dataclass(frozen=True)
class Input:
    """One input.

    Attributes:
        name: Of its column.
        low: Smallest value.
        high: Largest value.
        unit: Of the values, such as `m/s`; empty for none given.
        distribution: `uniform`; `loguniform` (of positive values); `normal` about the middle of the range, whose ends are 3
            standard deviations off and cut what is beyond; `integer` (each whole number of the range alike).

    Raises:
        ConfigError: If the range is empty or not finite, or does not suit the distribution.

    Example:
        >>> Input("v", 1, 100, "m/s", "loguniform").values(np.array([0.5])).tolist()
        [10.0]
    """

    name: str
    low: float = -1.0
    high: float = 1.0
    unit: str = ""
    distribution: Distribution = "uniform"

    def __post_init__(self) -> None:
        positions([self.name])
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ConfigError(
                f"the range of {self.name!r} runs from a lower to a higher finite number, got {self.low} to {self.high}."
            )
        if self.distribution not in get_args(Distribution):
            raise ConfigError(
                f"no distribution {self.distribution!r} for {self.name!r}; "
                f"{nearest(self.distribution, get_args(Distribution))}"
            )
        if self.distribution == "loguniform" and self.low <= 0:
            raise ConfigError(
                f"{self.name!r} is loguniform, which needs a range above 0, got {self.low} to {self.high}."
            )
        if self.distribution == "integer" and math.ceil(self.low) > math.floor(self.high):
            raise ConfigError(f"no whole number lies in the range of {self.name!r}, {self.low} to {self.high}.")
        object.__setattr__(self, "low", float(self.low))
        object.__setattr__(self, "high", float(self.high))

    def values(self, u: Floats) -> Floats:
        """The values at the levels u in [0, 1], of any shape, of its distribution function."""
        if self.distribution == "loguniform":
            # at u = 0 and 1 the ends themselves, which exp and log would miss by a rounding
            inner = np.exp(math.log(self.low) + u * (math.log(self.high) - math.log(self.low)))
            return np.clip(inner, self.low, self.high)
        if self.distribution == "normal":
            from scipy.special import ndtr, ndtri

            cut = ndtr(-_SIGMAS)
            middle, sigma = (self.low + self.high) / 2, (self.high - self.low) / (2 * _SIGMAS)
            normal = middle + sigma * np.asarray(ndtri(cut + u * (1 - 2 * cut)), dtype=np.float64)
            return np.asarray(np.clip(normal, self.low, self.high), dtype=np.float64)
        if self.distribution == "integer":
            first, last = math.ceil(self.low), math.floor(self.high)
            return np.asarray(np.minimum(first + np.floor(u * (last - first + 1)), last), dtype=np.float64)
        return np.clip(self.low + u * (self.high - self.low), self.low, self.high)


def correlated(u: Floats, correlation: Sequence[Sequence[float]]) -> Floats:
    """Levels with a Gaussian copula: z = Φ⁻¹(u), z Lᵀ, Φ; R = L Lᵀ is the correlation of the normal numbers behind.

    The rank correlation of the outcome is (6/π) arcsin(R/2), a little less than R.

    Args:
        u: Independent levels, shape (n, d), in (0, 1).
        correlation: R, d times d, symmetric and positive definite, ones on its diagonal.

    Returns:
        Levels of the same shape, each column uniform again.
    """
    from scipy.special import ndtr, ndtri

    factor = np.linalg.cholesky(np.asarray(correlation, dtype=np.float64))
    inside = np.clip(u, 2.0**-53, 1 - 2.0**-53)
    # einsum, not @: a row must not depend on how many rows are multiplied at once
    return np.asarray(ndtr(np.einsum("ni,ji->nj", ndtri(inside), factor)), dtype=np.float64)


def check_inputs(inputs: Sequence[Input], correlation: Sequence[Sequence[float]] = ()) -> None:
    """Raises unless the names differ and the correlation, if there is one, is one of so many inputs.

    Raises:
        ConfigError: If not.
    """
    positions([one.name for one in inputs])
    if not correlation:
        return
    count = len(inputs)
    if len(correlation) != count or any(len(row) != count for row in correlation):
        raise ConfigError(f"the correlation of {count} inputs is a table of {count} times {count} numbers.")
    matrix = np.asarray(correlation, dtype=np.float64)
    if not np.array_equal(matrix, matrix.T) or not np.array_equal(np.diag(matrix), np.ones(count)):
        raise ConfigError("a correlation is symmetric and has ones on its diagonal.")
    if not np.linalg.eigvalsh(matrix)[0] > 1e-10:
        raise ConfigError(
            "these correlations contradict each other (the matrix is not positive definite); weaken some."
        )
