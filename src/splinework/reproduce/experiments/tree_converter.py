"""Trees of modules from networks (Liu et al. 2024b, arXiv 2408.10205, §4.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, final

import numpy as np
import torch

import splinework as sw
from splinework.interpret.structure import find_structure
from splinework.reproduce.experiment import (
    BoundCheck,
    ComparisonRow,
    Experiment,
    ExperimentCell,
    FinishedCell,
    Scale,
    all_hold,
    matching,
)
from splinework.reproduce.figures import COLOURS
from splinework.reproduce.paper_method import rmse

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TREES: Final = {
    "additive": ("sin(3*x1) + x2**2 + x3*x4", (4, 4, 1)),
    "product": ("exp(x1)*(x2**2 + x3**2 + 1)", (3, 4, 1)),
    "nested": ("((x1**2 + x2**2)**2 + (x3**2 + x4**2)**2)**0.5", (4, 4, 2, 1)),
    "shift": ("sin((x1 - x2)**2 + 2*x3)", (3, 3, 1)),
}
"""Formulas and shapes of the fitted networks."""
TOLERANCE: Final = 0.02
"""Effect that counts as none for a fitted network."""


@final
@dataclass(frozen=True)
class TreeConverter(Experiment):
    """The tree of a function from its derivatives, and the same tree from a fitted network and from rows."""

    seeds: int = 3

    name: ClassVar[str] = "tree-converter"
    title: ClassVar[str] = "The tree of modules, KAN 2.0 §4.2"
    about: ClassVar[str] = (
        "KAN 2.0 tests separability and symmetries of a function by its derivatives and draws the tree of its "
        "modules; the authors' notebooks do so for exact functions, and with looser thresholds for a fitted network. "
        "Here the tree of the exact function, of a fitted network and of 800 rows alone are compared. A tree counts "
        "if its formula is that of the exact function."
    )
    minutes: ClassVar[tuple[float, float]] = (1.2, 4.0)
    rival: ClassVar[str] = "from rows alone"
    reasons: ClassVar[Mapping[str, str]] = {
        "((x1**2": (
            "the modules are found; that they add is read off ratios of derivatives, in which the error of "
            "the network grows, and rows alone show it"
        ),
        "sin((x1": (
            "the modules are found; that they add is read off ratios of derivatives, in which the error of "
            "the network grows, and rows alone show it"
        ),
    }

    def cells(self, scale: Scale) -> Sequence[ExperimentCell]:
        seeds = 1 if scale == "quick" else self.seeds
        return [
            ExperimentCell(f"{name}, seed {seed}", {"tree": name, "seed": seed, "rows": 800})
            for name in TREES
            for seed in range(seeds)
        ]

    def run(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        text, shape = TREES[settings["tree"]]
        seed, d = settings["seed"], shape[0]
        x = np.random.default_rng(seed).uniform(0.2, 1.5, (settings["rows"], d))
        names = [f"x{i + 1}" for i in range(d)]
        exact = sw.from_formula(text, dict.fromkeys(names, (0.2, 1.5)))
        points = torch.as_tensor(x)
        with torch.no_grad():
            y = exact(points)
        begun = sw.KAN(list(shape), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        fitted = sw.fit(begun, points, y, seed=seed, progress=False).model
        return {
            "exact": find_structure(exact, points, names=names).formula(),
            "fitted": find_structure(fitted, points, names=names, tolerance=TOLERANCE).formula(),
            "data": find_structure(x, y[:, 0].numpy(), names=names).formula(),
            "error": rmse(fitted, points, y) / float(y.std()),
        }

    def rows(self, finished: Sequence[FinishedCell]) -> list[ComparisonRow]:
        found = []
        for name, (text, _) in TREES.items():
            cells = matching(finished, tree=name)
            first = cells[0].result if cells else {}
            known = first.get("exact")
            same = all(cell.result["fitted"] == cell.result["exact"] for cell in cells) if cells else None
            found.append(
                ComparisonRow(
                    text, "tree", known, None, first.get("fitted"), first.get("data"), "§4.2", ours_reached=same
                )
            )
        return found

    def checks(self, finished: Sequence[FinishedCell]) -> list[BoundCheck]:
        if not finished:
            return []
        same = [cell.result["fitted"] == cell.result["exact"] for cell in finished]
        data = [cell.result["data"] == cell.result["exact"] for cell in finished]
        return [
            *all_hold("the fitted network has the tree of the exact function", same),
            *all_hold("rows alone show the tree of the exact function", data),
        ]

    def draw(self, finished: Sequence[FinishedCell], figure: Figure) -> None:
        axes = figure.subplots()
        for n, name in enumerate(TREES):
            for cell in matching(finished, tree=name):
                same = cell.result["fitted"] == cell.result["exact"]
                axes.plot(n, cell.result["error"], "o" if same else "x", color=COLOURS["ours"])
        axes.set_xticks(range(len(TREES)), list(TREES))
        axes.set(
            yscale="log",
            ylabel="relative error of the network",
            title="fitted networks; a cross has another tree than the function",
        )


EXPERIMENT = TreeConverter()
