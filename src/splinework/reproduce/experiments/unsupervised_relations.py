"""Relations among unlabelled columns (Liu et al. 2024, arXiv 2404.19756, §4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, final

import numpy as np
import torch

import splinework as sw
from splinework.interpret.scores import attribution
from splinework.reproduce import experiment as ex
from splinework.reproduce.contrastive import Floats, contrast, contrastive_relations, relation_error, relation_network
from splinework.reproduce.figures import COLOURS

TRUE_RELATIONS: Final = ((0, 1, 2), (3, 4))
"""x3 = exp(sin πx1 + x2²) and x5 = x4³, by the indices of the columns."""
ALIVE: Final = 0.1
"""Attribution from which on a column belongs to the relation of the paper's network."""


@final
@dataclass(frozen=True)
class UnsupervisedRelations(ex.Experiment):
    """Six columns with two relations; which of them one network finds, and whether all are found."""

    rows_count: int = 1000
    seeds: int = 20

    name: ClassVar[str] = "unsupervised-relations"
    title: ClassVar[str] = "Relations among unlabelled columns, KAN paper §4.2"
    about: ClassVar[str] = (
        "Of six columns x3 = exp(sin πx1 + x2²) and x5 = x4³; x1, x2, x4 and x6 are independent. (The paper's text "
        "has sin x1, the authors' notebook sin πx1 and another cube.) A network [6, 1, 1] whose last edge is a "
        "Gaussian learns to tell rows from rows whose columns were permuted independently; what it is zero on is a "
        "relation. In the paper one seed finds the first relation and another one the second. Here the same network, "
        "trained by L-BFGS with the paper's penalty, is beside one that is trained by Levenberg–Marquardt, whose "
        "terms are then examined for the smallest sets with a constant sum; a relation that was found is kept in the "
        "permuted rows, and the next network must find another one. A seed counts if exactly the two relations were "
        "found, and nothing else."
    )
    minutes: ClassVar[tuple[float, float]] = (2.8, 3.0)
    rival: ClassVar[str] = "discover_relation"

    def cells(self, scale: ex.Scale) -> Sequence[ex.ExperimentCell]:
        common, seeds = {"rows": self.rows_count}, range(self.seeds)
        by_paper = {**common, "method": "paper", "grid": 3, "steps": 50, "weight": 2e-3, "entropy": 10.0}
        search = {**common, "method": "rival", "effort": 40}
        return [
            *ex.swept("all relations, seed {seed}", {**common, "method": "ours"}, seed=seeds),
            *ex.swept("one network, seed {seed}", by_paper, seed=seeds),
            *ex.swept("discover_relation, seed {seed}", search, seed=range(1 if scale == "quick" else 5)),
        ]

    def run(self, settings: ex.Values) -> ex.Values:
        x, seed = columns(settings["rows"], settings["seed"]), settings["seed"]
        if settings["method"] == "ours":
            relations = contrastive_relations(x, seed=seed)
            return {
                "relations": [list(each.columns) for each in relations],
                "rest": [each.rest for each in relations],
                "all": sorted(each.columns for each in relations) == sorted(TRUE_RELATIONS),
            }
        if settings["method"] == "rival":
            names = [f"x{i + 1}" for i in range(x.shape[1])]
            table = sw.discover_relation(x, names=names, effort=settings["effort"], seed=seed, progress=False)
            sets = sorted({tuple(sorted(names.index(name) for name in row.inputs)) for row in table.rows})
            formulas = [str(row) for row in table.rows]
            return {
                "relations": [list(each) for each in sets],
                "formulas": formulas,
                "all": sets == sorted(TRUE_RELATIONS),
            }
        return one_network(x, settings)

    def rows(self, finished: ex.Cells) -> list[ex.ComparisonRow]:
        paper, share = ex.matching(finished, method="paper"), "share of seeds"
        both = ex.compared(
            "both relations, and no other", share, finished, "all", how=ex.mean_of,
            published="one of the two by seed", place="§4.2, Fig. 4.2", better="higher",
        )  # fmt: skip
        one: dict[str, Any] = {"paper": ex.mean_of(paper, "one"), "place": "§4.2", "better": "higher"}
        one["paper_reached"] = any(ex.values_of(paper, "one")) if paper else None
        return [
            replace(both, ours_reached=None if both.ours is None else both.ours == 1),
            ex.ComparisonRow("exactly one of the two", share, "seeds 0 and 2024", **one),
        ]

    def checks(self, finished: ex.Cells) -> list[ex.BoundCheck]:
        relations = ex.values_of(ex.matching(finished, method="ours"), "relations")
        if not relations:
            return []
        both = sum(ex.values_of(ex.matching(finished, method="ours"), "all"))
        idle, count = sum(any(5 in each for each in sets) for sets in relations), len(relations)
        text = f"both relations in each of {self.seeds} seeds"
        return [
            *ex.bounded(text, both, least=self.seeds, text=f"{both} of {count}"),
            *ex.bounded("x6, which is independent, in no relation", idle, most=0, text=f"{idle} of {count} seeds"),
        ]

    def draw(self, finished: ex.Cells, figure: ex.Figure) -> None:
        left, right = figure.subplots(1, 2)
        cells = ex.matching(finished, method="paper")
        if cells:
            left.imshow([cell.result["scores"] for cell in cells], cmap="Blues", vmin=0, vmax=1, aspect="auto")
        left.set(xlabel="column", ylabel="seed", title="attribution, one network by the paper's method")
        left.set_xticks(range(6), [f"x{i + 1}" for i in range(6)])
        for cell in ex.matching(finished, method="ours"):
            for relation in cell.result["relations"]:
                right.plot(relation, [cell.settings["seed"]] * len(relation), "o-", color=COLOURS["ours"], alpha=0.6)
        right.set(xlabel="column", ylabel="seed", title="relations found by deflation")
        right.set_xticks(range(6), [f"x{i + 1}" for i in range(6)])
        right.invert_yaxis()


def columns(rows: int, seed: int) -> Floats:
    """The six columns, `(rows, 6)`."""
    x = np.random.default_rng(seed).uniform(-1, 1, (rows, 6))
    x[:, 2] = np.exp(np.sin(np.pi * x[:, 0]) + x[:, 1] ** 2)
    x[:, 4] = x[:, 3] ** 3
    return x


def one_network(x: Floats, settings: ex.Values) -> dict[str, Any]:
    """The paper's single network: L-BFGS with the penalty of eq. 2.20; which columns it uses."""
    seed = settings["seed"]
    x = (x - x.mean(0)) / x.std(0)
    rows, labels = contrast(x, [], np.random.default_rng([seed, 0]))
    penalty = sw.train.Sparsity(settings["weight"], entropy=settings["entropy"])
    options = sw.train.TrainingOptions.paper(
        grids=[settings["grid"]], steps=settings["steps"], penalties=[penalty], seed=seed, progress=False
    )
    model = sw.fit(relation_network(x.shape[1], settings["grid"], seed), rows, labels, options=options).model
    scores = attribution(model, torch.as_tensor(rows)).nodes[0].tolist()
    used = tuple(i for i, score in enumerate(scores) if score > ALIVE)
    return {
        "error": relation_error(model, rows, labels),
        "scores": scores,
        "relations": [list(used)],
        "one": used in TRUE_RELATIONS,
        "all": False,  # one network shows one set of columns
    }


EXPERIMENT = UnsupervisedRelations()
