"""Laws of tuning a chip in the loop: losses fall, pulses are counted, only what a stage turns is written."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.analog.device import Device, Probed, SimulatedChip
from benchmarks.analog.tuning import Tuning, tune
from splinework.errors import ConfigError, DataError
from splinework.hardware.analog.imperfections import Mismatch, Programming, ReadNoise
from splinework.hardware.analog.network import AnalogNetwork, AnalogParameters
from tests.hardware.imperfection_cases import random_network

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, size=(120, 2))
NETWORK = random_network(1, (2, 3, 2), 5)
Y = NETWORK.forward(X)


def loss(device: Device, network: AnalogNetwork) -> float:
    x = np.random.default_rng(9).uniform(-1, 1, size=(200, 2))
    found = np.mean([device.measure(x) for _ in range(4)], axis=0)
    return float((((found - network.forward(x)) / Y.std(axis=0)) ** 2).mean())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.slow
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

        def program(self, parameters: AnalogParameters) -> AnalogParameters:
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
