"""Laws of units: texts and dimensions, Buckingham's theorem, and formulas that are right in their units."""

import ast
import contextlib
import csv
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from splinework.errors import ConfigError, DataError
from splinework.formula.units.buckingham import balance
from splinework.formula.units.dimensions import BASE_UNITS, PURE, Dimension, product
from splinework.formula.units.parsing import parse_dimension, parse_units
from splinework.interpret.symbolic.expression import monomial, symbol
from tests.families import every

RATIONALS = st.fractions(-3, 3, max_denominator=4)
DIMENSIONS = st.dictionaries(st.sampled_from([*BASE_UNITS, "EUR"]), RATIONALS, max_size=4).map(Dimension.of)


@cache
def equations() -> dict[str, dict[str, str]]:
    """The rows of the Feynman data set that have units: all but one. One mobility there has the reciprocal of its unit."""
    with files("splinework.data").joinpath("feynman_equations.csv").open(encoding="utf-8") as stream:
        rows = {row["id"]: row for row in csv.DictReader(stream) if row["output_units"]}
    assert "s^(-1) * kg^1" in rows["I.43.16"]["variable_units"]
    rows["I.43.16"]["variable_units"] = rows["I.43.16"]["variable_units"].replace("s^(-1) * kg^1", "s^1 * kg^(-1)")
    return rows


def columns(row: dict[str, str], temperature: str) -> tuple[dict[str, Dimension], Dimension]:
    """Dimensions of inputs and target; the data set's T is the temperature's unit, which may be read in two ways."""
    read = {
        name: unit.replace("T^", f"{temperature}^")
        for name, unit in zip(row["variables"].split(";"), row["variable_units"].split(";"), strict=True)
    }
    return parse_units(read), parse_dimension(row["output_units"].replace("T^", f"{temperature}^"))


OPERATIONS: dict[type[ast.AST], Any] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}


def to_sympy(node: ast.AST) -> Any:
    if isinstance(node, ast.Expression):
        return to_sympy(node.body)
    if isinstance(node, ast.BinOp):
        return OPERATIONS[type(node.op)](to_sympy(node.left), to_sympy(node.right))
    if isinstance(node, ast.UnaryOp):
        return -to_sympy(node.operand)
    if isinstance(node, ast.Call):
        assert isinstance(node.func, ast.Name)
        return getattr(sympy, node.func.id)(*map(to_sympy, node.args))
    if isinstance(node, ast.Constant):
        return sympy.Rational(str(node.value))
    assert isinstance(node, ast.Name)
    return sympy.pi if node.id == "pi" else symbol(node.id)


# ---- texts


@given(DIMENSIONS)
def test_a_dimension_reads_itself_back(dimension: Dimension) -> None:
    assert parse_dimension(str(dimension)) == dimension


@given(DIMENSIONS, DIMENSIONS, RATIONALS)
def test_dimensions_are_a_vector_space(a: Dimension, b: Dimension, power: Fraction) -> None:
    assert a * b == b * a
    assert a / b * b == a
    assert (a * b) ** power == a**power * b**power
    assert a**0 == PURE
    assert hash(a * b) == hash(b * a)


