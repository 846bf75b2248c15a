"""Codes that an artefact is tried on: every combination where there are few, else corners, sweeps and random rows."""

import numpy as np

from splinework.hardware.formats import Integers
from splinework.hardware.integer import IntegerModel


def vectors(model: IntegerModel, rows: int, *, seed: int = 0, data: Integers | None = None) -> Integers:
    """Rows of codes, `(n, I)`, by a seed.

    All combinations if they are at most `rows`. Else at least `rows` rows: the data, codes `(m, I)`; each input swept over all
    its codes while the others rest at the lowest, the highest, a middle and a random code; corners, every input at one of its
    ends; and random codes.
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
    """Each input alone, at most so many rows in all, evenly left out where they would be more."""
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
    """Which inputs are high: every combination if they are few, else random ones, none and all."""
    if inputs < 31 and 1 << inputs <= most:
        every: Integers = (np.arange(1 << inputs)[:, None] >> np.arange(inputs)) & 1
        return every
    drawn = rng.integers(0, 2, size=(most, inputs))
    drawn[0], drawn[-1] = 0, 1
    return drawn
