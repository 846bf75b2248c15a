"""Modular networks: sparse starts and nodes in order (Liu et al. 2024b, arXiv 2408.10205, §3.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any, ClassVar, Final, final

import torch
from torch import Tensor

import splinework as sw
from splinework.data import problem
from splinework.reproduce import experiment as ex
from splinework.reproduce.figures import COLOURS
from splinework.reproduce.rivals import Rows, tensors

STARTS: Final = {"exp_sine": (2, 5, 1), "exp_sine_4": (4, 2, 1, 1)}
"""Functions that are fitted from a sparse start, with their shapes."""
KEEPS: Final = 1e-10
"""Change of the largest output by a swap of nodes that is rounding."""


@final
@dataclass(frozen=True)
class ModularStructures(ex.Experiment):
    """Sparse starts beside full ones; nodes swapped until edges are short."""

    seeds: int = 3

    name: ClassVar[str] = "modular-structures"
    version: ClassVar[int] = 2
    title: ClassVar[str] = "Modular structures: sparse starts and swapped nodes, KAN 2.0 §3.2"
    about: ClassVar[str] = (
        "In a sparse start every input keeps the nearest node of the next layer and every node its nearest input, all other "
        "edges are exactly 0 and stay so; KAN 2.0 shows a picture of such a network. Here two functions are fitted from one by "
        "`sw.fit`, 200 steps, and from the full network of the same shape, whose error is in the last column. Their modules are "
        "those of neighbours; a network that is wider than its inputs, such as [4, 8, 4, 1], joins no two inputs before its last "
        "layer and is a sum of functions of one input. Swapping nodes "
        "of a layer changes no output but the lengths of edges; the notebooks Interp_10A and 10B train on the majority of "
        "three majorities of nine bits and on five sums of pairs, and swap until modules can be seen. Here `sparsify` comes "
        "first, then `auto_swap`; the connection cost, the sum of attribution times length, is to fall."
    )
    minutes: ClassVar[tuple[float, float]] = (1.0, 2.5)
    rival: ClassVar[str] = "full start"

    def cells(self, scale: ex.Scale) -> Sequence[ex.ExperimentCell]:
        seeds = range(1 if scale == "quick" else self.seeds)
        return [
            *ex.swept(
                "{start} start, {task}, seed {seed}", {"steps": 200}, task=STARTS, start=("sparse", "full"), seed=seeds
            ),
            *ex.swept("swap, {task}, seed {seed}", task=SWAPPED, seed=seeds),
        ]

    def run(self, settings: ex.Values) -> ex.Values:
        task, seed = settings["task"], settings["seed"]
        generator = torch.Generator().manual_seed(seed)
        if task in STARTS:
            (x, y), test = (tensors(*problem(task).sample(1000, seed=number)) for number in (seed, 10_000 + seed))
            full = sw.KAN(list(STARTS[task]), dtype=torch.float64, generator=generator)
            near = [nearest(*sides) for sides in pairwise(STARTS[task])]
            start = full if settings["start"] == "full" else sw.edit.without_edges(full, x, near)
            model = sw.fit(start, x, y, steps=settings["steps"], seed=seed, progress=False).model
            edges = {"start": start.active_edges(), "edges": model.active_edges(), "full": full.active_edges()}
            return {"error": _error(model, test), **edges}
        shape, rows_of = SWAPPED[task]
        x, y = rows_of(seed)
        begun = sw.KAN(list(shape), dtype=torch.float64, generator=generator)
        model = sw.sparsify(begun, x, y, seed=seed, progress=False).model
        mixed = sw.edit.permute(model, 1, torch.randperm(model.config.nodes[1].sums, generator=generator).tolist())
        swapped = sw.edit.auto_swap(mixed, x)
        costs = [sw.edit.connection_cost(each, x) for each in (mixed, swapped)]
        x, y = rows_of(10_000 + seed)
        right = float(((swapped(x) > 0.5) == (y > 0.5)).double().mean())
        own = {"costs": costs, "falls": costs[1] <= costs[0], "edges": model.active_edges()}
        return {
            "error": _error(swapped, (x, y)),
            "right": right,
            "change": float(sw.edit.change(model, swapped, x)),
            **own,
        }

    def rows(self, finished: ex.Cells) -> list[ex.ComparisonRow]:
        found = []
        for task, shape in STARTS.items():
            cells = ex.matching(finished, task=task)
            first = ex.first_of(ex.matching(cells, start="sparse"), "start")
            note = f"{first} of {ex.first_of(cells, 'full')} edges at the start and at the end" if first else ""
            columns = {"ours": "sparse", "rival": "full"}
            name = f"sparse start, {task}, {list(shape)}"
            found.append(ex.compared(name, "test RMSE", cells, "error", by="start", columns=columns, note=note))
        bits, pairs = (ex.matching(finished, task=task) for task in SWAPPED)
        own: dict[str, Any] = {"ours": ex.median_of(bits, "right"), "better": "higher", "place": "notebook Interp_10A"}
        found.append(ex.ComparisonRow("majority of majorities", "accuracy", 1.0, **own))
        own = {"ours": ex.median_of(pairs, "error"), "place": "notebook Interp_10B"}
        return [*found, ex.ComparisonRow("five sums of pairs", "test RMSE", 8e-2, **own)]

    def checks(self, finished: ex.Cells) -> list[ex.BoundCheck]:
        sparse = [cell.result for cell in ex.matching(finished, start="sparse")]
        most = max(ex.values_of(finished, "change"), default=None)
        return [
            *ex.all_hold(
                "a sparse start keeps its edges", [each["edges"] <= each["start"] < each["full"] for each in sparse]
            ),
            *ex.all_hold("swapping shortens the edges of mixed nodes", ex.values_of(finished, "falls")),
            *ex.bounded("swapping changes no output by more than {}", most, most=KEEPS),
        ]

    def draw(self, finished: ex.Cells, figure: ex.Figure) -> None:
        axes = figure.subplots()
        for n, task in enumerate(SWAPPED):
            for cell in ex.matching(finished, task=task):
                axes.plot([n - 0.2, n + 0.2], cell.result["costs"], "o-", color=COLOURS["ours"])
        axes.set_xticks(range(len(SWAPPED)), list(SWAPPED))
        axes.set(ylabel="connection cost", title="before and after swapping nodes")


def nearest(inputs: int, outputs: int) -> Tensor:
    """Flags of the edges of a layer, `(inputs, outputs)`, that join neighbours on a line: one at least for every node."""
    a, b = (torch.linspace(1 / (2 * n), 1 - 1 / (2 * n), n) for n in (inputs, outputs))
    far = (a[:, None] - b[None, :]).abs()
    return (far == far.min(0, keepdim=True).values) | (far == far.min(1, keepdim=True).values)


def majorities(seed: int) -> Rows:
    """All rows of nine bits, and the majority of the majorities of three of them."""
    x = torch.tensor(list(product([0.0, 1.0], repeat=9)), dtype=torch.float64)
    return x, (x.view(-1, 3, 3).sum(2) > 1.5).double().sum(1, keepdim=True).gt(1.5).double()


def pairs(seed: int) -> Rows:
    """A thousand rows of ten inputs, and the sums of columns 1 and 2, 3 and 4, and so on."""
    x = 2 * torch.rand(1000, 10, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 1
    return x, x[:, 0::2] + x[:, 1::2]


SWAPPED: Final[dict[str, tuple[tuple[int, ...], Callable[[int], Rows]]]] = {
    "majorities": ((9, 10, 10, 1), majorities),
    "pairs": ((10, 10, 5), pairs),
}
"""Tasks after which nodes are swapped, with their shapes."""


@torch.no_grad()
def _error(model: sw.KAN, test: Rows) -> float:
    return float((model(test[0]) - test[1]).square().mean().sqrt())


EXPERIMENT = ModularStructures()
