"""Random quantised networks, and what is measured of a network: its estimate beside what Yosys and nextpnr made of it."""

from __future__ import annotations

import hashlib
import re
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.interpolate import CubicSpline

from splinework.hardware.formats import Format, Integers, Wire
from splinework.hardware.fpga.circuit import FpgaDesign, FpgaOptions
from splinework.hardware.fpga.estimate import estimate
from splinework.hardware.fpga.plan import design
from splinework.hardware.fpga.synthesis import synthesise
from splinework.hardware.fpga.technologies import TECHNOLOGIES
from splinework.hardware.fpga.verilog import verilog
from splinework.hardware.integer import IntegerLayer, IntegerModel
from splinework.hardware.tools import call

SHAPES = ((4, 3), (8, 2), (3, 4, 2), (6, 4, 3), (10, 3), (13, 4, 3), (16, 1), (5, 5, 5, 2), (24, 2), (2, 4, 1))


@dataclass(frozen=True)
class Case:
    """A random network and how it is built; everything follows from the number."""

    number: int
    shape: tuple[int, ...]
    bits: tuple[int, int]
    density: float
    compress: bool
    stage_levels: int
    max_cycles: int | None

    @classmethod
    def of(cls, number: int) -> Case:
        """The case of a number: shapes in turn, the rest drawn."""
        rng = np.random.default_rng((7, number))
        shape = SHAPES[number % len(SHAPES)]
        low = int(rng.integers(2, 6))
        bits = (low, min(8, low + int(rng.integers(0, 4))))
        cycles = 2 * (len(shape) - 1) if rng.random() < 0.2 else None
        return cls(
            number, shape, bits, float(rng.uniform(0.5, 1)), bool(rng.random() < 0.7), int(rng.integers(1, 4)), cycles
        )

    def model(self) -> IntegerModel:
        """The network."""
        return network(self.number, self.shape, self.bits, self.density)

    def options(self, target: str) -> FpgaOptions:
        """How it is built."""
        cycles = {"max_cycles": self.max_cycles} if self.max_cycles is not None else {}
        return FpgaOptions(technology=family(target), compress=self.compress, stage_levels=self.stage_levels, **cycles)


def family(target: str) -> str:
    """The name by which a generator of circuits knows a target."""
    return target.partition("-")[0]


def network(seed: int, shape: Sequence[int], bits: tuple[int, int], density: float = 1.0) -> IntegerModel:
    """A network of smooth random edges with codes of random widths; sums overshoot their codes a little, as trained ones do."""
    rng = np.random.default_rng((11, seed))
    inputs = tuple(_wire(f"x{i}", rng, bits) for i in range(shape[0]))
    layers: list[IntegerLayer] = []
    for number, width in enumerate(shape[1:]):
        last = number == len(shape) - 2
        wires = inputs if number == 0 else layers[-1].outputs
        mask = rng.random((len(wires), width)) < density
        mask[rng.integers(len(wires), size=width), np.arange(width)] = True
        guard = 0 if last else int(rng.integers(0, 2))
        own = int(rng.integers(bits[0], bits[1] + 1))
        step = 2.0 ** (own + guard - 1) * 1.5 / np.sqrt(np.maximum(mask.sum(axis=0), 1))
        tables = tuple(_table(w.format, step, alive, rng) for w, alive in zip(wires, mask, strict=True))
        bias = rng.integers(-4, 5, size=width)
        outputs = tuple(Wire(f"h{number}_{j}", Format(own, 0, bool(rng.integers(2)))) for j in range(width))
        layer = IntegerLayer(tables, mask, bias, guard, outputs)
        if last:
            ends = zip(*(b.tolist() for b in layer.bounds()), strict=True)
            layer = replace(
                layer, outputs=tuple(Wire(f"y{j}", Format.holding(min(a, -1), b)) for j, (a, b) in enumerate(ends))
            )
        layers.append(layer)
    return IntegerModel(f"random{seed}", inputs, tuple(layers))


def _wire(name: str, rng: np.random.Generator, bits: tuple[int, int]) -> Wire:
    width = int(rng.integers(bits[0], bits[1] + 1))
    return Wire(name, Format(width, 0, bool(rng.integers(2))))


def _table(form: Format, step: np.ndarray, alive: np.ndarray, rng: np.random.Generator) -> Integers:
    """A cubic spline through random values, on five intervals, of a random size for each node."""
    knots = np.cumsum(rng.normal(size=(6, len(step))), axis=0)
    knots /= np.abs(knots - knots.mean(axis=0)).max(axis=0) + 0.1
    curves = CubicSpline(np.linspace(0, 1, 6), knots)(np.linspace(0, 1, form.count))
    sizes = step * rng.uniform(0.2, 1, size=len(step))
    table: Integers = (np.rint(curves * sizes) * alive).astype(np.int64)
    return table


