"""From rows the structure of a function is found at any noise, and a structure that holds is rejected at the stated level."""

import numpy as np
import pytest
from scipy.stats import kstest

from benchmarks.separability_cases import case
from splinework.interpret.structure import find_structure
from splinework.interpret.structure.findings import Evidence
from splinework.interpret.structure.nested_models import Problem, evidence, linear_fit
from splinework.interpret.structure.nonlinear_models import composite_fit, product_fit
from splinework.interpret.structure.row_tests import RowTests
from tests.interpret.structure.trees import node

FUNCTIONS = {
    "sum": (lambda a, b, c: np.sin(2 * a) + np.exp(b) * c, node("sum", "x1", node("product", "x2", "x3"))),
    "product": (lambda a, b, c: (2 + np.sin(2 * a)) * np.exp(b) + 0 * c, node("product", "x1", "x2")),
    "group": (
        lambda a, b, c: np.sin(2 * (a - b)) * c + np.exp(a - b) * c**2,
        node("function", node("composite", "x1", "x2"), "x3"),
    ),
    "composite": (lambda a, b, c: np.tanh(a + b**2 + np.sin(2 * c)), node("composite", "x1", "x2", "x3")),
}


def rows(name, noise, count=600, seed=0):
    draw = np.random.default_rng(seed)
    x = draw.uniform(-1, 1, (count, 3))
    y = FUNCTIONS[name][0](*x.T)
    return x, y + noise * y.std() * draw.normal(size=count)


@pytest.mark.parametrize("noise", [0.0, 0.02])
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.slow
def test_the_tree_is_that_of_the_function(name, noise):
    found = find_structure(*rows(name, noise))
    assert found.tree.key == FUNCTIONS[name][1]
    assert found.idle == (("x3",) if name == "product" else ())


def test_symmetries_of_rows():
    x, y = rows("group", 0.02)
    found = find_structure(x, y, names=list("abc"))
    assert [each.expression for each in found.holding if each.kind == "invariance"] == ["a - b"]
    draw = np.random.default_rng(1)
    y = x[:, 0] ** 3 * np.cos(2 * x[:, 1]) + 0.01 * draw.normal(size=len(x))
    kinds = {(each.kind, each.groups[0]) for each in find_structure(x, y).holding if each.kind in ("even", "odd")}
    assert kinds == {("odd", ("x1",)), ("even", ("x2",))}


@pytest.mark.parametrize(
    ("text", "implied"),
    [
        ("x1 + x2", {"exchange of x1, x2"}),
        ("x1*x2", {"exchange of x1, x2"}),
        ("x1**2 + x2**2", {"exchange of x1, x2", "even in x1", "even in x2"}),
        ("x1**2 - x2**2", {"even in x1", "even in x2"}),
        ("x1 - x2", set()),
    ],
)
def test_a_symmetry_that_another_one_implies_is_not_rejected_by_itself(text, implied, monkeypatch):
    no = Evidence(0.011, 0.0005, 1e-8, False)
    monkeypatch.setattr(RowTests, "exchange", lambda self, i, j: no)
    monkeypatch.setattr(RowTests, "parity", lambda self, i, odd: no)
    known = Evidence(0.0, 0.0, 1.0, True)
    monkeypatch.setattr(
        RowTests, "invariance", lambda self, form, i, j: known if form.format("x1", "x2") == text else no
    )
    x = np.random.default_rng(0).uniform(-1, 1, (200, 2))
    found = find_structure(x, x[:, 0] ** 2 + x[:, 1])
    symmetries = {each.statement for each in found.holding if each.kind in ("exchange", "even", "odd")}
    assert symmetries == implied


@pytest.mark.slow
@pytest.mark.parametrize("seed", [39, 44])
def test_functions_that_polynomials_of_all_inputs_cannot_follow(seed):
    known = case(seed)
    found = find_structure(*known.sample(1000, 0.0, 1000 + seed))
    assert found.tree.key == known.key


