"""`sw.hardware.fpga`: a folder of Verilog that is simulated, proven and synthesised; what is wrong in it is found."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from splinework.errors import ConfigError, FileError
from splinework.hardware import tools
from splinework.hardware.artefact import check
from splinework.hardware.fpga.plan import FpgaOptions
from splinework.hardware.fpga_artefact import FpgaRecipe, circuit, fpga
from splinework.hardware.golden import read_golden
from tests.hardware.api_cases import QUICK, classes, curves, rows, says, tree
from tests.hardware.cases import random_model

PROGRAMS = ("yosys", "yosys-abc", "iverilog")
needs_programs = pytest.mark.skipif(any(tools.find(p) is None for p in PROGRAMS), reason="needs yosys and iverilog")
HERE = FpgaRecipe(
    quantisation=replace(QUICK, bits=4), vectors=300, name="net", options=FpgaOptions(handshake="valid_ready")
)
FIGURES = {
    *("accuracy_float", "accuracy_quantised", "vectors", "mismatches", "neurons", "neurons_proven", "luts"),
    *("luts_estimated", "flipflops", "latency_cycles", "fmax_mhz", "tools"),
}


@pytest.fixture(autouse=True)
def without_verilator(monkeypatch):
    """It takes longest to compile, and has its tests elsewhere."""
    find = tools.find
    monkeypatch.setattr(tools, "find", lambda program: None if program == "verilator" else find(program))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder that `fpga` wrote, and what it said."""
    if any(tools.find(p) is None for p in PROGRAMS):
        pytest.skip("needs yosys and iverilog")
    place, model, x = tmp_path_factory.mktemp("fpga") / "out", curves(0, (2, 3)), rows(60)
    with pytest.MonkeyPatch.context() as patch:
        find = tools.find
        patch.setattr(tools, "find", lambda program: None if program == "verilator" else find(program))
        made = fpga(model, place, x=x, y=classes(x), task="classification", classes=["a", "b", "c"], recipe=HERE)
    return place, made


def test_the_folder_is_whole_and_its_report_has_all_figures(built):
    place, made = built
    assert made.passed
    held = {str(p.relative_to(place)) for p in place.rglob("*") if p.is_file()}
    assert held >= {
        *("golden.json", "design.json", "report.json", "report.html", "artefact.json"),
        *("rtl/net.v", "rtl/net_axis.v", "tb/tb.v", "tb/vectors.hex", "synth/synth.ys"),
    }
    report = json.loads((place / "report.json").read_text())
    assert set(report) >= FIGURES
    assert (report["mismatches"], report["neurons"], report["neurons_proven"]) == (0, 3, 3)
    assert report["luts"] > 0
    assert report["fmax_mhz"] is None  # nothing free routes for this target
    assert set(report["tools"]) >= {"yosys", "iverilog"}
    assert json.loads((place / "design.json").read_text())["latency_cycles"] == report["latency_cycles"]
    assert read_golden(place / "golden.json").classes == ("a", "b", "c")
    page = (place / "report.html").read_text()
    for text in (".in_ready(in_ready)", "splinework hardware check", "no run of the vendor", "a, b, c", "formal proof"):
        assert text in page


def test_it_passes_again_and_nothing_is_written(built):
    place, _ = built
    before = tree(place)
    found = check(place, vectors=200, seed=5)
    assert (found.kind, found.name, found.passed, found.failures) == ("fpga", "net", True, ())
    assert found.figures["neurons_proven"] == 3
    assert tree(place) == before


@pytest.mark.parametrize("change", ["entry", "golden", "gone"])
def test_what_is_changed_or_missing_is_found(built, tmp_path, change):
    place = shutil.copytree(built[0], tmp_path / "copy")
    if change == "entry":
        file = place / "rtl" / "net.v"
        text = file.read_text()
        at = text.index("'h", text.index("localparam")) + 2
        file.write_text(f"{text[:at]}{int(text[at], 16) ^ 1:x}{text[at + 1 :]}")
        found = check(place, vectors=200, proof=False)
        proven = check(place, vectors=16)
        assert not found.passed
        assert not proven.passed
        assert any("expected" in failure for failure in proven.failures)
    elif change == "golden":
        file = place / "golden.json"
        file.write_text(file.read_text().replace('"net"', '"met"'))
        found = check(place)
        assert not found.passed
        assert "was changed after it was written" in found.failures[0]
    else:
        for file in (place / "rtl").iterdir():
            file.unlink()
        with pytest.raises(FileError, match="no Verilog"):
            check(place)


@needs_programs
def test_a_network_of_integers_needs_no_rows_and_no_synthesis(tmp_path):
    made = fpga(
        random_model(3, (2, 2, 1), (2, 4)),
        tmp_path / "out",
        recipe=FpgaRecipe(vectors=50, synthesis=False, proof=False, axi=False, name="any"),
    )
    assert made.passed
    assert made.figures["luts"] is None
    assert made.figures["neurons_proven"] is None
    assert made.figures["luts_estimated"] > 0
    assert not (made.folder / "synth").exists()
    assert [p.name for p in (made.folder / "rtl").iterdir()] == ["net3.v"]


def test_the_codes_of_the_rows_may_be_taken_for_all_that_come():
    from splinework.hardware.examples import examples
    from splinework.hardware.quantisation import quantise

    model, x = curves(1), np.sign(rows(50))
    golden = quantise(model, x, bits=4)
    found = examples(model, x, says(model, x))
    how = replace(HERE, options=FpgaOptions(dont_care="data"))
    _, seen = circuit(golden, how, found)
    assert seen is not None
    for flags, wire in zip(seen, golden.inputs, strict=True):
        assert flags.sum() == 2
        assert flags.shape == (wire.format.count,)
    with pytest.raises(ConfigError, match="give x and y"):
        circuit(golden, how, None)


@pytest.mark.slow
def test_the_depth_is_chosen_for_a_clock():
    golden = random_model(5, (6, 3, 1), (4, 5))
    shallow, _ = circuit(golden, replace(HERE, mhz=20.0, options=FpgaOptions(technology="ecp5")), None)
    deep, _ = circuit(golden, replace(HERE, mhz=180.0, options=FpgaOptions(technology="ecp5")), None)
    assert shallow.latency_cycles < deep.latency_cycles
    with pytest.raises(ConfigError, match="reaches about"):
        circuit(golden, replace(HERE, mhz=5000.0, options=FpgaOptions(technology="ecp5")), None)
