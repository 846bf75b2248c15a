"""The smallest network that is as good as a fitted one: finer grids, pruning, single edges removed one by one."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from splinework.errors import FitWarning
from splinework.interpret.edit.pruning import without_edges, without_weak
from splinework.interpret.scores import attribution
from splinework.interpret.symbolic import clock
from splinework.nn.network import KAN
from splinework.train import FitResult, History, TrainingOptions, fit
from splinework.train.history import join_histories

MIN_THRESHOLD, MAX_THRESHOLD = 1e-4, 3e-2
"""Bounds of the attribution below which edges are pruned, otherwise three times the relative error."""
MAX_CLEAN_ERROR = 0.05
"""Relative error up to which data are considered free of noise."""
COUNTED_STEPS, COUNTED_FIT = 60, 0.5
"""Most steps of a fit where work is counted instead of seconds, and the units that it counts for."""
MAX_ERROR_RATIO, MAX_ERROR_RATIO_NOISY = 1.5, 1.01
"""Largest ratio of the held-out error of a smaller network (relative errors below 1e-5 count as equal)."""


def simplified(
    model: KAN, x: Any, y: Any, *, options: TrainingOptions, budget: float, fallback: History
) -> tuple[KAN, History]:
    """Fits with growing grids, prunes by attribution and fits again, as long as the held-out error allows.

    `options` say which rows are held out and what else all fits have in common; `fallback` is the history of the model handed
    in, for the case that it stays the best.

    Returns:
        The network, and the history of the fit that led to it.
    """
    held_x, held_y = options.validation  # type: ignore[misc]  # rows, here
    grown = trial_fit(model, x, y, replace(options, budget=budget / 2))
    if _error(grown.model, held_x, held_y) > _error(model, held_x, held_y):
        grown = FitResult(model, fallback)
    else:
        grown = FitResult(grown.model, join_histories(fallback, grown.history))
    columns = torch.as_tensor(x, dtype=torch.float64)
    until = clock.now() + budget / 2
    best = grown
    reference = _error(best.model, held_x, held_y)

    def as_good(smaller: KAN, steps: int | None) -> FitResult | None:
        """The smaller network fitted again, if it is as good as the best so far."""
        again = trial_fit(smaller, x, y, replace(options, grids=None, steps=steps, budget=budget / 6))
        nonlocal reference
        error = _error(again.model, held_x, held_y)
        allowed = (
            MAX_ERROR_RATIO * reference + 1e-5 if reference < MAX_CLEAN_ERROR else MAX_ERROR_RATIO_NOISY * reference
        )
        reference = min(reference, error)
        return FitResult(again.model, join_histories(best.history, again.history)) if error <= allowed else None

    for factor in (10.0, 3.0):
        threshold = min(max(factor * _error(best.model, held_x, held_y), MIN_THRESHOLD), MAX_THRESHOLD)
        smaller = without_weak(best.model, columns, threshold)
        if smaller.active_edges() < best.model.active_edges():
            best = as_good(smaller, None) or best
    if best.model.active_edges() <= 30:
        noisy = MAX_CLEAN_ERROR < reference < 0.95  # above, a constant is nearly as good, and any edge may go
        best = _one_by_one(best, columns, as_good, until, weakest=0.1 if noisy else float("inf"))
    return best.model, best.history


def _one_by_one(
    best: FitResult, x: Tensor, as_good: Callable[[KAN, int | None], FitResult | None], until: float, weakest: float
) -> FitResult:
    """Takes out single edges, weak ones first, while the rest can make up for it.

    Many networks have the same output (what a product leaves over, a sum can take); this finds one with few edges. Only
    edges with an attribution up to `weakest` are tried: under noise, held-out rows cannot judge strong ones.
    """
    refused: set[tuple[int, int, int, int]] = set()
    while clock.now() < until:
        scores = attribution(best.model, x).edges
        masks = [layer.mask.nonzero().tolist() for layer in best.model.kan_layers]
        alive = [(float(s[i, j]), l, i, j) for l, s in enumerate(scores) for i, j in masks[l]]
        count = best.model.active_edges()
        todo = [entry for entry in sorted(alive) if entry[0] <= weakest and (count, *entry[1:]) not in refused]
        if not todo:
            break
        _, layer, i, j = todo[0]
        keep = [m.mask != 0 for m in best.model.kan_layers]
        keep[layer][i, j] = False
        again = as_good(without_edges(best.model, x, keep), 25)
        if again is None:
            refused.add((count, layer, i, j))
        else:
            best = again
    return best


@torch.no_grad()
def _error(model: KAN, x: Any, y: Any) -> float:
    """Held-out error in network units, that is relative to the spread of y."""
    u = model.input_scaling(torch.as_tensor(x, dtype=torch.float64))
    t = model.output_scaling(torch.as_tensor(y, dtype=torch.float64).reshape(len(u), -1))
    return float((model.unit_forward(u) - t).square().mean().sqrt())


def trial_fit(model: KAN, x: Any, y: Any, options: TrainingOptions) -> FitResult:
    """`fit` without its warnings; the history has them all the same. Ctrl-C ends it, and what it is part of."""
    if clock.counts_work():  # seconds are no limit then, but steps
        options = replace(options, budget=None, steps=min(options.steps or COUNTED_STEPS, COUNTED_STEPS))
        clock.spend(COUNTED_FIT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        result = fit(model, x, y, options=options)
    if any("interrupted" in note for note in result.history.notes[-1:]):
        raise KeyboardInterrupt  # who asked for an end does not mean that of one fit among many
    return result
