"""The suites by name: the paper's 27, Feynman's 120, classical formulas, polynomials, noise, random splines, others.

Random formulas come from a grammar, spoiled data from the main suite.
"""

import csv
from collections.abc import Callable, Iterable
from functools import cache, partial
from importlib.resources import files

from benchmarks.formulas import changes, classical, grammar, laws, levels, measured, outside
from benchmarks.formulas.tasks import Task
from benchmarks.formulas.truth import is_power_product
from splinework.data import feynman, feynman_ids
from splinework.data.synthetic import FeynmanTable
from splinework.errors import ConfigError
from splinework.formula.parse import parse_formula

POWERS = "powers"
"""The power products among main and bonus, whose results lie with theirs."""
ROBUST = "robust"
"""Stands for all of `changes.NAMES`."""
ROBUST_STEP = 10
"""Every tenth main equation is also asked for on spoiled data."""


def expanded(names: Iterable[str]) -> tuple[str, ...]:
    """The names, with a name that stands for several suites replaced by these."""
    return tuple(dict.fromkeys(each for name in names for each in (changes.NAMES if name == ROBUST else (name,))))


def tasks(name: str) -> tuple[Task, ...]:
    """The tasks of a suite; `random-7`, `laws-7`, `levels-7`, `polynomials-7` and `curves-7` are drawn from seed 7.

    Raises:
        ConfigError: If there is no such suite.
    """
    if name == POWERS:
        return tuple(task for task in (*tasks("main"), *tasks("bonus")) if is_power(task))
    if name in changes.NAMES:
        return tuple(changed for task in tasks("main")[::ROBUST_STEP] if (changed := changes.change(task, name)))
    stem, _, seed = name.partition("-")
    if stem in _DRAWN and seed.isdigit():
        return _DRAWN[stem](int(seed))
    if name not in _SUITES:
        raise ConfigError(f"--suite knows {', '.join((*_SUITES, POWERS, ROBUST, *changes.NAMES))}; got {name!r}.")
    return _SUITES[name]()


def is_power(task: Task) -> bool:
    """Whether the truth is a product of powers."""
    return task.truth is not None and is_power_product(parse_formula(task.truth, task.inputs))


@cache
def _kinds() -> dict[str, str]:
    """Identifier -> "main" or "bonus", of Feynman's 120."""
    with files("splinework.data").joinpath("feynman_equations.csv").open("r", encoding="utf-8") as stream:
        return {row["id"]: row["set"] for row in csv.DictReader(stream)}


@cache
def _feynman(suite: str) -> tuple[Task, ...]:
    """The suite `27`, `main` or `bonus`."""
    table: FeynmanTable = "dimensionless" if suite == "27" else "dimensional"
    names = feynman_ids() if suite == "27" else [name for name, kind in _kinds().items() if kind == suite]
    found = [feynman(name, table=table) for name in names]
    return tuple(
        Task(suite, name, f.inputs, f.function, f.low, f.high, f.formula) for name, f in zip(names, found, strict=True)
    )


_DRAWN: dict[str, Callable[[int], tuple[Task, ...]]] = {
    "random": grammar.suite,
    "levels": levels.categories,
    "polynomials": classical.polynomials,
    "curves": outside.curves,
    "laws": laws.suite,
}
_SUITES: dict[str, Callable[[], tuple[Task, ...]]] = {
    **{name: partial(_feynman, name) for name in ("27", "main", "bonus")},
    "classical": classical.classical,
    "polynomials": classical.polynomials,
    "levels": levels.categories,
    "noise": outside.noise,
    "random": lambda: grammar.suite(grammar.SEED),
    "real": measured.suite,
}
