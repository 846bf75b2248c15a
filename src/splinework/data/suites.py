"""Classical suites of symbolic regression as formula strings: Nguyen, Keijzer, Korns, and the right-hand sides of Strogatz.

Formulas and ranges: Nguyen (Uy et al. 2011, doi 10.1007/s10710-010-9121-2), Keijzer (2003, doi 10.1007/3-540-36599-0_7) and
Korns (2011, doi 10.1007/978-1-4614-1770-5_8) as collected by McDermott et al. 2012 (doi 10.1145/2330163.2330273); Strogatz
(La Cava et al. 2016, doi 10.1016/j.engappai.2016.07.004; the 14 states of ODE-Strogatz in PMLB). Instead of protected operators,
the ranges are restricted to where divisions, roots and logarithms are defined.
"""

import csv
from functools import cache
from importlib.resources import files
from typing import Final

from splinework.data.designs import Uniform
from splinework.data.formulas import FormulaSet
from splinework.data.inputs import Input
from splinework.errors import DataError, nearest

_ABOUT: Final = {
    "nguyen": "a formula of Nguyen's suite",
    "keijzer": "a formula of Keijzer's suite",
    "korns": "a formula of Korns' suite: five inputs, some of them idle",
    "strogatz": "a right-hand side of Strogatz' nonlinear dynamics",
}


@cache
def _entries() -> dict[str, tuple[str, tuple[Input, ...]]]:
    """Name → formula and inputs, of `suites.csv`."""
    lines = files("splinework.data").joinpath("suites.csv").read_text("utf-8").splitlines()
    return {row["name"]: (row["formula"], tuple(map(_input, row["ranges"].split()))) for row in csv.DictReader(lines)}


def _input(text: str) -> Input:
    """An input of `x=low:high`."""
    name, _, ends = text.partition("=")
    low, _, high = ends.partition(":")
    return Input(name, float(low), float(high))


def suite_names() -> tuple[str, ...]:
    """All formulas, such as `nguyen:1`.

    >>> suite_names()[0], len(suite_names())
    ('nguyen:1', 55)
    """
    return tuple(_entries())


@cache
def suite_set(name: str) -> FormulaSet:
    """A formula of a suite as a set.

    Raises:
        DataError: If the name is unknown; the message suggests similar ones.

    Example:
        >>> suite_set("nguyen:7").formula
        'log(x + 1) + log(x**2 + 1)'
    """
    if name not in _entries():
        raise DataError(f"there is no formula {name!r}; {nearest(name, suite_names())}")
    suite, (formula, inputs) = name.partition(":")[0], _entries()[name]
    names = {one.name for one in inputs}
    target = "f" if "y" in names else "y"
    source = f"formula of the {suite.capitalize()} suite"
    return FormulaSet(formula, inputs, Uniform(), target=target, name=name, about=_ABOUT[suite], source=source)
