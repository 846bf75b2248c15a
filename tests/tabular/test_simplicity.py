"""The one-standard-error rule of the estimators: fewest columns, no worse than the best by more than one standard error."""

import numpy as np
import pandas as pd
import pytest
import torch

from splinework.errors import FitWarning
from splinework.nn.network import KAN
from splinework.tabular import KANClassifier, KANRegressor, assembly
from splinework.tabular.assembly import close_first_output
from splinework.tabular.constant import warn_of_constant
from splinework.tabular.network_fit import NetworkFit
from splinework.tabular.one_standard_error import Reference, fewest
from splinework.tabular.rows import WeightedRows


def additive_table(rows: int, seed: int, idle: int = 4) -> tuple[pd.DataFrame, np.ndarray]:
    """Two columns that matter, some that do not, and a category of three levels that does."""
    random = np.random.default_rng(seed)
    x = random.uniform(-1, 1, (rows, 2 + idle))
    level = random.integers(0, 3, rows)
    y = np.sin(3 * x[:, 0]) + x[:, 1] ** 2 + 0.5 * level + 0.3 * random.normal(size=rows)
    frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(2 + idle)])
    frame["kind"] = np.array(["a", "b", "c"])[level]
    return frame, y


def columns_with_edges(model: KANRegressor | KANClassifier) -> set[str]:
    alive = dict(zip(model.model_.config.input_names, (model.model_.kan_layers[0].mask != 0).any(dim=1), strict=True))
    inputs = dict(zip(model.columns_.formula_names()[0], model.columns_.owners, strict=True))
    return {model.columns_.columns[owner].name for name, owner in inputs.items() if alive[name]}


@pytest.mark.quick(2)
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("classes", [False, True])
def test_simplicity_keeps_the_columns_that_matter_and_no_others(seed, classes):
    x, y = additive_table(500, seed)
    kind, target = (KANClassifier, y > np.median(y)) if classes else (KANRegressor, y)
    model = kind(hidden=0, prefer="simplicity", random_state=seed).fit(x, target)
    assert columns_with_edges(model) == {"x0", "x1", "kind"}
    assert model.model_.config.shape == [len(model.model_.config.input_names), 1]
    assert model.model_.active_edges() <= 5


@pytest.mark.slow
def test_simplicity_costs_at_most_one_standard_error():
    x, y = additive_table(400, 3)
    best, simple = (KANRegressor(prefer=prefer).fit(x, y) for prefer in ("accuracy", "simplicity"))
    fresh, truth = additive_table(4000, 4)
    errors = [(model.predict(fresh) - truth) ** 2 for model in (best, simple)]
    # Two standard errors of the difference on the 400 rows of the fit, and one more for their chance.
    assert errors[1].mean() <= errors[0].mean() + 3 * np.std(errors[1] - errors[0]) / np.sqrt(400)
    assert simple.model_.active_edges() < best.model_.active_edges()


@pytest.mark.parametrize(
    ("prefer", "rows"), [("accuracy", 60), pytest.param("simplicity", 200, marks=pytest.mark.slow)]
)
def test_of_noise_the_model_is_the_constant_and_a_warning_says_so(prefer, rows):
    random = np.random.default_rng(1)
    x, y = random.normal(size=(rows, 3)), random.normal(size=rows)
    with pytest.warns(FitWarning, match=f"nothing predicts y better .* {rows} rows are too few"):
        model = KANRegressor(prefer=prefer).fit(x, y)
    assert model.model_.active_edges() == 0
    np.testing.assert_allclose(model.predict(x), y.mean(), rtol=1e-9)


@pytest.mark.parametrize("seed", [4, 9])
def test_what_few_rows_of_noise_have_chosen_is_not_believed(seed):
    random = np.random.default_rng(seed)
    x, y = random.uniform(-1, 1, (35, 3)), random.normal(size=35)
    with pytest.warns(FitWarning, match="nothing predicts y better"):
        assert KANRegressor().fit(x, y).model_.active_edges() == 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_an_interaction_takes_few_hidden_nodes_that_see_its_columns_only(seed):
    random = np.random.default_rng(seed)
    x = random.uniform(-1, 1, (400, 4))
    y = 3 * x[:, 0] * x[:, 1] + x[:, 2] + 0.5 * random.normal(size=400)
    model = KANRegressor(prefer="simplicity", random_state=seed).fit(x, y)
    layers = model.model_.kan_layers
    assert len(layers) == 2
    assert model.model_.active_edges() <= 30
    seen = (layers[0].mask[:, 1:] != 0).any(dim=1)  # by hidden nodes; the first node is the sum of the curves
    assert seen[0]
    assert seen[1]
    assert not (layers[0].mask[3] != 0).any()
    fresh = random.uniform(-1, 1, (4000, 4))
    truth = 3 * fresh[:, 0] * fresh[:, 1] + fresh[:, 2]
    assert np.mean((model.predict(fresh) - truth) ** 2) < 0.1 * np.var(truth)
    found = model.predict(fresh, interval=0.9)
    noisy = truth + 0.5 * random.normal(size=4000)
    assert 0.85 < np.mean((found.lower <= noisy) & (noisy <= found.upper)) < 0.95


@pytest.mark.parametrize("seed", range(2))
def test_simplicity_prefers_lines_to_curves(seed):
    random = np.random.default_rng(seed)
    x = random.uniform(-1, 1, (300, 4))
    y = 2 * x[:, 0] - x[:, 1] + np.cos(4 * x[:, 2]) + 0.3 * random.normal(size=300)
    model = KANRegressor(hidden=0, prefer="simplicity").fit(x, y)
    bent = []
    for k in range(4):
        rows = np.zeros((41, 4))
        rows[:, k] = np.linspace(-0.9, 0.9, 41)
        bent.append(np.abs(np.diff(model.predict(rows), 2)).max())
    assert max(bent[0], bent[1], bent[3]) < 1e-9 < 1e-3 < bent[2]


