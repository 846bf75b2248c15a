"""Classes: logits that come back, probabilities that are right, and no formula where there is none."""

import numpy as np
import pytest
import sympy

from splinework.discover.classes import discover_classes
from splinework.discover.logits import LogitObjective, area, calibration_slope, nats, probabilities
from splinework.discover.snapping import FreeConstants, minimise
from splinework.errors import DataError, ShapeError
from splinework.interpret.symbolic.expression import symbol
from tests.discover.searches import answering, interrupted

slow = pytest.mark.slow
x1, x2, x3 = (symbol(f"x{i}") for i in (1, 2, 3))
LOGITS = {
    "line": 2 * x1 - x2 + 0.5,
    "saddle": 2 * x1 * x2 + x3,
    "wave": 3 * sympy.sin(2 * x1) + x3,
}


def labelled(logit, count=1000, seed=0):
    draw = np.random.default_rng(seed)
    x = draw.uniform(-2, 2, (count, 3))
    p = 1 / (1 + np.exp(-sympy.lambdify([x1, x2, x3], logit)(*x.T) * np.ones(count)))
    return x, (draw.uniform(size=count) < p).astype(int), p


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n == "line" else slow) for n in LOGITS])
@slow
def test_the_logit_comes_back(name):
    x, y, p = labelled(LOGITS[name], 1500)
    table = discover_classes(x, y, search=answering(), budget=6)
    assert set(table.best.inputs) == {s.name for s in LOGITS[name].free_symbols}
    assert np.sqrt(((table.best.numpy()(x) - p) ** 2).mean()) < 0.05
    assert table.best.target == "P(y=1)"
    assert any("log-loss" in note for note in table.notes)
    assert any("calibration" in note for note in table.notes)


@slow
def test_a_formula_of_the_search_is_taken_where_it_is_shorter():
    logit = 3 * sympy.tanh(3 * x1 * x2) - x3
    x, y, p = labelled(logit, 1500)
    table = discover_classes(x, y, search=answering(2.5 * sympy.tanh(2.5 * x1 * x2) - 1.2 * x3), budget=6)
    assert table.best.expression.has(sympy.tanh)
    assert np.sqrt(((table.best.numpy()(x) - p) ** 2).mean()) < 0.05


@slow
def test_more_than_two_classes():
    draw = np.random.default_rng(0)
    x = draw.uniform(-2, 2, (1500, 3))
    logits = np.column_stack([0 * x[:, 0], 2 * x[:, 0], x[:, 1] ** 2 - 1])
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    y = np.array([draw.choice(list("abc"), p=row) for row in p])
    table = discover_classes(x, y, target="kind", search=answering(), budget=6)
    for k, name in ((1, "P(kind=b)"), (2, "P(kind=c)")):
        assert np.sqrt(((table.of(name)[0].numpy()(x) - p[:, k]) ** 2).mean()) < 0.05


@pytest.mark.parametrize("seed", [0, *(pytest.param(s, marks=slow) for s in range(1, 6))])
@slow
def test_labels_by_chance_have_no_formula(seed):
    draw = np.random.default_rng(seed)
    x, y = draw.normal(size=(400, 3)), draw.uniform(size=400) < 0.3
    table = discover_classes(x, y, search=answering(), budget=5)
    assert table.best.inputs == ()
    assert float(table.best.expression) == pytest.approx(y.mean(), abs=0.05)
    assert any("no formula" in note for note in table.notes)


@slow
def test_separated_classes_are_told():
    x = np.random.default_rng(0).uniform(-1, 1, (300, 2))
    table = discover_classes(x, x[:, 0] > x[:, 1], search=answering(), budget=5)
    assert any("separated" in note for note in table.notes)
    assert ((table.best.numpy()(x) > 0.5) == (x[:, 0] > x[:, 1])).mean() > 0.99


@pytest.mark.slow
def test_an_interrupt_leaves_the_table_so_far():
    x, y, _ = labelled(LOGITS["line"], 300)
    table = discover_classes(x, y, search=interrupted, budget=5)
    assert any("interrupted" in note for note in table.notes)
    assert "x1" in table.best.inputs


def test_gradient_and_information_are_those_of_the_likelihood():
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(200, 2)), draw.integers(0, 3, 200)
    constants = FreeConstants.of([0.3 * x1 + 0.2 * sympy.sin(1.5 * x2), 0.7 * x2 - 0.1])
    objective = LogitObjective(constants, x, y, ["x1", "x2"])
    loss, gradient, _ = objective(constants.start)
    for n in range(len(constants.start)):
        step = np.zeros(len(constants.start))
        step[n] = 1e-6
        slope = (objective(constants.start + step)[0] - objective(constants.start - step)[0]) / 2e-6
        assert slope == pytest.approx(gradient[n], abs=1e-4)
    assert loss == pytest.approx(
        nats(
            np.column_stack([sympy.lambdify([x1, x2], e)(*x.T) for e in constants.put(constants.start, {})]),
            np.eye(3)[y][:, 1:],
        )
    )


def test_a_linear_logit_is_the_logistic_regression_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    x, y, _ = labelled(LOGITS["line"], 500)
    constants = FreeConstants.of([0.1 * x1 + 0.2 * x2 + 0.3 * x3 + 0.4])
    best = minimise(LogitObjective(constants, x, y, ["x1", "x2", "x3"]), constants.start)
    expression = constants.put(best.constants, {})[0]
    peer = LogisticRegression(C=1e10, tol=1e-10, max_iter=1000).fit(x, y)
    for symbol_, slope in zip((x1, x2, x3), peer.coef_[0], strict=True):
        assert float(expression.coeff(symbol_)) == pytest.approx(slope, abs=1e-4)


def test_measures_of_a_perfect_logit():
    draw = np.random.default_rng(0)
    logit = draw.normal(size=20000) * 2
    seen = draw.uniform(size=20000) < probabilities(logit[:, None])[:, 0]
    assert calibration_slope(logit, seen) == pytest.approx(1, abs=0.05)
    assert calibration_slope(2 * logit, seen) == pytest.approx(0.5, abs=0.03)
    assert area(logit, logit > 0) == 1
    assert area(-logit, logit > 0) == 0


@pytest.mark.parametrize(
    ("x", "y", "options", "error"),
    [
        (np.ones((20, 2)), np.arange(19), {}, ShapeError),
        (np.ones((20, 2)), np.ones(20), {}, DataError),
        (np.ones((40, 2)), np.arange(40), {}, DataError),
        (np.ones((20, 2)), np.array([0] * 18 + [1] * 2), {}, DataError),
        (np.ones((20, 2)), np.arange(20) % 2, {"reference": 7}, DataError),
    ],
)
def test_wrong_data_are_refused(x, y, options, error):
    with pytest.raises(error):
        discover_classes(x, y, search=answering(), **options)
