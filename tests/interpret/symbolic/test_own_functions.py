"""Libraries that a user chooses, and functions of their own in a search."""

import numpy as np
import pytest
import sympy

from splinework.discover import discover
from splinework.errors import ConfigError, FormulaError
from splinework.interpret.symbolic import LIBRARY, own_function
from splinework.interpret.symbolic.expression import symbol
from splinework.interpret.symbolic.own_functions import library_of, uses_only

X = np.random.default_rng(0).uniform(-2, 2, (200, 2))
Z = np.linspace(-2, 2, 41) + 0.01
FORMS = ["z/(1 + abs(z))", "z*exp(-z)", "sin(z)**2 + z", "log(1 + z**2)", "1/(2 + cos(z))", "sinc(z)"]


@pytest.mark.parametrize("form", FORMS)
def test_a_formula_gives_value_slope_and_expression(form):
    function = own_function("mine", form)
    z = symbol("z")
    built = sympy.lambdify(z, function.build(z), "numpy")
    assert np.allclose(function.value(Z), built(Z), rtol=1e-12)
    assert np.allclose(function.slope(Z), (function.value(Z + 1e-5) - function.value(Z - 1e-5)) / 2e-5, atol=1e-8)
    assert float(function.build(2 * z).subs(z, 0.7)) == pytest.approx(float(function.value(np.array(1.4))), rel=1e-12)


def test_callables_are_used_and_differences_stand_in_for_slopes():
    calls = []

    def value(z):
        calls.append(z)
        return np.abs(z) * z

    function = own_function("mine", "abs(z)*z", value)
    before = len(calls)
    assert np.allclose(function.value(Z), np.abs(Z) * Z)
    assert len(calls) == before + 1
    assert np.allclose(function.slope(Z), 2 * np.abs(Z), atol=1e-6)


def _fails_above_one(z):
    if np.any(z > 1):
        raise ValueError("too large")
    return z**2


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        (("f", "z**2", _fails_above_one), ConfigError, ["'f' fails at 1.0123", "too large"]),
        (("f", "z**2", lambda z: z[:3]), ConfigError, ["'f' gives shape (3,)", "(25,)"]),
        (("f", "z**2", lambda z: z**3), ConfigError, ["'f'", "its formula", "same function"]),
        (("f", "z**2", lambda z: z**2, lambda z: z), ConfigError, ["'f'", "slope of its formula"]),
        (("f", "2"), FormulaError, ["'f'", "constant"]),
        (("f", "y + z"), FormulaError, ["'y'"]),
    ],
)
def test_a_wrong_function_is_refused_by_name_with_the_place(arguments, kind, words):
    with pytest.raises(kind) as refused:
        own_function(*arguments)
    assert all(word in str(refused.value) for word in words)


@pytest.mark.parametrize(
    ("library", "words"),
    [
        ([], ["no functions"]),
        ("sin", ["list", "['sin']"]),
        (["sinn"], ["'sinn'", "'sin'"]),
        ([np.sin], ["own_function"]),
        (["sin", "sin"], ["twice"]),
    ],
)
def test_a_wrong_library_is_refused_before_the_search(library, words):
    with pytest.raises(ConfigError) as refused:
        discover(X, 2 * X[:, 0], library=library)
    assert all(word in str(refused.value) for word in words)


def test_a_library_has_what_was_named_and_the_powers():
    z = symbol("z")
    names = {function.name for function in library_of(["sin", "z*exp(-z)"])}
    assert {"sin", "z*exp(-z)", "x", "x^2", "1/x", "sqrt"} <= names
    assert names.isdisjoint({f.name for f in LIBRARY if f.build(z).atoms(sympy.Function)} - {"sin"})


def test_only_what_a_library_has_may_be_used():
    a = symbol("a")
    library = library_of(["sin", "tanh"])
    for allowed in (sympy.sin(a), sympy.cos(2 * a) / a**2, sympy.sqrt(a), sympy.tanh(a), sympy.Function("spline_1")(a)):
        assert uses_only(library, allowed)
    for forbidden in (sympy.exp(a), sympy.tan(a), sympy.sin(a) * sympy.log(a), sympy.Abs(a)):
        assert not uses_only(library, forbidden)


@pytest.mark.slow
def test_a_search_uses_a_function_of_the_user_and_no_other():
    y = 3 * X[:, 0] / (1 + np.abs(X[:, 0])) + X[:, 1]
    found = discover(X, y, library=["sin", own_function("softsign", "z/(1 + abs(z))")], budget=30)
    assert np.abs(found.best.numpy()(X) - y).max() <= 1e-8
    used = {node.func for row in found for node in row.sympy().atoms(sympy.Function)}
    assert {f for f in used if not isinstance(f, sympy.core.function.UndefinedFunction)} <= {
        sympy.sin,
        sympy.cos,
        sympy.Abs,
    }


@pytest.mark.slow
def test_a_function_that_fails_in_the_middle_keeps_what_was_found():
    calls = iter(range(30))

    def value(z):
        if next(calls, None) is None:
            raise OverflowError("too far")
        return np.abs(z) * z

    y = np.exp(X[:, 0]) + np.tanh(3 * X[:, 1]) * X[:, 0]
    found = discover(X, y, library=["exp", own_function("mine", "abs(z)*z", value)], budget=6)
    assert len(found) >= 1
    assert any("'mine' fails" in note and "too far" in note and "so far" in note for note in found.notes)
