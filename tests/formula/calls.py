"""Calls of every function of the language, for laws over the whole table."""

from splinework.formula import FUNCTIONS, Function

ORDER = 2
NUMERIC = sorted(name for name, each in FUNCTIONS.items() if not each.truth and not each.conditions)
"""Functions of numbers alone."""


def call(name: str, *arguments: str, word: str = "") -> str:
    """A call with as many of the arguments as the function takes, an order before them where it has one."""
    each: Function = FUNCTIONS[name]
    taken = arguments[: each.arity - each.order]
    return f"{word or name}({', '.join([*([str(ORDER)] if each.order else []), *taken])})"
