"""Measurements: two tables whose law is known, and one that has none, scored by what it predicts."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.formulas.tasks import Floats, Task
from splinework.data import load_orbits
from splinework.formula.expression import Expression

DATA = Path(__file__).resolve().parents[1] / "data"
FOLDS = 5
KEPLER = "281490 * sqrt(semi_major_axis_km**3 / central_mass_kg)"
"""2π √(a³/(GM)) with a in km and the result in days of 86400 s, G = 6.6743e-11."""
MERCURY = "exp(17.709 - 6819.8/(temperature_c + 258.97))"
"""Antoine's form of the Clausius–Clapeyron law; its constants by least squares of the logarithm from 120 °C on (0.2 % rms), as
the rows below are rounded to one or two digits."""
ROUNDED_ROWS = 6


@dataclass(frozen=True)
class Table(Task):
    """Rows that were measured; nothing is drawn.

    Attributes:
        x, y: Rows to learn from.
        test_x, test_y: Rows to score on: of a law its values, else measurements that were left out.
        tolerance: Largest relative deviation from the law, root mean square.
    """

    x: Floats = field(default_factory=lambda: np.empty((0, 0)), repr=False, compare=False)
    y: Floats = field(default_factory=lambda: np.empty(0), repr=False, compare=False)
    test_x: Floats = field(default_factory=lambda: np.empty((0, 0)), repr=False, compare=False)
    test_y: Floats = field(default_factory=lambda: np.empty(0), repr=False, compare=False)
    tolerance: float = 0.0

    def training(self, level: float, seed: int) -> tuple[Floats, Floats]:
        return self.x, self.y

    def fresh(self, seed: int) -> tuple[Floats, Floats]:
        return self.test_x, self.test_y

    def wide(self, seed: int) -> tuple[Floats, Floats]:
        return self.test_x, self.test_y


def suite() -> tuple[Task, ...]:
    """Kepler's law, the vapour pressure of mercury, diabetes in five folds."""
    orbits = load_orbits()
    inputs = ("central_mass_kg", "semi_major_axis_km")
    kepler = _law("Kepler", inputs, orbits[list(inputs)].to_numpy(), orbits["period_days"].to_numpy(), KEPLER, 0.01)
    rows = np.loadtxt(DATA / "pressure.csv", delimiter=",", comments="#", skiprows=4)
    mercury = _law("mercury", ("temperature_c",), rows[:, :1], rows[:, 1], MERCURY, 0.01, skip=ROUNDED_ROWS)
    return (kepler, mercury, *_diabetes())


def _law(
    name: str, inputs: tuple[str, ...], x: Floats, y: Floats, truth: str, tolerance: float, skip: int = 0
) -> Table:
    law = Expression(truth, inputs)
    return Table(
        "real",
        name,
        inputs,
        law,
        tuple(x.min(0)),
        tuple(x.max(0)),
        truth,
        "law",
        x=x,
        y=y,
        test_x=x[skip:],
        test_y=law(x[skip:]),
        tolerance=tolerance,
    )


def _diabetes() -> list[Table]:
    """Five shuffled folds of the diabetes table."""
    from sklearn.datasets import load_diabetes
    from sklearn.model_selection import KFold

    found = load_diabetes(scaled=False)
    x, y, inputs = found.data, found.target.astype(float), tuple(found.feature_names)
    folds = KFold(FOLDS, shuffle=True, random_state=0).split(y)
    return [
        Table(
            "real",
            f"diabetes fold {number}",
            inputs,
            lambda rows: np.full(len(rows), np.nan),  # nobody knows
            tuple(x.min(0)),
            tuple(x.max(0)),
            wanted="prediction",
            x=x[train],
            y=y[train],
            test_x=x[test],
            test_y=y[test],
        )
        for number, (train, test) in enumerate(folds, start=1)
    ]
