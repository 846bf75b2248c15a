"""Test vectors for C files: every combination of codes if they are few, else corners, sweeps and random rows."""

import numpy as np

from splinework.hardware.formats import Integers
from splinework.hardware.integer import IntegerModel


def vectors(model: IntegerModel, rows: int, *, seed: int = 0, data: Integers | None = None) -> Integers:
    """Rows of test codes, `(n, I)`.

    These are all combinations if there are at most `rows`. Otherwise they are at least `rows` rows: the data, codes `(m, I)`;
    sweeps of each input with the others at the lowest, highest, middle and a random code; corners; and random codes.
    """
    forms = [w.format for w in model.inputs]
    lows, highs = np.array([f.low for f in forms]), np.array([f.high for f in forms])
    own = np.zeros((0, len(forms)), dtype=np.int64) if data is None else np.asarray(data, dtype=np.int64)
    if sum(f.width for f in forms) <= 40 and np.prod([float(f.count) for f in forms]) <= rows:
        grid = np.meshgrid(*(np.arange(f.low, f.high + 1) for f in forms), indexing="ij")
        return np.column_stack([axis.ravel() for axis in grid])
    rng = np.random.default_rng(seed)
    parts = [own, *_sweeps(lows, highs, rng, rows // 2)]
    parts.append(np.where(_bits(len(forms), max(1, rows // 8), rng), highs, lows))
    left = max(0, rows - sum(len(part) for part in parts))
    parts.append(rng.integers(lows, highs + 1, size=(left, len(forms))))
    return np.concatenate(parts)


def _sweeps(lows: Integers, highs: Integers, rng: np.random.Generator, most: int) -> list[Integers]:
    """Sweeps of each input, thinned evenly to at most `most` rows in total."""
    rest = [lows, highs, (lows + highs) >> 1, rng.integers(lows, highs + 1)]
    step = max(1, -(-len(rest) * int((highs - lows + 1).sum()) // max(1, most)))
    swept = []
    for others in rest:
        for i, (low, high) in enumerate(zip(lows.tolist(), highs.tolist(), strict=True)):
            codes = np.unique(np.append(np.arange(low, high + 1, step), high))
            block = np.repeat(others[None, :], len(codes), axis=0)
            block[:, i] = codes
            swept.append(block)
    return swept


def _bits(inputs: int, most: int, rng: np.random.Generator) -> Integers:
    """Corners as flags of inputs at their highest code: every combination if they are few, else random ones."""
    if inputs < 31 and 1 << inputs <= most:
        every: Integers = (np.arange(1 << inputs)[:, None] >> np.arange(inputs)) & 1
        return every
    drawn = rng.integers(0, 2, size=(most, inputs))
    drawn[0], drawn[-1] = 0, 1
    return drawn
