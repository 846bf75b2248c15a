"""The signature of knots from their other invariants (Liu et al. 2024, arXiv 2404.19756, §4.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, final

import numpy as np
import torch
from numpy.typing import NDArray

import splinework as sw
from splinework.data import load_knots
from splinework.data.knots import KNOT_FEATURES, KNOT_TARGET
from splinework.errors import DataError
from splinework.interpret.scores import attribution
from splinework.reproduce import experiment as ex
from splinework.reproduce.contrastive import contrastive_relations
from splinework.reproduce.figures import COLOURS

Floats = NDArray[np.float64]

THREE: Final = ("meridian_re", "meridian_im", "longitude")
"""The invariants on which the paper's formulas stand."""
CONTINUOUS: Final = (
    "volume", "cusp_volume", "longitude", "meridian_re", "meridian_im", "meridian_length", "determinant",
)  # fmt: skip
"""Columns among which relations are looked for."""
KNOWN: Final = ("longitude", "cusp_volume", "meridian_im")
"""The cusp's area by its sides, which is twice its volume."""
MODELS: Final = {"all": 0.816, "three": 0.782, "mlp": 0.78}
FORMULAS: Final[Mapping[str, tuple[str, float, Callable[[Floats, Floats, Floats], Floats]]]] = {
    "A": ("λ μ_r / (μ_r² + μ_i²)", 0.831, lambda r, i, l: l * r / (r**2 + i**2)),
    "F": ("λ μ_r", 0.778, lambda r, i, l: l * r),
    "E": (
        "λ μ_r / (3.09 μ_i + 6.05 μ_r² + 3.54 μ_i²)",
        0.828,
        lambda r, i, l: l * r / (3.09 * i + 6.05 * r**2 + 3.54 * i**2),
    ),
}
"""Formulas of Table 4 with their accuracies; one factor is fitted, and the result is rounded to an even number."""


