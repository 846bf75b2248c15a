"""gplearn: classic genetic programming, constants by mutation only."""

import time
from typing import Any

from gplearn.functions import _Function
from gplearn.genetic import SymbolicRegressor

GENERATIONS = 40
FUNCTIONS = ("add", "sub", "mul", "div", "sqrt", "log", "inv", "sin", "cos")
SPELT = {  # as Python arithmetic, without the protection: beyond its rim the formula is undefined or differs, and is scored so
    "add": "({} + {})",
    "sub": "({} - {})",
    "mul": "({} * {})",
    "div": "({} / {})",
    "sqrt": "sqrt(abs({}))",
    "log": "log(abs({}))",
    "inv": "(1 / {})",
    "sin": "sin({})",
    "cos": "cos({})",
}


def answer(x: Any, y: Any, fresh: Any, wide: Any, names: Any, budget: Any, seed: Any, threads: Any, say: Any) -> None:
    """Generation by generation while there is time."""
    del fresh, wide
    columns = [f"X{index}" for index in range(1, len(names) + 1)]
    model = SymbolicRegressor(
        population_size=2000,
        generations=1,
        function_set=FUNCTIONS,
        parsimony_coefficient="auto",
        warm_start=True,
        n_jobs=threads,
        random_state=seed,
    )
    began = time.perf_counter()
    for generation in range(1, GENERATIONS + 1):
        before = time.perf_counter()
        model.set_params(generations=generation).fit(x, y)
        say(spelt(model._program.program, columns), columns=columns)
        if time.perf_counter() - began + (time.perf_counter() - before) > budget:
            return


def spelt(program: list[Any], columns: list[str]) -> str:
    """A program, which is in prefix order, as Python arithmetic."""
    stack: list[str] = []
    for node in reversed(program):
        if isinstance(node, _Function):
            stack.append(SPELT[node.name].format(*(stack.pop() for _ in range(node.arity))))
        else:
            stack.append(columns[node] if isinstance(node, int) else f"({float(node)!r})")
    return stack[0]
