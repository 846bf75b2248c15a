"""Certificates that claim a little more than is true, sealed anew: the checker says False, and True to what is just true."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.knowledge.axioms.checker import check
from splinework.knowledge.axioms.checker.certificates import ModelChecker
from splinework.knowledge.axioms.checker.divisions import division
from splinework.knowledge.axioms.checker.models import Reading
from splinework.knowledge.axioms.verify import bound, verify
from splinework.knowledge.axioms.verify.certificate import from_dict
from splinework.knowledge.axioms.verify.tree import Tree, halves
from splinework.nn.frame import Frame, FramedKAN
from tests.knowledge.axioms.verify.models import cube, smooth

MARGIN = 1e-6
"""Of the spread of the model's outputs: what a forger adds."""


def affine() -> sw.KAN:
    """`x1 + 2 x2` on [-1, 1]², by straight splines."""
    model = sw.KAN([2, 1], degree=1, grid=2, base="none", bias=False, dtype=torch.float64)
    layer = model.kan_layers[0]
    with torch.no_grad():
        layer.coefficients.copy_(torch.stack([layer.grid[0][1:-1], 2 * layer.grid[1][1:-1]])[:, :, None])
    return model


def forged(model, found, **changes):
    """A certificate with another first claim, whose own status agrees."""
    claim = replace(found.claims[0], **changes)
    return check(model, from_dict(replace(found, claims=(claim,), status=claim.status).to_dict()))


MODELS = {
    "affine": (affine, {"bounded(upper={})": 3.0, "bounded(lower={})": -3.0, "lipschitz({})": math.sqrt(5)}),
    "cube": (cube, {"bounded(upper={})": 1.0, "bounded(lower={})": -1.0}),
}
CASES = [(name, text) for name, (_, texts) in MODELS.items() for text in texts if "lipschitz" not in text]


