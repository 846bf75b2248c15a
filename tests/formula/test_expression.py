"""The reader of formulas: what it computes, what it refuses, and that no text can hurt it."""

import pickle

import mpmath
import numpy as np
import pytest
import scipy.special
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from splinework.errors import FormulaError, ShapeError, SplineworkError
from splinework.formula.expression import Expression
from splinework.formula.reading import MAX_DEPTH, MAX_LENGTH
from splinework.formula.tensors import TENSORS
from tests.families import every
from tests.work import calls

X = np.random.default_rng(0).uniform(0.1, 0.9, size=(64, 2))
A, B = X.T

# text -> the same in numpy, by hand
ARITHMETIC = [
    ("a + b*2 - 3", A + B * 2 - 3),
    ("a - b - a", A - B - A),
    ("a/b/2", A / B / 2),
    ("-a**2", -(A**2)),
    ("2**-a", 2**-A),
    ("a**b**2", A ** (B**2)),
    ("(a**b)**2", (A**B) ** 2),
    ("-(a - b)*+a", -(A - B) * A),
    (".5*a + 1.e-3 + 2E+1*b", 0.5 * A + 1e-3 + 20 * B),
    ("sin(pi*a) + exp(b)", np.sin(np.pi * A) + np.exp(B)),
    ("arctan2(a, b) - hypot(a, b)", np.arctan2(A, B) - np.hypot(A, B)),
    ("maximum(a, minimum(b, 0.5))", np.maximum(A, np.minimum(B, 0.5))),
    ("asin(a) + arcsin(a)", 2 * np.arcsin(A)),
    ("  a\n + b\t", A + B),
    ("7", np.full(64, 7.0)),
]

REFUSED = [
    "", "   ", "a +", "(a", "a)", "a b", "a(b)", "(a)(b)", "2a", "a^2", "a = 1", "a == b", "a < b", "not a",
    "a and b", "a if b else 1", "lambda: 1", "a.real", "a[0]", "[a]", "{a}", "(a,)", "a, b", "'a'", "f(a)",
    "sin", "sin()", "sin(a, b)", "sin(*a)", "sin(x=a)", "hypot(a)", "True", "None", "...", "1j", "1_000",
    "0x10", "007", "1e999", "a // b", "a % b", "a @ b", "~a", "__import__('os')", "().__class__", "a; b",
    "a := 1", "# a", "a\\\n+b", "\x00", "nan", "inf", "await a", "yield a", "9" * 5000,
    "9" * (MAX_LENGTH + 1), "-" * 15_000 + "a", "(" * 300 + "a" + ")" * 300, "1 +" * 900 + "1",
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), ARITHMETIC)
def test_it_computes_what_numpy_computes(text: str, expected: np.ndarray) -> None:
    values = Expression(text, ["a", "b"])(X)
    assert values.shape == (64,)
    assert values.dtype == np.float64
    np.testing.assert_allclose(values, expected, rtol=1e-15)


@every("text", REFUSED)
def test_it_refuses_what_is_not_arithmetic(text: str) -> None:
    with pytest.raises(FormulaError) as caught:
        Expression(text, ["a", "b"])
    assert isinstance(caught.value, SplineworkError)
    assert isinstance(caught.value, ValueError)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("variables", ["ab", ["a", "a"], ["ﬁ", "fi"], ["1a"], ["a b"], [""], ["lambda"], [3]])
def test_it_refuses_variables_that_are_not_distinct_names(variables: object) -> None:
    with pytest.raises(FormulaError, match="variable"):
        Expression("1", variables)  # type: ignore[arg-type]


def test_a_formula_is_text() -> None:
    with pytest.raises(FormulaError, match="str"):
        Expression(3, ["a"])  # type: ignore[arg-type]


def test_unknown_names_bring_the_nearest() -> None:
    with pytest.raises(FormulaError, match=r"did you mean .*alpha"):
        Expression("2*alhpa", ["alpha", "b"])
    with pytest.raises(FormulaError, match=r"did you mean .*sqrt"):
        Expression("sqr(a)", ["a"])


def test_the_shape_of_x_is_checked() -> None:
    formula = Expression("a + b", ["a", "b"])
    for x in (X[:, :1], X[0], X[None]):
        with pytest.raises(ShapeError, match="2"):
            formula(x)
    assert formula(np.empty((0, 2))).shape == (0,)


def test_a_variable_hides_a_constant_and_never_a_function() -> None:
    assert Expression("pi", ["pi"])([[3.0]])[0] == 3.0
    assert Expression("exp(exp)", ["exp"])([[0.0]])[0] == 1.0


