"""Figures of floating-gate memory: measured injection, distinguishable levels, error against pulses, endurance, retention.

Each function makes its own cells from a seed, or takes some, and returns numbers. Programming itself is in `programming`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from benchmarks.analog.memory import Cell, CellArray, Floats, product_for
from benchmarks.analog.programming import Prior, Programmed, Readout, WriteVerify, program
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


@dataclass(frozen=True, eq=False)
class ErrorCurve:
    """Errors of values, as shares of full scale, over the cells, after each number of pulses.

    Attributes:
        pulses: `(p,)`, from 0.
        median: `(p,)`, of the absolute errors.
        rms: `(p,)`.
        upper: `(p,)`, the 95th percentile of the absolute errors.
        done: `(p,)`, share of cells that are programmed.
    """

    pulses: Floats
    median: Floats
    rms: Floats
    upper: Floats
    done: Floats


def error_curve(result: Programmed) -> ErrorCurve:
    """The error against pulses of a programming."""
    sizes = np.abs(result.errors)
    pulses = np.arange(len(sizes), dtype=np.float64)
    done = ((result.pulses[None, :] <= pulses[:, None]) & result.reached).mean(axis=1)
    median, upper = np.quantile(sizes, [0.5, 0.95], axis=1)
    return ErrorCurve(pulses, median, np.sqrt((sizes**2).mean(axis=1)), upper, done)


def levels(errors: ArrayLike, *, confusion: float = 1e-2) -> int:
    """Number of evenly spaced levels that can be distinguished: at most the given share of errors exceeds half a step.

    Args:
        errors: Value minus target, as shares of full scale.
        confusion: Share of errors that may exceed half a step.

    Example:
        >>> levels([0.0018, -0.001, 0.0005], confusion=0.0)
        278
    """
    sizes = np.abs(np.asarray(errors, dtype=np.float64))
    if sizes.size == 0 or not 0 <= confusion < 1:
        raise DataError(f"levels need errors, and a confusion from 0 to 1, got {sizes.size} errors and {confusion}.")
    worst = float(np.quantile(sizes, 1 - confusion, method="higher"))
    return 1 + int(0.5 / max(worst, 0.5 / 2**16))


@dataclass(frozen=True)
class Endurance:
    """Performance of cells after a number of program and erase cycles.

    Attributes:
        cycles: Number of program and erase cycles before.
        window: Mean width of the window, volts.
        pulses: Median number of pulses to the tolerance.
        reached: Share of cells that reach it.
        levels: Levels that can be distinguished at 1 % confusion.
    """

    cycles: float
    window: float
    pulses: float
    reached: float
    levels: int


def endurance_curve(
    cycles: Sequence[float] = (0, 1e2, 1e3, 1e4, 1e5, 1e6),
    *,
    cell: Cell | None = None,
    recipe: WriteVerify | None = None,
    readout: Readout | None = None,
    count: int = 500,
    seed: int = 0,
) -> tuple[Endurance, ...]:
    """Programs fresh and worn cells to random values: how the window closes, and what that costs.

    Args:
        cycles: Numbers of program and erase cycles.
        cell: Properties that all cells share.
        recipe: How they are programmed.
        readout: Quantity that is the value of a cell.
        count: Cells for each number of cycles; the same ones each time.
        seed: Seed of cells and targets.
    """
    rows = []
    targets = np.random.default_rng(seed + 1).random(count)
    for number in cycles:
        array = CellArray(count, cell, seed=seed)
        array.cycle(number)
        low, high = array.window()
        done = program(array, targets, recipe, readout=readout)
        rows.append(
            Endurance(
                float(number),
                float(np.maximum(high - low, 0).mean()),
                float(np.median(done.pulses)),
                float(done.reached.mean()),
                levels(done.values - done.targets),
            )
        )
    return tuple(rows)


@dataclass(frozen=True)
class Kept:
    """Accuracy of programmed values after years at a temperature; errors as shares of full scale.

    Attributes:
        years: Time in years.
        celsius: Temperature during that time; cells are read at 27 °C.
        rms: Root mean square of the error.
        worst: 99th percentile of the absolute error.
        levels: Levels that can be distinguished at 1 % confusion.
        drift: Median loss of voltage at the gate, volts.
    """

    years: float
    celsius: float
    rms: float
    worst: float
    levels: int
    drift: float


def retention_curve(
    years: Sequence[float] = (1, 5, 10),
    celsius: Sequence[float] = (27.0, 55.0, 85.0, 125.0),
    *,
    cell: Cell | None = None,
    recipe: WriteVerify | None = None,
    readout: Readout | None = None,
    count: int = 500,
    seed: int = 0,
) -> tuple[Kept, ...]:
    """Programs cells to random values and lets them age.

    Args:
        years: Times in years.
        celsius: Temperatures in °C.
        cell: Properties that all cells share.
        recipe: How they are programmed.
        readout: Quantity that is the value of a cell.
        count: Number of cells.
        seed: Seed of cells and targets.
    """
    readout = readout or Readout()
    array = CellArray(count, cell, seed=seed)
    targets = np.random.default_rng(seed + 1).random(count)
    program(array, targets, recipe, readout=readout)
    start = array.v.copy()
    rows = []
    for temperature in celsius:
        for time in years:
            array.v = start.copy()
            array.age(time, temperature)
            errors = readout.true(array) - targets
            rows.append(
                Kept(
                    float(time),
                    float(temperature),
                    float(np.sqrt((errors**2).mean())),
                    float(np.quantile(np.abs(errors), 0.99)),
                    levels(errors),
                    float(np.median(start - array.v)),
                )
            )
    array.v = start
    return tuple(rows)
