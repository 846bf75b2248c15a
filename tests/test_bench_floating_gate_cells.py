"""Laws of floating-gate cells, of programming them by pulses, and of what they hold afterwards."""

import numpy as np
import pytest

from benchmarks.analog.characterise import characterise
from benchmarks.analog.memory import Cell, CellArray, growth, product_for
from benchmarks.analog.programming import READOUTS, Prior, Readout, WriteVerify, program
from splinework.hardware.analog.imperfections import RetentionLaw

QUIET = Cell(pulse_spread=0.0, read_noise=0.0, strength_spread=0.0, slope_spread=0.0, kappa_spread=0.0, low_spread=0.0)


def shifted(drain: float, gate: float = 0.8, seconds: float = 1e-4) -> float:
    """How far one pulse moves a nominal cell, without shot noise, of which the mean over many cells is free."""
    array = CellArray(400, QUIET, seed=0)
    array.inject(drain, gate, seconds)
    return float(array.v.mean())


def test_voltage_is_the_inverse_of_current():
    cell = Cell()
    v = np.linspace(-0.2, 1.2, 57)
    assert np.abs(cell.voltage(cell.current(v)) - v)[cell.current(v) > 1e-17].max() < 1e-10


def test_steepness_is_the_slope_of_the_logarithm_of_the_current():
    cell, v, step = Cell(), np.linspace(0.0, 1.2, 31), 1e-6
    slope = np.log(cell.current(v + step) / cell.current(v - step)) / (2 * step)
    assert np.allclose(cell.steepness(v), slope, rtol=1e-7)


def test_product_for_is_the_inverse_of_growth():
    steps, slopes = np.meshgrid(np.geomspace(1e-6, 0.5, 13), np.array([-30.0, -1e-12, 1e-12, 3.0, 25.0]))
    assert np.allclose(growth(product_for(steps, slopes), slopes), steps, rtol=1e-6)


def test_injection_is_exponential_in_the_drain_voltage():
    ratio = np.log(shifted(5.75) / shifted(5.5)) / 0.25
    assert ratio == pytest.approx(1 / QUIET.injection_voltage, rel=0.05)


def test_injection_grows_with_the_channel_current_by_the_power_alpha():
    cell, alpha = QUIET, 1 - 0.02586 / QUIET.injection_voltage
    gain = np.log(shifted(5.5, 0.65) / shifted(5.5, 0.6))
    currents = np.log(cell.current(0.65) / cell.current(0.6))
    assert gain == pytest.approx(alpha * currents, rel=0.1)


def test_injection_only_adds_and_tunnelling_only_takes():
    array = CellArray(200, seed=1)
    for drain in (4.5, 6.0, 7.0):
        before = array.v.copy()
        array.inject(drain, 0.6, 1e-4)
        assert (array.v >= before).all()
    before = array.v.copy()
    array.tunnel(7.0, 1e-3)
    assert (array.v <= before).all()
    assert (array.v < before).any()


def test_no_pulse_leaves_the_window():
    array = CellArray(200, seed=2)
    for _ in range(5):
        array.inject(7.25, 0.9, 1e-2)
    assert (array.v <= array.window()[1] + 1e-12).all()
    array.erase()
    assert np.allclose(array.v, array.window()[0])


def test_cells_that_are_not_chosen_keep_their_charge():
    array, which = CellArray(100, seed=3), np.arange(100) % 3 == 0
    array.inject(6.5, 0.7, 1e-4)
    before = array.v.copy()
    array.inject(6.5, 0.7, 1e-4, which)
    array.erase(which)
    assert np.array_equal(array.v[~which], before[~which])
    assert np.isnan(array.read(1, which)[~which]).all()


def test_the_same_seed_gives_the_same_cells():
    def run() -> np.ndarray:
        array = CellArray(50, seed=7)
        return program(array, np.linspace(0, 1, 50)).values

    assert np.array_equal(run(), run())


@pytest.mark.parametrize("kind", READOUTS)
def test_eight_bits_take_at_most_thirty_pulses(kind):
    targets = np.random.default_rng(1).random(1000)
    done = program(CellArray(1000, seed=0), targets, WriteVerify(bits=8), readout=Readout(kind))
    assert np.median(done.pulses) <= 15  # of 30 that are asked for
    assert done.reached.mean() > 0.995
    assert done.within(8) > 0.99
    errors = np.abs(done.values - done.targets)
    assert np.quantile(errors, 0.99) <= 1.2 * 0.5 / 255


