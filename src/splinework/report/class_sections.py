"""The section on classes: confusion matrix, ROC and calibration on the rows that count."""

import numpy as np

from splinework.report.charts import Line, figure, grid, line_chart
from splinework.report.facts import ReportData
from splinework.report.html import NOTHING, Html, element, join, paragraph, table, text
from splinework.report.scores import calibration, confusion, roc

MAX_CLASSES = 12
MIN_ROWS = 10
"""Rows of a class, and of the others, from which its curves say something."""


def classes(facts: ReportData) -> Html:
    """Confusion matrix, ROC curves and calibration of a classifier; nothing for a regression."""
    if not facts.classes:
        return NOTHING
    if facts.shown is None or facts.shown[0].codes is None:
        return paragraph("The rows have no known classes, so nothing can be compared.", "aside")
    rows, kind = facts.shown
    codes, probabilities = rows.classified
    parts = [_matrix(facts, confusion(probabilities, codes), kind)]
    unknown = int((codes < 0).sum())
    if unknown:
        parts.append(paragraph(f"{unknown} rows have a class that the model does not know.", "aside"))
    present = np.unique(codes[codes >= 0])
    if len(present) < 2:
        one = facts.classes[present[0]] if len(present) else "none"
        sentence = f"All these rows are of one class ({one}), so there is neither a ROC curve nor a calibration."
        return join(*parts, paragraph(sentence, "aside"))
    shown = [1] if len(facts.classes) == 2 else list(range(len(facts.classes)))[:MAX_CLASSES]
    curves, calibrations, lacking = [], [], []
    for code in shown:
        name, positive, scores = facts.classes[code], codes == code, probabilities[:, code]
        if min(positive.sum(), (~positive).sum()) < MIN_ROWS or not np.isfinite(scores).all():
            lacking.append(name)
            continue
        found = roc(scores, positive)
        step = max(1, len(found.false) // 120)
        places = np.unique(np.append(np.arange(0, len(found.false), step), len(found.false) - 1))
        line = Line(found.false[places], found.true[places])
        drawn = line_chart(
            [_DIAGONAL, line],
            f"ROC curve of {name}, area {found.area:.4f}.",
            names=("false positive rate", ""),
            x_range=(0, 1),
            y_range=(0, 1),
        )
        curves.append(figure(drawn, f"{name}: area {found.area:.4f}"))
        calibrated = calibration(scores, positive)
        line = Line(calibrated.predicted, calibrated.observed, (calibrated.low, calibrated.high), points=True)
        label = f"Calibration of {name}, mean distance {calibrated.error:.3f}."
        drawn = line_chart(
            [_DIAGONAL, line], label, names=("predicted probability", ""), x_range=(0, 1), y_range=(0, 1)
        )
        calibrations.append(figure(drawn, f"{name}: mean distance {calibrated.error:.3f}"))
    if curves:
        parts += [element("h3", text("ROC")), grid(curves)]
        parts.append(
            paragraph(f"True against false positive rate on the {kind} rows; the dashed line is chance.", "aside")
        )
        parts += [element("h3", text("Calibration")), grid(calibrations)]
        parts.append(
            paragraph(
                "Frequency of the class against its predicted probability, in cells of equal numbers of rows; the band is a 90 % "
                "interval of the frequency. On the dashed line, probabilities are right.",
                "aside",
            )
        )
    if lacking:
        sentence = f"No curves for {', '.join(lacking[:8])}: fewer than {MIN_ROWS} rows of the class, or of the others."
        parts.append(paragraph(sentence, "aside"))
    if len(facts.classes) > MAX_CLASSES:
        parts.append(paragraph(f"Curves of the first {MAX_CLASSES} of {len(facts.classes)} classes.", "aside"))
    return join(*parts)


_DIAGONAL = Line(np.array([0.0, 1.0]), np.array([0.0, 1.0]), kind="diagonal")


def _matrix(facts: ReportData, counts: np.ndarray, kind: str) -> Html:
    names = facts.classes[:MAX_CLASSES]
    lines = []
    for code, name in enumerate(names):
        own = int(counts[code].sum())
        recall = "–" if not own else f"{counts[code, code] / own:.1%}".replace("%", " %")
        cells = [
            element("strong", text(counts[code, other])) if code == other else text(counts[code, other])
            for other in range(len(names))
        ]
        lines.append([text(name), *cells, text(own), text(recall)])
    head = ("class", *(f"as {name}" for name in names), "rows", "recall")
    caption = f"Confusion matrix on the {kind} rows: rows are the classes, columns what the model predicts."
    if len(facts.classes) > MAX_CLASSES:
        caption += f" The first {MAX_CLASSES} of {len(facts.classes)} classes."
    return table(caption, head, lines, names=1)
