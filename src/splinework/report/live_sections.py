"""The living parts of the page: the network to explore, the model to try, and the data that the scripts read."""

import math
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from splinework.errors import SplineworkError
from splinework.formula.figures import plural
from splinework.nn.naming import edge_names
from splinework.report.facts import ReportData, ReportRows
from splinework.report.formula_sections import chooser_data
from splinework.report.graph import graph_of
from splinework.report.html import NOTHING, Html, element, join, paragraph, picture
from splinework.report.live import LiveModel, background
from splinework.report.model_sections import edge_table, frame
from splinework.report.plot import plot
from splinework.report.plot.curves import edge_curves
from splinework.report.plot.protocols import Floats

LEVEL = 0.9
MAX_NAMED = 8
MIN_ROWS = 20
"""Held-out rows from which their errors give a band."""


def try_it(facts: ReportData, live: LiveModel) -> Html:
    """The controls and the prediction; a sentence where the model cannot run in the page."""
    if facts.model is None:
        return NOTHING
    if live.lacking:
        return paragraph(live.lacking, "aside")
    if start_row(facts) is None:
        return paragraph("Without rows of data, or ranges of the inputs, there is nothing to start from.", "aside")
    needs = paragraph("These controls need JavaScript; everything else on this page does not.", "aside")
    parts = [
        element("div", data_part="controls"),
        element("div", element("div", data_part="result", aria_live="polite"), element("div", data_part="terms")),
    ]
    panel = element("div", *parts, class_="columns", id="predict-panel", hidden="hidden")
    return join(element("noscript", needs), panel)


def network(facts: ReportData) -> Html:
    """The network: a picture that the scripts replace by one that answers, details, a table of edges, and its frame."""
    model, framed = facts.network, frame(facts)
    if facts.rows is None or facts.model is None or model is None:
        return framed
    if not model.active_edges():
        return join(paragraph("The network has no active edges: its output is a constant."), framed)
    details = element("div", class_="details screen", id="network-panel", aria_live="polite")
    explorer = element("div", element("div", _static(facts), id="network-picture"), details, class_="explorer")
    caption = (
        "Inputs are on the left, outputs on the right; each box shows the function of its edge over the range of the data. "
        "Width and opacity of an edge show its share of the variance. Point at an edge or a node, or reach it by keyboard, for "
        "details; click to keep them."
    )
    return join(explorer, paragraph(caption, "aside"), _not_finite(facts), edge_table(facts), framed)


def _not_finite(facts: ReportData) -> Html:
    """The edges that are not finite on the range of the data, if any."""
    model = facts.network
    assert model is not None
    curves = edge_curves(model, facts.seen)
    places = np.flatnonzero(~np.isfinite(curves.y).all(axis=1))
    if not len(places):
        return NOTHING
    named = [" → ".join(pair) for pair in edge_names(model, [curves.keys[place] for place in places[:MAX_NAMED]])]
    more = f" and {len(places) - MAX_NAMED} more" if len(places) > MAX_NAMED else ""
    sentence = (
        f"{plural(len(places), 'edge')} of the network not finite on the range of the data: {', '.join(named)}{more}."
    )
    return paragraph(f"{sentence} Predictions that use them are not finite either.", "refusal")


def _static(facts: ReportData) -> Html:
    """The diagram for readers without scripts."""
    model, rows = facts.network, facts.rows
    if model is None or rows is None or facts.model is None:
        return NOTHING
    try:
        ax = plot(facts.model, rows.x)
    except SplineworkError as error:
        return paragraph(f"No picture of the network: {error}", "aside")
    drawn = ax.figure
    assert isinstance(drawn, Figure)
    description = (
        f"Network diagram: {model.inputs} inputs, {model.outputs} outputs, {model.active_edges()} active edges."
    )
    return picture(drawn, "diagram", description)


def start_row(facts: ReportData) -> Floats | None:
    """The row from which the controls start: the one closest to the medians."""
    rows = facts.rows
    if rows is None or not len(rows):
        return None
    spread = rows.x.std(axis=0)
    off = (rows.x - np.median(rows.x, axis=0)) / np.where(spread > 0, spread, 1.0)
    start: Floats = rows.x[int(np.argmin((off**2).sum(axis=1)))]
    return start


def page_data(facts: ReportData, live: LiveModel) -> dict[str, Any]:
    """The data that the scripts read."""
    rows = facts.rows
    found: dict[str, Any] = {
        "outputs": list(facts.output_labels),
        "classes": list(facts.classes),
        "lapses": list(facts.task.lapses),
        "logs": [scale == "log" for scale in facts.output_scales],
        "trace": live.trace,
        "formulas": chooser_data(facts),
        "graph": None,
    }
    if facts.network is not None and rows is not None and facts.seen is not None and facts.network.active_edges():
        try:
            found["graph"] = graph_of(
                facts.network, facts.seen, names=_inner_names(facts), output_names=_outer_names(facts)
            )
        except SplineworkError:  # the section says so
            found["graph"] = None
    if facts.model is None or rows is None or not len(rows) or live.lacking:
        return found
    start = start_row(facts)
    assert start is not None
    found |= {
        "columns": [_column(facts, rows, c) for c in range(len(facts.columns))],
        "start": start.tolist(),
        "background": background(rows.x, rows.predicted),
    }
    band, note = _band(facts)
    return found | {"band": band, "bandNote": note}


def _inner_names(facts: ReportData) -> tuple[str, ...] | None:
    """Names of the network's inputs for readers; None for its own, as in a frame."""
    return facts.labels if facts.model is facts.network else None


def _outer_names(facts: ReportData) -> tuple[str, ...] | None:
    return facts.output_labels if facts.model is facts.network else None


def _column(facts: ReportData, rows: ReportRows, c: int) -> dict[str, Any]:
    column = facts.columns[c]
    values = rows.x[:, column.places[0]] if column.places else np.zeros(1)
    place = column.places[0] if column.places else -1
    return {
        "name": column.name,
        "places": list(column.places),
        "low": float(values.min()),
        "high": float(values.max()),
        "scale": facts.input_scales[place] if 0 <= place < len(facts.input_scales) else "linear",
        "whole": bool((values == np.round(values)).all() and len(np.unique(values)) <= 50 and np.ptp(values) >= 2),
        "levels": [[label, list(own)] for label, own in column.levels],
        "missing": None if column.missing is None else list(column.missing),
    }


def _band(facts: ReportData) -> tuple[list[list[float] | None] | None, str]:
    """Offsets of the ends of a band around predictions, from errors of held-out rows, and a sentence on it."""
    if facts.classes:
        return None, ""
    rows = facts.test
    if rows is None or rows.y is None or len(rows) < MIN_ROWS:
        return None, f"No band: that takes at least {MIN_ROWS} held-out rows with measured values."
    found: list[list[float] | None] = []
    count = len(rows)
    rank = min(count, math.ceil((count + 1) * LEVEL))
    for j in range(rows.y.shape[1]):
        off = np.sort(np.abs(rows.y[:, j] - rows.predicted[:, j]))
        half = float(off[rank - 1])
        found.append([-half, half] if math.isfinite(half) else None)
    if not any(found):
        return None, "No band: predictions of the held-out rows are not finite."
    return found, f"The band holds {100 * LEVEL:.0f} % of new rows like the {count} held-out rows (split conformal)."
