"""Noise models: frozen recipes that perturb drawn rows in sequence, each with its own random stream.

Relative sizes refer to the target's root mean square (or standard deviation) without noise in the first block of rows (up to
65 536), so the noise does not depend on the partition into blocks.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, final

import numpy as np

from splinework.data.random_streams import Floats
from splinework.errors import ConfigError
from splinework.formula.expression import Expression


@final
@dataclass(frozen=True, eq=False)
class ColumnStatistics:
    """Statistics of the columns without noise, to which relative sizes refer.

    Attributes:
        rms: Root mean square of each target, shape (k,).
        std: Standard deviation of each target.
        low: Smallest value of each target.
        high: Largest value of each target.
        x_std: Standard deviation of each input, shape (d,).
    """

    rms: Floats
    std: Floats
    low: Floats
    high: Floats
    x_std: Floats

    @classmethod
    def of(cls, x: Floats, y: Floats) -> ColumnStatistics:
        """Statistics of inputs (n, d) and targets (n, k)."""
        rms = np.sqrt(np.square(y).mean(axis=0))
        return cls(rms, y.std(axis=0), y.min(axis=0), y.max(axis=0), x.std(axis=0))


@final
@dataclass(frozen=True, eq=False)
class RecordedRows:
    """Rows to be perturbed.

    Attributes:
        x: Inputs, shape (n, d).
        y: Targets, shape (n, k).
        names: Names of the inputs.
        start: Index of the first row in the set.
        total: Number of rows in the set.
        scale: Statistics that relative sizes refer to.
    """

    x: Floats
    y: Floats
    names: tuple[str, ...]
    start: int
    total: int
    scale: ColumnStatistics


class Noise(ABC):
    """A noise model: how measurements differ from the truth."""

    @abstractmethod
    def disturb(self, rows: RecordedRows, generator: np.random.Generator) -> RecordedRows:
        """The rows with this noise; the given ones are not changed in place."""

    def note(self, names: Sequence[str], scale: ColumnStatistics) -> str:
        """Note for the data card, possibly empty."""
        return ""


@final
@dataclass(frozen=True)
class Gaussian(Noise):
    """Normal noise on the target with standard deviation γ times its root mean square (SRBench, arXiv 2107.14351).

    Attributes:
        gamma: Non-negative factor γ.
        of: `rms`, or `std` for the standard deviation instead.
    """

    gamma: float
    of: Literal["rms", "std"] = "rms"

    def __post_init__(self) -> None:
        _at_least(self.gamma, 0.0, "gamma of Gaussian")

    def disturb(self, rows: RecordedRows, generator: np.random.Generator) -> RecordedRows:
        size = rows.scale.rms if self.of == "rms" else rows.scale.std
        return replace(rows, y=rows.y + self.gamma * size * generator.standard_normal(rows.y.shape))


@final
@dataclass(frozen=True)
class Heteroscedastic(Noise):
    """Normal noise whose standard deviation is a formula of the inputs.

    Attributes:
        sd: Text of the formula, in the unit of the target, such as `0.1*abs(x)`.
    """

    sd: str

    def disturb(self, rows: RecordedRows, generator: np.random.Generator) -> RecordedRows:
        sd = Expression(self.sd, rows.names)(rows.x)
        if not (np.isfinite(sd) & (sd >= 0)).all():
            raise ConfigError(f"the standard deviation {self.sd!r} is negative or not finite for some of the inputs.")
        return replace(rows, y=rows.y + sd[:, None] * generator.standard_normal(rows.y.shape))


@final
@dataclass(frozen=True)
class StudentT(Noise):
    """Noise with heavy tails: Student's t, scaled to standard deviation γ times the root mean square of the target.

    Attributes:
        gamma: Non-negative factor γ.
        df: Degrees of freedom, above 2, so that a standard deviation exists.
    """

    gamma: float
    df: float = 3.0

    def __post_init__(self) -> None:
        _at_least(self.gamma, 0.0, "gamma of StudentT")
        if not 2.0 < self.df < math.inf:
            raise ConfigError(f"df of StudentT is a number above 2, got {self.df}.")

    def disturb(self, rows: RecordedRows, generator: np.random.Generator) -> RecordedRows:
        unit = math.sqrt((self.df - 2) / self.df)
        return replace(
            rows, y=rows.y + self.gamma * unit * rows.scale.rms * generator.standard_t(self.df, rows.y.shape)
        )


@final
@dataclass(frozen=True)
class Outliers(Noise):
    """Outliers: some rows are displaced by one to two times `scale` root mean squares of the target, up or down.

    Attributes:
        fraction: Fraction of outliers.
        scale: Minimum displacement in root mean squares.
    """

    fraction: float
    scale: float = 10.0

    def __post_init__(self) -> None:
        _share(self.fraction, "fraction of Outliers")
        _at_least(self.scale, 0.0, "scale of Outliers")

    def disturb(self, rows: RecordedRows, generator: np.random.Generator) -> RecordedRows:
        hit, size, sign = generator.random((3, *rows.y.shape))
        moved = np.where(sign < 0.5, -1.0, 1.0) * self.scale * (1 + size) * rows.scale.rms
        return replace(rows, y=np.where(hit < self.fraction, rows.y + moved, rows.y))


@final
@dataclass(frozen=True)
class InputNoise(Noise):
    """Normal errors in the inputs (errors in variables), which bias slopes towards 0 by the attenuation factor.

    Attributes:
        share: Standard deviation of the error relative to that of each input.
    """

    share: float

    def __post_init__(self) -> None:
        _at_least(self.share, 0.0, "share of InputNoise")

    def disturb(self, rows: RecordedRows, generator: np.random.Generator) -> RecordedRows:
        return replace(rows, x=rows.x + self.share * rows.scale.x_std * generator.standard_normal(rows.x.shape))

    def attenuation(self) -> float:
        """Attenuation factor of the slope of a line, var(x) / (var(x) + var(error))."""
        return 1.0 / (1.0 + self.share**2)

    def note(self, names: Sequence[str], scale: ColumnStatistics) -> str:
        return f"Errors in the inputs attenuate the slope of a straight line by the factor {self.attenuation():.6g}."


@final
@dataclass(frozen=True)
class Rounded(Noise):
    """Rounding of the target to significant digits.

    Attributes:
        digits: Number of digits, 1 to 17.
    """

    digits: int

    def __post_init__(self) -> None:
        if not 1 <= self.digits <= 17:
            raise ConfigError(f"digits of Rounded is 1 to 17, got {self.digits}.")

    def disturb(self, rows: RecordedRows, generator: np.random.Generator) -> RecordedRows:
        texts = [f"{value:.{self.digits - 1}e}" for value in rows.y.ravel().tolist()]
        return replace(rows, y=np.array(texts, dtype=np.float64).reshape(rows.y.shape))


@final
@dataclass(frozen=True)
class Censored(Noise):
    """Censoring of the target at the limits of an instrument.

    Attributes:
        low: Lower limit, or None.
        high: Upper limit, or None.
    """

    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if self.low is None and self.high is None:
            raise ConfigError("Censored takes a lowest value, a highest value or both.")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ConfigError(f"Censored takes low < high, got {self.low} and {self.high}.")

    def disturb(self, rows: RecordedRows, generator: np.random.Generator) -> RecordedRows:
        return replace(rows, y=np.clip(rows.y, self.low, self.high))


@final
@dataclass(frozen=True)
class Quantised(Noise):
    """Quantisation over the range of the target without noise, with clipping outside.

    Attributes:
        bits: Number of bits, 1 to 52.
    """

    bits: int

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 52:
            raise ConfigError(f"bits of Quantised is 1 to 52, got {self.bits}.")

    def disturb(self, rows: RecordedRows, generator: np.random.Generator) -> RecordedRows:
        low, high = rows.scale.low, rows.scale.high
        step = np.where(high > low, (high - low) / (2**self.bits - 1), 1.0)
        return replace(rows, y=low + step * np.rint((np.clip(rows.y, low, high) - low) / step))


@final
@dataclass(frozen=True)
class Missing(Noise):
    """Cells missing completely at random (NaN).

    Attributes:
        share: Fraction of the cells.
        where: Affected columns: `inputs`, `target` or `all`.
    """

    share: float
    where: Literal["inputs", "target", "all"] = "inputs"

    def __post_init__(self) -> None:
        _share(self.share, "share of Missing")

    def disturb(self, rows: RecordedRows, generator: np.random.Generator) -> RecordedRows:
        lost_x, lost_y = generator.random(rows.x.shape) < self.share, generator.random(rows.y.shape) < self.share
        x = rows.x if self.where == "target" else np.where(lost_x, np.nan, rows.x)
        y = rows.y if self.where == "inputs" else np.where(lost_y, np.nan, rows.y)
        return replace(rows, x=x, y=y)


@final
@dataclass(frozen=True)
class Drift(Noise):
    """An offset that grows linearly from 0 in the first row to the last row.

    Attributes:
        share: The final offset relative to the target's root mean square; negative for a downward drift.
    """

    share: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.share):
            raise ConfigError(f"share of Drift is a finite number, got {self.share}.")

    def disturb(self, rows: RecordedRows, generator: np.random.Generator) -> RecordedRows:
        place = (rows.start + np.arange(len(rows.y))) / max(rows.total - 1, 1)
        return replace(rows, y=rows.y + self.share * rows.scale.rms * place[:, None])


NOISES: Final[tuple[type[Noise], ...]] = (
    Gaussian, Heteroscedastic, StudentT, Outliers, InputNoise, Rounded, Censored, Quantised, Missing, Drift
)  # fmt: skip
"""All noise models, for `from_dict`."""


def _at_least(value: float, least: float, where: str) -> None:
    if not least <= value < math.inf:
        raise ConfigError(f"{where} must be a number of at least {least:g}, got {value}.")


def _share(value: float, where: str) -> None:
    if not 0.0 <= value <= 1.0:
        raise ConfigError(f"{where} must be between 0 and 1, got {value}.")
