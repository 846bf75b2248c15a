"""A task: rows to learn from, fresh rows, rows of a wider range, and what would count as an answer."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int, float], Floats]

ROWS = 1000
FRESH_ROWS = 2000
WIDER = 1.25
"""The wide range over the range of training, about the same centre."""
FAR = 3.0
"""Rows of the wide range count where the truth is at most this multiple of the largest |y| of training."""


@dataclass(frozen=True)
class Task:
    """One problem.

    Attributes:
        suite: Suite that it belongs to.
        name: Unique within the suite.
        inputs: Names of the columns of x.
        function: x `(n, d)` to y `(n,)`; not finite where undefined.
        low, high: Corners of the box of the inputs.
        truth: The function as text over the inputs; None where it has no formula, or none is to be found.
        wanted: "formula"; "constant" for pure noise; "refusal" where the library does not reach; of measurements "law" or
            "prediction".
        rows: Number of rows to learn from.
        draw: Draws n rows of the box widened by a factor; uniform if None.
        learn: The same as `draw`, for the rows of training alone.
        spoil: Changes y of training, after the noise: gross outliers.
        kept: Inputs that a refusal should leave outside its splines.
        noise: The only level of noise that it is asked at; the levels that are asked for if None.
    """

    suite: str
    name: str
    inputs: tuple[str, ...]
    function: Callable[[Floats], Floats] = field(repr=False, compare=False)
    low: tuple[float, ...]
    high: tuple[float, ...]
    truth: str | None = None
    wanted: str = "formula"
    rows: int = ROWS
    draw: Draw | None = field(default=None, repr=False, compare=False)
    learn: Draw | None = field(default=None, repr=False, compare=False)
    spoil: Callable[[np.random.Generator, Floats], Floats] | None = field(default=None, repr=False, compare=False)
    kept: tuple[str, ...] = ()
    noise: float | None = None

    def levels(self, asked: tuple[float, ...]) -> tuple[float, ...]:
        """Those of the noise levels that make sense."""
        if self.noise is not None:
            return (self.noise,)
        return asked if self.wanted in ("formula", "refusal") else (0.0,)

    def training(self, level: float, seed: int) -> tuple[Floats, Floats]:
        """Rows with noise of `level · std(clean y)`; the same x at every level."""
        x_generator, noise, spoiler = (np.random.default_rng((seed, stream)) for stream in (1, 2, 3))
        x, y = self._finite(x_generator, self.rows, 1.0, self.learn or self.draw)
        y = y + level * y.std() * noise.standard_normal(len(y)) if level else y
        return x, self.spoil(spoiler, y) if self.spoil else y

    def fresh(self, seed: int) -> tuple[Floats, Floats]:
        """Rows without noise from the range of training."""
        return self._finite(np.random.default_rng((seed, 4)), FRESH_ROWS, 1.0, self.draw)

    def wide(self, seed: int) -> tuple[Floats, Floats]:
        """Rows without noise from the wider range; y may be undefined or large there."""
        x = (self.draw or self._uniform)(np.random.default_rng((seed, 5)), FRESH_ROWS, WIDER)
        return x, self.function(x)

    def _finite(
        self, generator: np.random.Generator, n: int, factor: float, draw: Draw | None
    ) -> tuple[Floats, Floats]:
        """n rows at which the truth is finite."""
        x = (draw or self._uniform)(generator, n, factor)
        y = self.function(x)
        for _ in range(20):
            bad = ~np.isfinite(y)
            if not bad.any():
                return x, y
            x[bad] = (draw or self._uniform)(generator, n, factor)[bad]
            y = self.function(x)
        raise ValueError(f"{self.suite} {self.name} is undefined on its range")

    def _uniform(self, generator: np.random.Generator, n: int, factor: float) -> Floats:
        low, high = stretched(self.low, self.high, factor)
        return generator.uniform(low, high, (n, len(self.inputs)))


def stretched(low: tuple[float, ...], high: tuple[float, ...], factor: float) -> tuple[Floats, Floats]:
    """A box stretched about its centre."""
    lows, highs = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    centre, half = (lows + highs) / 2, factor * (highs - lows) / 2
    return centre - half, centre + half
