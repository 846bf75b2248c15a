"""The toy problems of the KAN paper by the default `fit`: test RMSE beside the paper's best figure.

1000 uniform rows in [-1, 1]^d, float64, three seeds; the error is taken on 1000 fresh rows. Figures of the paper: Liu et al.
2024, §3.1, read off Fig. 3.1. Run: python benchmarks/bench_toys.py
"""

import time

import numpy as np
import torch

import splinework as sw
from splinework.data import problem

CASES = [
    ("bessel", [1, 1], 4.0e-7),
    ("exp_sine", [2, 1, 1], 1.33e-6),
    ("product", [2, 2, 1], 2.35e-8),
    ("exp_sine_4", [4, 2, 1, 1], 7e-7),
]
SEEDS = (0, 1, 2)


def run(name: str, shape: list[int], seed: int) -> tuple[float, float, int]:
    """Test RMSE, seconds, and numbers in the model."""
    recipe = problem(name)
    x, y = recipe.sample(1000, seed=seed)
    fresh_x, fresh_y = recipe.sample(1000, seed=seed + 1000)
    model = sw.KAN(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    began = time.perf_counter()
    fitted = sw.fit(model, x, y, seed=seed, progress=False).model
    seconds = time.perf_counter() - began
    with torch.no_grad():
        gap = fitted(torch.from_numpy(fresh_x))[:, 0].numpy() - fresh_y
    return float(np.sqrt((gap**2).mean())), seconds, fitted.parameter_count()


def main() -> None:
    """Prints a table in Markdown."""
    print("| problem | shape | paper, best | ours, median | ours, worst | parameters | seconds |")
    print("|---|---|---|---|---|---|---|")
    for name, shape, paper in CASES:
        results = [run(name, shape, seed) for seed in SEEDS]
        errors, seconds, sizes = (list(column) for column in zip(*results, strict=True))
        print(
            f"| {name} | {shape} | {paper:.2g} | {np.median(errors):.2g} | {max(errors):.2g} | {max(sizes)} | "
            f"{np.median(seconds):.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
