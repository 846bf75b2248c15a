"""Testbenches: a Verilog one and a C++ one (for Verilator) that compare every result with the golden model's.

Both read the same two files of vectors, drive one vector a cycle, then bubbles, pauses of the receiver and a reset with results
on their way, and end with the same machine-readable lines; `simulate` runs them and reads those lines. Nothing is run here.

    MISMATCH <vector> <got> <expected>     a result that differs; hexadecimal digits
    PROTOCOL <cycle> <what>                a valid bit, a latency or a held result that is not as it should be
    SUMMARY vectors=… mismatches=… protocol=… cycles=…
"""

from typing import Final

import numpy as np

from splinework.hardware.formats import Integers
from splinework.hardware.fpga.interface import Interface
from splinework.hardware.fpga.testbench_axi import AXI, TASKS, axi_words
from splinework.hardware.fpga.testbench_cpp import CPP
from splinework.hardware.fpga.vectors import packed
from splinework.hardware.integer import IntegerModel

SHOWN: Final = 8
"""Mismatches and breaches of the protocol that are printed, of each."""


AXI_VECTORS: Final = 20_000
"""Vectors that go through the wrapper for AXI-stream, at most."""


def bench_files(model: IntegerModel, interface: Interface, codes: Integers, *, axi: bool = False) -> dict[str, bytes]:
    """The files of the folder `tb`: both testbenches, the vectors, what must come out, and a Makefile.

    Codes `(n, I)` are given in their order; with `axi` there is a wrapper for AXI-stream to test, too.
    """
    inputs = [wire.format.width for wire in model.inputs]
    outputs = [wire.format.width for wire in model.wires(len(model.layers))]
    expected = np.concatenate([model.run(part) for part in np.array_split(codes, max(1, len(codes) // 65_536))])
    words = {
        "TOP": interface.top,
        "COUNT": str(len(codes)),
        "LATENCY": str(interface.latency),
        "SHOWN": str(SHOWN),
        "WIDTH_IN": str(sum(inputs)),
        "WIDTH_OUT": str(sum(outputs)),
        "READY": str(int(interface.ready)),
        "AXI": " axi" if axi else "",
        "AXI_COUNT": str(min(len(codes), AXI_VECTORS)),
    }
    shared = {"TASKS": TASKS, "SHOWN": str(SHOWN)}
    verilog = shared | {"PORTS": ",\n".join(_ports(inputs, outputs, interface))}
    cpp = {
        "WIDTHS_IN": ", ".join(map(str, inputs)),
        "WIDTHS_OUT": ", ".join(map(str, outputs)),
        "DRIVE": "\n".join(f"    top.x{i} = take(word, {low}, {w});" for i, (low, w) in enumerate(_places(inputs))),
        "READ": "\n".join(f"    put(word, {low}, {w}, top.y{j});" for j, (low, w) in enumerate(_places(outputs))),
        "SET_READY": "    top.out_ready = ready;" if interface.ready else "    (void)ready;",
        "GET_READY": "top.in_ready != 0" if interface.ready else "true",
    }
    files = {}
    if axi:
        ins, outs = ([w.format for w in wires] for wires in (model.inputs, model.wires(len(model.layers))))
        own = axi_words(interface.top, ins, outs, interface.latency)
        files["tb_axis.v"] = _filled(AXI, shared | own).encode()
    return files | {
        "tb.v": _filled(_VERILOG, words | verilog).encode(),
        "tb.cpp": _filled(CPP, words | cpp).encode(),
        "vectors.hex": packed(codes, inputs),
        "expected.hex": packed(expected, outputs),
        "Makefile": _filled(_MAKE, words).encode(),
    }


def _ports(inputs: list[int], outputs: list[int], interface: Interface) -> list[str]:
    names = ["clk", "rst", "in_valid", "out_valid"] + (["in_ready", "out_ready"] if interface.ready else [])
    ports = [f"        .{name}({name})" for name in names]
    ports += [f"        .x{i}(word[{low} +: {width}])" for i, (low, width) in enumerate(_places(inputs))]
    ports += [f"        .y{j}(got[{low} +: {width}])" for j, (low, width) in enumerate(_places(outputs))]
    return ports


def _places(widths: list[int]) -> list[tuple[int, int]]:
    lows = np.cumsum([0, *widths[:-1]]).tolist()
    return list(zip(lows, widths, strict=True))


def _filled(text: str, words: dict[str, str]) -> str:
    for key, value in words.items():
        text = text.replace(f"@{key}@", value)
    return text


_MAKE: Final = """# Runs the test of @TOP@ again: `make`, or one of `make iverilog`, `make verilator`.
RTL := $(wildcard ../rtl/*.v)

all: iverilog verilator@AXI@

iverilog:
	mkdir -p build
	iverilog -g2005 -s tb -o build/tb.vvp tb.v $(RTL)
	vvp -n build/tb.vvp

verilator:
	mkdir -p build
	verilator --cc --exe --build -O3 -j 1 -Wno-fatal -Wno-lint -Wno-style --Mdir build/verilator \\
		--prefix Vdut --top-module @TOP@ $(RTL) tb.cpp
	./build/verilator/Vdut

axi:
	mkdir -p build
	iverilog -g2005 -s tb_axis -P tb_axis.COUNT=@AXI_COUNT@ -o build/tb_axis.vvp tb_axis.v $(RTL)
	vvp -n build/tb_axis.vvp

clean:
	rm -rf build

.PHONY: all iverilog verilator axi clean
"""

_VERILOG: Final = """// Test of @TOP@ against the golden model.
// In bubbles the inputs are unknown (x), and results are compared with !==.
`timescale 1ns / 1ps
module tb;
    localparam COUNT = @COUNT@, LATENCY = @LATENCY@, SHOWN = @SHOWN@;
    localparam FULL = COUNT - COUNT / 4;  // vectors without bubbles; the others come with bubbles and pauses
    localparam READY = @READY@;

    reg clk = 0;
    reg rst = 1;
    reg in_valid = 0;
    reg out_ready = 1;
    reg [@WIDTH_IN@-1:0] word = {@WIDTH_IN@{1'bx}};
    wire [@WIDTH_OUT@-1:0] got;
    wire in_ready;
    wire out_valid;

    reg [@WIDTH_IN@-1:0] vectors [0:COUNT-1];
    reg [@WIDTH_OUT@-1:0] expected [0:COUNT-1];

    @TOP@ dut (
@PORTS@
    );
    generate if (!READY) assign in_ready = 1'b1; endgenerate

    always #5 clk = !clk;

    integer sent = 0, received = 0, mismatches = 0, protocol = 0, cycle = 0, idle = 0, kept = 0;
    reg [LATENCY:0] history = 0;  // bit k: whether a vector went in k cycles ago
    reg held = 0;
    reg [@WIDTH_OUT@-1:0] before;
    reg [31:0] state = 32'h2545f491;

@TASKS@

    // Inputs change on the falling edge and outputs are read right before the rising one.
    task drive(input valid, input ready);
        begin
            @(negedge clk);
            cycle = cycle + 1;
            in_valid = valid;
            out_ready = ready;
            word = valid ? vectors[sent] : {@WIDTH_IN@{1'bx}};
            #4;
            history = (history << 1) | valid;
        end
    endtask

    task check(input exact);
        begin
            if (out_valid !== 1'b0 && out_valid !== 1'b1) breach("out_valid is unknown");
            if (in_ready !== 1'b0 && in_ready !== 1'b1) breach("in_ready is unknown");
            if (exact && in_ready !== 1'b1) breach("in_ready is low though nothing is held");
            if (exact && out_valid !== history[LATENCY]) breach("out_valid has another latency");
            if (held && (out_valid !== 1'b1 || got !== before)) breach("a held result changed");
            held = out_valid === 1'b1 && !out_ready;
            before = got;
            if (in_valid && in_ready === 1'b1) sent = sent + 1;
            if (out_valid === 1'b1 && out_ready) begin
                idle = 0;
                if (received >= sent) breach("a result without an input");
                else begin
                    if (got !== expected[received]) begin
                        mismatches = mismatches + 1;
                        if (mismatches <= SHOWN) $display("MISMATCH %0d %h %h", received, got, expected[received]);
                    end
                    received = received + 1;
                end
            end else idle = idle + 1;
        end
    endtask

    task reset;
        begin
            @(negedge clk);
            rst = 1; in_valid = 0; out_ready = 1; word = {@WIDTH_IN@{1'bx}};
            @(negedge clk);
            rst = 0; history = 0; held = 0;
            #4;
            if (out_valid !== 1'b0) breach("out_valid is not 0 after a reset");
        end
    endtask

    // A stuck circuit ends the test: its missing results count as mismatches.
    task drain;
        begin
            idle = 0;
            while (received < sent && idle < 4 * LATENCY + 64) begin drive(0, 1); check(!READY); end
            repeat (LATENCY + 2) begin drive(0, 1); check(!READY); end
            mismatches = mismatches + sent - received;
            if (received < sent) breach("results are missing");
            received = sent;
        end
    endtask

    initial begin
        $readmemh("vectors.hex", vectors);
        $readmemh("expected.hex", expected);
        repeat (LATENCY + 3) @(negedge clk);
        reset;
        while (sent < FULL) begin drive(1, 1); check(1); if (in_ready !== 1'b1) sent = sent + 1; end
        drain;
        kept = sent;
        repeat (LATENCY + 2) if (sent < COUNT) begin drive(1, 1); check(1); if (in_ready !== 1'b1) sent = sent + 1; end
        reset;
        sent = kept;
        received = kept;
        repeat (LATENCY + 2) begin drive(0, 1); check(1); end
        idle = 0;
        while (sent < COUNT && idle < 4 * LATENCY + 64) begin
            draw;
            drive(state[1:0] != 0, !READY || state[4:3] != 0);
            check(!READY);
        end
        if (sent < COUNT) breach("the circuit is stuck");
        drain;
        $display("SUMMARY vectors=%0d mismatches=%0d protocol=%0d cycles=%0d", sent, mismatches, protocol, cycle);
        $finish;
    end
endmodule
"""
