"""The AXI4-Stream wrapper passes every row and its tlast, in order, whatever sender and receiver do."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from splinework.hardware.formats import Format, Integers
from splinework.hardware.fpga.axi import axi, lanes
from splinework.hardware.fpga.circuit import FpgaDesign, FpgaOptions
from splinework.hardware.fpga.plan import design
from splinework.hardware.fpga.verilog import verilog
from tests.hardware.cases import corner_codes, random_model
from tests.hardware.rtl_cases import needs_iverilog, simulate

pytestmark = pytest.mark.skipif(needs_iverilog, reason="iverilog is not installed")


def in_lanes(codes: Integers, forms: Sequence[Format], last: Sequence[bool]) -> list[str]:
    """Rows as the wrapper takes and gives them, tlast above: each word with its sign in whole bytes."""
    rows = []
    for row, end in zip(codes.tolist(), last, strict=True):
        data = b"".join(
            int(c).to_bytes((f.width + 7) // 8, "little", signed=f.signed) for f, c in zip(forms, row, strict=True)
        )
        rows.append(f"{int.from_bytes(data, 'little') | int(end) << 8 * len(data):x}")
    return rows


def bench(circuit: FpgaDesign, rows: int, seed: int) -> str:
    """Random pauses on both sides; AXI's rule that what is offered stays until it is taken is checked on the output."""
    wide, out = 8 * lanes(circuit.inputs), 8 * lanes(circuit.outputs)
    go = "(($random(state) & 3) != 0)" if seed else "1'b1"
    return f"""`default_nettype none
module tb;
    reg aclk = 0, aresetn = 0, s_valid = 0, m_ready = 0, waiting = 0;
    reg [{wide}:0] given [0:{rows - 1}];
    reg [{out}:0] wanted [0:{rows - 1}];
    reg [{out}:0] offered;
    wire [{wide}:0] s = s_valid ? given[sent] : {wide + 1}'bx;
    wire [{out - 1}:0] m_data;
    wire s_ready, m_valid, m_last;
    integer sent = 0, got = 0, bad = 0, state = {seed}, idle = 0, cycle = 0;
    {circuit.name}_axis dut (.aclk(aclk), .aresetn(aresetn), .s_axis_tdata(s[{wide - 1}:0]), .s_axis_tvalid(s_valid),
        .s_axis_tready(s_ready), .s_axis_tlast(s[{wide}]), .m_axis_tdata(m_data), .m_axis_tvalid(m_valid),
        .m_axis_tready(m_ready), .m_axis_tlast(m_last));
    always #5 aclk = ~aclk;
    initial begin
        $readmemh("lanes_in.hex", given);
        $readmemh("lanes_out.hex", wanted);
        repeat (4) @(posedge aclk);
        #1 aresetn = 1;
    end
    always @(posedge aclk) if (aresetn) begin
        cycle = cycle + 1;
        if (m_valid !== 1'b0 && m_valid !== 1'b1) bad = bad + 1;
        if (waiting && (m_valid !== 1'b1 || {{m_last, m_data}} !== offered)) bad = bad + 1;
        waiting = m_valid && !m_ready;
        offered = {{m_last, m_data}};
        if (m_valid === 1'b1 && m_ready) begin
            if (got >= {rows} || {{m_last, m_data}} !== wanted[got]) bad = bad + 1;
            got = got + 1;
        end
        if (s_valid && s_ready) sent = sent + 1;
        idle = sent >= {rows} ? idle + 1 : 0;
        if (idle > {8 * circuit.latency_cycles + 60}) begin
            $display("BAD %0d OF %0d CYCLES %0d", bad, got, cycle);
            $finish;
        end
        #1;
        s_valid = sent < {rows} && (s_valid && !s_ready || {go});
        m_ready = {go};
    end
endmodule
"""


def run(folder: Path, options: FpgaOptions, seed: int) -> tuple[str, int, int]:
    model = random_model(20 + seed, (3, 4, 2), (2, 7))
    circuit = design(model, options)
    codes = corner_codes(model, 1500)
    last = (np.random.default_rng(seed).random(len(codes)) < 0.2).tolist()
    outputs = model.run(codes)
    (folder / "lanes_in.hex").write_text("\n".join(in_lanes(codes, circuit.inputs, last)) + "\n")
    (folder / "lanes_out.hex").write_text("\n".join(in_lanes(outputs, circuit.outputs, last)) + "\n")
    files = {**verilog(circuit), **axi(circuit), "tb.v": bench(circuit, len(codes), seed)}
    return simulate(folder, files, codes, outputs, circuit), len(codes), circuit.latency_cycles


@pytest.mark.parametrize("cycles", [1, 5])
@pytest.mark.parametrize("handshake", ["stream", "valid_ready"])
def test_every_row_arrives_with_its_last_flag(tmp_path: Path, handshake: str, cycles: int) -> None:
    options = FpgaOptions(handshake=handshake, max_cycles=cycles)  # type: ignore[arg-type]
    said, rows, _ = run(tmp_path, options, cycles)
    assert said.startswith(f"BAD 0 OF {rows} ")


@pytest.mark.parametrize("handshake", ["stream", "valid_ready"])
def test_one_row_per_cycle_when_nobody_pauses(tmp_path: Path, handshake: str) -> None:
    said, rows, latency = run(tmp_path, FpgaOptions(handshake=handshake), 0)  # type: ignore[arg-type]
    assert said.startswith(f"BAD 0 OF {rows} ")
    assert int(said.split()[-1]) <= rows + 8 * latency + 70


def test_the_comment_says_where_each_word_lies() -> None:
    circuit = design(random_model(1, (3, 2), (2, 8)))
    text = axi(circuit)[f"{circuit.name}_axis.v"]
    for k, form in enumerate(circuit.outputs):
        assert f"= y{k}, {form.width} bits" in text
    assert f"in {lanes(circuit.inputs)}, out {lanes(circuit.outputs)}" in text
