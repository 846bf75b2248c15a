"""Poisson's equation (Liu et al. 2024, §3.4, Fig. 3.3): KANs and MLPs as solutions, in L² and H¹."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, final

import numpy as np
import torch
from torch import Tensor

import splinework as sw
from splinework.reproduce import experiment as ex
from splinework.reproduce.figures import COLOURS, legend, log_axes
from splinework.reproduce.paper_method import edge_grid_count, minimise, paper_network
from splinework.reproduce.perceptron import MLP
from splinework.reproduce.rates import derivative_errors, exponents

PI: Final = math.pi
WEIGHT: Final = 0.01
"""Factor α of the equation beside the boundary."""
EIGENVALUE: Final = PI**2 / 2
"""Smallest eigenvalue of the Laplacian on [-1, 1]², by which an error is at most its residual over this."""
STABILITY: Final = 2.0
"""Factor allowed in the a-priori estimate, which holds for norms and not for the means over points that are measured."""
SLOPE_SLACK: Final = 0.3
"""Amount by which a measured exponent may be below the theorem's."""
PROBLEMS: Final = {"squared": "sin(pi*x)*sin(pi*y**2)", "product": "sin(pi*x)*sin(pi*y)"}
"""The two solutions in circulation: that of the paper's text, and that of the authors' notebook."""
PUBLISHED: Final[dict[str, tuple[float, float | None, str]]] = {
    "squared": (9e-8, 1e-5, "Fig. 3.3, read off; MLP 4 x 100 of the text"),
    "product": (1.7e-4, None, "authors' notebook Example_7, [2, 2, 1], G = 20"),
}
"""L2² of the KAN and of the MLP, and their place."""


