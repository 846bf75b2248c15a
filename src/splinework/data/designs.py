"""Designs of experiments: frozen recipes of points, `points(n, box, seed=…)` → an array of shape (n, d).

Model-based (active learning) designs are in `splinework.knowledge.teach`.
"""

import inspect
import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, final

import numpy as np
from numpy.typing import ArrayLike

from splinework.data.random_streams import (
    BLOCK_ROWS,
    POINTS_STREAM,
    Floats,
    checked_rows,
    checked_seed,
    child_seed,
    stream,
)
from splinework.errors import ConfigError, ShapeError

MAX_POINTS: Final = 100_000_000
"""Maximum number of points of a grid."""
_MAX_SOBOL_DIMENSIONS: Final = 21_201
_MAX_DISCREPANCY_ROWS: Final = 512
"""Maximum number of rows for optimising the discrepancy of a Latin hypercube, which takes quadratic time."""


class Design(ABC):
    """A design of experiments: levels in the unit cube, in blocks of at most `BLOCK_ROWS` rows."""

    scattered: ClassVar[bool] = True
    """Whether the points are random or quasi-random and inside the box, as copulas require."""
    boxed: ClassVar[bool] = True
    """Whether the levels are in the unit cube and scaled to a box, or are values in the units of the inputs."""

    def points(self, n: int, box: ArrayLike, *, seed: int = 0) -> Floats:
        """Points in a box.

        Args:
            n: Number of points; a design may round it, see `count`.
            box: Lower and upper bound of each input, shape (d, 2).
            seed: Seed of the design.

        Returns:
            Shape (`count(n, d)`, d), float64.

        Raises:
            ShapeError: If the box has another shape.
            ConfigError: If n or the seed is out of range, or the box is empty.

        Example:
            >>> Grid(3).points(9, [(0, 1), (0, 1)]).shape
            (9, 2)
        """
        bounds = checked_box(box)
        levels = np.concatenate(list(self.levels(n, len(bounds), seed=seed)))
        low, high = bounds.T
        return np.asarray(np.clip(low + levels * (high - low), low, high), dtype=np.float64)

    @abstractmethod
    def levels(self, n: int, dimension: int, *, seed: int = 0) -> Iterator[Floats]:
        """Points in the unit cube, block by block."""

    def count(self, n: int, dimension: int) -> int:
        """Number of points if n are requested."""
        return n

    def note(self, n: int, dimension: int) -> str:
        """Note for the data card, possibly empty."""
        rows = self.count(n, dimension)
        return "" if rows == n else f"{type(self).__name__} gives {rows} points where {n} were requested."


@dataclass(frozen=True)
class BlockwiseDesign(Design):
    """A design that generates its points in blocks."""

    def levels(self, n: int, dimension: int, *, seed: int = 0) -> Iterator[Floats]:
        rows = self.count(checked_rows(n), dimension)
        return self._blocks(rows, dimension, checked_seed(seed))

    @abstractmethod
    def _blocks(self, rows: int, dimension: int, seed: int) -> Iterator[Floats]:
        """Exactly `rows` points, in blocks."""


@final
@dataclass(frozen=True)
class Uniform(BlockwiseDesign):
    """Independent, uniformly distributed points."""

    def _blocks(self, rows: int, dimension: int, seed: int) -> Iterator[Floats]:
        for block, size in enumerate(sizes_of(rows)):
            yield stream(seed, POINTS_STREAM, block).random((size, dimension))