@given(st.sampled_from(["kg", "N", "Pa", "V", "Ohm", "km", "ms", "[EUR]"]), RATIONALS, DIMENSIONS)
def test_powers_and_parentheses_mean_what_they_say(name: str, power: Fraction, other: Dimension) -> None:
    unit = parse_dimension(name)
    assert parse_dimension(f"({name})^({power})") == unit**power
    assert parse_dimension(f"{name} ** ({power}) * ({other})") == unit**power * other
    assert parse_dimension(f"1/({name}/({other}))") == other / unit


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("N", "kg*m/s^2"),
        ("J", "N*m"),
        ("W", "V*A"),
        ("V", "Wb/s"),
        ("Ohm", "H/s"),
        ("F", "s/Ohm"),
        ("T", "N/(A*m)"),
        ("eV", "J"),
        ("MeV", "J"),
        ("bar", "hPa"),
        ("mL", "cm^3"),
        ("min", "s"),
        ("m·s⁻²", "m/s^2"),
        ("N m", "J"),
        ("µm", "km"),
        ("kΩ", "Ohm"),
        ("kg", "g"),
        ("cd", "lm"),
        ("mol/L", "mol*m^(-3)"),
        ("m^0.5", "m^(1/2)"),
        ("m^2 * s^(-2) * kg^1 * V^(-1)", "C"),
        ("a/b".replace("a", "m").replace("b", "s") + "*kg", "kg*m/s"),
        ("deg", "1"),
        ("rad", "-"),
        ("Dimensionless", "%"),
    ],
)
def test_units_that_are_the_same(text: str, same: str) -> None:
    assert parse_dimension(text) == parse_dimension(same)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kgg", r"'kgg' is not a known unit; did you mean .*kg.*\[kgg\]"),
        ("m/s kg", "numerator or the denominator"),
        ("J/", "ends where"),
        ("(m", "not closed|ends"),
        ("m)", r"unexpected '\)'"),
        ("10*m", "leave numbers out"),
        ("m^x", "exponent is a number"),
        ("m^(1/0)", "divided by 0"),
        ("m^1000000", "beyond"),
        ("degC", "convert the column to K"),
        ("m;__import__('os')", "unexpected"),
        ("[m]", "your own"),
        ("", "ends where"),
        ("(" * 200, "nested"),
        ("m*" * 400, "characters"),
    ],
)
def test_what_is_no_unit_is_refused(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse_dimension(text)


@given(st.text(alphabet="kgmsNV[]()^*/ .,=-+%°²⁻0123x", max_size=30))
def test_no_text_does_worse_than_a_refusal(text: str) -> None:
    with contextlib.suppress(ConfigError):
        parse_dimension(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x=m,x=s", "two units"),
        ("x", "column=unit"),
        ("x=m,,t=s", "column=unit"),
        ("z=m", "'z', which is not a column"),
        ("x=metr", "the unit of 'x'.*metre"),
    ],
)
def test_columns_and_units_that_do_not_fit_are_refused(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse_units(text, names=["x", "t", "y"])


# ---- Buckingham


@pytest.mark.parametrize("temperature", ["T", "[T]"])
@every("name", equations())
def test_every_law_of_physics_balances(name: str, temperature: str) -> None:
    inputs, target = columns(equations()[name], temperature)
    found = balance(inputs, target)
    assert product(inputs, found.power) == target
    assert all(product(inputs, group) == PURE for group in found.groups)
    matrix = sympy.Matrix([[group.get(n, 0) for n in inputs] for group in found.groups] or [[0] * len(inputs)])
    rank = sympy.Matrix(
        [
            [sympy.Rational(d[u].numerator, d[u].denominator) for u in BASE_UNITS] + [int(d["T"])]
            for d in inputs.values()
        ]
    ).rank()
    assert matrix.rank() == len(found.groups) == len(inputs) - rank
    assert max((abs(p) for group in found.groups for p in group.values()), default=0) <= 4


@every("name", equations())
def test_every_law_of_physics_is_one_of_its_groups(name: str) -> None:
    """Inputs changed so that no group changes: the law over its product of powers does not change."""
    row = equations()[name]
    inputs, target = columns(row, "[T]")
    found = balance(inputs, target)
    law = to_sympy(ast.parse(row["formula"], mode="eval"))
    low, high = ([float(v) for v in row[end].split(";")] for end in ("low", "high"))
    shares = [(0.31 + 0.118 * k) % 1 for k in range(len(inputs))]
    point = {n: sympy.Float(a + p * (b - a), 30) for n, p, a, b in zip(inputs, shares, low, high, strict=True)}
    scale = {unit: sympy.Float(0.6 + 0.13 * k, 30) for k, unit in enumerate([*BASE_UNITS, "T"])}
    moved = {
        n: point[n] * sympy.prod(scale[u] ** sympy.Rational(e.numerator, e.denominator) for u, e in d.exponents)
        for n, d in inputs.items()
    }

    def ratio(at: Mapping[str, Any]) -> Any:
        return (law / monomial(found.power)).subs({symbol(n): value for n, value in at.items()}).evalf(25)

    assert abs(ratio(moved) / ratio(point) - 1) < 1e-15


@given(
    st.lists(st.dictionaries(st.sampled_from("msA"), st.integers(-3, 3)).map(Dimension.of), min_size=1, max_size=6),
    st.data(),
)
def test_groups_span_every_product_without_a_unit(dimensions: list[Dimension], data: st.DataObject) -> None:
    inputs = {f"x{n}": dimension for n, dimension in enumerate(dimensions)}
    powers = data.draw(st.lists(st.integers(-2, 2), min_size=len(inputs), max_size=len(inputs)))
    target = product(inputs, dict(zip(inputs, powers, strict=True)))
    found = balance(inputs, target)
    gap = [p - found.power.get(n, 0) for n, p in zip(inputs, powers, strict=True)]
    rows = [[group.get(n, 0) for n in inputs] for group in found.groups]
    assert sympy.Matrix([*rows, gap]).rank() == len(rows)
    if rows:  # a basis over the integers: the greatest divisor of all minors is 1
        from sympy.matrices.normalforms import smith_normal_form

        diagonal = smith_normal_form(sympy.Matrix(rows), domain=sympy.ZZ)
        assert all(abs(diagonal[i, i]) == 1 for i in range(len(rows)))


def test_few_inputs_and_small_exponents_are_preferred() -> None:
    found = balance(parse_units("a=m^2,v=m/s,t=s,L=m,w=m"), parse_dimension("m"))
    assert found.power == {"L": 1}
    assert {"L": 1, "w": -1} in found.groups
    found = balance(parse_units("p=Pa,rho=kg/m^3"), parse_dimension("m/s"))
    assert found.power == {"p": Fraction(1, 2), "rho": Fraction(-1, 2)}


def test_many_inputs_balance_quickly() -> None:
    inputs = {f"x{n}": Dimension.of({"m": n % 5 - 2, "s": n % 7 - 3, "kg": n % 3}) for n in range(30)}
    found = balance(inputs, parse_dimension("kg*m/s"))
    assert product(inputs, found.power) == parse_dimension("kg*m/s")
    assert len(found.groups) == 27


@pytest.mark.parametrize(
    ("inputs", "target", "told"),
    [
        ("v=m/s,t=s", "A", r"unit of y \(A\): A cannot be made, and no input has A"),
        ("F=N,a=m", "kg", "F has kg, but only together with other units"),
        ("q=C,x=m", "V", r"x\*\*2/q misses kg/s\^2, and no input has kg"),
        ("n=1", "m", "no input has m"),
    ],
)
def test_what_cannot_be_balanced_is_named(inputs: str, target: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        balance(parse_units(inputs), parse_dimension(target))
