"""How often a new observation lies in its interval: coverage of `FitResult.interval` on fresh rows, by the default `fit`.

sin 3x in [1, 1] and exp(sin πx + y²) in [2, 3, 1], noise of 0.3 standard deviations of y, 2000 fresh rows, the mean over seeds.
Run: python benchmarks/bench_intervals.py --seeds 7
"""

import argparse
import warnings

import torch
from torch import Tensor

import splinework as sw

LEVELS = (0.8, 0.9, 0.95)
NOISE = 0.3
CASES = (
    ("sin 3x", [1, 1], lambda x: torch.sin(3 * x)),
    ("exp(sin πx + y²)", [2, 3, 1], lambda x: torch.exp(torch.sin(torch.pi * x[:, :1]) + x[:, 1:] ** 2)),
)


def coverage(shape: list[int], function: object, rows: int, seed: int) -> Tensor:
    """Shares of 2000 fresh observations inside, one per level."""
    assert callable(function)
    generator = torch.Generator().manual_seed(900 + seed)
    x, new = (2 * torch.rand(n, shape[0], generator=generator, dtype=torch.float64) - 1 for n in (rows, 2000))
    sd = NOISE * float(function(x).std())
    y, seen = (function(p) + sd * torch.randn(len(p), 1, generator=generator, dtype=torch.float64) for p in (x, new))
    result = sw.fit(sw.KAN(shape, dtype=torch.float64), x, y, seed=seed, progress=False)
    found = [result.interval(new, level=level) for level in LEVELS]
    return torch.stack([((seen >= i.lower) & (seen <= i.upper)).double().mean() for i in found])


def main() -> None:
    """Prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=7)
    seeds = parser.parse_args().seeds
    warnings.simplefilter("ignore", sw.FitWarning)
    print("| function | shape | rows | 80 % | 90 % | 95 % |\n|---|---|---|---|---|---|")
    for name, shape, function in CASES:
        for rows in (100, 200, 500):
            mean = torch.stack([coverage(shape, function, rows, seed) for seed in range(seeds)]).mean(0)
            print(
                f"| {name} | {shape} | {rows} | " + " | ".join(f"{100 * one:.1f} %" for one in mean) + " |", flush=True
            )


if __name__ == "__main__":
    main()
