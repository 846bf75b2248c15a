"""A formula from data by training, pruning and fixing edges (Liu et al. 2024, arXiv 2404.19756, §2.5 and App. C)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, final

import numpy as np
import torch

import splinework as sw
from splinework.data import problem
from splinework.reproduce import experiment as ex
from splinework.reproduce.figures import COLOURS
from splinework.reproduce.paper_method import minimise, paper_network, prune_by_paper, rmse
from splinework.reproduce.rivals import tensors

NOTEBOOK: Final = 1.1e-10
"""Test RMSE at the end of the authors' notebook hellokan, April 2024."""
EXACT: Final = 1e-8
"""Test RMSE up to which the formula is the function."""
EDGES: Final = (("x1", "h1"), ("x2", "h1"), ("h1", "y"))


@final
@dataclass(frozen=True)
class HelloWorld(ex.Experiment):
    """exp(sin πx1 + x2²): three edges, three functions, one formula."""

    seeds: int = 20
    weights: tuple[float, ...] = (1e-3, 1e-2, 1e-1)

    name: ClassVar[str] = "hello-world"
    version: ClassVar[int] = 3
    title: ClassVar[str] = "Sparsify, prune, fix the edges and read the formula, KAN paper §2.5"
    about: ClassVar[str] = (
        "f = exp(sin πx1 + x2²), 1000 rows, from [2, 5, 1]. The steps of the paper: 20 steps of L-BFGS with the penalty of eq. "
        "2.20 at three weights λ, entropy factor 10; pruning of hidden nodes by eq. 2.21; 50 steps without the penalty; then "
        "each edge is fixed to the function that fits it best, and only the affine numbers a, b, c, d of the three functions "
        "train. Our default takes `sparsify`, which has no weight to choose, in place of penalty, pruning and the 50 steps. The"
        " formula is read off, and counts if its test RMSE is below 1e-8. (The notebooks' weight is one of pykan's own penalty,"
        " not of eq. 2.20.)"
    )
    minutes: ClassVar[tuple[float, float]] = (1.3, 6.0)
    rival: ClassVar[str] = "seconds, ours"

    def cells(self, scale: ex.Scale) -> Sequence[ex.ExperimentCell]:
        seeds = range(3 if scale == "quick" else self.seeds)
        by_paper = {"method": "paper", "entropy": 10.0, "steps": 50}
        return [
            *ex.swept("sparsify, seed {seed}", {"method": "ours"}, seed=seeds),
            *ex.swept("penalty {weight:g}, seed {seed}", by_paper, seed=seeds, weight=self.weights),
        ]

    def run(self, settings: ex.Values) -> ex.Values:
        toy, seed = problem("exp_sine"), settings["seed"]
        (x, y), test = (tensors(*toy.sample(1000, seed=number)) for number in (seed, 10_000 + seed))
        generator = torch.Generator().manual_seed(seed)
        if settings["method"] == "ours":
            begun = sw.KAN([2, 5, 1], dtype=torch.float64, generator=generator)
            model = sw.sparsify(begun, x, y, seed=seed, progress=False).model
        else:
            penalty = sw.train.Sparsity(settings["weight"], entropy=settings["entropy"])
            model = prune_by_paper(paper_network([2, 5, 1], 5, seed), (x, y), penalty)
            model, _ = minimise(model, (x, y), test, steps=settings["steps"])
        edges = model.active_edges()
        if edges != len(EDGES):
            return {"edges": edges, "error": rmse(model, *test), "formula": None, "exact": False, "functions": []}
        model, functions = fixed(model, x, y)
        formula = str(sw.symbolify(model, x, y[:, 0], effort=5).best)
        error = rmse(model, *test)
        return {"edges": edges, "error": error, "formula": formula, "exact": error < EXACT, "functions": functions}

    def rows(self, finished: ex.Cells) -> list[ex.ComparisonRow]:
        ours, by_paper = (ex.matching(finished, method=method) for method in ("ours", "paper"))
        first = ex.first_of([cell for cell in ours if cell.result["exact"]], "formula")
        seconds = float(np.median([cell.seconds for cell in ours])) if ours else None
        own: dict[str, Any] = {"ours": first, "rival": seconds, "ours_reached": first is not None if ours else None}
        found = [ex.ComparisonRow("formula", "text", "exp(sin(3.14*x1) + x2**2)", **own, place="§2.5.2")]
        for weight in self.weights:
            shares: dict[str, Any] = {"paper": _three(ex.matching(by_paper, weight=weight)), "ours": _three(ours)}
            options: dict[str, Any] = {"place": "App. C", "better": "higher"}
            found.append(ex.ComparisonRow(f"three edges, λ = {weight:g}", "share of seeds", **shares, **options))
        exact, place = ex.mean_of(ours, "exact"), "authors' notebook hellokan"
        note = "" if exact is None else f"exact for {exact:.0%} of the seeds"
        right = [cell for cell in finished if cell.result["exact"]]
        return [
            *found,
            ex.compared(
                "after fixing the edges", "test RMSE", right, "error", published=NOTEBOOK, place=place, note=note
            ),
        ]

    def checks(self, finished: ex.Cells) -> list[ex.BoundCheck]:
        ours = ex.matching(finished, method="ours")
        slow, exact = max((cell.seconds for cell in ours), default=None), ex.values_of(ours, "exact")
        return [
            *ex.all_hold("sparsify, prune, fix: the exact formula for every seed", exact),
            *ex.bounded("each in less than {} s of processor time", slow, most=10, text=f"{slow or 0:.1f} s at most"),
        ]

    def draw(self, finished: ex.Cells, figure: ex.Figure) -> None:
        axes = figure.subplots()
        labels = [*(f"λ = {weight:g}" for weight in self.weights), "sparsify"]
        groups = [ex.matching(finished, method="paper", weight=weight) for weight in self.weights] + [
            ex.matching(finished, method="ours")
        ]
        for n, (label, cells) in enumerate(zip(labels, groups, strict=True)):
            colour = COLOURS["ours" if label == "sparsify" else "paper"]
            shifts = np.linspace(-0.2, 0.2, max(len(cells), 1))[: len(cells)]
            axes.plot(n + shifts, [cell.result["edges"] for cell in cells], "o", color=colour)
        axes.axhline(3, color=COLOURS["published"], linewidth=1)
        axes.set_xticks(range(len(labels)), labels)
        axes.set(ylabel="edges after pruning by eq. 2.21", title="a point a seed; three edges are right")


def fixed(model: sw.KAN, x: torch.Tensor, y: torch.Tensor) -> tuple[sw.KAN, list[str]]:
    """Fixes each of three edges to its best function in turn; between, and at the end, what is left trains."""
    names: list[str] = []
    for edge in EDGES:
        names.append(sw.suggest(model, x, edge, rows=1)[0].name)
        model = sw.fix(model, edge, names[-1], x=x)
        model = sw.fit(model, x, y, starts=1, steps=60, grids=None, degree="keep", progress=False).model
    return model, names


def _three(cells: ex.Cells) -> float | None:
    """The share of cells that three edges are left in."""
    edges = ex.values_of(cells, "edges")
    return float(np.mean([each == len(EDGES) for each in edges])) if edges else None


EXPERIMENT = HelloWorld()
