"""How a fit scales: memory and time of a fit from Parquet, and the time of a step against rows and against edges.

The table is written piece by piece into a temporary folder and fitted in a process of its own, whose peak of resident memory
(torch and all) is printed. Run: python benchmarks/bench_scale.py --rows 10000000 --columns 10
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

import splinework as sw
from splinework.train.data_objective import DataObjective
from splinework.train.optim import Adam, LevenbergMarquardt, Optimiser
from splinework.train.sources import parquet

PIECE = 250_000
NOISE = 0.1


def write(path: Path, rows: int, columns: int) -> None:
    """A table of uniform columns and a smooth sum of functions of each, with noise."""
    rng = np.random.default_rng(0)
    names = [f"x{j + 1}" for j in range(columns)]
    schema = pa.schema([(name, pa.float64()) for name in [*names, "y"]])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, PIECE):
            x = rng.uniform(-1, 1, (min(PIECE, rows - start), columns))
            y = np.sin((1 + np.arange(columns) % 3) * x).sum(1) + NOISE * rng.normal(size=len(x))
            writer.write_table(pa.table([*x.T, y], schema=schema))


def fit_one(path: str, shape: list[int], optimiser: str, steps: int | None) -> None:
    """Fits from the file and prints what it cost."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = time.perf_counter()
    model = sw.KAN(shape, generator=torch.Generator().manual_seed(0))
    result = sw.fit(model, parquet(path, target="y"), optimiser=optimiser, steps=steps, grids=None, progress=False)
    last = result.history[-1]
    facts = {
        "seconds": time.perf_counter() - began,
        "steps": last.number,
        "rmse": last.rmse_train,
        "imported": before,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "how": result.history.decisions[0].text,
    }
    sys.stdout.write(json.dumps(facts) + "\n")


def from_parquet(rows: int, columns: int, optimiser: str, steps: int | None) -> None:
    """Prints memory and time of fits from a file of so many rows."""
    print("| shape | steps | seconds | RMSE | noise | MB after import | MB at the peak | how |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.parquet")
        write(path, rows, columns)
        for shape in ([columns, 1], [columns, 3, 1]):
            command = [
                sys.executable,
                __file__,
                "--fit",
                str(path),
                "--shape",
                *map(str, shape),
                "--optimiser",
                optimiser,
            ]
            command += [] if steps is None else ["--steps", str(steps)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            facts = json.loads(done.stdout.splitlines()[-1])
            print(
                f"| {shape} | {facts['steps']} | {facts['seconds']:.0f} | {facts['rmse']:.4f} | {NOISE} | "
                f"{facts['imported']:.0f} | {facts['peak']:.0f} | {facts['how']} |",
                flush=True,
            )


def step_seconds(recipe: Optimiser, rows: int, shape: Sequence[int]) -> float:
    """Least time of a step on so many rows in memory."""
    generator = torch.Generator().manual_seed(0)
    x = 2 * torch.rand(rows, shape[0], generator=generator, dtype=torch.float64) - 1
    model = sw.KAN(list(shape), generator=generator, dtype=torch.float64)
    objective = DataObjective(model, u=x, t=torch.sin(2 * x).sum(1, keepdim=True))
    stepper = recipe.attach(objective, 100, generator)
    stepper.step()
    times = []
    for _ in range(3):
        began = time.perf_counter()
        stepper.step()
        times.append(time.perf_counter() - began)
    return min(times)


def exponent(title: str, sizes: Sequence[int], measure: Callable[[int], float]) -> None:
    """Prints times, and the slope of their logarithms."""
    seconds = [measure(size) for size in sizes]
    slope = np.polyfit(np.log(sizes), np.log(seconds), 1)[0]
    shown = ", ".join(f"{size:,}: {1000 * s:.3g} ms" for size, s in zip(sizes, seconds, strict=True))
    print(f"| {title} | {slope:.2f} | {shown} |", flush=True)


def steps() -> None:
    """Prints how the time of a step grows."""
    rows, widths = (10_000, 30_000, 100_000, 300_000, 1_000_000), (2, 4, 8, 16, 32)
    print("\n| time of a step against | exponent | measured |\n|---|---|---|")
    for recipe in (Adam(), LevenbergMarquardt()):
        exponent(f"rows, {recipe.name}, [5, 3, 1]", rows, lambda n, r=recipe: step_seconds(r, n, [5, 3, 1]))
    edges = [10 * w + w for w in widths]
    exponent("edges, adam, 10,000 rows, [10, w, 1]", edges, lambda e: step_seconds(Adam(), 10_000, [10, e // 11, 1]))
    exponent(
        "edges, lm, 4,000 rows, [10, w, 1]",
        edges,
        lambda e: step_seconds(LevenbergMarquardt(), 4_000, [10, e // 11, 1]),
    )


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--columns", type=int, default=10)
    parser.add_argument("--steps", type=int, help="most steps; by default until it has converged")
    parser.add_argument("--optimiser", default="auto")
    parser.add_argument("--only", choices=("parquet", "steps"))
    parser.add_argument("--fit", help="fit this file only, in this process")
    parser.add_argument("--shape", type=int, nargs="+")
    chosen = parser.parse_args()
    if chosen.fit:
        fit_one(chosen.fit, chosen.shape, chosen.optimiser, chosen.steps)
        return
    if chosen.only != "steps":
        from_parquet(chosen.rows, chosen.columns, chosen.optimiser, chosen.steps)
    if chosen.only != "parquet":
        steps()


if __name__ == "__main__":
    main()