def build(model: IntegerModel, options: FpgaOptions) -> tuple[dict[str, Any], FpgaDesign]:
    """A circuit, and the words by which a line of results is known to belong to it: a line about other Verilog is void."""
    circuit = design(model, options)
    text = re.sub("//.*", "", "".join(verilog(circuit).values()))
    return {"model": model.name, "verilog": hashlib.sha256(text.encode()).hexdigest()[:16]}, circuit


def measure(circuit: FpgaDesign, target: str, *, seeds: Sequence[int] = (1,), mhz: float = 250.0) -> dict[str, Any]:
    """One line of results: a circuit estimated, synthesised, placed and routed."""
    guess = estimate(circuit, target)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        rtl = Path(name) / "rtl"
        rtl.mkdir()
        for file, text in verilog(circuit).items():
            (rtl / file).write_text(text)
        result = synthesise(name, circuit.name, target, seeds=seeds, mhz=mhz)
    options = circuit.options
    return {
        "target": target,
        "shape": [len(circuit.inputs), *(len(layer.nodes) for layer in circuit.layers)],
        "compress": options.compress,
        "stage_levels": options.stage_levels,
        "max_cycles": options.max_cycles,
        "luts": result.luts,
        "lcs": result.lcs,
        "flipflops": result.flipflops,
        "carries": result.carries,
        "latency_cycles": circuit.latency_cycles,
        "fmax_mhz": result.fmax_mhz,
        "fmax_by_seed": [rate for _, rate in result.fmax_by_seed],
        "rerouted": list(result.rerouted),
        "estimate": asdict(guess),
        "recipe": result.recipe,
        "tools": dict(result.tools),
        "synthesis_s": round(time.perf_counter() - start, 1),
    }


def simulated_latency(model: IntegerModel, circuit: FpgaDesign) -> int | None:
    """Edges of the clock from a change of the inputs to the change of the outputs, in a simulation by Icarus.

    The inputs stand still at one row of codes, then at another with other outputs; None where no such rows are found. It looks
    at the values only, neither at the valid bits nor at what the design says of itself.
    """
    rng = np.random.default_rng(0)
    forms = [wire.format for wire in model.inputs]
    rows = np.column_stack([rng.integers(f.low, f.high + 1, size=64) for f in forms])
    outputs = model.run(rows)
    other = next((k for k in range(1, 64) if (outputs[k] != outputs[0]).any()), None)
    if other is None:
        return None
    ends = model.wires(len(model.layers))
    ports = [f".x{i}(x{i})" for i in range(len(forms))] + [f".y{j}(y{j})" for j in range(len(ends))]
    wires = [f"reg [{f.width - 1}:0] x{i};" for i, f in enumerate(forms)]
    wires += [f"wire [{w.format.width - 1}:0] y{j};" for j, w in enumerate(ends)]
    before, after = (" ".join(f"x{i} = {code};" for i, code in enumerate(rows[k].tolist())) for k in (0, other))
    met = " && ".join(
        f"y{j} === {_bits(int(v), w.format)}" for j, (v, w) in enumerate(zip(outputs[other], ends, strict=True))
    )
    bench = f"""module tb; reg clk = 0, rst = 0; {" ".join(wires)} integer n;
{circuit.name} dut (.clk(clk), .rst(rst), .in_valid(1'b1), .out_valid(), {", ".join(ports)});
initial begin {before} for (n = 0; n < 200; n = n + 1) begin #1 clk = 1; #1 clk = 0; end
{after} #1; n = 0; while (!({met}) && n < 200) begin #1 clk = 1; #1 clk = 0; #1; n = n + 1; end
$display("latency %0d", n); $finish; end endmodule
"""
    with tempfile.TemporaryDirectory() as name:
        texts = {"tb.v": bench, **verilog(circuit)}
        for file, text in texts.items():
            (Path(name) / file).write_text(text)
        call(["iverilog", "-g2012", "-s", "tb", "-o", "tb.vvp", *texts], Path(name))
        output = call(["vvp", "-n", "tb.vvp"], Path(name)).stdout
    return int(output.split("latency")[1].split()[0])


def _bits(value: int, form: Format) -> str:
    return f"{form.width}'d{value & (form.count - 1)}"


def families() -> list[str]:
    """The targets with costs of their own."""
    return [name for name in TECHNOLOGIES if name != "ecp5-25"]
