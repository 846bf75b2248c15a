"""Class-incremental learning: classes that come one after the other (arXiv 2407.16674, §4.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Final, final

import numpy as np
import torch
from torch import Tensor, nn

import splinework as sw
from splinework.reproduce import experiment as ex
from splinework.reproduce.experiments.fair_comparison import task_rows
from splinework.reproduce.figures import COLOURS
from splinework.reproduce.module_training import count, kan, perceptron, train, width_of

PHASES: Final = ((0, 1, 2, 3), (4, 5, 6), (7, 8, 9))
"""Classes of the digits in the order in which they come."""
WIDTH: Final = 12
MODELS: Final = ("kan", "mlp", "local")
COLUMNS: Final = {"paper": "kan", "ours": "local", "rival": "mlp"}


@final
@dataclass(frozen=True)
class ClassIncremental(ex.Experiment):
    """Digits whose classes come in three phases; the accuracy on all classes so far."""

    seeds: int = 5
    steps: int = 300

    name: ClassVar[str] = "class-incremental"
    title: ClassVar[str] = "Class-incremental learning (arXiv 2407.16674, §4.4)"
    about: ClassVar[str] = (
        "The digits of scikit-learn come in three phases, 0 to 3, 4 to 6, and 7 to 9, and only those of a phase are "
        "trained on. After each phase the accuracy is that on the test rows of all classes so far; what each phase's "
        "classes have after the last one is kept too. That paper finds, on MNIST, that a KAN forgets more than an "
        "MLP: where classes share inputs, local splines do not separate them. Models: a KAN with one hidden layer, "
        "the MLP with as many parameters, and an additive KAN without a base function on a fixed grid, [64, 10], the "
        "most local one that there is. The column of our default is that last one."
    )
    minutes: ClassVar[tuple[float, float]] = (0.1, 1.5)
    reasons: ClassVar[Mapping[str, str]] = {
        "all digits": "every phase moves curves that all classes share; others found the same"
    }

    def cells(self, scale: ex.Scale) -> Sequence[ex.ExperimentCell]:
        seeds, steps = (1, 200) if scale == "quick" else (self.seeds, self.steps)
        return ex.swept("{model}, seed {seed}", {"steps": steps, "rate": 3e-3}, model=MODELS, seed=range(seeds))

    def run(self, settings: ex.Values) -> ex.Values:
        seed = settings["seed"]
        x, y, test, truth = task_rows("digits", seed)
        module = _model(settings["model"], x.shape[1], seed)
        so_far: list[int] = []
        overall = []
        for phase, classes in enumerate(PHASES):
            so_far += classes
            use = torch.isin(y, torch.tensor(classes))
            options = {"steps": settings["steps"], "rate": settings["rate"], "seed": seed + phase}
            train(module, x[use], y[use], nn.CrossEntropyLoss(), **options)
            overall.append(_accuracy(module, test, truth, so_far))
        last = [_accuracy(module, test, truth, list(classes)) for classes in PHASES]
        return {"overall": overall, "phases": last, "parameters": count(module)}

    def rows(self, finished: ex.Cells) -> list[ex.ComparisonRow]:
        options: dict[str, Any] = {"by": "model", "columns": COLUMNS, "better": "higher"}
        found = []
        for n, classes in enumerate(PHASES):
            name, how = f"digits {classes[0]} to {classes[-1]} after the last phase", partial(_median, place=n)
            found.append(ex.compared(name, "test accuracy", finished, "phases", how=how, place="§4.4", **options))
        name, how = "all digits after the last phase", partial(_median, place=-1)
        own: dict[str, Any] = {
            "published": "KAN below MLP",
            "place": "§4.4, Table 3",
            "note": "reached: as the MLP or better",
        }
        row = ex.compared(name, "test accuracy", finished, "overall", how=how, **options, **own)
        if row.paper is None or row.ours is None or row.rival is None:
            return [*found, row]
        forgets, holds = row.paper <= row.rival, row.ours >= row.rival  # type: ignore[operator]
        return [*found, replace(row, paper_reached=forgets, ours_reached=holds)]

    def checks(self, finished: ex.Cells) -> list[ex.BoundCheck]:
        first = _median(ex.matching(finished, model="local"), "phases", 0)
        text = "the most local KAN keeps at least half of the first phase's digits"
        return ex.bounded(text, first, least=0.5, text=f"{first or 0:.2f}")

    def draw(self, finished: ex.Cells, figure: ex.Figure) -> None:
        axes = figure.subplots()
        for model, colour in zip(MODELS, ("paper", "rival", "ours"), strict=True):
            for n, cell in enumerate(ex.matching(finished, model=model)):
                label = model if n == 0 else None
                axes.plot(range(1, len(PHASES) + 1), cell.result["overall"], "o-", color=COLOURS[colour], label=label)
        axes.set(xlabel="phase", ylabel="accuracy on the classes so far", ylim=(0, 1), xticks=range(1, len(PHASES) + 1))
        axes.legend()


def _model(model: str, inputs: int, seed: int) -> nn.Module:
    shape = [inputs, WIDTH, 10]
    if model == "kan":
        return kan(shape, seed)
    if model == "mlp":
        width = width_of(inputs, 10, count(kan(shape, seed)), lambda own: count(perceptron(own, seed)))
        return perceptron([inputs, width, 10], seed)
    generator = torch.Generator().manual_seed(seed)
    options: dict[str, Any] = {"base": "none", "grid_kind": "fixed", "domain": (-2.5, 2.5), "extrapolation": "constant"}
    return sw.KAN([inputs, 10], grid=16, generator=generator, dtype=torch.float32, bias=False, **options)


@torch.no_grad()
def _accuracy(module: nn.Module, x: Tensor, y: Tensor, classes: Sequence[int]) -> float:
    use = torch.isin(y, torch.tensor(classes))
    return float((module(x[use]).argmax(1) == y[use]).double().mean())


def _median(cells: Iterable[ex.FinishedCell], key: str, place: int) -> float | None:
    values = [each[place] for each in ex.values_of(cells, key)]
    return float(np.median(values)) if values else None


EXPERIMENT = ClassIncremental()
