"""Numbers on a logarithmic axis that spans a few decades or less, where powers of ten alone would be too few to read."""

from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

WIDE = 1e3
"""An axis whose ends have a larger ratio is left to matplotlib."""


def few_ticks(axis: Axis, ratio: float) -> None:
    """Plain numbers such as 0.5, 1, 2 that do not run into each other.

    Args:
        axis: Logarithmic.
        ratio: Of its ends.
    """
    if ratio > WIDE:
        return
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if ratio > 3 else (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
