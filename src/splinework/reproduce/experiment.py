"""The abstract experiment: cells that are run one by one, and a table, checks and a figure of their results.

An experiment is a frozen dataclass, the recipe. `cells` lists what is to be run, `run` does one of them, and `rows` and `checks`
read the finished ones, as does `draw` of an experiment with a figure of its own. None of them looks at files; `store` and
`running` do that.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, get_args

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Figure

Scale = Literal["quick", "full"]
Values = Mapping[str, Any]
"""Plain values of JSON."""
SCALES: Final[tuple[Scale, ...]] = get_args(Scale)
OWN_METHOD_FACTOR: Final = 2.0
"""Factor of the published error up to which the paper's own method counts as reproduced."""
OWN_METHOD_SHARE: Final = 0.01
"""Amount by which an accuracy may be below the published one to count as reproduced."""


@dataclass(frozen=True)
class ExperimentCell:
    """One run of an experiment, described completely: the same settings give the same result.

    Attributes:
        name: Name of the cell, unique in its experiment, such as `exp_sine/paper/seed 0`.
        settings: Plain values of JSON that `Experiment.run` takes.

    >>> ExperimentCell("a", {"seed": 0}).settings["seed"]
    0
    """

    name: str
    settings: Mapping[str, Any]

    def digest(self, experiment: str, version: str) -> str:
        """A hash of the settings, of the experiment and of its version, 12 hexadecimal digits."""
        parts = [experiment, version, self.name, dict(self.settings)]
        return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class FinishedCell:
    """A cell with its result."""

    name: str
    settings: Mapping[str, Any]
    result: Mapping[str, Any]
    seconds: float


Cells = Sequence[FinishedCell]


@dataclass(frozen=True)
class ComparisonRow:
    """A row of the table of an experiment: published | the paper's method here | our default | the rival.

    Attributes:
        measure: Name of the quantity, such as `test RMSE`.
        published: Published value: a number, or a text that is shown as it is; None if there is none.
        paper: Value of the paper's own method here.
        ours: Value of our default.
        rival: Value of the rival, mostly a multilayer perceptron.
        place: Place of the published value in the paper.
        better: Whether lower or higher values are better.
        paper_reached: Whether the paper's method reached the published value, if numbers alone do not show it.
        ours_reached: Whether our default reached the published value, if numbers alone do not show it.
        note: Reason for a value that was not reached, or another remark.

    >>> ComparisonRow("J0(20x)", "test RMSE", published=4e-7, ours=1e-9).default_reached
    True
    """

    name: str
    measure: str
    published: float | str | None = None
    paper: float | str | None = None
    ours: float | str | None = None
    rival: float | str | None = None
    place: str = ""
    better: Literal["lower", "higher"] = "lower"
    paper_reached: bool | None = None
    ours_reached: bool | None = None
    note: str = ""

    @property
    def default_reached(self) -> bool | None:
        """Whether our default reached or beat the published value; None where there is nothing to compare."""
        if self.ours_reached is not None:
            return self.ours_reached
        if not (_is_number(self.published) and _is_number(self.ours)):
            return None
        return self.ours <= self.published if self.better == "lower" else self.ours >= self.published  # type: ignore[operator]

    @property
    def own_method_reached(self) -> bool | None:
        """Whether the paper's method came within a factor 2 of a published error, or 0.01 of an accuracy; None if unknown."""
        if self.paper_reached is not None:
            return self.paper_reached
        if not (_is_number(self.published) and _is_number(self.paper)):
            return None
        if self.better == "lower":
            return self.paper <= OWN_METHOD_FACTOR * self.published  # type: ignore[operator]
        return self.paper >= self.published - OWN_METHOD_SHARE  # type: ignore[operator]


@dataclass(frozen=True)
class BoundCheck:
    """A statement about the results with its bound, and whether it holds.

    Attributes:
        statement: Statement with the bound, such as `slope of log RMSE over log N is at most -3.5`.
        value: Value that was found, as text.
        met: Whether it holds; None if nothing was measured.
    """

    statement: str
    value: str
    met: bool | None


