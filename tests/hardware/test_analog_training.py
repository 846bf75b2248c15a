"""Laws of training through the device: limits hold, losses fall."""

import numpy as np
import pytest
from sklearn.datasets import make_moons

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.hardware.analog.noise_aware import NoiseAwareRecipe, respanned, train_through_device
from splinework.hardware.analog.yields import MonteCarloRecipe, yields
from tests.hardware.imperfection_cases import random_network

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, size=(120, 2))
NETWORK = random_network(1, (2, 3, 2), 5)
Y = NETWORK.forward(X)


def moons(rows: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = make_moons(rows, noise=0.15, random_state=0)
    return (x - x.mean(axis=0)) / x.std(axis=0) / 2.2, y


@pytest.mark.slow
def test_training_through_the_device_keeps_accuracy_under_the_errors_of_acceptance():
    x, y = moons(400)
    recipe = NoiseAwareRecipe(task="cross_entropy", steps=150, rate=0.05, chips=2, held_out_chips=2)
    made = train_through_device(random_network(0, (2, 3, 1), 6), x[:250], y[:250], recipe)
    found = yields(made.network, x[250:], y[250:], recipe=MonteCarloRecipe(draws=100))
    assert found.nominal > 0.9
    assert found.loss < 0.01
    assert made.checks[-1].best < 0.5 * made.checks[0].held_out


def test_the_result_is_the_best_look():
    looks = []
    recipe = NoiseAwareRecipe(steps=30, every=5, chips=2, held_out_chips=2)
    made = train_through_device(NETWORK, X, Y + 0.1, recipe, progress=looks.append)
    assert made.checks == tuple(looks)
    assert made.checks[-1].best == min(look.held_out for look in looks)
    assert [look.step for look in looks] == list(range(0, made.steps + 1, 5))


def test_training_ends_when_patience_does():
    recipe = NoiseAwareRecipe(steps=1000, every=1, patience=3, rate=1e-9, chips=1, held_out_chips=1)
    assert train_through_device(NETWORK, X, Y, recipe).steps < 100


def test_values_stay_within_the_limits_of_the_device():
    recipe = NoiseAwareRecipe(steps=40, rate=0.5, chips=1, held_out_chips=1, patience=99)
    made = train_through_device(NETWORK, X, 100 * Y, recipe).network
    tech, p = made.technology, made.parameters()
    assert (np.abs(p.gains) <= tech.current_max * (1 + 1e-9)).all()
    assert (np.abs(p.gains) >= tech.current_min * (1 - 1e-9)).all()
    assert (np.sign(p.gains) == np.sign(NETWORK.parameters().gains)).all()
    assert (
        (p.centres > tech.input_low - tech.width() - 1e-9) & (p.centres < tech.input_high + tech.width() + 1e-9)
    ).all()


def test_the_same_seed_trains_the_same_network():
    recipe = NoiseAwareRecipe(steps=5, every=5, chips=2, held_out_chips=2)
    one, other = (train_through_device(NETWORK, X, Y + 0.2, recipe).network.parameters() for _ in range(2))
    assert np.array_equal(one.gains, other.gains)


def test_respanned_sums_fill_their_spans_and_nothing_else_changes():
    other = respanned(NETWORK, X)
    assert np.array_equal(other.forward(X), NETWORK.forward(X))
    for layer, found in zip(other.layers, other.signals(X).layers, strict=True):
        assert np.allclose([s.low for s in layer.sums], found.sums.min(axis=0))
        assert np.allclose([s.high for s in layer.sums], found.sums.max(axis=0))


def test_refusals_say_what_is_expected():
    with pytest.raises(ShapeError, match="to go with x"):
        train_through_device(NETWORK, X, Y[:5])
    with pytest.raises(DataError, match="5 rows"):
        train_through_device(NETWORK, X[:3], Y[:3])
    with pytest.raises(ConfigError, match="task is one of"):
        NoiseAwareRecipe(task="hinge")
