"""Least squares: what each thing in a circuit costs, from synthesised networks. `bench_fpga.py calibrate` prints it."""

import statistics
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.optimize import nnls

from benchmarks.bench_fpga_models import Case
from splinework.hardware.fpga.circuit import FpgaDesign
from splinework.hardware.fpga.estimate import area_of, costs_of, size_of
from splinework.hardware.fpga.estimate_counts import ResourceCounts, counts
from splinework.hardware.fpga.estimate_paths import TimingPath, longest
from splinework.hardware.fpga.plan import design

ROUNDS = 12
"""Rounds of finding the longest paths with the delays so far, and the delays for these paths."""
PULL = 0.03
"""How strongly costs are drawn to what is expected, in shares of the relative error: what is rare stays sensible."""
PRIORS: dict[str, dict[str, float]] = {
    "xcup": {"carry_bits": 0.0, "absorbed": 0.0, "soft_bits": 1.5},
    "ecp5": {"adder_bits": 0.0, "opposites": 0.0, "muxes": 0.3, "more_muxes": 0.3, "soft_bits": 2.0},
    "ice40": {"adder_bits": 0.0, "opposites": 0.0, "soft_bits": 2.0},
    "ice40-up5k": {"adder_bits": 0.0, "opposites": 0.0, "soft_bits": 2.0},
    "asic": {"lookups": 3.0, "parts": 4.0, "more_parts": 4.0, "adder_bits": 7.0, "clamps": 3.0, "flipflops": 4.0},
}
"""Expected costs where they are not 1."""
DELAYS = {
    "ecp5": TimingPath(1.3, 0.9, 0.25, 1.1, 0.07, 0.1),
    "ice40": TimingPath(1.5, 1.1, 0.9, 1.1, 0.13, 0.1),
    "ice40-up5k": TimingPath(4.0, 2.5, 2.0, 2.5, 0.28, 0.1),
}
"""Expected delays in ns, by the sheets of the families and a guess of the wires."""


def fit_area(lines: Sequence[dict[str, Any]], target: str) -> dict[str, float]:
    """Costs that are not negative, with the least relative error of the area."""
    names = [f.name for f in fields(ResourceCounts) if target == "asic" or f.name != "flipflops"]
    made = [counted(line) for line in lines]
    y = np.array([line["luts"] for line in lines], dtype=float)
    a = np.array([[getattr(c, name) for name in names] for c in made], dtype=float)
    prior = [PRIORS[target].get(name, 1.0) for name in names]
    found = _least(a, y, np.array(prior), np.maximum(np.array(prior), 0.3))
    return {name: round(float(cost), 3) for name, cost in zip(names, found, strict=True) if cost > 5e-4}


def fit_delays(lines: Sequence[dict[str, Any]], target: str, area: dict[str, float]) -> TimingPath:
    """Delays that are not negative, with the least relative error of the period; the longest ways follow the delays."""
    circuits = [circuit_of(line) for line in lines]
    y = np.array([1000.0 / line["fmax_mhz"] for line in lines])
    made = [counted(line) for line in lines]
    sizes = [size_of(c, area_of(c, area)) for c in made]
    prior = np.array(DELAYS[target].values())
    delays = DELAYS[target]
    for _ in range(ROUNDS):
        ways = [
            replace(longest(c, costs_of(target).lookup, delays), size=s) for c, s in zip(circuits, sizes, strict=True)
        ]
        found = _least(np.array([way.values() for way in ways]), y, prior, prior)
        delays = TimingPath(*(0.5 * old + 0.5 * new for old, new in zip(delays.values(), found.tolist(), strict=True)))
    return TimingPath(*(round(value, 3) for value in delays.values()))


def _least(a: np.ndarray, y: np.ndarray, prior: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Least squares of the relative error, plus `PULL` times that of the costs against what is expected."""
    weight = PULL * len(y) ** 0.5 / scale
    found, _ = nnls(np.vstack([a / y[:, None], np.diag(weight)]), np.concatenate([np.ones(len(y)), weight * prior]))
    return np.asarray(found)


def circuit_of(line: dict[str, Any]) -> FpgaDesign:
    """The circuit that a line was measured on."""
    return _circuit(line["number"], line["target"])


@lru_cache(maxsize=256)
def _circuit(number: int, target: str) -> FpgaDesign:
    case = Case.of(number)
    return design(case.model(), case.options(target))


def counted(line: dict[str, Any]) -> ResourceCounts:
    """The resource counts of that circuit."""
    return _counted(line["number"], line["target"])


@lru_cache(maxsize=256)
def _counted(number: int, target: str) -> ResourceCounts:
    costs = costs_of(target)
    return counts(_circuit(number, target), costs.lookup, costs.chain)


def errors(lines: Sequence[dict[str, Any]], guessed: Sequence[float], name: str) -> dict[str, float]:
    """Relative errors in %: of the median design, its absolute value, and of nine in ten."""
    pairs = [(g, line[name]) for g, line in zip(guessed, lines, strict=True) if line[name]]
    relative = [100 * (g / m - 1) for g, m in pairs]
    size = sorted(abs(e) for e in relative)
    if not size:
        return {}
    return {
        "designs": len(size),
        "bias_%": round(statistics.median(relative), 1),
        "median_%": round(statistics.median(size), 1),
        "nine_in_ten_%": round(size[min(len(size) - 1, int(0.9 * len(size)))], 1),
        "worst_%": round(size[-1], 1),
    }
