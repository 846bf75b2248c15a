"""Columns of two values, such as indicators of categories: every function of those of one category alone is affine in them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import sympy

from splinework.interpret.symbolic.expression import compile_expression, symbol
from splinework.interpret.symbolic.library import Array

MAX_LEVELS = 20
"""Most levels of a category."""


@final
@dataclass(frozen=True)
class Category:
    """Columns of two values of which at most one has its higher value in every row.

    Attributes:
        places: Their numbers.
        symbols: Their symbols.
        values: The lower and the higher value of each.
    """

    places: tuple[int, ...]
    symbols: tuple[Any, ...]
    values: tuple[tuple[float, float], ...]

    def indicators(self, x: Array) -> Array:
        """1 where a column has its higher value, else 0, `(N, columns)`."""
        low, high = np.array(self.values).T
        return np.asarray((x[:, list(self.places)] - low) / (high - low)).round()

    def affine(self, start: float, steps: Sequence[float]) -> Any:
        """The affine function with this value at the lower values, and these steps to the higher ones."""
        size = max(abs(start), *(abs(start + step) for step in steps))
        slopes = [step / (high - low) for step, (low, high) in zip(steps, self.values, strict=True)]
        start -= sum(slope * low for slope, (low, _) in zip(slopes, self.values, strict=True))
        parts = [sympy.Float(start)] if abs(start) > 1e-12 * size else []
        for one, slope, step in zip(self.symbols, slopes, steps, strict=True):
            if abs(step) > 1e-12 * size:
                parts.append(one if slope == 1 else sympy.Float(slope) * one)
        return sympy.Add(*parts)


def categories_of(x: Array, names: Sequence[str]) -> tuple[Category, ...]:
    """The columns of `x` `(N, d)` that have two values, by category."""
    groups: list[list[int]] = []
    high: dict[int, Array] = {}
    for i, column in enumerate(x.T):
        low, top = float(column.min()), float(column.max())
        if not (low < top and bool(((column == low) | (column == top)).all())):
            continue
        high[i] = column == top
        for group in groups:
            if not any(np.logical_and(high[i], high[j]).any() for j in group):
                group.append(i)
                break
        else:
            groups.append([i])
    return tuple(
        Category(
            tuple(group),
            tuple(symbol(names[i]) for i in group),
            tuple((float(x[:, i].min()), float(x[:, i].max())) for i in group),
        )
        for group in groups
    )


def with_level_effects(expression: Any, categories: Sequence[Category]) -> Any:
    """The expression with every part that has the columns of one category alone written as affine, with fitted numbers.

    A sine, a power or an exponential of an indicator is the same function of it on the data, and so is a product of indicators of
    two levels, which is 0.

    Args:
        expression: Expression over the symbols of the columns.
        categories: As from `categories_of`.

    >>> category = Category((0,), (symbol("z"),), ((0.0, 1.0),))
    >>> with_level_effects(3.0 * symbol("z") ** 2 + sympy.exp(symbol("x")), [category])
    3.0*z + exp(x)
    """
    owner = {one: category for category in categories for one in category.symbols}
    return _with_effects(expression, owner)


def _with_effects(expression: Any, owner: dict[Any, Category]) -> Any:
    inside = expression.free_symbols
    if not expression.args or not inside & owner.keys():
        return expression
    if (category := _only(inside, owner)) is not None:
        low = [low for low, _ in category.values]
        corners = [low, *([*low[:n], high, *low[n + 1 :]] for n, (_, high) in enumerate(category.values))]
        at = compile_expression(expression, [one.name for one in category.symbols])(np.array(corners))
        at = np.broadcast_to(at, len(corners))
        if np.isfinite(at).all():
            return category.affine(float(at[0]), [float(v - at[0]) for v in at[1:]])
    return expression.func(*_grouped(expression, owner))


def _only(symbols: set[Any], owner: dict[Any, Category]) -> Category | None:
    """The category that all of the symbols belong to."""
    found = {owner[one].places: owner[one] for one in symbols if one in owner}
    return next(iter(found.values())) if len(found) == 1 and symbols <= owner.keys() else None


def _grouped(expression: Any, owner: dict[Any, Category]) -> list[Any]:
    """The arguments with level effects; in a sum or a product those of one category alone taken together."""
    if not (expression.is_Add or expression.is_Mul):
        return [_with_effects(part, owner) for part in expression.args]
    alone: dict[Any, list[Any]] = {}
    others = []
    for part in expression.args:
        category = _only(part.free_symbols, owner)
        if category is not None:
            alone.setdefault(category.places, []).append(part)
        else:
            others.append(_with_effects(part, owner))
    if len(alone) == 1 and not others:  # what is not finite on all levels
        return [_with_effects(part, owner) for part in expression.args]
    return [*others, *(_with_effects(expression.func(*parts), owner) for parts in alone.values())]


def indicator_names(name: str, levels: Sequence[str], taken: Sequence[str]) -> list[str]:
    """Names for the columns of all levels of a category but the first.

    >>> indicator_names("city", ["Bonn", "St. Ives", "Ulm"], ["city_Ulm"])
    ['city_St__Ives', 'city_Ulm_']
    """
    found: list[str] = []
    for level in levels[1:]:
        found.append(_free(f"{name}_{level}", [*taken, *found]))
    return found


def _free(name: str, taken: Sequence[str]) -> str:
    """The name as an identifier that is not taken."""
    made = re.sub(r"\W", "_", name)
    while made in taken:
        made += "_"
    return made
