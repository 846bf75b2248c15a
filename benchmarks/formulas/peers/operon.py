"""Operon: genetic programming with Levenberg–Marquardt on all constants, the best of its front by BIC."""

from typing import Any

import numpy as np
from pyoperon.sklearn import SymbolicRegressor


def answer(x: Any, y: Any, fresh: Any, wide: Any, names: Any, budget: Any, seed: Any, threads: Any, say: Any) -> None:
    """NSGA-II over error and length until time is up: it does not stop by itself."""
    del fresh, wide
    model = SymbolicRegressor(
        allowed_symbols="add,sub,mul,div,constant,variable,square,sqrt,exp,log,sin,cos,tanh,asin",
        objectives=["r2", "length"],
        optimizer_iterations=10,  # the default of 0 leaves the constants as they were drawn
        max_length=50,
        uncertainty=[float(np.std(y)) or 1.0],  # BIC, by which it chooses, estimates the noise itself
        model_selection_criterion="bayesian_information_criterion",
        generations=10**9,
        max_evaluations=10**12,
        max_time=max(int(budget), 1),
        n_threads=threads,
        random_state=seed,
    ).fit(x, y)
    columns = [f"X{index}" for index in range(1, len(names) + 1)]
    text = model.get_model_string(model.model_, precision=15, names=columns)
    say(text.replace("^", "**"), columns=columns)
