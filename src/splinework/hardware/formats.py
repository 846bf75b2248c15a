"""Fixed-point numbers: the meaning of an integer on a wire, encoding of reals, and rounding to fewer bits.

Every rounding in a quantised network is half to even and every narrowing saturates. Both are monotone and odd functions, so
monotonicity and symmetry are preserved.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splinework.errors import ConfigError

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

MAX_WIRE_BITS = 48
"""Largest width of a wire; sums of tables then fit NumPy's 64-bit integers and the 53 bits of a double."""


@dataclass(frozen=True)
class Format:
    """A fixed-point format: signed (two's complement) or unsigned numbers of `width` bits, `fraction` of them fractional.

    A code `c` means the number `c · 2^-fraction`. The fraction may be negative, or larger than the width.

    Attributes:
        width: Number of bits.
        fraction: Number of fractional bits.
        signed: Whether the highest bit is a sign.

    Example:
        >>> form = Format(4, 3, signed=True)
        >>> form.low, form.high, form.step
        (-8, 7, 0.125)
    """

    width: int
    fraction: int = 0
    signed: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.width <= MAX_WIRE_BITS:
            raise ConfigError(
                f"a format has 1 to {MAX_WIRE_BITS} bits, got {self.width}; use fewer bits or fewer edges per node."
            )

    @property
    def low(self) -> int:
        """Smallest code."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """Largest code."""
        return self.low + (1 << self.width) - 1

    @property
    def count(self) -> int:
        """Number of codes, 2^width."""
        return 1 << self.width

    @property
    def step(self) -> float:
        """The step between neighbouring codes, 2^-fraction."""
        return float(2.0**-self.fraction)

    def saturate(self, values: Integers) -> Integers:
        """Values clipped to the range of codes."""
        return np.clip(values, self.low, self.high)

    def code(self, raw: int) -> int:
        """The code whose bits, read as an unsigned number, are `raw`."""
        return raw if raw <= self.high else raw - self.count

    @classmethod
    def holding(cls, low: int, high: int, fraction: int = 0) -> "Format":
        """The narrowest format that holds all integers from low to high.

        >>> Format.holding(0, 5), Format.holding(-3, 3)
        (Format(width=3, fraction=0, signed=False), Format(width=3, fraction=0, signed=True))
        """
        if low >= 0:
            return cls(max(1, int(high).bit_length()), fraction, False)
        return cls(1 + max(int(~low).bit_length(), int(max(high, 0)).bit_length()), fraction, True)


def storage(bits: int) -> int:
    """Width of the narrowest integer type of a processor (8, 16 or 32 bits) that holds a number of bits.

    >>> storage(5), storage(17)
    (8, 32)
    """
    return next(width for width in (8, 16, 32) if bits <= width)


def round_shift(values: Integers, bits: int) -> Integers:
    """`values / 2^bits`, rounded half to even, exactly.

    >>> round_shift(np.array([-3, -1, 1, 3, 5, 6]), 1)
    array([-2,  0,  0,  2,  2,  3])
    """
    if bits == 0:
        return values
    half = (1 << (bits - 1)) - 1
    return (values + half + ((values >> bits) & 1)) >> bits


@dataclass(frozen=True)
class Wire:
    """The meaning of a node's code: `value = shift + scale · code · 2^-fraction`; on a logarithmic wire its exponential.

    Attributes:
        name: Name of the column or node.
        format: Fixed-point format of the code.
        scale: Value of a step of 1 on the wire, in units of the node.
        shift: Value of 0 on the wire.
        log: Whether values are exponentials of the linear ones.
    """

    name: str
    format: Format
    scale: float = 1.0
    shift: float = 0.0
    log: bool = False

    def __post_init__(self) -> None:
        if not (np.isfinite(self.scale) and np.isfinite(self.shift) and self.scale != 0):
            raise ConfigError(
                f"{self.name} has the scale {self.scale} and the shift {self.shift}; both must be finite, the scale not 0."
            )

    @property
    def step(self) -> float:
        """The step between neighbouring codes, in units of the node (of its logarithm on a logarithmic wire)."""
        return self.scale * self.format.step

    def decode(self, codes: ArrayLike) -> Floats:
        """Codes to values."""
        values = self.shift + self.step * np.asarray(codes, dtype=np.float64)
        return np.exp(values) if self.log else values

    def unsaturated(self, values: ArrayLike) -> Floats:
        """Values rounded to whole codes, half to even, without saturation; NaN is kept, the logarithm of x <= 0 is -inf."""
        plain = np.asarray(values, dtype=np.float64)
        if self.log:
            with np.errstate(divide="ignore", invalid="ignore"):
                plain = np.where(np.isnan(plain), np.nan, np.where(plain > 0, np.log(plain), -np.inf))
        return np.rint((plain - self.shift) / self.step)

    def encode(self, values: ArrayLike) -> Integers:
        """Values to the nearest codes, saturated at the ends."""
        return np.clip(self.unsaturated(values), self.format.low, self.format.high).astype(np.int64)
