"""The method of the KAN paper (Liu et al. 2024, arXiv 2404.19756), as its authors' code has it, whatever our `fit` does.

Cubic B-splines on uniform grids beside a base function, c ~ N(0, 0.1²), w_s = 1, w_b Xavier (eqs. 2.10-2.12), no constants,
splines that end at the grid's ends; L-BFGS with a strong-Wolfe search; grids that follow the activations ten times during the
first 50 steps; and finer grids by least squares (eq. 2.16). A step is one of pykan's: up to 20 iterations of `torch.optim.LBFGS`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import torch
from torch import Tensor

import splinework as sw

LAST_UPDATE, UPDATES = 50, 10  # on every grid
"""The step before which grids follow the activations, and how often they do so."""
GRID_EPS: Final = 0.02
"""How even an adapted grid is, from quantiles (0) to uniform (1)."""
HISTORY: Final = 10
"""Pairs that L-BFGS keeps."""
RECORD_EVERY: Final = 10
"""Steps between two points of the recorded curve."""


@dataclass(frozen=True)
class GridStage:
    """The end of the training on one grid.

    Attributes:
        grid: Number of intervals.
        train: RMSE of the training rows.
        test: RMSE of the test rows.
        inside: RMSE of those test rows that are within the range of the training rows at every node (`within_range`).
        jump: Largest change of an output by the refinement, relative to the largest output.
        curve: Training and test RMSE after every `RECORD_EVERY` steps.
    """

    grid: int
    train: float
    test: float
    inside: float
    jump: float
    curve: tuple[tuple[float, float], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self), "curve": [list(point) for point in self.curve]}


def paper_network(shape: Sequence[Any], grid: int, seed: int, *, degree: int = 3) -> sw.KAN:
    """A network as the paper has it, in float64.

    Args:
        shape: Numbers of nodes.
        grid: Number of intervals.
        seed: Seed of the numbers.
        degree: Degree of the splines.
    """
    generator = torch.Generator().manual_seed(seed)
    options: dict[str, Any] = {"extrapolation": "zero", "bias": False, "grid_eps": GRID_EPS}
    return sw.KAN(list(shape), grid=grid, degree=degree, generator=generator, dtype=torch.float64, **options)


def train_by_paper(
    model: sw.KAN, rows: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor], *, grids: Sequence[int], steps: int
) -> tuple[sw.KAN, list[GridStage]]:
    """Trains on squared error through finer and finer grids.

    Args:
        model: The network on the first grid; it is left unchanged.
        rows: x `(N, inputs)` and y `(N, outputs)`.
        test: Test rows.
        grids: Numbers of intervals, the first being the model's.
        steps: Steps of L-BFGS on every grid.

    Returns:
        The network on the last grid whose training stayed finite, and a stage for each grid.
    """
    stages: list[GridStage] = []
    for number, grid in enumerate(grids):
        before = model
        model = sw.refine(model, grid=grid, x=rows[0]) if number else model
        jump = _change(before, model, rows[0]) if number else 0.0
        model, curve = minimise(model, rows, test, steps=steps)
        near = within_range(model, rows[0], test[0])
        train, whole, inside = (rmse(model, *part) for part in (rows, test, (test[0][near], test[1][near])))
        stages.append(GridStage(grid, train, whole, inside, jump, tuple(curve)))
        if not math.isfinite(stages[-1].train):
            break
    return model, stages


def follow_grids(model: sw.KAN, x: Tensor) -> None:
    """Moves the grids to the activations, in place: as in the authors' code, L-BFGS keeps what it has learned."""
    model.load_state_dict(sw.adapt(model, x, grid_eps=GRID_EPS).state_dict())


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
    value_of = loss if loss is not None else lambda network: (network(x) - y).square().mean()
    optimiser, curve = _lbfgs(model), []
    every = max(min(LAST_UPDATE, steps) // UPDATES, 1)
    for step in range(steps):
        if follow is not None and step < LAST_UPDATE and step % every == 0:
            follow(model, x)
        last = _step(model, optimiser, value_of)
        if (step + 1) % RECORD_EVERY == 0:
            curve.append((rmse(model, x, y), rmse(model, *test)))
        if not math.isfinite(last):
            break
    return model, curve


def rmse(model: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> float:
    """The root of the mean squared error."""
    with torch.no_grad():
        return float((model(x) - y).square().mean().sqrt())


@torch.no_grad()
def within_range(model: sw.KAN, x: Tensor, others: Tensor) -> Tensor:
    """Flags of the rows that are within the range of other rows at every node that edges begin at, `(N,)`.

    Beyond that range the paper's splines end: a few rows there make up most of a test error on a fine grid.

    Args:
        model: The network, in raw units.
        x: The rows that set the ranges.
        others: The rows to judge.
    """
    inside = torch.ones(len(others), dtype=torch.bool)
    for layer, nodes in zip(model.kan_layers, model.config.nodes[1:], strict=True):
        inside &= ((others >= x.amin(0)) & (others <= x.amax(0))).all(1)
        x, others = nodes.combine(layer(x)), nodes.combine(layer(others))
    return inside


def edge_grid_count(shape: Sequence[int], grid: int) -> int:
    """The paper's count of parameters: N = edges · G.

    >>> edge_grid_count([2, 5, 1], 3)
    45
    """
    return sum(a * b for a, b in pairwise(shape)) * grid


def _lbfgs(model: sw.KAN) -> torch.optim.LBFGS:
    tolerances: dict[str, Any] = {"tolerance_grad": 1e-32, "tolerance_change": 1e-32}
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return torch.optim.LBFGS(trained, lr=1.0, history_size=HISTORY, line_search_fn="strong_wolfe", **tolerances)


def _step(model: sw.KAN, optimiser: torch.optim.LBFGS, value_of: Callable[[sw.KAN], Tensor]) -> float:
    def closure() -> Tensor:
        optimiser.zero_grad()
        value = value_of(model)
        value.backward()
        return value

    return float(optimiser.step(closure).detach())


@torch.no_grad()
def _change(before: sw.KAN, after: sw.KAN, x: Tensor) -> float:
    expected = before(x)
    return float((after(x) - expected).abs().max() / expected.abs().max())
