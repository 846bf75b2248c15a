"""Description length of a formula and of the errors given the formula, in nats.

Minimum description length as in Rissanen (1978) and, for formulas, Bartlett et al. (2022, arXiv 2211.11461): the code lengths of
the tree, of its constants at the precision that the data support, and of the errors. The shortest is the most probable.
"""

import math
from typing import Any

import sympy

from splinework.interpret.symbolic.constants import FitTarget

OPERATION_NATS = 1.4
"""Code length of a sum, product or power: one of four."""
NUMBER_NATS = 1.4
"""Code length of the token of a number, without its value."""
FUNCTION_NATS = 2.8
"""Code length of a function without an entry below: one of about sixteen."""
COMMON_FUNCTION_NATS = {"exp": 2.1, "log": 2.1, "sin": 2.1, "cos": 2.1, "tanh": 2.8, "Abs": 2.8}
SPLINE_NATS = 4.2
"""Code length of a spline, without its coefficients."""
SEARCH_NATS = 1.5
"""Penalty for the search: nats by which a formula must beat a constant."""


def structure_length(expression: Any, columns: int) -> float:
    """Code length in nats of the tree of an expression over a number of columns."""
    name = math.log(max(columns, 1)) + 0.7
    total = 0.0
    walk = sympy.preorder_traversal(expression)
    for part in walk:
        if part.is_Symbol:
            total += name
        elif part.is_Add or part.is_Mul:
            total += OPERATION_NATS * (len(part.args) - 1)
        elif part.is_Pow:
            total += OPERATION_NATS
        elif part.is_Integer or part.is_Rational:
            total += math.log(1 + abs(part.p)) + math.log(part.q) + 0.7
        elif part.is_number and not part.args:
            total += NUMBER_NATS
        elif part.is_Function:
            other = FUNCTION_NATS if hasattr(part.func, "nargs") else SPLINE_NATS
            total += COMMON_FUNCTION_NATS.get(part.func.__name__, other)
    return total


def structure_cost(expression: Any, columns: int) -> float:
    """Code length in nats of a formula without its constants, including the penalty for the search."""
    return structure_length(expression, columns) + (SEARCH_NATS if expression.free_symbols else 0.0)


def description_length(expression: Any, rss: float, numbers: float, target: FitTarget) -> float:
    """Description length in nats of a formula and its errors: `N/2 ln(RSS/N)` plus code lengths.

    Args:
        expression: The formula.
        rss: Its residual sum of squares on the target's scale.
        numbers: Code length of its constants in nats.
        target: The data.
    """
    n = len(target.y)
    return n / 2 * math.log(max(rss, target.floor) / n) + numbers + structure_cost(expression, target.columns)
