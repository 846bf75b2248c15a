"""Laws of the scale of positive targets: which one left-out rows ask for, and the mean of y from a model of its logarithm."""

from typing import Any

import numpy as np
import pytest
import torch

from splinework.errors import DataError
from splinework.tabular import KANRegressor, load
from splinework.tabular.inner_network import outputs_of
from splinework.tabular.rows import WeightedRows
from splinework.tabular.target_scale import mean_of_exponentials, prefers_logarithm
from splinework.tabular.trained import TrainedNetwork
from tests.families import slow
from tests.tabular.tables import QUICK

ADDITIVE: dict[str, Any] = {"hidden": 0, "grid": 4}
TRUTHS = {
    "curves": lambda x: np.sin(3 * x[:, 0]) + x[:, 1] ** 2,
    "products": lambda x: x[:, 0] * x[:, 1] + 0.5 * x[:, 2],
    "oblique": lambda x: np.tanh(2 * (x[:, 0] + x[:, 1] - x[:, 2])),
}


def drawn(truth: str, seed: int, count: int = 150) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Inputs, a function of them of mean 0 and standard deviation 1, and the generator."""
    random = np.random.default_rng([3, seed])
    x = random.uniform(-1, 1, (count, 3))
    f = TRUTHS[truth](x)
    return x, (f - f.mean()) / f.std(), random


def asks_for_logarithms(x: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> bool:
    rows = WeightedRows(x, y[:, None], np.ones(len(y)) if weights is None else weights)
    return prefers_logarithm(rows, (), range(x.shape[1]), 0)


@pytest.mark.parametrize("seed", [0, *slow(1, 2)])
@pytest.mark.parametrize("truth", ["products", *slow("curves", "oblique")])
def test_the_scale_is_that_on_which_the_noise_is_even(truth: str, seed: int) -> None:
    x, f, random = drawn(truth, seed)
    noise = random.normal(size=len(f))
    assert asks_for_logarithms(x, np.exp(0.7 * f + 0.2 * noise))
    even = f + 0.2 * noise
    assert not asks_for_logarithms(x, even - even.min() + 0.1)


@pytest.mark.parametrize("noise", [0.02, *slow(0.1)])
@pytest.mark.parametrize("shift", [1.05, *slow(1.5)])
def test_products_are_no_reason(shift: float, noise: float) -> None:
    """Their logarithms are sums of curves, which say yes; but the noise is even, and a model of products knows."""
    random = np.random.default_rng(7)
    x = random.uniform(-1, 1, (80, 3))
    assert not asks_for_logarithms(x, np.prod(shift + x, axis=1) + noise * np.abs(random.normal(size=80)))


@pytest.mark.parametrize("truth", ["oblique", *slow("curves", "products")])
def test_without_noise_it_is_that_on_which_the_function_is_simple(truth: str) -> None:
    x, f, _ = drawn(truth, 5)
    assert asks_for_logarithms(x, np.exp(1.2 * f))
    assert not asks_for_logarithms(x, f - f.min() + 0.3)


def test_units_and_the_order_of_rows_change_nothing_and_few_or_nearly_equal_or_negative_numbers_are_not_asked() -> None:
    x, f, random = drawn("curves", 1, 60)
    for y in (np.exp(0.7 * f + 0.3 * random.normal(size=len(f))), f - f.min() + 0.5):
        wanted = asks_for_logarithms(x, y)
        assert asks_for_logarithms(x, 1e6 * y) == wanted
        assert asks_for_logarithms(x, 1e-9 * y, np.full(len(y), 7.0)) == wanted
    skewed = np.exp(f)
    assert not asks_for_logarithms(x, skewed - skewed.min())  # a zero has no logarithm
    assert not asks_for_logarithms(x, np.exp(0.1 * f))
    assert not asks_for_logarithms(x[:7], skewed[:7])


def test_all_outputs_share_the_scale() -> None:
    x, f, random = drawn("curves", 2, 60)
    y = np.exp(np.stack([f, -f], axis=1) + 0.2 * random.normal(size=(len(f), 2)))
    rows = WeightedRows(x, y, np.ones(len(f)))
    assert prefers_logarithm(rows, (), range(3), 0)
    with_zero = WeightedRows(x, y * np.array([[1.0, 0.0]]), rows.weights)
    assert not prefers_logarithm(with_zero, (), range(3), 0)
    assert KANRegressor(**QUICK).fit(x, y).columns_.targets == ("log y1", "log y2")


@pytest.mark.quick(2)
@pytest.mark.parametrize("given", [ADDITIVE, QUICK, *slow({})], ids=str)
def test_the_network_is_that_of_log_y_moved_to_the_mean(given: dict[str, Any]) -> None:
    x, f, random = drawn("curves", 3, 120)
    y = np.exp(0.7 * f + 0.4 * random.normal(size=len(f)))
    chosen, stated = KANRegressor(**given).fit(x, y), KANRegressor(**given, loss="lognormal").fit(x, y)
    of_logs = KANRegressor(**given, loss="squared_error").fit(x, np.log(y))
    fresh = random.uniform(-1, 1, (50, 3))
    assert (chosen.loss_name_, of_logs.loss_name_) == ("lognormal", "squared_error")
    np.testing.assert_array_equal(chosen.predict(fresh), stated.predict(fresh))
    off = outputs_of(chosen.model_, fresh)[:, 0] - of_logs.predict(fresh)
    np.testing.assert_allclose(off, off[0], rtol=0, atol=1e-9)
    ends, of_ends = chosen.predict(fresh, interval=0.8), of_logs.predict(fresh, interval=0.8)
    np.testing.assert_allclose(
        np.log(ends.lower), of_ends.lower, rtol=0, atol=1e-9
    )  # relative errors have the same order
    np.testing.assert_allclose(np.log(ends.upper), of_ends.upper, rtol=0, atol=1e-9)


@pytest.mark.parametrize("held", ["all", "some", "none"])
def test_the_shift_is_that_of_left_out_rows(held: str) -> None:
    x, f, random = drawn("curves", 4, 60)
    y, weights = np.exp(f)[:, None], random.uniform(0.5, 2, 60)
    model = KANRegressor(**ADDITIVE, loss="squared_error").fit(x, f).model_
    seen = outputs_of(model, x)
    unseen = seen + 0.3 * random.normal(size=seen.shape)
    if held == "some":
        unseen[::3] = np.nan
    known = {"all": unseen, "some": unseen, "none": seen}[held]
    used = ~np.isnan(known[:, 0])
    expected = np.log(np.average((y / np.exp(known))[used], axis=0, weights=weights[used]))
    out_of_fold = None if held == "none" else torch.from_numpy(unseen)
    found = mean_of_exponentials(TrainedNetwork(model, 0.0, 1, out_of_fold=out_of_fold), WeightedRows(x, y, weights))
    np.testing.assert_allclose(outputs_of(found.model, x) - seen, np.broadcast_to(expected, seen.shape), atol=1e-12)
    np.testing.assert_array_equal(outputs_of(model, x), seen)  # the one that was given is left as it is
    if found.out_of_fold is not None:
        np.testing.assert_allclose((found.out_of_fold.numpy() - unseen)[used], expected[0], atol=1e-12)


@pytest.mark.parametrize("seed", [0, *slow(1, 2, 3)])
def test_predictions_are_means(seed: int) -> None:
    """Of noise of 0.5 the mean is exp(0.125) times the median."""
    x, f, random = drawn("curves", seed, 600)
    model = KANRegressor(**ADDITIVE, loss="lognormal").fit(x, np.exp(0.7 * f + 0.5 * random.normal(size=len(f))))
    assert abs(np.log(model.predict(x)).mean() - 0.125) < 0.07  # three standard errors of the mean of log y


def test_units_of_positive_targets_scale_predictions() -> None:
    x, f, random = drawn("curves", 6, 80)
    y = np.exp(f + 0.2 * random.normal(size=len(f)))
    one, thousand = (KANRegressor(**ADDITIVE).fit(x, scale * y).predict(x) for scale in (1.0, 1000.0))
    np.testing.assert_allclose(thousand, 1000 * one, rtol=1e-6)


def test_it_is_saved_explained_and_continued(tmp_path: Any) -> None:
    x, f, random = drawn("curves", 7, 80)
    y = np.exp(f + 0.2 * random.normal(size=len(f)))
    model = KANRegressor(**ADDITIVE, formula_budget=0.5).fit(x, y)
    model.save(tmp_path / "model.safetensors")
    same = load(tmp_path / "model.safetensors")
    assert same.loss_name_ == "lognormal"
    np.testing.assert_array_equal(same.predict(x), model.predict(x))
    page = model.report(tmp_path / "page.html", equations=False).read_text()
    assert "learned by squared errors of log y" in page
    explained = model._on_outputs(y[:, None])
    assert explained is not None
    np.testing.assert_allclose(explained.mean(), outputs_of(model.model_, x).mean())
    assert model.equation_.target == "log_y"
    assert np.corrcoef(model.equation_.numpy()(x), outputs_of(model.model_, x)[:, 0])[0, 1] > 0.9
    with pytest.raises(DataError, match="logarithm of y, which must be above 0, got -1"):
        model.report(tmp_path / "page.html", x[:5], np.full(5, -1.0))
    with pytest.raises(ValueError, match="strictly positive y, got -1; use loss='squared_error'"):
        model.partial_fit(x[:5], np.full(5, -1.0))
    assert model.partial_fit(x[:5], y[:5]).loss_name_ == "lognormal"


def test_a_constant_predicts_the_mean() -> None:
    random = np.random.default_rng(0)
    x, y = np.ones((50, 1)), np.exp(random.normal(size=50))
    found = KANRegressor(loss="lognormal").fit(x, y).predict(x, interval=0.8)
    np.testing.assert_allclose(found.prediction, y.mean(), rtol=1e-12)
    assert 0.7 < np.mean((found.lower <= y) & (y <= found.upper)) < 0.9


@pytest.mark.parametrize("given", [{"monotone": [1, 0, 0]}, {"axioms": ["convex(x0)"]}, {"warm_start": True}], ids=str)
def test_axioms_and_continued_fits_are_least_squares_of_y(given: dict[str, Any]) -> None:
    x, f, _ = drawn("curves", 8, 60)
    model = KANRegressor(**ADDITIVE, **given).fit(x, np.exp(f))
    assert (model.loss_name_, model.columns_.targets) == ("squared_error", ("y",))
    assert KANRegressor(**ADDITIVE).partial_fit(x, np.exp(f)).loss_name_ == "squared_error"
