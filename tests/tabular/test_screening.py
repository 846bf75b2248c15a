"""Laws of screening: what is kept, no say of a fold in what is fitted without it, ordinary tables untouched."""

import warnings

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.nn.layer import KANLayer
from splinework.splines import adapted_knots
from splinework.tabular import KANClassifier, KANRegressor, load
from splinework.tabular.design import DesignMatrix, make_design
from splinework.tabular.group_lasso import LassoPath
from splinework.tabular.screening import is_wide, screen
from splinework.tabular.tasks import Binary, Multiclass, Regression, Task

TASKS: list[Task] = [Regression(), Binary(), Multiclass()]
each_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)


def inputs(rows: int, columns: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def designed(u: torch.Tensor) -> DesignMatrix:
    layer = KANLayer(u.shape[1], 1, grid=4, base="none", dtype=torch.float64, generator=torch.Generator())
    layer.grid.copy_(adapted_knots(u, 4, 3, grid_eps=0.1, low=u.amin(0), high=u.amax(0)))
    layer.refresh()
    return make_design(layer, u, torch.ones(len(u)).double(), [])


def asked(task: Task, value: torch.Tensor) -> torch.Tensor:
    if isinstance(task, Regression):
        return ((value - value.mean()) / value.std())[:, None]
    if isinstance(task, Binary):
        return (value > 0).double()[:, None]
    return torch.nn.functional.one_hot(torch.bucketize(value, torch.tensor([-0.6, 0.6]).double()), 3).double()


def screened(u: torch.Tensor, y: torch.Tensor, task: Task, fold: torch.Tensor) -> torch.Tensor:
    found = screen(designed(u), y, torch.ones(len(u)).double(), task, fold, 6, torch.arange(u.shape[1]))
    every = torch.zeros(7, u.shape[1], dtype=torch.bool)
    every[:, found.inputs] = found.kept
    return every


@each_task
def test_the_lasso_meets_its_optimality_conditions(task: Task) -> None:
    u = inputs(80, 60)
    design, weights = designed(u), torch.ones(80).double()
    y = asked(task, u[:, 0] + u[:, 1] ** 2)
    path = LassoPath(design, y, weights, task)
    top = path.largest()
    *_, point = path.path([top * 0.9**k for k in range(1, 12)])
    strength = top * 0.9**11
    gradient = design.values.T @ task.slope(point.values(design.values), y) / 80
    for block in range(int(design.blocks.max()) + 1):
        own = design.blocks == block
        limit = strength * float(design.squares(weights)[own].sum() / 80) ** 0.5
        assert float(gradient[own].norm()) <= limit * 1.03
        if torch.isin(torch.nonzero(own)[:, 0], point.columns).any():
            assert abs(float(gradient[own].norm()) / limit - 1) < 0.03


@pytest.mark.parametrize(
    "task",
    [TASKS[0], *(pytest.param(task, marks=pytest.mark.slow) for task in TASKS[1:])],
    ids=lambda task: type(task).__name__,
)
def test_the_inputs_that_matter_are_kept_and_nearly_all_others_are_not(task: Task) -> None:
    u, noise = inputs(150, 160), 0.3 * inputs(150, 1, seed=1)[:, 0]
    kept = screened(u, asked(task, 1.5 * u[:, 3] + u[:, 70] ** 2 - 1 + noise), task, torch.arange(150) % 6)
    assert kept[:, 3].all()
    assert kept[-1, 70]
    assert int(kept[-1].sum()) < 60


def test_rows_of_a_fold_have_no_say_in_what_is_kept_without_it() -> None:
    u, fold = inputs(120, 200), torch.arange(120) % 6
    y = asked(Regression(), u[:, 0] + u[:, 1])
    weights = torch.ones(120).double()
    strengths = [0.8 * 0.9**k for k in range(12)]
    spoilt = y.clone()
    spoilt[fold == 2] = 100 * u[fold == 2][:, 5:6]
    design, seen = designed(u), weights * (fold != 2)
    both = [list(LassoPath(design, each, seen, Regression()).path(strengths)) for each in (y, spoilt)]
    for one, other in zip(*both, strict=True):
        assert torch.equal(one.columns, other.columns)
        assert torch.equal(one.coefficients, other.coefficients)


@pytest.mark.parametrize("seed", range(2))
def test_noise_keeps_nothing_or_stays_near_the_constant(seed: int) -> None:
    X = np.random.default_rng(seed).normal(size=(150, 200))
    y = np.random.default_rng(seed + 9).normal(size=150)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sw.FitWarning)
        model = KANRegressor(hidden=0).fit(X[:100], y[:100])
    assert np.sqrt(np.mean((model.predict(X[100:]) - y[:100].mean()) ** 2)) < 0.4


@pytest.mark.parametrize("estimator", [KANRegressor, KANClassifier])
def test_columns_that_are_screened_out_stay_columns_of_the_table(estimator: type, tmp_path) -> None:  # type: ignore[no-untyped-def]
    X = np.random.default_rng(0).normal(size=(120, 150))
    X[::7, 5] = np.nan
    y = X[:, 0] + X[:, 1] ** 2 - 1
    with pytest.warns(sw.FitWarning, match="150 columns for 120 distinct rows: .* screened out"):
        model = estimator(hidden=0).fit(X, y if estimator is KANRegressor else y > 0)
    out = [int(name[1:]) for name in model.columns_.screened_out]
    assert len(out) > 50
    assert not {0, 1} & set(out)
    assert model.history_[0]["stage"] == "screening"
    assert (model.feature_importances_[out] == 0).all()
    assert model.feature_importances_[[0, 1]].min() > 0
    other = X.copy()
    other[:, out] = np.random.default_rng(1).normal(size=(120, len(out)))
    assert np.array_equal(model.predict(X), model.predict(other))
    model.save(tmp_path / "wide.safetensors")
    again = load(tmp_path / "wide.safetensors")
    assert np.array_equal(again.predict(X), model.predict(X))
    assert again.columns_.screened_out == model.columns_.screened_out


def test_a_category_is_kept_or_screened_out_as_a_whole() -> None:
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    table = pandas.DataFrame(rng.normal(size=(120, 100)), columns=[f"c{i}" for i in range(100)])
    table["used"], table["idle"] = rng.choice(list("abcd"), 120), rng.choice(list("abcd"), 120)
    y = table["used"].map({"a": 0.0, "b": 1.0, "c": -2.0, "d": 0.5}) + table["c3"]
    with pytest.warns(sw.FitWarning):
        model = KANRegressor(hidden=0).fit(table, y)
    kinds = {column.name: column for column in model.columns_.columns}
    assert len(kinds["used"].inputs) == 4
    assert kinds["idle"].inputs == ()
    assert kinds["idle"].levels == ("a", "b", "c", "d")
    assert model.score(table, y) > 0.9


def test_ordinary_tables_are_not_screened() -> None:
    assert not any(is_wide(rows, columns) for rows, columns in [(263, 19), (178, 13), (45, 10), (2930, 300), (20, 40)])
    model = KANRegressor(hidden=0).fit(np.random.default_rng(0).normal(size=(150, 60)), np.arange(150.0))
    assert model.columns_.screened_out == ()


def test_fit_warns_of_more_inputs_than_rows_and_names_the_way_out() -> None:
    x = torch.randn(30, 40, generator=torch.Generator().manual_seed(0))
    with pytest.warns(sw.FitWarning, match="40 inputs for 30 rows: .*KANRegressor and KANClassifier screen columns"):
        sw.fit(sw.KAN([40, 1]), x, x[:, 0], optimiser="adam", steps=1, progress=False)
