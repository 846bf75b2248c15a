"""The answer: what was asked, how good the model is beside baselines, whether a formula explains it, and its worst rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from splinework.formula.figures import plural
from splinework.nn.frame import FramedKAN
from splinework.report.baselines import Baseline, classifications, regressions
from splinework.report.facts import ReportData, ReportRows, errors_of, values_of
from splinework.report.html import NOTHING, Html, element, join, number, paragraph, r_squared, table, text
from splinework.report.plot.protocols import Floats, best_of
from splinework.report.scores import accuracy, log_loss

MAX_TARGETS = 6
N_WORST = 8
MAX_SHOWN_COLUMNS = 5
FORMULA_TOLERANCE = 1.1
"""Ratio of errors up to which a formula counts as explaining what the network explains."""
CLEAR = 0.02
"""Relative difference of errors from which one model counts as better."""


@dataclass(frozen=True)
class Contender:
    """A model with its predictions of the rows that count: values, or probabilities of classes, `(N, outputs)`."""

    name: str
    predicted: Floats


def lead(facts: ReportData) -> Html:
    """The question and the rows, in a sentence or two."""
    target = facts.task.target if facts.classes else _listed(facts.outputs)
    kind = f"the class of {target} (one of {len(facts.classes)})" if facts.classes else target
    used = sum(1 for column in facts.columns if _is_used(facts, column.places))
    inputs = plural(len(facts.columns), "column")
    verb = "depend" if len(facts.outputs) > 1 and not facts.classes else "depends"
    parts = [f"The question: how {kind} {verb} on {inputs}"]
    if used < len(facts.columns):
        parts.append(f", of which the model uses {used}")
    rows = [
        f"{plural(len(part), 'row')} {what}"
        for part, what in ((facts.train, "of training data"), (facts.test, "held out"))
        if part is not None and len(part)
    ]
    sentence = "".join(parts) + "." + (f" Data: {' and '.join(rows)}." if rows else " No rows of data were given.")
    return paragraph(sentence, "lead")


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names) if len(names) <= 3 else f"{', '.join(names[:3])} and {len(names) - 3} more"


def _is_used(facts: ReportData, places: Sequence[int]) -> bool:
    used = set(facts.used)
    return any(facts.names[place] in used for place in places)


def comparison(facts: ReportData) -> Html:
    """Errors of the network, the best formula and the baselines on the same rows, and sentences on what they mean."""
    if facts.shown is None:
        why = "The rows have no measured values" if facts.train is not None or facts.test is not None else "No data"
        return paragraph(f"{why}, so this page cannot say how good the model is.", "aside")
    rows, kind = facts.shown
    sentences = []
    if facts.test is None or not len(facts.test):
        sentences.append("No rows were held out: errors on training rows are smaller than those on new rows.")
    if facts.classes:
        listing, findings = _of_classes(facts, rows, kind)
        return join(_sentences([*sentences, *findings]), listing)
    tables, several, summary = [], len(facts.outputs) > 1, []
    for j, name in enumerate(facts.outputs[:MAX_TARGETS]):
        listing, findings, explained = _of_target(facts, rows, kind, j)
        sentences += [f"{name}: {finding}" if several else finding for finding in findings]
        tables.append(listing)
        summary.append(explained)
    if len(facts.outputs) > MAX_TARGETS:
        sentences.append(f"The first {MAX_TARGETS} of {len(facts.outputs)} outputs are compared.")
    if several:
        heading = element("summary", text("Errors of each output"))
        tables = [_summary(facts, summary, kind), element("details", heading, join(*tables), class_="print")]
    return join(_sentences(sentences), *tables)


def _summary(facts: ReportData, explained: Sequence[dict[str, Html]], kind: str) -> Html:
    """R² of every model and output."""
    models = list(dict.fromkeys(name for each in explained for name in each))
    lines = [[text(name), *(each.get(name, Html("–")) for each in explained)] for name in models]
    head = ("R²", *facts.output_labels[:MAX_TARGETS])
    return table(f"R² on the {kind} rows, by model and output.", head, lines, names=1)


def _sentences(sentences: Sequence[str]) -> Html:
    if not sentences:
        return NOTHING
    return element("ul", *(element("li", text(sentence)) for sentence in sentences), class_="findings")


def _of_target(facts: ReportData, rows: ReportRows, kind: str, output: int) -> tuple[Html, list[str], dict[str, Html]]:
    """The table of a target, sentences on it, and R² by model."""
    assert rows.y is not None
    measured, scale, name = rows.y[:, output], facts.output_scales[output], facts.outputs[output]
    found = _contenders(facts, rows, output)
    found += [Contender(each.name, each.predict(rows.x)[:, output]) for each in _baselines(facts)]
    logs = scale == "log" and (measured > 0).all()
    lines, errors, explained = [], {}, {}
    for each in found:
        finite = np.isfinite(each.predicted)
        missing = int((~finite).sum())
        off = np.abs(each.predicted - measured)
        rmse = math.sqrt(float((off**2).mean())) if not missing else math.nan
        own, r2 = (
            errors_of(each.predicted, measured, "log")
            if logs
            else (rmse, errors_of(each.predicted, measured, "linear")[1])
        )
        errors[each.name] = own
        cells = [text(each.name), number(rmse), number(float(np.median(off[finite])) if finite.any() else math.nan)]
        cells += [number(own)] if logs else []
        explained[each.name] = r_squared(r2)
        lines.append([*cells, explained[each.name]])
    head = ["model", "RMSE", "median absolute error", *(["RMSE of ln"] if logs else []), "R² of ln" if logs else "R²"]
    caption = f"Errors on the {len(rows)} {kind} rows, in the units of {name}" + (
        "; baselines are fitted to the training rows." if len(found) > 1 else "."
    )
    return table(caption, head, lines), _findings(facts, errors, rows, output), explained


def _contenders(facts: ReportData, rows: ReportRows, output: int) -> list[Contender]:
    found = [] if facts.model is None else [Contender("network", rows.predicted[:, output])]
    for row in best_of(facts.table):
        if row.target == facts.outputs[output]:
            found.append(Contender("best formula", values_of(row, rows.x)))
    return [each for each in found if np.isfinite(each.predicted).any() or each.name == "network"]


def _baselines(facts: ReportData) -> list[Baseline]:
    train = facts.train
    if train is None or len(train) < 3:
        return []
    if facts.classes:
        return [] if train.codes is None else classifications(train.x, train.codes, len(facts.classes))
    return [] if train.y is None else regressions(train.x, train.y)


def _findings(facts: ReportData, errors: dict[str, float], rows: ReportRows, output: int) -> list[str]:
    network, formula = errors.get("network"), errors.get("best formula")
    simple = {name: error for name, error in errors.items() if name not in ("network", "best formula")}
    found = []
    best = min((error for error in (network, formula) if error is not None and math.isfinite(error)), default=None)
    if best is None:
        found.append("The model is not finite on some of these rows, so it has no error there.")
    elif simple:
        name = min(simple, key=lambda each: simple[each])
        found.append(_against(best, simple[name], name))
    if network is not None and formula is not None and math.isfinite(network):
        found.append(_of_formula(network, formula, facts))
    elif network is None and formula is not None:
        found.append("The model is a formula; no network was fitted.")
    assert rows.y is not None
    off = rows.predicted[:, output] - rows.y[:, output]
    squares = np.sort(off[np.isfinite(off)] ** 2)[::-1]
    few = max(1, len(squares) // 100)
    if len(squares) >= 30 and squares.sum() > 0 and squares[:few].sum() > 0.3 * squares.sum():
        share = squares[:few].sum() / squares.sum()
        found.append(
            f"{_percent(share)} of the squared error comes from {plural(few, 'row')} of {len(squares)}; see the rows below."
        )
    return found


def _against(error: float, other: float, name: str) -> str:
    if not math.isfinite(other) or other == 0:
        return f"The model's error is {number(error, 3)}."
    change = 1 - error / other
    if change > CLEAR:
        return f"The model's error is {_percent(change)} below that of the best baseline ({name})."
    if change < -CLEAR:
        return f"A baseline ({name}) is better: its error is {_percent(1 - other / error)} below that of the model."
    return f"The model is no better than the best baseline ({name}): the errors differ by less than {_percent(CLEAR)}."


def _percent(share: float) -> str:
    """A share, which is never written as all unless it is."""
    shown = f"{100 * share:.0f}"
    return "more than 99 %" if shown == "100" and share < 1 else f"{shown} %"


def _of_formula(network: float, formula: float, facts: ReportData) -> str:
    if not math.isfinite(formula):
        return "The best formula is not defined on all of these rows, so it does not replace the network."
    noise = getattr(facts.table, "noise", None)
    if formula <= FORMULA_TOLERANCE * network or (noise and formula <= FORMULA_TOLERANCE * noise):
        return (
            f"The formula explains what the network explains: error {number(formula, 3)}, network {number(network, 3)}."
        )
    times = formula / network if network > 0 else math.inf
    shown = f"{times:.2g} times" if times < 100 else "far above"
    return (
        f"No formula found explains what the network explains: the best one has {shown} the network's error "
        f"({number(formula, 3)} against {number(network, 3)}). Use the network for predictions, and "
        "read the formula as a summary."
    )


def _of_classes(facts: ReportData, rows: ReportRows, kind: str) -> tuple[Html, list[str]]:
    codes, probabilities = rows.classified
    found = [Contender("network", probabilities)]
    found += [Contender(each.name, each.predict(rows.x)) for each in _baselines(facts)]
    losses = {each.name: log_loss(each.predicted, codes) for each in found}
    lines = [
        [text(each.name), text(f"{accuracy(each.predicted, codes):.2%}".replace("%", " %")), number(losses[each.name])]
        for each in found
    ]
    caption = f"Accuracy and mean log loss (in nats; lower is better) on the {len(rows)} {kind} rows."
    sentences = []
    simple = {name: loss for name, loss in losses.items() if name != "network" and loss is not None}
    own = losses["network"]
    if own is None:
        sentences.append("Some rows have a class that the model does not know, so there is no log loss.")
    elif simple:
        name = min(simple, key=lambda each: simple[each])
        sentences.append(_against(own, simple[name], name).replace("error", "log loss"))
    if facts.table is not None:
        sentences.append(
            "Formulas below are for the log odds or probabilities of the classes; their errors are their own."
        )
    return table(caption, ("model", "accuracy", "log loss"), lines), sentences


def worst(facts: ReportData) -> Html:
    """The rows that the model predicts worst, with their cells."""
    if facts.shown is None or not len(facts.shown[0]):
        return NOTHING
    rows, kind = facts.shown
    if rows.codes is not None:
        return _worst_classes(facts, rows, kind)
    assert rows.y is not None
    parts = []
    for j, name in enumerate(facts.outputs[:MAX_TARGETS]):
        off = rows.predicted[:, j] - rows.y[:, j]
        order = np.argsort(-np.where(np.isfinite(off), np.abs(off), np.inf), kind="stable")[:N_WORST]
        columns = _columns(facts, j)
        lines = [
            [
                text(place + 1),
                *(number(float(value)) for value in (rows.y[place, j], rows.predicted[place, j], off[place])),
                *(text(facts.columns[c].shown(rows.x[place])) for c in columns),
            ]
            for place in order.tolist()
        ]
        head = ("row", "measured", "predicted", "error", *(facts.columns[c].name for c in columns))
        caption = f"The {plural(len(lines), f'{kind} row')} with the largest errors of {name}" + _omitted(
            facts, columns
        )
        parts.append(table(caption, head, lines, words=(), names=4))
    return join(*parts)


def _worst_classes(facts: ReportData, rows: ReportRows, kind: str) -> Html:
    codes, probabilities = rows.classified
    own = np.where(codes >= 0, probabilities[np.arange(len(rows)), codes], 0.0)
    order = np.argsort(np.where(np.isfinite(own), own, -1.0), kind="stable")[:N_WORST]
    columns = _columns(facts, None)
    lines = [
        [
            text(place + 1),
            text(facts.classes[codes[place]] if codes[place] >= 0 else "unknown"),
            text(facts.classes[int(np.argmax(probabilities[place]))]),
            number(float(own[place]), 3),
            *(text(facts.columns[c].shown(rows.x[place])) for c in columns),
        ]
        for place in order.tolist()
    ]
    head = ("row", "class", "predicted", "probability of its class", *(facts.columns[c].name for c in columns))
    caption = (
        f"The {plural(len(lines), f'{kind} row')} to whose class the model gives the least probability"
        + _omitted(facts, columns)
    )
    return table(caption, head, lines, words=(1, 2), names=4)


def _columns(facts: ReportData, output: int | None) -> list[int]:
    """The most important columns, in their own order."""
    used = [c for c, column in enumerate(facts.columns) if column.places and _is_used(facts, column.places)]
    shares = facts.shares
    if shares is not None:
        weight = shares.max(axis=1) if output is None else shares[:, output]
        used = sorted(used, key=lambda c: -weight[c])
    return sorted(used[:MAX_SHOWN_COLUMNS])


def _omitted(facts: ReportData, columns: Sequence[int]) -> str:
    framed = " (inputs of the model)" if isinstance(facts.model, FramedKAN) else ""
    if len(columns) == len(facts.columns):
        return "."
    return f", with {plural(len(columns), 'column')} of {len(facts.columns)}{framed}."
