"""How a notebook shows a model, the result of a fit or a table of formulas: small HTML without scripts, files or requests."""

from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from splinework.errors import SplineworkError
from splinework.formula.figures import plural
from splinework.nn.frame import FramedKAN, network_of
from splinework.nn.frame.framed import names_of
from splinework.nn.network import KAN
from splinework.report.html import NOTHING, Html, element, join, number, text
from splinework.report.mathml import typeset
from splinework.report.plot import plot
from splinework.report.plot.protocols import Floats
from splinework.report.plot.svg import svg

MAX_ROWS = 12
"""Formulas, steps or notes that are shown."""
MAX_EDGES = 120
"""Edges up to which the network is drawn."""
N_ROWS = 64
_BOX = "background: #fff; color: #1b2430; padding: 0.6em 0.8em; border: 1px solid #d5dae1; border-radius: 6px; overflow-x: auto"


def html_of(value: Any) -> str:
    """The HTML of a model, the result of a fit, or a table of formulas.

    >>> html_of(KAN([2, 1])).startswith("<div")
    True
    """
    if isinstance(value, KAN | FramedKAN):
        return _boxed(_summary(value), _picture(value, None))
    if hasattr(value, "rows"):
        return _boxed(_formulas(value))
    return _boxed(_summary(value.model), _fit(value), _picture(value.model, _rows_of(value)))


def _boxed(*parts: Html) -> str:
    return element("div", join(*parts), style=_BOX)


def _summary(model: KAN | FramedKAN) -> Html:
    network, (inputs, outputs) = network_of(model), names_of(model)
    shape = ", ".join(str(entry) for entry in network.config.shape)
    framed = " in a frame of formulas" if isinstance(model, FramedKAN) else ""
    names = f"{_listed(outputs)} from {_listed(inputs)}"
    counts = (
        f"{plural(network.active_edges(), 'active edge')}, {plural(network.parameter_count(active=True), 'parameter')}"
    )
    return element("p", element("strong", text(f"KAN [{shape}]{framed}")), text(f": {names}; {counts}"))


def _listed(names: Any) -> str:
    names = list(names)
    return ", ".join(names) if len(names) <= 6 else f"{', '.join(names[:5])} and {len(names) - 5} more"


def _picture(model: KAN | FramedKAN, x: Floats | None) -> Html:
    """The network over rows of data, or over the domain of its grids."""
    network = network_of(model)
    if not 0 < network.active_edges() <= MAX_EDGES:
        return NOTHING
    try:
        drawn = plot(model, x) if x is not None else plot(network, _domain(network))
    except SplineworkError:  # such as edges that are not finite
        return NOTHING
    figure = drawn.figure
    assert isinstance(figure, Figure)
    return Html(
        svg(figure, f"network-{abs(hash(network)) % 10**8}").replace(
            "<svg ", '<svg role="img" aria-label="Network" ', 1
        )
    )


@torch.no_grad()
def _domain(network: KAN) -> Floats:
    """Rows that cover the domains of the first layer's grids, in raw units."""
    layer = network.kan_layers[0]
    low, high = (end.detach().double().cpu() for end in layer.basis.domain(layer.grid))
    share = torch.from_numpy(np.random.default_rng(0).uniform(size=(N_ROWS, network.inputs)))
    share[0], share[-1] = 0.0, 1.0
    scaling = network.input_scaling
    rows = scaling.inverse((low + share * (high - low)).to(scaling.shift))
    found: Floats = rows.double().cpu().numpy()
    return found


def _rows_of(result: Any) -> Floats | None:
    """Some of the rows of a fit, if it kept them."""
    kept = getattr(result, "training_data", None)
    if kept is None or len(kept.u) < 2:
        return None
    rows: Floats = result.fitted_network.input_scaling.inverse(kept.u).detach().double().cpu().numpy()
    return rows[:: max(1, len(rows) // 500)]


def _fit(result: Any) -> Html:
    """The last step of the fit, and what was decided."""
    history = result.history
    if not len(history.steps):
        return NOTHING
    last = history.steps[-1]
    cells = {"steps": text(last.number), "RMSE on the fitted rows": number(last.rmse_train)}
    if np.isfinite(last.rmse_validation):
        cells["RMSE on the validation rows"] = number(last.rmse_validation)
    cells["seconds"] = number(last.seconds, 3)
    lines = [
        element("tr", element("th", text(name), style="text-align: left"), element("td", cell))
        for name, cell in cells.items()
    ]
    notes = [element("li", text(note)) for note in list(history.notes)[:MAX_ROWS]]
    sentences = element("details", element("summary", text("Decisions")), element("ul", *notes)) if notes else NOTHING
    return join(element("table", *lines), sentences)


def _formulas(table: Any) -> Html:
    """Formulas, best first."""
    rows = list(table.rows)
    names = ("target", "formula", "complexity", "RMSE", "held-out")
    head = element("tr", *(element("th", text(name), style="text-align: left") for name in names))
    lines = []
    for row in rows[:MAX_ROWS]:
        set_ = typeset(row)
        formula = (
            element("code", text(row.text)) if set_ is None else set_.replace('display="block"', 'display="inline"', 1)
        )
        held = getattr(row, "held_out", None)
        cells = (text(row.target), Html(formula), text(row.complexity), number(row.rmse), number(held))
        lines.append(element("tr", *(element("td", cell, style="text-align: left") for cell in cells)))
    sentences = [str(table.refusal)] if getattr(table, "refusal", None) else []
    sentences += [] if len(rows) <= MAX_ROWS else [f"The first {MAX_ROWS} of {plural(len(rows), 'formula')}."]
    sentences += [] if rows else ["No formula was found."]
    return join(
        *(element("p", text(sentence)) for sentence in sentences), element("table", head, *lines) if rows else NOTHING
    )