@final
@dataclass(frozen=True)
class Knots(ex.Experiment):
    """Signature from 17 invariants, from three, and by the paper's formulas; relations among the invariants."""

    seeds: int = 3

    name: ClassVar[str] = "knots"
    title: ClassVar[str] = "Signature of knots, KAN paper §4.3"
    about: ClassVar[str] = (
        "The paper predicts the signature from 17 invariants of 240 000 knots of Davies et al. (2021), which are not "
        "in a package. What can be had are the 2945 hyperbolic knots with up to 12 crossings of KnotInfo whose "
        "invariants are all known, with 17 other columns, some of which (genus, crossing number) bound the "
        "signature; and all are small, so the asymptotic law on which formula A stands holds less well. So the "
        "accuracies are not comparable, and the published ones are shown beside for orientation only. What can be "
        "checked is what transfers: which inputs matter, how the formulas rank, and which relations the contrastive "
        "network finds. The needed package is database_knotinfo (the extra `knots`)."
    )
    minutes: ClassVar[tuple[float, float]] = (0.4, 1.5)

    def cells(self, scale: ex.Scale) -> Sequence[ex.ExperimentCell]:
        seeds = range(1 if scale == "quick" else self.seeds)
        return [
            *ex.swept("{model}, seed {seed}", {"steps": 150}, model=MODELS, seed=seeds),
            *ex.swept("{model}, seed {seed}", model=("formulas", "relations"), seed=seeds),
        ]

    def run(self, settings: ex.Values) -> ex.Values:
        try:
            frame = load_knots()
        except DataError as error:
            return {"missing": str(error)}
        model, seed = settings["model"], settings["seed"]
        signature = frame[KNOT_TARGET].to_numpy(float)
        order = np.random.default_rng(seed).permutation(len(frame))
        cut = int(0.8 * len(order))
        used, rest = order[:cut], order[cut:]
        if model == "formulas":
            r, i, l = (frame[name].to_numpy(float) for name in THREE)
            scores = {}
            for key, (_, _, formula) in FORMULAS.items():
                value = formula(r, i, l)
                factor = best_factor(value[used], signature[used])
                scores[key] = float(np.mean(2 * np.round(factor * value[rest] / 2) == signature[rest]))
            return {"scores": scores, "knots": len(frame)}
        if model == "relations":
            x = np.log(np.abs(frame[list(CONTINUOUS)].to_numpy(float)) + 1e-3)
            found = contrastive_relations(x, seed=seed)
            return {"relations": [[CONTINUOUS[i] for i in each.columns] for each in found]}
        names = list(KNOT_FEATURES) if model != "three" else list(THREE)
        x = frame[names].to_numpy(float)
        x = (x - x[used].mean(0)) / np.where(x[used].std(0) > 0, x[used].std(0), 1)
        return {**classified(x, signature, used, rest, settings), "names": names}

    def rows(self, finished: ex.Cells) -> list[ex.ComparisonRow]:
        titles = {"all": "[17, 1, classes]", "three": "[3, 1, classes], μ_r, μ_i, λ", "mlp": "MLP of 4 × 64 on all"}
        common: dict[str, Any] = {"better": "higher", "note": "another set: not comparable"}
        found: list[ex.ComparisonRow] = []
        for model, title in titles.items():
            own: dict[str, Any] = {
                "rival" if model == "mlp" else "ours": ex.median_of(ex.matching(finished, model=model), "accuracy")
            }
            own |= {"published": f"{MODELS[model]:.3f}", "place": "Table 3", **common}
            found.append(ex.ComparisonRow(title, "test accuracy", **own))
        scores = ex.values_of(ex.matching(finished, model="formulas"), "scores")
        for key, (text, published, _) in FORMULAS.items():
            own = {"ours": float(np.median([each[key] for each in scores])) if scores else None, "place": "Table 4"}
            own |= {"published": f"{published:.3f}", **common}
            found.append(ex.ComparisonRow(f"formula {key}: {text}", "test accuracy", **own))
        relations = [{tuple(sorted(each)) for each in sets} for sets in ex.values_of(finished, "relations")]
        hit = [any(set(KNOWN) == set(each) for each in sets) for sets in relations]
        own = {
            "published": "V = μ_r λ, signature, injectivity radius",
            "ours": "; ".join(sorted({" · ".join(each) for sets in relations for each in sets})) or None,
            "ours_reached": all(hit) if hit else None,
            "place": "§4.3, Fig. 4.5",
            "note": "reached: V, here of the cusp, by its sides; the others are not in this table",
        }
        return [*found, ex.ComparisonRow("relations, no target", "sets of columns", **own)]

    def checks(self, finished: ex.Cells) -> list[ex.BoundCheck]:
        missing = ex.first_of(finished, "missing")
        if missing:
            return [ex.BoundCheck("the table of knots is installed", missing, None)]
        best = [max(each, key=each.get) for each in ex.values_of(ex.matching(finished, model="formulas"), "scores")]
        found = []
        if best:
            text, held = "formula A is the best of the three, as in the paper", set(best) <= {"A", "E"}
            found.append(ex.BoundCheck(text, ", ".join(best), held))
        all_, three = (ex.median_of(ex.matching(finished, model=model), "accuracy") for model in ("all", "three"))
        if all_ is not None and three is not None:
            text = "17 invariants are better than three"
            found.append(ex.BoundCheck(text, f"{all_:.3f} and {three:.3f}", all_ > three))
        return found

    def draw(self, finished: ex.Cells, figure: ex.Figure) -> None:
        axes = figure.subplots()
        for cell in ex.matching(finished, model="all", seed=0):
            if "scores" in cell.result:
                order = np.argsort(cell.result["scores"])
                axes.barh(range(len(order)), np.array(cell.result["scores"])[order], color=COLOURS["ours"])
                axes.set_yticks(range(len(order)), [cell.result["names"][i] for i in order])
        axes.set(xlabel="attribution", title="inputs of [17, 1, classes]")


def best_factor(value: Floats, signature: Floats) -> float:
    """The factor with which most values round to the signature."""
    factors = np.linspace(-2, 2, 801)
    right = [np.mean(2 * np.round(each * value / 2) == signature) for each in factors]
    return float(factors[int(np.argmax(right))])


def classified(x: Floats, signature: Floats, used: Any, rest: Any, settings: ex.Values) -> dict[str, Any]:
    """A network of one hidden node that predicts the signature as a class, or a perceptron."""
    kinds, labels = np.unique(signature, return_inverse=True)
    if settings["model"] == "mlp":
        from sklearn.neural_network import MLPClassifier

        fitted = MLPClassifier(
            (64,) * 4, max_iter=settings["steps"], early_stopping=True, random_state=settings["seed"]
        )
        return {
            "accuracy": float(fitted.fit(x[used], labels[used]).score(x[rest], labels[rest])),
            "classes": len(kinds),
        }
    generator = torch.Generator().manual_seed(settings["seed"])
    begun = sw.KAN([x.shape[1], 1, len(kinds)], grid=3, domain=(-3.0, 3.0), dtype=torch.float64, generator=generator)
    options: dict[str, Any] = {"loss": "softmax", "seed": settings["seed"], "grids": None, "progress": False}
    model = sw.fit(begun, x[used], labels[used], optimiser="ssbroyden", steps=settings["steps"], **options).model
    with torch.no_grad():
        right = float(np.mean(model(torch.as_tensor(x[rest])).argmax(1).numpy() == labels[rest]))
    scores = attribution(model, torch.as_tensor(x[used])).nodes[0].tolist()
    return {"accuracy": right, "classes": len(kinds), "scores": scores}


EXPERIMENT = Knots()
