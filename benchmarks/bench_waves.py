"""Clean waves of one column by `sw.fit` with nothing set, from every starting grid: error on fresh rows as a share of the spread.

Run: python benchmarks/bench_waves.py                     (1000 rows; starting grids of 3, 5, 10 and 20 intervals)
     python benchmarks/bench_waves.py --grids 7 --seeds 5 6
The largest error of the draws of rows, one for each seed, and the mean of the seconds of a fit, of the processor, on one thread.
"""

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from scipy.special import j0

import splinework as sw

WAVES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "J0(20x)": lambda x: j0(20 * x),
    "sin 40x": lambda x: np.sin(40 * x),
    "sin 9(x + 1.2)²": lambda x: np.sin(9 * (x + 1.2) ** 2),
    "sin 30(x + 1)^1.5": lambda x: np.sin(30 * (x + 1) ** 1.5),
    "exp(-3x²) cos 90x": lambda x: np.exp(-3 * x**2) * np.cos(90 * x),
    "sin 25πx": lambda x: np.sin(25 * np.pi * x),
    "sin 94x": lambda x: np.sin(94 * x),
    "sin 46(x + 1)²": lambda x: np.sin(46 * (x + 1) ** 2),
}
"""Up to thirty waves in [-1, 1]."""


def error(truth: Callable[[np.ndarray], np.ndarray], grid: int, rows: int, seed: int) -> float:
    """Root mean square error on 4000 fresh rows within the range of the rows, as a share of the spread."""
    x = np.random.default_rng(seed).uniform(-1, 1, (rows, 1))
    model = sw.fit(sw.KAN([1, 1], grid=grid), x, truth(x), progress=False).model
    fresh = np.random.default_rng(seed + 1).uniform(x.min(), x.max(), (4000, 1))
    with torch.no_grad():
        off = model(torch.from_numpy(fresh)).numpy() - truth(fresh)
    return float(np.sqrt(np.mean(off**2)) / truth(fresh).std())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grids", type=int, nargs="+", default=[3, 5, 10, 20])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print("| target | " + " | ".join(f"{grid} intervals" for grid in chosen.grids) + " | s |")
    print("|---|" + "---|" * (len(chosen.grids) + 1))
    for name, truth in WAVES.items():
        began = time.process_time()
        errors = [max(error(truth, grid, chosen.rows, seed) for seed in chosen.seeds) for grid in chosen.grids]
        seconds = (time.process_time() - began) / len(errors) / len(chosen.seeds)
        print(f"| {name} | " + " | ".join(f"{each:.1e}" for each in errors) + f" | {seconds:.1f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
