"""Finer grids while they pay: nested refinement, so that a finer grid starts from the same function and never costs error."""

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
    score = run.score(objective.model, objective)
    planned = list(grids) if grids is not None else None
    while not run.over:
        present = max(layer.basis.resolution for layer in objective.model.kan_layers)
        if planned is not None:
            planned = [g for g in planned if g > present]
            if not planned:
                break
            resolution = planned.pop(0)
        else:
            resolution = 2 * present
            if not _affordable(objective, resolution / present):
                break
        finer = Objective(_refined(objective, resolution), objective.u, objective.t, objective.penalties)
        run.advance(finer, optimiser, steps, f"grid {resolution}", settle=0.05)
        new = run.score(finer.model, finer)
        if planned is None and not new < WORTHWHILE * score:
            run.history.notes.append(f"grid {resolution} did not pay: held-out error {new:.3g} after {score:.3g}")
            break
        objective, score = finer, new
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
