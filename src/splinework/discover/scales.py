"""Which columns get a logarithmic scale: the data decide, and it is said."""

import numpy as np
from numpy.typing import NDArray

ORDERS = 2.0
"""A positive column that spans this many orders of magnitude may get a logarithm."""


def choose_scale(column: NDArray[np.float64]) -> str:
    """`log` for a positive column over two orders of magnitude or more that is less skewed on a logarithmic scale."""
    if column.min() <= 0 or np.log10(column.max() / column.min()) < ORDERS:
        return "linear"
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
