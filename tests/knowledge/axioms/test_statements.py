"""A statement's violation is what its formula says, to the last digits, of models that are formulas themselves."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from splinework.errors import FormulaError, ShapeError
from splinework.knowledge.axioms.name_resolution import resolve, uses_alias
from splinework.knowledge.axioms.relations import read_relation
from splinework.nn.network import KAN
from tests.families import every
from tests.knowledge.axioms.models import formula_model, uniform

X = uniform(64, (0.2, 1.4), (0.5, 2.0), seed=3)
x, y = X.unbind(-1)
WAVE = formula_model("x y", z="sin(x*y) + x**3")
u = torch.sin(x * y) + x**3
u_x, u_y = y * torch.cos(x * y) + 3 * x**2, x * torch.cos(x * y)
u_xx, u_yy = -(y**2) * torch.sin(x * y) + 6 * x, -(x**2) * torch.sin(x * y)
u_xy = torch.cos(x * y) - x * y * torch.sin(x * y)
u_xxy = -2 * y * torch.sin(x * y) - x * y**2 * torch.cos(x * y)


def f(a: object, b: object) -> torch.Tensor:
    a, b = (torch.as_tensor(v, dtype=torch.float64) for v in (a, b))
    return torch.sin(a * b) + a**3


EQUATIONS = {
    "f(x, y) == f(y, x)": u - f(y, x),
    "f(x,y) - f(y,x)": u - f(y, x),
    "u = x*y + 1": u - x * y - 1,
    "z == x*y": u - x * y,
    "z(x, 2*y) = z": f(x, 2 * y) - u,
    "u_x + u*u_y - 0.01*u_xx": u_x + u * u_y - 0.01 * u_xx,
    "u_xy = u_yx": 0 * x,
    "u_xy": u_xy,
    "u_x_y": u_xy,
    "z_xxy": u_xxy,
    "d f/d x": u_x,
    "d2 f/d x2 + d2 f/d y2": u_xx + u_yy,
    "d2 f/d x d y": u_xy,
    "d3 f/d x2 d y - z_xxy": 0 * x,
    "x*d f/d x - 2*f": x * u_x - 2 * u,
    "f(f(x, y), y)": f(u, y),
    "f(u_x, y)": f(u_x, y),
    "f(1, 2)": f(1.0, 2.0).expand(64),
    "1": torch.ones(64, dtype=torch.float64),
    "exp(-x)*u - pi": torch.exp(-x) * u - torch.pi,
    "f(-x,y) + sqrt(abs(y))*max(x, y)": f(-x, y) + y.sqrt() * torch.maximum(x, y),
}
INEQUALITIES = {
    "f >= x": (x - u).clamp_min(0),
    "f > 2": (2 - u).clamp_min(0),
    "u <= 1": (u - 1).clamp_min(0),
    "0.5 <= f <= 1.5": (0.5 - u).clamp_min(0) + (u - 1.5).clamp_min(0),
    "d f/d x >= 3 when y > 1": torch.where(y >= 1, (3 - u_x).clamp_min(0), 0.0),
    "u < 1 when 0.7 < y < 1.5 and x >= y": torch.where((y >= 0.7) & (y <= 1.5) & (x >= y), (u - 1).clamp_min(0), 0.0),
    "u = 1 when u_x > 2": torch.where(u_x >= 2, u - 1, 0.0),
}


@every("text", [*EQUATIONS, *INEQUALITIES])
def test_the_violation_is_what_the_statement_says(text):
    truth = {**EQUATIONS, **INEQUALITIES}[text]
    violation = resolve(text, ["x", "y"], ["z"]).violation(WAVE, X)
    assert violation.shape == (64,)
    torch.testing.assert_close(violation, truth, rtol=1e-12, atol=1e-12)


def test_every_output_is_called_by_its_name():
    model = formula_model("x y", u="sin(x*y) + x**3", v="x - y")
    for text, truth in {"u_x - v_y*v(y, x)": u_x + (y - x), "v >= u": (u - x + y).clamp_min(0)}.items():
        violation = resolve(text, ["x", "y"], ["u", "v"]).violation(model, X)
        torch.testing.assert_close(violation, truth, rtol=1e-12, atol=1e-12)
    second = resolve("f == d f/d x", ["x", "y"], ["u", "v"], output=1).violation(model, X)
    torch.testing.assert_close(second, x - y - 1)
    assert uses_alias("f_x >= 0", ["x"], ["a", "b"])
    assert not uses_alias("u_x >= f", ["x", "f"], ["u", "v"])


@pytest.mark.parametrize(
    ("text", "free", "ranges"),
    [
        ("f(x + s, y) - f(x, y)*f(s, y)", ("s",), (0,)),
        ("f(x, y + s) == f(x, s)", ("s",), (1,)),
        ("f(a, b) == f(b, a)", ("a", "b"), (0, 1)),
        ("f(x, y + s) == f(s, y) + s", ("s",), (0,)),
        ("f(x, y)", (), ()),
    ],
)
def test_a_name_that_is_no_input_is_free_in_the_range_of_its_place(text, free, ranges):
    statement = resolve(text, ["x", "y"], ["z"])
    assert (statement.free, statement.ranges) == (free, ranges)


def test_free_variables_take_their_columns():
    s = uniform(64, (0.0, 1.0), seed=5)
    violation = resolve("f(x + s, y) - f(x, y)*f(s, y)", ["x", "y"], ["z"]).violation(WAVE, X, s)
    torch.testing.assert_close(violation, f(x + s[:, 0], y) - u * f(s[:, 0], y))
    with pytest.raises(ShapeError, match="free variables"):
        resolve("f(s, y)", ["x", "y"], ["z"]).violation(WAVE, X)


def test_coefficients_are_differentiable():
    nu = torch.tensor([0.3], dtype=torch.float64, requires_grad=True)
    violation = resolve("u_x - nu*u_yy", ["x", "y"], ["z"], unknowns=["nu"]).violation(WAVE, X, unknowns=nu)
    torch.testing.assert_close(violation, u_x - 0.3 * u_yy)
    (slope,) = torch.autograd.grad(violation.sum(), nu)
    torch.testing.assert_close(slope, -u_yy.sum().reshape(1))


def test_names_of_several_letters_are_told_apart():
    model = formula_model("t age x2", price="t*age**2*x2**3")
    points = uniform(16, (1, 2), (1, 2), (1, 2))
    t, age, x2 = points.unbind(-1)
    for text, truth in {
        "price_age": 2 * t * age * x2**3,
        "price_tage": 2 * age * x2**3,
        "price_x2x2": 6 * t * age**2 * x2,
        "price_age_x2": 6 * t * age * x2**2,
        "d price/d x2": 3 * t * age**2 * x2**2,
        "d2 f/d x22": 6 * t * age**2 * x2,
        "d3 price/d age2 d t": 2 * x2**3,
    }.items():
        violation = resolve(text, ["t", "age", "x2"], ["price"]).violation(model, points)
        torch.testing.assert_close(violation, truth, msg=text)


def test_an_input_hides_an_output_of_its_name():
    model = formula_model("f u", w="f**2 + u")
    points = uniform(8, (1, 2), (1, 2))
    violation = resolve("w - f - u*w_f", ["f", "u"], ["w"]).violation(model, points)
    a, b = points.unbind(-1)
    torch.testing.assert_close(violation, a**2 + b - a - b * 2 * a)


def test_names_that_are_no_identifiers_may_stand_beside_the_ones_that_are_used():
    model = KAN([3, 1], names=["body mass", "x", "in"], dtype=torch.float64)
    points = uniform(8, (-1, 1), (-1, 1), (-1, 1))
    violation = resolve("f == x", ["body mass", "x", "in"], ["y"]).violation(model, points)
    torch.testing.assert_close(violation, model(points)[:, 0] - points[:, 1])


@pytest.mark.parametrize("text", ["u_x + u*u_yy - 0.1", "f(y, x) - f", "d f/d x >= 1 when y > 0.8", "f(f, y)"])
def test_the_gradient_in_the_parameters_is_a_finite_difference(text):
    model = KAN([2, 2, 1], names=["x", "y"], dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    statement = resolve(text, ["x", "y"], ["z"])
    points = uniform(32, (-0.9, 0.9), (-0.9, 0.9), seed=2)
    parameter = model.kan_layers[0].coefficients
    statement.violation(model, points).square().mean().backward()
    direction = torch.randn(parameter.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        values = []
        for step in (1e-5, -2e-5):
            parameter += step * direction
            values.append(statement.violation(model, points).square().mean())
    slope = (values[0] - values[1]) / 2e-5
    torch.testing.assert_close((parameter.grad * direction).sum(), slope, rtol=1e-6, atol=1e-9)


@every(
    ("text", "told"),
    [
        ("f(x) == 1", "takes the inputs x, y"),
        ("f(x, y, x)", "takes the inputs x, y"),
        ("q_x + 1", "unknown name"),
        ("u_q", "unknown name"),
        ("speed >= 0", "derivative is written f_x or d f/d x"),
        ("g(x, y) >= 0", "unknown function"),
        ("d f/d q >= 0", "not a derivative"),
        ("d2 f/d x >= 0", "not a derivative"),
        ("d0 f/d x >= 0", "not a derivative"),
        ("f(x, y) >= ", "nothing on one side"),
        ("x = y = f", "two equals signs"),
        ("x >= f <= y", "mixes"),
        ("f = 1 when x = 0", "is an equation"),
        ("f = 1 when x > 0 when y > 0", "'when' twice"),
        ("f ^ 2", "write \\*\\* for powers"),
        ("f(x=x, y=y)", "equals|cannot read|nothing|uses"),
        ("+".join(["x"] * 300), "nested more than"),
    ],
)
def test_what_means_nothing_is_refused(text, told):
    with pytest.raises(FormulaError, match=told):
        resolve(text, ["x", "y"], ["z"])


def test_with_several_outputs_f_alone_is_refused():
    with pytest.raises(FormulaError, match="which output is f"):
        resolve("f >= 0", ["x"], ["a", "b"])


def test_two_meanings_are_refused():
    with pytest.raises(FormulaError, match="two meanings"):
        resolve("u_xx", ["x", "xx"], ["u"])
    assert resolve("d2 u/d x2", ["x", "xx"], ["u"]).atoms[0].along == (0, 0)


def test_a_differential_equation_is_told_from_a_law():
    for text in ("u_t = u_xx", "u_t + sin(u)*u_x"):
        assert read_relation(text).differential
    for text in ("u_t >= 0", "f(x) - u_x", "u = x", "u_t = 1 when x > 0", "d f/d x = 1"):
        assert not read_relation(text).differential


@settings(deadline=None, max_examples=250, derandomize=True)
@given(
    st.lists(
        st.sampled_from(
            [
                "x", "y", "f", "u", "z", "u_x", "z_xy", "d", "d2", "/", "(", ")", ",", "+", "-", "*", "**", "==",
                "=", ">=", "<", "when", "and", "1", "0.5", "s", "sin", "pi", "x2", "[", ".", "'", "^", "é",
            ]
        ),
        max_size=14,
    ).map(" ".join)
    | st.text(max_size=40)
)  # fmt: skip
def test_any_text_is_a_statement_or_a_formula_error(text):
    try:
        statement = resolve(text, ["x", "y"], ["z"])
    except FormulaError:
        return
    free = X[:8, : len(statement.free)].repeat(1, 9)[:, : len(statement.free)] if statement.free else None
    assert statement.violation(WAVE, X[:8], free).shape == (8,)
