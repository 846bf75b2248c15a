"""Laws of formulas of models with axioms: what is offered fulfils the hard ones, and says how that is known."""

import numpy as np
import pytest
import sympy
import torch
from hypothesis import given
from hypothesis import strategies as st

import splinework as sw
from splinework.errors import DataError, ShapeError
from splinework.formula.composer import Composer, formula_text
from splinework.interpret.symbolic.edges import EdgeCandidate
from splinework.interpret.symbolic.expression import compile_expression, symbol
from splinework.interpret.symbolic.library import BY_NAME
from splinework.knowledge.axioms.language import axioms_of
from splinework.knowledge.axioms.verify.subject import subject_of
from splinework.knowledge.teach.axiom_checks import AxiomChecker, CheckedFormulas
from splinework.knowledge.teach.composed import compose
from splinework.knowledge.teach.edge_shapes import has_shape
from splinework.nn.frame import Expression, Frame, FramedKAN
from splinework.splines.cones import CONCAVE, CONVEX, DECREASING, EVEN, INCREASING, ODD
from tests.formula.calls import NUMERIC, call

A, B = symbol("a"), symbol("b")
UNIT = torch.linspace(0, 1, 129, dtype=torch.float64)


def rows(count: int = 120, noise: float = 0.0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(count, 2, generator=generator, dtype=torch.float64)
    return x, x[:, 0], x[:, 1], noise * torch.randn(count, generator=generator, dtype=torch.float64)


def table(y: torch.Tensor, axioms: list[str], shape: list[int], x: torch.Tensor, **options: object):
    model = sw.KAN(
        shape, names=["a", "b"][: x.shape[1]], dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    fitted = sw.fit(model, x, y, axioms=axioms, validation=None, progress=False)
    return fitted.model, sw.symbolify(fitted.model, x, y, **options)


def equal(expression: sympy.Expr, truth: sympy.Expr) -> bool:
    x = rows()[0].numpy()
    one, other = (compile_expression(e, ("a", "b"))(x) for e in (expression, truth))
    return bool(np.abs(one - other).max() < 1e-6)


@pytest.mark.slow
def test_a_model_without_axioms_gives_what_the_search_of_formulas_gives():
    x, a, _, noise = rows(60, 0.1)
    x, y = x[:, :1], a * a + noise
    model = sw.fit(sw.KAN([1, 1], dtype=torch.float64), x, y, progress=False, steps=5).model
    one, other = sw.symbolify(model, x, y, rows=4), sw.symbolic.symbolify(model, x, y, rows=4)
    assert [(r.text, r.rmse, r.description, r.notes) for r in one] == [
        (r.text, r.rmse, r.description, r.notes) for r in other
    ]


KNOWN = {
    "edges": (["monotone(a)", "convex(b)"], [2, 1], lambda a, b: (a.exp() + b**2, sympy.exp(A) + B**2)),
    "link": (
        ["bounded(0, 1)"],
        [2, 1],
        lambda a, b: (torch.sigmoid(3 * a + b - 1), 1 / (1 + sympy.exp(1 - 3 * A - B))),
    ),
    "boundary": (
        ['boundary({"a": (0, 1)})'],
        [2, 1],
        lambda a, b: (a * (1 - a) * b.exp(), A * (1 - A) * sympy.exp(B)),
    ),
    "point": (["through([[0, 0]], [1])"], [2, 1], lambda a, b: (a.exp() + b, sympy.exp(A) + B)),
    "radius": (['invariant("rotation", ("a", "b"))'], [2, 1], lambda a, b: ((a**2 + b**2) ** 0.5, sympy.sqrt(A**2 + B**2))),
}  # fmt: skip


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n == "edges" else pytest.mark.slow) for n in KNOWN])
def test_a_law_is_found_in_the_raw_inputs_with_the_frame_in_it_and_proved(name):
    axioms, shape, law = KNOWN[name]
    x, a, b, _ = rows()
    y, truth = law(a, b)
    _, found = table(y, axioms, shape, x)
    best = found.best
    assert equal(best.expression, truth), best
    assert {s.name for s in best.expression.free_symbols} <= {"a", "b"}
    assert best.notes[-1] == f"proved: {', '.join(axiom.text() for axiom in axioms_of(axioms))}"
    assert float((best.torch()(x) - y).abs().max()) < 1e-6
    assert "a" in best.latex()


