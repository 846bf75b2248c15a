"""The network that an answer has: the best one that was trained, or that of the best formula where this predicts better."""

from typing import Any

import numpy as np
import torch

from splinework.discover.networks import NetworkTrial, SplitRows, predictor
from splinework.errors import SplineworkError
from splinework.formula.boxes import Ranges
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.table import FormulaRow

EQUAL = 1e-6
"""Largest difference, as a share of the spread, between a formula and its network."""


def network_of_answer(best: FormulaRow, trained: NetworkTrial | None, rows: SplitRows, x: Array) -> tuple[Any, str]:
    """The network, None where there is none, and a note; it predicts held-out rows as well as the best formula, or better.

    Args:
        best: The best formula.
        trained: The best network that was trained.
        rows: The data, some of them held out.
        x: All rows, `(N, d)`, whose ranges are those of a formula's network.
    """
    own = None if trained is None else trained.model
    error = rows.error(best.numpy())
    if best.splines or not best.inputs or (trained is not None and trained.error <= error):
        return own, ""
    made = _formula_network(best, x)
    if made is None or not rows.error(predictor(made)) <= error + EQUAL:
        return own, ""
    better = "" if trained is None else ", which predicts held-out rows better than the trained one"
    return made, f"the model is the network of the first formula{better}"


def _formula_network(best: FormulaRow, x: Array) -> Any:
    """The network of a formula; None where there is none, as where it is not finite in the corners of the ranges."""
    from splinework.interpret.formula_network import from_formula

    ranges: Ranges = {n: (float(c.min()), float(c.max())) for n, c in zip(best.names, x.T, strict=True)}
    try:
        made = from_formula(best.text, ranges, names=best.names, output_names=[best.target])
    except SplineworkError:
        return None
    with torch.no_grad(), np.errstate(all="ignore"):
        gap = made(torch.from_numpy(np.ascontiguousarray(x)))[:, 0].numpy() - best.numpy()(x)
    return made if float(np.abs(gap).max()) <= EQUAL * float(np.abs(best.numpy()(x)).max()) else None
