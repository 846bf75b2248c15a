"""Shorter neighbours of a formula: one part less, or one part simpler, as long as the description gets shorter."""

from collections.abc import Callable, Iterator
from typing import Any

import sympy

from splinework.interpret.symbolic.pool import Pool

MAX_ROUNDS, MAX_TRIALS = 12, 40
"""Most parts that are taken out one after the other, and most trials for each."""


def without_a_part(expression: Any) -> Iterator[Any]:
    """The expressions with a term of a sum or a factor of a product less, a function's argument for it, or a power less.

    >>> x = sympy.Symbol("x")
    >>> sorted(str(each) for each in without_a_part(x * sympy.tanh(3 * x) + 1))
    ['3*x**2 + 1', 'tanh(3*x) + 1', 'x + 1', 'x*tanh(3) + 1', 'x*tanh(3*x)', 'x*tanh(x) + 1']
    """
    seen = {expression}
    for part in sympy.preorder_traversal(expression):
        if not part.free_symbols or not part.args:
            continue
        for smaller in _smaller(part):
            made = expression.xreplace({part: smaller})
            if made not in seen and made.free_symbols:
                seen.add(made)
                yield made


def _smaller(part: Any) -> Iterator[Any]:
    if part.is_Add or part.is_Mul:
        for one in part.args:
            if part.is_Mul and one.is_number and (len(part.args) == 1 or abs(one) == 1):
                continue
            yield part.func(*(other for other in part.args if other is not one))
    elif part.is_Pow:
        if part.exp.is_number and part.exp != -1:
            yield part.base
    elif isinstance(part, sympy.Function) and len(part.args) == 1:
        yield part.args[0]


def shorten(pool: Pool, late: Callable[[], bool]) -> None:
    """Offers what is left of the best formula without its parts, one after the other, as long as that is better."""
    for _ in range(MAX_ROUNDS):
        if not pool.entries or pool.entries[0].proposal.splines or late():
            return
        best = pool.entries[0]
        for count, smaller in enumerate(without_a_part(best.expression)):
            if count == MAX_TRIALS or late():
                break
            pool.offer(smaller)
        if pool.entries[0] is best:
            return
