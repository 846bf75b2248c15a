"""The method of the KAN paper (Liu et al. 2024, arXiv 2404.19756) as its authors' code of April 2024 has it, whatever `fit` does.

Cubic B-splines on uniform grids beside a base function, small random c, w_s = 1, w_b about 1/√inputs (eqs. 2.10-2.11), no
constants, splines that end beyond the grid; L-BFGS with a strong-Wolfe search, whose pairs are kept however small the error is
(torch's own drops those with yᵀs below 1e-10, where an error of 1e-5 is); grids that follow the activations ten times during the
first 50 steps, uniform and a little wider; and finer grids by least squares (eq. 2.16). A step is one of pykan's, 20 iterations.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import torch
from torch import Tensor

import splinework as sw
from splinework.interpret.edit.adaptation import adapt_layer
from splinework.train.gradient import squared_error_gradient
from splinework.train.optim.lbfgs import LBFGS

LAST_UPDATE, UPDATES = 50, 10  # on every grid
"""The step before which grids follow the activations, and how often they do so."""
GRID_EPS: Final = 1.0
"""How even an adapted grid is, from quantiles (0) to uniform (1): the release of the paper has 1, later ones 0.02."""
MARGIN: Final = 0.01
"""Margin of an adapted grid at either end, in units of the activations."""
NOISE: Final = 0.1
"""Size of the random part of the numbers at the start."""
HISTORY, ITERATIONS = 10, 20
"""Pairs that L-BFGS keeps, and its iterations in a step."""
PRUNING_STEPS: Final = 20
"""Steps with the sparsity penalty before nodes are removed, those of the authors' notebooks."""
NODES: Final = {"by": "magnitude", "nodes": 1e-2, "edges": 0.0, "inputs": 0.0}
"""Pruning of hidden nodes by eq. 2.21."""
RECORD_EVERY: Final = 10
"""Steps between two points of the recorded curve."""


@dataclass(frozen=True)
class GridStage:
    """The end of the training on one grid.

    Attributes:
        grid: Number of intervals.
        train: RMSE of the training rows.
        test: RMSE of the test rows.
        jump: Largest change of an output by the refinement, relative to the largest output.
        curve: Training and test RMSE after every `RECORD_EVERY` steps.
    """

    grid: int
    train: float
    test: float
    jump: float
    curve: tuple[tuple[float, float], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self), "curve": [list(point) for point in self.curve]}


def paper_network(shape: Sequence[Any], grid: int, seed: int, *, degree: int = 3) -> sw.KAN:
    """A network as the authors' code begins it, in float64: w_b = 1/√inputs + 0.1 (2 N(0, 1) - 1), c = U(-0.05, 0.05)/G.

    With eq. 2.12's Xavier w_b instead, two of six seeds of [2, 1, 1] stay at the error of a constant.
    """
    generator = torch.Generator().manual_seed(seed)
    options: dict[str, Any] = {"extrapolation": "zero", "bias": False, "grid_eps": GRID_EPS}
    model = sw.KAN(list(shape), grid=grid, degree=degree, dtype=torch.float64, **options)
    with torch.no_grad():
        for layer in model.kan_layers:
            assert layer.base_weight is not None
            draws = torch.randn(layer.base_weight.shape, generator=generator, dtype=torch.float64)
            layer.base_weight.copy_(layer.inputs**-0.5 + NOISE * (2 * draws - 1))
            layer.coefficients.uniform_(-NOISE / 2 / grid, NOISE / 2 / grid, generator=generator)
    return model


def train_by_paper(
    model: sw.KAN,
    rows: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    *,
    grids: Sequence[int],
    steps: int,
    loss: Callable[[sw.KAN], Tensor] | None = None,
) -> tuple[sw.KAN, list[GridStage]]:
    """Trains through finer and finer grids.

    Args:
        model: The network on the first grid; it is left unchanged.
        rows: x `(N, inputs)` and y `(N, outputs)`.
        test: Test rows.
        grids: Numbers of intervals, the first being the model's.
        steps: Steps of L-BFGS on every grid.
        loss: As of `minimise`.

    Returns:
        The network on the last grid whose training stayed finite, and a stage for each grid.
    """
    stages: list[GridStage] = []
    for number, grid in enumerate(grids):
        before = model
        model = sw.refine(model, grid=grid, x=rows[0]) if number else model
        jump = _change(before, model, rows[0]) if number else 0.0
        model, curve = minimise(model, rows, test, steps=steps, loss=loss)
        stages.append(GridStage(grid, rmse(model, *rows), rmse(model, *test), jump, tuple(curve)))
        if not math.isfinite(stages[-1].train):
            break
    return model, stages


