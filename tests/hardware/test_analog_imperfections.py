"""Laws of imperfections, calibration and yields: what is drawn, that causes are independent, that calibration helps."""

from dataclasses import replace

import numpy as np
import pytest

from splinework.errors import ConfigError, DataError
from splinework.hardware.analog.calibration import recalibrate, recalibrated_outputs
from splinework.hardware.analog.chips import Imperfection, draw, outputs, select
from splinework.hardware.analog.imperfections import (
    ACCEPTANCE,
    Mismatch,
    Programming,
    ReadNoise,
    Retention,
    Temperature,
)
from splinework.hardware.analog.yield_plots import plot_conditions, plot_yield
from splinework.hardware.analog.yields import MonteCarloRecipe, over_temperature, over_years, yields
from tests.hardware.imperfection_cases import random_network

NETWORK = random_network(0, (2, 3, 2), 5)
RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, size=(60, 2))
ROWS = RNG.uniform(-1, 1, size=(40, 2))
Y = NETWORK.forward(X)
EVERY: tuple[Imperfection, ...] = (
    Programming(),
    ReadNoise(),
    Mismatch(residual=0.2, node_gain=0.02, node_offset=0.01),
    Retention(10.0, 125.0),
    Temperature(60.0),
)
NAMES = [type(i).__name__ for i in EVERY]


def error(found: np.ndarray) -> np.ndarray:
    """RMS error of each chip in parts of the outputs' spans."""
    return np.sqrt((((found - Y) / np.ptp(Y, axis=0)) ** 2).mean(axis=(1, 2)))


@pytest.mark.parametrize("imperfection", EVERY, ids=NAMES)
def test_the_same_seed_draws_the_same_chips(imperfection):
    one, other, third = (
        outputs(NETWORK, X, draw(NETWORK, [imperfection], chips=3, rows=60, seed=s)) for s in (5, 5, 6)
    )
    assert np.array_equal(one, other)
    assert isinstance(imperfection, Temperature) or not np.array_equal(one, third)


@pytest.mark.parametrize("imperfection", EVERY, ids=NAMES)
def test_every_imperfection_changes_outputs(imperfection):
    found = outputs(NETWORK, X, draw(NETWORK, [imperfection], chips=4, rows=60, seed=0))
    assert found.shape == (4, 60, 2)
    assert (error(found) > 1e-4).all()


NONE: tuple[Imperfection, ...] = (
    Programming(0.0, 0.0),
    ReadNoise(0.0),
    Mismatch(kappa=0.0),
    Retention(0.0, 125.0),
    Temperature(27.0),
)


@pytest.mark.parametrize("imperfection", NONE, ids=NAMES)
def test_an_imperfection_of_size_zero_changes_nothing(imperfection):
    found = outputs(NETWORK, X, draw(NETWORK, [imperfection], chips=2, rows=60, seed=0))
    assert error(found).max() < 1e-9


def test_leaving_one_out_does_not_change_what_the_others_draw():
    with_it = draw(NETWORK, [Programming(), Mismatch(), ReadNoise()], chips=3, rows=10, seed=1).perturbation
    without = draw(NETWORK, [Programming(), ReadNoise()], chips=3, rows=10, seed=1).perturbation
    assert np.array_equal(with_it.centre_shift, without.centre_shift)
    assert np.array_equal(with_it.read_noise, without.read_noise)
    assert np.ptp(with_it.kappa_factor) > 0


def test_the_order_of_imperfections_does_not_matter():
    one, other = (
        outputs(NETWORK, X, draw(NETWORK, list(order), chips=3, rows=60, seed=2)) for order in (EVERY, EVERY[::-1])
    )
    assert np.allclose(one, other, rtol=1e-9, atol=1e-12)


def test_programming_errors_have_the_size_that_was_asked_for():
    p = draw(NETWORK, [Programming(0.02, 1e-3)], chips=400, rows=1, seed=0).perturbation
    assert p.gain_error.std() == pytest.approx(0.02, rel=0.03)
    assert p.centre_shift.std() == pytest.approx(1e-3, rel=0.03)


def test_read_noise_is_in_parts_of_the_spans():
    found = outputs(NETWORK, X, draw(NETWORK, [ReadNoise(0.003)], chips=200, rows=60, seed=0))
    span = np.array([s.high - s.low for s in NETWORK.layers[-1].sums])
    quiet = replace(NETWORK, layers=NETWORK.layers)
    assert (found.std(axis=0).mean(axis=0) / span).min() > 0.0029  # its own noise, and what comes from before
    assert np.allclose(found.mean(axis=0), quiet.forward(X), atol=5 * 0.02 * span.max() / np.sqrt(200))


