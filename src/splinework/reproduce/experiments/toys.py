"""The five toys (Liu et al. 2024, §3.1, Fig. 3.1): KANs against multilayer perceptrons at each number of parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, final

import numpy as np

from splinework.data import problem
from splinework.reproduce import experiment as ex
from splinework.reproduce.figures import COLOURS, log_axes
from splinework.reproduce.paper_method import edge_grid_count, paper_network, train_by_paper
from splinework.reproduce.rivals import default_fit, perceptron_fit, tensors

MIN_EXPONENT: Final = 3.0
"""Exponent of the paper's method in N that is asked for: the paper's curves have about 3 to 4, its theory 4."""
TEST_ROWS: Final = 1000
"""Test rows, as in the authors' code."""
MIN_POINTS: Final = 3
"""Grids that an exponent is fitted to, at least."""


@final
@dataclass(frozen=True)
class Toy:
    """One of the functions.

    Attributes:
        problem: Name in `splinework.data.problem`.
        shape: Shape that represents the function exactly.
        published: Best test RMSE of the paper's KAN, read off Fig. 3.1 (to about 20 %).
        rows: Training rows; the paper does not state them.
        grids: Numbers of intervals of the full recipe.
        quick_grids: Number of them that the quick recipe takes.
    """

    problem: str
    shape: tuple[int, ...]
    published: float
    rows: int
    grids: tuple[int, ...]
    quick_grids: int
    quick_steps: int


FINE: Final = (3, 5, 10, 20, 50, 100, 200, 500, 1000)
TOYS: Final = (
    Toy("bessel", (1, 1), 4.0e-7, 1000, FINE, 7, 200),
    Toy("exp_sine", (2, 1, 1), 1.33e-6, 1000, FINE, 7, 50),
    Toy("product", (2, 2, 1), 2.35e-8, 1000, FINE, 5, 200),
    Toy("mean_sine_100", (100, 1, 1), 1.07e-4, 10_000, (3, 5, 10, 20), 3, 20),
    Toy("exp_sine_4", (4, 2, 1, 1), 7e-7, 3000, FINE, 5, 50),
)


