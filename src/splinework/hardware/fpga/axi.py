"""A wrapper with AXI4-Stream ports around a circuit: `NAME_axis`, one transfer per row, bytes as lanes.

Around a circuit with the handshake `valid_ready` it is wires and a shift register for `tlast`. Around one with `stream`, which
cannot be held, results go through a buffer, and a row is taken only while there is a place for its result.
"""

from collections.abc import Sequence

from splinework.hardware.formats import Format
from splinework.hardware.fpga.circuit import FpgaDesign
from splinework.hardware.fpga.verilog_node import extended, module_text, vector


def axi(design: FpgaDesign) -> dict[str, str]:
    """The AXI-stream wrapper of a circuit, file name to text; it needs the files of `verilog(design)`."""
    held = design.options.handshake == "valid_ready"
    lines = [*_inputs(design), *(_elastic(design) if held else _buffered(design))]
    ports = [
        "input wire aclk",
        "input wire aresetn",
        f"input wire {vector(8 * lanes(design.inputs))} s_axis_tdata",
        "input wire s_axis_tvalid",
        "output wire s_axis_tready",
        "input wire s_axis_tlast",
        f"output wire {vector(8 * lanes(design.outputs))} m_axis_tdata",
        "output wire m_axis_tvalid",
        "input wire m_axis_tready",
        "output wire m_axis_tlast",
    ]
    text = module_text(f"{design.name}_axis", ports, lines)
    return {f"{design.name}_axis.v": f"{_head(design)}\n`default_nettype none\n\n{text}\n`default_nettype wire\n"}


def lanes(forms: Sequence[Format]) -> int:
    """Number of bytes of one transfer; each word takes whole bytes.

    >>> lanes((Format(6), Format(9, 0, True)))
    3
    """
    return sum((form.width + 7) // 8 for form in forms)


def _places(forms: Sequence[Format]) -> list[int]:
    """The first bit of each word."""
    return [lanes(forms[:k]) * 8 for k in range(len(forms))]


def _head(design: FpgaDesign) -> str:
    lines = [
        f"{design.name}_axis: AXI4-Stream around {design.name}; made by splinework, do not edit.",
        f"Golden model: SHA-256 {design.digest}",
        f"Latency {design.latency_cycles} cycles and more where the receiver waits; one transfer is one row; tlast goes along.",
        f"TDATA_BYTES in {lanes(design.inputs)}, out {lanes(design.outputs)}; the first word in the lowest byte, high bits of a",
        "word beyond its width are ignored on the way in, and repeat its sign (zeros without sign) on the way out:",
    ]
    for kind, letter, forms in (("s_axis", "x", design.inputs), ("m_axis", "y", design.outputs)):
        for k, (form, place) in enumerate(zip(forms, _places(forms), strict=True)):
            sign = "two's complement" if form.signed else "without sign"
            span = f"[{place + form.width - 1}:{place}]"
            lines.append(f"  {kind}_tdata{span} = {letter}{k}, {form.width} bits {sign}, fraction {form.fraction}")
    return "".join(f"// {line}\n" for line in lines)


def _inputs(design: FpgaDesign) -> list[str]:
    lines = []
    for k, (form, place) in enumerate(zip(design.inputs, _places(design.inputs), strict=True)):
        lines.append(f"wire {vector(form.width)} x{k} = s_axis_tdata[{place + form.width - 1}:{place}];")
    for k, form in enumerate(design.outputs):
        lines.append(f"wire {vector(form.width)} y{k};")
    return lines


def _result(design: FpgaDesign) -> str:
    """All outputs in their byte lanes, the last one first."""
    words = [extended(f"y{k}", f.width, f.signed, 0, 8 * lanes([f])) for k, f in enumerate(design.outputs)]
    return f"{{{', '.join(reversed(words))}}}"


def _core(design: FpgaDesign, valid: str, more: Sequence[str]) -> str:
    wired = [".clk(aclk)", ".rst(~aresetn)", f".in_valid({valid})", *more]
    wired += [f".x{k}(x{k})" for k in range(len(design.inputs))]
    wired += [f".y{k}(y{k})" for k in range(len(design.outputs))]
    return f"{design.name} core ({', '.join(wired)});"


def _last(design: FpgaDesign, first: str, enable: str) -> list[str]:
    """A shift register that carries tlast along."""
    cycles = design.latency_cycles
    shifted = f"{{last[{cycles - 2}:0], {first}}}" if cycles > 1 else first
    return [
        f"reg {vector(cycles)} last;",
        "always @(posedge aclk)",
        f"    if (~aresetn) last <= {cycles}'b0;",
        f"    else {enable}last <= {shifted};",
    ]


def _elastic(design: FpgaDesign) -> list[str]:
    ports = [".in_ready(s_axis_tready)", ".out_valid(m_axis_tvalid)", ".out_ready(m_axis_tready)"]
    return [
        _core(design, "s_axis_tvalid", ports),
        *_last(design, "s_axis_tlast", "if (s_axis_tready) "),
        f"assign m_axis_tlast = last[{design.latency_cycles - 1}];",
        f"assign m_axis_tdata = {_result(design)};",
    ]


def _buffered(design: FpgaDesign) -> list[str]:
    """A ring buffer of results; `used` counts rows in the circuit and in the ring."""
    bits = (design.latency_cycles + 1).bit_length()
    places, width = 1 << bits, 8 * lanes(design.outputs) + 1
    return [
        "wire take = s_axis_tvalid & s_axis_tready;",
        "wire give = m_axis_tvalid & m_axis_tready;",
        "wire done;",
        _core(design, "take", [".out_valid(done)"]),
        *_last(design, "s_axis_tlast", ""),
        f"reg {vector(width)} ring [0:{places - 1}]; // tlast and tdata",
        f"reg {vector(bits)} head, tail;",
        f"reg {vector(bits + 1)} used, full;",
        f"assign s_axis_tready = ~used[{bits}];",
        "assign m_axis_tvalid = |full;",
        "assign {m_axis_tlast, m_axis_tdata} = ring[tail];",
        "always @(posedge aclk) begin",
        f"    if (done) ring[head] <= {{last[{design.latency_cycles - 1}], {_result(design)}}};",
        "    if (~aresetn) begin",
        f"        head <= {bits}'d0;",
        f"        tail <= {bits}'d0;",
        f"        used <= {bits + 1}'d0;",
        f"        full <= {bits + 1}'d0;",
        "    end else begin",
        f"        head <= head + {{{bits - 1}'d0, done}};" if bits > 1 else "        head <= head ^ done;",
        f"        tail <= tail + {{{bits - 1}'d0, give}};" if bits > 1 else "        tail <= tail ^ give;",
        f"        used <= used + {{{bits}'d0, take}} - {{{bits}'d0, give}};",
        f"        full <= full + {{{bits}'d0, done}} - {{{bits}'d0, give}};",
        "    end",
        "end",
    ]
