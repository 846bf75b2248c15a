"""Artefacts for FPGAs to verify, and ways to break them: each mutant differs from its golden model for sure.

Where a change could be without effect (a table entry that the clamp hides, a code that never comes), it is looked for one that
has an effect, by the circuit's own evaluation or because it stands in the last layer, whose sums are neither rounded nor clamped.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from splinework.hardware.formats import Format
from splinework.hardware.fpga.circuit import CircuitNode, FpgaDesign, FpgaOptions
from splinework.hardware.fpga.interface import FORMAT
from splinework.hardware.fpga.plan import design
from splinework.hardware.fpga.verilog import verilog
from splinework.hardware.golden import digest, write_golden
from splinework.hardware.integer import IntegerModel
from splinework.hardware.reach import reach
from tests.hardware.cases import random_model
from tests.hardware.evaluate import node_value


@dataclass(frozen=True, eq=False)
class Sound:
    """A sound artefact, not yet written."""

    model: IntegerModel
    planned: FpgaDesign
    text: str
    seen: tuple[np.ndarray, ...] | None = None
    latency: int | None = None

    def write(self, folder: Path) -> Path:
        """Writes golden.json, design.json and rtl."""
        (folder / "rtl").mkdir(parents=True)
        write_golden(self.model, folder / "golden.json")
        options = self.planned.options
        content = {
            "format": FORMAT,
            "digest": digest(self.model),
            "latency_cycles": self.latency or self.planned.latency_cycles,
            "options": {"handshake": options.handshake, "dont_care": options.dont_care},
            "seen": None if self.seen is None else [flags.astype(int).tolist() for flags in self.seen],
        }
        (folder / "design.json").write_text(json.dumps(content), encoding="utf-8")
        (folder / "rtl" / f"{self.model.name}.v").write_text(self.text, encoding="utf-8")
        return folder


def sound(model: IntegerModel, options: FpgaOptions | None = None, seen: tuple[np.ndarray, ...] | None = None) -> Sound:
    """The artefact of a model."""
    planned = design(model, options or FpgaOptions(), seen=seen)
    return Sound(model, planned, verilog(planned)[f"{model.name}.v"], seen)


def flip_a_table_entry(whole: Sound, rng: np.random.Generator) -> Sound:
    """One bit of one entry of one table of any layer, where it changes the neuron for codes that can occur."""
    found = reach(whole.model, whole.seen)
    for _ in range(1000):
        number = int(rng.integers(len(whole.planned.layers)))
        layer = whole.planned.layers[number]
        node = layer.nodes[int(rng.integers(len(layer.nodes)))]
        if not node.tables:
            continue
        place = int(rng.integers(len(node.tables)))
        table = node.tables[place]
        values = table.values.copy()
        values[rng.integers(len(values))] ^= 1 << int(rng.integers(table.width))
        broken = replace(node, tables=(*node.tables[:place], replace(table, values=values), *node.tables[place + 1 :]))
        forms = [wire.format for wire in whole.model.wires(number)]
        if _matters(node, broken, [_raw(f, c) for f, c in zip(forms, found.codes[number], strict=True)], rng):
            nodes = tuple(broken if n is node else n for n in layer.nodes)
            layers = list(whole.planned.layers)
            layers[number] = replace(layer, nodes=nodes)
            changed = replace(whole.planned, layers=tuple(layers))
            return replace(whole, text=verilog(changed)[f"{whole.model.name}.v"])
    raise AssertionError("no table entry has an effect")


def _raw(form: Format, flags: np.ndarray) -> np.ndarray:
    """The codes that can occur, as plain numbers of their bits."""
    raw: np.ndarray = (np.flatnonzero(flags) + form.low) % form.count
    return raw


def _matters(one: CircuitNode, two: CircuitNode, raw: list[np.ndarray], rng: np.random.Generator) -> bool:
    codes = np.column_stack([rng.choice(own, size=20_000) for own in raw])
    return bool((node_value(one, codes) != node_value(two, codes)).any())


def drop_a_sign(whole: Sound, rng: np.random.Generator) -> Sound:
    """Zeros instead of the copies of a sign, in an adder of the last layer."""
    return _in_last_layer(
        whole, rng, r"(assign s\d+[^;\n]*?|s\d+_c = [^;\n]*?)\{\{(\d+)\{\w+\[\d+\]\}\}, ", r"\g<1>{{\g<2>{1'b0}}, "
    )


def subtract(whole: Sound, rng: np.random.Generator) -> Sound:
    """An operand with the other sign, in an adder of the last layer."""

    def other(match: re.Match[str]) -> str:
        return match[1] + {"+": "-", "-": "+"}[match[2]] + match[3]

    return _in_last_layer(whole, rng, r"((?:assign s\d+(?:\[[^\]]*\])?|s\d+_c) = [^;]*? )([+-])( [^;]*;)", other)


def narrow(whole: Sound, rng: np.random.Generator) -> Sound:
    """The word of a sum of the last layer without its first bit."""

    def less(match: re.Match[str]) -> str:
        return f"wire [{int(match[1]) - 1}:0] {match[2]};"

    return _in_last_layer(whole, rng, r"wire \[([1-9]\d*):0\] (s\d+);", less)


def skip_a_register(whole: Sound, rng: np.random.Generator) -> Sound:
    """A signal that is a cycle too early, anywhere: its register becomes a wire."""
    places = list(re.finditer(r"module \w+_l\d+_n\d+ .*?endmodule", whole.text, re.DOTALL))
    module = places[int(rng.integers(len(places)))]
    registers = re.findall(r"(\w+_d\d+) <= (\w+);", module[0])
    if not registers:
        raise LookupError(f"no registers in {whole.model.name}")
    after, before = registers[int(rng.integers(len(registers)))]
    text = module[0].replace(f"{after} <= {before};", "").replace(f"{after} = {before};", "")
    text = re.sub(rf"reg (\[\d+:0\]) {after};", rf"wire \1 {after} = {before};", text)
    return replace(whole, text=whole.text[: module.start()] + text + whole.text[module.end() :])


def add_a_register(whole: Sound, rng: np.random.Generator) -> Sound:
    """An output of a neuron that is a cycle too late."""
    return _replaced(
        whole,
        rng,
        r"assign y = (\w+);",
        r"reg [63:0] late; always @(posedge clk) if (en) late <= \1; assign y = late;",
        whole.text,
    )


def hurry_valid(whole: Sound, rng: np.random.Generator) -> Sound:
    """out_valid a cycle too early."""
    last = whole.planned.latency_cycles - 1
    text = whole.text.replace(f"out_valid = valid[{last}]", f"out_valid = valid[{last - 1}]")
    assert text != whole.text
    return replace(whole, text=text)


def lie_about_latency(whole: Sound, rng: np.random.Generator) -> Sound:
    """Another latency in design.json."""
    return replace(whole, latency=whole.planned.latency_cycles + int(rng.choice([-1, 1])))


def swap_two_wires(whole: Sound, rng: np.random.Generator) -> Sound:
    """Two inputs of a neuron, or two outputs of a layer, exchanged."""
    return _replaced(whole, rng, r"\.([xy])(\d+)\((\w+)\), \.\1(\d+)\((\w+)\)", r".\1\2(\5), .\1\4(\3)", whole.text)


def change_the_bias(whole: Sound, rng: np.random.Generator) -> Sound:
    """A golden model whose bias is another one, with the right digest."""
    layers = list(whole.model.layers)
    last = layers[-1]
    low, high = last.bounds()
    room = [
        (j, step)
        for j, wire in enumerate(last.outputs)
        for step in (-1, 1)
        if wire.format.low <= low[j] + step and high[j] + step <= wire.format.high
    ]
    if not room:
        raise LookupError(f"no bias of {whole.model.name} can be another one")
    node, step = room[int(rng.integers(len(room)))]
    bias = last.bias.copy()
    bias[node] += step
    layers[-1] = replace(last, bias=bias)
    return replace(whole, model=replace(whole.model, layers=tuple(layers)))


def _in_last_layer(
    whole: Sound, rng: np.random.Generator, pattern: str, by: str | Callable[[re.Match[str]], str]
) -> Sound:
    start = whole.text.index(f"module {whole.model.name}_layer{len(whole.planned.layers) - 1} ")
    return _replaced(whole, rng, pattern, by, whole.text[start:])


def _replaced(
    whole: Sound, rng: np.random.Generator, pattern: str, by: str | Callable[[re.Match[str]], str], part: str
) -> Sound:
    """One of the places where the pattern is found in a part at the end of the text."""
    places = list(re.finditer(pattern, part))
    if not places:
        raise LookupError(f"nothing like {pattern} in {whole.model.name}")
    match = places[int(rng.integers(len(places)))]
    new = by(match) if callable(by) else match.expand(by)
    offset = len(whole.text) - len(part)
    return replace(whole, text=whole.text[: offset + match.start()] + new + whole.text[offset + match.end() :])


MUTATIONS: Final = (
    flip_a_table_entry,
    drop_a_sign,
    subtract,
    narrow,
    skip_a_register,
    add_a_register,
    hurry_valid,
    lie_about_latency,
    swap_two_wires,
    change_the_bias,
)


def mutant(kind: Callable[[Sound, np.random.Generator], Sound], seed: int) -> Sound:
    """A broken artefact; a network that has no place for the mutation is passed over."""
    for tried in range(50):
        rng = np.random.default_rng([seed, tried])
        model = random_model(1000 * seed + tried, (3, 3, 2), (3, 5))
        # Uncompressed words can be wider than any value needs, so that a sign or a first bit may be without effect.
        compress = kind in (drop_a_sign, subtract, narrow) or bool(rng.integers(2))
        whole = sound(model, FpgaOptions(compress=compress, handshake="valid_ready" if rng.integers(2) else "stream"))
        try:
            return kind(whole, rng)
        except LookupError:
            continue
    raise AssertionError(f"no network has a place for {kind.__name__}")
