"""pykan: its recipe from the documentation. Fit with sparsity, prune, fit, snap every edge, fit the constants."""

import contextlib
import io
import time
from collections.abc import Callable
from typing import Any

import sympy
import torch
from kan import KAN

HIDDEN = 5
STEPS = 10
"""Steps of L-BFGS between two looks at the clock."""
ROUNDS = 10
"""Most of them at the end."""
SHARES = (0.2, 0.3, 0.9)
"""Shares of the budget after which the first fit, the second fit, and the snapping end."""
SNAP_ROWS = 100
"""An edge and its whole library on 1000 rows take longer than the budget."""
LIBRARY = (
    "x",
    "x^2",
    "x^3",
    "x^4",
    "1/x",
    "1/x^2",
    "sqrt",
    "1/sqrt(x)",
    "exp",
    "log",
    "abs",
    "sin",
    "tanh",
    "arcsin",
    "gaussian",
)
"""The library of its examples, and what else these laws are made of; its own has most of them twice."""
SPELLING = {"Abs": "abs", "sgn": "sign"}


def answer(x: Any, y: Any, fresh: Any, wide: Any, names: Any, budget: Any, seed: Any, threads: Any, say: Any) -> None:
    """A network of two layers, float64 as its examples advise for exact laws."""
    del fresh, wide
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(threads)
    began = time.perf_counter()
    columns = [f"X{index}" for index in range(1, len(names) + 1)]
    inputs, labels = torch.from_numpy(x), torch.from_numpy(y)[:, None]
    data = {"train_input": inputs, "train_label": labels, "test_input": inputs, "test_label": labels}

    def fit(model: Any, until: float, most: int, **options: Any) -> bool:
        """Some steps at a time; False if numbers overflowed."""
        for _ in range(0, most, STEPS):
            if time.perf_counter() - began > until * budget:
                break
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                record = model.fit(data, opt="LBFGS", steps=STEPS, **options)
            if not record["train_loss"][-1] < float("inf"):
                return False
        return True

    with contextlib.redirect_stdout(io.StringIO()):
        model = KAN(width=[x.shape[1], HIDDEN, 1], grid=3, k=3, seed=seed)
        fit(model, SHARES[0], 50, lamb=0.001)
        model = model.prune()
        fit(model, SHARES[1], 50)
        _in_time(model, lambda: time.perf_counter() - began < SHARES[2] * budget)
        model(inputs[:SNAP_ROWS])  # edges are snapped to what they did in the last pass
        model.auto_symbolic(verbose=0)
    best = float("inf")
    for _ in range(ROUNDS):
        error = float(torch.mean((model(inputs) - labels) ** 2))
        if error < best:
            best = error
            say(text(model, columns), columns=columns)
        if time.perf_counter() - began > budget or not fit(model, 1.0, STEPS, update_grid=False):
            return


def _in_time(model: Any, time_left: Callable[[], bool]) -> None:
    """Edges that it has no time for become straight lines, so that there is an answer."""
    suggest = model.suggest_symbolic

    def hurried(*edge: int, **options: Any) -> Any:
        return suggest(*edge, **{**options, "lib": list(LIBRARY) if time_left() else ["x"]})

    model.suggest_symbolic = hurried


def text(model: Any, columns: list[str]) -> str:
    """Its formula, numbers in full."""
    formula = model.symbolic_formula(var=[sympy.Symbol(name) for name in columns])[0][0]
    spelt = str(formula)
    for theirs, python in SPELLING.items():
        spelt = spelt.replace(theirs + "(", python + "(")
    return spelt
