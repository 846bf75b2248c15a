"""Analogue circuits: edges against splines, Python against ngspice, temperature; the tables of the hardware pages.

`edges` fits 60 random cubic splines (5 intervals) with K elements and draws chips with programming errors (1 % of every tail,
0.5 mV of every centre). `spice` runs fitted edges and converted networks in ngspice. `temperature` holds a converted network
from 0 to 85 °C, for both ways that tails follow temperature, with every remedy. All errors are in % of span.

Run: python benchmarks/bench_analog.py edges [--splines 60] [--elements 6,8,10,12] [--kinds tanh]
     python benchmarks/bench_analog.py spice [--splines 10] [--rows 20]
     python benchmarks/bench_analog.py temperature [--shape 2,3,1]
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.interpolate import BSpline

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import splinework as sw
from benchmarks.analog.spice import run_edge, run_network
from benchmarks.analog.temperature import over_temperature, span_error
from splinework.hardware.analog.budget import area, headroom, power
from splinework.hardware.analog.circuits import OperatingPoint
from splinework.hardware.analog.convert import convert
from splinework.hardware.analog.ekv import GENERIC, NOMINAL
from splinework.hardware.analog.fitting import EdgeFit, EdgeFitRecipe, edge_current, fit_edge
from splinework.hardware.analog.network import Element, Span

SPAN = Span(-1.0, 1.0, GENERIC.input_low, GENERIC.input_high)
KELVIN = (273.15, NOMINAL, 358.15)
DRAWS = 10


def spline(seed: int, points: int = 161) -> np.ndarray:
    knots = -1 + 2 / 5 * np.arange(-3, 9)
    return np.asarray(BSpline(knots, np.random.default_rng(seed).normal(size=8), 3)(np.linspace(-1, 1, points)))


def fitted(seed: int, recipe: EdgeFitRecipe) -> EdgeFit:
    values = spline(seed)
    unit = float(np.ptp(values)) / GENERIC.node_current
    return fit_edge(values, SPAN, unit=unit, technology=GENERIC, recipe=recipe)


def on_chips(fit: EdgeFit, seed: int) -> tuple[list[float], list[float]]:
    """Errors of chips with programming errors, as they are and with the constant trimmed."""
    rng, voltage, values = (
        np.random.default_rng(seed),
        np.linspace(SPAN.low_voltage, SPAN.high_voltage, 161),
        spline(seed),
    )
    plain, trimmed = [], []
    for _ in range(DRAWS):

        def chip(e: Element) -> Element:
            return replace(e, gain=e.gain * (1 + 0.01 * rng.normal()), centre=e.centre + 5e-4 * rng.normal())

        current = edge_current(voltage, tuple(chip(e) for e in fit.elements), OperatingPoint(GENERIC)) + fit.constant
        error = (current * fit.unit - values) / np.ptp(values)
        plain.append(float(np.sqrt(np.mean(error**2))))
        trimmed.append(float(np.std(error)))
    return plain, trimmed


def two(values: list[float]) -> str:
    return f"{100 * np.median(values):.2f} / {100 * np.quantile(values, 0.95):.2f}"


def edges(arguments: argparse.Namespace) -> None:
    kinds = tuple(arguments.kinds.split(","))
    print(f"{arguments.splines} splines, kinds {kinds}: rms in % of span, median / 95th percentile\n")
    print("| K | fit | worst fit | 1 % programming error | with constant trimmed | largest tail / span | ms an edge |")
    print("|---|---|---|---|---|---|---|")
    for count in map(int, arguments.elements.split(",")):
        start = time.perf_counter()
        fits = [fitted(seed, EdgeFitRecipe(max_elements=count, kinds=kinds)) for seed in range(arguments.splines)]
        took = 1e3 * (time.perf_counter() - start) / len(fits)
        chips = [on_chips(fit, seed) for seed, fit in enumerate(fits)]
        plain, trimmed = ([e for chip in chips for e in chip[k]] for k in (0, 1))
        tails = [max(abs(e.gain) for e in fit.elements) / GENERIC.node_current for fit in fits]
        errors = [fit.rms for fit in fits]
        print(
            f"| {count} | {two(errors)} | {100 * max(errors):.2f} | {two(plain)} | {two(trimmed)} | "
            f"{np.median(tails):.2f} | {took:.0f} |",
            flush=True,
        )


def network(shape: list[object], seed: int) -> tuple[sw.KAN, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(600, int(str(shape[0])), generator=generator, dtype=torch.float64) * 2 - 1
    y = torch.exp(torch.sin(torch.pi * x[:, :1]) + x[:, -1:] ** 2)
    model = sw.KAN(shape, grid=5, generator=generator, dtype=torch.float64)
    return sw.fit(model, x, y, steps=60, validation=None).model, x


def spice(arguments: argparse.Namespace) -> None:
    against_spline, against_python = [], []
    voltage = np.linspace(SPAN.low_voltage, SPAN.high_voltage, 161)
    for seed in range(arguments.splines):
        fit = fitted(seed, EdgeFitRecipe(max_elements=10))
        found = run_edge(fit.elements, voltage, technology=GENERIC, temperatures=KELVIN)
        for kelvin, wires in zip(KELVIN, found, strict=True):
            current = edge_current(voltage, fit.elements, OperatingPoint(GENERIC, kelvin))
            against_python.append(float(np.abs(wires[:, 0] - wires[:, 1] - current).max() / np.ptp(current)))
        values, wires = spline(seed), found[1]
        error = ((wires[:, 0] - wires[:, 1] + fit.constant) * fit.unit - values) / np.ptp(values)
        against_spline.append(float(np.sqrt(np.mean(error**2))))
    print(
        f"{arguments.splines} edges of 10 pairs in ngspice at 27 °C against their splines: rms {two(against_spline)} %"
    )
    print(
        f"largest {100 * max(against_spline):.2f} %; Python against ngspice, 0, 27, 85 °C: {100 * max(against_python):.1g} %"
    )
    for seed, shape in enumerate(([2, 2, 1], [2, (1, 1), 1], [2, 3, 2, 1])):
        model, x = network(shape, seed)
        made = convert(model, x)
        rows = x.numpy()[: arguments.rows]
        start = time.perf_counter()
        found = run_network(made.network, rows, temperatures=KELVIN, timeout=3000)
        took = time.perf_counter() - start
        wanted = [made.network.forward(rows, temperature=kelvin) for kelvin in KELVIN]
        difference = max(float(np.abs(a - b).max() / np.ptp(b)) for a, b in zip(found, wanted, strict=True))
        reference = model(x).detach().numpy()
        print(
            f"{shape}: {made.network.element_count} elements, median edge {100 * made.median_rms:.2f} %, outputs against the "
            f"float network {100 * span_error(made.network.forward(x.numpy()), reference):.2f} % of span; Python against "
            f"ngspice {100 * difference:.1g} % ({len(rows)} rows, 0, 27, 85 °C, {took:.0f} s)",
            flush=True,
        )


def temperature(arguments: argparse.Namespace) -> None:
    model, x = network([int(n) for n in arguments.shape.split(",")], 0)
    made = convert(model, x)
    rows, reference = x.numpy(), model(x).detach().numpy()
    for law in ("reference", "charge"):
        own = replace(made.network, technology=replace(made.network.technology, tail_law=law))
        print(f"tails follow: {law}; outputs against the float network, rms in % of span\n")
        print(over_temperature(own, rows, reference).to_text() + "\n", flush=True)
    p, a = power(made.network, rows), area(made.network)
    print(
        f"{made.network.element_count} elements, {a.cells} cells, {a.total / 1e6:.3f} mm²; {1e6 * p.watts:.1f} µW",
        end="",
    )
    print(
        f", settles in {1e6 * p.settling:.2f} µs, {1e12 * p.joules:.0f} pJ; headroom {headroom(made.network):.1f} U_T"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("edges")
    command.add_argument("--splines", type=int, default=60)
    command.add_argument("--elements", default="6,8,10,12")
    command.add_argument("--kinds", default="tanh")
    command.set_defaults(run=edges)
    command = commands.add_parser("spice")
    command.add_argument("--splines", type=int, default=10)
    command.add_argument("--rows", type=int, default=20)
    command.set_defaults(run=spice)
    command = commands.add_parser("temperature")
    command.add_argument("--shape", default="2,3,1")
    command.set_defaults(run=temperature)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
