"""Trees of modules (Liu et al. 2024b, arXiv 2408.10205, §4.2), of functions, of networks and of rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, final

import numpy as np
import torch

import splinework as sw
from splinework.interpret.structure import find_structure
from splinework.reproduce import experiment as ex
from splinework.reproduce.figures import COLOURS
from splinework.reproduce.paper_method import paper_network, rmse, train_by_paper

SQUARES: Final = "(({}**2 + {}**2)**2 + ({}**2 + {}**2)**2)"
FUNCTIONS, NETWORKS = "notebook Interp_5, 100 rows", "notebook Interp_6"


@final
@dataclass(frozen=True)
class ModuleTree:
    """A function and its tree.

    Attributes:
        tree: The tree of the function.
        ends: Ends of every input.
        shape: Shape of the network whose tree is found; None for that of the function itself.
        published: Published result; an empty text where there is none.
        place: Place of the published result.
    """

    function: str
    tree: str
    ends: tuple[float, float] = (-1.0, 1.0)
    shape: tuple[int, ...] | None = None
    published: str = ""
    place: str = ""

    @property
    def names(self) -> list[str]:
        """Names of the inputs."""
        return sorted(set(re.findall(r"x\d", self.function)))


NESTED, PAIRS = "f1(f2(x1**2 + x2**2) + f3(x3**2 + x4**2))", "f1(x1**2 + x2**2) + f2(x3**2 + x4**2)"
OTHER: Final = "f4(f5(x5**2 + x6**2) + f6(x7**2 + x8**2))"
ONE, TWO = SQUARES.format("x1", "x2", "x3", "x4"), SQUARES.format("x5", "x6", "x7", "x8")
AWAY: Final = (0.2, 1.5)
TREES: Final = {
    "two nested": ModuleTree(f"{ONE}**2 + {TWO}**2", f"{NESTED} + {OTHER}", published="this tree", place=FUNCTIONS),
    "nested": ModuleTree(f"{ONE}**2 + x5**2", f"{NESTED} + f4(x5)", published="this tree", place=FUNCTIONS),
    "pairs": ModuleTree(ONE, PAIRS, published="this tree", place=NETWORKS),
    "pairs, network": ModuleTree(ONE, PAIRS, shape=(4, 5, 5, 1), published="this tree, but a product", place=NETWORKS),
    "root, network": ModuleTree(f"{ONE}**0.5", NESTED, AWAY, (4, 4, 2, 1)),
    "shift, network": ModuleTree("sin((x1 - x2)**2 + 2*x3)", "f1(f2(x1 - x2) + f3(x3))", AWAY, (3, 3, 1)),
}
TOLERANCE, PAPER_ROWS, PAPER_STEPS = 0.02, 100, 100
"""Effect that counts as none for the paper's network, rows at which trees of functions are found, and steps of its training."""
UNSEEN_SUM: Final = (
    "of the network the modules are found; that they add is read off ratios of derivatives, in which its error grows"
)


