"""Fits on the way to a formula: many, short, most of them thrown away, so what they would warn of is not told."""

import warnings
from typing import Any

from splinework.errors import FitWarning
from splinework.nn.network import KAN
from splinework.train import FitResult, TrainingOptions, fit


def trial_fit(model: KAN, x: Any, y: Any, options: TrainingOptions) -> FitResult:
    """`fit` without its warnings; the history has them all the same. Ctrl-C ends it, and what it is part of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        result = fit(model, x, y, options=options)
    if any("interrupted" in note for note in result.history.notes[-1:]):
        raise KeyboardInterrupt  # who asked for an end does not mean that of one fit among many
    return result
