"""The sets that one can have by name: measured tables, and synthetic sets drawn anew.

Names: `orbits`, `diabetes`, … for measurements; those of `problem_names` for the problems of the KAN paper; `lorenz`, `burgers`,
… for simulators; and kinds with a colon, such as `feynman:I.6.2` for the 27 dimensionless Feynman formulas, `feynman-si:I.6.2`
for the 120 with units, `special:jv`, `nguyen:7` or `random:3`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, final

from splinework.data.catalogue import kind_names, recipe, synthetic_names
from splinework.data.knots import KNOT_FEATURES, KNOT_TARGET, load_knots
from splinework.data.noise import Gaussian
from splinework.data.orbits import load_orbits
from splinework.data.problems import ProblemSet
from splinework.data.simulators.ode import OdeSet
from splinework.errors import ConfigError, DataError, nearest
from splinework.foreign import explained

if TYPE_CHECKING:
    import pandas as pd

    from splinework.data.noise import Noise
    from splinework.data.recipe import Recipe
    from splinework.data.sample import Sample

DEFAULT_ROWS: Final = 1000
"""Rows of a synthetic set, unless others are asked for."""


@final
@dataclass(frozen=True)
class DataSet:
    """A table that can be had by its name.

    Attributes:
        name: Its name.
        about: What it holds, in a sentence.
        target: The column to explain.
        features: The columns to explain it by.
        source: Where it comes from.
        formula: The function behind it, where it is synthetic and has one.
        units: Of columns, where they have some.
        targets: All columns that might be explained, the target among them.
        load: Gives a new frame of measurements at each call; None where it is synthetic.
        recipe: What draws it, where it is synthetic.
    """

    name: str
    about: str
    target: str
    features: tuple[str, ...]
    source: str
    formula: str | None = None
    units: Mapping[str, str] = field(default_factory=dict, compare=False)
    targets: tuple[str, ...] = ()
    recipe: Recipe | None = field(default=None, repr=False)
    load: Callable[[], pd.DataFrame] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "targets", self.targets or (self.target,))

    @property
    def measured(self) -> bool:
        """Whether it is a table of measurements, with the rows that it has."""
        return self.load is not None

    def frame(self, rows: int | None = None, *, seed: int = 0, noise: float = 0.0) -> pd.DataFrame:
        """The table; where it is synthetic inputs first and targets last.

        Args:
            rows: Of a synthetic set, 1000 by default; measurements have the rows that they have.
            seed: Of the inputs of a synthetic set, and of its noise.
            noise: Gaussian noise on its target, as a share of the target's spread.

        Raises:
            ConfigError: If a number is out of range, or measurements are to be drawn.
            DataError: If the table comes with a package that is not installed.

        Example:
            >>> data_set("product").frame(3, seed=0).columns.tolist()
            ['x1', 'x2', 'y']
        """
        if self.load is not None:
            if rows is not None or seed or noise:
                raise ConfigError(
                    f"{self.name} holds measurements, with the rows that it has; number of rows, seed and noise are for "
                    "synthetic problems."
                )
            return self.load()
        return self.draw(rows, seed=seed, noise=noise).frame()

    def draw(self, rows: int | None = None, *, seed: int = 0, noise: float = 0.0) -> Sample:
        """Rows of a synthetic set with units, truth and data card; for the arguments see `frame`.

        Raises:
            ConfigError: If a number is out of range, or it holds measurements.

        Example:
            >>> data_set("feynman-si:I.12.1").draw(3).truth.active
            ('mu', 'Nn')
        """
        return self.noisy(noise).draw(DEFAULT_ROWS if rows is None else rows, seed=seed)

    def noisy(self, noise: float, models: tuple[Noise, ...] = ()) -> Recipe:
        """Its recipe with Gaussian noise, as a share of the target's spread, and then other noise.

        Raises:
            ConfigError: If the share is out of range, the set has no noise, or it holds measurements.
        """
        if self.recipe is None:
            raise ConfigError(f"{self.name} holds measurements: there is no recipe of it; take its frame().")
        if isinstance(self.recipe, ProblemSet):
            return replace(self.recipe, share=noise, noise=models)
        if not 0.0 <= noise < float("inf"):
            raise ConfigError(f"noise is a share of the spread of the target, 0 or more, got {noise}; 0.1 is 10 %.")
        if noise:
            models = (Gaussian(noise, of="std"), *models)
        if not models:
            return self.recipe
        changed: Any = self.recipe
        if "noise" not in {one.name for one in fields(changed)}:
            raise ConfigError(f"the target of {self.name} is a class, which takes no such noise; leave noise out.")
        noisy: Recipe = replace(changed, noise=models)
        return noisy


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
_MEASURED: Final = (
    DataSet(
        "orbits",
        "68 orbits of planets, dwarf planets and moons",
        "period_days",
        ("central_mass_kg", "semi_major_axis_km"),
        "NASA/JPL and others, see orbits.md; CC0 1.0",
        units={"central_mass_kg": "kg", "semi_major_axis_km": "km", "period_days": "day"},
        load=load_orbits,
    ),
    DataSet(
        "diabetes",
        "442 patients: how far the disease is after a year",
        "progression",
        ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"),
        "Efron et al. 2004, as scikit-learn ships it",
        load=partial(_of_sklearn, "load_diabetes", "progression"),
    ),
    DataSet(
        "iris",
        "150 flowers of three species",
        "species",
        _IRIS,
        "Fisher 1936, as scikit-learn ships it",
        units=dict.fromkeys(_IRIS, "cm"),
        load=partial(_of_sklearn, "load_iris", "species"),
    ),
    DataSet(
        "knots",
        "2945 hyperbolic knots and their invariants, an extra",
        KNOT_TARGET,
        KNOT_FEATURES,
        "KnotInfo (Livingston & Moore), by the package database_knotinfo, GPL",
        load=load_knots,
    ),
)
"""Tables that are loaded, not drawn. `knots` needs an extra, which it says when it is loaded."""
MEASURED: Final[dict[str, DataSet]] = {one.name: one for one in _MEASURED}


@explained
def data_set(name: str) -> DataSet:
    """Look up a set by its name.

    Raises:
        DataError: There is no such set; the message names the nearest ones.

    Example:
        >>> data_set("orbits").target
        'period_days'
    """
    if name in MEASURED:
        return MEASURED[name]
    found = recipe(name)
    if found is not None:
        return described(name, found)
    raise DataError(f"there is no data set {name!r}; {nearest(name, data_names())}")


def data_names(*, formulas: bool = True) -> tuple[str, ...]:
    """The names that `data_set` knows, measurements first; with or without those that have a colon. `random:N` is not listed.

    >>> data_names(formulas=False)[:2]
    ('orbits', 'diabetes')
    """
    plain = (name for names in synthetic_names().values() for name in names)
    return (*MEASURED, *plain, *(kind_names() if formulas else ()))


def described(name: str, found: Recipe) -> DataSet:
    """A recipe as a set with a name: which column is the target, and which ones explain it."""
    outline = found.outline()
    target, features = outline.targets[0], outline.names
    if isinstance(found, OdeSet):
        # x' = v says nothing: the first equation that is more than a name
        target = next(
            (goal for goal, text in zip(outline.targets, found.formulas(), strict=True) if not text.isidentifier()),
            target,
        )
        features = tuple(one for one in outline.names if one != "t" or "t" in outline.active)
    formula, source, units = outline.formula, outline.source, outline.units
    return DataSet(name, outline.about, target, features, source, formula, units, outline.targets, found)