@final
@dataclass(frozen=True)
class PoissonEquation(ex.Experiment):
    """Both right-hand sides, by the paper's method, by our default and by MLPs; and the rates of approximation."""

    shapes: tuple[tuple[int, ...], ...] = ((2, 2, 1), (2, 5, 1), (2, 10, 1))
    grids: tuple[int, ...] = (5, 10, 20)
    steps: int = 50
    widths: tuple[int, ...] = (10, 20, 50, 100)
    perceptron_steps: int = 5000
    seeds: int = 1
    points: tuple[int, int] = (10_000, 800)
    rate_grids: tuple[int, ...] = (5, 10, 20, 40)

    name: ClassVar[str] = "poisson"
    version: ClassVar[int] = 3
    title: ClassVar[str] = "Poisson's equation, KANs and MLPs in L² and H¹, KAN paper Fig. 3.3"
    about: ClassVar[str] = (
        "u_xx + u_yy = f on [-1, 1]² with u = 0 at the edge. The paper's text has u = sin πx sin πy², the authors' notebook u = "
        "sin πx sin πy: both are solved. What is minimised is α mean (Δu - f)² + mean u² at the edge, α = 0.01, on 10 000 points "
        "inside and 800 on the edge (the quick recipe has 500 and 160). The paper's method is L-BFGS on the grids 5, 10, 20, 50 "
        "steps on each; the MLPs have three hidden layers of tanh. Our default is `sw.solve` with nothing set, on [2, 2, 1]. "
        "Errors are means on a mesh of 201 x 201 points: L2² of u, and H1² of u and its gradient. Rates are those of the best "
        "splines for the solution: the equation has derivatives of order 2, so its residual falls as G^-(k-1) only."
    )
    minutes: ClassVar[tuple[float, float]] = (1.9, 120.0)
    own_method_reasons: ClassVar[Mapping[str, str]] = {
        "u = sin(pi*x)*sin(pi*y**2)": (
            "15 steps on two grids with 500 points inside, where the paper has [2, 10, 1] with 10 000, and more of both"
        )
    }

    def cells(self, scale: ex.Scale) -> Sequence[ex.ExperimentCell]:
        quick = scale == "quick"
        inside, edge = (500, 160) if quick else self.points
        steps, grids = (15, self.grids[:2]) if quick else (self.steps, self.grids)
        mlp_steps, widths = (400, self.widths[:2]) if quick else (self.perceptron_steps, self.widths)
        shapes = [list(shape) for shape in (self.shapes[:2] if quick else self.shapes)]
        own, axes = {"inside": inside, "edge": edge}, {"problem": PROBLEMS, "seed": range(1 if quick else self.seeds)}
        by_paper = {**own, "method": "paper", "grids": list(grids), "steps": steps}
        # The default is what a user writes: its points are those of the page on differential equations.
        default = {"inside": 1500, "edge": 308, "method": "ours", "shape": [2, 2, 1]}
        mlps = [[2, width, width, width, 1] for width in widths]
        rates = {"method": "rates", "degree": 3, "grids": list(self.rate_grids)}
        return [
            *ex.swept("KAN {shape}, {problem}, seed {seed}", by_paper, **axes, shape=shapes),
            *ex.swept("default, {problem}, seed {seed}", default, **axes),
            *ex.swept(
                "MLP {shape}, {problem}, seed {seed}",
                {**own, "method": "rival", "steps": mlp_steps},
                **axes,
                shape=mlps,
            ),
            *ex.swept("rates, {problem}", rates, problem=PROBLEMS),
        ]

    def run(self, settings: ex.Values) -> ex.Values:
        problem = settings["problem"]
        if settings["method"] == "rates":
            return {"errors": [derivative_errors(PROBLEMS[problem], settings["degree"], g) for g in settings["grids"]]}
        points = collocation(settings["inside"], settings["edge"], settings["seed"])
        return _SOLVERS[settings["method"]](settings, problem, points)

    def rows(self, finished: ex.Cells) -> list[ex.ComparisonRow]:
        found = []
        for problem, (published, _, place) in PUBLISHED.items():
            own = ex.matching(finished, problem=problem)
            best, rival = (
                ex.best_of(ex.matching(own, method="paper"), "l2"),
                ex.best_of(ex.matching(own, method="rival"), "l2"),
            )
            ours = ex.matching(own, method="ours")
            for key, name in (("l2", "L2²"), ("h1", "H1²")):
                paper, other = (None if each is None else each.result[key] for each in (best, rival))
                note = "" if best is None else f"paper's method: best is {best.settings['shape']}"
                known = (published, place) if key == "l2" else (None, "Fig. 3.3, no number")
                label = f"u = {PROBLEMS[problem]}"
                found.append(
                    ex.ComparisonRow(label, name, known[0], paper, ex.median_of(ours, key), other, known[1], note=note)
                )
        return found

    def checks(self, finished: ex.Cells) -> list[ex.BoundCheck]:
        found = []
        for cell in ex.matching(finished, method="rates"):
            for m, slope in enumerate(exponents(cell.settings["grids"], cell.result["errors"])):
                wanted = cell.settings["degree"] + 1 - m
                text = f"{cell.settings['problem']}, derivatives of order {m}: exponent of 1/G at least {wanted - SLOPE_SLACK:g}"
                found.append(ex.BoundCheck(text, f"{slope:.2f}", slope >= wanted - SLOPE_SLACK))
        solved = [cell for cell in finished if "residual" in cell.result]
        if solved:
            shares = [_stability(cell) for cell in solved]
            text = f"‖u - u*‖ at most {STABILITY:g} (‖Δu - f‖/λ₁ + ‖u‖ at the edge), λ₁ = π²/2, in every run"
            found.append(ex.BoundCheck(text, f"largest factor {max(shares):.2f}", max(shares) <= STABILITY))
        for problem in PROBLEMS:
            own = ex.matching(finished, problem=problem)
            kan, mlp = (
                ex.best_of(ex.matching(own, method="paper"), "l2"),
                ex.best_of(ex.matching(own, method="rival"), "l2"),
            )
            if kan is not None and mlp is not None:
                value = " and ".join(f"{one.result['l2']:.1e} with {one.result['parameters']}" for one in (kan, mlp))
                met = kan.result["l2"] < mlp.result["l2"] and kan.result["parameters"] < mlp.result["parameters"]
                text = f"{problem}: the best KAN of the paper's method is more exact than the best MLP, with fewer parameters"
                found.append(ex.BoundCheck(text, value, met))
        return found

    def draw(self, finished: ex.Cells, figure: ex.Figure) -> None:
        grid = figure.subplots(2, 3)
        for line, problem in zip(grid, PROBLEMS, strict=True):
            own = [cell for cell in ex.matching(finished, problem=problem) if "l2" in cell.result]
            for axes, (x, y) in zip(line, (("parameters", "l2"), ("parameters", "h1"), ("seconds", "l2")), strict=True):
                for method, label in (("paper", "KAN, paper's method"), ("ours", "our default"), ("rival", "MLP")):
                    chosen = ex.matching(own, method=method)
                    where = [cell.seconds if x == "seconds" else cell.result[x] for cell in chosen]
                    axes.plot(where, [cell.result[y] for cell in chosen], "o", color=COLOURS[method], label=label)
                label = "processor seconds" if x == "seconds" else "parameters"
                log_axes(axes, label, "L2²" if y == "l2" else "H1²", f"u = {PROBLEMS[problem]}")
        legend(grid[0][2])


def solution(problem: str, p: Tensor) -> Tensor:
    """The exact solution, `(N, 1)`."""
    y = p[:, 1:] ** 2 if problem == "squared" else p[:, 1:]
    return torch.sin(PI * p[:, :1]) * torch.sin(PI * y)


def source(problem: str, p: Tensor) -> Tensor:
    """Its Laplacian f, `(N, 1)`."""
    if problem == "product":
        return -2 * PI**2 * solution(problem, p)
    x, y = p[:, :1], p[:, 1:]
    bend = -(PI**2) * (1 + 4 * y**2) * solution(problem, p)
    return bend + 2 * PI * torch.sin(PI * x) * torch.cos(PI * y**2)


