"""Laws of floating-gate cells: programming by pulses, what they hold afterwards, and tables in them (signs, scales, spares)."""

import numpy as np
import pytest

from benchmarks.analog.characterise import characterise
from benchmarks.analog.mapping import Mapping, map_table
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


def table(seed: int = 0, rows: int = 20, columns: int = 5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, columns)) * 10.0 ** rng.integers(-3, 3, size=columns)


@pytest.mark.parametrize("seed", range(4))
def test_a_mapped_table_is_the_table_to_eight_bits_of_each_column(seed):
    mapped = map_table(table(seed), seed=seed)
    errors = np.abs(mapped.achieved - mapped.target) / mapped.scale
    assert errors.max() < 2 * 0.5 / 255 + 0.002
    assert mapped.report.bits > 8


def test_signs_survive():
    mapped = map_table(table(1), seed=0)
    clear = np.abs(mapped.target) > 0.01 * mapped.scale
    assert (np.sign(mapped.achieved) == np.sign(mapped.target))[clear].all()


def test_scaling_a_column_scales_what_is_achieved():
    one, other = map_table(table(2), seed=3), map_table(1024 * table(2), seed=3)  # a power of two: exact
    assert np.allclose(other.achieved, 1024 * one.achieved, rtol=1e-9)
    assert other.report == one.report


def test_a_column_of_zeros_stays_zero():
    values = table(3)
    values[:, 2] = 0.0
    mapped = map_table(values, seed=0)
    assert np.abs(mapped.achieved[:, 2]).max() < 0.005


def test_a_second_pair_gives_more_bits():
    one, two = (map_table(table(4, 40), Mapping(slices=n), seed=0).report for n in (1, 2))
    assert two.bits > one.bits + 1.5
    assert two.cells == 2 * one.cells


def test_calibration_takes_out_gain_and_offset():
    raw = map_table(table(5, 40), Mapping(calibrate=False, gain_spread=0.05), seed=0)
    good = map_table(table(5, 40), Mapping(gain_spread=0.05), seed=0)
    assert raw.report.rms > 5 * good.report.rms
    assert np.abs(good.offsets / good.scale).max() < 0.2 * np.abs(raw.offsets / raw.scale).max()


def test_spares_take_the_place_of_broken_pairs():
    values = table(6, 40)
    without, with_spares = (map_table(values, Mapping(stuck=0.03, spares=n), seed=1).report for n in (0, 8))
    assert without.broken > 0
    assert without.lost
    assert not with_spares.lost
    assert with_spares.spares_used + with_spares.saved == with_spares.broken
    assert with_spares.worst < 0.01 < without.worst


def test_nothing_is_lost_silently():
    """Every entry that is far off is named."""
    mapped = map_table(table(7, 40), Mapping(stuck=0.1, spares=1), seed=2)
    far = np.abs(mapped.achieved - mapped.target) / mapped.scale > 0.02
    assert {(int(r), int(c)) for r, c in np.argwhere(far)} <= set(mapped.report.lost)
    assert mapped.report.broken >= len(mapped.report.lost) > 0


def test_the_partner_of_a_broken_cell_makes_it_good_where_it_can():
    saved = sum(map_table(table(s, 40), Mapping(stuck=0.15, spares=0), seed=s).report.saved for s in range(4))
    assert saved > 0
