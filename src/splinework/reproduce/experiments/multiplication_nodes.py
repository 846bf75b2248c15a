"""Multiplication nodes, attribution and inputs that do not matter (Liu et al. 2024b, arXiv 2408.10205, §2 and §4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, final

import numpy as np
import torch

import splinework as sw
from splinework.interpret.scores import attribution
from splinework.reproduce import experiment as ex
from splinework.reproduce.figures import COLOURS
from splinework.reproduce.paper_method import rmse
from splinework.reproduce.rivals import tensors

SCORES: Final = (0.89, 0.52, 0.11, 0.004)
"""Scores of the four inputs in the authors' notebook, from a fitted network."""
N_INPUTS: Final = 100


@final
@dataclass(frozen=True)
class MultiplicationNodes(ex.Experiment):
    """The product by squares and by a product node; scores of inputs; a hundred inputs of which few matter."""

    seeds: int = 5

    name: ClassVar[str] = "multiplication-nodes"
    version: ClassVar[int] = 2
    title: ClassVar[str] = "Multiplication nodes and attribution, KAN 2.0 §2 and §4.1"
    about: ClassVar[str] = (
        "x·y by a network of sums, [2, 5, 1], and by one with product nodes, [2, (5, 2), 1]; both are made sparse. "
        "Attribution of the inputs of x0² + 0.3 x1 + 0.1 x2³ + 0·x3 is compared with std f_i / std f, which is what "
        "it must be for a sum. Of 100 inputs of Σ 0.5^i x_i² the authors' notebook keeps x0 to x4 and one that does "
        "not matter; ours is the order of the first eight scores and the number of others among the first eight, by "
        "the model of one curve for each input."
    )
    minutes: ClassVar[tuple[float, float]] = (0.5, 3.0)
    rival: ClassVar[str] = "sum nodes alone"

    def cells(self, scale: ex.Scale) -> Sequence[ex.ExperimentCell]:
        seeds = range(1 if scale == "quick" else self.seeds)
        return ex.swept("{task}, seed {seed}", seed=seeds, task=("product", "sums", "scores", "inputs"))

    def run(self, settings: ex.Values) -> ex.Values:
        task, seed = settings["task"], settings["seed"]
        draw, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        count, inputs = (1000, {"product": 2, "sums": 2, "scores": 4, "inputs": N_INPUTS}[task])
        x, test = draw.uniform(-1, 1, (count, inputs)), draw.uniform(-1, 1, (count, inputs))
        if task in ("product", "sums"):
            rows, fresh = tensors(x, x[:, 0] * x[:, 1]), tensors(test, test[:, 0] * test[:, 1])
            begun = sw.KAN([2, (5, 2) if task == "product" else 5, 1], dtype=torch.float64, generator=generator)
            model = sw.sparsify(begun, *rows, seed=seed, progress=False).model
            formula = str(sw.symbolify(model, x, rows[1][:, 0], effort=5).best)
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

    def rows(self, finished: ex.Cells) -> list[ex.ComparisonRow]:
        product, sums, scores, inputs = (
            ex.matching(finished, task=task) for task in ("product", "sums", "scores", "inputs")
        )
        short = ["x1*x2" in text and len(text) < 12 for text in ex.values_of(product, "formula")]
        formula: dict[str, Any] = {
            "ours": ex.first_of(product, "formula"),
            "rival": ex.first_of(sums, "formula"),
            "place": "§2",
        }
        errors: dict[str, Any] = {
            "ours": ex.median_of(product, "error"),
            "rival": ex.median_of(sums, "error"),
            "place": "notebook",
        }
        found = [
            ex.ComparisonRow("x·y", "formula", "x_1*x_2", **formula, ours_reached=all(short) if short else None),
            ex.ComparisonRow("x·y, pruned", "test RMSE", 1.7e-7, **errors),
        ]
        for i, published in enumerate(SCORES):
            values, true = ([each[i] for each in ex.values_of(scores, key)] for key in ("scores", "true"))
            near = bool(np.allclose(values, true, atol=0.01)) if values else None
            mine = float(np.median(values)) if values else None
            own: dict[str, Any] = {"ours": mine, "place": "notebook", "better": "higher", "ours_reached": near}
            found.append(ex.ComparisonRow(f"score of x{i}", "attribution", published, **own))
        share = ex.mean_of(inputs, "right")
        own = {"ours": share, "place": "notebook", "better": "higher"}
        own["ours_reached"] = None if share is None else share == 1
        name = "first eight of 100 inputs in their order"
        return [*found, ex.ComparisonRow(name, "share of seeds", "5, and 1 spurious", **own)]

    def checks(self, finished: ex.Cells) -> list[ex.BoundCheck]:
        cells = ex.matching(finished, task="scores")
        gaps = [abs(a - b) for cell in cells for a, b in zip(cell.result["scores"], cell.result["true"], strict=False)]
        text, most = "attribution of a sum is std f_i / std f within {}", max(gaps, default=None)
        return ex.bounded(text, most, most=0.01, text=f"{most or 0:.4f} at most")

    def draw(self, finished: ex.Cells, figure: ex.Figure) -> None:
        axes = figure.subplots()
        for cell in ex.matching(finished, task="inputs"):
            axes.plot(range(20), np.maximum(cell.result["scores"], 1e-8), "o", color=COLOURS["ours"], alpha=0.6)
        scale = np.sqrt(4 / 45 / (4 / 45 / (1 - 0.25)))
        axes.plot(range(20), scale * 0.5 ** np.arange(20), color=COLOURS["published"], linewidth=1, label="exact")
        axes.set(yscale="log", xlabel="input", ylabel="attribution", title="scores of Σ 0.5^i x_i², 100 inputs")
        axes.legend()


EXPERIMENT = MultiplicationNodes()
