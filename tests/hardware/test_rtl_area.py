"""Compression saves lookup tables in synthesis, counted in cells with the same flags for both."""

import re
from pathlib import Path

import pytest

from splinework.hardware import tools
from splinework.hardware.fpga.circuit import FpgaOptions
from splinework.hardware.fpga.plan import design
from splinework.hardware.fpga.verilog import verilog
from splinework.hardware.integer import IntegerModel
from tests.hardware.cases import random_model
from tests.hardware.rtl_cases import PLAIN, needs_yosys

pytestmark = pytest.mark.skipif(needs_yosys, reason="yosys is not installed")


def cells(folder: Path, model: IntegerModel, options: FpgaOptions) -> int:
    """LUT1 to LUT6, and shift registers, which take lookup tables as well."""
    (folder / "k.v").write_text(verilog(design(model, options))[f"{model.name}.v"])
    flags = "-family xcup -flatten -nobram -nodsp -noiopad -nowidelut"
    script = f"read_verilog k.v; synth_xilinx {flags} -top {model.name}; tee -o stat.txt stat"
    tools.call(["yosys", "-q", "-p", script], folder)
    found = re.findall(r"^\s+(?:LUT\d|SRL\w+|INV)\s+(\d+)$", (folder / "stat.txt").read_text(), re.MULTILINE)
    return sum(int(count) for count in found)


@pytest.mark.parametrize(
    ("shape", "bits"),
    [
        pytest.param((4, 3), (5, 5), marks=pytest.mark.slow),
        pytest.param((5, 3, 2), (5, 5), marks=pytest.mark.slow),
        pytest.param((13, 4, 3), (5, 5), marks=pytest.mark.slow),
        pytest.param((13, 4, 3), (6, 6), marks=pytest.mark.slow),
        pytest.param((16, 8, 5), (3, 5), marks=pytest.mark.slow),
        pytest.param((8, 6, 2), (7, 7), marks=pytest.mark.slow),
    ],
)
def test_at_least_a_fifth_of_the_lookup_tables_is_saved(
    tmp_path: Path, shape: tuple[int, ...], bits: tuple[int, int]
) -> None:
    model = random_model(7, shape, bits, guard=1)
    assert cells(tmp_path, model, FpgaOptions()) <= 0.8 * cells(tmp_path, model, PLAIN)


@pytest.mark.slow
def test_a_table_of_five_inputs_vanishes_in_its_adder(tmp_path: Path) -> None:
    model = random_model(3, (4, 1), (5, 5), density=1.0)
    circuit = design(model, FpgaOptions(objective="area"))
    widths = sum(s.width for s in circuit.layers[0].nodes[0].sums)
    head = next(iter(circuit.layers[0].nodes[0].heads or ()))
    assert cells(tmp_path, model, FpgaOptions(objective="area", stage_levels=2)) <= (
        widths + circuit.layers[0].nodes[0].tables[head].width + 3
    )
