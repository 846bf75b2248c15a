"""How many random starts find a structure, by the splines that they start with; and what each optimiser reaches in as many steps.

starts: exp(½(sin π(a²+b²) + sin π(c²+d²))) in [4, 2, 1, 1], 1000 rows: how many single starts come below 5 % of y's spread in
60 steps of Levenberg–Marquardt, grids adapted after 6, 12 and 24. optimisers: exp(sin πx + y²) in [2, 5, 1], 1000 rows, from
the same starts: mean squared error over y's variance after `--steps` steps (geometric mean), and seconds.
Run: python benchmarks/bench_optimisers.py [starts] [optimisers] [--count 40] [--steps 300] [--seeds 5]
"""

import argparse
import time

import numpy as np
import torch

import splinework as sw
from splinework.data import problem
from splinework.train.data_objective import DataObjective
from splinework.train.grid_adaptation import adapt_grids
from splinework.train.optim import OPTIMISERS, LevenbergMarquardt, make_optimiser

PARTS = ("starts", "optimisers")
FOLLOWED, STEPS, FOUND = (6, 12, 24), 60, 0.05


def objective(name: str, shape: list[int], seed: int, degree: int, grid: int) -> DataObjective:
    """1000 rows of a problem, y standardised, and a fresh network."""
    x, y = (torch.from_numpy(part) for part in problem(name).sample(1000, seed=0))
    generator = torch.Generator().manual_seed(seed)
    model = sw.KAN(shape, degree=degree, grid=grid, generator=generator, dtype=torch.float64)
    return DataObjective(model, u=x, t=((y - y.mean()) / y.std())[:, None])


def started(seed: int, degree: int, grid: int) -> float:
    """The error that one start ends with, as a share of the spread."""
    start = objective("exp_sine_4", [4, 2, 1, 1], seed, degree, grid)
    adapt_grids(start.model, start.u)
    stepper = LevenbergMarquardt().attach(start, STEPS, torch.Generator())
    for number in range(STEPS):
        if number in FOLLOWED:
            adapt_grids(start.model, start.u)
            stepper = LevenbergMarquardt().attach(start, STEPS, torch.Generator())
        if stepper.exhausted:
            break
        stepper.step()
    return start.value_on_all_rows() ** 0.5


def starts(count: int) -> None:
    """The table of starts."""
    print("| degree | intervals | starts that find the structure | seconds each |\n|---|---|---|---|")
    for degree, grid in ((2, 1), (2, 2), (2, 3), (3, 3), (3, 5), (5, 1), (5, 3)):
        began = time.perf_counter()
        left = [started(seed, degree, grid) for seed in range(count)]
        seconds = (time.perf_counter() - began) / count
        print(f"| {degree} | {grid} | {sum(one < FOUND for one in left)} of {count} | {seconds:.2f} |", flush=True)


def optimisers(steps: int, seeds: int) -> None:
    """The table of optimisers."""
    print(f"\n| optimiser | after {steps} steps | seconds |\n|---|---|---|")
    for name in OPTIMISERS:
        ends, seconds = [], []
        for seed in range(seeds):
            start = objective("exp_sine", [2, 5, 1], seed, 3, 5)
            began = time.perf_counter()
            stepper = make_optimiser(name).attach(start, steps, torch.Generator().manual_seed(seed))
            for _ in range(steps):
                if stepper.exhausted:
                    break
                stepper.step()
            seconds.append(time.perf_counter() - began)
            ends.append(start.value_on_all_rows())
        print(f"| {name} | {np.exp(np.log(ends).mean()):.1e} | {np.median(seconds):.2f} |", flush=True)


def main() -> None:
    """Prints what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=5)
    chosen = parser.parse_args()
    if not set(chosen.parts) <= set(PARTS):
        parser.error(f"parts are of {', '.join(PARTS)}, got {' '.join(chosen.parts)}")
    if "starts" in chosen.parts:
        starts(chosen.count)
    if "optimisers" in chosen.parts:
        optimisers(chosen.steps, chosen.seeds)


if __name__ == "__main__":
    main()
