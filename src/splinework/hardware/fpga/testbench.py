"""Generates testbenches, one in Verilog and one in C++ for Verilator, that compare every result with the golden model.

Both read the same two vector files, drive one vector per cycle, then bubbles, receiver stalls and a reset with results in flight,
and end with the same machine-readable lines; `simulate` runs them and parses those lines.

    MISMATCH <vector> <got> <expected>     a wrong result, in hexadecimal digits
    PROTOCOL <cycle> <what>                a wrong valid bit, latency or held result
    SUMMARY vectors=… mismatches=… protocol=… cycles=…
"""

from collections.abc import Sequence
from importlib.resources import files
from typing import Final

import numpy as np

from splinework.hardware.formats import Format, Integers
from splinework.hardware.fpga.interface import Interface
from splinework.hardware.fpga.vectors import packed
from splinework.hardware.integer import IntegerModel

MAX_SHOWN: Final = 8
"""Largest number of mismatches, and of protocol violations, that are printed."""
AXI_VECTORS: Final = 20_000
"""Largest number of vectors that are sent through the AXI-stream wrapper."""


def bench_files(model: IntegerModel, interface: Interface, codes: Integers, *, axi: bool = False) -> dict[str, bytes]:
    """The files of the folder `tb`: both testbenches, the vectors, the expected outputs, and a Makefile.

    Codes `(n, I)` are applied in their order; with `axi` the AXI-stream wrapper is tested, too.
    """
    inputs = [wire.format.width for wire in model.inputs]
    outputs = [wire.format.width for wire in model.wires(len(model.layers))]
    expected = np.concatenate([model.run(part) for part in np.array_split(codes, max(1, len(codes) // 65_536))])
    words = {
        "TOP": interface.top,
        "COUNT": str(len(codes)),
        "LATENCY": str(interface.latency),
        "SHOWN": str(MAX_SHOWN),
        "WIDTH_IN": str(sum(inputs)),
        "WIDTH_OUT": str(sum(outputs)),
        "READY": str(int(interface.ready)),
        "AXI": " axi" if axi else "",
        "AXI_COUNT": str(min(len(codes), AXI_VECTORS)),
    }
    shared = {"TASKS": TASKS, "SHOWN": str(MAX_SHOWN)}
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

CPP: Final = files("splinework.hardware.fpga").joinpath("testbench.cpp").read_text("utf-8")
_VERILOG: Final = files("splinework.hardware.fpga").joinpath("testbench.v").read_text("utf-8")


def axi_words(top: str, inputs: Sequence[Format], outputs: Sequence[Format], latency: int) -> dict[str, str]:
    """The values of the placeholders in `AXI`, a testbench of `NAME_axis` for Icarus Verilog with the same vectors as the others.

    It sends random transfers with stalls, checked in order with tlast. Each word has whole bytes, the first word the lowest.
    Bits beyond a word are unknown (x) on input, and must repeat its sign, or be 0, on output. The receiver stalls at random, and
    the sender waits for tready as the protocol requires.
    """
    bytes_in, bytes_out = ([-(-form.width // 8) for form in forms] for forms in (inputs, outputs))
    lanes, low = [], 0
    for form, size in zip(inputs, bytes_in, strict=True):
        fill = 8 * size - form.width
        lanes.append(f"word[{low + form.width - 1}:{low}]")
        lanes += [f"{{{fill}{{1'bx}}}}"] if fill else []
        low += form.width
    back, place = [], 0
    for form, size in zip(outputs, bytes_out, strict=True):
        fill = 8 * size - form.width
        back.append(f"expected[received][{place + form.width - 1}:{place}]")
        sign = f"expected[received][{place + form.width - 1}]" if form.signed else "1'b0"
        back += [f"{{{fill}{{{sign}}}}}"] if fill else []
        place += form.width
    # A fill is above its word, so both lists are reversed.
    return {
        "TOP": top,
        "LATENCY": str(latency),
        "WIDTH_IN": str(low),
        "WIDTH_OUT": str(place),
        "LANES_IN": str(8 * sum(bytes_in)),
        "LANES_OUT": str(8 * sum(bytes_out)),
        "LANES": ", ".join(reversed(lanes)),
        "BACK": ", ".join(reversed(back)),
    }


TASKS: Final = """    task breach(input [8*40-1:0] what);
        begin
            protocol = protocol + 1;
            if (protocol <= SHOWN) $display("PROTOCOL %0d %0s", cycle, what);
        end
    endtask

    // A draw: xorshift, the same in all testbenches.
    task draw;
        begin
            state = state ^ (state << 13);
            state = state ^ (state >> 17);
            state = state ^ (state << 5);
        end
    endtask"""
"""Tasks common to both Verilog testbenches."""

AXI: Final = files("splinework.hardware.fpga").joinpath("testbench_axi.v").read_text("utf-8")