@final
@dataclass(frozen=True)
class TreeConverter(ex.Experiment):
    """The tree of a function from its derivatives, and the same tree from a network and from rows."""

    seeds: int = 3
    rows_count: int = 1000

    name: ClassVar[str] = "tree-converter"
    version: ClassVar[int] = 2
    title: ClassVar[str] = "The tree of modules, KAN 2.0 §4.2"
    about: ClassVar[str] = (
        "KAN 2.0 tests separability and symmetries of a function by its derivatives and draws the tree of its modules. The "
        "authors' notebooks draw three trees of functions, and one of a network, trained for 100 steps and judged by looser "
        "thresholds, which has the modules and takes their sum for a product. The paper's method here is "
        "`find_structure` of the function at 100 rows, or at 1000 of a network as the paper trains it, with twice the "
        "tolerance. Ours is "
        "`find_structure` at 1000 rows with nothing set, of the function or of a network by `sw.fit`. Two further networks, of "
        "functions with a root and a sine outside, are not among theirs. Beside them is the tree of the 1000 rows alone. "
        "A tree counts if its formula is that of the function."
    )
    minutes: ClassVar[tuple[float, float]] = (1.2, 4.0)
    rival: ClassVar[str] = "rows alone"
    reasons: ClassVar[Mapping[str, str]] = {"root": UNSEEN_SUM, "shift": UNSEEN_SUM}

    def cells(self, scale: ex.Scale) -> Sequence[ex.ExperimentCell]:
        seeds = range(1 if scale == "quick" else self.seeds)
        return ex.swept("{tree}, seed {seed}", {"rows": self.rows_count}, tree=TREES, seed=seeds)

    def run(self, settings: ex.Values) -> ex.Values:
        one, seed = TREES[settings["tree"]], settings["seed"]
        x = np.random.default_rng(seed).uniform(*one.ends, (settings["rows"], len(one.names)))
        exact, points = sw.from_formula(one.function, dict.fromkeys(one.names, one.ends)), torch.as_tensor(x)
        with torch.no_grad():
            rows = points, exact(points)
        options: dict[str, Any] = {"names": one.names}
        ours, found = exact, dict[str, Any]()
        if one.shape is not None:
            begun = sw.KAN(list(one.shape), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
            ours = sw.fit(begun, *rows, seed=seed, progress=False).model
            found["error"] = rmse(ours, *rows) / float(rows[1].std())
        if one.published:
            paper, at = exact, points[:PAPER_ROWS]
            if one.shape is not None:
                begun, at, options["tolerance"] = paper_network(one.shape, 3, seed), points, TOLERANCE
                paper, _ = train_by_paper(begun, rows, rows, grids=[3], steps=PAPER_STEPS)
                found["paper error"] = rmse(paper, *rows) / float(rows[1].std())
            found["paper"] = find_structure(paper, at, **options).formula()
        found["ours"] = find_structure(ours, points, names=one.names).formula()
        found["data"] = find_structure(x, rows[1][:, 0].numpy(), names=one.names).formula()
        return found

    def rows(self, finished: ex.Cells) -> list[ex.ComparisonRow]:
        found = []
        for name, one in TREES.items():
            cells = ex.matching(finished, tree=name)
            paper, ours, data = (ex.first_of(cells, key) for key in ("paper", "ours", "data"))
            own: dict[str, Any] = {"paper": paper, "ours": ours, "rival": data, "place": one.place}
            if cells:
                own["ours_reached"] = all(_right(cells, "ours"))
                own["paper_reached"] = all(_right(cells, "paper")) if one.published else None
            found.append(ex.ComparisonRow(f"{name}: {one.function}", "tree", one.published or None, **own))
        return found

    def checks(self, finished: ex.Cells) -> list[ex.BoundCheck]:
        networks = [cell for cell in finished if TREES[cell.settings["tree"]].shape is not None]
        return [
            *ex.all_hold("the network has the tree of the function", _right(networks, "ours")),
            *ex.all_hold("rows alone show the tree of the function", _right(finished, "data")),
        ]

    def draw(self, finished: ex.Cells, figure: ex.Figure) -> None:
        axes = figure.subplots()
        names = [name for name, one in TREES.items() if one.shape is not None]
        for n, name in enumerate(names):
            for key, error in (("ours", "error"), ("paper", "paper error")):
                for cell in ex.matching(finished, tree=name):
                    if error in cell.result:
                        mark = "o" if all(_right([cell], key)) else "x"
                        axes.plot(n, cell.result[error], mark, color=COLOURS[key])
        axes.set_xticks(range(len(names)), names)
        title = "networks, ours blue and the paper's red; a cross has another tree than the function"
        axes.set(yscale="log", ylabel="relative error of the network", title=title)


def _right(finished: ex.Cells, key: str) -> list[bool]:
    """Whether the tree under a key is that of the function, for every cell."""
    return [cell.result[key] == TREES[cell.settings["tree"]].tree for cell in finished]


EXPERIMENT = TreeConverter()
