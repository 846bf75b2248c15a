"""How a network becomes C: the recipe. What it leads to is in the other files."""

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
    """A recipe for C.

    Attributes:
        prefer: What to save where both cannot be had: instructions (`speed`) or bytes (`flash`).
        layout: How tables lie in memory. `edges`: each by itself, in its narrowest type. `rows`: for each code of an input the
            numbers of up to four nodes side by side. `lanes`: the same with the numbers of several nodes in one word, which
            are added at once. `auto`: for each layer the one that the estimate finds best.
        accumulator: Bits of the integers that sums are added up in, 16 or 32; outputs have as many.
        float: Whether there is a function from floats to codes: `none`; `single`, by float arithmetic, which may differ from
            the golden model by one code where a value lies within its rounding errors of a boundary between two; `exact`, by
            comparison with the boundaries, equal to the golden model for every float, at four bytes a code.
        codes: Whether codes that are passed in are `trusted` to lie in their formats, or `saturated` first.
        unroll: Inputs of a layer up to which additions may be written out one by one; more are always a loop.
        flash: Bytes that there are for tables and code; None sets no limit.
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
            raise ConfigError(f"accumulator is 16 or 32 bits, got {self.accumulator!r}.")
        if self.unroll < 0:
            raise ConfigError(f"unroll is a number of inputs, 0 or more, got {self.unroll!r}.")
        if self.flash is not None and self.flash <= 0:
            raise ConfigError(f"flash is a number of bytes, or None for no limit, got {self.flash!r}.")
