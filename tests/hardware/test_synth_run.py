"""Synthesis, on designs so small that their cells are known: what is counted, what the frequency is, what is refused."""

import json
import re
import statistics
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from splinework.errors import ConfigError, FileError
from splinework.hardware import tools
from splinework.hardware.fpga import synthesis
from splinework.hardware.fpga.synthesis import Synthesis, synthesise
from splinework.hardware.fpga.technologies import TECHNOLOGIES, technology_of

pytestmark = pytest.mark.slow

_RNG = np.random.default_rng(0)


def _table(name: str, code: str) -> str:
    """Six random bits for each of 64 codes, as constants that the code is an index of."""
    columns = ("".join(map(str, _RNG.integers(0, 2, 64))) for _ in range(6))
    return "\n".join(f"    assign {name}[{k}] = 64'b{bits} >> {code};" for k, bits in enumerate(columns))


# Two tables of six bits over six bits of code each, then one adder of seven bits, with registers between.
DESIGN = f"""
module small (input clk, input rst, input [5:0] x0, input [5:0] x1, output reg [6:0] y0);
    wire [5:0] f0, f1;
    reg [5:0] t0, t1;
    tables inner (.x0(x0), .x1(x1), .f0(f0), .f1(f1));
    always @(posedge clk) begin
        t0 <= f0;
        t1 <= f1;
        y0 <= t0 + t1;
    end
endmodule
module tables (input [5:0] x0, input [5:0] x1, output [5:0] f0, output [5:0] f1);
{_table("f0", "x0")}
{_table("f1", "x1")}
endmodule
"""
HUGE = """
module huge (input clk, input rst, input x0, output y0);
    reg [5399:0] chain;
    always @(posedge clk) chain <= {chain[5398:0], x0};
    assign y0 = chain[5399];
endmodule
"""


