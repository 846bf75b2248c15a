"""Every soft axiom vanishes on functions that fulfil it, does not on others, and counts in standard deviations of the output."""

import pytest
import torch

from splinework import axioms as ax
from splinework.errors import ConfigError, FormulaError, ShapeError
from splinework.knowledge.axioms.axiom import Axiom
from splinework.knowledge.axioms.language import WORDS, parse_axiom
from splinework.knowledge.axioms.terms import terms_of, violation
from splinework.nn.network import KAN
from tests.families import every
from tests.knowledge.axioms.models import formula_model, uniform

BOX2, BOX3 = [(-1.0, 1.0), (-1.0, 1.0)], [(0.5, 2.0)] * 3
# The axiom, a formula that fulfils it, one that does not, the inputs, the box.
CASES = [
    ("monotone(x)", "x**3 + y", "x**2", "x y", BOX2),
    ("monotone(y, increasing=False)", "x - exp(y)", "x + y", "x y", BOX2),
    ("monotone(x, domain={x: (0, 1)})", "x**2", "-x**2", "x y", BOX2),
    ("convex(x)", "x**4 - y**2", "sin(3*x)", "x y", BOX2),
    ("concave(x)", "-x**4 + y**2", "sin(3*x)", "x y", BOX2),
    ("bounded(lower=-1, upper=1)", "sin(9*x)", "2*sin(9*x)", "x y", BOX2),
    ("bounded(lower=0)", "x**2", "x", "x y", BOX2),
    ("positive()", "x**2", "x*y", "x y", BOX2),
    ("lipschitz(2, x)", "sin(2*x) + 9*y", "sin(3*x)", "x y", BOX2),
    ("lipschitz(2)", "sin(2*x) + 2*y", "sin(2*x) + 3*y", "x y", BOX2),
    ("periodic(x, period=0.5)", "sin(4*pi*x) + y", "sin(5*pi*x)", "x y", BOX2),
    ("periodic(x, period=2)", "sin(pi*x)*y", "x", "x y", BOX2),
    ("periodic(x, period=3)", "sin(2*pi*x/3)*y", "x", "x y", BOX2),
    ("even(x, centre=0.25)", "(x - 0.25)**2 + y", "x**2", "x y", BOX2),
    ("odd(x)", "x**3*y", "x**3 + 0.1", "x y", BOX2),
    ("asymptote(x, side=right)", "min(x, 1)*y", "x*y", "x y", BOX2),
    ("asymptote(x, side=left, kind=linear)", "max(x, -1)**2 + y*x", "x**2", "x y", BOX2),
    ("asymptote(x, kind=value, value=3)", "3 + y*exp(-9*x**2)", "3.1 + y", "x y", BOX2),
    ("symmetric(a, b)", "a*b + c", "a - b", "a b c", BOX3),
    ("symmetric(a, b, c)", "a*b*c + a + b + c", "a*b + c", "a b c", BOX3),
    ("antisymmetric(a, b)", "(a - b)*c", "a - 2*b", "a b c", BOX3),
    ("invariant(sign, x, y)", "x*y", "x + y", "x y", BOX2),
    ("invariant(scale, a, b)", "a/b + c", "a + b", "a b c", BOX3),
    ("invariant(translation, a, c)", "b*(a - c)**2", "a", "a b c", BOX3),
    ("invariant(rotation, x, y)", "exp(-x**2 - y**2)", "x", "x y", BOX2),
    ("invariant(rotation, (a, b), (c, d))", "a*c + b*d", "a*c - b*d", "a b c d", BOX2 * 2),
    ("no_interaction(a, b)", "a*c + b*c", "a*b*c", "a b c", BOX3),
    ("additive()", "a**2 + exp(b) - c", "a*b", "a b c", BOX3),
    ("additive((a, b), (c,))", "a*b + exp(c)", "a*c", "a b c", BOX3),
    ("additive((a, b))", "a + b**2 + c", "a*b + c", "a b c", BOX3),
    ("through(((0, 1), (1, 0.5)), (1, 0.5))", "y", "x", "x y", BOX2),
    ("boundary({x: (-1, 1)}, sin(y))", "sin(y) + x**2 - 1", "sin(x)", "x y", BOX2),
    ("boundary({x: (-1, inf)}, 2)", "2 + (x + 1)*y", "2 + x*y", "x y", BOX2),
    ("boundary(disc((x, y), (0, 0), 0.8), y)", "y + x**2 + y**2 - 0.64", "x**2 + y**2 - 0.64", "x y", BOX2),
    (
        "boundary(difference(box({x: (-1, 1), y: (-1, 1)}), disc((x, y), (0, 0), 0.5)))",
        "(1 - x**2)*(1 - y**2)*(x**2 + y**2 - 0.25)",
        "(1 - x**2)*(1 - y**2)",
        "x y",
        BOX2,
    ),
    ("initial(y, at=-1, value=x**2)", "x**2 + (y + 1)*x", "x + (y + 1)*x", "x y", BOX2),
    ("initial(y, at=-1, value=x**2, rate=x)", "x**2 + (y + 1)*x", "x**2 + 2*(y + 1)*x", "x y", BOX2),
    ("integral(4)", "1 + x*y**2", "1 + x**2", "x y", BOX2),
    ("integral(0.5, over={x: (0, 1), y: (0, 1)}, weight=x)", "1 + y - y**2*3/2", "1 + y", "x y", BOX2),
    ("units({m: kg, v: 'm/s', w: 'm/s'}, J)", "m*v*w + m*v**2", "m*v*w + 0.2*v", "m v w", BOX3),
    ("conserved({x: y, y: -sin(x)})", "y**2/2 - cos(x)", "y**2 + x**2", "x y", BOX2),
    ("u_x - 2*u_y = x", "x**2/2 + sin(2*x + y)", "sin(2*x)", "x y", BOX2),
    ("f(x,y) == f(y,x)", "x*y + x + y", "x", "x y", BOX2),
    ("f(x + s, y) == f(x, y) + f(s, y) - f(0, y)", "3*x + y**2", "x**2", "x y", BOX2),
    ("d f/d x >= 0 when y > 0", "x*y", "x*y - 0.2*x", "x y", BOX2),
    ("-1 <= f <= 1 when y > 0.5", "x*(2 - y)/1.5", "2*x", "x y", BOX2),
]
every_case = every(("text", "good", "bad", "names", "box"), CASES)


