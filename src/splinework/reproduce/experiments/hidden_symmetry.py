"""A hidden symmetry: the time that makes space around a black hole flat (Liu et al. 2024b, arXiv 2408.10205, §5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, final

import sympy
import torch
from torch import Tensor

import splinework as sw
from splinework.nn.derivatives import partials
from splinework.reproduce import experiment as ex
from splinework.reproduce.figures import COLOURS

RADII: Final = (1.2, 3.0)
"""Range of the radius; the horizon is at 1."""
FLAT: Final = 1e-6
PUBLISHED: Final = "F = 2√r + ln((√r − 1)/(√r + 1))"


@final
@dataclass(frozen=True)
class HiddenSymmetry(ex.Experiment):
    """F of t = T - F(r) by a spline from the equation alone, then the formula of its slope."""

    seeds: int = 5
    effort: float = 20.0

    name: ClassVar[str] = "hidden-symmetry"
    title: ClassVar[str] = "The hidden symmetry of a black hole, KAN 2.0 §5"
    about: ClassVar[str] = (
        "With t = T − F(r), the radial part of Schwarzschild's metric (2M = 1) is (1 − 1/r) F'² − 1/(1 − 1/r), and must be "
        "−1 for flat space. F and −F are both right; KAN 2.0 reports that its networks often end with one sign to the left "
        "and the other to the right, and that about a third of the seeds are smooth, which are then refined. The same "
        "happens here if the equation is stated for |F'|. So the increasing one of the two solutions is asked for, one spline "
        "is solved for, and `discover` finds the formula of its slope, whose integral is Painlevé's and Gullstrand's."
    )
    version: ClassVar[int] = 2
    minutes: ClassVar[tuple[float, float]] = (0.2, 2.0)
    rival: ClassVar[str] = "known"

    def cells(self, scale: ex.Scale) -> Sequence[ex.ExperimentCell]:
        seeds = range(2 if scale == "quick" else self.seeds)
        return ex.swept("seed {seed}", {"points": 300, "effort": self.effort}, seed=seeds)

    def run(self, settings: ex.Values) -> ex.Values:
        r, slope, away = flat_time(settings["points"], settings["seed"])
        search: dict[str, Any] = {"effort": settings["effort"], "seed": settings["seed"], "progress": False}
        best = sw.discover(r, slope.abs(), names=["r"], target="F'", **search).best
        gap = None if best.splines else distance_from_published(best.expression)
        return {
            "away": away,
            "loss": away**2,
            "formula": str(best),
            "gap": gap,
            "right": gap is not None and gap < FLAT,
            "one_sign": bool((slope > 0).all() | (slope < 0).all()),
        }

    def rows(self, finished: ex.Cells) -> list[ex.ComparisonRow]:
        law = {"ours": ex.first_of(finished, "formula"), "ours_reached": ex.every_of(finished, "right")}
        away, smooth = ex.median_of(finished, "loss"), ex.mean_of(finished, "one_sign")
        text, note = "square of the metric's largest error", "published: a mean square"
        return [
            ex.ComparisonRow("flatness after refinement", text, 1e-15, ours=away, place="§5", note=note),
            ex.ComparisonRow("smooth solution", "share of seeds", 1 / 3, ours=smooth, place="§5", better="higher"),
            ex.ComparisonRow("formula", "text", PUBLISHED, rival="F' = √r/(r − 1)", place="§5", **law),
        ]

    def checks(self, finished: ex.Cells) -> list[ex.BoundCheck]:
        away = max(ex.values_of(finished, "away"), default=None)
        return [
            *ex.bounded("the metric is flat within {}", away, most=FLAT, text=f"{away or 0:.1e} at most"),
            *ex.all_hold("the slope's formula is the published one for every seed", ex.values_of(finished, "right")),
        ]

    def draw(self, finished: ex.Cells, figure: ex.Figure) -> None:
        axes = figure.subplots()
        r = torch.linspace(*RADII, 200, dtype=torch.float64)
        axes.plot(r, 2 * r.sqrt() + torch.log((r.sqrt() - 1) / (r.sqrt() + 1)), color=COLOURS["ours"])
        axes.set(xlabel="r", ylabel="F", title="the time shift that makes space flat")


def flat_time(points: int, seed: int) -> tuple[Tensor, Tensor, float]:
    """Radii, the slope of F there, and the largest error of the metric."""
    generator = torch.Generator().manual_seed(seed)
    low, high = RADII
    r = low + (high - low) * torch.rand(points, 1, generator=generator, dtype=torch.float64)
    start = sw.Residual(lambda model, r: model(r), [[2.0]])  # F is known up to a constant
    model = sw.KAN([1, 1], names=["r"], domain=RADII, generator=generator, dtype=torch.float64)
    found = sw.solve(model, [sw.Residual(flatness, r), start], seed=seed, progress=False).model
    (slope,) = (part.detach()[:, 0] for part in partials(found, r, "r"))
    metric = (1 - 1 / r[:, 0]) * slope**2 - 1 / (1 - 1 / r[:, 0])
    return r, slope, float((metric + 1).abs().max())


def flatness(model: sw.KAN, r: Tensor) -> Tensor:
    """How far the slope is from the increasing one of the two that make the radial part of the metric -1."""
    (slope,) = partials(model, r, "r")
    bend = 1 - 1 / r
    return slope - ((1 / bend - 1) / bend).sqrt()


def distance_from_published(expression: Any) -> float:
    """The largest distance of a formula from the slope of the published F."""
    x = sympy.Symbol("r", positive=True)
    learned = expression.subs(dict.fromkeys(expression.free_symbols, x))
    published = 2 * sympy.sqrt(x) + sympy.log((sympy.sqrt(x) - 1) / (sympy.sqrt(x) + 1))
    points = torch.linspace(*RADII, 50, dtype=torch.float64).numpy()
    return float(abs(sympy.lambdify(x, learned - sympy.diff(published, x))(points)).max())


EXPERIMENT = HiddenSymmetry()
