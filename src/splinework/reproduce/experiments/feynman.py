"""Feynman's equations (Liu et al. 2024, §3.3, Table 2): 27 dimensionless formulas."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar, Final, final

from splinework.data import feynman
from splinework.reproduce.function_tables import FunctionTable, PublishedFunction

UNKNOWN_RANGE: Final = (
    "the ranges of the published value are not known, and on these the paper's method is further from it"
)


@final
@dataclass(frozen=True)
class Feynman(FunctionTable):
    """The table, on the ranges of `splinework.data.feynman`."""

    name: ClassVar[str] = "feynman"
    title: ClassVar[str] = "Feynman's equations in dimensionless form, KAN paper Table 2"
    about: ClassVar[str] = (
        "27 formulas without units, 1000 rows each. The paper publishes no ranges but that of I.16.6: those here are "
        "of `splinework.data.feynman`. The published value is the lowest of its three KAN columns (by hand, pruned, "
        "unpruned); its MLPs have width 5. The paper's sweep has shapes of width 5 and depths 2 to 6 and three seeds, "
        "unpruned and pruned at λ = 1e-2 and 1e-3, through the grids 3 to 200; here depths 2 to 4 and one seed. Our "
        "default is the best of three calls with nothing set, `sw.fit` on the paper's best shape and on [d, 5, 1], "
        "which is among its unpruned ones, and `sw.sparsify` from there; they are in the note. The quick recipe takes "
        "every sixth formula, the best shapes only, four grids and 15 steps on each."
    )
    minutes: ClassVar[tuple[float, float]] = (3.1, 340.0)
    place: ClassVar[str] = "Table 2"
    target: ClassVar[float] = 0.1
    quick_every: ClassVar[int] = 6
    reasons: ClassVar[Mapping[str, str]] = {
        "I.6.2b": UNKNOWN_RANGE,
        "I.26.2": "the slope of asin grows without bound towards n sin θ = ±1, which the box approaches to 0.01; "
        + UNKNOWN_RANGE,
        "I.29.16": "a root with a cone where a = 1 and θ1 = θ2, from 1000 rows of three inputs; " + UNKNOWN_RANGE,
    }

    def published(self) -> Sequence[PublishedFunction]:
        return _table()

    def sample(self, name: str, count: int, seed: int) -> tuple[Any, Any]:
        return feynman(name).sample(count, seed=seed)


@cache
def _table() -> tuple[PublishedFunction, ...]:
    """The rows of the paper's table, which stand beside the formulas."""
    text = files("splinework.data").joinpath("feynman_27.csv").read_text(encoding="utf-8")
    found = []
    for row in csv.DictReader(text.splitlines()):
        errors = [
            float(row[f"paper_rmse_{kind}_kan"])
            for kind in ("human", "pruned", "unpruned")
            if row[f"paper_rmse_{kind}_kan"]
        ]
        smallest, best = (_shape(row[key]) for key in ("paper_pruned_shape_rmse_lt_1e-2", "paper_pruned_shape_best"))
        found.append(PublishedFunction(row["id"], smallest, None, best, min(errors), float(row["paper_rmse_mlp"])))
    return tuple(found)


def _shape(text: str) -> tuple[int, ...]:
    """`[2,2,1]` as numbers."""
    return tuple(int(width) for width in text.strip("[]").split(","))


EXPERIMENT = Feynman()
