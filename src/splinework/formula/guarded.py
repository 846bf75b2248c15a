"""The operations of formulas on tensors, with values and slopes that stay finite at singular places.

Inside the domain they are those of `tensors.py`. At and beyond an end of the domain, such as `log(0)`, `1/0` or `sqrt(-1)`, the
value is that very close to the end and the slope zero, so that a training step which goes there costs much and breaks nothing.
"""

import math
from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor

from splinework.formula.program import Algebra
from splinework.formula.tensors import TENSORS


def _tiny(x: Tensor, power: float = 1.0) -> float:
    """A distance from a pole of this power at which values and slopes can still be squared, and at least the square of eps."""
    limits = torch.finfo(x.dtype)
    return float(max(limits.eps**2, limits.max ** (-0.25 / power)))


def _between(
    name: str, low: float, high: float, inside: float, at_low: float | None, at_high: float = math.inf
) -> Callable[[Any], Any]:
    """A function of `low < x < high`, constant beyond; without a value at the lower end 0, it is that next to it."""
    function = TENSORS[name]

    def of(x: Any) -> Any:
        if not isinstance(x, Tensor):
            return function(x)
        below, above = x <= low, x >= high  # both false for NaN, which stays
        value = function(torch.where(below | above, inside, x))
        least = float(function(torch.full((), _tiny(x), dtype=x.dtype))) if at_low is None else at_low
        return torch.where(below, least, torch.where(above, at_high, value))

    return of


def _bounded(name: str, both: bool) -> Callable[[Any], Any]:
    """A function that grows exponentially, of arguments up to where its square overflows."""
    function = TENSORS[name]

    def of(x: Any) -> Any:
        if not isinstance(x, Tensor):
            return function(x)
        most = math.log(torch.finfo(x.dtype).max) / 2
        return function(x.clamp(-most if both else None, most))

    return of


def _not_zero(x: Any, power: float = 1.0) -> Any:
    if not isinstance(x, Tensor):
        return x
    tiny = torch.full_like(x, _tiny(x, power))
    return torch.where(x.abs() < tiny, torch.where(x < 0, -tiny, tiny), x)


def _divided(a: Any, b: Any) -> Any:
    return TENSORS["div"](a, _not_zero(b))


def _power(a: Any, b: Any) -> Any:
    if not isinstance(a, Tensor):
        return TENSORS["pow"](a, b)
    if isinstance(b, Tensor) or not float(b).is_integer():
        a = a.clamp_min(_tiny(a, 1.0 if isinstance(b, Tensor) else max(1.0, -b)))
    elif b < 0:
        a = _not_zero(a, -b)
    return TENSORS["pow"](a, b)


def _off_poles(name: str) -> Callable[..., Any]:
    """A function with poles at 0 and the negative integers."""

    def of(*values: Any) -> Any:
        x = values[-1]
        if isinstance(x, Tensor):
            pole = torch.round(x)
            near = (pole <= 0) & ((x - pole).abs() < _tiny(x))
            x = torch.where(near, pole + torch.finfo(x.dtype).eps ** 0.5, x)
        return TENSORS[name](*values[:-1], x)

    return of


def _positive(name: str) -> Callable[..., Any]:
    """A function of x > 0 that is infinite at 0."""

    def of(*values: Any) -> Any:
        x = values[-1]
        return TENSORS[name](*values[:-1], x.clamp_min(_tiny(x)) if isinstance(x, Tensor) else x)

    return of


_NEAR_ONE: Final = math.atanh(1 - 2**-53)

GUARDED: Final[Algebra] = {
    **TENSORS,
    **{name: _between(name, 0.0, math.inf, 1.0, None) for name in ("log", "log2", "log10")},
    "log1p": _between("log1p", -1.0, math.inf, 0.0, math.log(2**-53)),
    "sqrt": _between("sqrt", 0.0, math.inf, 1.0, 0.0),
    "asin": _between("asin", -1.0, 1.0, 0.0, -math.pi / 2, math.pi / 2),
    "acos": _between("acos", -1.0, 1.0, 0.0, math.pi, 0.0),
    "acosh": _between("acosh", 1.0, math.inf, 2.0, 0.0),
    "atanh": _between("atanh", -1.0, 1.0, 0.0, -_NEAR_ONE, _NEAR_ONE),
    **{name: _bounded(name, False) for name in ("exp", "exp2", "expm1")},
    **{name: _bounded(name, True) for name in ("sinh", "cosh")},
    "div": _divided,
    "reciprocal": lambda x: _divided(1.0, x),
    "pow": _power,
    "power": _power,
    **{name: _off_poles(name) for name in ("gamma", "gammaln", "digamma", "polygamma")},
    **{name: _positive(name) for name in ("yv", "kv", "y0", "y1", "k0", "k1")},
}
"""The operations on tensors, finite everywhere."""