def test_pelgroms_law():
    assert Mismatch(width=40.0).threshold == pytest.approx(Mismatch().threshold / 2)


def test_retention_grows_with_years_and_temperature():
    losses = [
        error(outputs(NETWORK, X, draw(NETWORK, [Retention(*at)], chips=5, rows=60, seed=0))).mean()
        for at in ((1.0, 55.0), (10.0, 55.0), (10.0, 85.0), (10.0, 125.0))
    ]
    assert losses == sorted(losses)
    assert losses[1] < 1e-3  # charge is no problem at 55 °C


def test_chips_together_are_the_chips_one_by_one():
    chips = draw(NETWORK, EVERY, chips=5, rows=60, seed=3)
    together = outputs(NETWORK, X, chips)
    alone = [outputs(NETWORK, X, select(chips, slice(k, k + 1)))[0] for k in range(5)]
    assert np.allclose(together, np.stack(alone), rtol=1e-10)


@pytest.mark.parametrize(
    "imperfections",
    [[Mismatch(kappa=0.0, node_gain=0.05, node_offset=0.02)], [Temperature(85.0)], [Retention(10.0, 125.0)]],
    ids=["nodes", "Temperature", "Retention"],
)
def test_calibration_lowers_the_error(imperfections):
    chips = draw(NETWORK, imperfections, chips=6, rows=60, seed=0)
    plain, trimmed = outputs(NETWORK, X, chips), recalibrated_outputs(NETWORK, X, chips, ROWS)
    assert error(trimmed).mean() < error(plain).mean()


def test_calibration_takes_out_gains_and_offsets_of_nodes():
    chips = draw(NETWORK, [Mismatch(kappa=0.0, node_gain=0.05, node_offset=0.02)], chips=6, rows=60, seed=0)
    trims = recalibrate(NETWORK, ROWS, chips, noise=0.0)
    assert error(outputs(NETWORK, X, chips, parameters=trims)).max() < 1e-3


def test_yield_counts_chips_at_the_limit():
    loose, tight = (yields(NETWORK, X, Y, recipe=MonteCarloRecipe("rmse", 20, limit=v)) for v in (1e3, 1e-9))
    assert (loose.share, tight.share) == (1.0, 0.0)
    assert list(loose.percentiles().values()) == sorted(loose.percentiles().values())
    assert loose.to_dict()["yield"] == 1.0
    assert loose.nominal < 1e-12
    assert loose.loss > 0


def test_accuracy_counts_right_decisions():
    labels = Y.argmax(axis=1)
    found = yields(NETWORK, X, labels, recipe=MonteCarloRecipe(draws=10))
    assert found.nominal == 1.0
    assert 0.8 < found.mean < 1.0
    wrong = yields(NETWORK, X, 1 - labels, recipe=MonteCarloRecipe(draws=10))
    assert wrong.mean == pytest.approx(1 - found.mean)


def test_tables_over_conditions_and_their_pictures():
    recipe = MonteCarloRecipe("rmse", 6)
    warm = over_temperature(NETWORK, X, Y, [], celsius=(0.0, 27.0, 85.0), recipe=recipe, calibration=ROWS)
    assert warm[1].plain.mean < min(warm[0].plain.mean, warm[2].plain.mean)
    old = over_years(NETWORK, X, Y, [], years=(1, 10), celsius=125.0, recipe=recipe)
    assert old[0].plain.mean < old[1].plain.mean
    assert [len(plot_conditions(warm, "celsius").get_lines()), len(plot_conditions(old, "years").get_lines())] == [3, 2]
    assert plot_yield(warm[2].plain).patches


def test_refusals_say_what_is_expected():
    with pytest.raises(ConfigError, match="at most one of each kind"):
        draw(NETWORK, [Programming(), Programming()], chips=1, rows=1, seed=0)
    with pytest.raises(ConfigError, match="0 or more"):
        Programming(gain=-1.0)
    with pytest.raises(ConfigError, match="metric is one of"):
        MonteCarloRecipe("f1")
    with pytest.raises(DataError, match="class indices from 0 to 1"):
        yields(NETWORK, X, np.full(60, 7))
    with pytest.raises(DataError, match="at least one row"):
        plot_conditions([], "years")
    assert len(ACCEPTANCE) == 2
