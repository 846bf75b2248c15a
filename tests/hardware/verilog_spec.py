"""What each neuron must be, as Verilog made from the golden model alone: tables, a sum, `round_shift` and a clamp, literally.

It is for proofs, not for synthesis, and looks at nothing that the circuit was made with.
"""

import numpy as np
from numpy.typing import NDArray

from splinework.hardware.formats import Format
from splinework.hardware.integer import IntegerModel
from splinework.hardware.reach import reach


def spec_verilog(model: IntegerModel, inputs: tuple[NDArray[np.bool_], ...] | None = None) -> str:
    """For each neuron a module `NAME_l{l}_n{j}_spec` with the ports of the neuron and no registers, and `NAME_l{l}_n{j}_care`.

    The second has the inputs of the neuron and the output `care`: whether every code is one that can occur.

    Args:
        model: The golden model.
        inputs: Which codes of the inputs can occur, `(codes,)` each by `code - format.low`; None means all of them.
    """
    found = reach(model, inputs)
    parts = ["`default_nettype none\n"]
    for number, layer in enumerate(model.layers):
        forms = [wire.format for wire in model.wires(number)]
        for node in range(layer.width):
            parts += [_spec(model, number, node, forms), _care(model, number, node, forms, found.codes[number])]
    return "\n".join([*parts, "`default_nettype wire\n"])


def _spec(model: IntegerModel, number: int, node: int, forms: list[Format]) -> str:
    layer = model.layers[number]
    form, guard, fan_in = layer.outputs[node].format, layer.guard, layer.fan_in(node)
    bias = int(layer.bias[node])
    reach_far = abs(bias) + sum(int(np.abs(layer.tables[i][:, node]).max()) for i in fan_in) + (1 << guard)
    width = max(reach_far, abs(form.low), form.high).bit_length() + 2
    lines = []
    for i in fan_in:
        own = forms[i]
        lines += [f"reg signed [{width - 1}:0] t{i};", "always @*", f"    case (x{i})"]
        for code in range(own.low, own.high + 1):
            value = int(layer.tables[i][code - own.low, node])
            lines.append(f"        {own.width}'d{code & (own.count - 1)}: t{i} = {_number(value, width)};")
        lines += [f"        default: t{i} = {{{width}{{1'bx}}}};", "    endcase"]
    terms = " + ".join([_number(bias, width), *(f"t{i}" for i in fan_in)])
    lines.append(f"wire signed [{width - 1}:0] a = {terms};")
    if guard:
        half = _number((1 << (guard - 1)) - 1, width)
        lines.append(f"wire signed [{width - 1}:0] odd = (a >>> {guard}) & {_number(1, width)};")
        lines.append(f"wire signed [{width - 1}:0] r = (a + {half} + odd) >>> {guard};")
    else:
        lines.append(f"wire signed [{width - 1}:0] r = a;")
    low, high = _number(form.low, width), _number(form.high, width)
    lines.append(f"wire signed [{width - 1}:0] c = r < {low} ? {low} : r > {high} ? {high} : r;")
    lines.append(f"assign y = c[{form.width - 1}:0];")
    ports = ["input wire clk", "input wire en", *_inputs(fan_in, forms), f"output wire [{form.width - 1}:0] y"]
    return _module(f"{model.name}_l{number}_n{node}_spec", ports, lines)


def _care(
    model: IntegerModel, number: int, node: int, forms: list[Format], codes: tuple[NDArray[np.bool_], ...]
) -> str:
    fan_in = model.layers[number].fan_in(node)
    lines, terms = [], []
    for i in fan_in:
        form, flags = forms[i], codes[i]
        if flags.all():
            continue
        bits = "".join("01"[int(flags[_code(raw, form) - form.low])] for raw in range(form.count - 1, -1, -1))
        lines.append(f"localparam [{form.count - 1}:0] CARE{i} = {form.count}'b{bits};")
        terms.append(f"CARE{i}[x{i}]")
    value = " & ".join(terms) or "1'b1"
    lines.append(f"assign care = {value};")
    ports = [*_inputs(fan_in, forms), "output wire care"]
    return _module(f"{model.name}_l{number}_n{node}_care", ports, lines)


def _code(raw: int, form: Format) -> int:
    return raw if raw <= form.high else raw - form.count


def _inputs(fan_in: list[int], forms: list[Format]) -> list[str]:
    return [f"input wire [{forms[i].width - 1}:0] x{i}" for i in fan_in]


def _number(value: int, width: int) -> str:
    """A signed decimal; the most negative of a width cannot be written, and widths here have room.

    >>> _number(-3, 6)
    "-6'sd3"
    """
    return f"-{width}'sd{-value}" if value < 0 else f"{width}'sd{value}"


def _module(name: str, ports: list[str], lines: list[str]) -> str:
    listed = ",\n".join(f"    {port}" for port in ports)
    return f"module {name} (\n{listed}\n);\n" + "".join(f"    {line}\n" for line in lines) + "endmodule\n"
