"""The fastest native algorithm by width, batch and grid: the measurements behind the thresholds in csrc/plan.hpp.

For layers of several widths, batches and grids: microseconds of a forward and of a backward pass by each algorithm, the best
of many calls taken in turn, one thread, float32; the one that the library chooses by itself is marked with `*`. Run: python
benchmarks/bench_algorithms.py
"""

import itertools
import time
from collections.abc import Callable

import torch

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


if __name__ == "__main__":
    main()
