"""Laws of typeset formulas: well-formed, constants rounded, and names are never markup."""

import xml.etree.ElementTree as ET

import pytest
import sympy

from splinework.errors import FormulaError
from splinework.report.html import number, r_squared, text
from splinework.report.mathml import typeset
from tests.families import every
from tests.report.pages import Formula

x, y = sympy.symbols("x1 y")


def row(expression: sympy.Expr, target: str = "f", kind: type[Formula] = Formula) -> Formula:
    return kind(target, expression, 1, 0.0)


def words(expression: sympy.Expr) -> str:
    """The letters of the typeset formula, one after the other."""
    return "".join(_parse(expression).itertext())


def _parse(expression: sympy.Expr) -> ET.Element:
    entities = {"&InvisibleTimes;": "", "&pi;": "π", "&nbsp;": " ", "&#x2062;": ""}
    written = typeset(row(expression))
    assert written is not None
    for entity, letter in entities.items():
        written = written.replace(entity, letter)
    return ET.fromstring(written)


@every(
    ("expression", "wanted"),
    [
        (sympy.exp(sympy.sin(3.14159265 * x) + 0.9999999 * y**2), "f=ey2+sin(3.142x1)"),
        (2.0 * x, "f=2x1"),
        (x**1.5 / sympy.sqrt(y), "f=x11.5y"),
        (sympy.Float("-1.23456e-7") * y, "f=−1.235·10−7y"),
        (sympy.Float("12345678.9") + y, "f=y+1.235·107"),
        (sympy.Integer(0), "f=0"),
        (sympy.Float(0.1) * 0, "f=0"),
        (sympy.Function("spline_0_1")(x) + 1, "f=spline_0_1(x1)+1"),
        (sympy.Symbol("mass_kg") * sympy.log(y), "f=mass_kglog(y)"),
    ],
)
def test_formulas_are_written_with_few_digits(expression, wanted):
    assert words(expression) == wanted


HOSTILE = "</mi><script>alert(1)</script>"


def test_names_are_never_markup():
    symbol, function = sympy.Symbol(HOSTILE), sympy.Function("<b>" + HOSTILE)
    root = _parse(function(symbol) ** 2 / (symbol + 1.5))
    assert not {element.tag for element in root.iter()} & {"script", "b"}
    assert "".join(root.itertext()).count("<script>alert(1)</script>") == 3
    assert "<script>" not in str(typeset(row(y, target=HOSTILE)))


def test_names_that_look_like_our_own_stay():
    stand_ins = sympy.symbols("qqaaaaqq qqaaabqq")
    assert words(stand_ins[0] - 2 * stand_ins[1]) == "f=qqaaaaqq−2qqaaabqq"


def test_many_names_stay_apart():
    symbols = sympy.symbols("v0:30", cls=sympy.Symbol)
    found = words(sympy.Add(*(s * (k + 2) for k, s in enumerate(symbols))))
    assert all(f"{k + 2}v{k}" in found for k in range(30))


def test_a_formula_that_sympy_cannot_hold_or_that_is_too_long_is_left_as_text():
    class Broken(Formula):
        def sympy(self):
            raise FormulaError("no")

    assert typeset(row(y, kind=Broken)) is None
    assert typeset(row(sympy.Symbol("long" * 2000))) is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.123456, "0.1235"), (-2.0, "−2"), (81936.4, "81936"), (1.5e-7, "1.5 × 10⁻⁷"), (-3e12, "−3 × 10¹²")],
)
def test_numbers_are_short(value, shown):
    assert number(value) == shown


def test_numbers_that_are_none():
    assert [number(v) for v in (None, float("nan"), float("inf"), -float("inf"), 0.0)] == ["–", "–", "∞", "−∞", "0"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.5, "0.5000"),
        (-1.25, "−1.2500"),
        (0.9998765, "0.999876"),
        (1 - 2.5e-9, "1 − 2.5 × 10⁻⁹"),
        (1.0, "1"),
        (None, "–"),
    ],
)
def test_r_squared_never_claims_more_than_it_is(value, shown):
    assert r_squared(value) == shown


def test_text_is_escaped_and_printable():
    assert text("<a b='c'>&\"\x00\x1b\ud800") == "&lt;a b=&#x27;c&#x27;&gt;&amp;&quot;"
