"""Laws of formulas with units: true laws are consistent, broken ones are told, constants get what they must carry."""

import ast
from typing import Any

import pytest
import sympy

from splinework.formula.units.dimensions import PURE
from splinework.formula.units.parsing import parse_dimension, parse_units
from splinework.interpret.symbolic.consistency import dimension_of
from splinework.interpret.symbolic.expression import symbol
from tests.families import every
from tests.formula.units.test_units import columns, equations, to_sympy

x, t, v, m = (symbol(name) for name in "xtvm")
UNITS = parse_units("x=m,t=s,v=m/s,m=kg")
C = sympy.Float


@every("name", equations())
def test_true_laws_are_consistent_and_broken_ones_are_not(name: str) -> None:
    inputs, target = columns(equations()[name], "[T]")
    law = to_sympy(ast.parse(equations()[name]["formula"], mode="eval"))
    found = dimension_of(law, inputs, target=target)
    assert found.dimension == target, found.conflict
    assert found.conflict == ""
    assert found.constants == ()
    wrong = dimension_of(law, inputs, target=target * parse_dimension("[EUR]"))
    assert wrong.dimension is None
    assert "EUR" in wrong.conflict


@every("name", equations())
def test_a_law_whose_columns_lost_their_units_gets_them_back(name: str) -> None:
    """Every input in turn as an unknown: where the law determines its unit, it is the right one."""
    inputs, target = columns(equations()[name], "[T]")
    law = to_sympy(ast.parse(equations()[name]["formula"], mode="eval"))
    for lost in inputs:
        found = dimension_of(law, {n: d for n, d in inputs.items() if n != lost}, target=target)
        assert found.dimension == target, found.conflict
        ((constant, carried),) = found.constants
        assert constant == symbol(lost)
        assert carried in (inputs[lost], PURE)  # pure where nothing determines it, as x in x/x
    units = [dimension_of(law, {}, target=target).conflict]
    assert units == [""]  # without any units there is always a way


@pytest.mark.parametrize(
    ("formula", "target", "carried"),
    [
        (C(2.5) * x + C(1.3) * t, "m", {"2.5": "1", "1.3": "m/s"}),
        (C(2.5) * x + C(1.3) * t, "kg", {"2.5": "kg/m", "1.3": "kg/s"}),
        (sympy.exp(C(-2.5) * x / t), "1", {"-2.5": "s/m"}),
        (sympy.sqrt(x**2 + C(2.5)), "m", {"2.5": "m^2"}),
        (C(2.5) * x ** C(1.7), "m", {"2.5": "m^(-7/10)"}),
        (C(2.5) * sympy.sin(C(3.5) * t + C(0.5)), "N", {"2.5": "N", "3.5": "1/s", "0.5": "1"}),
        (C(2.5) * sympy.log(x) + C(3.5), "m", {"2.5": "m", "3.5": "m"}),
        (C(2.5) / (x + C(3.5)) ** 2, "N", {"2.5": "N*m^2", "3.5": "m"}),
        (C(2.5) * sympy.Abs(x + C(0.5)), "m", {"2.5": "1", "0.5": "m"}),
        (C(2.5) * sympy.Max(x, C(0.5)), "1", {"2.5": "1/m", "0.5": "m"}),
        (sympy.atan2(x, C(2.5) * t), "1", {"2.5": "m/s"}),
        (sympy.Function("spline_1")(x) + t, "s", {"spline_1": "s"}),
        (symbol("unknown") * t**2, "m", {"unknown": "m/s^2"}),
    ],
)
def test_constants_get_what_they_must_carry(formula: Any, target: str, carried: dict[str, str]) -> None:
    found = dimension_of(formula, UNITS, target=parse_dimension(target))
    assert found.conflict == ""
    shown = {(str(round(float(c), 4)) if c.is_number else str(c)): unit for c, unit in found.constants}
    assert shown == {name: parse_dimension(unit) for name, unit in carried.items()}
    assert all(text.split()[0] in carried for text in found.sentences())


@pytest.mark.parametrize(
    ("formula", "told"),
    [
        (x + t, "t has s, x has m, and they are added"),
        (x + 1, "1 has no unit, x has m"),
        (sympy.exp(x / t), "exp takes a pure number, x/t has m/s"),
        (sympy.sin(x), "sin takes a pure number, x has m"),
        (sympy.log(x), "log takes a pure number, x has m"),
        (sympy.log(x) - sympy.log(t), "logarithms of t, x make one of m/s"),
        (x**t, "the exponent t has s"),
        (x ** (x / v / t), "the base x of a power whose exponent varies has m"),
        (sympy.Max(x, t), "Max compares t with x, which has m"),
        (sympy.atan2(x, t), "atan2 compares x with t, which has s"),
        ((x + t) ** 2 / m, "are added"),
    ],
)
def test_what_is_wrong_is_told(formula: Any, told: str) -> None:
    found = dimension_of(formula, UNITS)
    assert found.dimension is None
    assert told in found.conflict
    assert "disagree" in found.sentences()[0]


@pytest.mark.parametrize(
    ("formula", "unit"),
    [
        (sympy.log(x) - sympy.log(v * t), "1"),
        (sympy.log(x / (v * t)), "1"),
        (t * (2 * sympy.log(x) - sympy.log(x * v * t)), "s"),
        (C(2.5) * sympy.log(x) + C(1.5), "1"),
        (sympy.sign(x) * t, "s"),
        (sympy.pi * m * v**2 / 2, "J"),
        ((x / (v * t)) ** (v * t / x), "1"),
        (sympy.Integer(0), "1"),
    ],
)
def test_what_is_right_is_let_through(formula: Any, unit: str) -> None:
    assert dimension_of(formula, UNITS).dimension == parse_dimension(unit)
