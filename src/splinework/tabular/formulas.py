"""Search for formulas of a fitted estimator, in the user's column names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from splinework.errors import DataError
from splinework.nn.frame import FramedKAN
from splinework.nn.frame.framed import names_of
from splinework.nn.network import KAN
from splinework.tabular.inner_network import outputs_of
from splinework.tabular.rows import Floats, WeightedRows, unweighted

if TYPE_CHECKING:
    import pandas as pd

    from splinework.interpret.symbolic.table import FormulaTable

N_DRAWN_ROWS = 200
"""Rows sampled from a framed model where the fit has too few; a plain network is symbolified instead."""
MAX_INPUTS = 24
"""Maximum number of inputs in the search, the most important ones."""


def search(
    model: KAN | FramedKAN,
    rows: WeightedRows,
    importance: Floats,
    *,
    classes: NDArray[Any] | None,
    target: str,
    options: dict[str, Any],
) -> FormulaTable:
    """Searches for formulas of the data or, where there are too few rows, of the network.

    Args:
        model: The fitted network.
        rows: Rows of its inputs and targets.
        importance: Importance of its inputs, `(p,)`.
        classes: Class labels, where the targets are class codes.
        target: Name of the class variable.
        options: Options of the search, its seed among them.
    """
    from splinework.discover import discover, discover_classes, discover_multioutput  # with sympy, which no fit needs
    from splinework.knowledge.teach.formulas import symbolify

    kept = np.sort(np.argsort(-importance, kind="stable")[:MAX_INPUTS])
    inputs, outputs = names_of(model)
    names = [inputs[i] for i in kept]
    common: dict[str, Any] = {"names": names, "progress": False, **options}
    even = unweighted(rows, len(rows))
    try:
        if classes is not None:
            labels = classes[even.y.astype(np.intp)].astype(str)
            return discover_classes(even.x[:, kept], labels, target=target, **common)
        if len(outputs) == 1:
            y = np.asarray(rows.y, dtype=np.float64)[:, 0]
            return discover(rows.x[:, kept], y, target=outputs[0], weights=rows.weights, **common)
        return discover_multioutput(even.x[:, kept], even.y, targets=outputs, **common)
    except DataError:  # too few rows, overall or of a class
        if isinstance(model, FramedKAN):
            low, high = even.x.min(axis=0), even.x.max(axis=0)
            x = np.random.default_rng(options["seed"]).uniform(low, high, (N_DRAWN_ROWS, len(low)))
            y = outputs_of(model, x)
            if len(outputs) == 1:
                return discover(x[:, kept], y[:, 0], target=outputs[0], **common)
            return discover_multioutput(x[:, kept], y, targets=outputs, **common)
        return symbolify(
            model,
            even.x,
            outputs_of(model, even.x),
            budget=options.get("budget"),
            effort=options.get("effort"),
        )


def as_frame(table: FormulaTable) -> pd.DataFrame:
    """The table as a data frame, one formula per row, best first for each target."""
    import pandas as pd

    names = ("target", "text", "complexity", "rmse", "r2", "held_out", "bits", "probability", "notes")
    frame = pd.DataFrame({name: [getattr(row, name) for row in table] for name in names})
    frame = frame.rename(columns={"text": "formula"}).astype({"held_out": "float64"})
    return frame.assign(notes=frame["notes"].map("; ".join))