@final
@dataclass(frozen=True)
class Toys(ex.Experiment):
    """KAN by the paper's optimiser and by our default, against MLPs of depth 2 to 5."""

    steps: int = 200
    seeds: int = 3
    depths: tuple[int, ...] = (2, 3, 4, 5)
    widths: tuple[int, ...] = (5, 10, 20, 50, 100)
    perceptron_steps: int = 1800

    name: ClassVar[str] = "toys"
    version: ClassVar[int] = 3
    title: ClassVar[str] = "Five toy functions, KANs against MLPs at each number of parameters, KAN paper Fig. 3.1"
    about: ClassVar[str] = (
        "Five functions on [-1, 1]^d that a small network represents exactly. The paper's method goes through finer and finer "
        "grids by L-BFGS, 200 steps on each; N = edges · G is its count of parameters. Published values are the lowest test "
        "errors of Fig. 3.1, read off the figure. The paper states neither rows nor the MLPs' widths: here are 1000 rows (3000 "
        "for the function of four variables and 10 000 for that of a hundred), and tanh networks of depth 2 to 5, trained by "
        "L-BFGS for 1800 iterations. The paper gives two shapes for the fifth function; [4, 2, 1, 1], which it uses in §2.3, "
        "suffices. Our default is `sw.fit(sw.KAN(shape), x, y)`, with nothing set: the median over seeds, and the best seed of "
        "the paper's method and of the MLPs, as in the paper. The quick recipe has the first three to seven grids, 20 to 200 "
        "steps on each, one seed of our default and of the function of a hundred variables, and MLPs of 5 and 20 nodes."
    )
    minutes: ClassVar[tuple[float, float]] = (5.0, 90.0)
    own_method_reasons: ClassVar[Mapping[str, str]] = {
        "product": "the largest errors are at test rows beyond the grids of hidden nodes, where splines end",
        "exp_sine_4": "the finest grid is the best of those that the quick recipe has, with 50 steps on each",
    }

    def cells(self, scale: ex.Scale) -> Sequence[ex.ExperimentCell]:
        quick = scale == "quick"
        found = []
        for toy in TOYS:
            grids = toy.grids[: toy.quick_grids] if quick else toy.grids
            own = {"function": toy.problem, "rows": toy.rows}
            ours, seeds = {**own, "method": "ours", "shape": list(toy.shape)}, range(self.seeds)
            steps = toy.quick_steps if quick else self.steps
            by_paper = {**ours, "method": "paper", "grids": list(grids), "steps": steps}
            few = seeds[:1] if quick and toy.shape[0] > 10 else seeds
            found += ex.swept("KAN of the paper, {function}, seed {seed}", by_paper, seed=few)
            found += ex.swept("default, {function}, seed {seed}", ours, seed=seeds[:1] if quick else seeds)
            steps, widths = (300, (5, 20)) if quick else (self.perceptron_steps, self.widths)
            for depth in self.depths:
                mlps = [[toy.shape[0], *[width] * (depth - 1), 1] for width in widths]
                rival = {**own, "method": "rival", "depth": depth, "seed": 0, "steps": steps}
                found += ex.swept("MLP {shape}, {function}", rival, shape=mlps)
        return found

    def run(self, settings: ex.Values) -> ex.Values:
        toy, seed = problem(settings["function"]), settings["seed"]
        rows = tensors(*toy.sample(settings["rows"], seed=seed))
        test = tensors(*toy.sample(TEST_ROWS, seed=10_000 + seed))
        if settings["method"] == "ours":
            return default_fit(settings["shape"], rows, test, seed=seed)
        if settings["method"] == "rival":
            return perceptron_fit(settings["shape"], rows, test, seed=seed, steps=settings["steps"])
        model = paper_network(settings["shape"], settings["grids"][0], seed)
        _, stages = train_by_paper(model, rows, test, grids=settings["grids"], steps=settings["steps"])
        counts = [edge_grid_count(settings["shape"], stage.grid) for stage in stages]
        return {"N": counts, "tests": [stage.test for stage in stages], "test": min(stage.test for stage in stages)}

    def rows(self, finished: ex.Cells) -> list[ex.ComparisonRow]:
        found = []
        for toy in TOYS:
            own, note = ex.matching(finished, function=toy.problem), ""
            paper = ex.best_of(ex.matching(own, method="paper"), "test")
            if paper is not None:
                steps, last, rows = paper.settings["steps"], paper.settings["grids"][-1], paper.settings["rows"]
                note = f"{rows} rows; paper's method here: {steps} steps on each grid, up to G = {last}"
            name, known = f"{toy.problem}, {list(toy.shape)}", toy.published
            place = "Fig. 3.1, best"
            row = ex.compared(name, "test RMSE", own, "test", how=ex.lowest_of, published=known, place=place, note=note)
            found.append(replace(row, ours=ex.median_of(ex.matching(own, method="ours"), "test")))
        return found

    def checks(self, finished: ex.Cells) -> list[ex.BoundCheck]:
        found = []
        for toy in TOYS:
            own = ex.matching(finished, function=toy.problem)
            steep = [exponent(cell.result["N"], cell.result["tests"]) for cell in ex.matching(own, method="paper")]
            known = [value for value in steep if value is not None]
            middle = float(np.median(known)) if known else None
            text = f"{toy.problem}: exponent of 1/N of the paper's KAN before its minimum at least {{}}"
            found += ex.bounded(text, middle, least=MIN_EXPONENT, text=f"{middle or 0:.2f}")
            flat = [value for value in map(_exponent_of_depth(own), self.depths) if value is not None]
            if flat and middle is not None:
                text = f"{toy.problem}: steeper than the MLPs of every depth"
                found.append(ex.BoundCheck(text, f"MLPs {max(flat):.2f} at most", middle > max(flat)))
        return found

    def draw(self, finished: ex.Cells, figure: ex.Figure) -> None:
        axes = figure.subplots(2, 3).ravel()
        for place, toy in zip(axes, TOYS, strict=False):
            own = ex.matching(finished, function=toy.problem)
            for n, cell in enumerate(ex.matching(own, method="paper")):
                label = None if n else "KAN, paper's method, a line a seed"
                place.plot(cell.result["N"], cell.result["tests"], "o-", color=COLOURS["paper"], alpha=0.6, label=label)
            for cell in ex.matching(own, method="ours", seed=0):
                place.plot(
                    cell.result["parameters"], cell.result["test"], "*", color=COLOURS["ours"], label="our default"
                )
            for depth, shade in zip(self.depths, np.linspace(0.3, 1.0, len(self.depths)), strict=True):
                points = _curve(ex.matching(own, method="rival", depth=depth))
                if points:
                    place.plot(
                        *zip(*points, strict=True),
                        ".-",
                        color=COLOURS["rival"],
                        alpha=shade,
                        label=f"MLP, depth {depth}",
                    )
            place.axhline(toy.published, color=COLOURS["published"], ls=":", lw=1, label="published")
            log_axes(place, "parameters", "test RMSE", toy.problem)
        axes[-1].set_axis_off()
        axes[-1].legend(*axes[1].get_legend_handles_labels(), loc="center")


def exponent(sizes: Sequence[float], errors: Sequence[float]) -> float | None:
    """The exponent a of error ~ size^-a, fitted down to the lowest error; None with fewer than `MIN_POINTS` points.

    >>> round(exponent([1, 2, 4], [1.0, 1 / 16, 1 / 256]), 6)
    4.0
    """
    last = int(np.argmin(errors)) + 1
    if last < MIN_POINTS or not all(error > 0 and math.isfinite(error) for error in errors[:last]):
        return None
    return float(-np.polyfit(np.log(sizes[:last]), np.log(errors[:last]), 1)[0])


def _curve(cells: ex.Cells) -> list[tuple[int, float]]:
    """Parameters and errors, by size."""
    return sorted((cell.result["parameters"], cell.result["test"]) for cell in cells)


def _exponent_of_depth(own: ex.Cells) -> Any:
    def of(depth: int) -> float | None:
        points = _curve(ex.matching(own, method="rival", depth=depth))
        if len(points) < 2:
            return None
        sizes, errors = np.log(np.array(points)).T
        return float(-np.polyfit(sizes, errors, 1)[0])

    return of


EXPERIMENT = Toys()
