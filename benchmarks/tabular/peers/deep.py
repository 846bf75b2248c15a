"""Networks of pytabkit: medians and a column per gap, words as categories; the rest is theirs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.processes import Stopwatch
from benchmarks.tabular.part import Part
from benchmarks.tabular.peers.encode import GAP, words


def fitted(kind: type, part: Part, seed: int) -> Any:
    """A fit with the defaults of one of its estimators, and the facts of a contender."""
    watch = Stopwatch()
    names = words(part.x)
    numbers = [name for name in part.x if name not in names]
    medians = part.x[numbers].median().fillna(0.0)
    gaps = [name for name in numbers if part.x[name].isna().any()]

    def prepared(x: pd.DataFrame) -> pd.DataFrame:
        out = x[numbers].fillna(medians).astype(np.float32)
        for name in gaps:
            out[f"{name} {GAP}"] = x[name].isna().astype(np.float32)
        for name in names:
            out[name] = x[name].fillna(GAP).astype(str).astype("category")
        return out

    model = kind(device="cpu", random_state=seed, n_threads=1)
    model.fit(prepared(part.x), part.y, cat_col_names=names)
    facts = {"chosen": "defaults", "tried": {}, "notes": [], **watch.facts("last_")}
    return (lambda x: (model.predict_proba if part.classes else model.predict)(prepared(x))), facts
