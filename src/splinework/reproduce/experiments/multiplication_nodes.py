"""Multiplication nodes, attribution and inputs that do not matter (Liu et al. 2024b, arXiv 2408.10205, §2 and §4.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, final

import numpy as np
import torch

import splinework as sw
from splinework.interpret.scores import attribution
from splinework.reproduce.experiment import (
    BoundCheck,
    ComparisonRow,
    Experiment,
    ExperimentCell,
    FinishedCell,
    Scale,
    matching,
    median_of,
)
from splinework.reproduce.figures import COLOURS
from splinework.reproduce.paper_method import rmse
from splinework.reproduce.rivals import tensors

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCORES: Final = (0.89, 0.52, 0.11, 0.004)
"""Scores of the four inputs in the authors' notebook, from a fitted network."""
N_INPUTS: Final = 100


@final
@dataclass(frozen=True)
class MultiplicationNodes(Experiment):
    """The product by squares and by a product node; scores of inputs; a hundred inputs of which few matter."""

    seeds: int = 5

    name: ClassVar[str] = "multiplication-nodes"
    title: ClassVar[str] = "Multiplication nodes and attribution, KAN 2.0 §2 and §4.1"
    about: ClassVar[str] = (
        "x·y by a network of sums, [2, 5, 1], and by one with product nodes, [2, (5, 2), 1]; both are made sparse. "
        "Attribution of the inputs of x0² + 0.3 x1 + 0.1 x2³ + 0·x3 is compared with std f_i / std f, which is what "
        "it must be for a sum. Of 100 inputs of Σ 0.5^i x_i² the authors' notebook keeps x0 to x4 and one that does "
        "not matter; ours is the order of the first eight scores and the number of others among the first eight, by "
        "the model of one curve for each input."
    )
    minutes: ClassVar[tuple[float, float]] = (0.6, 3.0)
    rival: ClassVar[str] = "sum nodes alone"

    def cells(self, scale: Scale) -> Sequence[ExperimentCell]:
        seeds = 1 if scale == "quick" else self.seeds
        found = []
        for seed in range(seeds):
            for task in ("product", "sums", "scores", "inputs"):
                found.append(ExperimentCell(f"{task}, seed {seed}", {"task": task, "seed": seed}))
        return found

    def run(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        task, seed = settings["task"], settings["seed"]
        draw, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        count, inputs = (1000, {"product": 2, "sums": 2, "scores": 4, "inputs": N_INPUTS}[task])
        x, test = draw.uniform(-1, 1, (count, inputs)), draw.uniform(-1, 1, (count, inputs))
        if task in ("product", "sums"):
            rows, fresh = tensors(x, x[:, 0] * x[:, 1]), tensors(test, test[:, 0] * test[:, 1])
            begun = sw.KAN([2, (5, 2) if task == "product" else 5, 1], dtype=torch.float64, generator=generator)
            model = sw.sparsify(begun, *rows, seed=seed, progress=False).model
            formula = str(sw.symbolify(model, x, rows[1][:, 0], budget=5).best)
            return {
                "error": rmse(model, *fresh),
                "shape": str(model.config.shape),
                "edges": model.active_edges(),
                "formula": formula,
            }
        if task == "scores":
            parts = np.column_stack([x[:, 0] ** 2, 0.3 * x[:, 1], 0.1 * x[:, 2] ** 3, 0 * x[:, 3]])
            true = (parts.std(0) / parts.sum(1).std()).tolist()
        else:
            parts = 0.5 ** np.arange(N_INPUTS) * x**2
            true = []
        begun = sw.KAN([inputs, 1], dtype=torch.float64, generator=generator)
        model = sw.fit(begun, x, parts.sum(1), seed=seed, progress=False).model
        scores = attribution(model, torch.as_tensor(x)).nodes[0]
        order = scores.argsort(descending=True).tolist()
        return {"scores": scores.tolist()[:20], "true": true, "order": order[:8], "right": order[:8] == list(range(8))}

    def rows(self, finished: Sequence[FinishedCell]) -> list[ComparisonRow]:
        product, sums = matching(finished, task="product"), matching(finished, task="sums")
        formula = product[0].result["formula"] if product else None
        other = sums[0].result["formula"] if sums else None
        exact = (
            all("x1*x2" in cell.result["formula"] and len(cell.result["formula"]) < 12 for cell in product)
            if product
            else None
        )
        found = [
            ComparisonRow("x·y", "formula", "x_1*x_2", None, formula, other, "§2", ours_reached=exact),
            ComparisonRow(
                "x·y, pruned",
                "test RMSE",
                1.7e-7,
                None,
                median_of(product, "error"),
                median_of(sums, "error"),
                "notebook",
            ),
        ]
        scores = matching(finished, task="scores")
        for i, published in enumerate(SCORES):
            values = [cell.result["scores"][i] for cell in scores]
            true = [cell.result["true"][i] for cell in scores]
            mine = float(np.median(values)) if values else None
            near = bool(np.allclose(values, true, atol=0.01)) if values else None
            found.append(
                ComparisonRow(
                    f"score of x{i}",
                    "attribution",
                    published,
                    None,
                    mine,
                    None,
                    "notebook",
                    "higher",
                    ours_reached=near,
                )
            )
        inputs = matching(finished, task="inputs")
        share = float(np.mean([cell.result["right"] for cell in inputs])) if inputs else None
        found.append(
            ComparisonRow(
                "first eight of 100 inputs in their order",
                "share of seeds",
                "5, and 1 spurious",
                None,
                share,
                None,
                "notebook",
                "higher",
                ours_reached=None if share is None else share == 1,
            )
        )
        return found

    def checks(self, finished: Sequence[FinishedCell]) -> list[BoundCheck]:
        cells = matching(finished, task="scores")
        gaps = [abs(a - b) for cell in cells for a, b in zip(cell.result["scores"], cell.result["true"], strict=False)]
        text = "attribution of a sum is std f_i / std f within 0.01"
        return [BoundCheck(text, f"{max(gaps):.4f} at most", max(gaps) <= 0.01)] if gaps else []

    def draw(self, finished: Sequence[FinishedCell], figure: Figure) -> None:
        axes = figure.subplots()
        for cell in matching(finished, task="inputs"):
            axes.plot(range(20), np.maximum(cell.result["scores"], 1e-8), "o", color=COLOURS["ours"], alpha=0.6)
        scale = np.sqrt(4 / 45 / (4 / 45 / (1 - 0.25)))
        axes.plot(range(20), scale * 0.5 ** np.arange(20), color=COLOURS["published"], linewidth=1, label="exact")
        axes.set(yscale="log", xlabel="input", ylabel="attribution", title="scores of Σ 0.5^i x_i², 100 inputs")
        axes.legend()


EXPERIMENT = MultiplicationNodes()
