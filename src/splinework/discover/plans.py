"""Plans of networks to try: scales of the columns and shapes, from simple to rich; and data that no search can take."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.library import Array
from splinework.nn.arrays import check_magnitudes
from splinework.splines.bases import DEFAULT_BASE, LINEAR_BASIS, Basis, make_basis

MIN_ROWS = 8
"""Fewest rows of a search."""
MAX_INPUTS = 12
"""Largest number of inputs for which shapes with several hidden nodes are tried."""


@dataclass(frozen=True)
class Plan:
    """One model to try.

    Attributes:
        shape: Nodes per layer.
        input_scales: Scale of each input, `linear` or `log`.
        output_scale: Scale of the target.
        complexity: Rank of the plan, from simple to rich.
        outer: `spline`, or `linear` for edges of the last layer that only scale: then the nodes before it are determined.
    """

    shape: tuple[Any, ...]
    input_scales: tuple[str, ...]
    output_scale: str
    complexity: int
    outer: str = "spline"

    def bases(self, grid: int) -> list[Basis]:
        """A basis per layer of edges; the last one is a straight line where that is the plan."""
        count = len(self.shape) - 1
        last = LINEAR_BASIS if self.outer == "linear" else make_basis(grid=grid, degree=3)
        return [*[make_basis(grid=grid, degree=3)] * (count - 1), last]

    @property
    def base(self) -> str:
        """The base function; none where the last layer must stay linear."""
        return "none" if self.outer == "linear" else DEFAULT_BASE

    def __str__(self) -> str:
        shape = ",".join(str(entry).replace(" ", "") for entry in self.shape)
        logs = self.input_scales.count("log")
        scales = [f"log of {logs} inputs" if logs else "", "log of the target" if self.output_scale == "log" else ""]
        scales.append("linear last layer" if self.outer == "linear" else "")
        return f"[{shape}]" + "".join(f", {text}" for text in scales if text)


def plans(x: NDArray[np.float64], y: NDArray[np.float64], scales: tuple[str, ...], output_scale: str) -> list[Plan]:
    """Plans for rows x `(N, d)`, y `(N,)`, on the scales that the data suggest and on logarithms where all is positive."""
    d = x.shape[1]
    found = [Plan((d, 1), scales, output_scale, 1)]
    positive = tuple("log" if column.min() > 0 else scale for column, scale in zip(x.T, scales, strict=True))
    if y.min() > 0:
        if "log" in positive:
            found.append(Plan((d, 1), positive, "log", 2))
        found.append(Plan((d, 1), scales, "log", 2))
    if d > 1:
        found.append(Plan((d, (0, 1), 1), scales, output_scale, 3, outer="linear"))
        if d <= MAX_INPUTS:
            found.append(Plan((d, (1, 1), 1), scales, output_scale, 4, outer="linear"))
        if 3 <= d <= 4:
            found.append(Plan((d, (0, (d,)), 1), scales, output_scale, 5, outer="linear"))
    found.append(Plan((d, 1, 1), scales, output_scale, 4))
    if d > 1:
        found.append(Plan((d, (0, 1), 1), scales, output_scale, 5))
        if d <= MAX_INPUTS:
            found.append(Plan((d, 2, 1), scales, output_scale, 6))
        if d <= 5:
            found.append(Plan((d, 2, 1, 1), scales, output_scale, 7))
    distinct = {(p.shape, p.input_scales, p.output_scale, p.outer): p for p in reversed(found)}
    return sorted(distinct.values(), key=lambda plan: plan.complexity)


MIN_ORDERS_IF_LESS_SKEWED, MIN_ORDERS = 2.0, 3.0
"""Orders of magnitude from which a positive column gets a logarithm: where it is less skewed then, and in any case."""


def choose_scale(column: NDArray[np.float64]) -> str:
    """`log` or `linear`, by the orders of magnitude that a positive column spans and by its skewness."""
    if column.min() <= 0:
        return "linear"
    # Between the outer twentieths: a uniform column that happens to come near zero spans little.
    orders = float(np.diff(np.log10(np.quantile(column, [0.05, 0.95])))[0])
    if orders < MIN_ORDERS_IF_LESS_SKEWED or orders >= MIN_ORDERS:
        return "log" if orders >= MIN_ORDERS else "linear"
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


def check_rows(x: NDArray[np.float64], y: NDArray[np.float64], what: str, noise: float | None = None) -> None:
    """Raises where the rows cannot be explained: a ShapeError, DataError or ConfigError, as `regress` says."""
    if x.ndim != 2 or len(x) != len(y):
        raise ShapeError(f"{what} takes x of shape (rows, columns) and as many y, got {x.shape} and {y.shape}.")
    if len(y) < MIN_ROWS:
        raise DataError(f"a formula needs at least {MIN_ROWS} rows to be more than a guess, got {len(y)}.")
    bad = int((~np.isfinite(x)).sum() + (~np.isfinite(y)).sum())
    if bad:
        raise DataError(f"the data have {bad} values that are not finite numbers; drop or fill those rows first.")
    if noise is not None and not 0 <= noise < math.inf:
        raise ConfigError(f"noise is a standard deviation, a finite number of 0 or more, got {noise!r}.")
    check_magnitudes(np.column_stack([x, y]), "data", [*(f"x{i + 1}" for i in range(x.shape[1])), "y"])


def names_of(names: Sequence[str] | None, columns: int, what: str, prefix: str = "x") -> tuple[str, ...]:
    """The names of columns, by default the prefix and a number.

    Raises:
        ShapeError: If there are not as many names as columns.
        ConfigError: If two columns have one name.
    """
    if names is None:
        return tuple(f"{prefix}{i + 1}" for i in range(columns))
    if len(names) != columns:
        raise ShapeError(f"{what} got {len(names)} names for {columns} columns; give one name a column.")
    twice = next((name for n, name in enumerate(names) if name in names[:n]), None)
    if twice is not None:
        raise ConfigError(f"{what} got the name {twice!r} for two columns; names must differ.")
    return tuple(names)


def weights_of(weights: Any, rows: int, what: str) -> Array | None:
    """The weights of rows, `(N,)`; None for none.

    Raises:
        DataError: Unless there is a weight of 0 or more for each row, not all 0.
    """
    if weights is None:
        return None
    found = np.asarray(weights, dtype=float).reshape(-1)
    if len(found) != rows or not (np.isfinite(found).all() and (found >= 0).all() and found.any()):
        raise DataError(f"{what} takes a weight of 0 or more for each of {rows} rows, not all 0; check the weights.")
    return found


def set_aside(target: FitTarget, kept: Array) -> FitTarget:
    """The target with the rows that are not kept set aside."""
    weights = np.ones(len(kept)) if target.weights is None else target.weights
    return replace(target, weights=np.where(kept, weights, 1e-20 * weights.mean()))
