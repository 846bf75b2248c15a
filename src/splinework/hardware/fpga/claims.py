"""Equivalence claims about a neuron: pairs of circuits that must be equal.

One side is Verilog generated here from the integers of the golden model alone: constant vectors indexed by codes, one exact sum,
rounding half to even, a clamp. The other side is the netlist that yosys made of the circuit's own Verilog. `prove` runs the
tools.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from splinework.hardware.formats import Format, Integers
from splinework.hardware.fpga.netlist import Module, NetBit, NetBits, Unproved, module_of, ordered
from splinework.hardware.fpga.sums import ADDERS, NeuronForms, Root
from splinework.hardware.integer import IntegerModel

_TRUE: Final = "1'b1"


@dataclass(frozen=True, eq=False)
class GoldenNeuron:
    """A neuron of the golden model.

    Attributes:
        layer: Index of its layer.
        node: Index within the layer.
        inputs: Inputs with edges, ascending.
        formats: Formats of these inputs.
        tables: Golden table of each of these inputs, indexed by the code's bits as an unsigned number.
        care: Flags of their reachable codes, indexed likewise.
        guard: Number of bits that rounding drops.
        format: Format of the output.
    """

    layer: int
    node: int
    module: str
    inputs: tuple[int, ...]
    formats: tuple[Format, ...]
    tables: tuple[Integers, ...]
    care: tuple[NDArray[np.bool_], ...]
    bias: int
    guard: int
    format: Format

    @property
    def bits(self) -> int:
        """Total number of input bits."""
        return sum(form.width for form in self.formats)

    def value(self, raw: Sequence[int]) -> int:
        """The output code for input codes given by their bits as unsigned numbers."""
        total = self.bias + sum(int(table[r]) for table, r in zip(self.tables, raw, strict=True))
        half = 1 << self.guard >> 1
        rounded = (total + half) >> self.guard
        if self.guard and (total + half) & ((1 << self.guard) - 1) == 0:
            rounded &= ~1
        return min(max(rounded, self.format.low), self.format.high)


def neuron(model: IntegerModel, layer: int, node: int, codes: Sequence[NDArray[np.bool_]]) -> GoldenNeuron:
    """A neuron of a golden model; `codes` flags the reachable codes of each input of the layer, by `code - format.low`."""
    own, wires = model.layers[layer], model.wires(layer)
    inputs = tuple(own.fan_in(node))
    forms = tuple(wires[i].format for i in inputs)
    rows = [np.roll(np.arange(form.count), form.low) for form in forms]
    return GoldenNeuron(
        layer,
        node,
        f"{model.name}_l{layer}_n{node}",
        inputs,
        forms,
        tuple(own.tables[i][r, node] for i, r in zip(inputs, rows, strict=True)),
        tuple(codes[i][r] for i, r in zip(inputs, rows, strict=True)),
        int(own.bias[node]),
        own.guard,
        own.outputs[node].format,
    )


@dataclass(frozen=True, eq=False)
class EquivalenceClaim:
    """Two circuits with the ports `i` and `o` that must be equal.

    Attributes:
        name: Common prefix of their names, followed by `_gold` and `_gate`.
        verilog: Both modules; the second wraps the netlist `…_raw`.
        raw: The netlist in yosys' JSON form.
    """

    name: str
    verilog: str
    raw: Mapping[str, Any]


def direct_claim(own: GoldenNeuron, module: Module) -> EquivalenceClaim:
    """The claim that the whole neuron equals its golden numbers for all reachable codes."""
    inputs = [bit for i in own.inputs for bit in module.inputs[f"x{i}"]]
    lines, terms, place = [], [], 0
    reach = abs(own.bias) + sum(int(np.abs(t).max()) for t in own.tables) + (1 << own.guard)
    width = max(reach, abs(own.format.low), own.format.high).bit_length() + 2
    care, terms_ok = [], []
    for i, form, table, flags in zip(own.inputs, own.formats, own.tables, own.care, strict=True):
        code = f"i[{place + form.width - 1}:{place}]"
        place += form.width
        bits = []
        for k in range(width):
            lines.append(f"localparam [{form.count - 1}:0] T{i}_{k} = {_constant((table >> k) & 1)};")
            bits.append(f"T{i}_{k}[{code}]")
        lines.append(f"wire signed [{width - 1}:0] t{i} = {{{', '.join(reversed(bits))}}};")
        terms.append(f"t{i}")
        if not flags.all():
            care.append(f"localparam [{form.count - 1}:0] C{i} = {_constant(flags.astype(np.int64))};")
            terms_ok.append(f"C{i}[{code}]")
    lines.append(f"wire signed [{width - 1}:0] a = {' + '.join([_number(own.bias, width), *terms])};")
    lines += _tail(own, width)
    care.append(f"wire ok = {' & '.join(terms_ok) or _TRUE};")
    return _claim(f"{own.module}_direct", module, inputs, module.outputs["y"], lines, care)


def sum_claim(own: GoldenNeuron, sums: NeuronForms, root: Root) -> EquivalenceClaim:
    """The claim that the word of the total sum is computed by adders of tables as in the forms of `sums`."""
    module = sums.module
    inputs = [bit for i in own.inputs for bit in module.inputs[f"x{i}"]]
    at = {bit: f"i[{place}]" for place, bit in enumerate(inputs)}
    names: dict[NetBit, str] = {"0": "1'b0", "1": "1'b1"}
    lines: list[str] = []
    order = [c for c in ordered(module, root.word) if c.kind in ADDERS]
    for number, cell in enumerate(order):
        for bit in cell.outputs["Y"]:
            names[bit] = f"s{number}[{cell.outputs['Y'].index(bit)}]"

    def read(bit: NetBit) -> str:
        if bit not in names:
            over = sums.over(bit)
            table = sums.logic.table(bit, over)
            names[bit] = f"l{len(names)}"
            lines.append(f"localparam [{(1 << len(over)) - 1}:0] L{names[bit][1:]} = {1 << len(over)}'h{table:x};")
            address = ", ".join(at[b] for b in reversed(over))
            lines.append(f"wire {names[bit]} = L{names[bit][1:]}[{{{address}}}];")
        return names[bit]

    for number, cell in enumerate(order):
        one, two = (", ".join(read(bit) for bit in reversed(bits)) for bits in sums.extended(cell))
        sign = "-" if cell.kind == "$sub" else "+"
        lines.append(f"wire [{len(cell.outputs['Y']) - 1}:0] s{number} = {{{one}}} {sign} {{{two}}};")
    lines.append(f"wire [{len(root.word) - 1}:0] c = {{{', '.join(read(bit) for bit in reversed(root.word))}}};")
    return _claim(f"{own.module}_sum", module, inputs, root.word, lines, [f"wire ok = {_TRUE};"])


def tail_claim(own: GoldenNeuron, module: Module, root: Root) -> EquivalenceClaim:
    """The claim that the output is the golden rounding and clamp of every reachable total sum."""
    bits = len(root.word) + root.shift
    reach = max(abs(root.low), abs(root.high)) + (1 << own.guard)
    width = max(reach, abs(own.format.low), own.format.high, 1 << bits).bit_length() + 2
    word = f"{{i, {root.shift}'b{'0' * root.shift}}}" if root.shift else "i"
    range_ = [
        f"wire [{bits - 1}:0] d = {word} - {bits}'d{root.offset % (1 << bits)};",
        f"wire ok = d <= {bits}'d{root.high - root.low};",
    ]
    lines = [
        f"wire signed [{width - 1}:0] a = {_number(root.low, width)} + $signed({{{width - bits}'b{'0' * (width - bits)}, d}});"
    ]
    cut, fresh = _cut(module, root.word)
    return _claim(f"{own.module}_tail", cut, fresh, cut.outputs["y"], lines + _tail(own, width), range_)


def _tail(own: GoldenNeuron, width: int) -> list[str]:
    low, high, guard = own.format.low, own.format.high, own.guard
    if guard:
        half = _number((1 << (guard - 1)) - 1, width)
        rounded = f"(a + {half} + $signed({{{width - 1}'b{'0' * (width - 1)}, a[{guard}]}})) >>> {guard}"
    else:
        rounded = "a"
    return [
        f"wire signed [{width - 1}:0] r = {rounded};",
        f"wire [{own.format.width - 1}:0] c = r < {_number(low, width)} ? {own.format.width}'d{low % own.format.count} : "
        f"r > {_number(high, width)} ? {own.format.width}'d{high % own.format.count} : r[{own.format.width - 1}:0];",
    ]


def _claim(
    name: str, module: Module, inputs: Sequence[NetBit], outputs: NetBits, gold: Sequence[str], range_: Sequence[str]
) -> EquivalenceClaim:
    """Both sides with the same ports, which give 0 unless `ok`; the golden side has its result in `c`."""
    wide = max(1, len(inputs))
    ports = f"(input wire [{wide - 1}:0] i, output wire [{len(outputs) - 1}:0] o);"
    zero = f"{len(outputs)}'b{'0' * len(outputs)}"
    inner = f"wire [{len(outputs) - 1}:0] c; {name}_raw raw(.i(i), .o(c));"
    verilog = ""
    for side, lines in (("gold", gold), ("gate", [inner])):
        body = "".join(f"    {line}\n" for line in (*range_, *lines, f"assign o = ok ? c : {zero};"))
        verilog += f"module {name}_{side} {ports}\n{body}endmodule\n"
    cone = list(ordered(module, outputs))
    known = {"0", "1", *inputs, *(bit for cell in cone for bits in cell.outputs.values() for bit in bits)}
    reads = [*outputs, *(bit for cell in cone for bits in cell.inputs.values() for bit in bits)]
    if any(bit not in known for bit in reads):
        raise Unproved(f"{module.name} depends on more than its inputs")
    raw = {
        "ports": {
            "i": {"direction": "input", "bits": list(inputs) or [_free(module)]},
            "o": {"direction": "output", "bits": list(outputs)},
        },
        "cells": {f"cell{k}": module.raw["cells"][cell.name] for k, cell in enumerate(cone)},
        "netnames": {},
    }
    return EquivalenceClaim(name, verilog, raw)


def _cut(module: Module, word: NetBits) -> tuple[Module, list[NetBit]]:
    """The netlist in which all readers of a word read new inputs instead."""
    first = _free(module)
    new: dict[NetBit, NetBit] = {bit: first + place for place, bit in enumerate(word)}
    cells = {}
    for name, cell in module.raw["cells"].items():
        ways = cell["port_directions"]
        wired = {
            port: bits if ways[port] == "output" else [new.get(bit, bit) for bit in bits]
            for port, bits in cell["connections"].items()
        }
        cells[name] = cell | {"connections": wired}
    ports = {
        "i": {"direction": "input", "bits": list(new.values())},
        "y": {"direction": "output", "bits": [new.get(bit, bit) for bit in module.outputs["y"]]},
    }
    return module_of(module.name, {"ports": ports, "cells": cells, "netnames": {}}), list(new.values())


def _free(module: Module) -> int:
    """An unused wire number."""
    return 1 + max(b for source in ((0,), module.given, module.drivers) for b in source if isinstance(b, int))


def _constant(bits: Integers) -> str:
    """A Verilog constant of a vector of bits, the lowest first."""
    raw = np.packbits(bits.astype(np.uint8), bitorder="little").tobytes()
    return f"{len(bits)}'h{int.from_bytes(raw, 'little'):x}"


def _number(value: int, width: int) -> str:
    return f"-{width}'sd{-value}" if value < 0 else f"{width}'sd{value}"