@torch.no_grad()
def follow_grids(model: sw.KAN, x: Tensor) -> None:
    """Moves the grids to the activations, in place: as in the authors' code, L-BFGS keeps what it has learned."""
    moved = copy.deepcopy(model)
    u = moved.input_scaling(x)
    for layer, nodes in zip(moved.kan_layers, moved.config.nodes[1:], strict=True):
        if layer.grid_kind == "adaptive":
            adapt_layer(layer, u, grid_eps=GRID_EPS, margin=MARGIN / (u.amax(0) - u.amin(0)), tolerance=None)
        u = nodes.combine(layer(u))
    model.load_state_dict(moved.state_dict())


def minimise(
    model: sw.KAN,
    rows: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    *,
    steps: int,
    loss: Callable[[sw.KAN], Tensor] | None = None,
    follow: Callable[[sw.KAN, Tensor], None] | None = follow_grids,
) -> tuple[sw.KAN, list[tuple[float, float]]]:
    """Steps of L-BFGS on one grid; a copy is trained.

    Args:
        model: The network.
        rows: Training rows, on whose x grids follow.
        test: Test rows.
        steps: Number of steps.
        loss: Function of the network that is minimised; the mean squared error of the rows by default.
        follow: Function that moves the grids ten times during the first steps; None for fixed grids.

    Returns:
        The trained network and its curve of training and test errors.
    """
    model = copy.deepcopy(model)
    x, y = rows
    objective: Any = _SquaredError(model, x, y) if loss is None else _LossOf(model, loss)
    descent, curve = LBFGS(memory=HISTORY).attach(objective, ITERATIONS * steps, torch.Generator()), []
    every = max(min(LAST_UPDATE, steps) // UPDATES, 1)
    for step in range(steps):
        if follow is not None and step < LAST_UPDATE and step % every == 0:
            follow(model, x)
            descent.restore(descent.state())
        for _ in range(ITERATIONS):
            last = descent.step()
        if (step + 1) % RECORD_EVERY == 0:
            curve.append((rmse(model, x, y), rmse(model, *test)))
        if last is None or not math.isfinite(last):
            break
    return model, curve


def prune_by_paper(
    model: sw.KAN,
    rows: tuple[Tensor, Tensor],
    penalty: sw.train.Sparsity,
    *,
    steps: int = PRUNING_STEPS,
    loss: Callable[[sw.KAN], Tensor] | None = None,
    **scores: Any,
) -> sw.KAN:
    """Training with the penalty of eq. 2.20, then weak parts removed; all stay if no path would be left.

    Args:
        model: The network; it is left unchanged.
        rows: Training rows.
        penalty: The penalty, its factor λ and that of the entropy.
        steps: Steps of L-BFGS.
        loss: Function of the network that the penalty is added to; the mean squared error of the rows by default.
        scores: Options of `sw.prune`; hidden nodes by eq. 2.21 by default.
    """
    x, y = rows

    def penalised(network: sw.KAN) -> Tensor:
        u, total = x, (network(x) - y).square().mean() if loss is None else loss(network)
        for layer, nodes in zip(network.kan_layers, network.config.nodes[1:], strict=True):
            total, u = total + penalty.value(layer, u), nodes.combine(layer(u))
        return total

    sparse, _ = minimise(model, rows, rows, steps=steps, loss=penalised)
    with suppress(sw.SplineworkError):
        return sw.prune(sparse, x, **(scores or NODES))
    return sparse


def rmse(model: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> float:
    """The root of the mean squared error."""
    with torch.no_grad():
        return float((model(x) - y).square().mean().sqrt())


def edge_grid_count(shape: Sequence[int], grid: int) -> int:
    """The paper's count of parameters: N = edges · G.

    >>> edge_grid_count([2, 5, 1], 3)
    45
    """
    return sum(a * b for a, b in pairwise(shape)) * grid


@dataclass(frozen=True)
class _SquaredError:
    """An objective as an optimiser asks for it: the squared error of rows."""

    model: sw.KAN
    x: Tensor
    y: Tensor

    def differentiate(self) -> float:
        """The value, and its gradient in every parameter's `.grad`."""
        return squared_error_gradient(self.model, self.x, self.y)


@dataclass(frozen=True)
class _LossOf:
    """The same of any function of the network."""

    model: sw.KAN
    loss: Callable[[sw.KAN], Tensor]

    def differentiate(self) -> float:
        """The value, and its gradient in every parameter's `.grad`."""
        self.model.zero_grad()
        value = self.loss(self.model)
        value.backward()
        return float(value.detach())


@torch.no_grad()
def _change(before: sw.KAN, after: sw.KAN, x: Tensor) -> float:
    expected = before(x)
    return float((after(x) - expected).abs().max() / expected.abs().max())
