"""The calibration of the estimator: costs that are known are found again, and lines about other Verilog are void."""

from dataclasses import replace

import pytest

from benchmarks.bench_fpga_fit import DELAYS, circuit_of, counted, errors, fit_area, fit_delays
from benchmarks.bench_fpga_models import Case, build, families, simulated_latency
from splinework.hardware import tools
from splinework.hardware.fpga.circuit import FpgaOptions
from splinework.hardware.fpga.estimate import COSTS, area_of, costs_of, estimate, size_of
from splinework.hardware.fpga.estimate_paths import TimingPath, longest


def lines(technology: str, count: int = 14) -> list[dict]:
    return [{"number": number, "target": technology} for number in range(count) if len(Case.of(number).shape) < 4]


def test_costs_that_are_known_are_found_again():
    true = {"lookups": 1.1, "parts": 1.2, "adder_bits": 0.9, "clamps": 1.3}
    made = [{**line, "luts": area_of(counted(line), true)} for line in lines("xcup")]
    found = fit_area(made, "xcup")
    guessed = [area_of(counted(line), found) for line in made]
    assert errors(made, guessed, "luts")["worst_%"] < 6
    assert found["lookups"] == pytest.approx(1.1, abs=0.1)


@pytest.mark.slow
def test_delays_that_are_known_are_found_again():
    true, area = replace(DELAYS["ecp5"], start=2.0, adders=0.8), dict(COSTS["ecp5"].area)

    def rate(line: dict, delays: TimingPath) -> float:
        luts = area_of(counted(line), area)
        way = longest(circuit_of(line), costs_of("ecp5").lookup, delays)
        return 1000 / replace(way, size=size_of(counted(line), luts)).period(delays)

    made = [{**line, "fmax_mhz": rate(line, true)} for line in lines("ecp5")]
    found = fit_delays(made, "ecp5", area)
    assert errors(made, [rate(line, found) for line in made], "fmax_mhz")["worst_%"] < 8


def test_a_case_follows_from_its_number_and_a_line_from_its_verilog():
    case = Case.of(3)
    assert case == Case.of(3)
    words, _ = build(case.model(), case.options("xcup"))
    assert words == build(case.model(), case.options("xcup"))[0]
    assert words != build(case.model(), replace(case.options("xcup"), stage_levels=4))[0]
    assert words != build(Case.of(13).model(), case.options("xcup"))[0]


@pytest.mark.skipif(tools.find("iverilog") is None, reason="iverilog is not installed")
@pytest.mark.parametrize(("number", "levels"), [(0, 1), (2, 3), (7, 2)])
def test_the_latency_of_an_estimate_is_that_of_a_simulation(number, levels):
    case = replace(Case.of(number), stage_levels=levels)
    circuit = build(case.model(), case.options("ecp5"))[1]
    assert simulated_latency(case.model(), circuit) == estimate(circuit, "ecp5").latency_cycles


def test_every_family_has_costs_and_options():
    for technology in families():
        assert costs_of(technology).area
        assert Case.of(0).options(technology).technology in FpgaOptions.__doc__
