"""Twenty measurements and a simulator that is wrong by 10 % in one parameter, against the measurements alone; and a useless one.

Four functions, declared before anything was measured; noise of 1 % of y's standard deviation, inputs uniform, 2000 fresh
noiseless rows judge. The simulator's model is a `fit` of 150 steps to 1000 of its rows. Alone: the better, draw by draw, of one
smooth curve per input and, with --network, of a default `fit` of a network of the same shape. Useless: the simulator's outputs in
random order.
Run: python benchmarks/bench_transfer.py [--network] [--draws 20] [--rows 20] [--functions decay swing] [--simulators wrong]
"""

import argparse
import math
import statistics
import warnings
from collections.abc import Callable

import torch
from torch import Tensor

import splinework as sw
from splinework.knowledge.teach.transfer import DEFAULT_RECIPES, transfer

NOISE, WRONG, SIMULATED = 0.01, 0.9, 1000


def decay(x: Tensor, k: float) -> Tensor:
    """A damped wave and a quadratic term, x in [0, 2]³."""
    a, b, c = (2 * x).split(1, 1)
    return torch.exp(-k * a) * torch.sin(3 * b) + 0.5 * k * c**2


def swing(x: Tensor, k: float) -> Tensor:
    """A pendulum of length l after the time t, x in [0, 1]²."""
    t, length = (3 * x[:, :1], 0.5 + x[:, 1:])
    return torch.cos(2 * k * t / length.sqrt())


def resonance(x: Tensor, k: float) -> Tensor:
    """Amplitude of a driven oscillator over frequency and damping."""
    f, d = 0.2 + 1.3 * x[:, :1], 0.2 + 0.4 * x[:, 1:]
    return 1 / ((1 - (k * f) ** 2) ** 2 + (d * f) ** 2).sqrt()


def flow(x: Tensor, k: float) -> Tensor:
    """Head loss in a pipe with the exponent of a turbulent flow, 4 inputs."""
    q, d, length, r = 0.5 + x[:, :1], 1 + 0.5 * x[:, 1:2], 1 + x[:, 2:3], 0.5 + x[:, 3:]
    return r * length * q ** (2 * k) / d**4.8


FUNCTIONS: dict[str, tuple[Callable[[Tensor, float], Tensor], int]] = {
    "decay": (decay, 3),
    "swing": (swing, 2),
    "resonance": (resonance, 2),
    "flow": (flow, 4),
}


def simulator(function: Callable[[Tensor, float], Tensor], inputs: int, useless: bool) -> sw.train.FitResult:
    """A default fit to simulated rows."""
    g = torch.Generator().manual_seed(1)
    x = torch.rand(SIMULATED, inputs, generator=g, dtype=torch.float64)
    y = function(x, WRONG)
    y = y[torch.randperm(SIMULATED, generator=g)] if useless else y
    return sw.fit(sw.KAN([inputs, 5, 1], generator=g, dtype=torch.float64), x, y, progress=False, steps=150)


def draw(function, inputs: int, source: sw.train.FitResult, rows: int, seed: int, network: bool):
    """Relative test errors: of the chosen recipe and its name, of each recipe, of the measurements alone."""
    g = torch.Generator().manual_seed(100 + seed)
    x, new = (torch.rand(n, inputs, generator=g, dtype=torch.float64) for n in (rows, 2000))
    truth = function(new, 1.0)
    y = function(x, 1.0)
    y = y + NOISE * truth.std() * torch.randn(rows, 1, generator=g, dtype=torch.float64)

    def error(model: sw.KAN) -> float:
        with torch.no_grad():
            return float((model(new) - truth).square().mean().sqrt() / truth.std())

    found = transfer(source, x, y, recipes=DEFAULT_RECIPES, seed=seed, progress=False)
    each = {name: error(model) for name, model in found.models.items()}
    each["network"] = math.inf
    if network:
        plain = sw.KAN([inputs, 5, 1], generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        each["network"] = error(sw.fit(plain, x, y, seed=seed, progress=False).model)
    return error(found.model), found.recipe, each, min(each["real"], each["network"])


def main() -> None:
    """Prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--rows", type=int, default=20)
    parser.add_argument("--network", action="store_true")
    parser.add_argument("--functions", nargs="*", default=list(FUNCTIONS))
    parser.add_argument("--simulators", nargs="*", default=["wrong", "useless"])
    options = parser.parse_args()
    warnings.simplefilter("ignore", sw.FitWarning)
    names = (*DEFAULT_RECIPES, "network")
    print("| function | simulator | chosen / alone | chosen / `real` | chosen | " + " | ".join(names) + " | choices |")
    print("|---" * (6 + len(names)) + "|")
    ratios: dict[bool, list[float]] = {False: [], True: []}
    for useless in ("useless" in kind for kind in options.simulators):
        for name in options.functions:
            function, inputs = FUNCTIONS[name]
            source = simulator(function, inputs, useless)
            runs = [
                draw(function, inputs, source, options.rows, seed, options.network) for seed in range(options.draws)
            ]
            alone = [run[0] / run[3] for run in runs]
            plain = [run[0] / run[2]["real"] for run in runs]
            ratios[useless] += alone
            cells = [f"{statistics.median(run[2][n] for run in runs):.3g}" for n in names]
            choices = [run[1] for run in runs]
            counts = ", ".join(f"{n} {choices.count(n)}" for n in names if n in choices)
            middle = (statistics.median(alone), statistics.median(plain), statistics.median(run[0] for run in runs))
            kind = "useless" if useless else "10 % wrong"
            print(f"| {name} | {kind} | {middle[0]:.3f} | {middle[1]:.3f} | {middle[2]:.3g} | ", end="")
            print(" | ".join(cells) + f" | {counts} |", flush=True)
    for useless, values in ratios.items():
        if not values:
            continue
        kind = "useless" if useless else "10 % wrong"
        print(f"\nmedian of chosen / alone over all draws, simulator {kind}: {statistics.median(values):.3f}")


if __name__ == "__main__":
    main()
