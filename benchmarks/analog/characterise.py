"""How floating-gate cells answer to injection, measured from a sample of them. Programming itself is in `programming`."""

from collections.abc import Sequence

import numpy as np

from benchmarks.analog.memory import CellArray, Floats, product_for
from benchmarks.analog.programming import Prior
from splinework.errors import ConfigError, DataError
from splinework.hardware.analog.ekv import NOMINAL, thermal_voltage


def characterise(
    array: CellArray,
    *,
    drains: Sequence[float] = (5.5, 6.0, 6.5),
    pulses: int = 3,
    channel: float = 2e-6,
    reads: int = 16,
) -> Prior:
    """Measures how cells answer to injection, and so what a programmer may expect of the next ones.

    Every cell gets a few pulses that move a nominal one by 10 mV, at each drain voltage; straight lines
    `s + β (V_DS − V_ref)` are fitted to the logarithms of the rates cell by cell, and the means and standard deviations over the
    cells are returned. Cells are erased at the end.

    Args:
        array: A sample of cells, at least 4; they take wear.
        drains: Voltages, at least two.
        pulses: Pulses at each.
        channel: Channel current at the start of a pulse, amperes.
        reads: Readings averaged.

    Raises:
        ConfigError: If there are too few cells or voltages.
        DataError: If too few pulses moved the cells measurably.
    """
    if len(array) < 4 or len(set(drains)) < 2 or pulses < 1:
        raise ConfigError(
            f"characterising takes 4 cells, 2 voltages and 1 pulse, got {len(array)}, {drains} and {pulses}."
        )
    cell = array.cell
    xs, ys = [], []
    alpha = 1 - thermal_voltage(NOMINAL) / cell.injection_voltage
    base = np.log(cell.injection / cell.capacitance) + alpha * np.log(channel / cell.reference_current)
    slope = np.full(len(array), alpha * cell.steepness(cell.voltage(channel)))
    wanted = float(product_for(np.full(1, 0.01), slope[:1])[0])
    for drain in drains:
        array.erase()
        seconds = wanted * np.exp(-base - (drain - cell.reference_voltage) / cell.injection_voltage)
        for _ in range(pulses):
            v = array.sense(reads)
            gate = cell.voltage(channel) - v
            array.inject(drain, gate, seconds)
            moved = array.sense(reads) - v
            measurable = moved > 6 * cell.read_noise / np.sqrt(reads)
            y = np.log(np.maximum(product_for(np.maximum(moved, 1e-9), slope), 1e-12)) - base - np.log(seconds)
            ys.append(np.where(measurable, y, np.nan))
            xs.append(np.full(len(array), drain - cell.reference_voltage))
    array.erase()
    strengths, slopes = _lines(np.array(xs), np.array(ys))
    return Prior(
        float(strengths.mean()),
        float(max(strengths.std(ddof=1), 0.05)),
        float(slopes.mean()),
        float(max(slopes.std(ddof=1), 0.02)),
    )


def _lines(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Intercepts and slopes of the columns that have enough points."""
    lines = []
    for a, b in zip(x.T, y.T, strict=True):
        measured = np.isfinite(b)
        if len(np.unique(a[measured])) > 1:
            slope, level = np.polyfit(a[measured], b[measured], 1)
            lines.append((level, slope))
    if len(lines) < 4:
        raise DataError(f"only {len(lines)} cells moved measurably; use higher drain voltages or more readings.")
    both = np.array(lines)
    return both[:, 0], both[:, 1]
