"""From a fitted network to the smallest one that is as good: grow its grids, drop what does not matter, fit again."""

from typing import Any

import torch

from splinework.edit import prune
from splinework.network import KAN
from splinework.train import FitResult, History, fit

LOWEST, HIGHEST = 1e-4, 3e-2
"""Edges with an attribution below three times the relative error go, within these bounds."""
WORSE = 1.5
"""A smaller network may have this many times the held-out error (relative errors below 1e-5 count as equal)."""


def simplified(
    model: KAN, x: Any, y: Any, held_x: Any, held_y: Any, *, seed: int, seconds: float, fallback: History
) -> tuple[KAN, History]:
    """Fits with growing grids, prunes by attribution and fits again, as long as the held-out error allows.

    `fallback` is the history of the model handed in, for the case that it stays the best.

    Returns:
        The network, and the history of the fit that led to it.
    """
    common: dict[str, Any] = {"seed": seed, "progress": False, "validation": (held_x, held_y), "standardise": False}
    grown = fit(model, x, y, starts=1, seconds=seconds / 2, **common)
    if _error(grown.model, held_x, held_y) > _error(model, held_x, held_y):
        grown = FitResult(model, fallback)
    best = grown
    columns = torch.as_tensor(x, dtype=torch.float64)
    for factor in (10.0, 3.0):
        error = _error(best.model, held_x, held_y)
        threshold = min(max(factor * error, LOWEST), HIGHEST)
        smaller = prune(best.model, columns, edges=threshold, nodes=threshold, inputs=threshold)
        if smaller.active_edges() == best.model.active_edges():
            continue
        again = fit(smaller, x, y, starts=1, grids=None, seconds=seconds / 4, **common)
        if _error(again.model, held_x, held_y) <= WORSE * error + 1e-5:
            best = again
    return best.model, best.history


@torch.no_grad()
def _error(model: KAN, x: Any, y: Any) -> float:
    """Held-out error in network units, that is relative to the spread of y."""
    u = model.input_scaling(torch.as_tensor(x, dtype=torch.float64))
    t = model.output_scaling(torch.as_tensor(y, dtype=torch.float64).reshape(len(u), -1))
    return float((model.unit_forward(u) - t).square().mean().sqrt())
