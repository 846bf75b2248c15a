"""The base of Tables 1 and 2 of the KAN paper: many functions, smallest and best shapes, pruned networks, MLPs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from torch import Tensor

import splinework as sw
from splinework.reproduce.experiment import (
    BoundCheck,
    ComparisonRow,
    Experiment,
    ExperimentCell,
    FinishedCell,
    Scale,
    best_of,
    matching,
)
from splinework.reproduce.figures import COLOURS, legend
from splinework.reproduce.paper_method import minimise, paper_network, rmse, train_by_paper
from splinework.reproduce.rivals import Rows, default_fit, perceptron_fit, tensors

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_SMALL_ERROR: Final = 1e-2
"""Test RMSE that the smallest shape has to reach."""
PRUNING_STEPS: Final = 50
"""Steps of L-BFGS with the sparsity penalty before nodes are removed."""


@dataclass(frozen=True)
class PublishedFunction:
    """A row of a table of the paper.

    Attributes:
        name: Name of the function.
        smallest: Smallest pruned shape with a test RMSE below 0.01.
        smallest_error: Its test RMSE; None if the table does not have it.
        best: Best pruned shape.
        best_error: Lowest test RMSE of the paper's KANs.
        perceptron: Lowest test RMSE of its MLPs.
    """

    name: str
    smallest: tuple[int, ...]
    smallest_error: float | None
    best: tuple[int, ...]
    best_error: float
    perceptron: float


@dataclass(frozen=True)
class FunctionTable(Experiment):
    """A table of functions. A subclass lists them and draws their rows."""

    rows_count: int = 1000
    grids: tuple[int, ...] = (3, 5, 10, 20, 50, 100, 200)
    steps: int = 200
    seeds: int = 3
    penalties: tuple[float, ...] = (1e-2, 1e-3)
    wide: int = 5
    depths: tuple[int, ...] = (2, 3, 4)
    perceptron_widths: tuple[int, ...] = (5, 20, 50, 100)

    place: ClassVar[str]
    """Place of the published values."""
    target: ClassVar[float]
    """Ratio of our median RMSE to the paper's that is asked for."""
    quick_every: ClassVar[int] = 1
    """The quick recipe takes one of this number of functions."""

    @abstractmethod
    def published(self) -> Sequence[PublishedFunction]:
        """The rows of the paper's table."""

    @abstractmethod
    def sample(self, name: str, count: int, seed: int) -> tuple[Any, Any]:
        """Rows of a function: x `(count, inputs)` and y."""

    def cells(self, scale: Scale) -> Sequence[ExperimentCell]:
        quick = scale == "quick"
        chosen = self.published()[:: self.quick_every] if quick else self.published()
        grids, steps, seeds = (self.grids[:4], 15, 1) if quick else (self.grids, self.steps, self.seeds)
        found = []
        for one in chosen:
            inputs = one.best[0]
            for seed in range(seeds):
                own = {"function": one.name, "rows": self.rows_count, "seed": seed}
                by_paper = {**own, "grids": list(grids), "steps": steps}
                for which, shape in (("best", one.best), ("smallest", one.smallest)):
                    if which == "smallest" and (quick or shape == one.best):
                        continue
                    label = f"{one.name}, {list(shape)}, seed {seed}"
                    settings = {**by_paper, "method": "paper", "shape": list(shape)}
                    found.append(ExperimentCell(f"paper, {label}", settings))
                    found.append(ExperimentCell(f"default, {label}", {**own, "method": "ours", "shape": list(shape)}))
                sparse = {**own, "method": "sparse", "shape": [inputs, self.wide, 1]}
                found.append(ExperimentCell(f"sparsify, {one.name}, seed {seed}", sparse))
                if seed:  # sweeps have one seed
                    continue
                for depth in () if quick else self.depths:
                    shape = (inputs, *[self.wide] * (depth - 1), 1)
                    settings = {**by_paper, "method": "paper", "shape": list(shape)}
                    found.append(ExperimentCell(f"paper, unpruned, {one.name}, {list(shape)}, seed {seed}", settings))
                    for penalty in self.penalties:
                        pruned = {**settings, "method": "pruned", "penalty": penalty}
                        label = f"{one.name}, {list(shape)}, {penalty:g}, seed {seed}"
                        found.append(ExperimentCell(f"paper, pruned, {label}", pruned))
                widths, depths, steps_of_mlp = (
                    ((5, 20), (3,), 300) if quick else (self.perceptron_widths, self.depths, 1800)
                )
                for width in widths:
                    for depth in depths:
                        shape = (inputs, *[width] * (depth - 1), 1)
                        settings = {**own, "method": "rival", "shape": list(shape), "steps": steps_of_mlp}
                        found.append(ExperimentCell(f"MLP {list(shape)}, {one.name}, seed {seed}", settings))
        return found

    def run(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        name, seed, shape, method = (settings[key] for key in ("function", "seed", "shape", "method"))
        rows = tensors(*self.sample(name, settings["rows"], seed))
        test = tensors(*self.sample(name, settings["rows"], 10_000 + seed))
        spread = float(test[1].std())
        if method == "ours":
            return {**default_fit(shape, rows, test, seed=seed), "spread": spread}
        if method == "rival":
            return perceptron_fit(shape, rows, test, seed=seed, steps=settings["steps"])
        if method == "sparse":
            return _sparsified(shape, rows, test, seed)
        model = paper_network(shape, settings["grids"][0], seed)
        if method == "pruned":
            model = _pruned(model, rows, test, settings["penalty"])
        model, stages = train_by_paper(model, rows, test, grids=settings["grids"], steps=settings["steps"])
        best = min(stages, key=lambda stage: stage.test)
        return {
            "test": best.test,
            "grid": best.grid,
            "shape": model.config.shape,
            "tests": [stage.test for stage in stages],
        }

    def rows(self, finished: Sequence[FinishedCell]) -> list[ComparisonRow]:
        found = []
        for one in self.published():
            own = matching(finished, function=one.name)
            if not own:
                continue
            paper = best_of([cell for cell in own if cell.settings["method"] in ("paper", "pruned")], "test")
            ours = best_of(matching(own, method="ours"), "test")
            sparse, rival = (
                best_of(matching(own, method="sparse"), "test"),
                best_of(matching(own, method="rival"), "test"),
            )
            notes = [] if ours is None else [f"std of the target {ours.result['spread']:.3g}"]
            small = _smallest(own)
            if small is not None:
                notes.append(f"smallest shape below {MAX_SMALL_ERROR:g}: {small}, published {list(one.smallest)}")
            if sparse is not None:
                notes.append(f"sparsify: {sparse.result['shape']} with {sparse.result['test']:.1e}")
            if ours is not None:
                notes.append(f"fit on the published shape: {ours.result['test']:.1e}")
            notes.append(f"published MLP {one.perceptron:.3g}")
            found.append(
                ComparisonRow(
                    f"{one.name}, {list(one.best)}",
                    "test RMSE",
                    published=one.best_error,
                    paper=_error(paper),
                    ours=_error(best_of([each for each in (ours, sparse) if each is not None], "test")),
                    rival=_error(rival),
                    place=self.place,
                    note="; ".join(notes),
                )
            )
        return found

    def checks(self, finished: Sequence[FinishedCell]) -> list[BoundCheck]:
        ratios = []
        rows = self.rows(finished)
        for row in rows:
            if isinstance(row.ours, float) and isinstance(row.published, float):
                ratios.append(row.ours / row.published)
        if not ratios:
            return []
        middle = float(np.median(ratios))
        beaten = [row.ours < row.rival for row in rows if isinstance(row.ours, float) and isinstance(row.rival, float)]
        text = f"median over the functions of our RMSE over the paper's best at most {self.target:.3g}"
        return [
            BoundCheck(text, f"{middle:.2g}", middle <= self.target),
            BoundCheck("our default is more exact than the best MLP here in at least 90% of the rows",
                       f"{sum(beaten)} of {len(beaten)}", sum(beaten) >= 0.9 * len(beaten)),
        ]  # fmt: skip

    def draw(self, finished: Sequence[FinishedCell], figure: Figure) -> None:
        rows = self.rows(finished)
        axes = figure.subplots()
        places = np.arange(len(rows))
        labels = {
            "published": "published KAN",
            "paper": "paper's method here",
            "ours": "our default",
            "rival": "best MLP here",
        }
        for key, label in labels.items():
            values = [getattr(row, key) or np.nan for row in rows]
            axes.plot(places, values, "o", color=COLOURS[key], label=label)
        axes.set(yscale="log", ylabel="test RMSE", title=self.place)
        axes.set_xticks(places, [row.name.partition(",")[0] for row in rows], rotation=60, ha="right")
        axes.grid(True, axis="y", alpha=0.3)
        legend(axes)


def _sparsified(shape: Sequence[int], rows: Rows, test: Rows, seed: int) -> dict[str, Any]:
    """Our way to a small network: `sw.sparsify` from a wide one, nothing set."""
    model = sw.KAN(list(shape), dtype=rows[0].dtype)
    found = sw.sparsify(model, *rows, seed=seed, progress=False).model
    return {"test": rmse(found, *test), "shape": found.config.shape, "edges": found.active_edges()}


def _pruned(model: sw.KAN, rows: Rows, test: Rows, penalty: float) -> sw.KAN:
    """The paper's way: train with the penalty of eq. 2.20, then remove what is not important."""
    sparsity = sw.train.Sparsity(penalty)

    def loss(network: sw.KAN) -> Tensor:
        u = rows[0]
        total: Tensor = (network(u) - rows[1]).square().mean()
        for layer, nodes in zip(network.kan_layers, network.config.nodes[1:], strict=True):
            total = total + sparsity.value(layer, u)
            u = nodes.combine(layer(u))
        return total

    sparse, _ = minimise(model, rows, test, steps=PRUNING_STEPS, loss=loss)
    return sw.prune(sparse, rows[0])


def _error(cell: FinishedCell | None) -> float | None:
    return None if cell is None else float(cell.result["test"])


def _smallest(own: Sequence[FinishedCell]) -> list[int] | None:
    """The shape with the fewest edges among those below the bound, of any of our fits."""
    shapes = [
        cell.result.get("shape", cell.settings["shape"])
        for cell in own
        if cell.settings["method"] != "rival" and cell.result["test"] < MAX_SMALL_ERROR
    ]
    return min(shapes, key=_edges) if shapes else None


def _edges(shape: Sequence[Any]) -> int:
    """Edges of a shape whose products count by their factors.

    >>> _edges([2, 2, 1]), _edges([2, [0, 1], 1])
    (6, 5)
    """
    nodes = sw.KAN(list(shape)).config.nodes
    return sum(before.width * after.fan_in for before, after in pairwise(nodes))
