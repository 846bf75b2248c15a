"""What the verbs of `sw.hardware` refuse: with words, before any work, and nothing is written where a folder was to be."""

from dataclasses import replace

import numpy as np
import pytest

from splinework.errors import ConfigError, DataError
from splinework.hardware import tools
from splinework.hardware.analog_artefact import AnalogRecipe, analog
from splinework.hardware.fpga.plan import FpgaOptions
from splinework.hardware.fpga_artefact import FpgaRecipe, fpga
from splinework.hardware.mcu.options import McuOptions
from splinework.hardware.mcu_artefact import McuRecipe, mcu
from tests.hardware.api_cases import QUICK, curves, rows, says

RECIPES = {
    fpga: FpgaRecipe(quantisation=replace(QUICK, bits=4), vectors=300, name="net"),
    mcu: McuRecipe(quantisation=QUICK, vectors=400, processors=("gcc",), name="net"),
    analog: AnalogRecipe(max_elements=8, steps=4, draws=3, vectors=8, name="net"),
}
FEW, NO_NAME = {"x": rows(4), "y": np.zeros(4)}, {"name": "no name"}


def refused(verb, folder, error, said, recipe, **given):
    """That the verb refuses, and that its folder, and those above, were not made."""
    x = rows(60)
    given = {"x": x, "y": says(curves(), x), "recipe": replace(RECIPES[verb], **recipe)} | given
    with pytest.raises(error, match=said):
        verb(curves(), folder / "deep" / "out", **given)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("verb", "recipe", "given", "error", "said"),
    [
        (fpga, {}, {"x": None}, ConfigError, "give x and y"),
        (fpga, {}, FEW, DataError, "at least 10 rows"),
        (fpga, NO_NAME, {}, ConfigError, "identifier"),
        (fpga, {"vectors": 3}, {}, ConfigError, "16 to 10000000 vectors"),
        (fpga, {"options": FpgaOptions(max_cycles=1, stage_levels=1), "vectors": 1}, {}, ConfigError, "vectors"),
        (mcu, {}, {"x": None}, ConfigError, "give x and y"),
        (mcu, {}, FEW, DataError, "at least 10 rows"),
        (mcu, NO_NAME, {}, ConfigError, "identifier"),
        (mcu, {"options": McuOptions(flash=30)}, {}, ConfigError, "bytes of flash, but flash=30.*largest those of"),
        (analog, {}, FEW, DataError, "at least 10 rows"),
        (analog, {}, {"x": rows(20), "y": np.zeros(20)}, DataError, "5 held-out rows, got 4"),
        (analog, {"name": "pair"}, {}, ConfigError, "other than a device name"),
        (analog, {"max_elements": 2, "tolerance": 1e-4}, {}, ConfigError, r"edge \(0, .* is too steep.*remedies"),
    ],
)
def test_nothing_is_written_where_something_does_not_do(tmp_path, monkeypatch, verb, recipe, given, error, said):
    monkeypatch.setattr(tools, "find", lambda program: program)  # it is refused before any program is run
    refused(verb, tmp_path, error, said, recipe, **given)


@pytest.mark.parametrize(
    ("verb", "recipe", "packages"),
    [
        (fpga, {}, "yosys"),
        (fpga, {"proof": False, "synthesis": False}, "iverilog verilator"),
        (fpga, {"options": FpgaOptions(technology="ecp5")}, "nextpnr-ecp5"),
        (fpga, {"options": FpgaOptions(technology="ice40")}, "nextpnr-ice40"),
        (mcu, {}, "gcc"),
        (mcu, {"processors": None}, "clang"),
        (analog, {}, "ngspice"),
    ],
)
def test_missing_programs_are_told_before_any_work(tmp_path, monkeypatch, verb, recipe, packages):
    monkeypatch.setattr(tools, "find", lambda program: None)
    said = rf"needs .*not installed here; install: make hardware-tools.*apt-get install .*{packages}"
    refused(verb, tmp_path, ConfigError, said, recipe, progress=pytest.fail)


@pytest.mark.parametrize(
    ("recipe", "changes"),
    [
        *((FpgaRecipe, how) for how in ({"vectors": 0}, {"place_seeds": ()}, {"mhz": 0.0})),
        (FpgaRecipe, {"options": FpgaOptions(technology="z80")}),
        *((McuRecipe, how) for how in ({"vectors": 0}, {"processors": ("z80",)})),
        *((AnalogRecipe, how) for how in ({"max_elements": 1}, {"draws": 0}, {"vectors": 2}, {"tolerance": 0})),
        (AnalogRecipe, {"programming_error": 1.5}),
    ],
)
def test_recipes_that_make_no_sense_are_refused(recipe, changes):
    with pytest.raises(ConfigError):
        recipe(**changes)
