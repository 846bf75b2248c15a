"""Columns of two values, such as indicators of categories: every function of one alone is affine in it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy

from splinework.interpret.symbolic.expression import compile_expression, symbol
from splinework.interpret.symbolic.library import Array


def two_valued(x: Array, names: Sequence[str]) -> dict[Any, tuple[float, float]]:
    """The symbols of the columns of `x` `(N, d)` that have two values, with these."""
    found = {}
    for column, name in zip(x.T, names, strict=True):
        low, high = float(column.min()), float(column.max())
        if low < high and bool(((column == low) | (column == high)).all()):
            found[symbol(name)] = (low, high)
    return found


def with_level_effects(expression: Any, levels: Mapping[Any, tuple[float, float]]) -> Any:
    """The expression with every part that has one such column alone written as `c + k column`, with fitted numbers.

    A sine, a power or an exponential of an indicator is the same function of it on the data.

    Args:
        expression: Expression over the symbols of the columns.
        levels: As from `two_valued`.

    >>> z = symbol("z")
    >>> with_level_effects(3.0 * z**2 + sympy.exp(symbol("x")), {z: (0.0, 1.0)})
    3.0*z + exp(x)
    """
    if expression in levels or not expression.args or not expression.free_symbols & levels.keys():
        return expression
    inside = expression.free_symbols
    if len(inside) == 1:
        (one,) = inside
        low, high = levels[one]
        at = compile_expression(expression, [one.name])(np.array([[low], [high]]))
        if np.isfinite(at).all():
            slope = float(at[1] - at[0]) / (high - low)
            start = float(at[0]) - slope * low
            small = 1e-12 * float(np.abs(at).max())
            parts = [sympy.Float(start)] if abs(start) > small else []
            parts += [one if slope == 1 else sympy.Float(slope) * one] if abs(slope) > small else []
            return sympy.Add(*parts)
    return expression.func(*(_grouped(expression, levels)))


def _grouped(expression: Any, levels: Mapping[Any, tuple[float, float]]) -> list[Any]:
    """The arguments with level effects; in a sum or a product those of the same column alone taken together."""
    if not (expression.is_Add or expression.is_Mul):
        return [with_level_effects(part, levels) for part in expression.args]
    alone: dict[Any, list[Any]] = {}
    others = []
    for part in expression.args:
        free = part.free_symbols
        if len(free) == 1 and free <= levels.keys():
            alone.setdefault(next(iter(free)), []).append(part)
        else:
            others.append(with_level_effects(part, levels))
    if len(alone) == 1 and not others:  # what is not finite on both levels
        return [with_level_effects(part, levels) for part in expression.args]
    return [*others, *(with_level_effects(expression.func(*parts), levels) for parts in alone.values())]
