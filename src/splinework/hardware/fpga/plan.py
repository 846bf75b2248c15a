"""Plans the circuit of a golden model, `design(model, options)`; `verilog` writes it.

The modules of `verilog(design)`, all registers on the rising edge of clk:

- `NAME`, the top: `input clk, input rst, input in_valid, [output in_ready,] input [W-1:0] x0 …, output out_valid,
  [input out_ready,] output [signed] [W-1:0] y0 …`. An input is the code's own bits (two's complement where the format has a
  sign); an output has the format of its wire. One result per cycle, `design.latency_cycles` later; with the handshake
  `valid_ready` everything stands still while `out_valid` is 1 and `out_ready` is 0. rst clears the valid bits only.
- `NAME_layer{l}`, which wires neurons: `input clk, input en, input [W-1:0] x0 …, output [W-1:0] y0 …`.
- `NAME_l{l}_n{j}`, a neuron: `input clk, input en, input [W-1:0] x{i}` for each of its inputs i (`node.inputs`, the edges of the
  mask), `output [W-1:0] y`, and the parameter `PIPELINED`. By default it is 1: y follows the inputs after
  `design.layers[l].cycles` edges of clk with en = 1. With `PIPELINED = 0` all registers are wires and the neuron is a pure
  function, which is the form for proofs; clk and en are then unused.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from splinework.errors import ConfigError
from splinework.hardware.formats import Format, Integers
from splinework.hardware.fpga.circuit import (
    Adder,
    CircuitLayer,
    CircuitNode,
    CircuitTable,
    CodeBit,
    FpgaDesign,
    FpgaOptions,
)
from splinework.hardware.fpga.compress import compress
from splinework.hardware.fpga.schedule import connect, schedule
from splinework.hardware.golden import digest
from splinework.hardware.integer import IntegerModel
from splinework.hardware.reach import Reach, reach

__all__ = [
    "Adder", "CircuitLayer", "CircuitNode", "CircuitTable", "CodeBit", "FpgaDesign", "FpgaOptions", "design",
    "raw_rows",
]  # fmt: skip

_MAX_TABLE_BITS = 1 << 22
"""Largest total size of all tables in bits; synthesis of more takes hours, and no supported device holds them."""
_MAX_CODE_BITS = 12  # Tables double with each further bit


def design(
    model: IntegerModel, options: FpgaOptions | None = None, *, seen: tuple[NDArray[np.bool_], ...] | None = None
) -> FpgaDesign:
    """Plans the circuit of a quantised network.

    Args:
        model: The golden model.
        options: Options of the generator; None takes the defaults.
        seen: Flags `(codes,)` of the codes of each input that occur in the data, by `code - format.low`; only with
            `dont_care="data"`.

    Raises:
        ConfigError: If the model is too large, or the options contradict each other or the data.
    """
    options = options if options is not None else FpgaOptions()
    if (options.dont_care == "data") != (seen is not None):
        raise ConfigError(
            "`seen`, the codes of each input that occur in the data, is required with dont_care='data' and excluded otherwise."
        )
    refuse_large(model)
    if seen is not None:
        _check_seen(model, seen)
    found = reach(model, seen) if options.compress and options.dont_care != "off" else None
    layers = [_plain(model, number, found, options) for number in range(len(model.layers))]
    plain = FpgaDesign(model.name, digest(model), options, tuple(layers))
    small = compress(plain) if options.compress else _uniform(plain)
    layers = [
        replace(layer, nodes=tuple(connect(n, options, layer.levels) for n in layer.nodes)) for layer in small.layers
    ]
    return schedule(replace(small, layers=tuple(layers)))


def refuse_large(model: IntegerModel) -> None:
    """Raises a ConfigError if a model is too large to be built from tables."""
    bits, edges, widest = 0, [], (0, "")
    for number, layer in enumerate(model.layers):
        for wire, table, mask in zip(model.wires(number), layer.tables, layer.mask, strict=True):
            if not mask.any():
                continue
            widest = max(widest, (wire.format.width, wire.name), key=lambda pair: pair[0])
            spans = table.max(axis=0) - table.min(axis=0)
            own = sum(int(s).bit_length() for s in spans[mask]) * wire.format.count
            bits += own
            edges.append((own, f"{wire.name!r} ({int(mask.sum())} edges of {wire.format.width} bits)"))
    if widest[0] > _MAX_CODE_BITS:
        raise ConfigError(
            f"{widest[1]!r} has codes of {widest[0]} bits, so its tables have {2 ** widest[0]} entries; at most {_MAX_CODE_BITS} "
            "bits are supported: quantise with fewer bits."
        )
    if bits > _MAX_TABLE_BITS:
        top = ", ".join(text for _, text in sorted(edges, reverse=True)[:3])
        raise ConfigError(
            f"{model.name} has {model.edges} edges with {bits} bits of tables, about {bits // 64} six-input LUTs; "
            f"at most {_MAX_TABLE_BITS} bits are supported; prune edges or use fewer bits, first for {top}."
        )


def _check_seen(model: IntegerModel, seen: tuple[NDArray[np.bool_], ...]) -> None:
    if len(seen) != len(model.inputs):
        raise ConfigError(f"{model.name} has {len(model.inputs)} inputs, but `seen` has {len(seen)} entries.")
    for wire, flags in zip(model.inputs, seen, strict=True):
        if flags.shape != (wire.format.count,) or flags.dtype != np.bool_ or not flags.any():
            raise ConfigError(
                f"`seen` needs a flag for each of the {wire.format.count} codes of {wire.name!r}, at least one of them true; "
                f"got {flags.dtype} of shape {flags.shape}, {int(flags.sum())} of them true."
            )


def raw_rows(form: Format) -> Integers:
    """The table row of each code, indexed by the code's bits as an unsigned number.

    >>> raw_rows(Format(2, 0, signed=True))
    array([2, 3, 0, 1])
    """
    return (np.arange(form.count) - form.low) % form.count


def _plain(model: IntegerModel, number: int, found: Reach | None, options: FpgaOptions) -> CircuitLayer:
    """A layer with one complete table for each edge."""
    layer, last = model.layers[number], number == len(model.layers) - 1
    wires = model.wires(number)
    occur = found.codes[number] if found else [np.ones(w.format.count, dtype=bool) for w in wires]
    care = tuple(flags[raw_rows(w.format)] for w, flags in zip(wires, occur, strict=True))
    lows, highs = (found.low[number], found.high[number]) if found else layer.bounds()
    half = (1 << layer.guard) >> 1
    nodes = []
    for j in range(layer.width):
        inputs = tuple(layer.fan_in(j))
        tables = []
        for i in inputs:
            values = layer.tables[i][raw_rows(wires[i].format), j]
            address = tuple(CodeBit(i, k) for k in range(wires[i].format.width))
            tables.append(CircuitTable(address, values, int(values[care[i]].min()), int(values[care[i]].max())))
        nodes.append(
            CircuitNode(
                layer=number,
                index=j,
                name=layer.outputs[j].name,
                inputs=inputs,
                tables=tuple(tables),
                constant=int(layer.bias[j]) + half,
                guard=layer.guard,
                format=layer.outputs[j].format,
                low=int(lows[j]) + half,
                high=int(highs[j]) + half,
            )
        )
    dead = frozenset() if last else frozenset(np.flatnonzero(~model.layers[number + 1].mask.any(axis=1)).tolist())
    return CircuitLayer(tuple(w.format for w in wires), care, tuple(nodes), dead=dead)


def _uniform(plain: FpgaDesign) -> FpgaDesign:
    """The uncompressed circuit: tables of a layer have the same width, and constants are added to the first table of a node."""
    layers = []
    for layer in plain.layers:
        hosted = [
            replace(n, constant=0, tables=(_moved(n.tables[0], n.constant), *n.tables[1:])) if n.tables else n
            for n in layer.nodes
        ]
        tables = [t for n in hosted for t in n.tables]
        width = max((Format.holding(min(t.low, -1), t.high).width for t in tables), default=1)
        low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
        nodes = [
            replace(
                n,
                tables=tuple(replace(t, low=low, high=high) for t in n.tables),
                low=min(low * len(n.tables), n.low),
                high=max(high * len(n.tables), n.high),
            )
            for n in hosted
        ]
        layers.append(replace(layer, nodes=tuple(nodes)))
    return replace(plain, layers=tuple(layers))


def _moved(table: CircuitTable, constant: int) -> CircuitTable:
    return replace(table, values=table.values + constant, low=table.low + constant, high=table.high + constant)
