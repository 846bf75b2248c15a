"""Accuracy of the default `fit`: the toy problems of the KAN paper, their floors, and how the error falls with the grid.

Test RMSE on 5000 fresh rows of `sw.fit(sw.KAN(shape), x, y)` with nothing set, x and y in float64, median and worst of the seeds,
beside the paper's best figure (Liu et al. 2024, §3.1, read off Fig. 3.1; N = edges · G is its count) and the floor: the error of
the exact formula with each edge replaced by its best least-squares spline of the degree and the knots that the fit ended with (a
network may come below it: it is free to stretch its hidden nodes). With --pykan, pykan's L-BFGS on the same network and rows, and
the time in which `fit` came to the paper's error.

Run: python benchmarks/training.py [toys] [cubic] [scaling] [--seeds 5] [--pykan]
The figures are in benchmarks/results/training.json, the plot in docs/training/scaling.svg.
"""

import argparse
import json
import math
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.interpolate import make_lsq_spline
from scipy.special import j0

import splinework as sw

PARTS = ("toys", "cubic", "scaling")
RESULTS = Path(__file__).parent / "results" / "training.json"
PICTURE = Path(__file__).parent.parent / "docs" / "training" / "scaling.svg"
Function = Callable[[np.ndarray], np.ndarray]


def spline(function: Function, low: float, high: float, degree: int, grid: int) -> Function:
    """The best least-squares spline of a function on even knots, over 8001 points."""
    points = np.linspace(low, high, 8001)
    knots = np.r_[[low] * degree, np.linspace(low, high, grid + 1), [high] * degree]
    fitted: Function = make_lsq_spline(points, function(points), knots, degree)
    return fitted


@dataclass(frozen=True)
class Toy:
    """One problem: the formula from its edges, so that edges may be replaced; and the targets.

    Attributes:
        shape: Shape of the network.
        edges: Functions of one variable with their ranges; `whole` puts them together.
        grids: Those of the paper, of which N counts the last; pykan goes through them.
        target: Test RMSE.
        seconds: Time wanted.
    """

    name: str
    shape: tuple[int, ...]
    edges: tuple[tuple[Function, float, float], ...]
    whole: Callable[..., np.ndarray]
    rows: int
    grids: tuple[int, ...]
    paper: float
    target: float
    seconds: float

    def exact(self, x: np.ndarray) -> np.ndarray:
        """The formula."""
        return self.whole(x, *(edge for edge, _, _ in self.edges))

    def floor(self, x: np.ndarray, degree: int, grid: int) -> float:
        """RMSE of the formula with splines for its edges."""
        splines = [spline(f, low, high, degree, grid) for f, low, high in self.edges]
        return float(np.sqrt(np.mean((self.whole(x, *splines) - self.exact(x)) ** 2)))

    @property
    def size(self) -> int:
        """N = edges · G."""
        return sum(a * b for a, b in zip(self.shape, self.shape[1:], strict=False)) * self.grids[-1]


def sine(x: np.ndarray) -> np.ndarray:
    """`sin πx`."""
    return np.sin(np.pi * x)


TOYS = (
    Toy(
        "J0(20x)",
        (1, 1),
        ((lambda x: j0(20 * x), -1, 1),),
        lambda x, f: f(x[:, 0]),
        1000,
        (25, 50, 100, 200),
        4.0e-7,
        1e-9,
        10,
    ),
    Toy(
        "exp(sin(πx)+y²)",
        (2, 1, 1),
        ((sine, -1, 1), (np.square, -1, 1), (np.exp, -1, 2)),
        lambda x, f, g, h: h(f(x[:, 0]) + g(x[:, 1])),
        1000,
        (5, 10, 20),
        1.33e-6,
        5e-8,
        30,
    ),
    Toy(
        "x·y",
        (2, 2, 1),
        ((np.square, -2, 2),),
        lambda x, f: (f(x[:, 0] + x[:, 1]) - f(x[:, 0] - x[:, 1])) / 4,
        1000,
        (5, 10, 20),
        2.35e-8,
        1e-10,
        30,
    ),
    Toy(
        "exp(½(sin(π(a²+b²))+sin(π(c²+d²))))",
        (4, 2, 1, 1),
        ((np.square, -1, 1), (sine, 0, 2), (np.exp, -1, 1)),
        lambda x, f, g, h: h((g(f(x[:, 0]) + f(x[:, 1])) + g(f(x[:, 2]) + f(x[:, 3]))) / 2),
        3000,
        (5, 10, 20),
        7e-7,
        5e-8,
        120,
    ),
    Toy(
        "exp(mean of 100 sin²(πx/2))",
        (100, 1, 1),
        ((lambda x: np.sin(np.pi * x / 2) ** 2, -1, 1), (np.exp, 0, 1)),
        lambda x, f, h: h(f(x).mean(1)),
        10_000,
        (5, 10, 20),
        1.07e-4,
        1e-6,
        120,
    ),
)


