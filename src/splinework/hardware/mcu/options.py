"""The options of the C generator."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

from splinework.errors import ConfigError

Prefer = Literal["speed", "flash"]
TableLayout = Literal["auto", "edges", "rows", "lanes"]
Float = Literal["none", "single", "exact"]
Codes = Literal["trusted", "saturated"]
LAYOUTS: Final = ("edges", "rows", "lanes")


@dataclass(frozen=True)
class McuOptions:
    """Options of the C generator.

    Attributes:
        prefer: Objective: `speed` minimises instructions, `flash` bytes.
        layout: Memory layout of tables. `edges`: each table in its narrowest type. `rows`: for each code of an input the
            numbers of up to four nodes side by side. `lanes`: the same with several nodes packed into one word and added at
            once. `auto`: the cheapest one by estimate, for each layer.
        accumulator: Width of sums and outputs in bits, 16 or 32.
        float: Quantiser of float inputs: `none`; `single`, in single-precision arithmetic, which may differ from the golden
            model by one code within rounding error of a boundary; `exact`, by comparison with the boundaries, equal to the
            golden model for every float, at four bytes per code.
        codes: Whether input codes are `trusted` to lie in their formats, or `saturated` first.
        unroll: Largest number of inputs of a layer whose additions may be unrolled.
        flash: Limit for tables and code in bytes; None sets no limit.

    Raises:
        ConfigError: If a value is out of range or unknown.
    """

    prefer: Prefer = "speed"
    layout: TableLayout = "auto"
    accumulator: int = 32
    float: Float = "single"
    codes: Codes = "trusted"
    unroll: int = 32
    flash: int | None = None

    def __post_init__(self) -> None:
        for field, kind in (("prefer", Prefer), ("layout", TableLayout), ("float", Float), ("codes", Codes)):
            value = getattr(self, field)
            if value not in get_args(kind):
                raise ConfigError(f"{field} is one of {', '.join(get_args(kind))}, got {value!r}.")
        if self.accumulator not in (16, 32):
            raise ConfigError(f"accumulator must be 16 or 32 bits, got {self.accumulator!r}.")
        if self.unroll < 0:
            raise ConfigError(f"unroll must be a number of inputs, 0 or more, got {self.unroll!r}.")
        if self.flash is not None and self.flash <= 0:
            raise ConfigError(f"flash must be a positive number of bytes, or None for no limit, got {self.flash!r}.")
