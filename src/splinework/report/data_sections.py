"""Sections on data: key figures, columns, learning curve, fit, residuals. Each returns its content, possibly empty."""

import math
from typing import Any

import numpy as np

from splinework.report.facts import ReportData, ReportRows, errors_of, values_of
from splinework.report.html import (
    NOTHING,
    Html,
    bullets,
    cards,
    element,
    histogram,
    join,
    number,
    paragraph,
    picture,
    r_squared,
    table,
    text,
)
from splinework.report.plot import plot_fit, plot_history, plot_residual_histogram, plot_residuals
from splinework.report.plot.fits import MIN_ROWS_FOR_MEDIANS
from splinework.report.plot.protocols import Floats, best_of
from splinework.report.plot.style import new_figure, shown_name
from splinework.report.scores import accuracy, log_loss

MAX_POINTS = 800
MAX_COLUMNS = 200
MAX_OUTPUTS = 6
MAX_INPUTS = 6


def figures(facts: ReportData) -> Html:
    """The key figures, as cards."""
    network = facts.network
    shown: list[tuple[str, Html]] = []
    for name, kind, rows in (("test", "test", facts.test), ("train", "training", facts.train)):
        if facts.classes:
            shown += _of_classes(facts, name, kind, rows)
            continue
        error, r2 = _overall(facts, rows)
        logs = "log" in facts.output_scales
        given = facts.metric(f"rmse_{name}")
        shown.append((f"R² on {kind} rows", r_squared(_first(facts.metric(f"r2_{name}"), r2))))
        what = "RMSE of the logarithm" if logs and given is None else "RMSE"
        shown.append((f"{what} on {kind} rows", number(_first(given, error))))
        count = _first(facts.metric(f"n_{name}"), None if rows is None else len(rows))
        shown.append((f"{kind} rows", NOTHING if count is None else text(int(count))))
    if network is not None:
        edges = sum(layer.mask.numel() for layer in network.kan_layers)
        shown += [
            ("parameters in use", text(network.parameter_count(active=True))),
            ("active edges", Html(f"{network.active_edges()} <small>of {edges}</small>")),
        ]
    used = set(facts.used)
    count = sum(any(facts.names[place] in used for place in column.places) for column in facts.columns)
    shown.append(("columns in use", Html(f"{count} <small>of {len(facts.columns)}</small>")))
    seconds = _first(facts.metric("seconds"), facts.history.steps[-1].seconds if facts.history else None)
    shown.append(("seconds to fit", NOTHING if seconds is None else number(seconds, 3)))
    seed = facts.metric("seed")
    shown.append(("seed", NOTHING if seed is None else text(int(seed))))
    return cards(shown)


def _of_classes(facts: ReportData, name: str, kind: str, rows: ReportRows | None) -> list[tuple[str, Html]]:
    """Accuracy and log loss on rows of one kind."""
    right = loss = math.nan
    if rows is not None and rows.codes is not None and rows.probabilities is not None and len(rows):
        right, loss = accuracy(rows.probabilities, rows.codes), log_loss(rows.probabilities, rows.codes) or math.nan
    share = _first(facts.metric(f"accuracy_{name}"), right)
    count = _first(facts.metric(f"n_{name}"), None if rows is None else len(rows))
    return [
        (f"accuracy on {kind} rows", NOTHING if share is None else text(f"{100 * share:.4g} %")),
        (f"log loss on {kind} rows", number(_first(facts.metric(f"log_loss_{name}"), loss))),
        (f"{kind} rows", NOTHING if count is None else text(int(count))),
    ]


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None and not math.isnan(value)), None)


def _overall(facts: ReportData, rows: ReportRows | None) -> tuple[float, float]:
    """RMSE and R² over all outputs: the root mean square and the mean."""
    if rows is None:
        return math.nan, math.nan
    pairs = [rows.errors(j, scale) for j, scale in enumerate(facts.output_scales)]
    return math.sqrt(sum(e**2 for e, _ in pairs) / len(pairs)), sum(r for _, r in pairs) / len(pairs)