def collocation(inside: int, edge: int, seed: int) -> tuple[Tensor, Tensor]:
    """Points inside and on the four sides, uniform at random, with the corners."""
    generator = torch.Generator().manual_seed(seed)
    points = 2 * torch.rand(inside, 2, generator=generator, dtype=torch.float64) - 1
    s = 2 * torch.rand(edge // 4 - 2, generator=generator, dtype=torch.float64) - 1
    s = torch.cat([s, torch.tensor([-1.0, 1.0], dtype=torch.float64)])
    one = torch.ones_like(s)
    return points, torch.cat([torch.stack(side, dim=1) for side in ((s, one), (s, -one), (one, s), (-one, s))])


def laplacian(model: Any, p: Tensor) -> Tensor:
    """u_xx + u_yy, `(N, 1)`: exact for a KAN, by automatic differentiation for an MLP."""
    if isinstance(model, sw.KAN):
        first, second = sw.derivatives.partials(model, p, (0, 0), (1, 1))
        return first + second
    x = p.detach().requires_grad_()
    (slope,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
    bends = [torch.autograd.grad(slope[:, i].sum(), x, create_graph=True)[0][:, i : i + 1] for i in range(2)]
    return bends[0] + bends[1]


def _loss(problem: str, points: tuple[Tensor, Tensor]) -> Callable[[Any], Tensor]:
    inside, edge = points
    target = source(problem, inside)
    return lambda model: WEIGHT * (laplacian(model, inside) - target).square().mean() + model(edge).square().mean()


def _by_paper(settings: ex.Values, problem: str, points: tuple[Tensor, Tensor]) -> dict[str, Any]:
    grids, exact = settings["grids"], solution(problem, points[0])
    model, stages = paper_network(settings["shape"], grids[0], settings["seed"]), []
    rows = points[0], exact
    for number, grid in enumerate(grids):
        model = sw.refine(model, grid=grid, x=points[0]) if number else model
        model, _ = minimise(model, rows, rows, steps=settings["steps"], loss=_loss(problem, points))
        stages.append(
            {"grid": grid, "N": edge_grid_count(settings["shape"], grid), **_measured(model, problem, points)}
        )
    return {**min(stages, key=lambda stage: float(stage["l2"])), "stages": stages}


def _by_default(settings: ex.Values, problem: str, points: tuple[Tensor, Tensor]) -> dict[str, Any]:
    inside, edge = points
    generator = torch.Generator().manual_seed(settings["seed"])
    model = sw.KAN(settings["shape"], generator=generator, dtype=torch.float64)
    residuals = [
        sw.Residual(lambda model, p: laplacian(model, p) - source(problem, p), inside, weight=WEIGHT),
        sw.Residual(lambda model, p: model(p), edge, name="edge"),
    ]
    solved = sw.solve(model, residuals, seed=settings["seed"], progress=False).model
    return _measured(solved, problem, points)


def _by_perceptron(settings: ex.Values, problem: str, points: tuple[Tensor, Tensor]) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(settings["seed"])
    model = MLP(settings["shape"], activation="tanh", generator=generator, dtype=torch.float64)
    value_of = _loss(problem, points)
    optimiser = torch.optim.LBFGS(
        model.parameters(), max_iter=settings["steps"], max_eval=2 * settings["steps"], history_size=50,
        tolerance_grad=1e-12, tolerance_change=1e-16, line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = value_of(model)
        value.backward()
        return value

    optimiser.step(closure)
    return _measured(model, problem, points)


_SOLVERS: Final = {"paper": _by_paper, "ours": _by_default, "rival": _by_perceptron}


def _measured(model: Any, problem: str, points: tuple[Tensor, Tensor]) -> dict[str, Any]:
    """L2², H1², root mean squares of the residual inside and on the edge, and the number of parameters."""
    s = torch.linspace(-1, 1, 201, dtype=torch.float64)
    p = torch.cartesian_prod(s, s).requires_grad_()
    gap = model(p) - solution(problem, p)
    (slopes,) = torch.autograd.grad(gap.sum(), p)
    l2 = float(gap.detach().square().mean())
    left = laplacian(model, points[0]).detach() - source(problem, points[0])
    with torch.no_grad():
        edge = float(model(points[1]).square().mean().sqrt())
    return {
        "l2": l2,
        "h1": l2 + float(slopes.square().sum(1).mean()),
        "residual": float(left.square().mean().sqrt()),
        "edge": edge,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }


def _stability(cell: ex.FinishedCell) -> float:
    """The error over its a-priori bound."""
    bound = cell.result["residual"] / EIGENVALUE + cell.result["edge"]
    return float(np.sqrt(cell.result["l2"]) / bound)


EXPERIMENT = PoissonEquation()
