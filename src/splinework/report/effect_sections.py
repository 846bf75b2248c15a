"""The section on effects: what each column does to the outputs, centred, in their units and on a common scale."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from splinework.errors import SplineworkError
from splinework.interpret.importance.effect import Effect, effects
from splinework.interpret.importance.row_function import RowFunction
from splinework.report.charts import Line, bar_chart, extent, figure, grid, line_chart
from splinework.report.facts import ReportData
from splinework.report.html import NOTHING, Html, element, join, paragraph, text
from splinework.report.task import InputColumn

MAX_EFFECTS = 12
MAX_OUTPUTS = 4
MAX_LEVELS = 20
MAX_NAMED = 12
MIN_SHARE = 0.01
"""Share of the variance of an output below which a column is only named."""
N_POINTS = 33
N_ROWS = 4000
LEVEL = 0.9


def effect_section(facts: ReportData) -> Html:
    """Effects on every output, and of a classifier on log odds and probabilities."""
    function = facts.function
    if function is None:
        return NOTHING
    function = replace(function, x=function.x[:: max(1, -(-len(function.x) // N_ROWS))])
    order = _order(facts)
    kept = order[:MAX_EFFECTS]
    if not kept:
        return paragraph("The model uses none of its inputs: it is a constant.", "aside")
    columns = [facts.columns[c] for c in kept]  # of a number with gaps, the number itself
    places = tuple(each.places if each.missing is None else each.places[:1] for each in columns)
    chosen = replace(function, inputs=tuple(each.name for each in columns), columns=places)
    try:
        found = _found(facts, chosen)
    except SplineworkError as error:
        return paragraph(f"Effects cannot be shown: {error}", "aside")
    parts = [_intro(facts, found, len(order))]
    if facts.classes:
        parts += _of_classes(facts, chosen, kept, found)
    else:
        for j, name in enumerate(facts.output_labels[:MAX_OUTPUTS]):
            heading = element("h3", text(name)) if len(facts.outputs) > 1 else NOTHING
            parts.append(join(heading, _pictures(facts, found, kept, j, name)))
        if len(facts.outputs) > MAX_OUTPUTS:
            parts.append(paragraph(f"The first {MAX_OUTPUTS} of {len(facts.outputs)} outputs.", "aside"))
    return join(*parts)


def _found(facts: ReportData, function: RowFunction) -> tuple[Effect, ...]:
    """The effects, with bands where the fit has a posterior, whose units those of the outputs are."""
    if function.widths is not None and "log" not in facts.output_scales:
        try:
            return effects(function, function.x, points=N_POINTS, level=LEVEL)
        except SplineworkError:  # a loss without a posterior, or too many parameters
            pass
    return effects(replace(function, widths=None), function.x, points=N_POINTS)


def _order(facts: ReportData) -> list[int]:
    """The columns that the model uses, the most important first."""
    used = set(facts.used)
    kept = [c for c, column in enumerate(facts.columns) if any(facts.names[place] in used for place in column.places)]
    shares = facts.shares
    return kept if shares is None else sorted(kept, key=lambda c: -float(shares[c].max()))


def _intro(facts: ReportData, found: Sequence[Effect], of: int) -> Html:
    sentences = [
        "The mean prediction where a column has a value, minus the mean prediction of all rows: for a sum of curves the curve "
        "itself. All pictures of an output have the same vertical scale; ticks mark the rows. Shares of the variance include "
        "interactions, so they may add up to more than 100 %."
    ]
    if any(each.width is not None for each in found):
        sentences.append(f"Bands are {100 * LEVEL:.0f} % confidence bands of the effect.")
    if of > len(found):
        sentences.append(f"The {len(found)} most important of {of} columns.")
    return paragraph(" ".join(sentences), "aside")


def _pictures(facts: ReportData, found: Sequence[Effect], kept: Sequence[int], output: int, name: str) -> Html:
    """One picture a column, on a common vertical scale."""
    shares, left_out = facts.shares, []
    if shares is not None:
        strong = [place for place, c in enumerate(kept) if shares[c, output] >= MIN_SHARE]
        left_out = [facts.columns[c].name for place, c in enumerate(kept) if place not in strong]
        found, kept = [found[place] for place in strong], [kept[place] for place in strong]
    if not found:
        return paragraph(f"No column has {_percent(MIN_SHARE)} of the variance of {name}.", "aside")
    spans = []
    for each in found:
        values = each.effect[:, output]
        half = np.zeros_like(values) if each.width is None else each.width[:, output]
        spans += [values - half, values + half]
    ends = extent(spans, room=0.05)
    drawn = []
    for each, c in zip(found, kept, strict=True):
        column = facts.columns[c]
        share = "" if shares is None else f", {_percent(float(shares[c, output]))} of the variance"
        values = each.effect[:, output]
        width = None if each.width is None else each.width[:, output]
        label = f"Effect of {column.name} on {name}: from {values.min():.3g} to {values.max():.3g}."
        if column.levels:
            chart = _bars(facts, column, each, output, ends, label)
        else:
            place = column.places[0]
            assert facts.function is not None
            rug, x = facts.function.x[:, place], each.values[:, 0]
            band = None if width is None else (values - width, values + width)
            log = place < len(facts.input_scales) and facts.input_scales[place] == "log"
            chart = line_chart([Line(x, values, band)], label, names=(column.name, ""), y_range=ends, rug=rug, log=log)
        drawn.append(figure(chart, f"{column.name}{share}{_gap_effect(facts, column, output)}"))
    rest = f"Less than 1 % of the variance of {name}: {', '.join(left_out[:MAX_NAMED])}" if left_out else ""
    more = f" and {len(left_out) - MAX_NAMED} more" if len(left_out) > MAX_NAMED else ""
    return join(grid(drawn), paragraph(f"{rest}{more}.", "aside") if rest else NOTHING)


def _gap_effect(facts: ReportData, column: InputColumn, output: int) -> str:
    """The effect of a missing number, as text; empty where there are none."""
    function = facts.function
    if column.missing is None or function is None or facts.shares is None:
        return ""
    rows = function.x[:: max(1, -(-len(function.x) // 128))]
    absent = rows.copy()
    absent[:, list(column.places)] = column.missing
    change = float(function(absent)[:, output].mean() - function(rows)[:, output].mean())
    return f"; missing: {change:+.3g}".replace("-", "−")


def _percent(share: float) -> str:
    return "< 1 %" if share < 0.01 else f"{100 * share:.0f} %"


def _bars(
    facts: ReportData, column: InputColumn, each: Effect, output: int, ends: tuple[float, float], label: str
) -> Html:
    """The effect of every level, or of a number and its gaps."""
    rows = np.zeros((len(each.values), len(facts.names)))
    rows[:, list(column.places)] = each.values
    labels = [column.shown(row) for row in rows]
    values = each.effect[:, output]
    order = np.argsort(-values, kind="stable")[:MAX_LEVELS]
    width = None if each.width is None else each.width[order, output]
    return bar_chart([labels[place] for place in order], values[order], label, widths=width, ends=ends)


def _of_classes(facts: ReportData, function: RowFunction, kept: Sequence[int], found: Sequence[Effect]) -> list[Html]:
    """Effects on log odds, and on the probability of each class."""
    parts = [element("h3", text("On the log odds"))]
    for j, name in enumerate(facts.output_labels[:MAX_OUTPUTS]):
        heading = element("h4", text(name)) if len(facts.outputs) > 1 else NOTHING
        parts.append(join(heading, _pictures(facts, found, kept, j, name)))
    task = facts.task
    assert task.probabilities is not None
    probabilities = task.probabilities
    asked = replace(
        function, call=lambda x: probabilities(function.call(x)), outputs=facts.classes, network=None, widths=None
    )
    likely = effects(asked, function.x, points=N_POINTS)
    parts.append(element("h3", text("On the probabilities")))
    shown = [1] if len(facts.classes) == 2 else list(range(len(facts.classes)))[:MAX_OUTPUTS]
    plain = _without_shares(facts)
    for j in shown:
        name = f"probability of {facts.classes[j]}"
        parts.append(join(element("h4", text(name)), _pictures(plain, likely, kept, j, name)))
    if len(shown) < len(facts.classes) and len(facts.classes) > 2:
        parts.append(paragraph(f"The first {len(shown)} of {len(facts.classes)} classes.", "aside"))
    return parts


def _without_shares(facts: ReportData) -> ReportData:
    """The same without shares of the variance, which are those of the log odds."""
    plain = replace(facts)
    plain.__dict__["shares"] = None
    plain.__dict__["function"] = facts.function
    return plain
