"""Special functions (Liu et al. 2024, §3.2, Table 1): 15 functions of two variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, final

from splinework.data import SpecialSet
from splinework.reproduce.function_tables import FunctionTable, PublishedFunction

TABLE: Final = (
    PublishedFunction("ellipj", (2, 2, 1), 7.29e-3, (2, 3, 2, 1, 1), 1.33e-4, 6.48e-4),
    PublishedFunction("ellipkinc", (2, 2, 1, 1), 1.00e-3, (2, 2, 1, 1, 1), 1.24e-4, 5.52e-4),
    PublishedFunction("ellipeinc", (2, 2, 1, 1), 8.36e-5, (2, 2, 1, 1), 8.26e-5, 3.04e-4),
    PublishedFunction("jv", (2, 2, 1), 4.93e-3, (2, 3, 1, 1, 1), 1.64e-3, 5.52e-3),
    PublishedFunction("yv", (2, 3, 1), 1.89e-3, (2, 2, 2, 1), 1.49e-5, 3.45e-4),
    PublishedFunction("kv", (2, 1, 1), 4.89e-3, (2, 2, 1), 2.52e-5, 1.67e-4),
    PublishedFunction("iv", (2, 4, 3, 2, 1, 1), 9.28e-3, (2, 4, 3, 2, 1, 1), 9.28e-3, 1.07e-2),
    PublishedFunction("lpmv0", (2, 2, 1), 5.25e-5, (2, 2, 1), 5.25e-5, 1.74e-2),
    PublishedFunction("lpmv1", (2, 4, 1), 6.90e-4, (2, 4, 1), 6.90e-4, 1.50e-3),
    PublishedFunction("lpmv2", (2, 2, 1), 4.88e-3, (2, 3, 2, 1), 2.26e-4, 9.43e-4),
    PublishedFunction("sph_harm01", (2, 1, 1), 2.21e-7, (2, 1, 1), 2.21e-7, 1.25e-6),
    PublishedFunction("sph_harm11", (2, 2, 1), 7.86e-4, (2, 3, 2, 1), 1.22e-4, 6.70e-4),
    PublishedFunction("sph_harm02", (2, 1, 1), 1.95e-7, (2, 1, 1), 1.95e-7, 2.85e-6),
    PublishedFunction("sph_harm12", (2, 2, 1), 4.70e-4, (2, 2, 1, 1), 1.50e-5, 1.84e-3),
    PublishedFunction("sph_harm22", (2, 2, 1), 1.12e-3, (2, 2, 3, 2, 1), 9.45e-5, 6.21e-4),
)


@final
@dataclass(frozen=True)
class SpecialFunctions(FunctionTable):
    """The table, on the ranges of `splinework.data.SpecialSet`."""

    name: ClassVar[str] = "special-functions"
    title: ClassVar[str] = "Fifteen special functions, KAN paper Table 1"
    about: ClassVar[str] = (
        "Fifteen functions of scipy.special with two arguments, 1000 rows each. The paper publishes neither ranges "
        "nor counts of rows: the ranges here are those of `splinework.data.SpecialSet`, so compare orders of "
        "magnitude, and the standard deviation of each target. The paper's sweep has shapes of width 5 and depths 2 "
        "to 6 and three seeds, unpruned and pruned at λ = 1e-2 and 1e-3, through the grids 3 to 200; here depths 2 to "
        "4 and one seed. Copies of the paper differ in the best shape of ellipj. Our default is the best of three "
        "calls with nothing set, `sw.fit` on the paper's best shape and on [2, 5, 1], which is among its unpruned "
        "ones, and `sw.sparsify` from there; they are in the note. The quick recipe takes every fifth function, the "
        "best shapes only, four grids and 15 steps on each."
    )
    minutes: ClassVar[tuple[float, float]] = (1.4, 175.0)
    place: ClassVar[str] = "Table 1"
    target: ClassVar[float] = 1 / 3
    quick_every: ClassVar[int] = 5
    reasons: ClassVar[Mapping[str, str]] = {
        "lpmv": (
            "the largest errors are at rows near x = -0.9, towards the singularity of these functions at -1, of a network "
            "that fits the training rows several times better; the range of the published value is not known"
        )
    }

    def published(self) -> Sequence[PublishedFunction]:
        return TABLE

    def sample(self, name: str, count: int, seed: int) -> tuple[Any, Any]:
        drawn = SpecialSet(name).draw(count, seed=seed)
        return drawn.x, drawn.y


EXPERIMENT = SpecialFunctions()