def soft(text: str) -> Axiom:
    """The axiom of a text, soft."""
    axiom = parse_axiom(text)
    return type(axiom)(**{**vars(axiom), "strength": ax.Soft(2.0)})


def test_every_axiom_has_a_case():
    assert {type(parse_axiom(case[0])) for case in CASES} | {ax.SumToOne, ax.Ordered} == set(WORDS.values())


@every_case
def test_a_term_vanishes_where_the_axiom_holds_and_not_elsewhere(text, good, bad, names, box):
    (term,) = terms_of([soft(text)], formula_model(names, z=good), box=box)
    assert term.weight == 2.0
    assert term.axiom == soft(text)
    held = term.violation(formula_model(names, z=good)).detach()
    rows = 1 if term.coupled else len(term.points)
    assert held.shape == (rows, held.shape[1])
    assert term.data is None or len(term.data) == len(term.points)
    assert float(held.abs().max()) < 1e-9
    broken = term.violation(formula_model(names, z=bad)).detach()
    assert float(broken.square().mean()) > 1e-4


@every_case
def test_a_violation_is_counted_in_standard_deviations(text, good, bad, names, box):
    if "1" in text and text.startswith(("f", "-1", "u_x")) and "when" not in text:
        return  # a statement with numbers has no scale of its own
    options = {"box": box}
    (one,) = terms_of([soft(text)], formula_model(names, z=bad), spread=1.0, **options)
    (ten,) = terms_of([soft(text)], formula_model(names, z=bad), spread=10.0, **options)
    first, second = one.violation(formula_model(names, z=bad)), ten.violation(formula_model(names, z=bad))
    torch.testing.assert_close(first, 10 * second)


@every_case
def test_the_report_finds_the_worst_point(text, good, bad, names, box):
    model, axiom = formula_model(names, z=bad), parse_axiom(text)
    found = violation(model, axiom, box=box)
    assert found.worst**2 >= found.mean_square > 1e-5
    assert len(found.where) == (0 if isinstance(axiom, ax.Integral) else len(box))
    assert violation(formula_model(names, z=good), axiom, box=box).worst < 1e-9


def test_units_of_measure_do_not_matter():
    """The same function of inputs and outputs in other units has the same violations."""
    texts = ["monotone(x)", "convex(x)", "lipschitz(0.5, x)", "no_interaction(x, y)", "initial(x, rate=1)"]
    small, large = formula_model("x y", z="sin(3*x)*y"), formula_model("x y", z="1000*sin(3*x/10)*y/7")
    for text in texts:
        factor = {"lipschitz(0.5, x)": "lipschitz(50, x)", "initial(x, rate=1)": "initial(x, rate=100)"}.get(text, text)
        a = violation(small, parse_axiom(text), box=[(-1, 1), (-1, 1)], spread=0.5)
        b = violation(large, parse_axiom(factor), box=[(-10, 10), (-7, 7)], spread=500.0)
        torch.testing.assert_close(a[:2], b[:2])


