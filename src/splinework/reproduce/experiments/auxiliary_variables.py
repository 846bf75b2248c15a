"""Auxiliary variables handed to a network, or found (Liu et al. 2024b, arXiv 2408.10205, §3.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, final

import torch
from torch import Tensor

import splinework as sw
from splinework.reproduce import experiment as ex
from splinework.reproduce.paper_method import minimise, paper_network, prune_by_paper, rmse

BETA, GAMMA = "v/c", "1/sqrt(1 - v**2/c**2)"
GIVEN: Final[Mapping[str, list[str]]] = {"β and γ": [BETA, GAMMA], "β": [BETA], "nothing": []}
NAMES: Final = ("m0", "v", "c")
ENDS: Final = ((0.0, 0.0, 1.1), (1.0, 0.9, 2.0))
NOTEBOOK: Final = 2.0e-5
"""Test RMSE of the authors' notebook Interp_8, with β and γ."""
EXACT: Final = 1e-9
PENALTY, MIN_EDGE = sw.train.Sparsity(1e-5, entropy=2.0), 5e-2
"""Penalty of the notebook, but for that of the coefficients, and the score below which it removes edges."""


@final
@dataclass(frozen=True)
class AuxiliaryVariables(ex.Experiment):
    """The relativistic mass from its three columns, with β and γ beside them, with β alone, and with neither."""

    seeds: int = 3
    effort: float = 60.0

    name: ClassVar[str] = "auxiliary-variables"
    version: ClassVar[int] = 3
    title: ClassVar[str] = "Auxiliary variables, KAN 2.0 §3.1"
    about: ClassVar[str] = (
        "m = m0 / √(1 − v²/c²) from 1000 rows of m0, v and c. The authors' notebook hands the network [5, (0, 1)] two "
        "further columns, β = v/c and γ, of which γ is nearly the answer, and reads m0·γ off it. Its method here: on 3 intervals "
        "50 steps of L-BFGS with a small penalty, edges with a score below 0.05 removed, 100 steps without it. Ours is `sw.fit` "
        "on [5, (0, 1), 1] with nothing set, with the same columns and with fewer; and `discover` with none of them, which has "
        "to find both."
    )
    minutes: ClassVar[tuple[float, float]] = (0.5, 1.2)

    def cells(self, scale: ex.Scale) -> Sequence[ex.ExperimentCell]:
        seeds = range(1 if scale == "quick" else self.seeds)
        return [
            *ex.swept(
                "paper, given {given}, seed {seed}", {"method": "paper", "steps": 50}, given=["β and γ"], seed=seeds
            ),
            *ex.swept("ours, given {given}, seed {seed}", {"method": "ours"}, given=GIVEN, seed=seeds),
            *ex.swept("formula, seed {seed}", {"method": "formula", "effort": self.effort}, seed=seeds),
        ]

    def run(self, settings: ex.Values) -> ex.Values:
        seed, method = settings["seed"], settings["method"]
        generator = torch.Generator().manual_seed(seed)
        x, test = (drawn(generator) for _ in range(2))
        quiet: dict[str, Any] = {"seed": seed, "progress": False}
        if method == "formula":
            best = sw.discover(x, mass(x), names=list(NAMES), target="m", effort=settings["effort"], **quiet).best
            error = float((torch.as_tensor(best.numpy()(test.numpy()))[:, None] - mass(test)).square().mean().sqrt())
            return {"formula": str(best), "error": error, "right": error < EXACT}
        features = GIVEN[settings["given"]]
        if method == "ours":
            own: dict[str, Any] = {"names": list(NAMES), "features": features, "dtype": torch.float64}
            begun = sw.KAN([3 + len(features), (0, 1), 1], generator=generator, **own)
            return {"error": rmse(sw.fit(begun, x, mass(x), **quiet).model, test, mass(test))}
        rows, fresh = ((with_both(each), mass(each)) for each in (x, test))
        model = paper_network([3 + len(features), (0, 1)], 3, seed)
        model = prune_by_paper(
            model, rows, PENALTY, steps=settings["steps"], by="attribution", nodes=0.0, edges=MIN_EDGE
        )
        model, _ = minimise(model, rows, fresh, steps=2 * settings["steps"])
        return {"error": rmse(model, *fresh), "edges": model.active_edges()}

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
    """The relativistic mass, `(N, 1)`."""
    return (x[:, 0] / torch.sqrt(1 - x[:, 1] ** 2 / x[:, 2] ** 2))[:, None]


def with_both(x: Tensor) -> Tensor:
    """The columns with β and γ before them, as the notebook has them."""
    beta = x[:, 1:2] / x[:, 2:]
    return torch.cat([beta, 1 / torch.sqrt(1 - beta**2), x], 1)


EXPERIMENT = AuxiliaryVariables()
