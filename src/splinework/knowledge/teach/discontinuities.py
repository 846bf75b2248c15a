"""Detects piecewise-constant functions, as trees are, and the grid that a spline needs to follow them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

N_LINES, N_INTERVALS = 8, 512
"""Straight lines along each input, and intervals of each."""
MIN_FLAT_SHARE = 0.5
"""A function of which more than this share of the intervals is flat, while it changes in others, is made of steps."""
ROUNDING_TOLERANCE = 1e-9


@final
@dataclass(frozen=True)
class Discontinuities:
    """Discontinuities found along lines.

    Attributes:
        thresholds: Per input how many places it jumps at, as far as 512 intervals can tell; 0 where it has no steps.
    """

    thresholds: tuple[int, ...]

    @property
    def any(self) -> bool:
        """Whether some input has steps."""
        return max(self.thresholds, default=0) > 0

    def text(self, names: tuple[str, ...], grid: int) -> str:
        """A warning, with the grid that it would take."""
        many = ", ".join(f"{name}: {count}" for name, count in zip(names, self.thresholds, strict=True) if count)
        return (
            f"the teacher is made of steps ({many} places); splines follow them only on grids of {max(self.thresholds)} "
            f"intervals or more, the student has {grid}. Refine it, or smooth the teacher: points=QueryPoints(blur=0.02)."
        )


def find_discontinuities(
    function: Callable[[Floats], Floats], low: Floats, high: Floats, through: Floats
) -> Discontinuities:
    """Counts the steps along lines through some points.

    Args:
        function: From rows `(n, p)` to `(n, q)`.
        low: Lower ends, `(p,)`.
        high: Upper ends.
        through: Points, `(m, p)`; the first 8 are used.
    """
    share = np.linspace(0.0, 1.0, N_INTERVALS + 1)
    counts = []
    for i in range(len(low)):
        jumps = np.zeros(N_INTERVALS, dtype=bool)
        flat = []
        for point in through[:N_LINES]:
            line = np.repeat(point[None], N_INTERVALS + 1, axis=0)
            line[:, i] = low[i] + (high[i] - low[i]) * share
            values = function(line)
            change = np.abs(np.diff(values, axis=0)).max(1)
            moved = change > ROUNDING_TOLERANCE * (np.ptp(values, axis=0).max() + 1e-300)
            jumps |= moved
            flat.append(1 - moved.mean())
        counts.append(int(jumps.sum()) if jumps.any() and float(np.mean(flat)) > MIN_FLAT_SHARE else 0)
    return Discontinuities(tuple(counts))