@final
@dataclass(frozen=True)
class Sobol(BlockwiseDesign):
    """Sobol's sequence, scrambled (Owen); the number of points is rounded up to a power of two, which keeps it balanced.

    Attributes:
        scramble: Whether the seed permutes its digits; otherwise the first point is a corner of the box.
    """

    scramble: bool = True

    def count(self, n: int, dimension: int) -> int:
        return 1 << (n - 1).bit_length()

    def note(self, n: int, dimension: int) -> str:
        rows = self.count(n, dimension)
        return (
            "" if rows == n else f"The number of Sobol points is a power of two: {rows} rows where {n} were requested."
        )

    def _blocks(self, rows: int, dimension: int, seed: int) -> Iterator[Floats]:
        from scipy.stats import qmc

        if dimension > _MAX_SOBOL_DIMENSIONS:
            raise ConfigError(
                f"Sobol's sequence has at most {_MAX_SOBOL_DIMENSIONS} dimensions, got {dimension}; use Uniform()."
            )
        engine = _engine(qmc.Sobol, dimension, stream(seed, POINTS_STREAM), scramble=self.scramble)
        for size in sizes_of(rows):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # about a block; the total is a power of two
                yield np.asarray(engine.random(size), dtype=np.float64)


@final
@dataclass(frozen=True)
class LatinHypercube(BlockwiseDesign):
    """Latin hypercube: one point in each of n slices of every input, so the marginals are exactly stratified.

    Attributes:
        optimization: `random-cd` minimises the centred discrepancy by swaps, up to 512 rows; or `none`.
    """

    optimization: Literal["random-cd", "none"] = "random-cd"

    def note(self, n: int, dimension: int) -> str:
        if self.optimization == "none" or n <= _MAX_DISCREPANCY_ROWS:
            return ""
        return f"The discrepancy of the Latin hypercube was not optimised: {n} rows, at most {_MAX_DISCREPANCY_ROWS}."

    def _blocks(self, rows: int, dimension: int, seed: int) -> Iterator[Floats]:
        from scipy.stats import qmc

        lower = self.optimization == "random-cd" and 1 < rows <= _MAX_DISCREPANCY_ROWS
        options = {"optimization": "random-cd"} if lower else {}
        whole = _engine(qmc.LatinHypercube, dimension, stream(seed, POINTS_STREAM), **options).random(rows)
        return _slices(np.asarray(whole, dtype=np.float64))  # the design exists only as a whole


