"""One fit on several processes: time, processor time and what passes between them; and what that predicts for more.

    python benchmarks/bench_distributed.py --rows 1000000 --columns 10 --processes 1 2
    python benchmarks/bench_distributed.py --rows 1000000 --columns 10 --steps 0   # a fit with nothing set
    python benchmarks/bench_distributed.py --predict 8 64 1000 --at 100000000

Every number of processes fits the same rows with the same settings, one thread each, started as `torchrun` would start them; with
a number of steps all of them go over all rows. The results must agree to the bit. Where the machine is busy, seconds say little:
then the speed-up to expect on a quiet one is the processor time of one process over the largest of several. The prediction is a
model:
`T(n) = S + steps · (W / n + ⌈log2 n⌉ · (messages · latency + bytes / bandwidth))` for a fit, with S what is not divided
(checks, grids, the last judgement), W the work of a step, the messages and the bytes of one, all measured, and the latency and
bandwidth of a network as given; S and W grow with the rows.
"""

import argparse
import json
import math
import os
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

import splinework as sw
from splinework.train import row_blocks
from splinework.train.data_objective import DataObjective
from splinework.train.optim import LevenbergMarquardt

LATENCY, BANDWIDTH = 50e-6, 1.25e9
"""Seconds of a message between two machines, and bytes per second: a network of 10 Gbit/s with TCP."""


