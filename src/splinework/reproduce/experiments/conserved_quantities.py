"""Conserved quantities from trajectories alone (Liu et al. 2024b, arXiv 2408.10205, §5), and of systems that KAN 2.0 has not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, final

import numpy as np
import sympy
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from splinework.discover import discover_conserved
from splinework.formula.parse import parse_formula
from splinework.reproduce import experiment as ex
from splinework.reproduce.figures import COLOURS

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True)
class System:
    """A system with known quantities.

    Attributes:
        title: Its name.
        names: Names of the coordinates.
        rate: Derivatives of a state.
        starts: States at the beginning of the trajectories.
        expected: Known quantities as formulas, each up to a factor.
        count: Number of independent quantities.
        noise: Noise, relative to the spread of each coordinate.
        published: Result of KAN 2.0; empty if it does not have this system.
    """

    title: str
    names: tuple[str, ...]
    rate: Callable[[float, Floats], Sequence[float]]
    starts: tuple[tuple[float, ...], ...]
    expected: tuple[str, ...]
    count: int
    noise: float = 0.0
    published: str = ""


SYSTEMS: Final = {
    "oscillator": System(
        "harmonic oscillator",
        ("x", "p"),
        lambda t, z: [z[1], -z[0]],
        tuple((a, 0.2) for a in (0.5, 1, 1.5)),
        ("x**2 + p**2",),
        1,
        published="x² + p²",
    ),
    "plane": System(
        "harmonic oscillator in the plane",
        ("x", "y", "px", "py"),
        lambda t, z: [*z[2:], *-z[:2]],
        tuple((1, 0.3 * k, 0.2, 0.3 - 0.2 * k) for k in range(1, 6)),
        (),
        3,
        published="three, one for each of three seeds",
    ),
    "pendulum": System(
        "pendulum, 1 % noise",
        ("q", "p"),
        lambda t, z: [z[1], -np.sin(z[0])],
        tuple((a, 0.2 * a) for a in (0.5, 1, 1.5, 2)),
        ("p**2/2 - cos(q)",),
        1,
        0.01,
    ),
    "populations": System(
        "predators and prey",
        ("prey", "predators"),
        lambda t, z: [z[0] * (1 - z[1] / 2), z[1] * (z[0] - 3) / 4],
        tuple((a, 1) for a in (1, 2, 3, 4)),
        ("prey - 3*log(prey) + 2*predators - 4*log(predators)",),
        1,
    ),
    "kepler": System(
        "Kepler's orbits",
        ("x", "y", "u", "v"),
        lambda t, z: [*z[2:], *(-z[:2] / np.hypot(z[0], z[1]) ** 3)],
        tuple((1, 0, 0.1 * k, 0.8 + 0.1 * k) for k in range(5)),
        ("x*v - y*u", "(u**2 + v**2)/2 - 1/sqrt(x**2 + y**2)"),
        2,
    ),
}


@final
@dataclass(frozen=True)
class ConservedQuantities(ex.Experiment):
    """Trajectories of five systems, and the quantities that `discover_conserved` finds."""

    points: int = 100

    name: ClassVar[str] = "conserved-quantities"
    title: ClassVar[str] = "Conserved quantities, KAN 2.0 §5"
    about: ClassVar[str] = (
        "KAN 2.0 trains a network H(z) whose gradient is orthogonal to the flow, and reads H: x² + p² for one "
        "oscillator, and for two a different one of three quantities for each of three seeds. It is given the flow; "
        "here only trajectories are, and `discover_conserved` has to find all independent quantities in one call, as "
        "formulas. A pendulum with noise, populations and orbits are added."
    )
    minutes: ClassVar[tuple[float, float]] = (0.2, 0.2)
    rival: ClassVar[str] = "known"

    def cells(self, scale: ex.Scale) -> Sequence[ex.ExperimentCell]:
        return ex.swept("{system}", {"points": self.points, "seed": 0}, system=SYSTEMS)

    def run(self, settings: ex.Values) -> ex.Values:
        system = SYSTEMS[settings["system"]]
        table = discover_conserved(trajectories(system, settings["points"], settings["seed"]), names=list(system.names))
        found = [row.expression for row in table.rows]
        right = [is_known(system, formula, found) for formula in system.expected]
        return {
            "formulas": [str(row) for row in table.rows],
            "notes": list(table.notes),
            "right": right,
            "count": len(table.rows),
        }

    def rows(self, finished: ex.Cells) -> list[ex.ComparisonRow]:
        found = []
        for name, system in SYSTEMS.items():
            cells = ex.matching(finished, system=name)
            reached = all(cells[0].result["right"]) and cells[0].result["count"] >= system.count if cells else None
            ours = "; ".join(cells[0].result["formulas"]) if cells else None
            known = "; ".join(system.expected) or "two energies and the angular momentum"
            published = {"published": system.published, "place": "§5"} if system.published else {}
            shown: dict[str, Any] = {"ours": ours, "rival": known, "ours_reached": reached, **published}
            found.append(ex.ComparisonRow(system.title, f"{system.count} independent", **shown))
        return found

    def checks(self, finished: ex.Cells) -> list[ex.BoundCheck]:
        known = [right for cell in finished for right in cell.result["right"]]
        return ex.all_hold("every known quantity is among the formulas, up to a factor", known)

    def draw(self, finished: ex.Cells, figure: ex.Figure) -> None:
        for axes, (name, system) in zip(figure.subplots(1, len(SYSTEMS)), SYSTEMS.items(), strict=True):
            for z in trajectories(system, self.points, 0):
                axes.plot(z[:, 0], z[:, 1], color=COLOURS["ours"], linewidth=0.7)
            axes.set(xlabel=system.names[0], ylabel=system.names[1], title=name)


def trajectories(system: System, points: int = 100, seed: int = 0) -> list[Floats]:
    """One trajectory of 10 units of time for each start, `(points, coordinates)`."""
    t = np.linspace(0, 10, points)
    z = [solve_ivp(system.rate, (0, 10), start, t_eval=t, rtol=1e-10, atol=1e-12).y.T for start in system.starts]
    spread, generator = np.concatenate(z).std(axis=0), np.random.default_rng(seed)
    return [each + system.noise * spread * generator.normal(size=each.shape) for each in z]


def is_known(system: System, formula: str, found: Sequence[Any]) -> bool:
    """Whether one of the expressions is a known quantity, up to a factor."""
    symbols = {name: sympy.Symbol(name, real=True) for name in system.names}
    wanted = parse_formula(formula, list(symbols))
    return any(sympy.simplify(wanted / each).is_number for each in found)


EXPERIMENT = ConservedQuantities()
