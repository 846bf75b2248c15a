"""The Verilog of a circuit gives the integers of the golden model, in Icarus Verilog, with unknowns counted as wrong."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from splinework.hardware import tools
from splinework.hardware.fpga.circuit import FpgaOptions
from splinework.hardware.fpga.plan import design
from splinework.hardware.fpga.verilog import verilog
from tests.hardware.cases import corner_codes, random_model
from tests.hardware.rtl_cases import VARIANTS, bench, family, needs_iverilog, needs_yosys, simulate
from tests.hardware.verilog_spec import spec_verilog

pytestmark = pytest.mark.skipif(needs_iverilog, reason="iverilog is not installed")

MODELS = {f"net{k}": model for k, model in enumerate(family(40))}
MEMBERS = range(40)
"""All are simulated in two variants each, which differ from member to member; 400 pairs would take a quarter of an hour."""


@pytest.mark.parametrize(("name", "variant"), [(f"net{k}", v) for k, v in enumerate(VARIANTS)])
def test_one_result_per_cycle_and_it_is_the_golden_one(tmp_path: Path, name: str, variant: str) -> None:
    check(tmp_path, name, VARIANTS[variant])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "variant"), [(f"net{k}", list(VARIANTS)[(k + step) % len(VARIANTS)]) for k in MEMBERS for step in (3, 6)]
)
def test_every_member_of_the_family_in_two_variants_and_every_variant_of_eight_members(
    tmp_path: Path, name: str, variant: str
) -> None:
    check(tmp_path, name, VARIANTS[variant])


def check(folder: Path, name: str, options: FpgaOptions) -> None:
    model = MODELS[name]
    circuit = design(model, options)
    codes = corner_codes(model, 2500)
    files = {**verilog(circuit), "tb.v": bench(circuit, len(codes))}
    said = simulate(folder, files, codes, model.run(codes), circuit)
    assert said == f"BAD 0 OF {len(codes)} LATENCY {circuit.latency_cycles}"


@pytest.mark.parametrize("case", [1, 2, 3])
def test_nothing_is_lost_or_doubled_when_sender_and_receiver_pause(tmp_path: Path, case: int) -> None:
    model = random_model(case, (3, 4, 2), (2, 6))
    circuit = design(model, FpgaOptions(handshake="valid_ready", stage_levels=1 + case % 2))
    codes = corner_codes(model, 2000)
    files = {**verilog(circuit), "tb.v": bench(circuit, len(codes), seed=case)}
    said = simulate(tmp_path, files, codes, model.run(codes), circuit)
    assert said.startswith(f"BAD 0 OF {len(codes)} ")


def test_a_changed_table_bit_is_seen_by_the_testbench(tmp_path: Path) -> None:
    model = random_model(4, (3, 2), (4, 5))
    circuit = design(model)
    (name, text), codes = next(iter(verilog(circuit).items())), corner_codes(model, 2000)
    start = text.index("'h", text.index("localparam")) + 2
    broken = text[:start] + format(int(text[start], 16) ^ 1, "x") + text[start + 1 :]
    assert broken != text
    said = simulate(tmp_path, {name: broken, "tb.v": bench(circuit, len(codes))}, codes, model.run(codes), circuit)
    assert not said.startswith("BAD 0 ")


@pytest.mark.skipif(needs_yosys, reason="yosys is not installed")
@pytest.mark.parametrize("variant", ["latency", "small_lookups"])
def test_a_neuron_without_registers_is_its_specification(tmp_path: Path, variant: str) -> None:
    model = random_model(5, (3, 2, 1), (3, 6), density=1.0)
    circuit = design(model, VARIANTS[variant])
    (tmp_path / "k.v").write_text(verilog(circuit)[f"{model.name}.v"])
    (tmp_path / "spec.v").write_text(spec_verilog(model))
    for number, layer in enumerate(circuit.layers):
        for node in layer.nodes:
            assert proven(
                tmp_path, f"{model.name}_l{number}_n{node.index}", node.inputs, layer.inputs, node.format.width
            )


def proven(folder: Path, name: str, inputs: tuple[int, ...], forms: object, width: int) -> bool:
    assert isinstance(forms, tuple)
    ports = ", ".join(f"input [{forms[i].width - 1}:0] x{i}" for i in inputs)
    wired = ", ".join(f".x{i}(x{i})" for i in inputs)
    (folder / "miter.v").write_text(
        f"module miter({ports}, output bad); wire [{width - 1}:0] a, b; wire care;\n"
        f"{name} #(.PIPELINED(0)) one (.clk(1'b0), .en(1'b0), {wired}, .y(a));\n"
        f"{name}_spec two (.clk(1'b0), .en(1'b0), {wired}, .y(b));\n"
        f"{name}_care three ({wired}, .care(care));\nassign bad = care & (a != b); endmodule\n"
    )
    script = (
        "read_verilog k.v spec.v miter.v; hierarchy -top miter; proc; flatten; memory; opt -full; techmap; opt; "
        "sat -verify -prove bad 0 -set-def-inputs miter"
    )
    return tools.call(["yosys", "-q", "-p", script], folder, refuse=False).returncode == 0


@pytest.mark.skipif(tools.find("verilator") is None, reason="verilator is not installed")
def test_verilator_has_no_complaint(tmp_path: Path) -> None:
    model = random_model(7, (6, 4, 3), (2, 8), guard=1)
    circuit = design(model, FpgaOptions(handshake="valid_ready"))
    (tmp_path / "k.v").write_text(verilog(circuit)["net7.v"])
    command = ["verilator", "--lint-only", "-Wall", "-Wno-DECLFILENAME", "-Wno-UNUSEDSIGNAL", "--top-module", "net7"]
    said = tools.call([*command, "k.v"], tmp_path, refuse=False)
    assert said.returncode == 0
    assert "%" not in said.stderr


def test_the_same_model_gives_the_same_text() -> None:
    model = random_model(3, (4, 3, 2), (3, 7))
    assert verilog(design(model)) == verilog(design(model))
    assert spec_verilog(model) == spec_verilog(model)


def test_names_of_wires_cannot_break_out_of_a_comment(tmp_path: Path) -> None:
    model = random_model(3, (2, 2), (3, 4))
    layer = model.layers[0]
    odd = (replace(layer.outputs[0], name="a\nendmodule"), replace(layer.outputs[1], name="b*/ \\"))
    strange = replace(model, layers=(replace(layer, outputs=odd),))
    circuit = design(strange)
    codes = corner_codes(strange, 100)
    files = {**verilog(circuit), "tb.v": bench(circuit, len(codes))}
    said = simulate(tmp_path, files, codes, strange.run(codes), circuit)
    assert said.startswith(f"BAD 0 OF {len(codes)} ")


def test_a_node_without_edges_is_its_constant(tmp_path: Path) -> None:
    model = random_model(9, (3, 3, 2), (3, 4), guard=2)
    first = model.layers[0]
    tables = tuple(t * np.array([0, 1, 1]) for t in first.tables)
    mask = first.mask & np.array([False, True, True])
    bare = replace(model, layers=(replace(first, tables=tables, mask=mask), model.layers[1]))
    for variant in ("plain", "latency"):
        circuit = design(bare, VARIANTS[variant])
        codes = corner_codes(bare, 200)
        files = {**verilog(circuit), "tb.v": bench(circuit, len(codes))}
        said = simulate(tmp_path, files, codes, bare.run(codes), circuit)
        assert said.startswith(f"BAD 0 OF {len(codes)} ")
