"""Laws of screening: what is kept, no say of a fold in what is fitted without it, ordinary tables untouched."""

import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.nn.layer import KANLayer
from splinework.splines import adapted_knots
from splinework.tabular import KANClassifier, KANRegressor, interactions, load, training
from splinework.tabular.additive import AdditiveFit
from splinework.tabular.curves import fit_curves
from splinework.tabular.design import DesignMatrix, make_design
from splinework.tabular.group_lasso import LassoPath
from splinework.tabular.losses import GammaTask, HuberTask, PoissonTask, QuantileTask
from splinework.tabular.screening import PATH_RATIO, Screening, is_wide, screen
from splinework.tabular.tasks import Binary, Multiclass, Regression, Task
from tests.families import slow

TASKS: list[Task] = [Regression(), Binary(), Multiclass()]
LOSSES: list[Task] = [PoissonTask(), GammaTask(), HuberTask((0.5,)), QuantileTask(0.7, (0.2,))]
each_task = pytest.mark.parametrize("task", [*TASKS, *LOSSES], ids=lambda task: type(task).__name__)


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
    if task.is_regression:
        return torch.exp(0.5 * value)[:, None]
    return torch.nn.functional.one_hot(torch.bucketize(value, torch.tensor([-0.6, 0.6]).double()), 3).double()


def screened(u: torch.Tensor, y: torch.Tensor, task: Task, fold: torch.Tensor) -> torch.Tensor:
    found = screen(designed(u), y, torch.ones(len(u)).double(), task, fold, torch.arange(u.shape[1]))
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
    # Where curvatures vary, steps are short, and the last one ends farther from the optimum.
    slack = 0.03 if task in TASKS else 0.05
    gradient = design.values.T @ task.slope(point.values(design.values), y) / 80
    for block in range(int(design.blocks.max()) + 1):
        own = design.blocks == block
        limit = strength * float(design.squares(weights)[own].sum() / 80) ** 0.5
        assert float(gradient[own].norm()) <= limit * (1 + slack)
        if torch.isin(torch.nonzero(own)[:, 0], point.columns).any():
            assert abs(float(gradient[own].norm()) / limit - 1) < slack


@pytest.mark.parametrize("task", [TASKS[0], *slow(*TASKS[1:])], ids=lambda task: type(task).__name__)
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


def test_rows_of_a_fold_have_no_say_in_what_screened_curves_predict_for_them() -> None:
    u, fold, weights = inputs(90, 60), torch.arange(90) % 6, torch.ones(90).double()
    kept = torch.rand(7, 60, generator=torch.Generator().manual_seed(1)) < 0.1
    y, design = asked(Regression(), u[:, 0] + u[:, 1]), designed(u)
    for share in (0.0, 0.5, 1.0):
        screening = Screening(torch.arange(60), kept, 0.1, share, 1.0)
        known = fit_curves(design, y, weights, Regression(), screening).unseen(fold)
        spoilt = torch.where((fold == 2)[:, None], 100 * u[:, 5:6], y)
        found = fit_curves(design, spoilt, weights, Regression(), screening).unseen(fold)
        assert torch.equal(found[fold == 2], known[fold == 2])
        assert not torch.allclose(found[fold == 1], known[fold == 1])
        # Nor do inputs that were not kept without the fold, though they may have been kept with it.
        other = torch.where(kept[2], u, u.flip(0))
        moved = fit_curves(designed(other), y, weights, Regression(), screening).unseen(fold)
        assert torch.allclose(moved[fold == 2], known[fold == 2])