@pytest.mark.parametrize(("name", "text"), CASES)
def test_a_bound_that_is_refuted_cannot_be_forged_and_one_that_is_just_true_can_be_shown(name, text):
    model, truth = MODELS[name][0](), MODELS[name][1][text]
    inside = truth * (1 - MARGIN)
    refuted = verify(model, text.format(repr(inside)))
    assert refuted.status == "refuted"
    plain = {"counterexample": None, "value": "", "reason": ""}
    for method in ("bounds", "structure"):
        for least in (0.0, -refuted.claims[0].tolerance):
            verdict = forged(model, refuted, status="proved", method=method, bound=least, tree=".", **plain)
            assert not verdict
            assert "point is below" in verdict.reason or "could not be confirmed" in verdict.reason
    outside = verify(model, text.format(repr(truth * (1 + MARGIN))))
    assert outside.status == "proved"
    assert forged(model, outside, method="bounds", tree=".", bound=0.0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("side", ["upper", "lower"])
def test_a_margin_is_confirmed_up_to_what_is_true_and_not_beyond(seed, side):
    model = smooth([2, 3, 1], seed)
    sign = 1 if side == "upper" else -1
    top, bottom = bound(model, gap=1e-9).upper, -bound(model, largest=False, gap=1e-9).upper
    end, spread = (top if side == "upper" else bottom), top - bottom
    found = verify(model, f"bounded({side}={end + sign * spread!r})")
    assert found.status == "proved"
    assert forged(model, found, method="bounds", tree=".", bound=spread * (1 - 1e-3))
    assert not forged(model, found, method="bounds", tree=".", bound=spread * (1 + MARGIN))
    assert not forged(model, found, method="bounds", tree=found.claims[0].tree, bound=spread * (1 + MARGIN))


@pytest.mark.parametrize("axis", ["a", "b"])
def test_a_face_counts_only_with_the_right_slope(axis):
    model = affine()
    found = verify(model, "bounded(lower=-3.001)")
    right = f"La{'Lb'}{axis}.."
    assert forged(model, found, method="bounds", tree=right, bound=0.0009)
    for wrong in (f"Ha{axis}..", f"Hb{axis}..", f"LaHb{axis}.."):
        verdict = forged(model, found, method="bounds", tree=wrong, bound=0.0009)
        assert not verdict
        assert "slope" in verdict.reason
    top = verify(model, "bounded(upper=3.001)")
    assert forged(model, top, method="bounds", tree=f"HaHb{axis}..", bound=0.0009)
    assert not forged(model, top, method="bounds", tree=f"LaLb{axis}..", bound=0.0009)


def test_a_slope_of_either_sign_proves_no_face():
    model = sw.KAN([1, 1], degree=2, grid=1, base="none", bias=False, dtype=torch.float64)
    layer = model.kan_layers[0]
    t = layer.grid[0]
    with torch.no_grad():
        layer.coefficients.copy_((t[1:-2] * t[2:-1])[None, :, None])  # x²
    found = verify(model, "bounded(lower=-0.5)")
    assert not forged(model, found, method="bounds", tree="Laa..", bound=0.0)
    assert not forged(model, found, method="bounds", tree="Haa..", bound=0.0)
    assert forged(model, found, method="bounds", tree="a..", bound=0.499)
    # Each half has its own face: the slope is not negative on the right one and not positive on the left one.
    assert forged(model, found, method="bounds", tree="aaHaa...a.Laa..", bound=0.499)
    assert not forged(model, found, method="bounds", tree="aaLaa...a.Haa..", bound=0.499)


@pytest.mark.parametrize("offset", [0.0, 0.25])
def test_an_integral_is_confirmed_to_its_margin(offset):
    model = cube()
    equals = 0.25  # of x³ from 0 to 1
    text = f"integral({equals + offset!r}, over={{x1: (0, 1)}})"
    found = verify(model, text)
    claim = found.claims[0]
    if offset:
        assert found.status == "refuted"
        assert check(model, found)
        seen = -float(claim.value)
        assert claim.tolerance < seen < offset
        assert not forged(model, found, value=repr(-offset * (1 + MARGIN)))
        assert forged(model, found, value=repr(-seen * (1 - MARGIN)))
        (known,) = ModelChecker(Reading(model), found.box).claims(found.axioms[0])
        held = ModelChecker(Reading(model), found.box).boxes(known).integral(division(claim.tree, known.lo, known.hi))
        nearest = float(equals + offset - held.hi[0])
        assert forged(model, found, value=repr(-nearest))
        assert not forged(model, found, value=repr(-math.nextafter(nearest, 1.0)))
        assert not forged(model, found, status="proved", value="", bound=-claim.tolerance)
        assert not forged(model, found, value=repr(-claim.tolerance * 0.5))
        assert not forged(model, found, counterexample={"x1": 0.5})
        assert not forged(model, found, method="point")
    else:
        assert found.status == "proved"
        assert check(model, found)
        assert not forged(model, found, bound=0.0)
        assert not forged(model, found, bound=claim.bound / 100)
        for value in (2 * claim.tolerance, 0.5):  # it may be anything within the enclosure, zero among it
            assert not forged(model, found, status="refuted", value=repr(-value))
        assert not forged(model, found, tree=".")
        assert not forged(model, found, status="refuted", value="-1e-9")


def test_a_counterexample_is_checked_in_every_part():
    model = affine()
    found = verify(model, "bounded(upper=2.0)")
    assert check(model, found)
    claim = found.claims[0]
    point = dict(claim.counterexample)
    assert forged(model, found, counterexample={"x1": 1.0, "x2": 1.0}, value="-1.0")
    assert forged(model, found, counterexample={"x1": 1.0, "x2": 0.75}, value="-0.5")
    for changes in (
        {"counterexample": {"x1": 1.0, "x2": 0.75}, "value": "-0.5000001"},  # another value
        {"counterexample": {"x1": 1.0, "x2": 0.5}, "value": "0.0"},  # it holds there
        {"counterexample": {"x1": 1.0, "x2": 0.25}, "value": "0.5"},
        {"counterexample": {"x1": 1.0000001, "x2": 1.0}, "value": "-1.0000001"},  # outside
        {"counterexample": {"x1": 1.0, "x2": math.nan}, "value": "nan"},
        {"counterexample": {"x2": 1.0, "x1": 1.0}, "value": "-1.0"},  # in another order
        {"counterexample": {"x1": 1.0}, "value": "-1.0"},
        {"counterexample": None},
        {"method": "bounds"},
        {"tree": "."},
        {"bound": -5.0},
        {"status": "unknown"},
        {"lo": (-1.0, -0.5)},
        {"hi": (1.0, 0.5)},
        {"names": ("x2", "x1")},
        {"text": claim.text + " "},
        {"axiom": "bounded(upper=2.1)"},
        {"tolerance": claim.tolerance * 1.01},
    ):
        assert not forged(model, found, **changes), changes
    assert point.keys() == {"x1", "x2"}


def test_a_proved_claim_has_nothing_of_a_refuted_or_unknown_one():
    model = affine()
    found = verify(model, "bounded(upper=3.5)")
    assert check(model, found)
    for changes in (
        {"counterexample": {"x1": 1.0, "x2": 1.0}},
        {"value": "-1.0"},
        {"bound": -1.0},
        {"bound": -found.claims[0].tolerance * 1.5},
        {"method": "none"},
        {"method": "point"},
        {"method": "formula", "tree": "."},
        {"status": "unknown"},
        {"status": "maybe"},
    ):
        assert not forged(model, found, **changes), changes
    assert forged(model, found, status="unknown", method="none", bound=-math.inf)
    assert not forged(model, found, status="unknown", method="none", bound=0.6, tree=".")
    assert forged(model, found, status="unknown", method="none", bound=0.4, tree=".")


def test_a_certificate_speaks_of_this_model_this_box_and_these_axioms():
    model = affine()
    found = verify(model, ["bounded(upper=3.5)", "monotone(x1)"])
    assert check(model, found)
    for changes in (
        {"axioms": ("bounded(upper=3.5)",)},
        {"axioms": (*found.axioms, "monotone(x2)")},
        {"axioms": ()},
        {"claims": found.claims[:1]},
        {"claims": found.claims[::-1]},
        {"claims": ()},
        {"status": "unknown"},
        {"model": "0" * 64},
        {"box": {"x1": found.box["x1"]}},
        {"box": {**found.box, "x3": (0.0, 1.0)}},
        {"box": {**found.box, "x1": (-1.0, 0.5)}},
    ):
        assert not check(model, from_dict(replace(found, **changes).to_dict())), changes
    empty = replace(found, axioms=(), claims=(), status="proved")
    assert not check(model, empty)


# ------------------------------------------------------------------------------------------------------ the division


@pytest.mark.parametrize("variables", [1, 3, 61, 62, 63, 125])
def test_a_tree_is_read_as_it_was_made(variables):
    draw = np.random.default_rng(variables)
    lo, hi = -draw.uniform(1, 2, variables), draw.uniform(1, 2, variables)
    tree, todo, wanted = Tree(lo, hi), [0], {}
    at, sides = {0: (lo, hi)}, []
    for _ in range(60):
        node = todo.pop(int(draw.integers(len(todo))))
        axis = int(draw.integers(variables))
        low, high = (end.copy() for end in at[node])
        rising, falling = (draw.random((2, variables)) < (0.1 if variables > 1 else 0)).copy()
        falling &= ~rising
        rising[axis] = falling[axis] = False
        tree.face(np.array([node]), rising[None], falling[None])
        for kind, mask in ((1, rising), (-1, falling)):
            sides += [(kind, i) for i in np.flatnonzero(mask)]
        high[rising], low[falling] = low[rising], high[falling]
        first = int(tree.split(np.array([node]), np.array([axis]))[0])
        ends = halves(low[None], high[None], np.array([axis]))
        for k in range(2):
            at[first + k] = (ends[0][k], ends[1][k])
            todo.append(first + k)
    wanted = sorted((at[node][0].tolist(), at[node][1].tolist()) for node in todo)
    text = tree.text()
    assert (text.count("."), text.count("L") + text.count("H")) == (61, len(sides))
    found = division(text, lo, hi)
    assert sorted(zip(found.lo.tolist(), found.hi.tolist(), strict=True)) == wanted
    assert sorted((int(k), int(i)) for row in found.signs for i, k in enumerate(row) if k) == sorted(
        (k, int(i)) for k, i in sides
    )
    assert tree.whole
    tree.give_up()
    assert not tree.whole


def test_many_nodes_are_split_at_once_and_halves_meet_in_the_middle():
    tree = Tree(np.zeros(2), np.ones(2))
    nodes = np.array([0])
    for _ in range(8):
        first = tree.split(nodes, np.zeros(len(nodes), dtype=int))
        assert first.tolist() == list(range(int(first[0]), int(first[0]) + 2 * len(nodes), 2))
        nodes = np.concatenate([first, first + 1])
        nothing = np.zeros((len(nodes), 2), dtype=bool)
        tree.face(nodes, nothing, nothing)  # there is room for the notes of every node
    found = division(tree.text(), np.zeros(2), np.ones(2))
    assert sorted(found.lo[:, 0].tolist()) == [k / 256 for k in range(256)]
    assert sorted(found.hi[:, 0].tolist()) == [(k + 1) / 256 for k in range(256)]
    low, high = halves(np.array([[0.0, 5.0]]), np.array([[1.0, 9.0]]), np.array([1]))
    assert low.tolist() == [[0, 5], [0, 7]]
    assert high.tolist() == [[1, 7], [1, 9]]


def test_an_infinite_value_is_not_that_of_a_number():
    """`-inf` is as far from -1 as it is large; what is undefined is no number either."""
    network = sw.KAN([1, 1], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    model = FramedKAN(network, Frame(("x",), answers=("log(abs(x-0.5))+0*z1",), ranges=((-1.0, 1.0),)))
    found = verify(model, "bounded(lower=-20.0)")
    assert found.status == "refuted"
    point = {"counterexample": {"x": 0.5}}
    assert all(forged(model, found, **point, value=value) for value in ("-inf", "nan"))
    for value in ("-1.0", "-1e300", "inf", "0.0"):
        assert not forged(model, found, **point, value=value)
