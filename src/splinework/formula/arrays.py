"""Evaluation of formulas on NumPy arrays, in float64 and by the rules of IEEE 754."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any, Final

import numpy as np

from splinework.formula.functions import FUNCTIONS


def array_power(base: Any, exponent: Any) -> Any:
    """A power of arrays; simple exponents without NumPy's slow `power`."""
    if np.ndim(exponent) == 0:
        if exponent == 2:
            return base * base
        if exponent == -1:
            return 1 / base
        if exponent == 0.5:
            return np.sqrt(base)
        if exponent == -0.5:
            return 1 / np.sqrt(base)
        if exponent == 1:
            return base
    return np.power(np.asarray(base, dtype=float), exponent)


_OWN: Final[Mapping[str, Callable[..., Any]]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "pow": array_power,
    "power": array_power,
    "neg": np.negative,
    "pos": np.positive,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
    "softplus": lambda z: np.logaddexp(0.0, z),
}


@cache
def array_operations() -> Mapping[str, Callable[..., Any]]:
    """The operations on arrays by name; imports SciPy's special functions."""
    named = {name: each.array.split(":") for name, each in FUNCTIONS.items() if each.array}
    return {**{name: getattr(import_module(module), own) for name, (module, own) in named.items()}, **_OWN}
