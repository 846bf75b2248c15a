"""Relations among unlabelled columns (Liu et al. 2024, arXiv 2404.19756, §4.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, final

import numpy as np
import torch

import splinework as sw
from splinework.interpret.scores import attribution
from splinework.reproduce.contrastive import Floats, contrast, contrastive_relations, relation_error, relation_network
from splinework.reproduce.experiment import (
    BoundCheck,
    ComparisonRow,
    Experiment,
    ExperimentCell,
    FinishedCell,
    Scale,
    matching,
)
from splinework.reproduce.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TRUE_RELATIONS: Final = ((0, 1, 2), (3, 4))
"""x3 = exp(sin πx1 + x2²) and x5 = x4³, by the indices of the columns."""
ALIVE: Final = 0.1
"""Attribution from which on a column belongs to the relation of the paper's network."""


@final
@dataclass(frozen=True)
class UnsupervisedRelations(Experiment):
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
    minutes: ClassVar[tuple[float, float]] = (2.0, 3.0)
    rival: ClassVar[str] = "discover_relation"

    def cells(self, scale: Scale) -> Sequence[ExperimentCell]:
        found = []
        for seed in range(self.seeds):
            common = {"rows": self.rows_count, "seed": seed}
            found.append(ExperimentCell(f"all relations, seed {seed}", {**common, "method": "ours"}))
            by_paper = {**common, "method": "paper", "grid": 3, "steps": 50, "weight": 2e-3, "entropy": 10.0}
            found.append(ExperimentCell(f"one network, seed {seed}", by_paper))
        for seed in range(1 if scale == "quick" else 5):
            settings = {"method": "rival", "rows": self.rows_count, "seed": seed, "budget": 40}
            found.append(ExperimentCell(f"discover_relation, seed {seed}", settings))
        return found

    def run(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
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
            table = sw.discover_relation(x, names=names, budget=settings["budget"], seed=seed, progress=False)
            sets = sorted({tuple(sorted(names.index(name) for name in row.inputs)) for row in table.rows})
            formulas = [str(row) for row in table.rows]
            return {
                "relations": [list(each) for each in sets],
                "formulas": formulas,
                "all": sets == sorted(TRUE_RELATIONS),
            }
        return one_network(x, settings)

    def rows(self, finished: Sequence[FinishedCell]) -> list[ComparisonRow]:
        paper, ours = matching(finished, method="paper"), matching(finished, method="ours")
        rival = matching(finished, method="rival")
        return [
            ComparisonRow(
                "both relations, and no other",
                "share of seeds",
                published="one of the two by seed",
                paper=_share(paper, "all"),
                ours=_share(ours, "all"),
                rival=_share(rival, "all"),
                place="§4.2, Fig. 4.2",
                better="higher",
                ours_reached=None if not ours else _share(ours, "all") == 1,
            ),
            ComparisonRow(
                "exactly one of the two",
                "share of seeds",
                published="seeds 0 and 2024",
                paper=_share(paper, "one"),
                place="§4.2",
                better="higher",
                paper_reached=None if not paper else any(cell.result["one"] for cell in paper),
            ),
        ]

    def checks(self, finished: Sequence[FinishedCell]) -> list[BoundCheck]:
        ours = matching(finished, method="ours")
        if not ours:
            return []
        both = sum(cell.result["all"] for cell in ours)
        idle = sum(any(5 in relation for relation in cell.result["relations"]) for cell in ours)
        return [
            BoundCheck(f"both relations in each of {self.seeds} seeds", f"{both} of {len(ours)}", both == self.seeds),
            BoundCheck("x6, which is independent, in no relation", f"{idle} of {len(ours)} seeds", idle == 0),
        ]

    def draw(self, finished: Sequence[FinishedCell], figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        cells = matching(finished, method="paper")
        if cells:
            left.imshow([cell.result["scores"] for cell in cells], cmap="Blues", vmin=0, vmax=1, aspect="auto")
        left.set(xlabel="column", ylabel="seed", title="attribution, one network by the paper's method")
        left.set_xticks(range(6), [f"x{i + 1}" for i in range(6)])
        for cell in matching(finished, method="ours"):
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


def one_network(x: Floats, settings: Mapping[str, Any]) -> dict[str, Any]:
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


def _share(cells: Sequence[FinishedCell], key: str) -> float | None:
    return float(np.mean([cell.result[key] for cell in cells])) if cells else None


EXPERIMENT = UnsupervisedRelations()