def test_outputs_together():
    model = formula_model("x", p="x**2", q="0.25 + x", r="0.75 - x - x**2")
    assert violation(model, parse_axiom("sum_to_one()"), box=[(-1, 1)]).worst < 1e-12
    assert violation(model, parse_axiom("sum_to_one(p, q)"), box=[(-1, 1)]).worst > 0.5
    assert violation(model, parse_axiom("ordered(p, q)"), box=[(-0.2, 1)]).worst < 1e-12
    assert violation(model, parse_axiom("ordered(q, p)"), box=[(-0.2, 1)]).worst > 0.1
    one = formula_model("x", p="x")
    with pytest.raises(ConfigError, match="several outputs"):
        violation(one, parse_axiom("sum_to_one()"), box=[(-1, 1)])


def test_an_axiom_speaks_of_one_output_or_of_all():
    model = formula_model("x", p="x", q="-x")
    assert violation(model, ax.Monotone("x", output="p"), box=[(-1, 1)]).worst == 0
    assert violation(model, ax.Monotone("x", output="q"), box=[(-1, 1)]).worst == 2
    assert violation(model, ax.Monotone("x"), box=[(-1, 1)]).worst == 2
    assert violation(model, ax.Law("d f/d x >= 0"), box=[(-1, 1)]).worst == 2
    assert violation(model, ax.Law("d f/d x >= 0", output=0), box=[(-1, 1)]).worst == 0
    assert violation(model, ax.Law("p_x + q_x"), box=[(-1, 1)]).worst == 0


@every("text", [case[0] for case in CASES if case[3] == "x y"])
def test_the_gradient_is_a_finite_difference(text):
    model = KAN([2, 2, 1], names=["x", "y"], degree=5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (term,) = terms_of([soft(text)], model, box=BOX2, points=64)
    parameter = model.kan_layers[0].coefficients
    direction = torch.randn(parameter.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    model.zero_grad()
    term.violation(model).square().mean().backward()
    slope, values = (parameter.grad * direction).sum(), []
    with torch.no_grad():
        for step in (1e-5, -2e-5):
            parameter += step * direction
            values.append(term.violation(model).square().mean())
    torch.testing.assert_close(slope, (values[0] - values[1]) / 2e-5, rtol=1e-6, atol=1e-8)


def test_only_soft_axioms_become_terms():
    model = formula_model("x", z="x")
    axioms = [ax.Positive(), ax.Monotone("x", strength=ax.Soft()), ax.Convex("x", strength=ax.Verify())]
    (term,) = terms_of(axioms, model, box=[(-1, 1)])
    assert (term.name, term.weight, term.auto) == ("monotone('x', strength='soft')", 1.0, True)
    again = terms_of(axioms, model, box=[(-1, 1)])[0]
    assert torch.equal(again.points, term.points)
    assert not torch.equal(terms_of(axioms, model, box=[(-1, 1)], seed=1)[0].points, term.points)


def test_points_of_a_user_are_kept():
    model, points = formula_model("x y", z="x**2"), uniform(50, (-1, 1), (0, 1))
    found = violation(model, ax.Monotone("x"), points, spread=2.0)
    x = points[:, 0]
    assert found.where == tuple(points[x.argmin()].tolist())
    width = float(x.max() - x.min())
    assert found.worst == pytest.approx(float(-2 * x.min()) * width / 2)
    assert violation(model, ax.Law("f(s, y) >= 0"), points).worst == 0


def test_arguments_of_calls_stay_in_the_box():
    model = formula_model("x", z="max(x, 1)")
    (term,) = terms_of([soft("f(x + s) - 1")], model, box=[(0, 1)])
    assert bool((term.points + term.data <= 1 + 1e-9).all())
    assert len(term.points) == 256


@every(
    ("text", "told"),
    [
        ("monotone(q)", "does not exist"),
        ("through(((0,),), (1,))", "2 inputs"),
        ("boundary({x: (-inf, inf)})", "no finite face"),
        ("boundary(disc((x, y), (9, 9), 1))", "no point of the boundary"),
        ("boundary(disc((x, q), (0, 0), 1))", "does not exist"),
        ("integral(1, over={x: (0, 1)})", "finite range for every input"),
        ("units({x: kg}, quux)", "not a known unit"),
        ("f(x + 5, y) == 0", "has no effect on its domain"),
        ("f == 0 when x > 3", "has no effect on its domain"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(text, told):
    with pytest.raises((ConfigError, FormulaError), match=told):
        violation(formula_model("x y", z="x"), parse_axiom(text), box=BOX2)


def test_wrong_settings_are_refused():
    model = formula_model("x y", z="x")
    for wrong in ({"box": [(0, 1)]}, {"box": [(1, 0), (0, 1)]}, {"box": "grid"}, {}, {"box": BOX2, "spread": 0.0}):
        with pytest.raises(ConfigError):
            violation(model, ax.Monotone("x"), **wrong)
    with pytest.raises(ShapeError, match="points have shape"):
        violation(model, ax.Monotone("x"), torch.zeros(3, 1))
    with pytest.raises(ConfigError, match="points is the number"):
        terms_of([], model, box=BOX2, points=0)
