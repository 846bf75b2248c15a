"""Laws of prediction intervals: they cover new rows, follow the noise, and rest on nothing but held-out errors."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from splinework.errors import DataError
from splinework.nn.network import KAN
from splinework.tabular import KANClassifier, KANRegressor, load
from splinework.tabular.additive import fit_additive, left_out, refit_additive
from splinework.tabular.design import make_design
from splinework.tabular.extrapolation import with_level_tails
from splinework.tabular.grids import quantile_layer
from splinework.tabular.intervals import MAX_SCORES, ResidualModel, residual_model
from splinework.tabular.losses import GammaTask, PoissonTask
from splinework.tabular.tasks import Regression, Task
from tests.families import slow
from tests.tabular.tables import QUICK, mixed

ADDITIVE: dict[str, Any] = {"hidden": 0, "grid": 4}


def table(count: int, seed: int = 0, *, slope: float = 0.0, skewed: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """A sum of curves with noise whose logarithm grows by `slope` with the first column."""
    random = np.random.default_rng(seed)
    x = random.uniform(-1, 1, (count, 2))
    noise = random.exponential(1.0, count) if skewed else random.normal(size=count)
    return x, np.sin(3 * x[:, 0]) + x[:, 1] ** 2 + 0.3 * np.exp(slope * x[:, 0]) * noise


def errors_model(errors: np.ndarray, weights: np.ndarray | None = None, task: Task | None = None) -> ResidualModel:
    """The model of these errors around zero, of inputs that tell nothing of them."""
    x = np.random.default_rng(10**6).normal(size=(len(errors), 1))
    given = np.ones(len(errors)) if weights is None else weights
    found = residual_model(x, errors, given, *[np.zeros_like(errors)] * 2, task=task or Regression(), seed=0)
    assert found is not None
    return found


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
@pytest.mark.parametrize("count", [39, *slow(59)])
def test_ends_are_the_ranks_that_cover_exchangeable_errors(level: float, count: int) -> None:
    covered = []
    for seed in range(400):
        errors = np.random.default_rng(seed).exponential(size=(count + 1, 1))
        lower, upper = errors_model(errors[1:]).ends(level)
        covered.append(lower[0] <= errors[0, 0] <= upper[0])
    rank = np.floor((count + 1) * (1 - level) / 2 + 1e-9)
    exact = 1 - 2 * rank / (count + 1)
    assert abs(np.mean(covered) - exact) < 4 * np.sqrt(exact * (1 - exact) / len(covered))


def test_fewest_rows_are_those_of_the_rank() -> None:
    assert errors_model(np.arange(19.0)[:, None] - 9).ends(0.9) == (-9.0, 9.0)
    with pytest.raises(ValueError, match=r"needs 19 rows .* there are 18; ask for at most interval=0\.89"):
        errors_model(np.arange(18.0)[:, None]).ends(0.9)


def test_equal_weights_are_no_weights_and_of_many_errors_quantiles_stay() -> None:
    errors = np.random.default_rng(0).normal(size=(20_000, 1))
    few = errors_model(errors[:50])
    assert np.array_equal(errors_model(errors[:50], np.full(50, 3.0)).scores, few.scores)
    assert np.array_equal(few.scores[:, 0], np.sort(errors[:50, 0]))
    many = errors_model(errors)
    assert len(many.scores) == MAX_SCORES
    # A quantile of 20,000 normal errors has a standard error of 0.015 in the tails; the choice must cost less.
    assert np.allclose(many.ends(0.9), np.quantile(errors, [0.05, 0.95])[:, None], atol=5e-3)


@pytest.mark.parametrize("task", [Regression(), GammaTask(), PoissonTask()], ids=lambda task: type(task).__name__)
def test_left_out_outputs_are_those_of_refits_without_the_row(task: Task) -> None:
    random = np.random.default_rng(0)
    u = torch.from_numpy(random.uniform(-1, 1, (150, 2)))
    mean = torch.exp(torch.sin(2 * u[:, :1]))
    y = torch.from_numpy(random.poisson(3 * mean) / 3.0 if isinstance(task, PoissonTask) else random.gamma(4, mean / 4))
    weights = torch.from_numpy(random.uniform(0.5, 1.5, 150))
    design = make_design(quantile_layer(u, 1, 4, 3), u, weights, ())
    whole = refit_additive(fit_additive(design, y, weights, task), design, y, weights)
    found = left_out(whole, design, y, weights)

    rows = range(0, 150, 10)
    exact = torch.stack(
        [refit_additive(whole, design, y, weights * (torch.arange(150) != i)).values(design)[i] for i in rows]
    )
    moved = (exact - whole.values(design)[list(rows)]).abs()
    assert float(moved.max()) > 1e-3
    tolerance = 1e-9 if task.is_quadratic else 0.15 * float(moved.max())
    assert float((found[list(rows)] - exact).abs().max()) < tolerance


@pytest.mark.parametrize("skewed", [*slow(False), True])
def test_intervals_cover_new_rows(skewed: bool) -> None:
    covered = []
    for seed in range(10):
        x, y = table(100, seed, skewed=skewed)
        fresh, new = table(1000, 100 + seed, skewed=skewed)
        found = KANRegressor(**ADDITIVE).fit(x, y).predict(fresh, interval=0.9)
        assert np.all((found.lower < found.prediction) & (found.prediction < found.upper))
        covered.append(np.mean((found.lower <= new) & (new <= found.upper)))
    assert 0.87 < np.mean(covered) < 0.93


def test_intervals_follow_the_noise_where_rows_show_it() -> None:
    fresh, new = table(4000, 1, slope=1.0)
    model = KANRegressor(**ADDITIVE).fit(*table(600, slope=1.0))
    found, (_, deviation) = model.predict(fresh, interval=0.9), model.predict(fresh, return_std=True)
    inside = (found.lower <= new) & (new <= found.upper)
    for part in (fresh[:, 0] < -0.5, np.abs(fresh[:, 0]) < 0.5, fresh[:, 0] > 0.5):
        assert 0.85 < inside[part].mean() < 0.95
    assert np.allclose(deviation, 0.3 * np.exp(fresh[:, 0]), rtol=0.3)
    even = KANRegressor(**ADDITIVE).fit(*table(600))
    assert np.ptp(np.diff(even.predict(fresh, interval=0.9)[1:], axis=0)) < 1e-9


def test_sizes_do_not_go_on_beyond_the_rows() -> None:
    model = KANRegressor(**ADDITIVE).fit(*table(600, slope=1.0))
    far = np.array([[100.0, 0.0], [-100.0, 0.0]])
    inside = model.predict(table(600)[0], return_std=True)[1]
    assert np.all(model.predict(far, return_std=True)[1] <= 1.2 * inside.max())


def test_intervals_move_and_grow_with_the_units() -> None:
    x, y = table(120, slope=1.0)
    one = KANRegressor(**ADDITIVE).fit(x, y).predict(x, interval=0.8)
    other = KANRegressor(**ADDITIVE).fit(5 * x - 3, 1e4 * y + 7e4).predict(5 * x - 3, interval=0.8)
    for a, b in zip(one, other, strict=True):
        assert np.allclose(1e4 * a + 7e4, b, rtol=1e-6)


def test_weights_are_repetition_for_intervals_too() -> None:
    frame, y = mixed()
    y = y + np.random.default_rng(2).normal(0, 0.2, len(y))
    weights = np.random.default_rng(0).integers(0, 4, len(y))
    rows = np.repeat(np.arange(len(y)), weights)
    weighted = KANRegressor(**QUICK).fit(frame, y, weights).predict(frame, interval=0.8)
    repeated = KANRegressor(**QUICK).fit(frame.iloc[rows], y.iloc[rows]).predict(frame, interval=0.8)
    assert all(np.array_equal(a, b) for a, b in zip(weighted, repeated, strict=True))


def test_several_targets_have_intervals_of_their_own() -> None:
    x, y = table(200)
    both = np.stack([y, 10 * table(200, 5)[1]], axis=1)
    found = KANRegressor(**ADDITIVE).fit(x, both).predict(x, interval=0.9)
    assert found.lower.shape == both.shape
    inside = (found.lower <= both) & (both <= found.upper)
    assert np.all((inside.mean(0) > 0.85) & (inside.mean(0) < 0.97))
    assert KANRegressor(**ADDITIVE).fit(x, y[:, None]).predict(x, interval=0.9).upper.shape == (200, 1)


@pytest.mark.parametrize("constant", ["x", "y"])
def test_a_constant_has_the_intervals_of_its_rows(constant: str) -> None:
    random = np.random.default_rng(0)
    x = np.ones((300, 1)) if constant == "x" else random.normal(size=(300, 1))
    y = random.normal(size=300) if constant == "x" else np.full(300, 2.5)
    found = KANRegressor().fit(x, y).predict(x[:1], interval=0.9)
    inside = np.mean((found.lower <= y) & (y <= found.upper))
    assert inside == 1 if constant == "y" else abs(inside - 0.9) < 0.02


def test_files_keep_intervals_ranges_and_loss(tmp_path: Path) -> None:
    x, y = table(300, slope=1.0)
    model = KANRegressor(**ADDITIVE, loss="gamma").fit(x, np.exp(y))
    assert model._residuals.size is not None
    model.save(tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    for a, b in zip(model.predict(x, interval=0.8), again.predict(x, interval=0.8), strict=True):
        assert np.array_equal(a, b)
    assert np.array_equal(model.extrapolates(2 * x), again.extrapolates(2 * x))


def test_without_held_out_errors_the_message_says_why() -> None:
    x, y = table(40)
    model = KANRegressor(**QUICK).fit(x, y)
    with pytest.raises(DataError, match="partial_fit"):
        model.partial_fit(x[:5], y[:5]).predict(x, interval=0.5)


def test_a_file_without_errors_and_ranges_says_so(tmp_path: Path) -> None:
    x, y = table(40)
    model = KANRegressor(**QUICK).fit(x, y)
    model._residuals = model._ranges = None  # as the files of earlier versions have it
    model.save(tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    assert np.array_equal(again.predict(x), model.predict(x))
    with pytest.raises(DataError, match="earlier version"):
        again.predict(x, return_std=True)
    with pytest.raises(DataError, match="no ranges"):
        again.extrapolates(x)


# ---------------------------------------------------------------------------------------------------- extrapolation


def test_rows_beyond_the_data_are_flagged() -> None:
    frame = pd.DataFrame({"a": np.linspace(0, 1, 40), "b": ["u", "v"] * 20, "c": [np.nan, *np.linspace(5, 6, 39)]})
    y = np.linspace(0, 1, 40)
    cases = pd.DataFrame(
        {
            "a": [0.5, 1.1, -0.1, 0.5, np.nan, 0.5, 0.0],
            "b": ["u", "u", "v", "w", "u", "u", "v"],
            "c": [5.5, 5.5, 5.5, 5.5, 5.5, np.nan, 6.0],
        }
    )
    for model in (KANRegressor(**QUICK).fit(frame, y), KANClassifier(**QUICK).fit(frame, y > 0.5)):
        found = model.extrapolates(cases)
        assert found.dtype == bool
        assert found.tolist() == [False, True, True, True, True, False, False]
        assert not model.extrapolates(frame).any()


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
@pytest.mark.parametrize("base", ["silu", "none"])
def test_levelled_edges_are_the_same_on_the_grid_and_level_beyond_it(degree, base) -> None:
    generator = torch.Generator().manual_seed(degree)
    model = KAN([3, 4, 2], grid=6, degree=degree, base=base, domain=(-1, 2), dtype=torch.float64, generator=generator)
    inside = torch.rand(200, 3, dtype=torch.float64, generator=generator) * 3 - 1
    level = with_level_tails(model)
    assert torch.allclose(level(inside), model(inside), rtol=0, atol=1e-12)
    far = 5 * (inside - 0.5).sign() * (1 + inside.abs())
    assert torch.allclose(level(far), level(10 * far), rtol=0, atol=1e-10)
    assert not torch.allclose(model(far), model(10 * far), atol=1e-2)


def test_log_odds_are_level_far_beyond_the_rows() -> None:
    """A misplaced decimal point makes no class certain, whether curves, an ensemble or a process have been taken."""
    x, y = table(80)
    for settings in (ADDITIVE, QUICK, {}):
        model = KANClassifier(**settings).fit(x, y > np.median(y))
        far = np.sign(x - x.mean(0)) * 10.0
        assert np.allclose(model.decision_function(far), model.decision_function(100 * far), atol=1e-8)
        assert np.abs(model.decision_function(far)).max() < 4 * np.abs(model.decision_function(x)).max() + 1


def test_ranges_grow_with_partial_fits() -> None:
    x, y = table(60)
    model = KANRegressor(**QUICK).partial_fit(x, y)
    assert model.extrapolates(3 * x).any()
    assert not model.partial_fit(3 * x, y).extrapolates(3 * x).any()