class Experiment(ABC):
    """An experiment of the literature. Subclasses are frozen dataclasses: their fields are the recipe.

    A changed recipe gives other cells. Where `run` itself changes, raise `version`, and results of an earlier one are kept apart.
    """

    name: ClassVar[str]
    """Name on the command line; `experiments/NAME.py` with underscores for hyphens."""
    title: ClassVar[str]
    """Title with the place in the paper."""
    about: ClassVar[str]
    """A paragraph for the page: the setting, and where the paper leaves it open."""
    version: ClassVar[int] = 1
    """Number of the version of `run`."""
    minutes: ClassVar[tuple[float, float]]
    """Process time in minutes of all cells, quick and full, as measured or estimated."""
    rival: ClassVar[str] = "MLP"
    """Heading of the rival's column."""
    reasons: ClassVar[Mapping[str, str]] = {}
    """Why our default misses the published value, by the beginning of the row's name."""
    own_method_reasons: ClassVar[Mapping[str, str]] = {}
    """Why the paper's method misses it here, likewise."""

    @abstractmethod
    def cells(self, scale: Scale) -> Sequence[ExperimentCell]:
        """The cells to run."""

    @abstractmethod
    def run(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Runs one cell; returns plain values of JSON. Randomness comes from the seeds in the settings alone."""

    @abstractmethod
    def rows(self, finished: Sequence[FinishedCell]) -> list[ComparisonRow]:
        """The table. Cells may be missing after an interrupt: values that need them are None."""

    def table(self, finished: Sequence[FinishedCell]) -> list[ComparisonRow]:
        """The rows, those that our default or the paper's method misses with their reasons."""
        found = []
        for row in self.rows(finished):
            default, paper = self.why(row)
            notes = [row.note, default, f"paper's method: {paper}" if paper else ""]
            found.append(replace(row, note="; ".join(filter(None, notes))))
        return found

    def why(self, row: ComparisonRow) -> tuple[str, str]:
        """Why our default, and why the paper's method, misses the published value of a row; empty if it does not."""

        def reason(reached: bool | None, known: Mapping[str, str]) -> str:
            return next((text for name, text in known.items() if reached is False and row.name.startswith(name)), "")

        return reason(row.default_reached, self.reasons), reason(row.own_method_reached, self.own_method_reasons)

    def checks(self, finished: Sequence[FinishedCell]) -> list[BoundCheck]:
        """Statements about the results besides the two that are made of the rows (`row_checks`)."""
        return []


# ---------------------------------------------------------------------------- how recipes state cells, values, rows and checks


def swept(name: str, common: Values | None = None, /, **axes: Iterable[Any]) -> list[ExperimentCell]:
    """A cell for each combination of settings, the last axis running fastest.

    Args:
        name: Name of the cells with settings in braces.
        common: Settings of all cells.
        axes: Values of each other setting.

    >>> [cell.name for cell in swept("{model}, seed {seed}", {"rows": 10}, model=["a", "b"], seed=range(2))]
    ['a, seed 0', 'a, seed 1', 'b, seed 0', 'b, seed 1']
    """
    every = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    return [ExperimentCell(name.format(**{**(common or {}), **own}), {**(common or {}), **own}) for own in every]


def matching(finished: Iterable[FinishedCell], **settings: Any) -> list[FinishedCell]:
    """The finished cells with these settings.

    >>> cells = [FinishedCell("a", {"seed": 0}, {"rmse": 1.0}, 0.1), FinishedCell("b", {"seed": 1}, {"rmse": 2.0}, 0.1)]
    >>> [cell.name for cell in matching(cells, seed=1)]
    ['b']
    """
    return [each for each in finished if all(each.settings.get(key) == value for key, value in settings.items())]


def values_of(finished: Iterable[FinishedCell], key: str) -> list[Any]:
    """The values of the results that have this key, without None."""
    return [each.result[key] for each in finished if each.result.get(key) is not None]


def median_of(finished: Iterable[FinishedCell], key: str) -> float | None:
    """The median of a number of the results, the lower of two; None if no cell has it.

    >>> median_of([FinishedCell("a", {}, {"rmse": value}, 0.1) for value in (1.0, 2.0, 9.0)], "rmse")
    2.0
    """
    values = sorted(values_of(finished, key))
    return None if not values else float(values[(len(values) - 1) // 2])


def mean_of(finished: Iterable[FinishedCell], key: str) -> float | None:
    """The mean of a number of the results, or the share of those that are true; None if no cell has it."""
    values = values_of(finished, key)
    return float(np.mean(values)) if values else None


def lowest_of(finished: Iterable[FinishedCell], key: str) -> float | None:
    """The lowest number under a key; None if no cell has it."""
    return min(map(float, values_of(finished, key)), default=None)


def first_of(finished: Iterable[FinishedCell], key: str) -> Any:
    """The first value under a key; None if no cell has it."""
    return next(iter(values_of(finished, key)), None)


def every_of(finished: Iterable[FinishedCell], key: str) -> bool | None:
    """Whether what is under a key is true in all cells that have it; None if no cell has it."""
    values = values_of(finished, key)
    return all(values) if values else None


def best_of(finished: Iterable[FinishedCell], key: str) -> FinishedCell | None:
    """The cell with the lowest number under a key; None if no cell has it."""
    found = [each for each in finished if each.result.get(key) is not None]
    return min(found, key=lambda each: float(each.result[key])) if found else None


def compared(
    name: str,
    measure: str,
    finished: Iterable[FinishedCell],
    key: str,
    *,
    by: str = "method",
    columns: Mapping[str, Any] | None = None,
    how: Callable[[Iterable[FinishedCell], str], Any] = median_of,
    **known: Any,
) -> ComparisonRow:
    """A row whose columns are made of the results of cells that differ in one setting.

    Args:
        name: Name of the row.
        measure: Name of the quantity.
        finished: Cells.
        key: Name of the value in the results.
        by: Setting that tells the columns apart.
        columns: Value of that setting for `paper`, `ours` and `rival`; by default the names of the columns.
        how: Function that makes one value of many cells.
        known: Further attributes of the row.

    >>> cells = [FinishedCell(m, {"method": m}, {"rmse": value}, 0.1) for m, value in (("paper", 0.2), ("ours", 0.1))]
    >>> row = compared("a", "RMSE", cells, "rmse", published=0.15)
    >>> row.paper, row.ours, row.rival, row.default_reached
    (0.2, 0.1, None, True)
    """
    cells, of = list(finished), columns if columns is not None else {each: each for each in ("paper", "ours", "rival")}
    values = {column: how(matching(cells, **{by: value}), key) for column, value in of.items()}
    return ComparisonRow(name, measure, **values, **known)


def bounded(
    statement: str,
    value: float | None,
    *,
    least: float | None = None,
    most: float | None = None,
    text: str | None = None,
) -> list[BoundCheck]:
    """The check that a value is within a bound; none where there is no value.

    Args:
        statement: Statement, to which the bound is added where it has braces: `the error is at most {}`.
        value: Value that was found.
        least: Lower bound.
        most: Upper bound.
        text: Value as text; two digits by default.

    >>> bounded("the error is at most {}", 2e-3, most=1e-2)
    [BoundCheck(statement='the error is at most 0.01', value='0.002', met=True)]
    """
    if value is None:
        return []
    bound = least if least is not None else most
    met = (least is None or value >= least) and (most is None or value <= most)
    found = text if text is not None else f"{value:.2g}"
    return [BoundCheck(statement.format("" if bound is None else f"{bound:g}"), found, bool(met))]


def row_values(row: ComparisonRow) -> dict[str, Any]:
    """A row as plain values of JSON."""
    return {**vars(row), "default_reached": row.default_reached, "own_method_reached": row.own_method_reached}


def all_hold(statement: str, flags: Sequence[bool]) -> list[BoundCheck]:
    """The check that a statement holds in every case; none where there are no cases.

    >>> all_hold("the law is exact", [True, False])[0].value
    '1 of 2'
    """
    return [BoundCheck(statement, f"{sum(flags)} of {len(flags)}", all(flags))] if flags else []


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
