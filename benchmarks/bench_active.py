"""How many points a design chosen by `suggest` needs for the error that a random one and a Sobol one reach.

Six standard smooth functions of 2 to 6 inputs, declared before anything was measured. `suggest` begins with a Sobol
design and adds a few at a time. Every design is judged at the same numbers of points, by a default `fit` of one
shape, on 2000 fresh rows. The share is the number of points at which the median error over seeds falls to that of the other
design at its last size, by interpolation of logarithms, over that size; 1 where it does not.
Run: python benchmarks/bench_active.py [--seeds 3] [--criterion widest] [--functions franke branin]
"""

import argparse
import math
import statistics
import warnings
from collections.abc import Callable

import numpy as np
import torch
from scipy.stats import qmc
from torch import Tensor

import splinework as sw
from splinework.knowledge.teach.active_learning import suggest

Function = Callable[[Tensor], Tensor]


def franke(x: Tensor) -> Tensor:
    a, b = 9 * x[:, 0], 9 * x[:, 1]
    return (
        0.75 * torch.exp(-((a - 2) ** 2 + (b - 2) ** 2) / 4)
        + 0.75 * torch.exp(-((a + 1) ** 2) / 49 - (b + 1) / 10)
        + 0.5 * torch.exp(-((a - 7) ** 2 + (b - 3) ** 2) / 4)
        - 0.2 * torch.exp(-((a - 4) ** 2) - (b - 7) ** 2)
    )


def branin(x: Tensor) -> Tensor:
    a, b = 15 * x[:, 0] - 5, 15 * x[:, 1]
    pi = math.pi
    return (b - 5.1 / (4 * pi**2) * a**2 + 5 / pi * a - 6) ** 2 + 10 * (1 - 1 / (8 * pi)) * torch.cos(a) + 10


def ishigami(x: Tensor) -> Tensor:
    a, b, c = (math.pi * (2 * x - 1)).unbind(1)
    return torch.sin(a) + 7 * torch.sin(b) ** 2 + 0.1 * c**4 * torch.sin(a)


def hartmann(x: Tensor) -> Tensor:
    alpha = torch.tensor([1.0, 1.2, 3.0, 3.2], dtype=x.dtype)
    a = torch.tensor([[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]], dtype=x.dtype)
    p = torch.tensor([[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]], dtype=x.dtype)
    return -(alpha * torch.exp(-(a * (x[:, None] - 1e-4 * p) ** 2).sum(2))).sum(1)


def park(x: Tensor) -> Tensor:
    a, b, c, d = x.unbind(1)
    a = 0.05 + 0.95 * a  # the function is undefined at 0
    return a / 2 * (torch.sqrt(1 + (b + c**2) * d / a**2) - 1) + (a + 3 * d) * torch.exp(1 + torch.sin(c))


def otl(x: Tensor) -> Tensor:
    low = torch.tensor([50, 25, 0.5, 1.2, 0.25, 50], dtype=x.dtype)
    high = torch.tensor([150, 70, 3, 2.5, 1.2, 300], dtype=x.dtype)
    b1, b2, f, c1, c2, beta = (low + (high - low) * x).unbind(1)
    vb = 12 * b2 / (b1 + b2)
    gain = beta * (c2 + 9)
    return (vb + 0.74) * gain / (gain + f) + 11.35 * f / (gain + f) + 0.74 * f * gain / ((gain + f) * c1)


CASES: dict[str, tuple[Function, list[int], int, int]] = {
    # function, shape, first and last number of points
    "franke": (franke, [2, 5, 1], 40, 200),
    "branin": (branin, [2, 5, 1], 30, 150),
    "ishigami": (ishigami, [3, 5, 1], 60, 250),
    "hartmann": (hartmann, [3, 5, 1], 60, 250),
    "park": (park, [4, 5, 1], 60, 250),
    "otl": (otl, [6, 5, 1], 60, 250),
}
ROUNDS = 8


def sobol(count: int, inputs: int, seed: int) -> Tensor:
    drawn = qmc.Sobol(inputs, seed=seed).random_base2(math.ceil(math.log2(count)))
    return torch.as_tensor(drawn[:count])


def errors(
    function: Function, shape: list[int], first: int, last: int, seed: int, criterion: str
) -> dict[str, list[float]]:
    """Relative errors of the three designs at the same numbers of points."""
    rng = np.random.default_rng(1000 + seed)
    inputs = shape[0]
    fresh = torch.as_tensor(rng.random((2000, inputs)))
    truth = function(fresh)
    sizes = [round(size) for size in np.linspace(first, last, ROUNDS)]
    plain, even = torch.as_tensor(rng.random((last, inputs))), sobol(last, inputs, seed)
    begun = sobol(first, inputs, 50 + seed)
    found: dict[str, list[float]] = {"random": [], "sobol": [], "suggest": []}

    def judged(name: str, x: Tensor) -> sw.train.FitResult:
        model = sw.KAN(shape, domain=(0.0, 1.0), dtype=torch.float64)
        result = sw.fit(model, x, function(x), seed=seed, progress=False)
        with torch.no_grad():
            error = float((result.model(fresh)[:, 0] - truth).square().mean().sqrt() / truth.std())
        found[name].append(error)
        return result

    for at, size in enumerate(sizes):
        judged("random", plain[:size])
        judged("sobol", even[:size])
        result = judged("suggest", begun)
        if at + 1 < len(sizes):
            more = suggest(result, sizes[at + 1] - size, box=[(0.0, 1.0)] * inputs, criterion=criterion, seed=at)
            begun = torch.cat([begun, more.x.clamp(0, 1)])
    return found


def needed(sizes: list[float], curve: list[float], level: float) -> float:
    """Number of points at which the curve falls to the level, by interpolation; infinite where it does not."""
    for k, error in enumerate(curve):
        if error <= level:
            if k == 0:
                return sizes[0]
            share = (math.log(curve[k - 1]) - math.log(level)) / (math.log(curve[k - 1]) - math.log(error))
            return sizes[k - 1] + share * (sizes[k] - sizes[k - 1])
    return math.inf


def main() -> None:
    """Prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--criterion", default="widest")
    parser.add_argument("--functions", nargs="*", default=list(CASES))
    options = parser.parse_args()
    warnings.simplefilter("ignore", sw.FitWarning)
    print("| function | inputs | points | random | sobol | suggest | share of random | share of sobol |")
    print("|---|---|---|---|---|---|---|---|")
    shares: dict[str, list[float]] = {"random": [], "sobol": []}
    for name in options.functions:
        function, shape, first, last = CASES[name]
        runs = [errors(function, shape, first, last, seed, options.criterion) for seed in range(options.seeds)]
        sizes = [float(round(size)) for size in np.linspace(first, last, ROUNDS)]
        curves = {
            kind: [statistics.median(run[kind][k] for run in runs) for k in range(ROUNDS)]
            for kind in ("random", "sobol", "suggest")
        }
        row = []
        for rival in ("random", "sobol"):
            share = min(needed(sizes, curves["suggest"], curves[rival][-1]) / last, 1.0)
            shares[rival].append(share)
            row.append(f"{share:.2f}")
        print(f"| {name} | {shape[0]} | {last} | " + " | ".join(f"{curves[k][-1]:.3g}" for k in curves), end=" | ")
        print(" | ".join(row) + " |", flush=True)
        for kind, curve in curves.items():
            print(f"<!-- {name} {kind}: " + " ".join(f"{error:.3g}" for error in curve) + " -->", flush=True)
    for rival, values in shares.items():
        print(f"\nmedian share of the points of the {rival} design: {statistics.median(values):.2f}")


if __name__ == "__main__":
    main()
