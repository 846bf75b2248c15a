"""Whether the native kernels and torch's own operators disturb each other: two pools of threads would fight for the cores.

A layer [256, 256] (B = 1024, G = 5) alone, and in turn with a matrix product of 1024 x 1024: the layer's share of the time is
the same in both if the threads are shared. Run: python benchmarks/bench_threads.py
"""

import time

import torch

from splinework import KANLayer
from splinework.kernels import native


def best(call, rounds: int = 60) -> float:
    """Milliseconds of the fastest round."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return 1e3 * min(times)


def main() -> None:
    """Prints a table in Markdown."""
    layer, x, a = KANLayer(256, 256, grid=5), torch.randn(1024, 256), torch.randn(1024, 1024)
    print(f"threads of: {native.module().worker_runtime() if native.available() else 'torch'}\n")
    print("| threads | layer alone, ms | matrix product alone | in turn | in turn / sum |")
    print("|---|---|---|---|---|")
    with torch.no_grad():
        for threads in (1, 2):
            torch.set_num_threads(threads)
            alone, product = best(lambda: layer(x)), best(lambda: a @ a)
            both = best(lambda: (layer(x), a @ a))
            print(f"| {threads} | {alone:.2f} | {product:.2f} | {both:.2f} | {both / (alone + product):.2f} |")


if __name__ == "__main__":
    main()
