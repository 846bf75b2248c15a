"""The problems of `synthetic` as recipes: the rows of `BenchmarkProblem.sample` with units, ground truth and data card."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, final

import numpy as np

from splinework.data.inputs import Input
from splinework.data.noise import ColumnStatistics, Noise, RecordedRows
from splinework.data.properties import statements
from splinework.data.random_streams import BLOCK_ROWS, Floats, checked_rows, checked_seed
from splinework.data.recipe import Recipe
from splinework.data.sample import CardStatistics, Schema
from splinework.data.synthetic import BenchmarkProblem, feynman, problem
from splinework.errors import ConfigError
from splinework.formula.reading import names_in, parse

Table = Literal["toys", "dimensionless", "dimensional"]

_ABOUT: Final = {
    "bessel": "a Bessel function of one variable",
    "exp_sine": "the first picture of the KAN paper",
    "product": "a product of two variables",
    "mean_sine_100": "a hundred variables, each through a sine",
    "exp_sine_4": "four variables in two layers of sums",
    "monomial": "a product of powers",
    "idle_sum": "a sum of two variables, and one that does nothing",
    "ratio": "a quotient of a difference and a sum",
    "pure_noise": "nothing but noise: the honest answer is that there is no law",
}
_KINDS: Final = {
    "dimensionless": ("feynman", "a Feynman formula without units, as in Table 2 of the KAN paper"),
    "dimensional": ("feynman-si", "a Feynman formula with units, on its own ranges"),
}


@final
@dataclass(frozen=True)
class ProblemSet(Recipe):
    """A benchmark problem as a recipe.

    Attributes:
        problem: One of `problem_names()` or `feynman_ids()`.
        table: Table of the problem.
        share: Standard deviation of Gaussian noise relative to that of the target over the rows.
        noise: Further noise models, applied in order.

    Raises:
        DataError: There is no such problem.
        ConfigError: If the share is negative or not finite.

    Example:
        >>> ProblemSet("I.12.1", "dimensional").draw(3, seed=0).units["Nn"]
        'm^1 * s^(-2) * kg^1'
    """

    problem: str
    table: Table = "toys"
    share: float = 0.0
    noise: tuple[Noise, ...] = ()

    def __post_init__(self) -> None:
        if not 0.0 <= self.share < float("inf"):
            raise ConfigError(
                f"noise is relative to the standard deviation of y, at least 0, got {self.share}; 0.1 is 10 %."
            )
        _ = self.found

    @cached_property
    def found(self) -> BenchmarkProblem:
        """The problem."""
        return problem(self.problem) if self.table == "toys" else feynman(self.problem, table=self.table)

    def schema(self) -> Schema:
        one = self.found
        target = "y" if "y" not in one.inputs else "target"
        used = names_in(parse(one.formula), one.inputs)
        units = dict(zip(one.inputs, one.units, strict=True)) if one.units else {}
        if one.unit:
            units[target] = one.unit
        kind, about = _KINDS.get(self.table, ("", _ABOUT.get(self.problem, "")))
        return Schema(
            f"{kind}:{self.problem}" if kind else self.problem,
            about,
            one.inputs,
            (target,),
            units,
            one.formula,
            tuple(name for name in one.inputs if name in used),
            source="Udrescu & Tegmark 2020, arXiv 1905.11481" if kind else "computed from the formula",
        )

    def axioms(self) -> tuple[str, ...]:
        one = self.found
        box = tuple(Input(*side) for side in zip(one.inputs, one.low, one.high, strict=True))
        schema = self.schema()
        target = schema.targets[0]
        known = statements(one.formula, box)
        if not one.units or not one.unit:
            return known
        units = {name: schema.units[name] for name in one.inputs}
        return (*known, f"units({units!r}, {schema.units[target]!r})")

    def clean(self, rows: int, seed: int) -> Iterator[tuple[Floats, Floats]]:
        one = self.found
        generator = np.random.default_rng(seed)  # one stream, as `BenchmarkProblem.sample` draws from it
        for start in range(0, rows, BLOCK_ROWS):
            x = generator.uniform(one.low, one.high, size=(min(BLOCK_ROWS, rows - start), len(one.inputs)))
            yield x, self.evaluate(x)

    def evaluate(self, x: Floats) -> Floats:
        """The target, shape (n, 1), without noise."""
        return self.found.function(x)[:, None]

    def truth_at(self, x: Floats) -> Floats | None:
        return self.evaluate(x)

    def blocks(
        self, rows: int, *, seed: int = 0, statistics: CardStatistics | None = None
    ) -> Iterator[tuple[Floats, Floats]]:
        """Rows as in `Recipe`; with noise all rows are in memory, since it is relative to their standard deviation."""
        if not self.share and not self.found.scatter:
            yield from super().blocks(rows, seed=seed, statistics=statistics)
            return
        x, y = self.found.sample(checked_rows(rows), seed=checked_seed(seed), noise=self.share)
        names, scale = self.found.inputs, ColumnStatistics.of(x[:BLOCK_ROWS], self.evaluate(x[:BLOCK_ROWS]))
        for block, start in enumerate(range(0, rows, BLOCK_ROWS)):
            part = slice(start, start + BLOCK_ROWS)
            found = self.disturbed(RecordedRows(x[part], y[part, None], names, start, rows, scale), seed, block)
            if statistics is not None:
                statistics.add(found.x, found.y, self.evaluate(found.x))
                statistics.scale = scale
            yield found.x, found.y
