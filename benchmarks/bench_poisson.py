"""Poisson's equation from its residual alone, by the default `solve`: the KAN paper's problem and the one of pykan's notebook.

u_xx + u_yy = f on [-1, 1]², u = 0 at its edge; [2, 2, 1], no data of u. The loss is the paper's, 0.01 · mean (Δu - f)² inside +
mean u² at the edge (Liu et al. 2024, §3.4), on 1500 random points and 77 on each side. Errors are means on a grid of
201 x 201 points: L2² of u, and H1² of u and its gradient together. N is the paper's count, edges · G.
Run: python benchmarks/bench_poisson.py --seeds 5
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

import splinework as sw

PI = math.pi


def product(p: Tensor) -> Tensor:
    """sin πx sin πy, `(N, 1)`."""
    return torch.sin(PI * p[:, :1]) * torch.sin(PI * p[:, 1:])


def product_source(p: Tensor) -> Tensor:
    """Its Laplacian."""
    return -2 * PI**2 * product(p)


def squared(p: Tensor) -> Tensor:
    """sin πx sin πy², `(N, 1)`."""
    return torch.sin(PI * p[:, :1]) * torch.sin(PI * p[:, 1:] ** 2)


def squared_source(p: Tensor) -> Tensor:
    """Its Laplacian."""
    x, y = p[:, :1], p[:, 1:]
    return -(PI**2) * (1 + 4 * y**2) * squared(p) + 2 * PI * torch.sin(PI * x) * torch.cos(PI * y**2)


PROBLEMS = {"sin πx sin πy": (product, product_source), "sin πx sin πy²": (squared, squared_source)}


def points() -> tuple[Tensor, Tensor]:
    """Points where the equation holds, `(1500, 2)`, and on the edge, `(308, 2)`: uniform at random, and the corners.

    Not a mesh: the sums that hidden nodes make of its coordinates fall on few values, which leave cells of a finer grid empty.
    """
    generator = torch.Generator().manual_seed(0)
    inside = 2 * torch.rand(1500, 2, generator=generator, dtype=torch.float64) - 1
    s = torch.cat([2 * torch.rand(75, generator=generator, dtype=torch.float64) - 1, torch.tensor([-1.0, 1.0])])
    one = torch.ones_like(s)
    sides = ((s, one), (s, -one), (one, s), (-one, s))
    return inside, torch.cat([torch.stack(side, dim=1) for side in sides])


def solved(source: Callable[[Tensor], Tensor], seed: int) -> sw.KAN:
    """The model."""

    def poisson(model: sw.KAN, p: Tensor) -> Tensor:
        u_xx, u_yy = sw.derivatives.partials(model, p, ("x", "x"), ("y", "y"))
        return u_xx + u_yy - source(p)

    inside, edge = points()
    model = sw.KAN([2, 2, 1], names=["x", "y"], generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    residuals = [sw.Residual(poisson, inside, weight=0.01), sw.Residual(lambda model, p: model(p), edge, name="edge")]
    return sw.solve(model, residuals, seed=seed, progress=False).model


def errors(model: sw.KAN, exact: Callable[[Tensor], Tensor]) -> tuple[float, float]:
    """L2² and H1²."""
    s = torch.linspace(-1, 1, 201, dtype=torch.float64)
    p = torch.cartesian_prod(s, s).requires_grad_()
    truth = exact(p)
    (slopes,) = torch.autograd.grad(truth.sum(), p)
    with torch.no_grad():
        u, *found = sw.derivatives.partials(model, p.detach(), (), "x", "y")
        value = float((u - truth).square().mean())
        return value, value + float((torch.cat(found, dim=1) - slopes).square().sum(1).mean())


def main() -> None:
    """Prints a table in Markdown, and the median and the worst of each problem."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    seeds = range(parser.parse_args().seeds)
    print("| problem | seed | L2² | H1² | N | parameters | seconds |\n|---|---|---|---|---|---|---|")
    for name, (exact, source) in PROBLEMS.items():
        found = []
        for seed in seeds:
            began = time.perf_counter()
            model = solved(source, seed)
            seconds = time.perf_counter() - began
            l2, h1 = errors(model, exact)
            found.append(l2)
            size = sum(layer.mask.numel() * layer.basis.resolution for layer in model.kan_layers)
            row = f"| {name} | {seed} | {l2:.2g} | {h1:.2g} | {size} | {model.parameter_count()} | {seconds:.1f} |"
            print(row, flush=True)
        print(f"| {name} | median, worst | {statistics.median(found):.2g}, {max(found):.2g} | | | | |", flush=True)


if __name__ == "__main__":
    main()
