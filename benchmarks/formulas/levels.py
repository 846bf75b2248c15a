"""Formulas with categories: a drawn formula of numbers, and effects of the levels of one to three categorical columns.

A category of k levels comes as k - 1 columns of 0 and 1. By turns its effects are added to the formula, multiply it, or change
the slope of one of its columns.
"""

import random

import numpy as np

from benchmarks.formulas.grammar import LEAST_EFFECT, RANGES, _constant, _expression
from benchmarks.formulas.tasks import Floats, Task, stretched
from splinework.formula.expression import Expression

N_SETS, MAX_CATEGORIES, MAX_LEVELS, DEPTH = 20, 3, 4, 2


def categories(seed: int = 0) -> tuple[Task, ...]:
    """The sets of a seed: 0 was looked at while the search was built."""
    generator = random.Random(seed)
    found: list[Task] = []
    while len(found) < N_SETS:
        task = _drawn(generator, f"levels-{seed}" if seed else "levels", len(found))
        if task is not None:
            found.append(task)
    return tuple(found)


def _drawn(generator: random.Random, suite: str, number: int) -> Task | None:
    numeric = [f"x{k + 1}" for k in range(generator.randint(1, 3))]
    sizes = [generator.randint(2, MAX_LEVELS) for _ in range(1 + number % MAX_CATEGORIES)]
    levels = [[f"c{k + 1}_{'qrs'[level]}" for level in range(size - 1)] for k, size in enumerate(sizes)]
    ranges = [generator.choice(RANGES) for _ in numeric]
    text = _expression(generator, tuple(numeric), DEPTH)
    for k, names in enumerate(levels):
        effect = " + ".join(f"{generator.choice(('', '-'))}{_constant(generator)}*{name}" for name in names)
        kind = (number + k) % 3
        if kind == 0:
            text = f"{text} + {effect}"
        elif kind == 1:
            text = f"({text})*(1 + {effect})"
        else:
            text = f"{text} + {generator.choice(numeric)}*({effect})"
    inputs = (*numeric, *(name for names in levels for name in names))
    function = Expression(text, inputs)

    def draw(source: np.random.Generator, n: int, factor: float) -> Floats:
        """Numbers from the box, and one level of each category."""
        low, high = stretched(tuple(r[0] for r in ranges), tuple(r[1] for r in ranges), factor)
        parts = [source.uniform(low, high, (n, len(numeric)))]
        parts += [(source.integers(0, size, n)[:, None] == np.arange(1, size)).astype(float) for size in sizes]
        return np.column_stack(parts)

    low = (*(r[0] for r in ranges), *(0.0 for names in levels for _ in names))
    high = (*(r[1] for r in ranges), *(1.0 for names in levels for _ in names))
    task = Task(suite, f"{number:02d}", inputs, function, low, high, text, draw=draw)
    if not np.isfinite(function(draw(np.random.default_rng(0), 2000, 1.0))).all():
        return None
    x, y = task.training(0.0, 0)
    if not np.isfinite(y).all() or not 1e-3 < y.std() < 1e4 or np.abs(y - y.mean()).max() > 20 * y.std():
        return None
    wide = task.wide(0)[1]
    moved = [np.column_stack([x[::-1, i] if i == j else x[:, i] for i in range(x.shape[1])]) for j in range(x.shape[1])]
    with np.errstate(all="ignore"):
        acts = all((np.abs(function(m) - y).mean()) > LEAST_EFFECT * y.std() for m in moved)
    return task if acts and np.isfinite(wide).mean() > 0.5 else None