def rows(count: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Uniform columns and a smooth function of them, with noise."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (count, columns))
    return x, np.sin((1 + np.arange(columns) % 3) * x).sum(1) + 0.1 * rng.normal(size=count)


def fit_one(folder: Path, shape: list[int], steps: int) -> None:
    """One process of a fit; writes what it cost."""
    x, y = np.load(folder / "x.npy", mmap_mode="r"), np.load(folder / "y.npy")
    blocks = [0.0]
    plain = row_blocks.partial

    def timed(*arguments: object) -> object:
        began = time.thread_time()
        found = plain(*arguments)  # type: ignore[arg-type]
        blocks[0] += time.thread_time() - began
        return found

    row_blocks.partial = timed  # type: ignore[assignment]
    if "RANK" in os.environ:
        from splinework.train import distributed

        distributed.partial = timed  # type: ignore[assignment]
    options: dict[str, Any] = {"progress": False}
    if steps:
        warnings.simplefilter("ignore")  # it is cut short by intention
        DataObjective.subsample = lambda self: self  # type: ignore[method-assign]  # steps on a sample say nothing here
        options |= {"starts": 1, "grids": None, "degree": "keep", "steps": steps, "optimiser": LevenbergMarquardt()}
    model, fit = sw.KAN(shape, generator=torch.Generator().manual_seed(0)), sw.fit  # importing is no part of a fit
    began, processor = time.perf_counter(), time.process_time()
    result = fit(model, x, y, **options)
    facts = {
        "seconds": time.perf_counter() - began,
        "processor": time.process_time() - processor,
        "blocks": blocks[0],
        "steps": len(result.history.steps),
        "stages": [(one.stage, one.objective) for one in result.history.steps],
        "parameters": model.parameter_count(),
        "note": result.history.notes[-1],
    }
    Path(folder, f"facts.{os.environ.get('WORLD_SIZE', '1')}.{os.environ.get('RANK', '0')}").write_text(
        json.dumps(facts)
    )


def run(folder: Path, shape: list[int], steps: int, size: int) -> list[dict[str, Any]]:
    """The processes of one fit."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    common = {**os.environ, **threads, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = [sys.executable, __file__, "--fit", str(folder), "--steps", str(steps), "--shape", *map(str, shape)]
    begun = []
    for rank in range(size):
        place = {} if size == 1 else {"WORLD_SIZE": str(size), "RANK": str(rank), "LOCAL_RANK": str(rank)}
        begun.append(subprocess.Popen(command, env={**common, **place}))
    for each in begun:
        each.wait()
    if any(each.returncode for each in begun):
        raise SystemExit("a process failed")
    return [json.loads(Path(folder, f"facts.{size}.{rank}").read_text()) for rank in range(size)]


def measure(count: int, columns: int, steps: int, sizes: list[int]) -> list[dict[str, Any]]:
    """Prints a table, and returns the facts of process 0 for each number of processes."""
    found = []
    print("| processes | seconds | processor seconds of each | of these in blocks | MB per step | messages per step |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, values in zip(("x", "y"), rows(count, columns), strict=True):
            np.save(folder / f"{file}.npy", values)
        for size in sizes:
            facts = run(folder, [columns, 3, 1], steps, size)
            first = facts[0]
            words = str(first["note"]).split()
            traffic = (
                (float(words[words.index("MB") - 1]), int(words[words.index("messages") - 1])) if size > 1 else (0, 0)
            )
            first["megabytes"], first["messages"] = (each / first["steps"] for each in traffic)
            each = [" and ".join(f"{one[key]:.1f}" for one in facts) for key in ("processor", "blocks")]
            print(
                f"| {size} | {first['seconds']:.1f} | {each[0]} | {each[1]} | {first['megabytes']:.2f} "
                f"| {first['messages']:.1f} |"
            )
            found.append({**first, "size": size, "longest": max(float(one["processor"]) for one in facts)})
    for each in found[1:]:
        ratio = found[0]["longest"] / each["longest"]
        print(f"\nspeed-up in processor time, {each['size']} processes against {found[0]['size']}: {ratio:.2f}")
    same = all(each["stages"] == found[0]["stages"] for each in found)
    print(
        f"\n{found[0]['parameters']} parameters, {found[0]['steps']} steps; losses of all steps the same to the bit: {same}"
    )
    return found


def predict(
    facts: dict[str, Any], scale: float, sizes: list[int], steps: int, latency: float, bandwidth: float
) -> None:
    """Prints what the model says for rows `scale` times as many."""
    serial, work = scale * (facts["processor"] - facts["blocks"]), scale * facts["blocks"] / facts["steps"]
    print("\n| processes | seconds of a step | seconds of a fit | speed-up | share of communication |")
    print("|---|---|---|---|---|")
    for size in [1, *sizes]:
        depth = math.ceil(math.log2(size))
        passed = depth * (facts["messages"] * latency + 1e6 * facts["megabytes"] / bandwidth)
        step = work / size + passed
        whole = serial + steps * step
        speed = (serial + steps * work) / whole
        print(f"| {size} | {step:.3g} | {whole:.3g} | {speed:.1f} | {steps * passed / whole:.1%} |")


def main() -> None:
    """Runs the command."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--rows", type=int, default=1_000_000)
    made.add_argument("--columns", type=int, default=10)
    made.add_argument("--steps", type=int, default=12, help="steps on all rows; 0: a fit with nothing set")
    made.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    made.add_argument(
        "--predict", type=int, nargs="+", default=[2, 8, 64, 1000], help="numbers of processes to predict"
    )
    made.add_argument("--at", type=int, nargs="+", default=[10**6, 10**8, 10**9], help="rows to predict for")
    made.add_argument("--fit-steps", type=int, default=50, help="steps of the predicted fit")
    made.add_argument("--latency", type=float, default=LATENCY, help="seconds per message")
    made.add_argument("--bandwidth", type=float, default=BANDWIDTH, help="bytes per second")
    made.add_argument("--fit", help=argparse.SUPPRESS)
    made.add_argument("--shape", type=int, nargs="+", help=argparse.SUPPRESS)
    given = made.parse_args()
    if given.fit:
        fit_one(Path(given.fit), given.shape, given.steps)
        return
    found = measure(given.rows, given.columns, given.steps, given.processes)
    alone = next((each for each in found if each["size"] == 1), found[0])
    several = found[-1]
    for count in given.at:
        print(f"\n{count:,} rows, {given.latency * 1e6:g} µs per message, {given.bandwidth / 1e9:g} GB/s:")
        facts = {**alone, "messages": several["messages"], "megabytes": several["megabytes"]}
        predict(facts, count / given.rows, given.predict, given.fit_steps, given.latency, given.bandwidth)


if __name__ == "__main__":
    main()
