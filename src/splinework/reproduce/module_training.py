"""One training for all modules of the comparisons of others: mini-batches, AdamW, a rate that falls along a cosine.

KANs and perceptrons get the same steps, batches and choice of rates, so that what differs is the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn

import splinework as sw
from splinework.reproduce.perceptron import MLP

RATES: Final = (3e-3, 1e-2)
"""Learning rates that are tried; held-out rows choose."""
HELD_OUT: Final = 0.15
"""Share of the training rows that choose the rate."""
GRID: Final = 5
DEGREE: Final = 3


def perceptron(shape: Sequence[int], seed: int) -> MLP:
    """A perceptron for standardised inputs."""
    return MLP(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float32)


def kan(shape: Sequence[int], seed: int, *, grid: int = GRID) -> sw.KAN:
    """A KAN for standardised inputs."""
    generator = torch.Generator().manual_seed(seed)
    return sw.KAN(
        list(shape),
        grid=grid,
        degree=DEGREE,
        domain=(-2.0, 2.0),
        init="power",
        generator=generator,
        dtype=torch.float32,
    )


def train(
    module: nn.Module,
    x: Tensor,
    y: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    *,
    steps: int,
    rate: float,
    seed: int,
    batch: int = 128,
) -> None:
    """Trains a module in place."""
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(module.parameters(), lr=rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=steps)
    for _ in range(steps):
        rows = torch.randint(len(x), (min(batch, len(x)),), generator=generator)
        optimiser.zero_grad()
        loss(module(x[rows]), y[rows]).backward()
        optimiser.step()
        schedule.step()


def best_rate(
    make: Callable[[], nn.Module],
    x: Tensor,
    y: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    *,
    steps: int,
    seed: int,
) -> nn.Module:
    """A module trained on all rows at the rate that was better on held-out ones."""
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    held, used = order[: int(HELD_OUT * len(x))], order[int(HELD_OUT * len(x)) :]
    scores = []
    for rate in RATES:
        module = make()
        train(module, x[used], y[used], loss, steps=steps, rate=rate, seed=seed)
        with torch.no_grad():
            scores.append(float(loss(module(x[held]), y[held])))
    module = make()
    train(module, x, y, loss, steps=steps, rate=RATES[scores.index(min(scores))], seed=seed)
    return module


def count(module: nn.Module) -> int:
    """Number of trained numbers."""
    return sum(each.numel() for each in module.parameters())


def kan_operations(shape: Sequence[int], grid: int = GRID, degree: int = DEGREE) -> int:
    """Operations of a row by the formula of arXiv 2407.16674: all splines by de Boor's recursion."""
    edge = 9 * degree * (grid + 1.5 * degree) + 2 * grid - 2.5 * degree + 3
    return int(sum(a * b * edge for a, b in pairwise(shape)))


def local_operations(shape: Sequence[int], degree: int = DEGREE) -> int:
    """Operations of a row where only the active splines are evaluated, as here: polynomials once for each input."""
    return sum(a * b * 2 * (degree + 2) + a * 2 * (degree + 1) * degree for a, b in pairwise(shape))


def perceptron_operations(shape: Sequence[int]) -> int:
    """Operations of a row of a perceptron."""
    return sum(2 * a * b for a, b in pairwise(shape))


def width_of(inputs: int, outputs: int, wanted: int, cost: Callable[[Sequence[int]], int]) -> int:
    """The number of hidden nodes at which a network with one hidden layer costs about what is wanted.

    >>> width_of(4, 2, 600, perceptron_operations)
    50
    """
    one, two = cost([inputs, 1, outputs]), cost([inputs, 2, outputs])
    return max(1, round((wanted - one) / (two - one)) + 1)
