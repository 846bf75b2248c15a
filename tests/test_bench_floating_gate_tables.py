"""Laws of tables in floating-gate cells: signs, scales, spares, slices, calibration."""

import numpy as np
import pytest

from benchmarks.analog.mapping import Mapping, map_table


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