def data(facts: ReportData) -> Html:
    """The columns with range, scale, mean, and histogram."""
    if facts.train is None or not len(facts.train):
        return NOTHING
    used = facts.used
    columns = [
        (label, "input" if name in used else "input, not used", scale, facts.train.x[:, i])
        for i, (name, label, scale) in enumerate(zip(facts.names, facts.labels, facts.input_scales, strict=True))
    ]
    if facts.train.y is not None:
        columns += [
            (name, "output", scale, facts.train.y[:, j])
            for j, (name, scale) in enumerate(zip(facts.outputs, facts.output_scales, strict=True))
        ]
    rows = [_column(*column) for column in columns[:MAX_COLUMNS]]
    head = ("column", "role", "scale", "smallest", "mean", "largest", "std. deviation", "distribution")
    fitted = "the network was" if facts.model is not None else "the formulas were"
    caption = f"The {len(facts.train)} rows that {fitted} fitted to."
    if facts.test is not None:
        caption += f" {len(facts.test)} more are test rows."
    if len(columns) > MAX_COLUMNS:
        caption += f" The first {MAX_COLUMNS} of {len(columns)} columns."
    logs = "log" in (*facts.input_scales, *facts.output_scales)
    why = "A column on a logarithmic scale enters the network as its logarithm." if logs else ""
    return join(table(caption, head, rows, words=(0, 1, 2, 7)), paragraph(why, "aside") if why else NOTHING)


def _column(name: str, role: str, scale: str, values: Floats) -> list[Html]:
    drawn = np.log10(values) if scale == "log" and (values > 0).all() else values
    description = f"Histogram of {name}" + (" on a logarithmic scale" if drawn is not values else "")
    shown = text(name) if "not used" not in role else element("span", text(name), class_="unused")
    numbers = [number(float(v)) for v in (values.min(), values.mean(), values.max(), values.std())]
    return [
        shown,
        text(role),
        text("logarithmic" if scale == "log" else scale),
        *numbers,
        histogram(drawn, description),
    ]


def learning_curve(facts: ReportData) -> Html:
    """The errors over the steps, and the notes of the fit."""
    if facts.history is None:
        return NOTHING
    steps = facts.history.steps
    figure = new_figure(9.4, 3.2, arranged=True)
    plot_history(facts.history, ax=figure.add_subplot())
    last = steps[-1]
    description = f"Learning curve over {len(steps)} steps; the error on the fitted rows ends at {last.rmse_train:.3g}."
    caption = (
        f"Root mean squared error at each of {len(steps)} steps ({last.seconds:.3g} s); thin lines separate the stages."
    )
    return join(picture(figure, "learning-curve", description, caption), bullets(list(facts.history.notes)))


def fit(facts: ReportData) -> Html:
    """Measured against predicted values of each output, on the test rows if available, and the errors."""
    if facts.shown is None or facts.shown[0].y is None:
        return NOTHING
    rows, kind = facts.shown
    assert rows.y is not None
    few = _few(rows)
    drawings: list[Html] = []
    for j, name in enumerate(facts.outputs[:MAX_OUTPUTS]):
        for what, predicted in _predictions(facts, rows, j):
            scale = _plain(rows.y[:, j], predicted, facts.output_scales[j])
            figure = new_figure(3.5, 3.4, arranged=True)
            plot_fit(rows.y[few, j], predicted[few], ax=figure.add_subplot(), name=name, scale=scale)
            r2 = errors_of(predicted, rows.y[:, j], scale)[1]
            description = f"Measured against predicted {name} on the {kind} rows, by the {what}, R² {r2:.4g}."
            drawings.append(picture(figure, f"fit-{len(drawings) + 1}", description, f"By the {what}."))
    caption = f"{len(rows)} {kind} rows; on the dashed line, prediction and measurement are equal." + _sampled(rows)
    pictures = element("div", *drawings, class_="pictures")
    if len(drawings) > 1:
        return join(pictures, paragraph(caption, "aside"), _errors(facts))
    return join(element("div", pictures, _errors(facts), class_="beside"), paragraph(caption, "aside"))


def _predictions(facts: ReportData, rows: ReportRows, output: int) -> list[tuple[str, Floats]]:
    """Predictions of an output by the network and, if defined on all rows, by the best formula."""
    found = [] if facts.model is None else [("network", rows.predicted[:, output])]
    for row in best_of(facts.table):
        if row.target == facts.outputs[output] and np.isfinite(values := values_of(row, rows.x)).all():
            found.append(("best formula", values))
    return found


