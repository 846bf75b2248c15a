"""Symbolic regression of a fitted model: library, fits of edges, joint search, constants, table."""

from splinework.interpret.symbolic.formulas_of_edges import symbolify
from splinework.interpret.symbolic.library import LIBRARY, LibraryFunction
from splinework.interpret.symbolic.own_functions import own_function
from splinework.interpret.symbolic.suggestions import EdgeSuggestion, EdgeSuggestions, suggest
from splinework.interpret.symbolic.table import FormulaRow, FormulaTable

__all__ = [
    "LIBRARY",
    "EdgeSuggestion",
    "EdgeSuggestions",
    "FormulaRow",
    "FormulaTable",
    "LibraryFunction",
    "own_function",
    "suggest",
    "symbolify",
]
