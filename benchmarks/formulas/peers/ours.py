"""splinework: `discover` as it comes, or with units of work instead of seconds where the bench says so."""

import os
from typing import Any

from sympy.core.function import AppliedUndef

from splinework.discover import discover


def answer(x: Any, y: Any, fresh: Any, wide: Any, names: Any, budget: Any, seed: Any, threads: Any, say: Any) -> None:
    """The first row of the table."""
    effort = os.environ.get("BENCH_EFFORT")
    limit = {"budget": budget} if effort is None else {"effort": float(effort)}
    table = discover(x, y, names=names, seed=seed, jobs=threads, progress=False, **limit)
    best = table.best
    inside = sorted({s.name for call in best.expression.atoms(AppliedUndef) for s in call.free_symbols})
    predict = best.numpy()
    say(
        best.text,
        nodes=best.complexity,
        fresh=predict(fresh),
        wide=predict(wide),
        splines=inside if best.splines else None,
        notes=[*table.notes, *best.notes],
    )
