"""The sets that one can have by name: measured tables, and synthetic problems drawn anew.

Names: `orbits`, `diabetes`, … for measurements; those of `problem_names` for the problems of the KAN paper; `feynman:I.6.2`
for the 27 dimensionless Feynman formulas and `feynman-si:I.6.2` for the 120 with units.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, final

from splinework.data.orbits import load_orbits
from splinework.data.synthetic import FeynmanTable, Problem, feynman, feynman_ids, problem, problem_names
from splinework.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd

ROWS: Final = 1000
"""Rows of a synthetic problem, unless others are asked for."""

_FEYNMAN: Final[dict[str, tuple[FeynmanTable, str]]] = {
    "feynman": ("dimensionless", "a Feynman formula without units, as in Table 2 of the KAN paper"),
    "feynman-si": ("dimensional", "a Feynman formula with units, on its own ranges"),
}


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
        formula: The function behind it, where it is synthetic.
    """

    name: str
    about: str
    target: str
    features: tuple[str, ...]
    source: str
    formula: str | None = None
    _load: Callable[[], pd.DataFrame] | None = field(default=None, repr=False, compare=False)
    _problem: Problem | None = field(default=None, repr=False, compare=False)

    @property
    def measured(self) -> bool:
        """Whether it is a table of measurements, with the rows that it has."""
        return self._load is not None

    def frame(self, rows: int | None = None, *, seed: int = 0, noise: float = 0.0) -> pd.DataFrame:
        """The table, features first and the target last where it is synthetic.

        Args:
            rows: Of a synthetic problem, 1000 by default; measurements have the rows that they have.
            seed: Of the inputs of a synthetic problem, and of its noise.
            noise: Gaussian noise on its target, as a share of the target's spread.

        Raises:
            ConfigError: If a number is out of range, or measurements are to be drawn.

        Example:
            >>> data_set("product").frame(3, seed=0).columns.tolist()
            ['x1', 'x2', 'y']
        """
        import pandas as pd

        if self._load is not None:
            if rows is not None or seed or noise:
                raise ConfigError(
                    f"{self.name} holds measurements, with the rows that it has; number of rows, seed and noise are for "
                    "synthetic problems."
                )
            return self._load()
        assert self._problem is not None
        x, y = self._problem.sample(ROWS if rows is None else rows, seed=seed, noise=noise)
        return pd.DataFrame(dict(zip(self.features, x.T, strict=True)) | {self.target: y})


def data_set(name: str) -> DataSet:
    """Look up a set by its name.

    Raises:
        DataError: There is no such set; the message names the nearest ones.

    Example:
        >>> data_set("orbits").target
        'period_days'
    """
    if name in _MEASURED:
        return _MEASURED[name]
    kind, _, identifier = name.partition(":")
    if kind in _FEYNMAN and identifier in feynman_ids(table=_FEYNMAN[kind][0]):
        table, about = _FEYNMAN[kind]
        return _synthetic(name, feynman(identifier, table=table), about, "Udrescu & Tegmark 2020, arXiv 1905.11481")
    if name in problem_names():
        return _synthetic(name, problem(name), _ABOUT[name], "computed from the formula")
    near = difflib.get_close_matches(name, data_names(), n=3, cutoff=0.5)
    hint = (
        f"nearest: {', '.join(near)}"
        if near
        else f"there are: {', '.join(data_names(formulas=False))}, feynman:I.6.2 …"
    )
    raise DataError(f"there is no data set {name!r}; {hint}.")


def data_names(*, formulas: bool = True) -> tuple[str, ...]:
    """The names that `data_set` knows, measurements first; with or without the Feynman formulas.

    >>> data_names(formulas=False)[:2]
    ('orbits', 'diabetes')
    """
    feynman = (f"{kind}:{one}" for kind, (table, _) in _FEYNMAN.items() for one in feynman_ids(table=table))
    return (*_MEASURED, *problem_names(), *(feynman if formulas else ()))


def _synthetic(name: str, recipe: Problem, about: str, source: str) -> DataSet:
    target = "y" if "y" not in recipe.inputs else "target"
    return DataSet(name, about, target, recipe.inputs, source, recipe.formula, _problem=recipe)


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


_ORBIT_FEATURES: Final = ("central_mass_kg", "semi_major_axis_km")
_MEASURED: Final = {
    one.name: one
    for one in (
        DataSet(
            "orbits",
            "68 orbits of planets, dwarf planets and moons",
            "period_days",
            _ORBIT_FEATURES,
            "NASA/JPL and others, see orbits.md; CC0 1.0",
            _load=load_orbits,
        ),
        DataSet(
            "diabetes",
            "442 patients: how far the disease is after a year",
            "progression",
            ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"),
            "Efron et al. 2004, as scikit-learn ships it",
            _load=partial(_of_sklearn, "load_diabetes", "progression"),
        ),
        DataSet(
            "iris",
            "150 flowers of three species",
            "species",
            ("sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm"),
            "Fisher 1936, as scikit-learn ships it",
            _load=partial(_of_sklearn, "load_iris", "species"),
        ),
    )
}
_ABOUT: Final = {
    "bessel": "a Bessel function of one variable",
    "exp_sine": "the first picture of the KAN paper",
    "product": "a product of two variables",
    "mean_sine_100": "a hundred variables, each through a sine",
    "exp_sine_4": "four variables in two layers of sums",
    "monomial": "a product of powers",
    "idle_sum": "a sum of two variables, and one that does nothing",
    "ratio": "a quotient of a difference and a sum",
    "pure_noise": "nothing but noise: the honest answer is that there is no law",
}
