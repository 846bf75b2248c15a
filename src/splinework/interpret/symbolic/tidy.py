"""The shortest of several equal forms of a formula, checked by numbers and not by trust."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy

from splinework.interpret.symbolic.expression import compile_expression, count, symbol
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.limited import within

SAME = 1e-9
"""Relative difference up to which two forms count as equal."""
PATIENCE = 2.0
"""Seconds that rewriting may take."""
FEW = 60
"""Longer expressions are not brought over one bar, which could take long."""


def tidied(expression: Any, names: Sequence[str], x: Array) -> Any:
    """An equal expression with as few nodes as were found in a second or two.

    Args:
        expression: Over the symbols of the columns.
        names: Of the columns.
        x: `(N, columns)`: rows on which the forms must agree; what is positive there counts as positive.
    """
    return within(PATIENCE, _shortest, expression, names, x, otherwise=expression)


def _shortest(expression: Any, names: Sequence[str], x: Array) -> Any:
    positive = {
        symbol(n): sympy.Symbol(n, positive=True) for n, column in zip(names, x.T, strict=True) if column.min() > 0
    }
    back = {new: old for old, new in positive.items()}
    expression = _without_magnitudes(expression, names, x)
    rows = x[:: max(len(x) // 64, 1)]
    truth = compile_expression(expression, names)(rows)
    best = expression
    for _ in range(2):
        before = best
        for form in _forms(before.xreplace(positive)):
            candidate = form.xreplace(back)
            candidate = _without_magnitudes(candidate, names, x)
            if count(candidate) < count(best) and _agree(compile_expression(candidate, names)(rows), truth):
                best = candidate
        if best == before:
            break
    return best


def _without_magnitudes(expression: Any, names: Sequence[str], x: Array) -> Any:
    """Magnitudes of what has one sign on all rows written without bars."""
    swaps = {}
    for part in expression.atoms(sympy.Abs):
        values = compile_expression(part.args[0], names)(x)
        if (values >= 0).all():
            swaps[part] = part.args[0]
        elif (values <= 0).all():
            swaps[part] = -part.args[0]
    return expression.xreplace(swaps)


def _forms(expression: Any) -> list[Any]:
    steps: list[Callable[[Any], Any]] = [
        lambda e: sympy.expand(e, power_exp=False, log=False),
        sympy.factor_terms,
        sympy.powsimp,
        sympy.powdenest,
        lambda e: sympy.powsimp(e, combine="base", force=True),
        sympy.expand_power_base,
        lambda e: sympy.powdenest(e, force=True),
    ]
    if count(expression) <= FEW:
        steps += [sympy.together, lambda e: sympy.powsimp(sympy.factor_terms(sympy.together(e)))]
        if not expression.atoms(sympy.Float):
            steps += [sympy.cancel, sympy.factor]
    found = [expression]
    for step in steps:
        try:
            found.append(step(expression))
        except (sympy.PolynomialError, NotImplementedError, ValueError, TypeError, ZeroDivisionError, RecursionError):
            continue  # that form does not exist for this expression
    return found


def _agree(values: Array, truth: Array) -> bool:
    size = float(np.abs(truth[np.isfinite(truth)]).max(initial=0.0))
    return bool(np.allclose(values, truth, rtol=SAME, atol=SAME * size, equal_nan=True))
