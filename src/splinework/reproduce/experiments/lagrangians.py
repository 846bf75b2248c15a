"""Lagrangians from positions, velocities and accelerations (Liu et al. 2024b, arXiv 2408.10205, §5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, final

import numpy as np
import sympy
from numpy.typing import NDArray

from splinework.formula.parse import parse_formula
from splinework.reproduce import experiment as ex
from splinework.reproduce.figures import COLOURS

Floats = NDArray[np.float64]

TERMS: Final = ("v**2", "v**4", "q**2", "q**4", "cos(q)", "q*v**2", "q**2*v**2", "sqrt(1 - v**2)", "q")
"""Terms of a Lagrangian; speeds are in units of that of light."""
ROWS: Final = 400
VANISHES: Final = 1e-9
"""Smallest singular value, for columns of length 1, from which on the equation does not hold."""


@final
@dataclass(frozen=True)
class Motion:
    """A motion with a known Lagrangian."""

    title: str
    acceleration: Callable[[Floats, Floats], Floats]
    expected: str
    published: str | None


MOTIONS: Final = {
    "pendulum": Motion("pendulum", lambda q, v: -np.sin(q), "v**2 + 2*cos(q)", "v²/2 + cos q by eye"),
    "relativistic": Motion(
        "relativistic mass in a uniform field",
        lambda q, v: -((1 - v**2) ** 1.5),
        "sqrt(1 - v**2) + q",
        "1.08 √(1 − v²), loss 5.0e-5",
    ),
    "oscillator": Motion("anharmonic oscillator", lambda q, v: -q - q**3, "v**2 - q**2 - q**4/2", None),
}


@final
@dataclass(frozen=True)
class Lagrangians(ex.Experiment):
    """The sparsest Lagrangian whose equation of Euler and Lagrange holds on all rows."""

    name: ClassVar[str] = "lagrangians"
    title: ClassVar[str] = "Lagrangians, KAN 2.0 §5"
    about: ClassVar[str] = (
        "KAN 2.0 learns L(q, v) as a network from accelerations and reads its edges; for a relativistic mass it "
        "starts from a compiled L = v² and ends at a loss of 5.0e-5 after 180 s. The equation of Euler and Lagrange "
        "is linear in L: with L a sum of terms of a library, the coefficients are the null vector of a matrix. Here "
        "the shortest sum with a null vector on 400 rows is taken, which gives the coefficients to rounding."
    )
    minutes: ClassVar[tuple[float, float]] = (0.1, 0.1)
    rival: ClassVar[str] = "known"

    def cells(self, scale: ex.Scale) -> Sequence[ex.ExperimentCell]:
        return ex.swept("{motion}", {"seed": 0, "limit": 0.9}, motion=MOTIONS)

    def run(self, settings: ex.Values) -> ex.Values:
        motion = MOTIONS[settings["motion"]]
        found = sparse_lagrangian(motion.acceleration, settings["limit"], settings["seed"])
        known = parse_formula(motion.expected, list(_SYMBOLS))
        return {
            "formula": None if found is None else str(found),
            "right": found is not None and sympy.simplify(found / known).is_number,
        }

    def rows(self, finished: ex.Cells) -> list[ex.ComparisonRow]:
        found = []
        for name, motion in MOTIONS.items():
            cells = ex.matching(finished, motion=name)
            own = {"ours": ex.first_of(cells, "formula"), "ours_reached": ex.every_of(cells, "right")}
            own |= {"rival": motion.expected, "place": "§5"}
            found.append(ex.ComparisonRow(motion.title, "Lagrangian, up to a factor", motion.published, **own))
        return found

    def checks(self, finished: ex.Cells) -> list[ex.BoundCheck]:
        return ex.all_hold("the known Lagrangian up to a factor", ex.values_of(finished, "right"))

    def draw(self, finished: ex.Cells, figure: ex.Figure) -> None:
        q, v = np.meshgrid(np.linspace(-2, 2, 60), np.linspace(-0.9, 0.9, 60))
        for axes, (name, motion) in zip(figure.subplots(1, len(MOTIONS)), MOTIONS.items(), strict=True):
            known = sympy.lambdify(list(_SYMBOLS.values()), parse_formula(motion.expected, list(_SYMBOLS)))
            axes.contour(q, v, known(q, v), colors=COLOURS["ours"])
            axes.set(xlabel="q", ylabel="v", title=name)


_SYMBOLS: Final = {name: sympy.Symbol(name, real=True) for name in ("q", "v")}


def sparse_lagrangian(acceleration: Callable[[Floats, Floats], Floats], limit: float, seed: int = 0) -> Any:
    """The shortest sum of terms whose Euler–Lagrange equation holds on random rows, its first coefficient 1, or None.

    Args:
        acceleration: Acceleration at positions and velocities.
        limit: Largest speed.
        seed: Seed of the rows.
    """
    from itertools import combinations

    generator = np.random.default_rng(seed)
    q, v = (_SYMBOLS[name] for name in ("q", "v"))
    a = sympy.Symbol("a", real=True)
    rows_q, rows_v = generator.uniform(-2, 2, ROWS), generator.uniform(-limit, limit, ROWS)
    terms = [parse_formula(text, list(_SYMBOLS)) for text in TERMS]
    equations = [sympy.diff(f, v, 2) * a + sympy.diff(f, v, q) * v - sympy.diff(f, q) for f in terms]
    values = sympy.lambdify((q, v, a), equations, "numpy")(rows_q, rows_v, acceleration(rows_q, rows_v))
    matrix = np.stack([np.broadcast_to(column, ROWS) for column in values], 1)
    lengths = np.linalg.norm(matrix, axis=0)
    for size in (2, 3):
        for chosen in combinations(range(len(terms)), size):
            use = list(chosen)
            _, singular, vectors = np.linalg.svd(matrix[:, use] / lengths[use], full_matrices=False)
            if singular[-1] < VANISHES:
                c = vectors[-1] / lengths[use]
                return sum(sympy.nsimplify(round(x / c[0], 9)) * terms[i] for x, i in zip(c, use, strict=True))
    return None


EXPERIMENT = Lagrangians()
