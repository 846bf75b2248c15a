"""Finer grids while they pay: nested refinement, so that each starts from the same function and never costs error."""

import copy
from collections.abc import Sequence

import torch

from splinework.bases import BSpline
from splinework.edit.refine import refine_layer
from splinework.network import KAN
from splinework.train.follow import widen
from splinework.train.objective import Objective
from splinework.train.optim import Optimiser
from splinework.train.run import Run

ROWS_PER_PARAMETER = 2.5
"""A grid is not refined beyond this many training numbers per parameter."""
MISSES = 2
"""Growth ends when this many doublings in a row did not pay: a fast wave is not seen at all before its grid is fine enough."""
WORTHWHILE = 0.95
"""A finer grid pays if the held-out error falls below this share of what it was."""


def grow(run: Run, objective: Objective, optimiser: Optimiser, grids: Sequence[int] | None, steps: int) -> Objective:
    """Refines and fits again, until it does not pay or the list of `grids` ends.

    Args:
        run: The fit in progress.
        objective: The rows and the model, converged on its present grid.
        optimiser: How each grid is fitted.
        grids: Resolutions to go through; None doubles while the held-out error falls.
        steps: Steps per grid.

    Returns:
        The objective with the last model that paid.
    """
    score, present, misses = run.score(objective), objective, 0
    planned = list(grids) if grids is not None else None
    while not run.over:
        grid = max(layer.basis.resolution for layer in present.model.kan_layers)
        if planned is not None:
            planned = [g for g in planned if g > grid]
            if not planned:
                break
            resolution = planned.pop(0)
        else:
            resolution = 2 * grid
            if not _affordable(present, resolution / grid):
                break
        present = Objective(_refined(present, resolution), objective.u, objective.t, objective.penalties)
        run.advance(present, optimiser, steps, f"grid {resolution}")
        new = run.score(present)
        if planned is None and not new < WORTHWHILE * score:
            run.history.notes.append(f"grid {resolution} did not pay: relative error {new:.3g} after {score:.3g}")
            misses += 1
            if misses == MISSES:
                break
        else:
            objective, score, misses = present, new, 0
    return objective


@torch.no_grad()
def _refined(objective: Objective, resolution: int) -> KAN:
    finer = copy.deepcopy(objective.model)
    present = max(layer.basis.resolution for layer in finer.kan_layers)
    u = objective.u
    for layer, nodes in zip(finer.kan_layers, finer.config.nodes[1:], strict=True):
        if layer.basis == BSpline(1, 1):
            u = nodes.combine(layer(u))
            continue  # a straight line by intention
        refine_layer(layer, max(round(layer.basis.resolution * resolution / present), layer.basis.resolution), u)
        u = nodes.combine(layer(u))
    widen(finer, objective.u)
    return finer


def _affordable(objective: Objective, factor: float) -> bool:
    parameters = factor * objective.model.parameter_count(active=True)
    return parameters * ROWS_PER_PARAMETER <= objective.t.numel()
