"""Formulas drawn at random from a grammar: a suite that nobody has tuned on, and as many others as there are seeds."""

import random
from functools import cache

import numpy as np

from benchmarks.formulas.tasks import FAR, Floats, Task
from splinework.formula.expression import Expression

SEED = 0
SIZE = 30
RANGES = ((0.5, 3.0), (1.0, 5.0), (0.1, 1.0), (-2.0, 2.0), (-3.0, 1.0), (0.2, 4.0))
FUNCTIONS = ("sin", "cos", "exp", "log", "sqrt", "tanh", "arctan", "cosh", "gauss")
POWERS = ("2", "3", "-1", "-2", "0.5", "1.5")
WEIGHTS = {"leaf": 3, "sum": 3, "product": 3, "quotient": 1, "power": 2, "function": 3}
DEPTH = 3
LEAST_EFFECT = 0.02
"""Least mean change of y by each input, in standard deviations of y."""
HEAVIEST = 20.0
"""Largest |y - mean|, in standard deviations."""


@cache
def suite(seed: int) -> tuple[Task, ...]:
    """`SIZE` formulas of 1 to 4 inputs."""
    name = "random" if seed == SEED else f"random-{seed}"
    generator = random.Random(seed)
    found: dict[str, Task] = {}
    while len(found) < SIZE:
        task = _drawn(generator, name, len(found))
        if task is not None:
            found.setdefault(str(task.truth), task)
    return tuple(found.values())


def _drawn(generator: random.Random, suite: str, number: int) -> Task | None:
    """One draw, None if it is no fair question."""
    inputs = tuple(f"x{index}" for index in range(1, generator.randint(1, 4) + 1))
    ranges = [generator.choice(RANGES) for _ in inputs]
    text = _expression(generator, inputs, DEPTH)
    low, high = (tuple(each[end] for each in ranges) for end in (0, 1))
    function = Expression(text, inputs)
    task = Task(suite, f"{number:02d}", inputs, function, low, high, text)
    return task if _fair(task, function) else None


def _expression(generator: random.Random, inputs: tuple[str, ...], depth: int) -> str:
    """A draw from the grammar."""
    kinds = {kind: weight for kind, weight in WEIGHTS.items() if depth > 0 or kind == "leaf"}
    if depth == DEPTH:
        del kinds["leaf"]
    kind = generator.choices(list(kinds), list(kinds.values()))[0]
    below = [_expression(generator, inputs, depth - 1) for _ in range(2)] if kind != "leaf" else []
    if kind in ("sum", "quotient") and below[0].rpartition("*")[2] == below[1].rpartition("*")[2]:
        return below[0]  # both multiples of one input, say: nothing new
    if kind == "leaf":
        name = generator.choice(inputs)
        return name if generator.random() < 0.5 else f"{_constant(generator)}*{name}"
    if kind == "sum":
        sign = generator.choice("+-")
        return f"({below[0]} {sign} {below[1] if generator.random() < 0.7 else _constant(generator)})"
    if kind == "power":
        return f"({below[0]})**({generator.choice(POWERS)})"
    if kind == "function":
        name = generator.choice(FUNCTIONS)
        return f"exp(-({below[0]})**2)" if name == "gauss" else f"{name}({below[0]})"
    return f"({below[0]}){'*' if kind == 'product' else '/'}({below[1]})"


def _constant(generator: random.Random) -> str:
    """A number of two or three digits between 0.1 and 10, even on the logarithm."""
    return f"{10 ** generator.uniform(-1, 1):.{generator.choice((2, 3))}g}"


def _fair(task: Task, function: Expression) -> bool:
    """Whether y is finite and moderate, every input acts, and the wide range is mostly defined."""
    x = np.random.default_rng(0).uniform(task.low, task.high, (2000, len(task.inputs)))
    y = function(x)
    if not np.isfinite(y).all() or not 1e-3 < y.std() < 1e6:
        return False
    if y.std() < 1e-2 * abs(y.mean()) or np.abs(y - y.mean()).max() > HEAVIEST * y.std():
        return False
    effects = [np.abs(function(_shuffled(x, column)) - y) for column in range(x.shape[1])]
    wide = task.wide(0)[1]
    usable = np.isfinite(wide) & (np.abs(wide) <= FAR * np.abs(y).max())
    acts = all(np.isfinite(e).all() and e.mean() > LEAST_EFFECT * y.std() for e in effects)
    return acts and bool(usable.mean() > 0.5)


def _shuffled(x: Floats, column: int) -> Floats:
    """One column in another order."""
    return np.column_stack([x[::-1, i] if i == column else x[:, i] for i in range(x.shape[1])])
