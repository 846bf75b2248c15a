"""Query points of a black box: near real rows, all over a box, on its faces and corners."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.errors.foreign import explained_record
from splinework.nn.arrays import numbers_of

Floats = NDArray[np.float64]


@explained_record
@final
@dataclass(frozen=True)
class QueryPoints:
    """The query points of a teacher.

    Attributes:
        total: Number of points, all rounds together.
        rows: Share of real rows with some jitter; goes to the box where there are none.
        box: Share of points spread evenly over the box.
        faces: Share on its faces and corners, so that the student does not go beyond what it knows silently.
        jitter: Standard deviation of the jitter of real rows, as a share of each input's range.
        rounds: Number of adaptive rounds after the first fit, which add points where the student is worst.
        blur: The teacher is averaged over inputs moved by this share of their range, 16 times; smooths steps. 0 takes it as is.

    Raises:
        ConfigError: If a number is out of range.

    >>> QueryPoints(total=500).total
    500
    """

    total: int = 2000
    rows: float = 0.5
    box: float = 0.3
    faces: float = 0.2
    jitter: float = 0.05
    rounds: int = 2
    blur: float = 0.0

    def __post_init__(self) -> None:
        if not (isinstance(self.total, int) and self.total >= 16):
            raise ConfigError(f"total is a number of points, at least 16, got {self.total!r}.")
        if not (isinstance(self.rounds, int) and self.rounds >= 0):
            raise ConfigError(f"rounds is a whole number, 0 or more, got {self.rounds!r}.")
        for name in ("rows", "box", "faces", "jitter", "blur"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ConfigError(f"{name} of QueryPoints must not be negative, got {getattr(self, name)!r}.")
        if self.box + self.faces <= 0:
            raise ConfigError("some points must lie in the box or on its faces: give box or faces a share above 0.")


class Sampler:
    """Draws points in a box.

    Args:
        points: In which shares.
        rows: Real rows, `(n, p)`; empty if there are none.
        low: Lower ends of the box, `(p,)`.
        high: Upper ends.
        rng: Source of all that is random.
    """

    def __init__(self, points: QueryPoints, rows: Floats, low: Floats, high: Floats, rng: np.random.Generator) -> None:
        self.points, self.rows, self.low, self.high, self.rng = points, rows, low, high, rng

    def design(self, count: int) -> Floats:
        """Points of all three kinds."""
        shares = np.array([self.points.rows if len(self.rows) else 0.0, self.points.box, self.points.faces])
        if not len(self.rows):
            shares[1] += self.points.rows
        near, even, faces = (int(part) for part in np.round(count * shares / shares.sum()))
        parts = [self.even(even), self._faces(faces)]
        if near:
            drawn = self.rows[self.rng.integers(0, len(self.rows), near)]
            parts.append(self.moved(drawn, self.points.jitter))
        return np.concatenate(parts)

    def moved(self, x: Floats, share: float) -> Floats:
        """Points near those, away by this share of the box; clipped to it."""
        away = share * (self.high - self.low) * self.rng.standard_normal(x.shape)
        return np.asarray(np.clip(x + away, self.low, self.high))

    def even(self, count: int) -> Floats:
        """A new part of the box's points each time."""
        if not count:
            return np.zeros((0, len(self.low)))
        sobol = qmc.Sobol(len(self.low), seed=int(self.rng.integers(2**31)))
        drawn = sobol.random_base2(max(int(np.ceil(np.log2(count))), 0))[:count]
        return np.asarray(self.low + (self.high - self.low) * drawn)

    def _faces(self, count: int) -> Floats:
        """Points on the faces; a quarter of them in corners."""
        drawn = self.rng.random((count, len(self.low)))
        corners = count // 4
        drawn[:corners] = drawn[:corners].round()
        side = self.rng.integers(0, len(self.low), count)
        drawn[np.arange(count), side] = drawn[np.arange(count), side].round()
        return np.asarray(self.low + (self.high - self.low) * drawn)


def rows_of(x: Any) -> Floats:
    """Rows as an array `(n, p)`.

    Raises:
        DataError: If they are not numbers.
        ShapeError: If they have another shape, or there is none.
    """
    rows = numbers_of(x, "x")
    if rows.ndim != 2 or not len(rows):
        raise ShapeError(f"x has the shape (rows, inputs), with at least one row, got {rows.shape}.")
    return rows


def check_ends(ends: Floats) -> None:
    """Raises unless these are ends of a box, `(p, 2)`.

    Raises:
        ConfigError: If they are not finite, or in another order.
    """
    if not (np.isfinite(ends).all() and (ends[:, 0] <= ends[:, 1]).all()):
        raise ConfigError(f"box has finite ends, low before high, got {ends.tolist()}.")


def domain_of(x: Any, box: Any) -> tuple[Floats, Floats, Floats]:
    """Real rows `(n, p)`, none where there are none, and the ends of the box, `(p,)` each.

    Raises:
        ConfigError: Without rows and box, or for a box that is none.
        ShapeError: If they do not fit each other.
        DataError: If rows are no finite numbers.
    """
    if x is None and box is None:
        raise ConfigError(
            "distil needs real rows x, or a box of (low, high) per input, to know where to ask the teacher."
        )
    rows = np.zeros((0, 0)) if x is None else rows_of(x)
    if not np.isfinite(rows).all():
        raise DataError("x has values that are not finite numbers; drop or fill those rows first.")
    ends = np.stack([rows.min(0), rows.max(0)], 1) if box is None else np.asarray(box, dtype=np.float64)
    if ends.ndim != 2 or ends.shape[1] != 2 or (len(rows) and len(ends) != rows.shape[1]):
        raise ShapeError(
            f"box has (low, high) per input, got an array of shape {ends.shape} for rows of shape {rows.shape}."
        )
    check_ends(ends)
    return (rows if len(rows) else np.zeros((0, len(ends)))), ends[:, 0], ends[:, 1]