def _errors(facts: ReportData) -> Html:
    """RMSE and R² of each output on training and test rows."""
    lines = []
    for j, (name, scale) in enumerate(zip(facts.outputs, facts.output_scales, strict=True)):
        for kind, rows in (("training", facts.train), ("test", facts.test)):
            if rows is not None and rows.y is not None and len(rows):
                for what, predicted in _predictions(facts, rows, j):
                    error, r2 = errors_of(predicted, rows.y[:, j], scale)
                    shown = f"ln {name}" if scale == "log" else name
                    lines.append([text(shown), text(what), text(kind), text(len(rows)), number(error), r_squared(r2)])
    return table("Errors.", ("output", "by", "rows", "number", "RMSE", "R²"), lines, words=(0, 1, 2))


def residuals(facts: ReportData) -> Html:
    """Residuals of the network, or else of the best formula: their distribution and their dependence on inputs."""
    if facts.shown is None or facts.shown[0].y is None:
        return NOTHING
    rows, kind = facts.shown
    assert rows.y is not None
    parts = []
    for j, name in enumerate(facts.outputs[:MAX_OUTPUTS]):
        measured, predicted = rows.y[:, j], rows.predicted[:, j]
        if not np.isfinite(predicted).all():
            parts.append(paragraph(f"Predictions of {name} are not finite on all {kind} rows: no residuals.", "aside"))
            continue
        scale = _plain(measured, predicted, facts.output_scales[j])
        few, of, left = _few(rows), f"of {name} on the {kind} rows", f"residuals-{j + 1}"
        columns: list[tuple[Any, str, str, str, str]] = [
            (None, f"{shown_name(name)} predicted", scale, f"{left}-predicted", "the prediction")
        ]
        columns += [
            (rows.x[few, i], facts.labels[i], facts.input_scales[i], f"{left}-{i + 1}", facts.labels[i])
            for i in (_inputs(facts) if len(facts.outputs) <= 2 else [])
        ]
        figure = new_figure(3.0, 2.3, arranged=True)
        plot_residual_histogram(measured, predicted, ax=figure.add_subplot(), scale=scale)
        drawings = [picture(figure, left, f"Histogram of the residuals {of}.")]
        for against, shown, along, label, what in columns:
            figure = new_figure(3.0, 2.3, arranged=True)
            axes: dict[str, Any] = {"ax": figure.add_subplot(), "against": against, "against_scale": along}
            plot_residuals(measured[few], predicted[few], name=shown, scale=scale, **axes)
            drawings.append(picture(figure, label, f"Residuals {of} against {what}."))
        heading = element("h3", text(name)) if len(facts.outputs) > 1 else NOTHING
        parts.append(join(heading, element("div", *drawings, class_="pictures")))
    medians = (
        "; the coloured line joins binned medians" if len(range(len(rows))[_few(rows)]) >= MIN_ROWS_FOR_MEDIANS else ""
    )
    caption = f"Measured minus predicted values of {len(rows)} {kind} rows{medians}." + _sampled(rows)
    return join(*parts, paragraph(caption, "aside"))


def _inputs(facts: ReportData) -> list[int]:
    """The inputs of the most important columns in use."""
    used, shares = set(facts.used), facts.shares
    alive = [c for c, column in enumerate(facts.columns) if any(facts.names[place] in used for place in column.places)]
    if shares is not None:
        weight = shares.max(axis=1)
        alive = sorted(alive, key=lambda c: -weight[c])
    numbers = [facts.columns[c].places[0] for c in alive if not facts.columns[c].levels]
    return sorted(numbers[:MAX_INPUTS])


def _plain(measured: Floats, predicted: Floats, scale: str) -> str:
    """The scale, or `linear` if a logarithm is undefined."""
    return scale if (measured > 0).all() and (predicted > 0).all() else "linear"


def _few(rows: ReportRows) -> slice:
    return slice(None, None, max(1, -(-len(rows) // MAX_POINTS)))


def _sampled(rows: ReportRows) -> str:
    step = _few(rows).step
    which = {2: "second", 3: "third"}.get(step, f"{step}th")
    return "" if step == 1 else f" Scatter plots show every {which} row."
