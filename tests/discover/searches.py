"""Stand-ins for the search for formulas: quick, and told what to answer."""

import numpy as np
import sympy

from splinework.interpret.symbolic.expression import compile_expression
from splinework.interpret.symbolic.table import FormulaRow, FormulaTable


def answering(*expressions, notes=(), calls=None):
    """A search that offers these expressions (over the columns that are there) and a constant, by their errors."""

    def search(x, y, *, names, target, budget, seed, on_stage):
        if calls is not None:
            calls.append(target)
        on_stage("stand-in")
        rows = []
        for expression in [*expressions, sympy.Float(float(np.mean(y)))]:
            if {s.name for s in expression.free_symbols} <= set(names):
                gap = compile_expression(expression, names)(x) - y
                if np.isfinite(gap).all():
                    rmse = float(np.sqrt((gap**2).mean()))
                    length = len(y) * np.log(max(rmse, 1e-10)) + 2.0 * len(list(sympy.preorder_traversal(expression)))
                    rows.append(FormulaRow(target, expression, tuple(names), rmse, 0.0, length))
        return FormulaTable(tuple(sorted(rows, key=lambda r: r.description)), tuple(notes))

    return search


def interrupted(*args, **options):
    """A search during which Ctrl-C is pressed."""
    raise KeyboardInterrupt