@final
@dataclass(frozen=True)
class Grid(BlockwiseDesign):
    """All combinations of m values of each input; the last input changes fastest.

    Attributes:
        m: Number of values of each input; 0 takes the smallest that gives at least the requested rows.
        spacing: `equispaced`, ends included; or `chebyshev`, the roots of a Chebyshev polynomial (Gauss points), for collocation.
    """

    m: int = 0
    spacing: Literal["equispaced", "chebyshev"] = "equispaced"
    scattered: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.m < 0:
            raise ConfigError(f"m of Grid must be at least 1, or 0 for the smallest sufficient number, got {self.m}.")

    def count(self, n: int, dimension: int) -> int:
        rows = int(self._values(n, dimension) ** dimension)
        if rows > MAX_POINTS:
            raise ConfigError(f"a grid of {dimension} inputs would have {rows} points; use Sobol() beyond 3 inputs.")
        return rows

    def note(self, n: int, dimension: int) -> str:
        m, rows = self._values(n, dimension), self.count(n, dimension)
        asked = "" if rows == n else f", {rows} rows where {n} were requested"
        return f"The grid has {m} {self.spacing} values of each input{asked}."

    def _values(self, n: int, dimension: int) -> int:
        if self.m:
            return self.m
        m = max(round(math.pow(n, 1 / dimension)), 1)
        return m if math.pow(m, dimension) >= n else m + 1

    def _blocks(self, rows: int, dimension: int, seed: int) -> Iterator[Floats]:
        m = round(rows ** (1 / dimension))
        if self.spacing == "chebyshev":
            values = (1 - np.cos(np.pi * (2 * np.arange(m) + 1) / (2 * m))) / 2
        else:
            values = np.linspace(0.0, 1.0, m) if m > 1 else np.array([0.5])
        for start in range(0, rows, BLOCK_ROWS):
            index = np.arange(start, min(start + BLOCK_ROWS, rows))
            yield np.column_stack([values[index // m ** (dimension - 1 - d) % m] for d in range(dimension)])


@final
@dataclass(frozen=True)
class Corners(BlockwiseDesign):
    """The 2^d corners of the box, independent of the number of rows."""

    scattered: ClassVar[bool] = False

    def count(self, n: int, dimension: int) -> int:
        if dimension > 20:
            raise ConfigError(
                f"a box of {dimension} inputs has 2^{dimension} corners; corners are for at most 20 inputs."
            )
        return 1 << dimension

    def _blocks(self, rows: int, dimension: int, seed: int) -> Iterator[Floats]:
        for start in range(0, rows, BLOCK_ROWS):
            index = np.arange(start, min(start + BLOCK_ROWS, rows))
            yield np.column_stack([index >> (dimension - 1 - d) & 1 for d in range(dimension)]).astype(np.float64)


@final
@dataclass(frozen=True)
class Faces(BlockwiseDesign):
    """m uniformly distributed points on each of the 2d faces of the box, independent of the number of rows.

    Attributes:
        m: Number of points of a face.
    """

    m: int = 16
    scattered: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.m < 1:
            raise ConfigError(f"m of Faces must be at least 1, got {self.m}.")

    def count(self, n: int, dimension: int) -> int:
        return 2 * dimension * self.m

    def _blocks(self, rows: int, dimension: int, seed: int) -> Iterator[Floats]:
        whole = stream(seed, POINTS_STREAM).random((rows, dimension))
        index = np.arange(rows)
        face = index // self.m
        whole[index, face // 2] = face % 2
        return _slices(whole)


@final
@dataclass(frozen=True)
class Joined(Design):
    """Several designs one after the other, such as `Joined((Sobol(), Corners()))`, each with the same number of points.

    Attributes:
        parts: The designs.
    """

    parts: tuple[Design, ...] = ()
    scattered: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not self.parts or any(not isinstance(part, Design) or not part.boxed for part in self.parts):
            raise ConfigError("Joined takes designs on a box, such as (Sobol(), Corners()).")

    def levels(self, n: int, dimension: int, *, seed: int = 0) -> Iterator[Floats]:
        for place, part in enumerate(self.parts):
            yield from part.levels(n, dimension, seed=child_seed(seed, POINTS_STREAM, place))

    def count(self, n: int, dimension: int) -> int:
        return sum(part.count(n, dimension) for part in self.parts)

    def note(self, n: int, dimension: int) -> str:
        return " ".join(filter(None, (part.note(n, dimension) for part in self.parts)))


SOBOL: Final = Sobol()
"""Default design of sets."""
DESIGNS: Final[tuple[type[Design], ...]] = (Uniform, Sobol, LatinHypercube, Grid, Corners, Faces, Joined)
"""All designs on a box, for `from_dict`."""


def checked_box(box: ArrayLike) -> Floats:
    """The box as a validated array of shape (d, 2)."""
    bounds = np.asarray(box, dtype=np.float64)
    if bounds.ndim != 2 or bounds.shape[1] != 2 or not len(bounds):
        raise ShapeError(f"a box has a lower and an upper bound for each input, shape (d, 2), got {bounds.shape}.")
    if not np.isfinite(bounds).all() or not (bounds[:, 0] < bounds[:, 1]).all():
        raise ConfigError(f"each side of a box runs from a lower to a higher finite number, got {bounds.tolist()}.")
    return bounds


def sizes_of(rows: int) -> Iterator[int]:
    """Number of rows of each block."""
    for start in range(0, rows, BLOCK_ROWS):
        yield min(BLOCK_ROWS, rows - start)


def _slices(whole: Floats) -> Iterator[Floats]:
    for start in range(0, len(whole), BLOCK_ROWS):
        yield whole[start : start + BLOCK_ROWS]


def _engine(kind: Any, dimension: int, generator: np.random.Generator, **options: Any) -> Any:
    """An engine of scipy.stats.qmc, whose argument for the generator is `rng` since SciPy 1.15 and `seed` before."""
    word = "rng" if "rng" in inspect.signature(kind).parameters else "seed"
    return kind(d=dimension, **{word: generator}, **options)
