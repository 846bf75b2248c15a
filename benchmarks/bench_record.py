"""A record of speed that does not depend on the machine, compared with the last one. What `make bench` runs.

For each case: the processor time of a KAN as a multiple of that of Linear + SiLU layers of the same widths, measured in turns in
one process (the least of many rounds, three times over); the bytes that torch allocates in one call; and, where the system counts
them, the instructions of one call. A case that became worse by more than the noise is a regression: it is named, the record
stays as it was, and the command fails. Otherwise the new record is written.

Run: python -m benchmarks.bench_record [--record FILE] [--rounds N] [--accept]
"""

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from splinework import KAN
from splinework.train import step as training_step

RECORD: Final = Path(__file__).parent / "results" / "record.json"
TOLERANCE: Final = {"ratio": 0.15, "bytes": 0.01, "instructions": 0.03}
"""Relative changes that are noise; of a ratio at least this, and at least twice the spread of its three values."""
PASSES: Final = 3
_COUNTED: Final = 200

Call = Callable[[], object]
Pair = tuple[Call, Call]


def _plain(widths: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), nn.SiLU()]
    return nn.Sequential(*layers)


def _both(widths: Sequence[int], rows: int, grid: int) -> tuple[KAN, nn.Sequential, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = 2 * torch.rand(rows, widths[0], generator=generator) - 1
    return KAN(list(widths), grid=grid, dtype=torch.float32, generator=generator), _plain(widths), x


def pass_of(widths: Sequence[int], rows: int, grid: int) -> Pair:
    """Forward and backward."""
    model, plain, x = _both(widths, rows, grid)
    inner, g = x.clone().requires_grad_(), torch.ones(rows, widths[-1])

    def run(module: nn.Module) -> None:
        torch.autograd.grad(module(inner), [inner, *module.parameters()], g)

    return lambda: run(model), lambda: run(plain)


def call_of(widths: Sequence[int], rows: int, grid: int) -> Pair:
    """Forward without a graph."""
    model, plain, x = _both(widths, rows, grid)
    calls: list[Call] = [torch.no_grad()(lambda: model(x)), torch.no_grad()(lambda: plain(x))]
    return calls[0], calls[1]


def step_of(widths: Sequence[int], rows: int, grid: int) -> Pair:
    """A step of Adam."""
    model, plain, x = _both(widths, rows, grid)
    y = x.prod(1, keepdim=True)
    ours, theirs = (torch.optim.Adam(m.parameters(), fused=True) for m in (model, plain))

    def step() -> None:
        training_step(model, ours, x, y)

    def other() -> None:
        theirs.zero_grad()
        nn.functional.mse_loss(plain(x), y).backward()
        theirs.step()

    return step, other


CASES: Final[dict[str, tuple[Callable[..., Pair], Sequence[int], int, int]]] = {
    **{f"[64, 64], 1024 rows, G = {g}: pass": (pass_of, (64, 64), 1024, g) for g in (5, 20, 100)},
    **{f"[784, 64, 10], 256 rows, G = {g}: pass": (pass_of, (784, 64, 10), 256, g) for g in (5, 20)},
    **{f"[256, 256], 4096 rows, G = {g}: pass": (pass_of, (256, 256), 4096, g) for g in (5, 20, 100)},
    "[2, 5, 1], 1000 rows, G = 5: step of Adam": (step_of, (2, 5, 1), 1000, 5),
    "[8, 6, 1], one row, G = 5: call": (call_of, (8, 6, 1), 1, 5),
}


def _least(call: Call, count: int) -> float:
    began = time.process_time()
    for _ in range(count):
        call()
    return (time.process_time() - began) / count


def ratio_of(pair: Pair, rounds: int) -> float:
    """Time of the first call over that of the second: the least of interleaved rounds of about 5 ms each."""
    counts = [max(1, int(0.005 / max(min(_least(call, 1) for _ in range(3)), 1e-6))) for call in pair]
    times = [[_least(call, n) for call, n in zip(pair, counts, strict=True)] for _ in range(rounds)]
    ours, theirs = (min(column) for column in zip(*times, strict=True))
    return ours / theirs


def bytes_of(call: Call) -> int:
    """Bytes that torch allocates in one call."""
    call()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        call()
    allocated = [e for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]  # type: ignore[union-attr]
    return sum(max(e.nbytes(), 0) for e in allocated)


def instructions_of(name: str) -> int | None:
    """Instructions of one call on one thread, by `perf stat` in a process of its own; None where nothing counts them."""
    if shutil.which("perf") is None:
        return None
    counts = []
    for times in (1, 1 + _COUNTED):
        command = ["perf", "stat", "-x", ",", "-e", "instructions:u", sys.executable, "-m", "benchmarks.bench_record"]
        done = subprocess.run(
            [*command, "--only", name, "--times", str(times)],
            env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        found = [line.split(",")[0] for line in done.stderr.splitlines() if "instructions" in line]
        if not found or not found[0].isdigit():
            return None
        counts.append(int(found[0]))
    return (counts[1] - counts[0]) // _COUNTED


def measured(name: str, rounds: int) -> dict[str, Any]:
    """The figures of one case."""
    make, *sizes = CASES[name]
    pair = make(*sizes)
    ratios = sorted(ratio_of(pair, rounds) for _ in range(PASSES))
    return {
        "ratio": round(ratios[0], 3),
        "spread": round(ratios[-1] / ratios[0] - 1, 3),
        "bytes": bytes_of(pair[0]),
        "instructions": instructions_of(name),
    }


def regressions(last: dict[str, dict[str, Any]], now: dict[str, dict[str, Any]]) -> list[str]:
    """A sentence for each figure that is worse than in the last record by more than the noise."""
    found = []
    for name in last.keys() & now.keys():
        for figure, tolerance in TOLERANCE.items():
            before, after = last[name].get(figure), now[name].get(figure)
            if before is None or after is None:
                continue
            noise = tolerance
            if figure == "ratio":
                noise = max(noise, 2 * last[name]["spread"], 2 * now[name]["spread"])
            if after > before * (1 + noise):
                found.append(f"{name}: {figure} {before:g} became {after:g}; up to {before * (1 + noise):g} is noise.")
    return sorted(found)


def main() -> int:
    """Measures all cases, compares and writes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--record", type=Path, default=RECORD, help="the record to compare with and to write")
    parser.add_argument("--rounds", type=int, default=40, help="rounds of each measurement (default: 40)")
    parser.add_argument("--accept", action="store_true", help="write the record even where something became worse")
    parser.add_argument("--only", choices=CASES, help="run this case once, for a counter of instructions")
    parser.add_argument("--times", type=int, default=1, help="how often, with --only")
    options = parser.parse_args()
    if options.only:
        make, *sizes = CASES[options.only]
        call = make(*sizes)[0]
        for _ in range(options.times):
            call()
        return 0
    last = json.loads(options.record.read_text(encoding="utf-8")) if options.record.exists() else {}
    now = {}
    for name in CASES:
        now[name] = measured(name, options.rounds)
        print(f"{name}: {now[name]['ratio']:g} x Linear + SiLU, {now[name]['bytes'] / 1e6:.2f} MB", flush=True)
    worse = regressions(last, now)
    print("\n".join(worse))
    if worse and not options.accept:
        return 1
    options.record.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
