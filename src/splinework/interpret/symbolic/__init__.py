"""From a model to formulas: the library of functions, the fit of an edge, the search over edges, the numbers, the table."""

from splinework.interpret.symbolic.formulas_of_edges import symbolify
from splinework.interpret.symbolic.library import LIBRARY, LibraryFunction
from splinework.interpret.symbolic.table import FormulaRow, FormulaTable

__all__ = ["LIBRARY", "FormulaRow", "FormulaTable", "LibraryFunction", "symbolify"]
