"""More rows for a network that is there: what `partial_fit` and `warm_start` do."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from splinework.nn.network import KAN
from splinework.tabular.ensemble import BatchSampler, ProgressCallback
from splinework.tabular.tasks import Task

RATE = 2e-3
BATCH = 256
PASSES = 20
"""Passes over the rows; fewer where there are so many that a few passes are enough steps."""
LEAST_STEPS, MOST_STEPS = 20, 1000
LOOKS = 10


def continue_training(
    start: KAN, x: Tensor, y: Tensor, weights: Tensor, task: Task, max_iter: int, seed: int, listen: ProgressCallback
) -> tuple[float, int, KAN]:
    """Trains a copy of `start` on rows in raw units; its grids, masks and units stay.

    Args:
        start: The network.
        x: `(n, p)`.
        y: `(n, q)`, indicators for classes; targets of a regression are compared in the network's units.
        weights: `(n,)`, mean 1.
        task: Whose likelihood.
        max_iter: Most steps.
        seed: Seed of the order of rows.
        listen: See `members.train_members`.

    Returns:
        Mean loss on the rows, steps, network.
    """
    model = copy.deepcopy(start).requires_grad_(True)
    for layer in model.kan_layers:
        layer.spline_weight.requires_grad_(False)
    u = model.input_scaling(x)
    t = (y - model.output_scaling.shift) / model.output_scaling.scale if task.is_regression else y
    generator = torch.Generator().manual_seed(seed)
    count = len(u)
    batch = min(BATCH, count)
    steps = min(max_iter, max(LEAST_STEPS, min(MOST_STEPS, PASSES * -(-count // batch))))
    adam = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=RATE)
    order, loss = BatchSampler(count, batch, generator), float("nan")
    for step in range(1, steps + 1):
        rows = next(order)
        adam.param_groups[0]["lr"] = RATE * (1 - (step - 1) / steps)
        adam.zero_grad(set_to_none=True)
        outputs = model.unit_forward(u[rows])
        (weights[rows] @ task.loss(outputs, t[rows]) / batch).backward()
        adam.step()
        if step % max(1, steps // LOOKS) == 0 or step == steps:
            with torch.no_grad():
                loss = float(weights @ task.loss(model.unit_forward(u), t)) / count
            if listen("going on", step, steps, loss):
                break
    return loss, step, model
