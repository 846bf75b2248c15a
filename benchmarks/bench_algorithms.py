"""The fastest native algorithm by width, batch and grid: the measurements behind the thresholds in csrc/plan.hpp.

For layers of several widths, batches and grids: microseconds of a forward and of a backward pass by each algorithm, the best
of many calls taken in turn, one thread, float32; the one that the library chooses by itself is marked with `*`.

`threads`: whether the native kernels and torch's own operators disturb each other, as two pools of threads would fight for the
cores. A layer [256, 256] (B = 1024, G = 5) alone, and in turn with a matrix product of 1024 x 1024: if the threads are shared,
times add up.
Run: python benchmarks/bench_algorithms.py [threads]
"""

import itertools
import sys
import time
from collections.abc import Callable

import torch

from splinework import KANLayer
from splinework.kernels import EdgeParameters, native
from splinework.kernels.addresses import TAILS, Spline
from splinework.splines.bases import BSpline

BATCHES = (1, 8, 64, 1000)
OUTPUTS = (1, 4, 8, 16, 64)
GRIDS = (5, 20, 100)
INPUTS = 16
FORCED = ("sorted", "gather", "narrow", "dense")


def layer(outputs: int, grid: int) -> tuple[EdgeParameters, Spline]:
    """Random edges on a uniform grid."""
    basis = BSpline(grid=grid)
    knots = basis.make_grid(-torch.ones(INPUTS), torch.ones(INPUTS))
    edges = EdgeParameters(
        torch.randn(INPUTS, basis.size, outputs), *(torch.randn(INPUTS, outputs) for _ in range(2)), None, None
    )
    return edges, Spline(knots, basis.prepare(knots), 3, TAILS["linear"], "silu")


def in_turn(calls: dict[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """Best time of each call in microseconds; all take turns, so that a busy moment harms none alone."""
    best = dict.fromkeys(calls, float("inf"))
    stop = time.perf_counter() + seconds
    while time.perf_counter() < stop:
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - began)
    return {name: 1e6 * seconds for name, seconds in best.items()}


def forced(name: str, call: Callable[[], object]) -> Callable[[], object]:
    """The call with one algorithm forced."""

    def run() -> object:
        native.force(name)
        return call()

    return run


def main(seconds: float = 0.3) -> None:
    """Prints a table in Markdown."""
    torch.set_num_threads(1)
    print(f"| J | G | B | pass | {' | '.join((*FORCED, 'chosen'))} |")
    print("|---" * (len(FORCED) + 5) + "|")
    for outputs, grid, batch in itertools.product(OUTPUTS, GRIDS, BATCHES):
        one, x, g = layer(outputs, grid), 2 * torch.rand(batch, INPUTS) - 1, torch.randn(batch, outputs)
        passes = {
            "forward": lambda one=one, x=x: native.forward(x, [one]),
            "backward": lambda one=one, x=x, g=g: native.backward(
                x, [one], [], g, [(True, True, True, False)], by_x=True
            ),
        }
        for name, call in passes.items():
            times = in_turn({how: forced(how, call) for how in (*FORCED, "best")}, seconds)
            native.force("best")
            low = min(times[how] for how in FORCED)
            cells = [f"**{times[how]:.1f}**" if times[how] == low else f"{times[how]:.1f}" for how in FORCED]
            print(f"| {outputs} | {grid} | {batch} | {name} | {' | '.join(cells)} | {times['best']:.1f} |", flush=True)


@torch.no_grad()
def threads(seconds: float = 4.0) -> None:
    """Prints a table in Markdown."""
    one, x, a = KANLayer(256, 256, grid=5), torch.randn(1024, 256), torch.randn(1024, 1024)
    print(f"threads of: {native.module().worker_runtime() if native.available() else 'torch'}\n")
    print("| threads | layer alone, ms | matrix product alone | in turn | in turn / sum |\n|---|---|---|---|---|")
    for count in (1, 2):
        torch.set_num_threads(count)
        calls = {"layer": lambda: one(x), "product": lambda: a @ a, "both": lambda: (one(x), a @ a)}
        alone, product, both = (best / 1e3 for best in in_turn(calls, seconds).values())
        print(f"| {count} | {alone:.2f} | {product:.2f} | {both:.2f} | {both / (alone + product):.2f} |")


if __name__ == "__main__":
    threads() if sys.argv[1:] == ["threads"] else main()
