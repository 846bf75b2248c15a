"""Writes a circuit as one Verilog-2005 file without vendor cells: a module per neuron, per layer, and a top module.

The ports are listed in `plan`; how a neuron is written is in `verilog_node`.
"""

from splinework.hardware.fpga.circuit import CircuitLayer, FpgaDesign
from splinework.hardware.fpga.verilog_node import module_text, node_module, vector


def verilog(design: FpgaDesign) -> dict[str, str]:
    """The files of a scheduled circuit: name to text."""
    parts = [_head(design), _top(design)]
    for number, layer in enumerate(design.layers):
        parts.append(_layer(design.name, number, layer))
        parts += [node_module(design.name, layer, node) for node in layer.nodes]
    return {f"{design.name}.v": "\n".join([*parts, "`default_nettype wire\n"])}


def _head(design: FpgaDesign) -> str:
    shape = "-".join(str(n) for n in (len(design.inputs), *(len(layer.nodes) for layer in design.layers)))
    lines = [
        f"{design.name}: a quantised network of {shape} nodes; made by splinework, do not edit.",
        f"Golden model: SHA-256 {design.digest}",
        f"Latency: {design.latency_cycles} cycles, one result per cycle; handshake: {design.options.handshake}.",
        "A code's bits are two's complement where its format has a sign.",
        *design.notes,
    ]
    return "".join(f"// {line}\n" for line in lines) + "\n`default_nettype none\n"


def _top(design: FpgaDesign) -> str:
    held = design.options.handshake == "valid_ready"
    last, cycles = len(design.layers), design.latency_cycles
    ports = ["input wire clk", "input wire rst", "input wire in_valid"]
    ports += ["output wire in_ready"] if held else []
    ports += [f"input wire {vector(f.width)} x{i}{_sign_comment(f.signed)}" for i, f in enumerate(design.inputs)]
    ports += ["output wire out_valid"] + (["input wire out_ready"] if held else [])
    ports += [f"output wire {'signed ' * f.signed}{vector(f.width)} y{j}" for j, f in enumerate(design.outputs)]
    lines = ["wire en = ~out_valid | out_ready;", "assign in_ready = en;"] if held else ["wire en = 1'b1;"]
    shifted = f"{{valid[{cycles - 2}:0], in_valid}}" if cycles > 1 else "in_valid"
    lines += [
        f"reg {vector(cycles)} valid;",
        "always @(posedge clk)",
        f"    if (rst) valid <= {cycles}'b0;",
        f"    else if (en) valid <= {shifted};",
        f"assign out_valid = valid[{cycles - 1}];",
    ]
    for number, layer in enumerate(design.layers):
        names = [f"x{i}" if number == 0 else f"h{number - 1}_{i}" for i in range(len(layer.inputs))]
        outs = [f"y{j}" if number == last - 1 else f"h{number}_{j}" for j in range(len(layer.nodes))]
        if number < last - 1:
            lines += [f"wire {vector(n.format.width)} {out};" for n, out in zip(layer.nodes, outs, strict=True)]
        wired = [".clk(clk)", ".en(en)"]
        wired += [f".x{i}({name})" for i, name in enumerate(names)] + [f".y{j}({o})" for j, o in enumerate(outs)]
        lines.append(f"{design.name}_layer{number} layer{number} ({', '.join(wired)});")
    return module_text(design.name, ports, lines)


def _layer(name: str, number: int, layer: CircuitLayer) -> str:
    ports = ["input wire clk", "input wire en"]
    ports += [f"input wire {vector(f.width)} x{i}{_sign_comment(f.signed)}" for i, f in enumerate(layer.inputs)]
    ports += [f"output wire {vector(n.format.width)} y{n.index}{_sign_comment(n.format.signed)}" for n in layer.nodes]
    lines = []
    for node in layer.nodes:
        wired = ", ".join([".clk(clk)", ".en(en)", *(f".x{i}(x{i})" for i in node.inputs), f".y(y{node.index})"])
        lines.append(f"{name}_l{number}_n{node.index} n{node.index} ({wired});")
    return f"// Layer {number}: {layer.cycles} cycles.\n" + module_text(f"{name}_layer{number}", ports, lines)


def _sign_comment(signed: bool) -> str:
    return " /* signed */" if signed else ""
