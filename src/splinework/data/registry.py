"""Data sets by name: measured tables, and synthetic sets.

Names: `orbits`, `diabetes`, … for measurements; `problem_names` for the problems of the KAN paper; `lorenz`, `burgers`, … for
simulators; and families with a colon, such as `feynman:I.6.2` for the 27 dimensionless Feynman formulas, `feynman-si:I.6.2` for
the 120 with units, `special:jv`, `nguyen:7` or `random:3`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, final

from splinework.data.catalogue import kind_names, recipe, synthetic_names
from splinework.data.knots import KNOT_FEATURES, KNOT_TARGET, load_knots
from splinework.data.noise import Gaussian
from splinework.data.orbits import load_orbits
from splinework.data.problems import ProblemSet
from splinework.data.simulators.ode import OdeSet
from splinework.errors import ConfigError, DataError, nearest
from splinework.errors.foreign import explained, explained_record

if TYPE_CHECKING:
    import pandas as pd

    from splinework.data.noise import Noise
    from splinework.data.recipe import Recipe
    from splinework.data.sample import Sample

DEFAULT_ROWS: Final = 1000
"""Default number of rows of a synthetic set."""


@explained_record
@final
@dataclass(frozen=True)
class DataSet:
    """A data set with its target and features.

    Attributes:
        name: Its name.
        about: Description, in a sentence.
        target: Target column.
        features: Feature columns.
        source: Source of the data.
        formula: Formula of a synthetic set, or None.
        units: Units of columns.
        targets: All possible target columns.
        load: Function that returns a new frame of measurements; None for a synthetic set.
        recipe: Recipe of a synthetic set, or None.

    Example:
        >>> data_set("orbits").features
        ('central_mass_kg', 'semi_major_axis_km')
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
        """Whether it is a table of measurements, with a fixed number of rows."""
        return self.load is not None

    def frame(self, rows: int | None = None, *, seed: int = 0, noise: float = 0.0) -> pd.DataFrame:
        """The table; for a synthetic set inputs first and targets last.

        Args:
            rows: Number of rows of a synthetic set, 1000 by default.
            seed: Seed of the inputs and the noise of a synthetic set.
            noise: Standard deviation of Gaussian noise relative to that of the target.

        Raises:
            ConfigError: If a number is out of range, or any is given for measurements.
            DataError: If a required package is not installed.

        Example:
            >>> data_set("product").frame(3, seed=0).columns.tolist()
            ['x1', 'x2', 'y']
        """
        if self.load is not None:
            if rows is not None or seed or noise:
                raise ConfigError(
                    f"{self.name} holds measurements with a fixed number of rows; rows, seed and noise are options of "
                    "synthetic sets."
                )
            return self.load()
        return self.draw(rows, seed=seed, noise=noise).frame()

    def draw(self, rows: int | None = None, *, seed: int = 0, noise: float = 0.0) -> Sample:
        """Rows of a synthetic set with units, ground truth and data card; for the arguments see `frame`.

        Raises:
            ConfigError: If a number is out of range, or it holds measurements.

        Example:
            >>> data_set("feynman-si:I.12.1").draw(3).truth.active
            ('mu', 'Nn')
        """
        return self.noisy(noise).draw(DEFAULT_ROWS if rows is None else rows, seed=seed)

    def noisy(self, noise: float, models: tuple[Noise, ...] = ()) -> Recipe:
        """Its recipe with Gaussian noise, relative to the target's standard deviation, followed by further noise models.

        Raises:
            ConfigError: If the size is out of range, the set does not support noise, or it holds measurements.
        """
        if self.recipe is None:
            raise ConfigError(f"{self.name} holds measurements and has no recipe; use its frame().")
        if isinstance(self.recipe, ProblemSet):
            return replace(self.recipe, share=noise, noise=models)
        if not 0.0 <= noise < float("inf"):
            raise ConfigError(
                f"noise is relative to the standard deviation of the target, at least 0, got {noise}; 0.1 is 10 %."
            )
        if noise:
            models = (Gaussian(noise, of="std"), *models)
        if not models:
            return self.recipe
        changed: Any = self.recipe
        if "noise" not in {one.name for one in fields(changed)}:
            raise ConfigError(f"the target of {self.name} is categorical and does not support noise; omit noise.")
        noisy: Recipe = replace(changed, noise=models)
        return noisy


def _of_sklearn(loader: str, target: str) -> pd.DataFrame:
    """A data set of scikit-learn, with plain column names and class labels."""
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
        "442 patients: disease progression after a year",
        "progression",
        ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"),
        "Efron et al. 2004, from scikit-learn",
        load=partial(_of_sklearn, "load_diabetes", "progression"),
    ),
    DataSet(
        "iris",
        "150 flowers of three species",
        "species",
        _IRIS,
        "Fisher 1936, from scikit-learn",
        units=dict.fromkeys(_IRIS, "cm"),
        load=partial(_of_sklearn, "load_iris", "species"),
    ),
    DataSet(
        "knots",
        "2945 hyperbolic knots and their invariants (optional package)",
        KNOT_TARGET,
        KNOT_FEATURES,
        "KnotInfo (Livingston & Moore), by the package database_knotinfo, GPL",
        load=load_knots,
    ),
)
"""Measured tables. `knots` needs an optional package."""
MEASURED: Final[dict[str, DataSet]] = {one.name: one for one in _MEASURED}


@explained
def data_set(name: str) -> DataSet:
    """Looks up a data set by name.

    Args:
        name: One of `data_names()`, or `random:N`.

    Returns:
        The set.

    Raises:
        DataError: If the name is unknown; the message suggests similar ones.

    Example:
        >>> data_set("orbits").target
        'period_days'
    """
    found = MEASURED.get(name) or _drawn_set(name)
    if found is not None:
        return found
    raise DataError(f"there is no data set {name!r}; {nearest(name, data_names())}")


@explained
def data_names(*, formulas: bool = True) -> tuple[str, ...]:
    """The names of all data sets, measurements first, without `random:N`.

    Args:
        formulas: Whether to include families of formulas, with a colon in their names.

    Returns:
        The names.

    Raises:
        OSError: If the package data are missing.

    >>> data_names(formulas=False)[:2]
    ('orbits', 'diabetes')
    """
    plain = (name for names in synthetic_names().values() for name in names)
    return (*MEASURED, *plain, *(kind_names() if formulas else ()))


@lru_cache(maxsize=1024)
def _drawn_set(name: str) -> DataSet | None:
    """The set of a recipe, None where there is none of this name; reading its formulas takes a few milliseconds."""
    found = recipe(name)
    return None if found is None else described(name, found)


def described(name: str, found: Recipe) -> DataSet:
    """A recipe as a named set with target and features."""
    schema = found.schema()
    target, features = schema.targets[0], schema.names
    if isinstance(found, OdeSet):
        # The first equation that is more than a name, such as x' = v
        target = next(
            (goal for goal, text in zip(schema.targets, found.formulas(), strict=True) if not text.isidentifier()),
            target,
        )
        features = tuple(one for one in schema.names if one != "t" or "t" in schema.active)
    formula, source, units = schema.formula, schema.source, schema.units
    return DataSet(name, schema.about, target, features, source, formula, units, schema.targets, found)
