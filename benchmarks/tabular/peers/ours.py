"""The estimators of splinework as they come: nothing is chosen, and the table goes in as it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.processes import Stopwatch
from benchmarks.tabular.part import INTERVAL, Part
from splinework.tabular import KANClassifier, KANRegressor


def answer(part: Part, seed: int, **options: Any) -> Any:
    """A fit with the defaults, or with some options of the estimators."""
    del seed
    watch = Stopwatch()
    model = (KANClassifier(**options) if part.classes else KANRegressor(**options)).fit(part.x, part.y)
    chosen = ", ".join(f"{name}={value}" for name, value in options.items()) or "defaults"
    facts = {"chosen": chosen, "tried": {}, "notes": [], "edges": model.model_.active_edges(), **watch.facts("last_")}
    if part.classes:
        return model.predict_proba, facts
    return (lambda x: np.column_stack(model.predict(x, interval=INTERVAL))), facts
