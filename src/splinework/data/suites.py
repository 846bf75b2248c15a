"""Classical suites of symbolic regression as formula strings: Nguyen, Keijzer, Korns, and the right-hand sides of Strogatz.

Formulas and ranges: Nguyen (Uy et al. 2011, doi 10.1007/s10710-010-9121-2), Keijzer (2003, doi 10.1007/3-540-36599-0_7) and
Korns (2011, doi 10.1007/978-1-4614-1770-5_8) as collected by McDermott et al. 2012 (doi 10.1145/2330163.2330273); Strogatz
(La Cava et al. 2016, doi 10.1016/j.engappai.2016.07.004; the 14 states of ODE-Strogatz in PMLB). Protected operators are not
used: where a suite divides or takes a root or logarithm of what may be negative, the range here keeps to what is defined.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final, final

from splinework.data.designs import Design, Uniform
from splinework.data.formulas import FormulaSet
from splinework.data.inputs import Input
from splinework.errors import DataError, nearest

Range = tuple[float, float]


@final
@dataclass(frozen=True)
class _Entry:
    """A formula and the range of each of its inputs, by name."""

    formula: str
    ranges: tuple[tuple[str, Range], ...]


def _on(formula: str, *names: str, low: float, high: float) -> _Entry:
    return _Entry(formula, tuple((name, (low, high)) for name in names))


def _korns(formula: str, positive: str = "") -> _Entry:
    """Five inputs from -50 to 50, most of them idle; roots and logarithms get positive ones."""
    names = ("x0", "x1", "x2", "x3", "x4")
    return _Entry(formula, tuple((name, (0.01 if name in positive.split() else -50.0, 50.0)) for name in names))


_ABOUT: Final = {
    "nguyen": "a formula of Nguyen's suite",
    "keijzer": "a formula of Keijzer's suite",
    "korns": "a formula of Korns' suite: five inputs, some of them idle",
    "strogatz": "a right-hand side of Strogatz' nonlinear dynamics",
}
_SUITES: Final[dict[str, dict[str, _Entry]]] = {
    "nguyen": {
        "1": _on("x**3 + x**2 + x", "x", low=-1, high=1),
        "2": _on("x**4 + x**3 + x**2 + x", "x", low=-1, high=1),
        "3": _on("x**5 + x**4 + x**3 + x**2 + x", "x", low=-1, high=1),
        "4": _on("x**6 + x**5 + x**4 + x**3 + x**2 + x", "x", low=-1, high=1),
        "5": _on("sin(x**2)*cos(x) - 1", "x", low=-1, high=1),
        "6": _on("sin(x) + sin(x + x**2)", "x", low=-1, high=1),
        "7": _on("log(x + 1) + log(x**2 + 1)", "x", low=0, high=2),
        "8": _on("sqrt(x)", "x", low=0, high=4),
        "9": _on("sin(x) + sin(y**2)", "x", "y", low=-1, high=1),
        "10": _on("2*sin(x)*cos(y)", "x", "y", low=-1, high=1),
        "11": _on("x**y", "x", "y", low=0.001, high=1),
        "12": _on("x**4 - x**3 + y**2/2 - y", "x", "y", low=-1, high=1),
    },
    "keijzer": {
        "1": _on("0.3*x*sin(2*pi*x)", "x", low=-1, high=1),
        "2": _on("0.3*x*sin(2*pi*x)", "x", low=-2, high=2),
        "3": _on("0.3*x*sin(2*pi*x)", "x", low=-3, high=3),
        "4": _on("x**3*exp(-x)*cos(x)*sin(x)*(sin(x)**2*cos(x) - 1)", "x", low=0, high=10),
        "5": _Entry("30*x*z/((x - 10)*y**2)", (("x", (-1, 1)), ("y", (1, 2)), ("z", (-1, 1)))),
        "7": _on("log(x)", "x", low=1, high=100),
        "8": _on("sqrt(x)", "x", low=0, high=100),
        "9": _on("arcsinh(x)", "x", low=0, high=100),
        "10": _on("x**y", "x", "y", low=0.001, high=1),
        "11": _on("x*y + sin((x - 1)*(y - 1))", "x", "y", low=-3, high=3),
        "12": _on("x**4 - x**3 + y**2/2 - y", "x", "y", low=-3, high=3),
        "13": _on("6*sin(x)*cos(y)", "x", "y", low=-3, high=3),
        "14": _on("8/(2 + x**2 + y**2)", "x", "y", low=-3, high=3),
        "15": _on("x**3/5 + y**3/2 - y - x", "x", "y", low=-3, high=3),
    },
    "korns": {
        "1": _korns("1.57 + 24.3*x3"),
        "2": _korns("0.23 + 14.2*(x3 + x1)/(3*x4)", "x4"),
        "3": _korns("-5.41 + 4.9*(x3 - x0 + x1/x4)/(3*x4)", "x4"),
        "4": _korns("-2.3 + 0.13*sin(x2)"),
        "5": _korns("3 + 2.13*log(x4)", "x4"),
        "6": _korns("1.3 + 0.13*sqrt(x0)", "x0"),
        "7": _korns("213.80940889*(1 - exp(-0.54723748542*x0))", "x0"),
        "8": _korns("6.87 + 11*sqrt(7.23*x0*x3*x4)", "x0 x3 x4"),
        "9": _Entry(
            "sqrt(x0)/log(x1)*exp(x2)/x3**2",
            (("x0", (0.01, 50)), ("x1", (2, 50)), ("x2", (-5, 5)), ("x3", (0.5, 50)), ("x4", (-50, 50))),
        ),
        "10": _korns("0.81 + 24.3*(2*x1 + 3*x2**2)/(4*x3**3 + 5*x4**4)", "x3 x4"),
        "11": _korns("6.87 + 11*cos(7.23*x0**3)"),
        "12": _korns("2 - 2.1*cos(9.8*x0)*sin(1.3*x4)"),
        "13": _Entry("32 - 3*tan(x0)*tan(x2)/(tan(x1)*tan(x3))", tuple((f"x{i}", (0.1, 1.4)) for i in range(5))),
        "14": _Entry("22 - 4.2*(cos(x0) - tan(x1))*tanh(x2)/sin(x3)", tuple((f"x{i}", (0.1, 1.4)) for i in range(5))),
        "15": _Entry("12 - 6*tan(x0)/exp(x1)*(log(x2) - tan(x3))", tuple((f"x{i}", (0.1, 1.4)) for i in range(5))),
    },
    "strogatz": {
        "bacres1": _on("20 - x - x*y/(1 + 0.5*x**2)", "x", "y", low=0, high=20),
        "bacres2": _on("10 - x*y/(1 + 0.5*x**2)", "x", "y", low=0, high=20),
        "barmag1": _on("0.5*sin(x - y) - sin(x)", "x", "y", low=0, high=6.283185307179586),
        "barmag2": _on("0.5*sin(y - x) - sin(y)", "x", "y", low=0, high=6.283185307179586),
        "glider1": _Entry("-0.05*x**2 - sin(y)", (("x", (0.5, 8)), ("y", (-3, 3)))),
        "glider2": _Entry("x - cos(y)/x", (("x", (0.5, 8)), ("y", (-3, 3)))),
        "lv1": _on("3*x - 2*x*y - x**2", "x", "y", low=0, high=8),
        "lv2": _on("2*y - x*y - y**2", "x", "y", low=0, high=8),
        "predprey1": _on("x*(4 - x - y/(1 + x))", "x", "y", low=0, high=10),
        "predprey2": _on("y*(x/(1 + x) - 0.075*y)", "x", "y", low=0, high=10),
        "shearflow1": _on("cos(y)/sin(y)*cos(x)", "x", "y", low=0.2, high=2.9),
        "shearflow2": _on("(cos(y)**2 + 0.1*sin(y)**2)*sin(x)", "x", "y", low=0.2, high=2.9),
        "vdp1": _on("10*(y - (x**3 - x)/3)", "x", "y", low=-3, high=3),
        "vdp2": _on("-x/10", "x", "y", low=-3, high=3),
    },
}


def suite_names() -> tuple[str, ...]:
    """All formulas, such as `nguyen:1`.

    >>> suite_names()[0], len(suite_names())
    ('nguyen:1', 55)
    """
    return tuple(f"{suite}:{one}" for suite, entries in _SUITES.items() for one in entries)


_UNIFORM: Final = Uniform()


@cache
def suite_set(name: str, design: Design = _UNIFORM) -> FormulaSet:
    """A formula of a suite as a set.

    Args:
        name: One of `suite_names()`.
        design: Where the inputs lie.

    Raises:
        DataError: There is no such formula; the message names the nearest ones.

    Example:
        >>> suite_set("nguyen:7").formula
        'log(x + 1) + log(x**2 + 1)'
    """
    suite, _, one = name.partition(":")
    entry = _SUITES.get(suite, {}).get(one)
    if entry is None:
        raise DataError(f"there is no formula {name!r}; {nearest(name, suite_names())}")
    inputs = tuple(Input(variable, *ends) for variable, ends in entry.ranges)
    names = {one.name for one in inputs}
    target = "f" if "y" in names else "y"
    source = f"formula of the {suite.capitalize()} suite"
    return FormulaSet(entry.formula, inputs, design, target=target, name=name, about=_ABOUT[suite], source=source)
