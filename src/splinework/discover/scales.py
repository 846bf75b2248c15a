"""Which columns get a logarithmic scale: the data decide, and it is said."""

import numpy as np
from numpy.typing import NDArray

MAYBE, SURELY = 2.0, 3.0
"""A positive column gets a logarithm from `SURELY` orders of magnitude on; from `MAYBE` on, if it is less skewed then."""


def choose_scale(column: NDArray[np.float64]) -> str:
    """`log` or `linear`, by the orders of magnitude that a positive column spans and by its skewness."""
    if column.min() <= 0:
        return "linear"
    # Between the outer twentieths: a uniform column that happens to come near zero spans little.
    orders = float(np.diff(np.log10(np.quantile(column, [0.05, 0.95])))[0])
    if orders < MAYBE or orders >= SURELY:
        return "log" if orders >= SURELY else "linear"
    return "log" if abs(_skewness(np.log(column))) < abs(_skewness(column)) else "linear"


def _skewness(values: NDArray[np.float64]) -> float:
    spread = values.std()
    return float((((values - values.mean()) / spread) ** 3).mean()) if spread > 0 else 0.0


def describe(names: tuple[str, ...], columns: NDArray[np.float64], scales: tuple[str, ...]) -> list[str]:
    """A sentence for each column on a logarithmic scale."""
    return [
        f"{name} spans {np.log10(column.max() / column.min()):.1f} orders of magnitude: logarithmic scale"
        for name, column, scale in zip(names, columns.T, scales, strict=True)
        if scale == "log"
    ]
