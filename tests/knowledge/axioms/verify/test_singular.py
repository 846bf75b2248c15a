"""Kinks, jumps, poles and ends of domains on the faces of boxes: nothing false is proved of formulas that have them."""

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError
from splinework.knowledge.axioms.checker import check
from splinework.knowledge.axioms.verify import verify
from splinework.nn.frame import Frame, FramedKAN
from tests.attack.formulas import TERMS, Formula, claims_of, drawn, violation


def false_proofs(formula: Formula, draw: np.random.Generator) -> list[str]:
    found = verify(formula.model(), claims_of(formula, draw), effort=0.2)
    pairs = [(claim, violation(formula, claim.axiom, claim.tolerance)) for claim in found.claims]
    return [f"{formula.text}: {c.axiom}: {where}" for c, where in pairs if c.status == "proved" and where]


@pytest.mark.quick(1)
@pytest.mark.parametrize("seed", range(12))
def test_what_is_proved_of_a_formula_with_singular_points_holds_on_dense_samples(seed):
    draw = np.random.default_rng(seed)
    assert [text for _ in range(4) for text in false_proofs(drawn(draw), draw)] == []


@pytest.mark.parametrize(
    "term", [pytest.param(term, marks=() if place % 12 == 0 else pytest.mark.slow) for place, term in enumerate(TERMS)]
)
def test_no_singular_point_on_the_face_of_a_box_is_missed(term):
    draw = np.random.default_rng(1)
    formulas = [Formula(f"{sign}*({term.format(c='(0.0)')})", (0.0,)) for sign in (1.0, -1.0)]
    assert [text for formula in formulas for text in false_proofs(formula, draw)] == []


@pytest.mark.parametrize("term", ["sqrt({c})", "asin(2*{c})", "{c}**0.5", "log({c})", "min(1,sqrt({c}))", "0*log({c})"])
def test_where_a_model_is_no_number_nothing_holds_and_the_point_is_told_at_once(term):
    model = Formula(term.format(c="x"), (0.0,)).model()
    found = verify(model, ["bounded(-9, 9)", "monotone(x)"], effort=60.0)
    assert found.status == "refuted"
    assert found.seconds < 5
    for claim in found.claims:
        assert claim.value == "nan"
        assert not torch.isfinite(model(torch.tensor([[claim.counterexample["x"]]], dtype=torch.float64))).any()


@pytest.mark.parametrize("sign", ["", "-"])
def test_a_pole_on_a_face_refutes_both_bounds_and_the_checker_confirms_them(sign):
    """The limits have signs, what division by zero gives has none in exact arithmetic: neither is a number."""
    network = sw.KAN([1, 1], names=["x"], dtype=torch.float64)
    model = FramedKAN(network, Frame(("x",), (), ("y",), (f"{sign}(2+z1*z1)/(x-1.0)",), ranges=((-1.0, 1.0),)))
    found = verify(model, ["bounded(lower=-1e6)", "bounded(upper=1e6)"], box={"x": (-1.0, 1.0)}, effort=5.0)
    assert "refuted" in [claim.status for claim in found.claims]
    assert check(model, found).valid
    assert not any("confirmed" in claim.reason for claim in found.claims)


def test_a_logarithmic_input_with_a_box_through_zero_is_refuted_at_once():
    model = sw.KAN([2, 3, 1], dtype=torch.float64, input_scales=["log", "linear"], names=["a", "b"])
    found = verify(model, ["bounded(-99, 99)", "monotone(a)"], box={"a": (-1, 1)}, effort=60.0)
    assert found.status == "refuted"
    assert found.seconds < 5
    assert found.counterexample["a"] < 0


def test_outputs_beyond_float64_have_no_tolerance():
    model = sw.KAN([1, 1], degree=1, grid=2, base="none", dtype=torch.float64)
    with torch.no_grad():
        model.kan_layers[0].coefficients.copy_(torch.tensor([-1e308, 0, 1e308], dtype=torch.float64)[None, :, None])
    with pytest.raises(ConfigError, match="float64"):
        verify(model, ["monotone(x1, increasing=False)", "bounded(-1, 1)"])


@pytest.mark.parametrize("ends", ["1.5-0.5", "0.3+0.7", "2.25-1.25"])
def test_a_kink_at_the_end_of_the_box_that_rounding_moves_inside_leaves_a_weaker_bound(ends):
    """`2x + max(x, 1)` rises by 2 on (-1, 1); whether by 3 at the end depends on the arithmetic of the constant."""
    model = Formula(f"2*x+max(x,{ends})", (1.0,)).model()
    found = verify(model, "lipschitz(3.0)", effort=0.5)
    assert found.status == "proved"
    assert found.claims[0].bound < 0.51
    assert check(model, found)
