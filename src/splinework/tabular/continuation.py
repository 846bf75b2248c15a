"""Continued training of a fitted network on further rows, for `partial_fit` and `warm_start`."""

import copy

import torch
from torch import Tensor

from splinework.nn.network import KAN
from splinework.tabular.adam import AdamState, BatchSampler
from splinework.tabular.ensemble import ProgressCallback
from splinework.tabular.tasks import Task

LEARNING_RATE = 2e-3
BATCH_SIZE = 256
MAX_EPOCHS = 20
"""Passes over the rows; `MAX_STEPS` allows fewer on large tables."""
MIN_STEPS, MAX_STEPS = 20, 1000
N_REPORTS = 10


def continue_training(
    start: KAN, x: Tensor, y: Tensor, weights: Tensor, task: Task, max_iter: int, seed: int, on_step: ProgressCallback
) -> tuple[float, int, KAN]:
    """Trains a copy of `start` on rows in raw units by Adam; grids, masks and scaling stay.

    Args:
        start: The network.
        x: Inputs `(n, p)`.
        y: Targets or class indicators `(n, q)`; the loss of a regression is in the network's units.
        weights: Row weights `(n,)`, mean 1.
        task: The likelihood.
        max_iter: Maximum number of steps.
        seed: Seed of the batches.
        on_step: Progress callback, see `ensemble.train_ensemble`.

    Returns:
        Mean loss on the rows, number of steps, network.
    """
    model = copy.deepcopy(start).requires_grad_(True)
    for layer in model.kan_layers:
        layer.spline_weight.requires_grad_(False)
    u = model.input_scaling(x)
    t = task.in_units(y, model.output_scaling.shift, model.output_scaling.scale) if task.is_regression else y
    with torch.no_grad():
        task = task.tuned(t - model.unit_forward(u), weights, 0.0)
    generator = torch.Generator().manual_seed(seed)
    count = len(u)
    batch = min(BATCH_SIZE, count)
    steps = min(max_iter, max(MIN_STEPS, min(MAX_STEPS, MAX_EPOCHS * -(-count // batch))))
    adam = AdamState([p for p in model.parameters() if p.requires_grad])
    order, loss = BatchSampler(count, batch, generator), float("nan")
    for step in range(1, steps + 1):
        rows = next(order)
        outputs = model.unit_forward(u[rows])
        outputs.backward(weights[rows, None] / batch * task.slope(outputs.detach(), t[rows]))
        adam.step(LEARNING_RATE * (1 - (step - 1) / steps))
        if step % max(1, steps // N_REPORTS) == 0 or step == steps:
            with torch.no_grad():
                loss = float(weights @ task.loss(model.unit_forward(u), t)) / count
            if on_step("going on", step, steps, loss):
                break
    return loss, step, model
