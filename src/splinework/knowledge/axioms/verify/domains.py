"""Masks of boxes, closed, on which an operation of formulas may have no value: outside its domain, or at a pole."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from splinework.formula.functions import FUNCTIONS
from splinework.formula.intervals import Interval

Mask = NDArray[np.bool_]
_OPEN: Final = frozenset({"log", "log2", "log10", "log1p", "atanh", "gamma", "gammaln"})
"""Functions that tend to infinity at the ends of their domain."""
_FROM_ZERO: Final = frozenset({"gamma", "gammaln", "yv", "kv", "polygamma"})
"""Functions taken on positive numbers only: of the others little is known here."""


def undefined(name: str, *arguments: Any) -> Mask | None:
    """A mask `(B,)` of the boxes on which an operation may have no value; None if it has one everywhere.

    Args:
        name: The operation.
        *arguments: Its arguments as intervals `(B, W)`; others are passed over.
    """
    held = [each for each in arguments if isinstance(each, Interval)]
    if name == "div":
        return _touches(held[1])
    if name == "reciprocal":
        return _touches(held[0])
    if name == "tan":
        with np.errstate(invalid="ignore"):
            turns = [(end / np.pi - 0.5) for end in held[0]]
            slack = 1e-12 * (1 + np.abs(turns[0]) + np.abs(turns[1]))
            met = ~(np.floor(turns[1] + slack) < np.ceil(turns[0] - slack))
        return np.asarray(met.any(-1))
    if name == "pow":
        return _power(*held)
    if name in _FROM_ZERO:
        return np.asarray(~(held[0].lo > 0).all(-1))
    domain = FUNCTIONS[name].domain if name in FUNCTIONS and FUNCTIONS[name].arity == 1 else (-np.inf, np.inf)
    if domain == (-np.inf, np.inf):
        return None
    low, high = domain
    if name in _OPEN:
        return np.asarray(~((held[0].lo > low) & ((held[0].hi < high) | (high == np.inf))).all(-1))
    return np.asarray(~((held[0].lo >= low) & (held[0].hi <= high)).all(-1))


def _touches(a: Interval) -> Mask:
    return np.asarray(~((a.lo > 0) | (a.hi < 0)).all(-1))


def _power(base: Interval, exponent: Interval) -> Mask:
    fixed = exponent.lo == exponent.hi
    whole = fixed & (exponent.lo == np.floor(exponent.lo))
    away = (base.lo > 0) | ((base.hi < 0) & whole)
    at_zero = (base.lo >= 0) | whole
    return np.asarray(~(away | (at_zero & (exponent.lo >= 0) & fixed)).all(-1))


def either(*masks: Mask | None) -> Mask | None:
    """A mask that is set where one of several is; None if that is nowhere."""
    found: Mask | None = None
    for mask in masks:
        if mask is not None and mask.any():
            found = mask if found is None else found | mask
    return found
