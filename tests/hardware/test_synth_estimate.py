"""The estimator: what is counted exactly is exact, costs grow with what is built, and held-out designs are met within bounds."""

import statistics
import tempfile
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest

from splinework.errors import ConfigError
from splinework.hardware import tools
from splinework.hardware.fpga.circuit import FpgaOptions
from splinework.hardware.fpga.estimate import COSTS, choose_depth, estimate
from splinework.hardware.fpga.estimate_lookups import parts
from splinework.hardware.fpga.estimate_paths import TimingPath, longest
from splinework.hardware.fpga.plan import design
from splinework.hardware.fpga.synthesis import Synthesis, synthesise
from splinework.hardware.fpga.technologies import TECHNOLOGIES
from splinework.hardware.fpga.verilog import verilog
from tests.families import slow
from tests.hardware.cases import random_model

HELD_OUT = [(100, (3, 4, 2), (3, 5)), (101, (8, 2), (4, 6)), (102, (4, 3), (2, 6)), (103, (6, 3, 2), (5, 5))]


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [program for program in programs if tools.find(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {' '.join(missing)}")


def synthesised(model, options: FpgaOptions, technology: str, **more) -> tuple[Synthesis, object]:
    circuit = design(model, options)
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "rtl").mkdir()
        for file, text in verilog(circuit).items():
            (Path(name) / "rtl" / file).write_text(text)
        return synthesise(name, circuit.name, technology, **more), estimate(circuit, technology)


@pytest.mark.parametrize("lookup", [4, 6])
def test_parts_of_a_function_are_the_fewest_over_all_ways_to_split_it(lookup):
    rng = np.random.default_rng(0)
    for extra in (1, 2):
        values = np.tanh(np.linspace(-2, 2, 1 << (lookup + extra)) * 2 + rng.normal()) * 20
        column = (np.rint(values).astype(int) >> 1) & 1 != 0
        found = parts(column, lookup)
        best = min(_split(column, lookup, top) for top in combinations(range(lookup + extra), extra))
        assert 2 * found.lookups + found.muxes == best


def _split(column, lookup, top):
    """Twice the parts and the multiplexers for one choice of inputs, by dictionaries of addresses."""
    places = len(column).bit_length() - 1
    rest = [p for p in range(places) if p not in top]
    rows = []
    for chosen in range(1 << len(top)):
        row = []
        for low in range(1 << lookup):
            address = sum(((low >> k) & 1) << p for k, p in enumerate(rest))
            address |= sum(((chosen >> k) & 1) << p for k, p in enumerate(top))
            row.append(bool(column[address]))
        rows.append(tuple(row))
    wires = {tuple(bool((a >> k) & 1) for a in range(1 << lookup)) for k in range(lookup)} | {(False,) * (1 << lookup)}
    plain = {row if not row[0] else tuple(not v for v in row) for row in rows} - wires
    muxes, level = 0, rows
    while len(level) > 1:
        pairs = list(zip(level[::2], level[1::2], strict=True))
        muxes += len({pair for pair in pairs if pair[0] != pair[1]})
        level = [a if a == b else (a, b) for a, b in pairs]
    return 2 * len(plain) + muxes


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("technology", ["xcup", "ecp5", "asic", *slow("ice40")])
def test_an_estimate_has_the_latency_of_the_design_and_grows_with_the_network(technology, seed):
    small, large = random_model(seed, (3, 2, 1), (4, 4)), random_model(seed, (6, 4, 2), (6, 6), density=1.0)
    made = [design(model, FpgaOptions(technology=technology)) for model in (small, large)]
    one, two = (estimate(circuit, technology) for circuit in made)
    assert (one.latency_cycles, two.latency_cycles) == tuple(circuit.latency_cycles for circuit in made)
    assert one.luts < two.luts
    assert one.flipflops < two.flipflops
    assert (one.fmax_mhz is None) == (TECHNOLOGIES[technology].router is None)
    assert one.unit == TECHNOLOGIES[technology].unit


def test_every_target_has_costs_that_are_not_negative():
    for name in TECHNOLOGIES:
        circuit = design(random_model(0), FpgaOptions(technology=name.partition("-")[0]))
        assert estimate(circuit, name).luts > 0
    for costs in COSTS.values():
        assert all(cost >= 0 for cost in costs.area.values())
        assert costs.delays is None or all(delay >= 0 for delay in costs.delays.values())


@pytest.mark.parametrize("technology", ["ecp5", "ice40"])
def test_the_longest_way_has_the_levels_of_adders_of_a_stage(technology):
    model = random_model(3, (16, 1), (5, 5), density=1.0)
    for levels in (1, 2, 4):
        circuit = design(model, FpgaOptions(technology=technology, stage_levels=levels, compress=False))
        found = longest(circuit, 4, TimingPath(0, 1, 0, 1, 0, 0))
        # A sum that is merged with the one behind it is a level of lookup tables.
        assert found.adders + found.lookups == levels


@pytest.mark.parametrize("seed", range(3))
def test_more_registers_never_make_the_estimate_slower(seed):
    model = random_model(seed, (9, 2), (4, 4))
    rates = [
        estimate(design(model, FpgaOptions(technology="ecp5", stage_levels=n)), "ecp5").fmax_mhz for n in (4, 3, 2, 1)
    ]
    assert all(b >= 0.97 * a for a, b in pairwise(rates)), rates


def test_the_chosen_depth_is_the_shallowest_that_reaches_the_clock():
    model = random_model(5, (6, 2), (4, 4), density=1.0)
    deepest = design(model, FpgaOptions(technology="ecp5", stage_levels=1))
    best = estimate(deepest, "ecp5").fmax_mhz
    cycles = []
    for share in (0.4, 0.6, 0.8, 0.98):
        found = choose_depth(model, "ecp5", share * best)
        assert estimate(found, "ecp5").fmax_mhz >= share * best
        cycles.append(found.latency_cycles)
    assert cycles == sorted(cycles)
    assert cycles[0] < deepest.latency_cycles
    with pytest.raises(ConfigError, match=r"reaches about \d.* MHz on ecp5 in \d+ cycles, below the required 2000 MHz"):
        choose_depth(model, "ecp5", 2000.0)


def test_depths_are_not_chosen_where_nothing_is_routed():
    with pytest.raises(ConfigError, match="no free program routes xcup"):
        choose_depth(random_model(0), "xcup", 200.0)
    with pytest.raises(ConfigError, match="got 'virtex'"):
        estimate(design(random_model(0)), "virtex")


@pytest.mark.slow
@needs("yosys")
def test_a_held_out_design_has_the_counted_flip_flops_and_about_the_area():
    seed, shape, bits = HELD_OUT[0]
    result, guess = synthesised(random_model(seed, shape, bits), FpgaOptions(), "xcup", recipes=1)
    assert result.flipflops <= guess.flipflops <= 1.05 * result.flipflops + 2
    assert abs(guess.luts / result.luts - 1) <= 0.25


@pytest.mark.slow
@needs("yosys", "nextpnr-ecp5", "nextpnr-ice40")
@pytest.mark.parametrize("technology", ["xcup", "ecp5", "ice40"])
def test_held_out_designs_are_met_within_fifteen_in_a_hundred_on_the_median(technology):
    areas, rates = [], []
    for seed, shape, bits in HELD_OUT:
        for compress in (False, True):
            options = replace(FpgaOptions(technology=technology, compress=compress), stage_levels=1 + seed % 2)
            result, guess = synthesised(random_model(seed, shape, bits), options, technology)
            assert guess.latency_cycles == design(random_model(seed, shape, bits), options).latency_cycles
            areas.append(abs(guess.luts / result.luts - 1))
            if result.fmax_mhz is not None:
                rates.append(abs(guess.fmax_mhz / result.fmax_mhz - 1))
    assert statistics.median(areas) <= 0.15
    assert not rates or statistics.median(rates) <= 0.15
