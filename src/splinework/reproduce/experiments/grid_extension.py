"""Grid extension (Liu et al. 2024, §2.4, Fig. 2.3) and the rates of approximation (Theorem 2.1, eqs. 2.13-2.16)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Final, final

import numpy as np

from splinework.data import problem
from splinework.reproduce import experiment as ex
from splinework.reproduce.figures import COLOURS, legend, log_axes
from splinework.reproduce.paper_method import paper_network, train_by_paper
from splinework.reproduce.rates import derivative_errors, exponents
from splinework.reproduce.rivals import default_fit, perceptron_fit, tensors

FUNCTION: Final = "exp(sin(pi*x) + y**2)"
NOTEBOOK: Final = {5: 6.4e-3, 10: 3.8e-4, 20: 4.7e-5, 50: 1.3e-5, 100: 1.1e-5}
"""Test RMSE of [2, 1, 1] from the authors' notebook Example_8_scaling (April 2024), 1000 rows, 50 steps on a grid."""
NESTED: Final = 1e-12
"""Largest relative change of an output by an exact refinement."""
SLOPE_SLACK: Final = 0.3
"""Amount by which a measured exponent may be below the theorem's."""


@final
@dataclass(frozen=True)
class GridExtension(ex.Experiment):
    """The staircase of grid extension, the U of the test error, and the slopes in C^m norms."""

    rows_count: int = 1000
    shapes: tuple[tuple[int, ...], ...] = ((2, 5, 1), (2, 1, 1))
    grids: tuple[int, ...] = (3, 5, 10, 20, 50, 100, 200, 500, 1000)
    steps: int = 200
    seeds: int = 3
    rate_grids: tuple[int, ...] = (5, 10, 20, 40, 80)

    name: ClassVar[str] = "grid-extension"
    version: ClassVar[int] = 4
    title: ClassVar[str] = "Staircase of grid extension, KAN paper Fig. 2.3, and the rates of eqs. 2.13-2.16"
    about: ClassVar[str] = (
        "f(x, y) = exp(sin πx + y²) on [-1, 1]², 1000 rows to train on and 1000 to test. The networks [2, 5, 1] and [2, 1, 1] "
        "are trained on a grid of 3 intervals, then on finer and finer ones, each begun from the last by least squares. The "
        "training error falls after every extension; the test error rises again once there are about as many parameters as rows. "
        "The paper prints no numbers; those compared with are of the "
        "authors' notebook Example_8_scaling of April 2024, which takes 50 steps on a grid. The rates are of the network "
        "[2, 1, 1] whose edges are the best splines for sin πx, y² and exp: Theorem 2.1 promises an error of G^-(k+1-m) for "
        "derivatives of order m."
    )
    minutes: ClassVar[tuple[float, float]] = (1.6, 30.0)

    def cells(self, scale: ex.Scale) -> Sequence[ex.ExperimentCell]:
        grids, steps, seeds = (self.grids[:-1], 50, 1) if scale == "quick" else (self.grids, self.steps, self.seeds)
        own = {"rows": self.rows_count}
        axes: dict[str, Any] = {"shape": [list(shape) for shape in self.shapes], "seed": range(seeds)}
        by_paper = {**own, "method": "paper", "grids": list(grids), "steps": steps}
        rival, rates = {**own, "method": "rival", "shape": [2, 16, 16, 1], "steps": 1800}, {"method": "rates"}
        return [
            *ex.swept("staircase {shape}, seed {seed}", by_paper, **axes),
            *ex.swept("default {shape}, seed {seed}", {**own, "method": "ours"}, **axes),
            *ex.swept("MLP, seed {seed}", rival, seed=range(seeds)),
            *ex.swept("rates of degree {degree}", {**rates, "grids": list(self.rate_grids)}, degree=(2, 3, 5)),
        ]

    def run(self, settings: ex.Values) -> ex.Values:
        if settings["method"] == "rates":
            return {"errors": [derivative_errors(FUNCTION, settings["degree"], grid) for grid in settings["grids"]]}
        toy, seed, count = problem("exp_sine"), settings["seed"], settings["rows"]
        rows, test = (tensors(*toy.sample(count, seed=number)) for number in (seed, 10_000 + seed))
        if settings["method"] == "ours":
            return default_fit(settings["shape"], rows, test, seed=seed)
        if settings["method"] == "rival":
            return perceptron_fit(settings["shape"], rows, test, seed=seed, steps=settings["steps"])
        model = paper_network(settings["shape"], settings["grids"][0], seed)
        _, stages = train_by_paper(model, rows, test, grids=settings["grids"], steps=settings["steps"])
        tests = [stage.test for stage in stages]
        return {"stages": [stage.to_dict() for stage in stages], "best": min(tests), "last": tests[-1]}

    def rows(self, finished: ex.Cells) -> list[ex.ComparisonRow]:
        stairs = ex.matching(finished, method="paper", shape=[2, 1, 1])
        ours = ex.median_of(ex.matching(finished, method="ours", shape=[2, 1, 1]), "test")
        rival = ex.median_of(ex.matching(finished, method="rival"), "test")
        found = []
        for grid, published in NOTEBOOK.items():
            place = f"authors' notebook Example_8_scaling, G = {grid}"
            name, paper = f"[2, 1, 1], G = {grid}", _median_at(stairs, grid, "test")
            found.append(ex.ComparisonRow(name, "test RMSE", published, paper, ours, rival, place))
        wide = ex.median_of(ex.matching(finished, method="paper", shape=[2, 5, 1]), "best")
        ours = ex.median_of(ex.matching(finished, method="ours", shape=[2, 5, 1]), "test")
        found.append(
            ex.ComparisonRow("[2, 5, 1], best grid", "test RMSE", None, wide, ours, rival, "Fig. 2.3, no number")
        )
        return found

    def checks(self, finished: ex.Cells) -> list[ex.BoundCheck]:
        found = []
        for shape in self.shapes:
            stairs = ex.matching(finished, method="paper", shape=list(shape))
            if stairs:
                found += _staircase_checks(list(shape), stairs)
        for cell in ex.matching(finished, method="rates"):
            degree = cell.settings["degree"]
            for m, slope in enumerate(exponents(cell.settings["grids"], cell.result["errors"])):
                wanted = degree + 1 - m
                text = f"degree {degree}, derivatives of order {m}: exponent of 1/G at least {wanted - SLOPE_SLACK:g}"
                found.append(ex.BoundCheck(text, f"{slope:.2f}", slope >= wanted - SLOPE_SLACK))
        return found

    def draw(self, finished: ex.Cells, figure: ex.Figure) -> None:
        left, middle, right = figure.subplots(1, 3)
        for axes, shape in zip((left, middle), self.shapes, strict=True):
            for cell in ex.matching(finished, method="paper", shape=list(shape), seed=0):
                curve = np.array([point for stage in cell.result["stages"] for point in stage["curve"]]).reshape(-1, 2)
                steps = 10 * np.arange(1, len(curve) + 1)
                axes.plot(steps, curve[:, 0], color=COLOURS["paper"], label="training")
                axes.plot(steps, curve[:, 1], color=COLOURS["ours"], label="test")
            axes.set(yscale="log", xlabel="step of L-BFGS", ylabel="RMSE", title=f"{list(shape)}")
            legend(axes)
        for cell in ex.matching(finished, method="rates", degree=3):
            errors, grids = np.array(cell.result["errors"]), cell.settings["grids"]
            for m, slope in enumerate(exponents(cell.settings["grids"], cell.result["errors"])):
                right.plot(grids, errors[:, m], "o-", label=f"order {m}: $G^{{-{slope:.2f}}}$")
        log_axes(right, "grid intervals G", "largest error of a derivative", "cubic splines on the edges")
        legend(right)


