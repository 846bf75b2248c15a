"""Clean waves of one column by `sw.fit` with nothing set, from every starting grid: error on fresh rows as a share of the spread.

Run: python benchmarks/bench_waves.py                     (1000 rows; starting grids of 3, 5, 10 and 20 intervals)
     python benchmarks/bench_waves.py --grids 7 --seed 5
Seconds are those of the processor, on one thread.
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
}
"""Up to thirty waves in [-1, 1]."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grids", type=int, nargs="+", default=[3, 5, 10, 20])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print("| target | " + " | ".join(f"{grid} intervals" for grid in chosen.grids) + " | s |")
    print("|---|" + "---|" * (len(chosen.grids) + 1))
    for name, truth in WAVES.items():
        x, began, errors = np.random.default_rng(chosen.seed).uniform(-1, 1, (chosen.rows, 1)), time.process_time(), []
        for grid in chosen.grids:
            model = sw.fit(sw.KAN([1, 1], grid=grid), x, truth(x), progress=False).model
            fresh = np.random.default_rng(chosen.seed + 1).uniform(x.min(), x.max(), (4000, 1))
            with torch.no_grad():
                off = model(torch.from_numpy(fresh)).numpy() - truth(fresh)
            errors.append(float(np.sqrt(np.mean(off**2)) / truth(fresh).std()))
        seconds = (time.process_time() - began) / len(errors)
        print(f"| {name} | " + " | ".join(f"{error:.1e}" for error in errors) + f" | {seconds:.1f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
