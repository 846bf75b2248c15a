"""Circuits of random networks in Icarus Verilog, with a testbench that knows nothing but ports and expected numbers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from splinework.hardware import tools
from splinework.hardware.formats import Format, Integers
from splinework.hardware.fpga.circuit import FpgaDesign, FpgaOptions
from splinework.hardware.integer import IntegerModel
from tests.hardware.cases import random_model

needs_iverilog = tools.find("iverilog") is None
needs_yosys = tools.find("yosys") is None

PLAIN = FpgaOptions(compress=False)
VARIANTS: dict[str, FpgaOptions] = {
    "plain": PLAIN,
    "latency": FpgaOptions(),
    "area": FpgaOptions(objective="area"),
    "area_limited": FpgaOptions(objective="area", max_cycles=9),
    "two_levels": FpgaOptions(stage_levels=2),
    "one_cycle": FpgaOptions(max_cycles=1),
    "two_cycles": FpgaOptions(max_cycles=2),
    "no_dont_care": FpgaOptions(dont_care="off"),
    "small_lookups": FpgaOptions(technology="ecp5"),
    "held": FpgaOptions(handshake="valid_ready"),
}


def family(count: int) -> list[IntegerModel]:
    """Networks of 1 to 4 layers, codes of 1 to 8 bits, sparse and full."""
    models = []
    for seed in range(count):
        rng = np.random.default_rng(1000 + seed)
        shape = tuple(int(n) for n in rng.integers(1, 7, size=rng.integers(2, 5)))
        bits = (int(rng.integers(1, 5)), int(rng.integers(4, 9)))
        models.append(random_model(seed, shape, bits, density=float(rng.choice([0.4, 0.8, 1.0]))))
    return models


def packed(codes: Integers, forms: Sequence[Format]) -> list[str]:
    """Rows of codes as hexadecimal numbers, the first code in the lowest bits."""
    rows = []
    for row in codes.tolist():
        number = 0
        for form, code in reversed(list(zip(forms, row, strict=True))):
            number = number << form.width | code & form.count - 1
        rows.append(f"{number:x}")
    return rows


def fields(name: str, letter: str, forms: Sequence[Format]) -> str:
    """Connections of ports to slices of a packed word."""
    text, place = [], 0
    for k, form in enumerate(forms):
        text.append(f".{letter}{k}({name}[{place + form.width - 1}:{place}])")
        place += form.width
    return ", ".join(text)


def bits(forms: Sequence[Format]) -> int:
    """Bits of a packed word."""
    return sum(form.width for form in forms)


def bench(design: FpgaDesign, rows: int, *, seed: int | None = None) -> str:
    """A testbench that prints `BAD n OF m`: results that differ from what is expected, or come in another order or number.

    Args:
        design: The circuit.
        rows: Vectors.
        seed: Of random pauses of sender and receiver; None for one row per cycle.
    """
    held = design.options.handshake == "valid_ready"
    wide, out = bits(design.inputs), bits(design.outputs)
    pause = "1'b1" if seed is None else "(($random(state) & 3) != 0)"
    more = ".in_ready(in_ready), .out_ready(out_ready), " if held else ""
    ready = "wire in_ready;" if held else "wire in_ready = 1'b1;"
    return f"""`default_nettype none
module tb;
    reg clk = 0, rst = 1, in_valid = 0, out_ready = 1;
    reg [{wide - 1}:0] given [0:{rows - 1}];
    reg [{out - 1}:0] wanted [0:{rows - 1}];
    wire [{wide - 1}:0] x = in_valid ? given[sent] : {wide}'bx;
    wire [{out - 1}:0] y;
    wire out_valid;
    {ready}
    integer sent = 0, got = 0, bad = 0, state = {seed or 0}, idle = 0, cycle = 0, first_in = -1, first_out = -1;
    reg run = 0;
    {design.name} dut (.clk(clk), .rst(rst), .in_valid(in_valid), {more}.out_valid(out_valid),
        {fields("x", "x", design.inputs)}, {fields("y", "y", design.outputs)});
    always #5 clk = ~clk;
    initial begin
        $readmemh("given.hex", given);
        $readmemh("wanted.hex", wanted);
        repeat ({design.latency_cycles + 2}) @(posedge clk);
        #1 rst = 0;
        run = 1;
        in_valid = {pause};
    end
    always @(posedge clk) if (run) begin
        cycle = cycle + 1;
        if (out_valid !== 1'b0 && out_valid !== 1'b1) bad = bad + 1;
        if (out_valid === 1'b1 && out_ready) begin
            if (first_out < 0) first_out = cycle;
            if (got >= {rows} || y !== wanted[got]) bad = bad + 1;
            got = got + 1;
        end
        if (in_valid && in_ready) begin
            if (first_in < 0) first_in = cycle;
            sent = sent + 1;
        end
        idle = sent >= {rows} ? idle + 1 : 0;
        if (idle > {8 * design.latency_cycles + 40}) begin
            $display("BAD %0d OF %0d LATENCY %0d", bad, got, first_out - first_in);
            $finish;
        end
        #1;
        in_valid = sent < {rows} && (in_valid && !in_ready || {pause});
        out_ready = {pause if held else "1'b1"};
    end
endmodule
"""


def simulate(folder: Path, files: dict[str, str], codes: Integers, wanted: Integers, design: FpgaDesign) -> str:
    """What the testbench `tb.v` among the files says about a circuit."""
    for name, text in files.items():
        (folder / name).write_text(text)
    (folder / "given.hex").write_text("\n".join(packed(codes, design.inputs)) + "\n")
    (folder / "wanted.hex").write_text("\n".join(packed(wanted, design.outputs)) + "\n")
    sources = sorted(name for name in files if name.endswith(".v"))
    said = tools.call(["iverilog", "-g2005", "-Wall", "-Wno-timescale", "-s", "tb", "-o", "tb.vvp", *sources], folder)
    # Only the testbench reads memories with a variable as the index.
    complaints = [line for line in said.stderr.splitlines() if "tb.v" not in line]
    assert complaints == []
    lines = tools.call(["vvp", "-n", "tb.vvp"], folder).stdout.splitlines()
    return next(line for line in lines if line.startswith("BAD"))
