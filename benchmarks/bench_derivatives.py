"""A loss on the Laplacian of a network: by forward mode and by double backward, by the native kernels and by plain torch.

[2, 64, 64, 1], G = 10, 4096 points, float32: milliseconds of the loss and its gradient, the best of several calls taken in turn.
Run: python benchmarks/bench_derivatives.py
"""

import time

import torch

import splinework as sw
from splinework import kernels

POINTS, SHAPE, GRID = 4096, [2, 64, 64, 1], 10


def by_forward_mode(model: sw.KAN, x: torch.Tensor) -> torch.Tensor:
    """Mean square of the Laplacian, in the forward pass."""
    return sum(sw.derivatives.partials(model, x, (0, 0), (1, 1))).square().mean()


def by_double_backward(model: sw.KAN, x: torch.Tensor) -> torch.Tensor:
    """The same by gradients of gradients."""
    x = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
    terms = [torch.autograd.grad(slope[:, i].sum(), x, create_graph=True)[0][:, i] for i in range(2)]
    return sum(terms).square().mean()


def main(rounds: int = 5) -> None:
    """Prints a table in Markdown."""
    model = sw.KAN(SHAPE, grid=GRID, degree=4, generator=torch.Generator().manual_seed(0))
    x = 2 * torch.rand(POINTS, 2, generator=torch.Generator().manual_seed(1)) - 1
    compiled = torch.compile(by_forward_mode)
    ways = {
        "forward mode, native": ("native", by_forward_mode),
        "forward mode, native, compiled": ("native", compiled),
        "double backward, native": ("native", by_double_backward),
        "forward mode, plain torch": ("reference", by_forward_mode),
        "double backward, plain torch": ("reference", by_double_backward),
    }
    best, values = dict.fromkeys(ways, float("inf")), {}
    for _ in range(rounds + 1):  # the first round warms up
        for name, (backend, loss) in ways.items():
            kernels.use(backend)
            model.zero_grad()
            began = time.perf_counter()
            value = loss(model, x)
            value.backward()
            seconds = time.perf_counter() - began
            if name in values:
                best[name] = min(best[name], seconds)
            values[name] = float(value.detach())
    print("| way | ms | value |\n|---|---|---|")
    for name in ways:
        print(f"| {name} | {1e3 * best[name]:.0f} | {values[name]:.6g} |")


if __name__ == "__main__":
    main()
