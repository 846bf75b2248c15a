"""Normal forms: they have the values of their formulas, and those of equal functions are equal."""

from types import SimpleNamespace

import numpy as np
import pytest
import sympy
import torch

import splinework as sw
from splinework.knowledge.axioms.checker.forms import (
    FormView,
    TooLarge,
    _centre,
    _normal,
    _numerator_vanishes,
    _odd,
    _range,
)
from splinework.knowledge.axioms.checker.formulas import read
from splinework.knowledge.axioms.checker.models import Reading
from tests.families import every

NAMES = ("x", "y", "z")
X = sympy.symbols("x y z", real=True)
P = sympy.symbols("x y z", positive=True)
VIEW = SimpleNamespace(algebra=FormView.algebra, number=lambda value: sympy.Rational(float(value)))


def form(text: str, symbols=X):
    return _normal(read(text, NAMES).run(symbols, VIEW))


@pytest.mark.parametrize("symbols", [X, P], ids=["real", "positive"])
@pytest.mark.parametrize(
    "text",
    ["(x + y)**3/(x - y)", "sin(x)**2*cos(y)**3 - x*cos(x)**2", "exp(x + 2*y)/exp(y - z)", "sqrt(4*x**2 + 4*y**2*x**2)*z",
     "abs(x - y)*abs(y - x)", "(x*y)**2/(x**2 + y**2)", "1/(2*x - 2*z) + 1/(z - x)", "log(exp(x)) + tanh(-x)",
     "sqrt((x*exp(y))**2)", "floor(x + 2) - floor(x)", "(x**2*z**2 + y**2*z**2)**-0.5", "sign(x)*abs(x)*0.1 - 0.3*x"],
)  # fmt: skip
def test_a_normal_form_has_the_values_of_its_formula(text, symbols):
    at = (1.25, 0.5, 2.75) if symbols is P else (-1.25, 0.5, 2.75)
    numbers = {name: np.float64(value) for name, value in zip(NAMES, at, strict=True)}
    known = {name: getattr(np, name) for name in ("sin", "cos", "exp", "sqrt", "abs", "log", "tanh", "floor", "sign")}
    true = eval(text, known, numbers)
    found = form(text, symbols).subs(dict(zip(symbols, map(sympy.Rational, at), strict=True)))
    assert complex(found) == pytest.approx(true, rel=1e-12)


@every(("one", "other"), [
    ("sin(x)**2 + cos(x)**2", "1"), ("1/(x - y)", "-1/(y - x)"), ("sqrt(4*x**2 + 4*y**2)", "2*sqrt(y**2 + x**2)"),
    ("(x*y)**0.5", "x**0.5*y**0.5"), ("min(x, y)", "min(y, x)"), ("log(x*y)", "log(y) + log(x)"), ("x*(y + z)", "z*x + y*x"),
    ("sqrt((x*z)**2 + (y*z)**2)/z", "sqrt(x**2 + y**2)"), ("sigmoid(x + y)", "sigmoid(y + x)"),
    ("cos(x - y)", "cos(y - x)"),
])  # fmt: skip
def test_equal_functions_of_positive_numbers_have_equal_forms(one, other):
    assert form(one, P) == form(other, P)


@pytest.mark.parametrize(
    ("one", "other"),
    [("sqrt(x**2)", "x"), ("(x*y)**0.5", "x**0.5*y**0.5"), ("log(x*y)", "log(x) + log(y)"), ("sigmoid(x)", "sigmoid(-x)"),
     ("min(x, y)", "max(x, y)"), ("where(x < y, x, y)", "where(x > y, x, y)"), ("floor(x + 0.5)", "floor(x)")],
)  # fmt: skip
def test_functions_of_real_numbers_that_differ_have_other_forms(one, other):
    assert form(one) != form(other)