def test_identifiers_are_spelt_as_python_spells_them() -> None:
    assert Expression("ﬁ + µ", ["fi", "μ"])([[1.0, 2.0]])[0] == 3.0


def test_undefined_values_are_nan_or_inf_without_a_warning() -> None:
    values = [Expression(text, ["a"])([[0.0]])[0] for text in ("1/a", "log(-1)", "a/a", "9**9**9**9", "(-8)**(1/3)")]
    assert np.array_equal(values, [np.inf, np.nan, np.nan, np.inf, np.nan], equal_nan=True)


def test_x_is_left_unchanged_and_may_be_read_only_or_strided() -> None:
    x = np.linspace(0, 1, 40).reshape(10, 4)[::-2, ::-2]
    before = x.copy()
    x.flags.writeable = False
    np.testing.assert_allclose(Expression("j0(a) + b", ["a", "b"])(x), scipy.special.j0(x[:, 0]) + x[:, 1])
    column = Expression("a", ["a", "b"])(x)
    column += 1.0
    assert np.array_equal(x, before)


def test_a_formula_survives_pickling() -> None:
    formula = Expression("j0(a) + b**2", ["a", "b"])
    copied = pickle.loads(pickle.dumps(formula))
    assert copied == formula
    assert np.array_equal(copied(X), formula(X))


def test_nesting_up_to_the_limit_is_read() -> None:
    terms = MAX_DEPTH - 1
    assert Expression(" + ".join(["a"] * terms), ["a"])([[1.0]])[0] == terms


def refused(text: str) -> None:
    with pytest.raises(FormulaError):
        Expression(text, ["a"])


def test_the_longest_text_is_refused_after_little_work() -> None:
    for unit in ("9**", "-", "(", "sin(", "a+", "a,", " ", "1.", "e"):
        text = (unit * MAX_LENGTH)[:MAX_LENGTH]
        assert calls(refused, text) < 12 * MAX_LENGTH  # linear in the length


FRAGMENTS = [
    "a",
    "b",
    "pi",
    "1",
    "2.5",
    "9",
    "1e308",
    "**",
    "*",
    "/",
    "+",
    "-",
    "(",
    ")",
    ",",
    " ",
    "sin(",
    "exp(",
    "hypot(",
    ".",
]


@settings(max_examples=300)
@example("9**9**9**9")
@example("a" * 200)
@given(st.one_of(st.text(max_size=80), st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join)))
def test_any_text_compiles_or_raises_formula_error(text: str) -> None:
    try:
        formula = Expression(text, ["a", "b"])
    except FormulaError:
        return
    assert isinstance(formula, Expression)
    assert formula(X).shape == (64,)


@st.composite
def python_arithmetic(draw: st.DrawFn, depth: int = 4) -> str:
    if depth == 0 or draw(st.booleans()):
        return draw(st.sampled_from(["a", "b", "1.5", "2", "pi"]))
    left, right = draw(python_arithmetic(depth - 1)), draw(python_arithmetic(depth - 1))
    form = draw(
        st.sampled_from(["{} + {}", "({} - {})", "{} * {}", "({}) / ({})", "-{} + sin({})", "exp(-({})**2) - {}"])
    )
    return form.format(left, right)


@given(python_arithmetic())
def test_well_formed_arithmetic_equals_python_itself(text: str) -> None:
    # the oracle may use eval: the text is made here
    with np.errstate(all="ignore"):
        expected = eval(text, {"a": A, "b": B, "pi": np.pi, "sin": np.sin, "exp": np.exp})
    expected = np.broadcast_to(np.asarray(expected, dtype=np.float64), 64)
    np.testing.assert_allclose(Expression(text, ["a", "b"])(X), expected, rtol=1e-12)


def test_softplus_has_no_step_where_it_becomes_a_straight_line():
    x = np.array([-30.0, -1.0, 0.5, 19.9, 20.1, 25.0, 30.0, 36.0, 49.9, 50.1, 700.0])
    with mpmath.workdps(40):
        exact = np.array([float(mpmath.log1p(mpmath.exp(mpmath.mpf(v)))) for v in x])
    np.testing.assert_allclose(TENSORS["softplus"](torch.from_numpy(x)).numpy(), exact, rtol=4e-16)
    np.testing.assert_allclose(Expression("softplus(a)", ("a",))(x[:, None]).ravel(), exact, rtol=4e-16)