def test_a_model_is_allowed_up_to_two_standard_errors_of_the_paired_difference():
    random = torch.Generator().manual_seed(0)
    best, weights = torch.randn(400, generator=random).double().exp(), torch.rand(400, generator=random).double() + 0.5
    change = torch.randn(400, generator=random).double()
    change -= weights @ change / weights.sum()
    error = float(torch.sqrt(weights**2 @ change**2) / weights.sum())
    gap = torch.full((400,), float("nan"), dtype=torch.float64)
    for scale in (1e-3, 1.0):  # what all models find hard does not count
        for own in (best, torch.cat([best, gap])):
            reference = Reference(own, torch.cat([weights, weights])[: len(own)])
            for factor, allowed in ((1.9, True), (2.1, False)):
                other = best + scale * (change + factor * error)
                assert reference.allows(torch.cat([other, gap.nan_to_num(9.0)])[: len(own)]) is allowed


def test_another_preference_is_refused():
    with pytest.raises(ValueError, match="'prefer' parameter of KANRegressor must be a str among"):
        KANRegressor(prefer="speed").fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0])


@pytest.mark.parametrize("most", [0, 1, 7, 30])
def test_bisection_finds_the_smallest_number_that_will_do(most):
    for needed in range(most + 2):
        tried = []

        def attempt(count, needed=needed, tried=tried):
            tried.append(count)
            return count if count >= needed else None

        assert fewest(attempt, most) == (needed if needed <= most else None)
        assert len(tried) == len(set(tried)) <= most.bit_length() + 1
        assert set(tried) <= set(range(most + 1))


@pytest.mark.slow
@pytest.mark.parametrize("hidden", [0, "auto"])
def test_of_several_classes_the_first_has_no_edges_and_probabilities_stay(hidden, monkeypatch):
    random = np.random.default_rng(0)
    x = random.normal(size=(240, 3))
    odds = np.stack([0 * x[:, 0], 3 * x[:, 0], 6 * x[:, 1] * x[:, 0] + x[:, 1]], 1)
    y = np.argmax(odds + random.gumbel(size=(240, 3)), axis=1)
    model = KANClassifier(hidden=hidden, prefer="simplicity").fit(x, y)
    monkeypatch.setattr(NetworkFit, "_against_first", lambda self, fit: fit)
    monkeypatch.setattr(assembly, "close_first_output", lambda model: None)
    whole = KANClassifier(hidden=hidden, prefer="simplicity").fit(x, y)
    fresh = random.normal(size=(100, 3))
    np.testing.assert_allclose(model.predict_proba(fresh), whole.predict_proba(fresh), atol=1e-9)
    assert not model.model_.kan_layers[-1].mask[:, 0].any()
    assert model.model_.active_edges() < whole.model_.active_edges()


def test_classes_without_the_first_output_have_the_same_probabilities():
    """Of a network whose first hidden nodes carry the curves of each class, that of the first class none."""
    generator = torch.Generator().manual_seed(0)
    model = KAN([2, 40, 3], dtype=torch.float64, generator=generator)
    first, last = model.kan_layers
    with torch.no_grad():
        for layer in (first, last):
            layer.set_edge_coefficients(
                torch.randn(layer.edge_coefficients().shape, generator=generator, dtype=torch.float64)
            )
            layer.bias.copy_(torch.randn(layer.bias.shape, generator=generator, dtype=torch.float64))
        first.mask[:, 0] = 0
        first.bias[0] = 0
        last.mask[:3] = torch.eye(3, dtype=torch.float64)
        last.set_edge_coefficients(torch.where(torch.arange(40)[:, None, None] == 0, 0.0, last.edge_coefficients()))
        x = torch.rand(50, 2, generator=generator, dtype=torch.float64)
        before = torch.softmax(model(x), 1)
        close_first_output(model)
    outputs = model(x)
    torch.testing.assert_close(torch.softmax(outputs, 1), before, atol=1e-12, rtol=0)
    assert not last.mask[:, 0].any()
    assert not outputs[:, 0].any()


@pytest.mark.parametrize("seed", range(3))
def test_outliers_are_named_as_the_reason_of_a_constant(seed):
    """Normal or mostly equal numbers have none, nor labels."""
    random = np.random.default_rng(seed)
    x, wild = random.uniform(-1, 1, (150, 2)), np.arange(150) < 8
    y = np.sin(3 * x) + 0.1 * random.normal(size=(150, 2)) + 300 * wild[:, None] * random.normal(size=(150, 2))
    with pytest.warns(FitWarning, match=r"so the model is one: outliers hold \d+% of its variance, which loss='huber'"):
        warn_of_constant("y", WeightedRows(x, y, np.ones(150)))
    for plain in (random.normal(size=(150, 1)), 5.0 * wild[:, None], wild.astype(int)):
        with pytest.warns(FitWarning, match="150 rows are too few"):
            warn_of_constant("y", WeightedRows(x, plain, np.ones(150)))


def test_where_outliers_leave_nothing_but_the_constant_the_loss_that_is_named_learns():
    random = np.random.default_rng(0)
    x, wild = random.uniform(-1, 1, (150, 2)), random.random(150) < 0.05
    truth = np.sin(3 * x[:, 0])
    y = truth + 0.1 * random.normal(size=150) + np.where(wild, 300 * random.normal(size=150), 0.0)
    with pytest.warns(FitWarning, match="loss='huber'"):
        KANRegressor().fit(x, y)
    found = KANRegressor(hidden=0, loss="huber").fit(x, y).predict(x)
    assert np.sqrt(np.mean((found - truth) ** 2)) < 0.2