@pytest.mark.parametrize(
    "text", ["9**9**9", "(x + y)**9", "x/0", "1.5**1e9", "(x + y + z + 1)**8*(x - y + z - 2)**8*(x*y - 3)**8"]
)
def test_what_would_be_too_large_is_refused_before_it_is_worked_out(text):
    with pytest.raises(TooLarge):
        form(text)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("3*x0*x1", -15, 30), ("x0**2 - x1", -5, 1), ("exp(x0)*x1", 3 * np.exp(-1), 5 * np.exp(2)), ("1/x1", 0.2, 1 / 3)],
)
def test_the_range_of_a_form_is_that_by_hand(text, low, high):
    claim = SimpleNamespace(lo=np.array([-1.0, 3.0]), hi=np.array([2.0, 5.0]))
    found = _range(sympy.sympify(text, locals={f"x{i}": sympy.Symbol(f"x{i}", real=True) for i in (0, 1)}), claim)
    assert found.lo.dtype == np.float64
    np.testing.assert_allclose((found.lo, found.hi), (low, high), rtol=1e-13)
    assert found.lo <= low * (1 - 1e-16)
    assert high * (1 - 1e-16) <= found.hi


def even_in_x0(domain: tuple[float, float], shift: float, scale: float) -> sw.KAN:
    """A network whose edges from the first input are even about the middle of its grid."""
    generator = torch.Generator().manual_seed(0)
    model = sw.KAN(
        [2, 3, 1], names=["x0", "x1"], base="none", grid=4, domain=domain, dtype=torch.float64, generator=generator
    )
    first = model.kan_layers[0]
    with torch.no_grad():
        first.coefficients[0] += first.coefficients[0].flip(0).clone()
    model.input_scaling.set(torch.tensor([shift, 0.25]), torch.tensor([scale, 2.0]))
    return model


@pytest.mark.parametrize(
    ("domain", "shift", "scale"), [((-1.0, 1.0), 0.0, 1.0), ((-0.5, 1.5), 0.75, 2.0), ((0.0, 4.0), -1.0, 0.5)]
)
def test_the_centre_of_even_edges_is_where_the_model_is_even(domain, shift, scale):
    model = even_in_x0(domain, shift, scale)
    centre = _centre(Reading(model), 0)
    assert _centre(Reading(model), 1) is None
    away, other = torch.linspace(0.1, 3.0, 7, dtype=torch.float64), torch.linspace(-1, 1, 7, dtype=torch.float64)
    values = [model(torch.stack([float(centre) + side * away, other], 1)) for side in (1, -1)]
    torch.testing.assert_close(values[0], values[1], rtol=1e-12, atol=1e-12)
    with torch.no_grad():
        model.kan_layers[0].coefficients[0, 0, 1] += 1e-9
    assert _centre(Reading(model), 0) is None


def odd_network() -> sw.KAN:
    generator = torch.Generator().manual_seed(0)
    model = sw.KAN([2, 3, 2], base="tanh", dtype=torch.float64, generator=generator)
    with torch.no_grad():
        for layer in model.kan_layers:
            layer.coefficients -= layer.coefficients.flip(1).clone()
            layer.bias.zero_()
    return model


ODDITIES = {
    "nothing": lambda model: None,
    "one bias": lambda model: model.kan_layers[0].bias[1].fill_(0.5),
    "every bias": lambda model: model.kan_layers[1].bias.fill_(0.5),
    "a coefficient": lambda model: model.kan_layers[0].coefficients[0, 3].add_(0.1),
    "a shift": lambda model: model.input_scaling.set(torch.tensor([0.0, 0.5]), torch.tensor([1.0, 1.0])),
    "a shift of an output": lambda model: model.output_scaling.set(torch.tensor([0.0, 0.5]), torch.tensor([1.0, 1.0])),
}


@pytest.mark.parametrize("change", ODDITIES)
def test_a_network_is_odd_where_its_parts_are_and_only_there(change):
    model, x = odd_network(), torch.linspace(-1.4, 1.4, 14, dtype=torch.float64).reshape(7, 2)
    with torch.no_grad():
        ODDITIES[change](model)
        odd = bool(torch.allclose(model(x), -model(-x), rtol=1e-12, atol=1e-12))
    assert _odd(Reading(model)) == odd == (change == "nothing")


def test_an_equation_holds_where_a_numerator_vanishes():
    x, y = X[:2]
    zero = x / (x + y) + y / (x + y) - 1
    assert _numerator_vanishes(-sympy.Abs(zero, evaluate=False))
    for other in (zero + 1, x - y, 1 / x):
        assert not _numerator_vanishes(-sympy.Abs(other, evaluate=False))
    assert not _numerator_vanishes(x - y)
    assert not _numerator_vanishes(sympy.Abs(zero, evaluate=False))
