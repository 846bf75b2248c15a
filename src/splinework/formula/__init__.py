"""The language of formulas: parsing, evaluation, differentiation, enclosures, export to other languages; units."""

from typing import TYPE_CHECKING

from splinework import lazy

if TYPE_CHECKING:  # each name is loaded when it is first used
    from splinework.formula.expression import Expression
    from splinework.formula.functions import CONSTANTS, FUNCTIONS, NAMES, Function

__all__ = ["CONSTANTS", "FUNCTIONS", "NAMES", "Expression", "Function"]

__getattr__ = lazy(__name__)
