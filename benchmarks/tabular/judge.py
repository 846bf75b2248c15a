"""Scores of a prediction, on rows that the contender has not seen."""

from typing import Any

import numpy as np

from benchmarks.tabular.part import loss

DIGITS = 6


def judge(predicted: np.ndarray | None, y: np.ndarray, classes: int) -> tuple[dict[str, Any], str]:
    """Facts for the results, and what is wrong with the prediction, or nothing.

    `score` is what is ranked: RMSE or log loss. Beside it R² and, of intervals, the share of rows inside (`covered`); or accuracy
    and the area under the curve (one against the rest, the mean over classes).

    Args:
        predicted: Values (rows,), or these and the ends of their intervals (rows, 3); or probabilities (rows, classes); None if
            there are none.
        y: The truth (rows,); of classes their numbers.
        classes: Number of classes; 0 for regression.
    """
    names = ("score", "accuracy", "auc") if classes else ("score", "r2")
    nothing: dict[str, Any] = dict.fromkeys(names)
    if predicted is None:
        return nothing, ""
    ends = predicted[:, 1:] if not classes and predicted.shape == (len(y), 3) else None
    predicted = predicted if ends is None else predicted[:, 0]
    wanted = (len(y), classes) if classes else (len(y),)
    if predicted.shape != wanted:
        return nothing, f"its predictions have the shape {predicted.shape}, not {wanted}"
    if not np.isfinite(predicted).all():
        return nothing, f"{int((~np.isfinite(predicted)).sum())} of its predictions are not finite"
    if classes and np.abs(predicted.sum(axis=1) - 1).max() > 1e-3:
        return nothing, "its probabilities do not sum to one"
    facts = {"score": loss(predicted, y, classes)}
    if classes:
        from sklearn.metrics import roc_auc_score

        shown = predicted[:, 1] if classes == 2 else predicted / predicted.sum(axis=1, keepdims=True)
        facts["accuracy"] = float((predicted.argmax(axis=1) == y).mean())
        facts["auc"] = float(roc_auc_score(y, shown, multi_class="ovr"))
    else:
        if ends is not None:
            facts["covered"] = float(((ends[:, 0] <= y) & (y <= ends[:, 1])).mean())
        facts["r2"] = 1 - float(np.square(predicted - y).sum() / np.square(y - y.mean()).sum())
    return {name: float(f"{value:.{DIGITS}g}") for name, value in facts.items()}, ""
