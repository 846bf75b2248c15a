"""Two moons and a phase boundary: classes by networks and by formulas (notebooks Example_4 and Example_13 of KAN 2.0)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, final

import numpy as np
import torch

import splinework as sw
from splinework.reproduce import experiment as ex
from splinework.reproduce.figures import COLOURS
from splinework.reproduce.paper_method import ITERATIONS
from splinework.reproduce.perceptron import MLP, fit_mlp
from splinework.reproduce.rivals import Rows, tensors

NOTEBOOK: Final = {"moons": 0.998, "formula": 0.997, "phase": 0.12}
"""Test accuracies of the moons' network and formula, and the test RMSE of the phase."""


@final
@dataclass(frozen=True)
class DecisionBoundaries(ex.Experiment):
    """Classes of two moons, and of the sign of a sum of a sine, a cosine and a tangent."""

    seeds: int = 3
    effort: float = 30.0

    name: ClassVar[str] = "decision-boundaries"
    version: ClassVar[int] = 2
    title: ClassVar[str] = "Two moons and a phase boundary, notebooks of KAN 2.0"
    about: ClassVar[str] = (
        "Two moons with noise 0.1, 1000 rows: a network [2, 1] by the paper's method (L-BFGS on squared error, 3 intervals, 20 "
        "steps), `KANClassifier` and the formula of `discover_classes`; the notebook's formula of the two-logit network has "
        "0.881. The phase is 1 where sin πx1 + cos πx2 + tan(πx3/2) > 0, else 0. The notebook fixes the last edge of "
        "[3, 1, 1] to a tanh, so does the paper's method here (grids 3, 5, 10 and 20, 50 steps on each); our default is "
        "`sw.fit` of the sum [3, 1] with the logistic loss, and its error that of the probability. The MLP is [d, 20, 20, 1], "
        "trained on squared error."
    )
    minutes: ClassVar[tuple[float, float]] = (0.3, 2.5)

    def cells(self, scale: ex.Scale) -> Sequence[ex.ExperimentCell]:
        seeds = range(1 if scale == "quick" else self.seeds)
        name, methods = "{task}, {method}, seed {seed}", ("paper", "ours", "rival")
        return [
            *ex.swept(name, task=("moons", "phase"), method=methods, seed=seeds),
            *ex.swept(name, {"effort": self.effort}, task=("formula",), method=("ours",), seed=seeds),
        ]

    def run(self, settings: ex.Values) -> ex.Values:
        task, method, seed = (settings[key] for key in ("task", "method", "seed"))
        (x, y), (test, truth) = (sampled(task, number) for number in (2 * seed, 2 * seed + 1))
        quiet: dict[str, Any] = {"seed": seed, "progress": False}
        own: dict[str, Any] = {"dtype": torch.float64, "generator": torch.Generator().manual_seed(seed)}
        text = None
        if task == "formula":
            best = sw.discover_classes(x.numpy(), y[:, 0].numpy(), effort=settings["effort"], **quiet).best
            chance, text = torch.as_tensor(best.numpy()(test.numpy()))[:, None], str(best)
        elif method == "rival":
            mlp = MLP([x.shape[1], 20, 20, 1], activation="tanh", **own)
            fitted = fit_mlp(mlp, x, y, steps=600)
            chance = fitted(test).detach()
        elif method == "paper":
            shape, grids, steps = ([2, 1], [3], 20) if task == "moons" else ([3, 1, 1], [3, 5, 10, 20], 50)
            begun = sw.KAN.paper(shape, **own)
            begun = begun if task == "moons" else sw.fix(begun, ("h1", "y"), "tanh", numbers=(1, 0, 0.5, 0.5))
            options = sw.train.TrainingOptions.paper(grids=grids, steps=steps * ITERATIONS, **quiet)
            chance = sw.fit(begun, x, y, options=options).model(test).detach()
        elif task == "moons":
            classifier: Any = sw.KANClassifier
            found = classifier(random_state=seed).fit(x.numpy(), y[:, 0].numpy())
            chance = torch.as_tensor(found.predict_proba(test.numpy())[:, 1:])
        else:
            chance = sw.fit(sw.KAN([3, 1], **own), x, y, loss="logistic", **quiet).model(test).detach().sigmoid()
        right = float(((chance > 0.5) == (truth > 0.5)).double().mean())
        return {"right": right, "error": float((chance - truth).square().mean().sqrt()), "formula": text}

    def rows(self, finished: ex.Cells) -> list[ex.ComparisonRow]:
        moons, phase, formula = (ex.matching(finished, task=task) for task in ("moons", "phase", "formula"))
        places = [f"authors' notebook Example_{number}" for number in (4, 13)]
        known: dict[str, Any] = {"place": places[0], "better": "higher"}
        read: dict[str, Any] = {"published": NOTEBOOK["formula"], "note": ex.first_of(formula, "formula") or ""}
        return [
            ex.compared("two moons", "test accuracy", moons, "right", published=NOTEBOOK["moons"], **known),
            ex.compared("two moons, formula", "test accuracy", formula, "right", **read, **known),
            ex.compared("phase", "test RMSE", phase, "error", published=NOTEBOOK["phase"], place=places[1]),
            ex.compared("phase, classes", "test accuracy", phase, "right", place=places[1], better="higher"),
        ]

    def draw(self, finished: ex.Cells, figure: ex.Figure) -> None:
        left, right = figure.subplots(1, 2)
        x, y = (each.numpy() for each in sampled("moons", 1))
        left.scatter(*x.T, c=np.where(y[:, 0] > 0.5, COLOURS["paper"], COLOURS["ours"]), s=4)
        left.set(title="two moons, test rows")
        for n, method in enumerate(("paper", "ours", "rival")):
            errors = ex.values_of(ex.matching(finished, task="phase", method=method), "error")
            right.plot([n] * len(errors), errors, "o", color=COLOURS[method])
        right.axhline(NOTEBOOK["phase"], color=COLOURS["published"], linewidth=1)
        right.set_xticks(range(3), ["paper's method here", "our default", "MLP"])
        right.set(ylabel="test RMSE", title="phase")


def sampled(task: str, seed: int) -> Rows:
    """A thousand rows of a task, and their classes 0 and 1."""
    if task != "phase":
        from sklearn.datasets import make_moons

        return tensors(*make_moons(1000, noise=0.1, random_state=seed))
    x = np.random.default_rng(seed).uniform(-1, 1, (1000, 3))
    sums = np.sin(np.pi * x[:, 0]) + np.cos(np.pi * x[:, 1]) + np.tan(np.pi / 2 * x[:, 2])
    return tensors(x, (sums > 0).astype(float))


EXPERIMENT = DecisionBoundaries()
