"""The explainable boosting machine: gaps and words as they are. It is slow: the search takes one bag, the last fit `BAGS`."""

from __future__ import annotations

from typing import Any

from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor

from benchmarks.tabular.part import Part
from benchmarks.tabular.peers.tuning import Configuration, Fit, tuned

BAGS = 8
MOST_PAIRS = 30
SMOOTH = 500


def configurations(columns: int) -> list[Configuration]:
    """All that are tried: without pairs, with ten, with the package's three a column, and smoother."""
    options: dict[str, dict[str, Any]] = {
        "no pairs": {"interactions": 0},
        "ten pairs": {"interactions": 10},
        "three pairs a column": {"interactions": min(3 * columns, MOST_PAIRS)},
        "ten pairs, smoother": {"interactions": 10, "smoothing_rounds": SMOOTH},
    }
    return [Configuration(name, _fit(1, chosen), _fit(BAGS, chosen)) for name, chosen in options.items()]


def answer(part: Part, seed: int) -> Any:
    """The best of them, and what was tried."""
    return tuned(configurations(part.x.shape[1]), part, seed)


def _fit(bags: int, options: dict[str, Any]) -> Fit:
    def fit(part: Part, unseen: Part | None, reported: float) -> Any:
        del unseen, reported
        kind = ExplainableBoostingClassifier if part.classes else ExplainableBoostingRegressor
        model = kind(outer_bags=bags, n_jobs=1, random_state=0, **options).fit(part.x, part.y)
        return (model.predict_proba if part.classes else model.predict), 0.0

    return fit