def sample(toy: Toy, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Uniform rows in [-1, 1]^d, and the formula's values."""
    x = np.random.default_rng(seed).uniform(-1, 1, (rows, toy.shape[0]))
    return x, toy.exact(x)[:, None]


def run(toy: Toy, seed: int, change: Function | None = None, **options: Any) -> dict[str, Any]:
    """One fit by the defaults, or through given `grids` from `start_degree` on: error, seconds, and what came out.

    The inputs may be changed a little before the fit, whose error is that of the formula at others.
    """
    x, y = sample(toy, options.pop("rows", toy.rows), seed)
    x = x if change is None else change(x)
    fresh_x, fresh_y = sample(toy, 5000, 10_000 + seed)
    torch.manual_seed(seed)
    if "grids" in options:
        first, *finer = options.pop("grids")
        model = sw.KAN(list(toy.shape), grid=first, degree=options.pop("start_degree", 3))
        options.update(grids=finer or None)
    else:  # what the page shows, and nothing set
        model = sw.KAN(list(toy.shape))
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = sw.fit(model, x, y, progress=False, **options)
    seconds = time.perf_counter() - began
    with torch.no_grad():
        gap = result.model(torch.from_numpy(fresh_x)).numpy() - fresh_y
    basis: Any = result.model.kan_layers[-1].basis
    return {
        "rmse": float(np.sqrt((gap**2).mean())),
        "seconds": seconds,
        "degree": basis.degree,
        "grid": basis.grid,
        "parameters": result.model.parameter_count(),
        "floor": toy.floor(fresh_x, basis.degree, basis.grid),
        "curve": [(step.seconds, step.rmse_train) for step in result.history],
    }


def toys(seeds: int, pykan: bool) -> list[dict[str, Any]]:
    """The table of the toy problems."""
    print("| function | shape | N | paper | target | median | worst | floor | degree | seconds (wanted) | parameters |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    found = []
    for toy in TOYS:
        runs = [run(toy, seed) for seed in range(seeds)]
        errors = [each["rmse"] for each in runs]
        middle = runs[int(np.argsort(errors)[len(errors) // 2])]
        print(
            f"| {toy.name} | {list(toy.shape)} | {toy.size} | {toy.paper:.2g} | {toy.target:.0e} | {np.median(errors):.1e} | "
            f"{max(errors):.1e} | {middle['floor']:.1e} | {middle['degree']} | "
            f"{np.median([each['seconds'] for each in runs]):.1f} ({toy.seconds:.0f}) | {middle['parameters']} |",
            flush=True,
        )
        found.append({"name": toy.name, "runs": runs})
    if pykan:
        found.append({"name": "pykan", "runs": beside_pykan(TOYS[1])})
    return found


def cubic(seeds: int) -> list[dict[str, Any]]:
    """The authors' own best: 3.3e-8 with 3000 rows, cubic, N = 300."""
    toy = TOYS[1]
    runs = [run(toy, seed, rows=3000, grids=(5, 10, 20, 50, 100), degree="keep") for seed in range(seeds)]
    errors = [each["rmse"] for each in runs]
    print(
        f"\n{toy.name}, cubic, 3000 rows, N = 300 (the paper's notebook: 3.3e-8): median {np.median(errors):.1e}, "
        f"worst {max(errors):.1e}, floor {runs[0]['floor']:.1e}, {np.median([r['seconds'] for r in runs]):.1f} s"
    )
    return runs


def scaling(seeds: int) -> dict[str, Any]:
    """RMSE against G for degrees 3, 4 and 5, and the fitted exponent."""
    toy, grids = TOYS[1], (5, 10, 20, 40, 80)
    found: dict[str, Any] = {}
    print("\n| degree | " + " | ".join(f"G = {grid}" for grid in grids) + " | exponent | wanted |")
    print("|---|" + "---|" * (len(grids) + 2))
    for degree in (3, 4, 5):
        errors = []
        for last in range(1, len(grids) + 1):
            runs = [
                run(toy, seed, rows=6000, grids=grids[:last], start_degree=degree, degree="keep")["rmse"]
                for seed in range(seeds)
            ]
            errors.append(float(np.median(runs)))
        # Down to where rounding begins.
        use = [n for n, error in enumerate(errors) if error > 1e-12]
        slope = -np.polyfit(np.log([grids[n] for n in use]), np.log([errors[n] for n in use]), 1)[0]
        found[str(degree)] = {"grids": grids, "errors": errors, "exponent": float(slope)}
        cells = " | ".join(f"{error:.1e}" for error in errors)
        print(f"| {degree} | {cells} | {slope:.2f} | {degree + 1 - 0.3:.1f} |", flush=True)
    draw(found)
    return found


def draw(found: dict[str, Any]) -> None:
    """The plot, with the paper's line `G^-4`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    for degree, row in found.items():
        axes.loglog(row["grids"], row["errors"], "o-", label=f"degree {degree}: $G^{{-{row['exponent']:.2f}}}$")
    first = found["3"]
    line = [first["errors"][0] * (g / first["grids"][0]) ** -4.0 for g in first["grids"]]
    axes.loglog(first["grids"], line, "k--", linewidth=1, label="the paper's $G^{-4}$")
    axes.set(xlabel="grid intervals G", ylabel="test RMSE", title="exp(sin πx + y²), [2, 1, 1], 6000 rows")
    axes.set_xticks(first["grids"], [str(grid) for grid in first["grids"]])
    axes.minorticks_off()
    axes.legend()
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, metadata={"Date": None})


def beside_pykan(toy: Toy) -> list[dict[str, Any]]:
    """pykan's L-BFGS on the same network and rows, its grids as in the paper; and when `fit` came to its final error."""
    from kan import KAN as Theirs  # an extra: pip install pykan

    x, y = sample(toy, toy.rows, 0)
    fresh_x, fresh_y = sample(toy, 5000, 10_000)
    data = {
        "train_input": torch.from_numpy(x),
        "train_label": torch.from_numpy(y),
        "test_input": torch.from_numpy(fresh_x),
        "test_label": torch.from_numpy(fresh_y),
    }
    torch.set_default_dtype(torch.float64)
    model, seconds, error = None, 0.0, math.nan
    for grid in (3, 5, 10, 20):
        began = time.perf_counter()
        model = (
            Theirs(width=list(toy.shape), grid=grid, k=3, seed=0, auto_save=False)
            if model is None
            else model.refine(grid)
        )
        record = model.fit(data, opt="LBFGS", steps=200)
        seconds += time.perf_counter() - began
        error = float(np.min(record["test_loss"]))
    torch.set_default_dtype(torch.float32)
    ours = run(toy, 0)
    reached = next((s for s, rmse in ours["curve"] if rmse <= toy.paper), math.nan)
    print(
        f"\npykan on {toy.name}: {error:.1e} after {seconds:.0f} s of L-BFGS (G = 3, 5, 10, 20, 200 steps each); `fit` came to "
        f"the paper's {toy.paper:.2g} in {reached:.2f} s: {seconds / reached:.0f} times sooner than pykan ended"
    )
    return [{"pykan": error, "seconds": seconds, "ours": ours["rmse"], "reached": reached}]


def main() -> None:
    """Runs what was asked for and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--pykan", action="store_true", help="time pykan beside it")
    chosen = parser.parse_args()
    parts = chosen.parts
    if not set(parts) <= set(PARTS):
        parser.error(f"parts are of {', '.join(PARTS)}, got {' '.join(parts)}")
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if "toys" in parts:
        results["toys"] = toys(chosen.seeds, chosen.pykan)
    if "cubic" in parts:
        results["cubic"] = cubic(chosen.seeds)
    if "scaling" in parts:
        results["scaling"] = scaling(min(chosen.seeds, 3))
    for part in results.get("toys", []):
        for each in part["runs"]:
            each.pop("curve", None)
    for each in results.get("cubic", []):
        each.pop("curve", None)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
