"""How a fit scales: memory and time of a fit from Parquet, and the time of a step against rows and against edges.

`--only long` fits the estimators to 100,000 rows and 50 columns, `--only wide` to 200 rows and 5000 columns, one process each
with one thread, beside boosting and beside the lasso of scikit-learn.

The table is written piece by piece into a temporary folder and fitted in a process of its own, whose peak of resident memory
(torch and all) is printed. Run: python benchmarks/bench_scale.py --rows 10000000 --columns 10
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
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
    """Prints memory and time of fits from a file with this number of rows."""
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
    """Least time of a step on this number of rows in memory."""
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


TRUTHS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "interactions": lambda x: np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + np.abs(x[:, 3]) + 0.5 * x[:, 4:10].sum(axis=1),
    "linear": lambda x: x[:, :7] @ np.array([2, -1.5, 1, 1, -0.7, 0.5, 0.3]),
    "curves": lambda x: np.sin(2 * x[:, 0]) + 0.7 * x[:, 1] ** 2 + np.abs(x[:, 2]) + np.tanh(3 * x[:, 3]),
    "product": lambda x: x[:, 0] + x[:, 1] + x[:, 0] * x[:, 1] + x[:, 2],
    "noise": lambda x: np.zeros(len(x)),
}


def drawn(truth: str, rows: int, columns: int, correlation: float) -> tuple[np.ndarray, np.ndarray]:
    """Normal columns in blocks of ten with this correlation, and the truth with standard deviation 1 (or zero)."""
    rng = np.random.default_rng(0)
    shared = np.repeat(rng.normal(size=(rows, -(-columns // 10))), 10, axis=1)[:, :columns]
    x = np.sqrt(1 - correlation) * rng.normal(size=(rows, columns)) + np.sqrt(correlation) * shared
    x = x[:, rng.permutation(columns)]
    value = TRUTHS[truth](x)
    return x, value / (value.std() or 1.0)


def peak_memory() -> float:
    """Most memory that has been resident, in MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def fresh_peak() -> float:
    """The memory that is resident now, in MB, above which the next peak is looked for."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return peak_memory()


def estimate(case: str) -> None:
    """Fits one estimator to one table and prints what it cost; the case is `name truth rows columns correlation`."""
    name, truth, rows, columns, correlation = case.split()
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LassoCV, LogisticRegressionCV
    from sklearn.metrics import log_loss

    count, unseen = int(rows), 5000
    x, value = drawn(truth, count + unseen, int(columns), float(correlation))
    rng = np.random.default_rng(1)
    lasso = {"penalty": "l1", "solver": "liblinear", "cv": 5, "scoring": "neg_log_loss"}
    numbers = {"KANRegressor": sw.KANRegressor, "HistGradientBoostingRegressor": HistGradientBoostingRegressor}
    made: dict[str, Callable[[], object]] = {
        **numbers,
        "LassoCV": LassoCV,
        "KANClassifier": sw.KANClassifier,
        "HistGradientBoostingClassifier": HistGradientBoostingClassifier,
        "LogisticRegressionCV": lambda: LogisticRegressionCV(**lasso),
    }
    classes = name not in (*numbers, "LassoCV")
    if classes:
        cuts = [0.0] if int(columns) > count else [-0.5, 0.5]  # two classes in wide tables, three in long ones
        y = np.digitize(value + 0.3 * rng.normal(size=len(value)), cuts)
    else:
        y = value + 0.3 * rng.normal(size=len(value))
    model, x_seen, y_seen = made[name](), x[:count], y[:count]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made[name]().fit(x_seen[:100, :3], y_seen[:100])  # type: ignore[attr-defined]  # modules are loaded
        before, began = fresh_peak(), time.process_time()
        model.fit(x_seen, y_seen)  # type: ignore[attr-defined]
    seconds, peak = time.process_time() - began, peak_memory() - before
    if classes:
        error = log_loss(y[count:], model.predict_proba(x[count:]))  # type: ignore[attr-defined]
    else:
        error = float(np.sqrt(np.mean((model.predict(x[count:]) - value[count:]) ** 2)))  # type: ignore[attr-defined]
    kept = [column.name for column in model.columns_.columns if column.inputs] if hasattr(model, "columns_") else []
    print(
        f"| {truth} | {rows} × {columns}, {correlation} | {name} | {seconds:.1f} | {peak:.0f} | {error:.3f} | "
        f"{len(kept) or '–'} |",
        flush=True,
    )


def estimators(kind: str) -> None:
    """Prints processor time, memory above the data and error on 5000 unseen rows of every estimator of a kind of table."""
    print(
        "| truth | rows × columns, correlation | estimator | s | MB above the data | RMSE or log loss | columns kept |"
    )
    print("|---|---|---|---|---|---|---|", flush=True)
    if kind == "long":
        tables = ["interactions 100000 50 0"]
        names = ["HistGradientBoostingRegressor", "KANRegressor", "HistGradientBoostingClassifier", "KANClassifier"]
    else:
        tables = [f"{truth} 200 5000 {c}" for truth in ("linear", "curves", "product", "noise") for c in (0, 0.7)]
        names = ["LassoCV", "KANRegressor", "LogisticRegressionCV", "KANClassifier"]
    threads = {**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")}
    for table in tables:
        for name in names:
            subprocess.run([sys.executable, __file__, "--estimate", f"{name} {table}"], env=threads, check=True)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--columns", type=int, default=10)
    parser.add_argument("--steps", type=int, help="most steps; by default until it has converged")
    parser.add_argument("--optimiser", default="auto")
    parser.add_argument("--only", choices=("parquet", "steps", "long", "wide"))
    parser.add_argument("--estimate", help="fit this case only, in this process")
    parser.add_argument("--fit", help="fit this file only, in this process")
    parser.add_argument("--shape", type=int, nargs="+")
    chosen = parser.parse_args()
    if chosen.fit:
        fit_one(chosen.fit, chosen.shape, chosen.optimiser, chosen.steps)
        return
    if chosen.estimate:
        estimate(chosen.estimate)
        return
    if chosen.only in ("long", "wide"):
        estimators(chosen.only)
        return
    if chosen.only != "steps":
        from_parquet(chosen.rows, chosen.columns, chosen.optimiser, chosen.steps)
    if chosen.only != "parquet":
        steps()


if __name__ == "__main__":
    main()