def needs(technology: str) -> pytest.MarkDecorator:
    router = TECHNOLOGIES[technology].router
    programs = ["yosys", *([router.program] if router else [])]
    missing = [program for program in programs if tools.find(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {' '.join(missing)}")


def folder_of(tmp_path: Path, text: str = DESIGN) -> Path:
    (tmp_path / "rtl").mkdir(parents=True)
    (tmp_path / "rtl" / "design.v").write_text(text)
    return tmp_path


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Synthesis]:
    made: dict[str, Synthesis] = {}
    for technology, seeds in (("xcup", (1,)), ("ecp5", (1, 2, 3)), ("ice40", (1,)), ("asic", (1,))):
        router = TECHNOLOGIES[technology].router
        if tools.find("yosys") and (router is None or tools.find(router.program)):
            folder = folder_of(tmp_path_factory.mktemp(technology))
            made[technology] = synthesise(folder, "small", technology, seeds=seeds, recipes=1, out=folder / "synth")
            assert (folder / "synth" / "synth.ys").is_file()
    return made


@pytest.mark.parametrize("technology", ["xcup", "ecp5", "ice40"])
def test_the_counts_are_those_of_the_netlist(technology, results):
    if technology not in results:
        pytest.skip("the tools are not installed")
    result, facts = results[technology], TECHNOLOGIES[technology]
    kinds = {*facts.logic, *facts.flipflops, *facts.carries, *facts.ignored}
    words = re.findall(r"^\s+(\\?[\w$]+) (?:#\(|\\?\w)", result.files["netlist.v"], flags=re.MULTILINE)
    found = [w.lstrip("\\") for w in words if w.lstrip("\\") in kinds]
    assert result.cells == {kind: found.count(kind) for kind in sorted(set(found))}
    assert result.luts == round(sum(facts.logic.get(cell, 0) for cell in found))
    assert result.flipflops == sum(cell in facts.flipflops for cell in found)


@needs("xcup")
def test_a_table_bit_of_six_inputs_is_one_lut_and_an_adder_bit_too(results):
    result = results["xcup"]
    assert result.flipflops == 19
    assert 12 <= result.luts <= 12 + 7
    assert result.lcs is not None
    assert result.lcs <= result.luts
    assert result.fmax_mhz is None
    assert "vendor" in result.note


@pytest.mark.slow
@needs("xcup")
def test_of_several_recipes_the_smallest_result_is_kept(tmp_path):
    folder, recipes = folder_of(tmp_path), TECHNOLOGIES["xcup"].recipes
    alone = [synthesise(folder, "small", replace(TECHNOLOGIES["xcup"], recipes=(r,))) for r in recipes]
    best = synthesise(folder, "small", "xcup")
    assert best.luts == min(result.luts for result in alone)
    assert best.recipe in {recipe.format(top="small") for recipe in recipes}


@needs("asic")
def test_gates_are_a_quarter_of_the_transistors_that_yosys_counts(results):
    stat = json.loads(results["asic"].files["stat.json"])
    counted = stat["design"][
        "estimated_num_transistors"
    ]  # with a plus behind it, as it does not know what $scopeinfo takes
    transistors = int(counted.rstrip("+"))
    assert results["asic"].luts == round(transistors / 4)
    assert results["asic"].unit == "NAND2 equivalents"


@needs("ecp5")
def test_the_frequency_is_the_median_of_the_reports(results):
    result = results["ecp5"]
    rates = []
    for seed in (1, 2, 3):
        report = json.loads(result.files[f"report-{seed}.json"])
        rates.append(min(clock["achieved"] for clock in report["fmax"].values()))
    assert result.fmax_mhz == pytest.approx(statistics.median(rates), abs=0.01)
    assert [seed for seed, _ in result.fmax_by_seed] == [1, 2, 3]
    assert result.rerouted == ()
    assert f"{result.fmax_mhz:.2f} MHz" in result.log


@needs("ecp5")
def test_the_wrapper_keeps_every_cell_of_the_design(results):
    result = results["ecp5"]
    wrapper_bits = 1 + 12 + 7  # reset, what goes in, what comes out
    used, there = result.utilisation["TRELLIS_FF"]
    # The reset leads nowhere in this design.
    assert used in (result.flipflops + wrapper_bits, result.flipflops + wrapper_bits - 1)
    assert there == 83640
    assert result.utilisation["TRELLIS_COMB"][0] >= result.luts


@pytest.mark.parametrize(
    "technology",
    [
        pytest.param("ecp5", marks=[needs("ecp5"), pytest.mark.slow]),
        pytest.param("ice40", marks=[needs("ice40"), pytest.mark.slow]),
    ],
)
def test_the_written_makefile_gives_the_same_frequency_again(technology, tmp_path):
    folder = folder_of(tmp_path)
    first = synthesise(folder, "small", technology, out=folder / "elsewhere" / "synth")
    where = folder / "elsewhere" / "synth"
    report = (where / "report-1.json").read_text()
    subprocess.run(["make", "-s", "clean", "all"], cwd=where, check=True, capture_output=True, timeout=120)
    assert json.loads((where / "report-1.json").read_text())["fmax"] == json.loads(report)["fmax"]
    assert {path.name for path in where.iterdir()} >= set(first.files)


@needs("ice40-up5k")
def test_a_router_that_does_not_end_is_followed_by_the_other_one(tmp_path, monkeypatch):
    monkeypatch.setattr(synthesis, "_TIMEOUT_SECONDS", 0.01)
    monkeypatch.setattr(synthesis, "_TIMEOUT_SECONDS_PER_LUT", 0.0)
    result = synthesise(folder_of(tmp_path), "small", "ice40-up5k", seeds=(1,), out=tmp_path / "synth")
    assert result.rerouted == (1,)
    assert result.fmax_mhz is not None
    assert "--router router2" in (tmp_path / "synth" / "Makefile").read_text()


@pytest.mark.slow
@needs("ice40-up5k")
def test_what_does_not_fit_is_refused_with_the_resource_and_nothing_is_written(tmp_path):
    folder = folder_of(tmp_path, HUGE)
    with pytest.raises(ConfigError, match=r"huge does not fit .*UP5K: it needs \d+ of 5280 ICESTORM_LC; prune"):
        synthesise(folder, "huge", "ice40-up5k", out=folder / "synth")
    assert not (folder / "synth").exists()


@needs("xcup")
def test_cells_that_nobody_counts_are_refused(tmp_path):
    latch = (
        "module small (input clk, input rst, input [1:0] x0, output reg y0); always @* if (clk) y0 = x0[0]; endmodule"
    )
    with pytest.raises(ConfigError, match=r"LDCE"):
        synthesise(folder_of(tmp_path, latch), "small", "xcup", recipes=1)


@needs("xcup")
def test_broken_verilog_and_unknown_modules_are_told_in_the_words_of_yosys(tmp_path):
    with pytest.raises(FileError, match="syntax error"):
        synthesise(folder_of(tmp_path / "a", "module small (input clk"), "small", "xcup")
    with pytest.raises(FileError, match="other"):
        synthesise(folder_of(tmp_path / "b"), "other", "xcup")


def test_targets_that_are_none_are_told_with_those_that_are(tmp_path):
    with pytest.raises(ConfigError, match=r"xcup, ecp5, .*asic, got 'virtex'"):
        synthesise(folder_of(tmp_path), "small", "virtex")
    assert technology_of(TECHNOLOGIES["asic"]) is technology_of("asic")


@pytest.mark.parametrize(
    ("technology", "words"), [("asic", "yosys"), ("ecp5", "nextpnr-ecp5"), ("ice40", "nextpnr-ice40")]
)
def test_a_missing_tool_is_told_with_what_to_install(technology, words, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=rf"{words}.*make hardware-tools.*apt-get install .*{words}"):
        synthesise(folder_of(tmp_path), "small", technology, out=tmp_path / "synth")
    assert not (tmp_path / "synth").exists()


def test_folders_without_verilog_and_senseless_numbers_are_refused(tmp_path):
    with pytest.raises(FileError, match=r"rtl/\*\.v"):
        synthesise(tmp_path, "small")
    with pytest.raises(FileError, match=r"gone\.v"):
        synthesise([tmp_path / "gone.v"], "small")
    folder = folder_of(tmp_path)
    for bad in ({"seeds": ()}, {"seeds": (1, 1)}, {"mhz": 0.0}, {"recipes": 0}):
        with pytest.raises(ConfigError):
            synthesise(folder, "small", "xcup", **bad)
    with pytest.raises(ConfigError, match="identifier"):
        synthesise(folder, "small; shell", "xcup")
