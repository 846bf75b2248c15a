"""Recipes of inputs: name, range, unit and distribution, and the dependence between inputs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, final, get_args

import numpy as np

from splinework.data.random_streams import Floats
from splinework.errors import ConfigError, nearest
from splinework.errors.foreign import explained_record
from splinework.formula.reading import positions

Distribution = Literal["uniform", "loguniform", "normal", "integer"]
_N_SIGMAS: Final = 3.0
"""Number of standard deviations from the middle of a normal input to the ends of its range."""


@explained_record
@final
@dataclass(frozen=True)
class Input:
    """One input.

    Attributes:
        name: Name of its column.
        low: Smallest value.
        high: Largest value.
        unit: Unit of the values, such as `m/s`, or empty.
        distribution: `uniform`; `loguniform` (positive values); `normal` about the middle of the range, truncated at 3 standard
            deviations, the ends of the range; `integer` (uniform over the integers in the range).

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
                f"the range of {self.name!r} must have finite ends, low < high, got {self.low} to {self.high}."
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
        """The quantiles at levels u in [0, 1], of any shape."""
        if self.distribution == "loguniform":
            # exact at u = 0 and 1, despite the rounding of exp and log
            inner = np.exp(math.log(self.low) + u * (math.log(self.high) - math.log(self.low)))
            return np.clip(inner, self.low, self.high)
        if self.distribution == "normal":
            from scipy.special import ndtr, ndtri

            cut = ndtr(-_N_SIGMAS)
            middle, sigma = (self.low + self.high) / 2, (self.high - self.low) / (2 * _N_SIGMAS)
            normal = middle + sigma * np.asarray(ndtri(cut + u * (1 - 2 * cut)), dtype=np.float64)
            return np.asarray(np.clip(normal, self.low, self.high), dtype=np.float64)
        if self.distribution == "integer":
            first, last = math.ceil(self.low), math.floor(self.high)
            return np.asarray(np.minimum(first + np.floor(u * (last - first + 1)), last), dtype=np.float64)
        return np.clip(self.low + u * (self.high - self.low), self.low, self.high)


def correlated(u: Floats, correlation: Sequence[Sequence[float]]) -> Floats:
    """Levels with a Gaussian copula: Φ(Φ⁻¹(u) Lᵀ), where R = L Lᵀ is the correlation of the latent normal variables.

    The rank correlation of the result is (6/π) arcsin(R/2), slightly less than R.

    Args:
        u: Independent levels, shape (n, d), in (0, 1).
        correlation: R, d times d, symmetric and positive definite, ones on its diagonal.

    Returns:
        Levels of the same shape with uniform columns.
    """
    from scipy.special import ndtr, ndtri

    factor = np.linalg.cholesky(np.asarray(correlation, dtype=np.float64))
    inside = np.clip(u, 2.0**-53, 1 - 2.0**-53)
    # einsum, not @: a row must not depend on the number of rows
    return np.asarray(ndtr(np.einsum("ni,ji->nj", ndtri(inside), factor)), dtype=np.float64)


def check_inputs(inputs: Sequence[Input], correlation: Sequence[Sequence[float]] = ()) -> None:
    """Checks that names are distinct and that the correlation matrix, if any, is valid."""
    positions([one.name for one in inputs])
    if not correlation:
        return
    count = len(inputs)
    if len(correlation) != count or any(len(row) != count for row in correlation):
        raise ConfigError(f"the correlation matrix of {count} inputs must have {count} times {count} entries.")
    matrix = np.asarray(correlation, dtype=np.float64)
    if not np.array_equal(matrix, matrix.T) or not np.array_equal(np.diag(matrix), np.ones(count)):
        raise ConfigError("a correlation matrix must be symmetric with ones on its diagonal.")
    if not np.linalg.eigvalsh(matrix)[0] > 1e-10:
        raise ConfigError("these correlations are inconsistent (the matrix is not positive definite); reduce some.")
