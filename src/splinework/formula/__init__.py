"""The one language of formulas: read, evaluated in any arithmetic, differentiated, enclosed, written in others; units."""

from splinework.formula.expression import Expression
from splinework.formula.functions import CONSTANTS, FUNCTIONS, NAMES, Function

__all__ = ["CONSTANTS", "FUNCTIONS", "NAMES", "Expression", "Function"]
