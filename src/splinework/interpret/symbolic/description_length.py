"""Description length: what it costs to write a formula down, and its errors given the formula. In nats.

Minimum description length as in Rissanen (1978) and, for formulas, Bartlett et al. (2022, arXiv 2211.11461): the code of the
tree, of its numbers to the precision that the data give them, and of the errors. The shortest is the likeliest.
"""

import math
from typing import Any

import sympy

from splinework.interpret.symbolic.constants import FitTarget

OPERATION = 1.4
"""Nats of a sum, a product or a power: one of four."""
NUMBER = 1.4
"""Nats of saying that a number follows; what number it is, is paid for apart."""
FUNCTION = 2.8
"""Nats of a function, where it has no entry below: one of about sixteen common ones."""
FUNCTIONS = {"exp": 2.1, "log": 2.1, "sin": 2.1, "cos": 2.1, "tanh": 2.8, "Abs": 2.8}
SPLINE = 4.2
"""Nats of a spline, beside those of its coefficients."""
LUCK = 1.5
"""Nats beyond the logarithm of what was tried by which a formula must beat a constant."""


def structure_length(expression: Any, columns: int) -> float:
    """Nats of the tree of an expression over so many columns."""
    name = math.log(max(columns, 1)) + 0.7
    total = 0.0
    walk = sympy.preorder_traversal(expression)
    for part in walk:
        if part.is_Symbol:
            total += name
        elif part.is_Add or part.is_Mul:
            total += OPERATION * (len(part.args) - 1)
        elif part.is_Pow:
            total += OPERATION
        elif part.is_Integer or part.is_Rational:
            total += math.log(1 + abs(part.p)) + math.log(part.q) + 0.7
        elif part.is_number and not part.args:
            total += NUMBER
        elif part.is_Function:
            known = FUNCTIONS.get(part.func.__name__, SPLINE if not hasattr(part.func, "nargs") else FUNCTION)
            total += known
    return total


def structure_cost(expression: Any, columns: int) -> float:
    """Nats of writing a formula down, its numbers aside, and of having found it among many."""
    return structure_length(expression, columns) + (LUCK if expression.free_symbols else 0.0)


def description_length(expression: Any, rss: float, numbers: float, target: FitTarget) -> float:
    """Nats of an expression with its errors.

    Args:
        expression: The formula.
        rss: Its sum of squared errors on the target's scale.
        numbers: Nats of its free numbers.
        target: The data.
    """
    n = len(target.y)
    return n / 2 * math.log(max(rss, target.floor) / n) + numbers + structure_cost(expression, target.columns)