@pytest.mark.filterwarnings("ignore::splinework.errors.FitWarning")
def test_every_row_fulfils_the_axioms_and_those_that_do_not_are_counted():
    x, a, b, noise = rows(60, 0.25)
    y = 0.3 * torch.sin(7 * a) + 0.2 * b + noise  # the data speak against it
    model, found = table(y, ["monotone(a)"], [2, 1], x)
    assert len(found)
    for row in found:
        assert "monotone('a')" in row.notes[-1]
        for at in (0.05, 0.6):
            values = row.numpy()(np.column_stack([UNIT, np.full(len(UNIT), at)]))
            assert np.diff(values).min() >= -1e-9
    assert any(note.startswith("monotone('a'): ") for note in found.notes)
    judge = AxiomChecker(subject_of(model, [(0, 1), (0, 1)]), axioms_of(["monotone(a)"]), np.inf)
    assert judge.statuses(CheckedFormulas((0,), (sympy.sin(7 * A) + B,), ({},)), judge.of(0), 1.0) is None
    assert judge.broken == {"monotone('a')": 1}


def judged(expression: sympy.Expr, axioms: list[str], *, splines=None) -> str | None:
    model = sw.KAN([2, 1], names=["a", "b"], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    judge = AxiomChecker(subject_of(model, [(0, 1), (0.5, 2)]), axioms_of(axioms), np.inf)
    statuses = judge.statuses(CheckedFormulas((0,), (expression,), (splines or {},)), judge.of(0), 2.0)
    return None if statuses is None else " ".join(statuses.values())


def test_what_is_proved_holds_on_points_and_what_is_false_is_refused():
    assert judged(sympy.exp(A) * B, ["monotone(a)", "convex(a)"]) == "proved proved"
    assert judged(A**2 - 2 * A, ["monotone(a, increasing=False)"]) == "proved"
    assert judged(A**2 - A, ["monotone(a)"]) is None
    assert judged(sympy.sin(A) + B, ["concave(a)"]) == "proved"
    assert judged(A * B, ["additive()"]) is None
    assert judged(sympy.log(B) + A**3, ["additive()"]) == "proved"
    assert judged(A + 0.999999 * B, ['symmetric(("a", "b"))']) is None
    assert judged(sympy.Max(A, B), ["bounded(0.5, 2)"]) == "proved"
    assert judged(sympy.log(A - 0.5), ["monotone(b)"]) is None  # not defined everywhere


@pytest.mark.slow
def test_functions_without_known_ranges_are_looked_at_on_points():
    assert judged(sympy.erf(A), ["monotone(a)"]) == "proved"
    assert judged(sympy.besselj(0, 3 * A), ["monotone(a)"]) is None
    assert judged(sympy.gamma(B), ["convex(b)"]) == "holds on 4096 points"


def test_the_domain_of_an_axiom_is_where_it_is_looked_at():
    assert judged((A - 0.5) ** 2, ['monotone(a, domain={"a": (0.5, 1)})']) == "proved"
    assert judged((A - 0.5) ** 2, ["monotone(a)"]) is None


WHOLE = {
    "plain": (["monotone(a)"], [2, 1]),
    "answers": (["bounded(-0.5, 2)", "monotone(b)"], [2, 2, 1]),
    "points": (["through([[0.2, 0.3]], [0.5])"], [2, 1]),
    "features": (['symmetric(("a", "b"))'], [2, 1]),
}


@pytest.mark.filterwarnings("ignore::splinework.errors.FitWarning")
@pytest.mark.parametrize("name", WHOLE)
def test_the_network_with_its_edges_as_splines_is_the_model_and_so_fulfils_its_axioms(name):
    axioms, shape = WHOLE[name]
    x, a, b, noise = rows(60, 0.2)
    model = sw.KAN(shape, names=["a", "b"], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    fitted = sw.fit(model, x, a * b + noise, axioms=axioms, steps=4, validation=None, progress=False).model
    case = compose(fitted, x, a * b + noise, None)
    (expression,), splines = case.itself()
    values = compile_expression(case.raw(expression), ("a", "b"), splines)(x.numpy())
    assert np.abs(values - fitted(x).detach().numpy()[:, 0]).max() < 1e-12
    judge = AxiomChecker(case.subject(), axioms_of(axioms), np.inf)
    statuses = judge.statuses(CheckedFormulas((0,), (case.raw(expression),), (splines,)), judge.of(0), 1.0)
    assert statuses is not None
    assert set(statuses.values()) == {"holds on 4096 points"}


@pytest.mark.slow
def test_outputs_that_must_go_together_are_offered_together():
    x, a, b, _ = rows()
    p = torch.stack([torch.sigmoid(2 * a - b), torch.sigmoid(b - 2 * a)], 1)
    model = sw.KAN([2, 2], names=["a", "b"], output_names=["p", "q"], dtype=torch.float64)
    fitted = sw.fit(model, x, p, axioms=["sum_to_one()"], validation=None, progress=False)
    found = sw.symbolify(fitted.model, x, p)
    assert [row.target for row in found] == ["p", "q"]
    total = sum(row.numpy()(x.numpy()) for row in found)
    assert np.abs(total - 1).max() < 1e-6
    assert all("sum_to_one()" in row.notes[-1] for row in found)


@pytest.mark.slow
def test_a_frame_of_ones_own_without_axioms_is_composed_and_an_exact_law_comes_first():
    x, a, b, _ = rows()
    network = sw.fit(sw.KAN([1, 1], dtype=torch.float64), (a * b)[:, None], (a * b) ** 2, progress=False).model
    best = sw.symbolify(FramedKAN(network, Frame(("a", "b"), ("a*b",))), x, (a * b) ** 2).best
    assert equal(best.expression, A**2 * B**2)
    assert best.notes == ()


def test_rows_that_do_not_fit_are_refused():
    model = FramedKAN(sw.KAN([1, 1]), Frame(("a", "b"), ("a*b",)))
    with pytest.raises(ShapeError):
        sw.symbolify(model, torch.rand(5, 3), torch.rand(5))
    with pytest.raises(ShapeError):
        sw.symbolify(model, torch.rand(5, 2), torch.rand(4))
    with pytest.raises(DataError):
        sw.symbolify(model, torch.rand(0, 2), torch.rand(0))
    with pytest.raises(DataError):
        sw.symbolify(model, torch.full((5, 2), torch.nan), torch.rand(5))


SHAPES = [
    ("exp", 1.0, 0.0, 2.0, INCREASING | CONVEX),
    ("exp", -1.0, 0.0, 2.0, DECREASING | CONVEX),
    ("log", 1.0, 3.0, 1.0, INCREASING | CONCAVE),
    ("x^2", 1.0, 0.0, 1.0, EVEN | CONVEX),
    ("tanh", 2.0, 0.0, -1.0, ODD | DECREASING),
    ("sin", 1.0, 0.0, 1.0, ODD),
]


@pytest.mark.parametrize(("name", "a", "b", "c", "flags"), SHAPES, ids=[f"{s[0]}{s[4]}" for s in SHAPES])
def test_a_function_has_the_shapes_that_it_has_and_no_other(name, a, b, c, flags):
    candidate, x = EdgeCandidate(BY_NAME[name], a, b, c, 0.7, 0.0), np.linspace(-2, 2, 65)
    assert has_shape(candidate, 0, x)
    for flag in (INCREASING, DECREASING, CONVEX, CONCAVE, EVEN, ODD):
        assert has_shape(candidate, flag, x) == bool(flags & flag)


@given(st.recursive(
    st.sampled_from(["a", "b", "2.5", "0.1", "0.123456789", "3"]),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from("+-*"), inner, inner).map(lambda t: f"({t[1]}{t[0]}{t[2]})"),
        inner.map(lambda t: f"({t})**2"),
        st.tuples(st.sampled_from(["sin", "exp", "tanh", "sigmoid", "softplus", "abs", "atan"]), inner).map(
            lambda t: f"{t[0]}(({t[1]})/9)"
        ),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda t: f"{t[0]}({t[1]},{t[2]})"),
    ),
    max_leaves=6,
))  # fmt: skip
def test_a_formula_says_the_same_as_an_expression_and_back(text):
    formula, composer = Expression(text, ("a", "b")), Composer()
    expression = composer.expression(formula, [A, B])
    numbers = {s: sympy.Float(v) for s, v in composer.numbers.items()}
    x = rows(20)[0]
    values = compile_expression(expression.xreplace(numbers), ("a", "b"))(x.numpy())
    size = float(np.abs(values).max()) + 1
    again = formula_text(expression.xreplace(numbers), {"a": "a", "b": "b"})
    assert again is not None
    assert np.abs(formula.of(x).numpy() - values).max() < 1e-8 * size
    assert np.abs(Expression(again, ("a", "b")).of(x).numpy() - values).max() < 1e-9 * size


def test_every_function_of_frames_can_be_said_in_symbols():
    for name in NUMERIC:
        text = call(name, "a/2", "b")
        expression = Composer().expression(Expression(text, ("a", "b")), [A, B])
        assert formula_text(expression, {"a": "a", "b": "b"}) is not None


def test_guards_against_rounding_are_left_out_and_others_stay():
    def said(text: str) -> sympy.Expr:
        return Composer().expression(Expression(text, ("a", "b")), [A, B])

    assert not said("min(max((0.0)+1.0*sigmoid(4.0*(a-(0.5))),0.0),1.0)").has(sympy.Max, sympy.Min)
    assert not said("max((0.25)+0.1*softplus(a),0.25)").has(sympy.Max)
    assert said("min(max(a,0),1)").has(sympy.Max)
    assert said("min(sigmoid(a),0.5)").has(sympy.Min)
