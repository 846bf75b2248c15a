"""Functions of the target under which the rest may be simpler, each with its slope and its inverse."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import sympy

from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.screening.problem import Problem


@dataclass(frozen=True)
class Map:
    """`T(y)` where `low < y < high` for a target of one sign, or any sign; `back` is its inverse on expressions."""

    name: str
    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    back: Callable[..., Any]
    usable: Callable[[Array], bool]


def _one_sign(y: Array) -> bool:
    return bool(y.min() > 0 or y.max() < 0)


def _positive(y: Array) -> bool:
    return bool(y.min() > 0)


def _between(low: float, high: float, beyond: float) -> Callable[[Array], bool]:
    """Whether all values lie between two ends, and some are so large that the function bends them."""
    return lambda y: bool(y.min() >= low and y.max() <= high and np.abs(y).max() > beyond)


_RIGHT = np.pi / 2
_BELOW_RIGHT, _BELOW_ONE = np.nextafter(_RIGHT, 0), np.nextafter(1, 0)

MAPS: tuple[Map, ...] = (
    Map("the square", np.square, lambda y: 2 * y, lambda e, s: s * sympy.sqrt(e), _one_sign),
    Map("the reciprocal", lambda y: 1 / y, lambda y: -1 / y**2, lambda e, s: 1 / e, _one_sign),
    Map("the reciprocal square", lambda y: y**-2, lambda y: -2 * y**-3, lambda e, s: s / sympy.sqrt(e), _one_sign),
    Map("the square root", np.sqrt, lambda y: 0.5 / np.sqrt(y), lambda e, s: e**2, _positive),
    Map("the reciprocal root", lambda y: y**-0.5, lambda y: -0.5 * y**-1.5, lambda e, s: e**-2, _positive),
    Map("the logarithm", lambda y: np.log(np.abs(y)), lambda y: 1 / y, lambda e, s: s * sympy.exp(e), _one_sign),
    Map("the sine", np.sin, np.cos, lambda e, s: sympy.asin(e), _between(-_RIGHT, _RIGHT, 0.3)),
    Map("the cosine", np.cos, lambda y: -np.sin(y), lambda e, s: sympy.acos(e), _between(0, np.pi, 1)),
    Map(
        "the exponential",
        np.exp,
        np.exp,
        lambda e, s: sympy.log(e),
        lambda y: bool(np.ptp(y) < 20 and np.abs(y).max() < 100),
    ),
    Map(
        "the tangent",
        np.tan,
        lambda y: 1 + np.tan(y) ** 2,
        lambda e, s: sympy.atan(e),
        _between(-_BELOW_RIGHT, _BELOW_RIGHT, 0.7),
    ),
    Map(
        "the inverse hyperbolic tangent",
        np.arctanh,
        lambda y: 1 / (1 - y**2),
        lambda e, s: sympy.tanh(e),
        _between(-_BELOW_ONE, _BELOW_ONE, 0.5),
    ),
)


def mapped(problem: Problem) -> Iterator[Problem]:
    """The problem with every function of its target that is defined for all rows."""
    y = problem.y
    for entry in MAPS:
        if not entry.usable(y):
            continue
        with np.errstate(all="ignore"):
            value, slope = entry.value(y), entry.slope(y)
        if not (np.isfinite(value).all() and np.isfinite(slope).all()) or np.abs(slope).max() == 0:
            continue
        # Where the slope vanishes the weight would be infinite: such rows count as the others at most.
        slope = np.maximum(np.abs(slope), 1e-3 * np.abs(slope).max())
        sign = 1 if y.mean() > 0 else -1
        yield problem.mapped(entry.name, value, slope, partial(entry.back, s=sign))