def test_a_member_sees_only_inputs_that_were_chosen_without_its_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def kept_by(module: ModuleType, name: str) -> None:
        own = getattr(module, name)

        def spy(*args: Any) -> Any:
            seen[name] = args, own(*args)
            return seen[name][1]

        monkeypatch.setattr(module, name, spy)

    for module, name in ((training, "screen"), (interactions, "wide_network"), (interactions, "train_ensemble")):
        kept_by(module, name)
    parts: dict[int, tuple[DesignMatrix, torch.Tensor, AdditiveFit]] = {}
    own_fit = Screening.fit

    def fit(self: Screening, design: DesignMatrix, y: Any, weights: Any, task: Task, part: int = -1) -> Any:
        found = own_fit(self, design, y, weights, task, part)
        parts[part] = design, weights, found
        return found

    monkeypatch.setattr(Screening, "fit", fit)
    random = np.random.default_rng(0)
    X, noise = random.normal(size=(100, 120)), random.normal(size=100)
    with pytest.warns(sw.FitWarning, match="screened out"):
        KANRegressor(hidden=2, members=3, max_iter=5).fit(X, X[:, :6] @ [2, 1, 0.6, 0.5, 0.4, 0.3] + noise)

    (design, y, weights, task, fold, _), screening = seen["screen"]
    first = LassoPath(design, y, weights, task).largest()
    count = round(np.log(screening.strength / first) / np.log(PATH_RATIO))
    for k in range(6):
        spoilt = torch.where((fold == k)[:, None], 100 * torch.randn_like(y), y)
        path = LassoPath(design, spoilt, weights * (fold != k), task)
        *_, point = path.path([first * PATH_RATIO ** (step + 1) for step in range(count)])
        assert torch.equal(screening.inputs[screening.kept[k]], design.inputs_of(point.columns))
    assert len({tuple(row) for row in screening.kept.tolist()}) > 1

    net, (u, settings) = seen["wide_network"][1], (seen["wide_network"][0][1], seen["wide_network"][0][3])
    fold_of_members = seen["train_ensemble"][0][5]
    assert torch.equal(fold_of_members, fold)
    groups = len(settings.weight_decays)
    for k in range(settings.members):
        other = torch.where(screening.kept[k], u, u.flip(0))
        one, two = (net.unit_forward(each.float()).view(len(u), groups, settings.members) for each in (u, other))
        assert torch.equal(one[:, :, k], two[:, :, k])
        own_design, own_weights, own = parts[k]
        assert torch.equal(own_weights > 0, fold != k)
        torch.testing.assert_close(
            seen["train_ensemble"][0][4][:, k], own.values(own_design), rtol=1e-12, atol=1e-12
        )  # sums of all folds come from one pass
        used = own_design.inputs_of(torch.nonzero(own.coefficients)[:, 0])
        assert screening.kept[k][used].all()


@pytest.mark.parametrize(
    "given",
    [{"loss": "huber"}, *slow({"loss": "quantile", "quantile": 0.8}, {"loss": "gamma"}, {"loss": "poisson"}, {})],
    ids=lambda given: given.get("loss", "squared_error"),
)
@pytest.mark.slow
def test_screened_tables_have_intervals_whatever_the_loss(given: dict[str, Any]) -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(1150, 100))
    f = X[:, 0] + np.sin(2 * X[:, 1])
    y = random.poisson(np.exp(f + 1)) + (given.get("loss") == "gamma")
    with pytest.warns(sw.FitWarning, match="screened out"):
        model = KANRegressor(hidden=0, **given).fit(X[:150], y[:150])
    assert not {"x0", "x1"} & set(model.columns_.screened_out)
    found = model.predict(X[150:], interval=0.8)
    inside = np.mean((found.lower <= y[150:]) & (y[150:] <= found.upper))
    # Errors of 150 rows give a quantile to about 0.03, and each of the ends has one.
    assert 0.7 < inside < 0.9
    # Among 100 columns of nearly every row some number is new, which is of no account where it is screened out.
    used = [i for i, column in enumerate(model.columns_.columns) if column.inputs]
    low, high = X[:150].min(0), X[:150].max(0)
    new = X[150:] != np.clip(X[150:], low, high)
    assert np.array_equal(model.extrapolates(X[150:]), new[:, used].any(1))
    assert new.any(1).mean() > 0.5


@pytest.mark.parametrize("seed", range(2))
def test_noise_keeps_nothing_or_stays_near_the_constant(seed: int) -> None:
    X = np.random.default_rng(seed).normal(size=(150, 200))
    y = np.random.default_rng(seed + 9).normal(size=150)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sw.FitWarning)
        model = KANRegressor(hidden=0).fit(X[:100], y[:100])
    assert np.sqrt(np.mean((model.predict(X[100:]) - y[:100].mean()) ** 2)) < 0.4


@pytest.mark.parametrize("estimator", [KANRegressor, *slow(KANClassifier)])
def test_columns_that_are_screened_out_stay_columns_of_the_table(estimator: type, tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(90, 120))
    X[::7, 5] = np.nan
    y = X[:, 0] + X[:, 1] ** 2 - 1
    with pytest.warns(sw.FitWarning, match="120 columns for 90 distinct rows: .* screened out"):
        model = estimator(hidden=0).fit(X, y if estimator is KANRegressor else y > 0)
    out = [int(name[1:]) for name in model.columns_.screened_out]
    assert len(out) > 50
    assert not {0, 1} & set(out)
    assert model.history_[0]["stage"] == "screening"
    assert (model.feature_importances_[out] == 0).all()
    assert model.feature_importances_[[0, 1]].min() > 0
    other = X.copy()
    other[:, out] = np.random.default_rng(1).normal(size=(90, len(out)))
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
