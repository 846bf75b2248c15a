"""Differentiable evaluation of formulas on torch tensors; constant parts are floats by the rules of IEEE 754."""

import functools
import operator
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from splinework.formula.arrays import array_operations
from splinework.formula.functions import COMPARISONS, FUNCTIONS
from splinework.formula.program import Algebra
from splinework.formula.tensor_functions import bessel, gamma, polygamma, sign


def on_numbers(name: str, *values: Any) -> Any:
    """An operation on floats: infinities and NaN instead of errors and complex numbers."""
    with np.errstate(all="ignore"):
        found = array_operations()[name](*(value if isinstance(value, bool) else np.float64(value) for value in values))
    return bool(found) if isinstance(found, (bool, np.bool_)) else float(found)


def _either(name: str, of_tensors: Callable[..., Any], *, ordered: bool = False) -> Callable[..., Any]:
    """An operation on tensors that also takes floats."""

    def of(*values: Any) -> Any:
        if any(isinstance(value, Tensor) for value in values):
            return of_tensors(*values)
        return (
            on_numbers(name, *values) if not ordered else float(array_operations()[name](int(values[0]), *values[1:]))
        )

    return of


def _lifted(of_tensors: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function with float arguments converted to tensors, for torch functions that take only tensors."""

    def of(*values: Any) -> Tensor:
        like = next(value for value in values if isinstance(value, Tensor))
        return of_tensors(*(v if isinstance(v, Tensor) else torch.full_like(like, v) for v in values))

    return of


def _power(a: Any, b: Any) -> Any:
    whole = isinstance(b, (int, float)) and float(b).is_integer() and abs(b) <= 64
    return a ** int(b) if whole else a**b


def _compared(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Tensor]:
    """A comparison with the value 1 or 0 in the dtype of its operands, which `where` of floats then inherits."""

    def of(a: Any, b: Any) -> Tensor:
        found: Tensor = compare(a, b)
        return found.to(a.dtype if isinstance(a, Tensor) else b.dtype)

    return of


def _where(condition: Any, value: Any, otherwise: Any) -> Any:
    if not isinstance(condition, Tensor):
        return value if condition else otherwise
    both = (v if isinstance(v, Tensor) else torch.full_like(condition, v) for v in (value, otherwise))
    return torch.where(condition > 0, *both)


_OWN: Final[dict[str, Callable[..., Any]]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": _power,
    "power": _power,
    "neg": lambda a: -a,
    "pos": lambda a: a,
    **{name: _compared(getattr(operator, name)) for name in COMPARISONS},
    "logical_and": lambda a, b: a * b,
    "logical_or": lambda a, b: a + b - a * b,
    "logical_not": lambda a: 1 - a,
    "min": _lifted(torch.minimum),
    "max": _lifted(torch.maximum),
    "atan2": _lifted(torch.atan2),
    # torch switches to a straight line at 20, with a jump of 2e-9; at 50 there is none in double precision.
    "softplus": functools.partial(torch.nn.functional.softplus, threshold=50.0),
    "sign": sign,
    "gamma": gamma,
}
_ORDERED: Final[dict[str, Callable[..., Tensor]]] = {
    "polygamma": polygamma,
    **{f"{kind}v": functools.partial(bessel, kind) for kind in "jyik"},
    **{f"{kind}{order}": functools.partial(bessel, kind, order) for kind in "jyik" for order in (0, 1)},
}

TENSORS: Final[Algebra] = {
    **{name: _either(name, getattr(torch, each.torch)) for name, each in FUNCTIONS.items() if each.torch},
    **{name: _either(name, of, ordered=FUNCTIONS[name].order) for name, of in _ORDERED.items()},
    **{name: _either(name, of) for name, of in _OWN.items()},
    "where": _where,
}
"""The operations of formulas on tensors."""