@pytest.mark.slow
def test_p_values_of_a_structure_that_holds_are_not_small():
    """Uniform or larger: the level is kept for a linear, a bilinear and a composite model."""
    found = {"linear": [], "product": [], "composite": []}
    for seed in range(60):
        draw = np.random.default_rng(seed)
        x = draw.uniform(-1, 1, (200, 2))
        noise = 0.1 * draw.normal(size=200)
        added = Problem.of(x, np.sin(2 * x[:, 0]) + x[:, 1] ** 2 + noise)
        keep = lambda p: p[:, 0] * p[:, 1] == 0  # noqa: E731
        found["linear"].append(evidence(added, linear_fit(added, x, keep), 0.01, 1e-9).p_value)
        times = Problem.of(x, (1.5 + x[:, 0]) * np.exp(x[:, 1]) + noise)
        found["product"].append(evidence(times, product_fit(times, [0], [1]), 0.01, 1e-9).p_value)
        inside = Problem.of(x, np.tanh(x[:, 0] + x[:, 1] ** 3) + noise)
        fit = composite_fit(inside, [(0,), (1,)], [inside.y])
        found["composite"].append(evidence(inside, fit, 0.01, 1e-9).p_value)
    for p_values in found.values():
        assert kstest(p_values, "uniform", alternative="greater").pvalue > 0.01  # not stochastically smaller
        assert np.mean(np.array(p_values) < 0.05) <= 0.12


def test_a_violation_is_found_and_measured():
    draw = np.random.default_rng(0)
    x = draw.uniform(-1, 1, (600, 2))
    y = x[:, 0] + x[:, 1] ** 2 + 0.3 * x[:, 0] * x[:, 1]
    problem = Problem.of(x, y + 0.02 * draw.normal(size=600))
    found = evidence(problem, linear_fit(problem, x, lambda p: p[:, 0] * p[:, 1] == 0), 0.01, 0.01)
    assert not found.holds
    assert found.effect == pytest.approx(0.1 / y.std(), rel=0.1)  # 0.3 ab has a standard deviation of 0.1


def test_more_noise_than_function_claims_no_interaction_but_says_so():
    found = find_structure(*rows("sum", 30.0))
    assert found.tree is None or all(each.evidence.error > 0.01 for each in found.findings)


UNRESOLVED = {
    "waves": (2, lambda a, b: np.sin(7 * a + 3 * b) * np.cos(5 * b)),
    "circles": (3, lambda a, b, c: np.cos(6 * np.sqrt(a**2 + b**2 + c**2))),
    "product of waves": (4, lambda a, b, c, d: np.sin(5 * (a + b)) * np.sin(4 * c) + 0 * d),
    "pairs": (4, lambda a, b, c, d: np.sin(9 * a * b) + np.sin(9 * c * d)),
}


@pytest.mark.parametrize("name", UNRESOLVED)
def test_rows_that_do_not_resolve_a_function_are_no_noise_and_state_nothing(name):
    columns, function = UNRESOLVED[name]
    x = np.random.default_rng(0).uniform(-1, 1, (120, columns))
    found = find_structure(x, function(*x.T))
    assert found.idle == ()
    assert found.tree.kind == "function"
    assert all(child.kind == "input" for child in found.tree.children)
    assert not {each.kind for each in found.holding} & {"idle", "sum", "product", "group", "composite"}
    assert all(str(each).split(": ")[-1].startswith("not resolved") for each in found.unresolved)
    assert f"{len(found.unresolved)} of {len(found.findings)} structures are not resolved" in str(found)


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_resolved_and_said(seed):
    draw = np.random.default_rng(seed)
    x, noise = draw.uniform(-1, 1, (200, 3)), 0.3
    y = np.sin(2 * x[:, 0]) + x[:, 1] ** 2
    found = find_structure(x, y + noise * y.std() * draw.normal(size=200))
    assert found.unresolved == ()
    assert found.tree.key == node("sum", "x1", "x2")
    assert found.unexplained == pytest.approx(noise / np.hypot(1, noise), rel=0.25)
    assert "noise, or structure that the rows do not resolve" in str(found)
