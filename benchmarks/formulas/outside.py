"""Tasks without a formula to find: pure noise, and random splines, which no library of formulas holds."""

from functools import partial

import numpy as np
from scipy.interpolate import BSpline

from benchmarks.formulas.tasks import Floats, Task

SEEDS = 40
SIZES = ((1000, 3), (200, 5))
"""Rows and inputs of the noise, in turn; few rows and many inputs tempt most."""


def noise() -> tuple[Task, ...]:
    """Targets that are Gaussian and know nothing of the inputs: the answer is a constant."""
    return tuple(_noise(number, *SIZES[number % len(SIZES)]) for number in range(SEEDS))


def _noise(number: int, rows: int, columns: int) -> Task:
    def scatter(generator: np.random.Generator, y: Floats) -> Floats:
        return y + generator.standard_normal(len(y))

    names = tuple(f"x{index}" for index in range(1, columns + 1))
    return Task(
        "noise",
        f"{number:02d} of {rows} rows",
        names,
        lambda x: np.zeros(len(x)),
        (-1.0 + number / 100,) * columns,  # another box, so that no two have the same rows
        (1.0 + number / 50,) * columns,
        truth="0",
        wanted="constant",
        rows=rows,
        spoil=scatter,
    )


def wiggle(x: Floats, seed: int) -> Floats:
    """A cubic spline with random coefficients on [0, 1], twelve intervals."""
    knots = np.r_[[0.0] * 3, np.linspace(0, 1, 13), [1.0] * 3]
    return np.asarray(BSpline(knots, np.random.default_rng(seed).standard_normal(15), 3)(x))


def curves(seed: int = 0) -> tuple[Task, ...]:
    """Twenty functions that no formula comes near: random splines of one column, their sums, and with a factor of another one."""
    kinds = (
        (lambda x, s: wiggle(x[:, 0], s), (1.0,), ()),
        (lambda x, s: wiggle(x[:, 0], s) + wiggle(x[:, 1], s + 500), (1.0, 1.0), ()),
        (lambda x, s: wiggle(x[:, 0], s) * np.exp(x[:, 1]), (1.0, 1.0), ("x2",)),
    )
    found = []
    for number in range(20):
        function, high, kept = kinds[number % len(kinds)]
        drawn = partial(function, s=1000 * (seed + 1) + number)
        names = tuple(f"x{index}" for index in range(1, len(high) + 1))
        low = (0.0,) * len(high)
        found.append(Task(f"curves-{seed}", f"{number:02d}", names, drawn, low, high, wanted="refusal", kept=kept))
    return tuple(found)
