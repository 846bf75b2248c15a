"""Cases: a target, a number of rows and a level of noise; which of them belong to the panel, and their rows.

A target gets some cells of the 5 × 4 of rows and noise. Round by round, target number k of a half (family by family) gets cell
(k + shift) mod 20, where cell m has the rows number m mod 5 and the noise number m mod 4: every round has each cell equally
often, the six seeds of a family have all numbers of rows and all levels, and after 20 rounds every target has had every cell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.panel.expressions import Array, Draws
from benchmarks.panel.families import FAMILIES
from benchmarks.panel.targets import HALVES, SEEDS, Target, target
from splinework.errors import ConfigError

ROWS = (40, 100, 300, 1000, 10_000)
NOISE = (0.0, 0.05, 0.2, 0.5)
"""Standard deviations, where that of the target is 1."""
CELLS = tuple((ROWS[m % len(ROWS)], NOISE[m % len(NOISE)]) for m in range(len(ROWS) * len(NOISE)))
ROUNDS = 2
"""Cells of a target unless more are asked for."""
FRESH = 4000
"""Rows without noise that a model is judged on."""
_TEST, _TRAIN, _NOISE = 1, 2, 3


@dataclass(frozen=True)
class Sample:
    """Rows to learn from, and rows to be judged on.

    Attributes:
        x: Inputs (rows, columns).
        y: Values with noise (rows,).
        fresh: Other inputs (FRESH, columns).
        truth: Their values without noise (FRESH,).
    """

    x: Array
    y: Array
    fresh: Array
    truth: Array

    @property
    def spread(self) -> float:
        """The standard deviation of the truth, which errors are divided by."""
        return float(self.truth.std())

    def error(self, predicted: Array | float) -> float:
        """Root mean squared error over the spread."""
        return float(np.sqrt(np.square(predicted - self.truth).mean()) / self.spread)

    @property
    def constant(self) -> float:
        """The error of predicting the mean of the rows."""
        return self.error(float(self.y.mean()))

    def write(self, folder: Path) -> None:
        """Writes the rows for a process."""
        np.savez(folder / "rows.npz", x=self.x, y=self.y, fresh=self.fresh)


@dataclass(frozen=True)
class Case:
    """A target, a number of rows and a level of noise."""

    name: str
    rows: int
    noise: float

    def __str__(self) -> str:
        return f"{self.name} n={self.rows} noise={self.noise:g}"

    @property
    def target(self) -> Target:
        """The function."""
        return target(self.name)

    def sample(self) -> Sample:
        """Its rows; the inputs are the same at all levels of noise, the fresh ones for all numbers of rows."""
        one = self.target
        x = one.law.rows(one.generator(_TRAIN, self.rows), self.rows)
        noise = one.generator(_NOISE, self.rows, round(1e6 * self.noise)).standard_normal(self.rows)
        fresh = one.law.rows(one.generator(_TEST), FRESH)
        return Sample(x, one(x) + self.noise * noise, fresh, one(fresh))


def panel(
    half: str,
    *,
    families: Sequence[str] | None = None,
    cells: Sequence[tuple[int, float]] | None = None,
    rounds: int = ROUNDS,
) -> list[Case]:
    """The cases of a half, ordered so that the first ones are of all families.

    Args:
        half: Such as `development`.
        families: Only these; None stands for all.
        cells: Numbers of rows and levels of noise that every target gets instead of the drawn ones.
        rounds: How many drawn cells a target gets.

    Raises:
        ConfigError: If a name is unknown, or the rounds are not from 1 to 20.
    """
    if half not in HALVES:
        raise ConfigError(f"--half knows {', '.join(HALVES)}; got {half!r}.")
    unknown = [name for name in families or () if name not in FAMILIES]
    if unknown:
        raise ConfigError(f"--families knows {', '.join(FAMILIES)}; got {unknown[0]!r}.")
    if not 1 <= rounds <= len(CELLS):
        raise ConfigError(f"--per-target is a number from 1 to {len(CELLS)}; got {rounds}.")
    shifts = Draws(np.random.default_rng(HALVES[half])).some(range(len(CELLS)), len(CELLS))
    per_family = SEEDS // 2
    found = []
    for turn in range(rounds if cells is None else len(cells)):
        for place in range(per_family):
            for number, family in enumerate(FAMILIES):
                which = (place + number) % per_family
                drawn = CELLS[(number * per_family + which + shifts[turn]) % len(CELLS)]
                if families is None or family in families:
                    rows, noise = drawn if cells is None else cells[turn]
                    found.append(Case(f"{family}-{2 * which + HALVES[half]}", rows, noise))
    return found
