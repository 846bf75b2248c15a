"""Constitutive laws from deformation gradients (Liu et al. 2024b, arXiv 2408.10205, §5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, final

import numpy as np
import sympy
from numpy.typing import NDArray

import splinework as sw
from splinework.formula.parse import parse_formula
from splinework.interpret.structure import find_structure
from splinework.reproduce import experiment as ex
from splinework.reproduce.figures import COLOURS

Floats = NDArray[np.float64]

NAMES: Final = tuple(f"F{i}{j}" for i in (1, 2, 3) for j in (1, 2, 3))
SHEAR: Final = 1 / 2.4
"""μ of E = 1 and ν = 0.2."""
BULK: Final = 0.2 / (1.2 * 0.6)
"""λ of the same."""
EXACT: Final = 1e-9


@final
@dataclass(frozen=True)
class Stress:
    """An entry of the stress.

    Attributes:
        entry: Row and column.
        spread: Half width of the entries of the deformation gradient about the identity.
        inputs: Names of the columns.
        formula: The law.
        published: Final formula of KAN 2.0.
    """

    entry: tuple[int, int]
    spread: float
    inputs: tuple[str, ...]
    formula: str
    published: str
    loss: float


STRESSES: Final = {
    "P11": Stress(
        (0, 0),
        0.2,
        (*NAMES, "J"),
        f"{SHEAR}*(F11**2 + F12**2 + F13**2) + {BULK}*log(J) - {SHEAR}",
        ".42(F11² + F12² + F13²) + .28 ln det F − .41",
        2.9e-11,
    ),
    "P12": Stress(
        (0, 1), 0.5, NAMES, f"{SHEAR}*(F11*F21 + F12*F22 + F13*F23)", ".42(F11 F21 + F12 F22 + F13 F23)", 6.8e-9
    ),
}


@final
@dataclass(frozen=True)
class ConstitutiveLaws(ex.Experiment):
    """Two entries of the stress of a neo-Hookean solid: structure, then formula."""

    rows_count: int = 1000
    effort: float = 120.0

    name: ClassVar[str] = "constitutive-laws"
    title: ClassVar[str] = "Constitutive laws, KAN 2.0 §5"
    about: ClassVar[str] = (
        "The stress μ(F Fᵀ − 1) + λ ln det F of a neo-Hookean solid with E = 1 and ν = 0.2, from 1000 random "
        "deformation gradients F (as the authors' notebook generates it; the comment there has the indices the other "
        "way round). For P11 the determinant is a tenth input J, as in the paper; for P12 nothing is known. "
        "`find_structure` shows which columns act together, and `discover` the law. The paper's best run of P12 "
        "needed a seed, a sparse start and two thresholds; its run with the linear law as a prior ended in a wrong "
        "formula."
    )
    minutes: ClassVar[tuple[float, float]] = (0.2, 3.0)
    rival: ClassVar[str] = "structure found"

    def cells(self, scale: ex.Scale) -> Sequence[ex.ExperimentCell]:
        seeds = range(1 if scale == "quick" else 3)
        common = {"rows": self.rows_count, "effort": self.effort}
        return ex.swept("{stress}, seed {seed}", common, stress=STRESSES, seed=seeds)

    def run(self, settings: ex.Values) -> ex.Values:
        stress, seed = STRESSES[settings["stress"]], settings["seed"]
        x, y = deformations(stress, settings["rows"], seed)
        structure = find_structure(x, y, names=list(stress.inputs))
        search: dict[str, Any] = {"effort": settings["effort"], "seed": seed, "progress": False}
        best = sw.discover(x, y, names=list(stress.inputs), target=settings["stress"], **search).best
        symbols = {name: sympy.Symbol(name, real=True) for name in stress.inputs}
        known = parse_formula(stress.formula, list(symbols))
        gap = float(np.abs(sympy.lambdify(list(symbols.values()), best.expression - known)(*x.T)).max())
        return {
            "formula": str(best),
            "gap": gap,
            "right": gap < EXACT,
            "structure": structure.formula(),
            "idle": list(structure.idle),
        }

    def rows(self, finished: ex.Cells) -> list[ex.ComparisonRow]:
        found = []
        for name, stress in STRESSES.items():
            cells = ex.matching(finished, stress=name)
            known = {"ours": ex.first_of(cells, "formula"), "ours_reached": ex.every_of(cells, "right"), "place": "§5"}
            structure = ex.first_of(cells, "structure")
            found.append(ex.ComparisonRow(name, "formula", stress.published, rival=structure, **known))
            worst = max(ex.values_of(cells, "gap"), default=None)
            known = {"ours": worst, "place": "§5", "note": "published: a loss" if cells else ""}
            found.append(ex.ComparisonRow(f"{name}, error", "largest error", stress.loss, **known))
        return found

    def checks(self, finished: ex.Cells) -> list[ex.BoundCheck]:
        return ex.all_hold(f"the law within {EXACT:g} on all rows", [cell.result["right"] for cell in finished])

    def draw(self, finished: ex.Cells, figure: ex.Figure) -> None:
        for axes, (name, stress) in zip(figure.subplots(1, len(STRESSES)), STRESSES.items(), strict=True):
            x, y = deformations(stress, 300, 0)
            axes.plot(x[:, stress.entry[1]], y, "o", markersize=2, color=COLOURS["ours"])
            axes.set(xlabel=stress.inputs[stress.entry[1]], ylabel=name)


def deformations(stress: Stress, rows: int, seed: int) -> tuple[Floats, Floats]:
    """Random deformation gradients as columns, and an entry of the stress."""
    gradient = np.eye(3) + np.random.default_rng(seed).uniform(-stress.spread, stress.spread, (rows, 3, 3))
    i, k = stress.entry
    if "J" not in stress.inputs:
        return gradient.reshape(-1, 9), SHEAR * np.einsum("nij,nkj->nik", gradient, gradient)[:, i, k]
    volume = np.linalg.det(gradient)
    same = float(i == k)
    shear = SHEAR * (np.einsum("nij,nkj->nik", gradient, gradient)[:, i, k] - same)
    return np.column_stack([gradient.reshape(-1, 9), volume]), shear + same * BULK * np.log(volume)


EXPERIMENT = ConstitutiveLaws()
