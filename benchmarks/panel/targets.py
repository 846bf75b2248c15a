"""Targets: a family and a seed give a function, its columns, idle ones among them, and the law of the inputs.

Seeds from 0 on, `SEEDS` of them to a family; the even ones are the half to develop with, the odd ones the half that is reported.
Columns: as many active ones as the family allows, and idle ones in half of the targets (up to five; ten in all).
"""

from dataclasses import dataclass
from functools import cache
from zlib import crc32

import numpy as np

from benchmarks.panel import laws
from benchmarks.panel.expressions import MOST_COLUMNS, Array, Draws, Expression
from benchmarks.panel.families import FAMILIES
from splinework.errors import ConfigError

RULES = 1
"""Version of the rules; results of other versions are not mixed with these."""
SEEDS = 12
"""Seeds of a family; a seed beyond them is a target like any other, outside the panel."""
HALVES = {"development": 0, "report": 1}
"""Half -> the remainder of its seeds."""
SAMPLE = 20_000
"""Rows that the mean and the spread of a target are taken over."""
HEAVIEST = 25.0
"""Largest kurtosis of a target over its inputs: with a heavier tail a few rows would be all of its spread."""


@dataclass(frozen=True)
class Target:
    """A function of rows with mean 0 and spread 1 over the law of its inputs.

    Attributes:
        family: Name of the family.
        seed: Its seed.
        law: The law of the inputs.
        expression: The function before it was centred and scaled.
        centre: Its mean.
        spread: Its standard deviation.
    """

    family: str
    seed: int
    law: laws.Law
    expression: Expression
    centre: float
    spread: float

    @property
    def name(self) -> str:
        """The name on the command line, such as `wavy-4`."""
        return f"{self.family}-{self.seed}"

    @property
    def half(self) -> str:
        """The half that its seed belongs to."""
        return next(half for half, remainder in HALVES.items() if self.seed % 2 == remainder)

    def __call__(self, x: Array) -> Array:
        return (self.expression(x) - self.centre) / self.spread

    def generator(self, *stream: int) -> np.random.Generator:
        """Random numbers of its own, other ones for each stream."""
        return np.random.default_rng([RULES, crc32(self.family.encode()), self.seed, *stream])


def names(half: str) -> list[str]:
    """The targets of a half of the panel, family by family."""
    return [f"{family}-{seed}" for family in FAMILIES for seed in range(HALVES[half], SEEDS, 2)]


@cache
def target(name: str) -> Target:
    """A target by its name, redrawn until its tail is light enough.

    Raises:
        ConfigError: If there is no such family, or the seed is no whole number from 0 on.
    """
    family, _, seed = name.rpartition("-")
    if family not in FAMILIES or not (seed.isascii() and seed.isdigit()):
        raise ConfigError(f"a target is FAMILY-SEED with a family of {', '.join(FAMILIES)}, as wavy-4; got {name!r}.")
    return next(found for attempt in range(1000) if (found := _drawn(family, int(seed), attempt)) is not None)


def _drawn(family: str, seed: int, attempt: int) -> Target | None:
    rule = FAMILIES[family]
    draws = Draws(np.random.default_rng([RULES, crc32(family.encode()), seed, 0, attempt]))
    active = draws.whole(rule.fewest, rule.most)
    idle = draws.whole(1, min(5, MOST_COLUMNS - active)) if draws.chance(0.5) else 0
    law = laws.draw(draws, active + idle)
    expression = rule.draw(draws, draws.some(range(active + idle), active))
    values = expression(law.rows(draws.generator, SAMPLE))
    centre, spread = float(values.mean()), float(values.std())
    if spread < 1e-6 or float((((values - centre) / spread) ** 4).mean()) > HEAVIEST:
        return None
    return Target(family, seed, law, expression, centre, spread)
