"""pyGAM as it comes: an additive model of splines, its smoothing by its own grid search; it gives no formula."""

from typing import Any

from pygam import LinearGAM


def answer(x: Any, y: Any, fresh: Any, wide: Any, names: Any, budget: Any, seed: Any, threads: Any, say: Any) -> None:
    """Its predictions."""
    del names, budget, seed, threads
    model = LinearGAM().gridsearch(x, y, progress=False)
    say("", fresh=model.predict(fresh), wide=model.predict(wide))
