"""The one language of formulas: read, evaluated in any arithmetic, differentiated, enclosed, written in others; units."""

from typing import TYPE_CHECKING

from splinework import lazy

if TYPE_CHECKING:  # what a type checker and an editor see: the same as _HOMES
    from splinework.formula.expression import Expression
    from splinework.formula.functions import CONSTANTS, FUNCTIONS, NAMES, Function

# Name → the module here that has it.
_HOMES = {
    "CONSTANTS": "functions",
    "Expression": "expression",
    "FUNCTIONS": "functions",
    "Function": "functions",
    "NAMES": "functions",
}

__all__ = ["CONSTANTS", "FUNCTIONS", "NAMES", "Expression", "Function"]

__getattr__ = lazy(__name__)
