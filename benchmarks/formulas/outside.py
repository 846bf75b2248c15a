"""Tasks without a formula to find: pure noise, and functions that no library of formulas holds."""

from dataclasses import replace
from functools import partial

import numpy as np
from scipy.interpolate import BSpline
from scipy.special import lambertw, y0, zeta

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


def beyond() -> tuple[Task, ...]:
    """Functions of which only some parts are formulas; those parts should be kept."""
    return (
        _beyond("Y0(3x)", lambda x: y0(3 * x[:, 0]), (0.3,), (6.0,)),
        _beyond("Y0(x² + y²)", lambda x: y0(x[:, 0] ** 2 + x[:, 1] ** 2), (0.5, 0.5), (2.0, 2.0)),
        _beyond("Y0(3x) + y²", lambda x: y0(3 * x[:, 0]) + x[:, 1] ** 2, (0.3, -1.5), (6.0, 1.5), ("x2",)),
        _beyond("spline(x)", lambda x: wiggle(x[:, 0], 1), (0.0,), (1.0,)),
        _beyond(
            "spline(x) + sin 3y", lambda x: wiggle(x[:, 0], 2) + np.sin(3 * x[:, 1]), (0.0, -2.0), (1.0, 2.0), ("x2",)
        ),
        _beyond("spline(x) √y", lambda x: wiggle(x[:, 0], 3) * np.sqrt(x[:, 1]), (0.0, 1.0), (1.0, 4.0), ("x2",)),
        _beyond("W(x y)", lambda x: np.real(lambertw(x[:, 0] * x[:, 1])), (0.5, 0.5), (5.0, 5.0)),
        _beyond("ζ(x) + exp(-y)", lambda x: zeta(x[:, 0]) + np.exp(-x[:, 1]), (1.2, 0.0), (3.0, 3.0), ("x2",)),
    )


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
        low = (0.0,) * len(high)
        found.append(replace(_beyond(f"{number:02d}", drawn, low, high, kept), suite=f"curves-{seed}"))
    return tuple(found)


def _beyond(name: str, function, low, high, kept: tuple[str, ...] = ()) -> Task:
    names = tuple(f"x{index}" for index in range(1, len(low) + 1))
    return Task("outside", name, names, function, low, high, wanted="refusal", kept=kept)