def _median_at(stairs: ex.Cells, grid: int, key: str) -> float | None:
    """The median over seeds of a number at the end of the training on a grid."""
    values = [stage[key] for cell in stairs for stage in cell.result["stages"] if stage["grid"] == grid]
    return float(np.median(values)) if values else None


def _staircase_checks(shape: list[int], stairs: ex.Cells) -> list[ex.BoundCheck]:
    """Checks of the training error, which falls with every grid, of the U of the test error, and of exact refinements."""
    falls, turns, exact = [], [], []
    for cell in stairs:
        stages = cell.result["stages"]
        train, test = [stage["train"] for stage in stages], [stage["test"] for stage in stages]
        falls.append(all(after < before for before, after in pairwise(train[:-1])))
        turns.append(int(np.argmin(test)) < len(test) - 1)
        exact += [after["jump"] for before, after in pairwise(stages) if after["grid"] % before["grid"] == 0]
    where = f"{shape}: "
    found = [
        ex.BoundCheck(f"{where}training error falls after every extension but the last", _counted(falls), all(falls)),
        ex.BoundCheck(f"{where}test error has its minimum before the finest grid", _counted(turns), all(turns)),
    ]
    if exact:
        text = f"{where}extension to nested knots changes no output by more than {NESTED:g} of the largest"
        found.append(ex.BoundCheck(text, f"{max(exact):.1e}", max(exact) <= NESTED))
    return found


def _counted(flags: Sequence[bool]) -> str:
    return f"{sum(flags)} of {len(flags)} seeds"


EXPERIMENT = GridExtension()
