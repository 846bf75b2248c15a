"""The testbench of the AXI4-Stream wrapper `NAME_axis`: random transfers with stalls, checked in order with their tlast.

Each word has whole bytes, the first word the lowest ones. Bits beyond a word are unknown (x) on input, and must repeat its sign,
or be 0, on output. The receiver stalls at random, and the sender waits for tready as the protocol requires.
"""

from collections.abc import Sequence
from importlib.resources import files
from typing import Final

from splinework.hardware.formats import Format


def axi_words(top: str, inputs: Sequence[Format], outputs: Sequence[Format], latency: int) -> dict[str, str]:
    """The values of the placeholders in `AXI`, a testbench for Icarus Verilog with the same vectors as the others."""
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
