"""Measures of the states of a session: error on the rows, how far two states differ, and curves of both."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from splinework.nn.frame import network_of
from splinework.nn.frame.framed import names_of
from splinework.nn.naming import edge_names
from splinework.report.editor.session import EditSession, Model
from splinework.report.plot.curves import edge_curves, inside

Floats = NDArray[np.float64]

MAX_ROWS: Final = 20_000
"""Rows, evenly spaced in the table, on which errors and changes are measured."""
MAX_SHOWN: Final = 2000
"""Rows of which pictures are made."""
MAX_BACKGROUND: Final = 200
"""Rows over which the curve of an input is a mean."""
POINTS: Final = 41
"""Points of a curve."""


def thinned(rows: Any, most: int) -> Any:
    """Rows of a frame, evenly spaced, at most `most` of them."""
    return rows.iloc[:: max(1, -(-len(rows) // most))]


@torch.no_grad()
def outputs(session: EditSession, model: Model, most: int = MAX_ROWS) -> Floats:
    """Values of a model on the rows that the session shows, `(N, outputs)`."""
    return _values(session, model, thinned(session.shown, most))


def errors(session: EditSession, model: Model) -> dict[str, Any] | None:
    """Root mean squared error and R² of each output on the rows; None where nothing was measured."""
    y = session.rows["y"]
    if y is None:
        return None
    measured = thinned(y, MAX_ROWS).to_numpy()
    rest = outputs(session, model) - measured
    with np.errstate(all="ignore"):
        mean_squares = np.square(rest).mean(axis=0)
        explained = 1 - mean_squares / measured.var(axis=0)
    return {
        "rmse": [_number(value) for value in np.sqrt(mean_squares)],
        "r2": [_number(value) for value in explained],
        "rows": len(measured),
        "of": len(y),
        "names": list(names_of(model)[1]),
    }


def difference(before: Floats, after: Floats) -> float | None:
    """Root mean squared difference, as a share of the standard deviation of the first; of the output where it is largest."""
    spread = before.std(axis=0)
    size = np.where(spread > 0, spread, np.abs(before).mean(axis=0))
    with np.errstate(all="ignore"):
        shares = np.sqrt(np.square(after - before).mean(axis=0)) / np.where(size > 0, size, 1.0)
    return _number(shares.max())


def comparison(session: EditSession, first: int, second: int) -> dict[str, Any]:
    """Two states side by side: errors, sizes, the largest change, the curve of each input, and the edges that both have."""
    steps = [session.steps[session.number(each)] for each in (first, second)]
    models = [step.model for step in steps]
    values = [outputs(session, model) for model in models]
    gap = np.abs(values[1] - values[0])
    row, column = np.unravel_index(int(np.nan_to_num(gap, nan=np.inf).argmax()), gap.shape)
    rows = thinned(session.shown, MAX_ROWS)
    at = rows.iloc[int(row)]
    return {
        "states": [
            {
                "number": number,
                "title": step.title,
                "errors": errors(session, step.model),
                "edges": network_of(step.model).active_edges(),
                "parameters": network_of(step.model).parameter_count(),
                "shape": [_plain(entry) for entry in network_of(step.model).config.shape],
            }
            for number, step in zip((first, second), steps, strict=True)
        ],
        "change": difference(*values),
        "largest": {
            "value": _number(gap[row, column]),
            "output": list(names_of(models[0])[1])[int(column)],
            "row": {str(name): _number(value) for name, value in at.items()},
            "values": [_number(each[row, column]) for each in values],
        },
        "inputs": _input_curves(session, models),
        "edges": _common_edges(session, models),
    }


@torch.no_grad()
def _values(session: EditSession, model: Model, rows: Any) -> Floats:
    dtype = next(model.parameters()).dtype
    return np.asarray(model(session.taken(model, rows).to(dtype)).double().cpu().numpy())


def _input_curves(session: EditSession, models: Sequence[Model]) -> list[dict[str, Any]]:
    """The mean output of both models as a function of each input, the others as in the rows (partial dependence)."""
    background = thinned(session.shown, MAX_BACKGROUND)
    names = [name for name in session.shown.columns if any(name in names_of(model)[0] for model in models)]
    found = []
    for name in names:
        ends = session.shown[name].min(), session.shown[name].max()
        points = np.linspace(*ends, POINTS)
        repeated = background.loc[background.index.repeat(POINTS)].copy()
        repeated[name] = np.tile(points, len(background))
        curves = [
            _values(session, model, repeated).reshape(len(background), POINTS, -1).mean(axis=0) for model in models
        ]
        for j, output in enumerate(names_of(models[0])[1]):
            both = [[_number(value) for value in curve[:, j]] for curve in curves]
            found.append({"input": str(name), "output": output, "x": [_number(p) for p in points], "y": both})
    return found


def _common_edges(session: EditSession, models: Sequence[Model]) -> list[dict[str, Any]]:
    """The curves of the edges that have the same place and names in both models, the most different first."""
    held: list[Mapping[Any, tuple[Floats, Floats]]] = []
    for model in models:
        network, seen = inside(model, session.taken(model, thinned(session.shown, MAX_SHOWN)))
        curves = edge_curves(network, seen, points=POINTS, most=400)
        names = edge_names(network, curves.keys)
        held.append({(*k, *n): (x, y) for k, n, x, y in zip(curves.keys, names, curves.x, curves.y, strict=True)})
    found: list[dict[str, Any]] = []
    for key in held[0].keys() & held[1].keys():
        (x, y), (x_new, y_new) = held[0][key], held[1][key]
        if not len(x):
            continue
        both = np.interp(x, x_new, y_new)
        centred = (both - both.mean()) - (y - y.mean())
        found.append(
            {
                "edge": f"{key[3]} → {key[4]}",
                "id": "{}:{}:{}".format(*key[:3]),
                "x": [[_number(v) for v in x], [_number(v) for v in x_new]],
                "y": [[_number(v) for v in y], [_number(v) for v in y_new]],
                "change": _number(np.sqrt(np.square(centred).mean()) / (y.std() or 1.0)),
            }
        )
    return sorted(found, key=lambda each: (-(each["change"] or 0.0), each["id"]))[:24]


def _number(value: Any) -> float | None:
    """A number for JSON, None where it is not finite."""
    number = float(value)
    return number if math.isfinite(number) else None


def _plain(entry: Any) -> Any:
    return list(entry) if isinstance(entry, tuple) else entry
