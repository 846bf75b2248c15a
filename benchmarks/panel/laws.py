"""How inputs are spread over the cube [-1, 1]: evenly, correlated, skewed or in clusters."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from benchmarks.panel.expressions import Array, Draws


@dataclass(frozen=True)
class Law(ABC):
    """A distribution of rows.

    Attributes:
        columns: Number of columns of the rows.
    """

    columns: int

    @abstractmethod
    def rows(self, generator: np.random.Generator, count: int) -> Array:
        """Independent rows (count, columns), within [-1, 1]."""


@dataclass(frozen=True)
class Uniform(Law):
    """Independent and even."""

    def rows(self, generator: np.random.Generator, count: int) -> Array:
        return 2 * generator.random((count, self.columns)) - 1


@dataclass(frozen=True)
class Correlated(Law):
    """A Gaussian copula with one factor: each column is even, and two have the correlation of the product of their loadings.

    Attributes:
        loadings: Loadings of the columns, from 0.5 to 0.95, with either sign.
    """

    loadings: tuple[float, ...]

    def rows(self, generator: np.random.Generator, count: int) -> Array:
        loadings = np.asarray(self.loadings)
        factor, own = generator.standard_normal((count, 1)), generator.standard_normal((count, self.columns))
        return 2 * np.asarray(ndtr(loadings * factor + np.sqrt(1 - loadings**2) * own)) - 1


@dataclass(frozen=True)
class Skewed(Law):
    """Most rows at one end of each column: ±(2·u^p - 1), u even.

    Attributes:
        powers: The p of each column, from 1.5 to 3.5; negative where most rows are at the upper end.
    """

    powers: tuple[float, ...]

    def rows(self, generator: np.random.Generator, count: int) -> Array:
        powers = np.asarray(self.powers)
        return np.asarray(np.sign(powers) * (2 * generator.random((count, self.columns)) ** np.abs(powers) - 1))


@dataclass(frozen=True)
class Clustered(Law):
    """Three rows of four around one of some centres, with a normal spread; the rest even. What would fall outside is reflected.

    Attributes:
        centres: Two to five points within [-0.7, 0.7].
        spread: Standard deviation of a cluster in each column, from 0.08 to 0.25.
    """

    centres: tuple[tuple[float, ...], ...]
    spread: float

    def rows(self, generator: np.random.Generator, count: int) -> Array:
        which = (generator.random(count) * len(self.centres)).astype(int)
        near = np.asarray(self.centres)[which] + self.spread * generator.standard_normal((count, self.columns))
        near = 1 - np.abs((near + 1) % 4 - 2)  # a path between the walls at -1 and 1
        even = 2 * generator.random((count, self.columns)) - 1
        return np.where(generator.random((count, 1)) < 0.75, near, even)


def draw(draws: Draws, columns: int) -> Law:
    """A law: even in two of five, else one of the three others; one column cannot be correlated."""
    kinds = ("uniform", "uniform", "skewed", "clustered") + ("correlated",) * (columns > 1)
    kind = draws.choice(kinds)
    if kind == "correlated":
        return Correlated(columns, tuple(draws.signed(0.5, 0.95) for _ in range(columns)))
    if kind == "skewed":
        return Skewed(columns, tuple(draws.signed(1.5, 3.5) for _ in range(columns)))
    if kind == "clustered":
        centres = tuple(tuple(draws.between(-0.7, 0.7) for _ in range(columns)) for _ in range(draws.whole(2, 5)))
        return Clustered(columns, centres, draws.between(0.08, 0.25))
    return Uniform(columns)
