"""The same laws from worse data: idle, integer, collinear and categorical inputs, gross outliers, fewer rows."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.stats import norm

from benchmarks.formulas.tasks import Floats, Task, stretched
from splinework.formula.expression import Expression

CORRELATION = 0.99
OUTLIERS = 0.05
FEWEST_PLACES = 25
"""Fewest distinct rows of whole numbers."""
GROSS = 10.0
"""Standard deviation of the outliers' deviation, in standard deviations of y."""
LEVELS = (1.0, 2.0, 0.5)
"""Factor of y at the levels 0, 1, 2 of the category."""


def change(task: Task, name: str) -> Task | None:
    """The task as part of the suite of this name; None where it does not apply."""
    return _CHANGES[name](replace(task, suite=name))


def _idle(task: Task) -> Task:
    """Two inputs more that do nothing."""
    low, high = task.low[0], task.high[0]
    inner = task.function
    return replace(
        task,
        inputs=(*task.inputs, "idle_1", "idle_2"),
        function=lambda x: inner(x[:, :-2]),
        low=(*task.low, low, -1.0),
        high=(*task.high, high, 1.0),
    )


def _integers(task: Task) -> Task | None:
    """Whole numbers within the range in training; scored on rows between them. None where they are too few to tell a law."""
    places = np.prod(np.floor(task.high) - np.ceil(task.low) + 1)

    def learn(generator: np.random.Generator, n: int, factor: float) -> Floats:
        low, high = stretched(task.low, task.high, factor)
        return generator.integers(np.ceil(low), np.floor(high), (n, len(low)), endpoint=True).astype(float)

    return replace(task, learn=learn) if places >= FEWEST_PLACES else None


def _collinear(task: Task) -> Task | None:
    """The first two inputs correlated in training, by a Gaussian copula; scored on independent rows."""
    if len(task.inputs) < 2:
        return None

    def learn(generator: np.random.Generator, n: int, factor: float) -> Floats:
        low, high = stretched(task.low, task.high, factor)
        normal = generator.standard_normal((n, len(low)))
        normal[:, 1] = CORRELATION * normal[:, 0] + np.sqrt(1 - CORRELATION**2) * normal[:, 1]
        return low + (high - low) * norm.cdf(normal)

    return replace(task, learn=learn)


def _outliers(task: Task) -> Task:
    """One row in twenty far off."""

    def spoil(generator: np.random.Generator, y: Floats) -> Floats:
        hit = generator.permutation(len(y)) < OUTLIERS * len(y)
        return y + hit * GROSS * y.std() * generator.standard_normal(len(y))

    return replace(task, spoil=spoil)


def _fewer(task: Task) -> Task:
    """Thirty percent fewer rows."""
    return replace(task, rows=round(0.7 * task.rows))


def _categories(task: Task) -> Task:
    """One input more with the levels 0, 1, 2, of which each has a factor of y."""
    names = (*task.inputs, "category")
    first, second, third = LEVELS
    bend = (third - 2 * second + first) / 2
    slope = second - first - bend
    text = f"({task.truth})*({first} + {slope}*category + {bend}*category**2)"

    def draw(generator: np.random.Generator, n: int, factor: float) -> Floats:
        low, high = stretched(task.low, task.high, factor)
        return np.column_stack([generator.uniform(low, high, (n, len(low))), generator.integers(0, 3, n)])

    return replace(
        task,
        inputs=names,
        truth=text,
        function=Expression(text, names),
        draw=draw,
        low=(*task.low, 0.0),
        high=(*task.high, 2.0),
    )


_CHANGES: dict[str, Callable[[Task], Task | None]] = {
    "idle": _idle,
    "integers": _integers,
    "collinear": _collinear,
    "outliers": _outliers,
    "fewer": _fewer,
    "categories": _categories,
}
NAMES = tuple(_CHANGES)
