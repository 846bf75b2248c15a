"""Auxiliary variables handed to a network, or found (Liu et al. 2024b, arXiv 2408.10205, §3.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, final

import torch
from torch import Tensor

import splinework as sw
from splinework.reproduce import experiment as ex
from splinework.reproduce.paper_method import ITERATIONS

BETA, GAMMA = "v/c", "1/sqrt(1 - v**2/c**2)"
GIVEN: Final[Mapping[str, list[str]]] = {"β and γ": [BETA, GAMMA], "β": [BETA], "nothing": []}
NAMES: Final = ("m0", "v", "c")
ENDS: Final = ((0.0, 0.0, 1.1), (1.0, 0.9, 2.0))
NOTEBOOK: Final = 2.0e-5
"""Test RMSE of the authors' notebook Interp_8, with β and γ."""
EXACT: Final = 1e-9


@final
@dataclass(frozen=True)
class AuxiliaryVariables(ex.Experiment):
    """The relativistic mass from its three columns, with β and γ beside them, with β alone, and with neither."""

    seeds: int = 3
    effort: float = 60.0

    name: ClassVar[str] = "auxiliary-variables"
    version: ClassVar[int] = 2
    title: ClassVar[str] = "Auxiliary variables, KAN 2.0 §3.1"
    about: ClassVar[str] = (
        "m = m0 / √(1 − v²/c²) from 1000 rows of m0, v and c. The authors' notebook hands the network [5, (0, 1), 1] two "
        "further columns, β = v/c and γ, of which γ is nearly the answer, and reads m0·γ off it. Its method here: L-BFGS on "
        "the grids 3, 5 and 10, 50 steps on each, without its penalty. Ours is `sw.fit` on the same shape with nothing set, "
        "with the same columns and with fewer; and `discover` with none of them, which has to find both."
    )
    minutes: ClassVar[tuple[float, float]] = (0.5, 1.2)

    def cells(self, scale: ex.Scale) -> Sequence[ex.ExperimentCell]:
        seeds = range(1 if scale == "quick" else self.seeds)
        name, methods = "{method}, given {given}, seed {seed}", ("paper", "ours")
        return [
            *ex.swept(name, method=methods, given=GIVEN, seed=seeds),
            *ex.swept("formula, seed {seed}", {"method": "formula", "effort": self.effort}, seed=seeds),
        ]

    def run(self, settings: ex.Values) -> ex.Values:
        seed = settings["seed"]
        generator = torch.Generator().manual_seed(seed)
        x, test = (drawn(generator) for _ in range(2))
        quiet: dict[str, Any] = {"seed": seed, "progress": False}
        if settings["method"] == "formula":
            best = sw.discover(x, mass(x), names=list(NAMES), target="m", effort=settings["effort"], **quiet).best
            error = float((torch.as_tensor(best.numpy()(test.numpy())) - mass(test)).square().mean().sqrt())
            return {"formula": str(best), "error": error, "right": error < EXACT}
        features, shape = GIVEN[settings["given"]], [3 + len(GIVEN[settings["given"]]), (0, 1), 1]
        own: dict[str, Any] = {
            "names": list(NAMES),
            "features": features,
            "dtype": torch.float64,
            "generator": generator,
        }
        if settings["method"] == "paper":
            options = sw.train.TrainingOptions.paper(grids=[3, 5, 10], steps=50 * ITERATIONS, **quiet)
            model = sw.fit(sw.KAN.paper(shape, **own), x, mass(x), options=options).model
        else:
            model = sw.fit(sw.KAN(shape, **own), x, mass(x), **quiet).model
        with torch.no_grad():
            return {"error": float((model(test)[:, 0] - mass(test)).square().mean().sqrt())}

    def rows(self, finished: ex.Cells) -> list[ex.ComparisonRow]:
        found, place = [], "authors' notebook Interp_8"
        for given in GIVEN:
            cells, published = ex.matching(finished, given=given), NOTEBOOK if given == "β and γ" else None
            found.append(ex.compared(f"given {given}", "test RMSE", cells, "error", published=published, place=place))
        formulas = ex.matching(finished, method="formula")
        law = {"ours": ex.first_of(formulas, "formula"), "ours_reached": ex.every_of(formulas, "right"), "place": place}
        return [*found, ex.ComparisonRow("formula, given nothing", "text", "m0·γ, given γ", **law)]

    def checks(self, finished: ex.Cells) -> list[ex.BoundCheck]:
        right = ex.values_of(ex.matching(finished, method="formula"), "right")
        return ex.all_hold("the formula is exact without any auxiliary variable, for every seed", right)


def drawn(generator: torch.Generator) -> Tensor:
    """A thousand rows of m0, v and c."""
    low, high = (torch.tensor(each, dtype=torch.float64) for each in ENDS)
    return low + (high - low) * torch.rand(1000, 3, generator=generator, dtype=torch.float64)


def mass(x: Tensor) -> Tensor:
    """The relativistic mass."""
    return x[:, 0] / torch.sqrt(1 - x[:, 1] ** 2 / x[:, 2] ** 2)


EXPERIMENT = AuxiliaryVariables()
