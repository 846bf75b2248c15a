"""The measured tables by name: what they are, and what loads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, final

from splinework.data.knots import KNOT_FEATURES, KNOT_TARGET, load_knots
from splinework.data.orbits import load_orbits

if TYPE_CHECKING:
    import pandas as pd


@final
@dataclass(frozen=True)
class Measured:
    """A table that is loaded, not drawn.

    Attributes:
        about: What it holds.
        target: The column to explain.
        features: The columns to explain it by.
        source: Where it comes from.
        load: Gives a new frame at each call.
        units: Of columns, where they have some.
    """

    about: str
    target: str
    features: tuple[str, ...]
    source: str
    load: Callable[[], pd.DataFrame]
    units: tuple[tuple[str, str], ...] = ()


def _of_sklearn(loader: str, target: str) -> pd.DataFrame:
    """A set that scikit-learn ships, with plain names and the classes as words."""
    from sklearn import datasets

    raw = {"scaled": False} if loader == "load_diabetes" else {}
    bunch = getattr(datasets, loader)(as_frame=True, **raw)
    frame: pd.DataFrame = bunch.frame.rename(columns={"target": target})
    frame.columns = [str(name).replace(" (cm)", "_cm").replace(" ", "_").replace("/", "_") for name in frame.columns]
    if loader != "load_diabetes":
        frame[target] = [str(bunch.target_names[code]) for code in frame[target]]
    return frame


_IRIS: Final = ("sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm")
MEASURED: Final[dict[str, Measured]] = {
    "orbits": Measured(
        "68 orbits of planets, dwarf planets and moons",
        "period_days",
        ("central_mass_kg", "semi_major_axis_km"),
        "NASA/JPL and others, see orbits.md; CC0 1.0",
        load_orbits,
        (("central_mass_kg", "kg"), ("semi_major_axis_km", "km"), ("period_days", "day")),
    ),
    "diabetes": Measured(
        "442 patients: how far the disease is after a year",
        "progression",
        ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"),
        "Efron et al. 2004, as scikit-learn ships it",
        partial(_of_sklearn, "load_diabetes", "progression"),
    ),
    "iris": Measured(
        "150 flowers of three species",
        "species",
        _IRIS,
        "Fisher 1936, as scikit-learn ships it",
        partial(_of_sklearn, "load_iris", "species"),
        tuple((name, "cm") for name in _IRIS),
    ),
    "knots": Measured(
        "2945 hyperbolic knots and their invariants, an extra",
        KNOT_TARGET,
        KNOT_FEATURES,
        "KnotInfo (Livingston & Moore), by the package database_knotinfo, GPL",
        load_knots,
    ),
}
"""Name → table. `knots` needs an extra, which it says when it is loaded."""
