"""Laws of training through the device and of tuning a chip in the loop: limits hold, losses fall, pulses are counted."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import make_moons

from benchmarks.analog.device import Device, Probed, SimulatedChip
from benchmarks.analog.tuning import Tuning, tune
from splinework.errors import ConfigError, DataError, ShapeError
from splinework.hardware.analog.imperfections import Mismatch, Programming, ReadNoise
from splinework.hardware.analog.network import AnalogNetwork, Parameters
from splinework.hardware.analog.noise_aware import NoiseAware, respanned, train_through_device
from splinework.hardware.analog.yields import MonteCarlo, yields
from tests.hardware.fgate_cases import random_network

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, size=(120, 2))
NETWORK = random_network(1, (2, 3, 2), 5)
Y = NETWORK.forward(X)


def moons(rows: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = make_moons(rows, noise=0.15, random_state=0)
    return (x - x.mean(axis=0)) / x.std(axis=0) / 2.2, y


def test_training_through_the_device_keeps_accuracy_under_the_errors_of_acceptance():
    x, y = moons(400)
    recipe = NoiseAware(task="cross_entropy", steps=150, rate=0.05, chips=2, held_out_chips=2)
    made = train_through_device(random_network(0, (2, 3, 1), 6), x[:250], y[:250], recipe)
    found = yields(made.network, x[250:], y[250:], recipe=MonteCarlo(draws=100))
    assert found.nominal > 0.9
    assert found.loss < 0.01
    assert made.looks[-1].best < 0.5 * made.looks[0].held_out


def test_the_result_is_the_best_look():
    looks = []
    recipe = NoiseAware(steps=30, every=5, chips=2, held_out_chips=2)
    made = train_through_device(NETWORK, X, Y + 0.1, recipe, progress=looks.append)
    assert made.looks == tuple(looks)
    assert made.looks[-1].best == min(look.held_out for look in looks)
    assert [look.step for look in looks] == list(range(0, made.steps + 1, 5))


def test_training_ends_when_patience_does():
    recipe = NoiseAware(steps=1000, every=1, patience=3, rate=1e-9, chips=1, held_out_chips=1)
    assert train_through_device(NETWORK, X, Y, recipe).steps < 100


def test_values_stay_within_the_limits_of_the_device():
    recipe = NoiseAware(steps=40, rate=0.5, chips=1, held_out_chips=1, patience=99)
    made = train_through_device(NETWORK, X, 100 * Y, recipe).network
    tech, p = made.technology, made.parameters()
    assert (np.abs(p.gains) <= tech.current_max * (1 + 1e-9)).all()
    assert (np.abs(p.gains) >= tech.current_min * (1 - 1e-9)).all()
    assert (np.sign(p.gains) == np.sign(NETWORK.parameters().gains)).all()
    assert (
        (p.centres > tech.input_low - tech.width() - 1e-9) & (p.centres < tech.input_high + tech.width() + 1e-9)
    ).all()


def test_the_same_seed_trains_the_same_network():
    recipe = NoiseAware(steps=5, every=5, chips=2, held_out_chips=2)
    one, other = (train_through_device(NETWORK, X, Y + 0.2, recipe).network.parameters() for _ in range(2))
    assert np.array_equal(one.gains, other.gains)


def test_respanned_sums_fill_their_spans_and_nothing_else_changes():
    other = respanned(NETWORK, X)
    assert np.array_equal(other.forward(X), NETWORK.forward(X))
    for layer, found in zip(other.layers, other.signals(X).layers, strict=True):
        assert np.allclose([s.low for s in layer.sums], found.sums.min(axis=0))
        assert np.allclose([s.high for s in layer.sums], found.sums.max(axis=0))


def loss(device: Device, network: AnalogNetwork) -> float:
    x = np.random.default_rng(9).uniform(-1, 1, size=(200, 2))
    found = np.mean([device.measure(x) for _ in range(4)], axis=0)
    return float((((found - network.forward(x)) / Y.std(axis=0)) ** 2).mean())


@pytest.mark.parametrize("seed", range(4))
def test_tuning_lowers_the_loss_of_a_chip_with_hidden_mismatch(seed):
    network = random_network(seed, (2, 3, 2), 5)
    chip = SimulatedChip(network, seed=seed)
    before = loss(chip, network)
    found = tune(chip, network, X, network.forward(X), Tuning(stages=("offsets", "gains"), reads=4))
    assert found.after < 0.5 * found.before
    assert loss(chip, network) < 0.6 * before  # on rows that it was not tuned on
    assert found.pulses == chip.pulses > 0


def test_tails_are_turned_only_where_that_pays():
    network = random_network(2, (2, 2, 1), 4)
    chip = SimulatedChip(network, seed=2, hidden=[Mismatch(residual=0.5, node_gain=0.03)])
    found = tune(chip, network, X, network.forward(X), Tuning(reads=4))
    assert found.after < 0.5 * found.before
    assert all(s.after < s.before for s in found.steps if s.kept)


def test_tuning_works_without_probes():
    class Closed:
        """Only outputs can be measured."""

        def __init__(self, chip: SimulatedChip) -> None:
            self.chip = chip

        @property
        def pulses(self) -> int:
            return self.chip.pulses

        def measure(self, rows: np.ndarray) -> np.ndarray:
            return self.chip.measure(rows)

        def program(self, parameters: Parameters) -> Parameters:
            return self.chip.program(parameters)

    chip = Closed(SimulatedChip(NETWORK, seed=3))
    assert isinstance(chip, Device)
    assert not isinstance(chip, Probed)
    found = tune(chip, NETWORK, X, Y, Tuning(stages=("offsets", "gains"), reads=4))
    assert found.after < 0.5 * found.before


def test_classes_are_tuned_too():
    labels = (Y[:, 0] - np.median(Y[:, 0]) > Y[:, 1] - np.median(Y[:, 1])).astype(int)
    chip = SimulatedChip(NETWORK, seed=0)
    recipe = Tuning(task="cross_entropy", stages=("offsets",), reads=4, temperature=0.3)
    assert tune(chip, NETWORK, X, labels, recipe).after < loss_of_start(labels, recipe)


def loss_of_start(labels: np.ndarray, recipe: Tuning) -> float:
    return tune(SimulatedChip(NETWORK, seed=0), NETWORK, X, labels, replace(recipe, stages=())).before


def test_only_cells_that_change_are_written():
    chip = SimulatedChip(NETWORK, seed=0, pulses_per_cell=7)
    p = NETWORK.parameters()
    first = chip.probe(X[:1])[0].shape
    assert first == (1, 3)
    chip.program(p)
    assert chip.pulses == 0
    gains = p.gains.copy()
    gains[:3] *= 1.1
    chip.program(replace(p, gains=gains))
    assert chip.pulses == 21


def test_only_the_knobs_of_a_stage_are_written():
    chip = SimulatedChip(NETWORK, seed=1, pulses_per_cell=7)
    found = tune(chip, NETWORK, X, Y, Tuning(stages=("offsets",), steps=1, reads=2))
    assert 0 < found.pulses <= 7 * NETWORK.node_count * (1 if found.steps[0].kept else 2)


def test_a_chip_without_errors_is_the_network():
    chip = SimulatedChip(
        NETWORK, hidden=[], programming=Programming(0, 0), noise=ReadNoise(0), trim=0.0, read_back=0.0, seed=0
    )
    assert np.allclose(chip.measure(X), Y, rtol=1e-12)
    assert chip.is_simulated


def test_refusals_say_what_is_expected():
    chip = SimulatedChip(NETWORK, seed=0)
    p = NETWORK.parameters()
    with pytest.raises(ConfigError, match="lengths"):
        chip.program(replace(p, gains=p.gains[:-1]))
    with pytest.raises(DataError, match="currents are at most"):
        chip.program(replace(p, gains=p.gains * 1e4))
    with pytest.raises(ShapeError, match="as many targets"):
        train_through_device(NETWORK, X, Y[:5])
    with pytest.raises(DataError, match="5 rows"):
        train_through_device(NETWORK, X[:3], Y[:3])
    with pytest.raises(ConfigError, match="task is one of"):
        NoiseAware(task="hinge")
    with pytest.raises(ConfigError, match="stages are of"):
        Tuning(stages=("knobs",))
