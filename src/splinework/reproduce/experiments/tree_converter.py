"""Trees of modules from networks (Liu et al. 2024b, arXiv 2408.10205, §4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, final

import numpy as np
import torch

import splinework as sw
from splinework.interpret.structure import find_structure
from splinework.reproduce import experiment as ex
from splinework.reproduce.figures import COLOURS
from splinework.reproduce.paper_method import rmse

TREES: Final = {
    "additive": ("sin(3*x1) + x2**2 + x3*x4", (4, 4, 1)),
    "product": ("exp(x1)*(x2**2 + x3**2 + 1)", (3, 4, 1)),
    "nested": ("((x1**2 + x2**2)**2 + (x3**2 + x4**2)**2)**0.5", (4, 4, 2, 1)),
    "shift": ("sin((x1 - x2)**2 + 2*x3)", (3, 3, 1)),
}
"""Formulas and shapes of the fitted networks."""
TOLERANCE: Final = 0.02
"""Effect that counts as none for a fitted network."""
UNSEEN_SUM: Final = (
    "of the network the modules are found; that they add is read off ratios of derivatives, in which its error grows"
)


@final
@dataclass(frozen=True)
class TreeConverter(ex.Experiment):
    """The tree of a function from its derivatives, and the same tree from a fitted network and from rows."""

    seeds: int = 3

    name: ClassVar[str] = "tree-converter"
    title: ClassVar[str] = "The tree of modules, KAN 2.0 §4.2"
    about: ClassVar[str] = (
        "KAN 2.0 tests separability and symmetries of a function by its derivatives and draws the tree of its "
        "modules; the authors' notebooks do so for exact functions, and with looser thresholds for a fitted network. "
        "The published tree is that of the exact function; the column of that method here is the tree of a network "
        "that `sw.fit` made of 800 rows, with a looser threshold too. Our default is `find_structure` of the rows, with "
        "nothing set. A tree counts if its formula is that of the exact function."
    )
    minutes: ClassVar[tuple[float, float]] = (1.2, 4.0)

    def cells(self, scale: ex.Scale) -> Sequence[ex.ExperimentCell]:
        seeds = range(1 if scale == "quick" else self.seeds)
        return ex.swept("{tree}, seed {seed}", {"rows": 800}, tree=TREES, seed=seeds)

    def run(self, settings: ex.Values) -> ex.Values:
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

    def rows(self, finished: ex.Cells) -> list[ex.ComparisonRow]:
        found = []
        for name, (text, _) in TREES.items():
            cells = ex.matching(finished, tree=name)
            exact, fitted, data = (ex.first_of(cells, key) for key in ("exact", "fitted", "data"))
            own: dict[str, Any] = {"paper": fitted, "ours": data, "place": "§4.2"}
            if cells:
                own |= {"paper_reached": all(_same(cells, "fitted")), "ours_reached": all(_same(cells, "data"))}
                own["note"] = "" if own["paper_reached"] else UNSEEN_SUM
            found.append(ex.ComparisonRow(text, "tree", exact, **own))
        return found

    def checks(self, finished: ex.Cells) -> list[ex.BoundCheck]:
        return [
            *ex.all_hold("the fitted network has the tree of the exact function", _same(finished, "fitted")),
            *ex.all_hold("rows alone show the tree of the exact function", _same(finished, "data")),
        ]

    def draw(self, finished: ex.Cells, figure: ex.Figure) -> None:
        axes = figure.subplots()
        for n, name in enumerate(TREES):
            for cell in ex.matching(finished, tree=name):
                mark = "o" if all(_same([cell], "fitted")) else "x"
                axes.plot(n, cell.result["error"], mark, color=COLOURS["ours"])
        axes.set_xticks(range(len(TREES)), list(TREES))
        title = "fitted networks; a cross has another tree than the function"
        axes.set(yscale="log", ylabel="relative error of the network", title=title)


def _same(finished: ex.Cells, key: str) -> list[bool]:
    """Whether the tree under a key is that of the exact function, for every cell."""
    return [cell.result[key] == cell.result["exact"] for cell in finished]


EXPERIMENT = TreeConverter()