@pytest.mark.parametrize("spread", [0.0, 0.1, 0.3])
def test_what_is_reported_as_reached_is_reached(spread):
    cell = Cell(pulse_spread=spread)
    done = program(CellArray(300, cell, seed=4), np.random.default_rng(2).random(300))
    assert (np.abs(done.values - done.targets)[done.reached] < 1.5 * 0.5 / 255).all()
    assert np.array_equal(np.abs(done.measured - done.targets) <= 0.75 * 0.5 / 255, done.reached)


def test_cells_above_their_targets_are_erased_first():
    array = CellArray(60, seed=5)
    program(array, np.full(60, 0.9))
    lower = program(array, np.full(60, 0.4))
    assert (lower.erases >= 1).all()
    higher = program(array, np.full(60, 0.8))
    assert higher.erases.mean() < 0.5


def test_cells_that_are_not_chosen_take_no_pulse():
    which = np.arange(90) < 30
    done = program(CellArray(90, seed=6), np.full(90, 0.5), which=which)
    assert (done.pulses[~which] == 0).all()
    assert (done.pulses[which] > 0).all()


def test_a_cell_that_cannot_reach_its_target_is_not_reported_as_reached():
    array = CellArray(200, seed=8, stuck=0.2)
    done = program(array, np.full(200, 0.6))
    assert not done.reached[array.stuck].any()
    assert done.reached[~array.stuck].all()
    assert (done.pulses <= WriteVerify().most_pulses).all()


def test_the_error_falls_with_pulses():
    done = program(CellArray(400, seed=9), np.random.default_rng(3).random(400))
    median = np.median(np.abs(done.errors), axis=1)
    assert median[0] > 0.3
    assert median[-1] < 0.002
    assert done.reached.mean() > 0.99


def test_characterising_finds_what_cells_are_like():
    prior = characterise(CellArray(400, seed=10))
    assert prior.strength == pytest.approx(0.0, abs=0.06)
    assert prior.slope == pytest.approx(4.0, rel=0.03)
    assert prior.strength_spread == pytest.approx(0.3, rel=0.2)


def test_a_wrong_prior_is_corrected_by_what_pulses_do():
    array = CellArray(200, seed=11)
    array.strength = array.strength * 3  # than the programmer believes: first pulses go too far
    done = program(array, np.random.default_rng(4).random(200), prior=Prior(strength_spread=0.8))
    assert done.reached.mean() > 0.99


def test_the_window_closes_with_cycles():
    windows = []
    for cycles in (0, 1e3, 1e5, 1e6):
        array = CellArray(100, seed=0)
        array.cycle(cycles)
        low, high = array.window()
        windows.append(float((high - low).mean()))
    assert windows == sorted(windows, reverse=True)
    assert windows[2] == pytest.approx(0.9 * windows[0], rel=0.01)


def test_charge_leaks_by_the_law_of_arrhenius():
    law = RetentionLaw()
    inverse = 1 / (55 + 273.15) - 1 / (125 + 273.15)
    ratio = np.log(law.lifetime(55.0) / law.lifetime(125.0))
    assert ratio == pytest.approx(law.activation / 8.617333e-5 * inverse, rel=1e-6)
    assert 1e6 * 0.1 * (1 - law.kept(10.0, 55.0)) == pytest.approx(0.5, rel=0.01)
    assert 1 - law.kept(15.0, 125.0) == pytest.approx(0.5 / 64, rel=0.02)


def test_kept_charge_multiplies_over_time():
    law = RetentionLaw()
    assert law.kept(3.0, 100.0) * law.kept(4.0, 100.0) == pytest.approx(law.kept(7.0, 100.0), rel=1e-12)


def test_errors_grow_with_years_and_temperature():
    array, targets = CellArray(150, seed=0), np.random.default_rng(1).random(150)
    program(array, targets)
    start, rms = array.v.copy(), np.empty((3, 2))
    for place in np.ndindex(rms.shape):
        array.v = start.copy()
        array.age((1, 10)[place[1]], (55.0, 85.0, 125.0)[place[0]])
        rms[place] = np.sqrt(((Readout().true(array) - targets) ** 2).mean())
        assert np.median(start - array.v) > 0
    assert (np.diff(rms, axis=0) > 0).all()
    assert (np.diff(rms, axis=1) > 0).all()
