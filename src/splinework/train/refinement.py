"""Adaptive refinement: finer grids by knot insertion, which keeps the function, and higher degrees, while the error falls."""

import copy
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from splinework.interpret.edit.degree import raise_layer
from splinework.interpret.edit.grid_refinement import refine_layer
from splinework.interpret.edit.knot_insertion import insert
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.splines import grid_points
from splinework.splines.bases import LINEAR_BASIS
from splinework.train.coordinates import effective_parameters
from splinework.train.following import follow
from splinework.train.grid_adaptation import extend_grids
from splinework.train.jacobian import ParameterVector
from splinework.train.objective import MAX_CHEAP_WORK, Objective
from splinework.train.optim import Optimiser
from splinework.train.run import TrainingRun

MIN_VALUES_PER_PARAMETER = 2.5
"""A spline is not made richer beyond this many training numbers per parameter."""
MAX_GROWN_WORK = 1.5e10
"""A spline is not made richer where a step would take more multiplications than this, about a second."""
MAX_MISSES = 2
"""Growth ends when this many doublings in a row did not pay: a fast wave is not seen at all before its grid is fine enough. Where
nearly all is explained there is none, and the first one that does not pay is the last."""
MAX_WAVELESS_SHARE = 1e-6
"""Share of the variance that is left, below which no wave has been missed."""
MAX_NEGLIGIBLE_SHARE = 1e-10
"""Share of the variance left that richer splines need not lower where their steps are expensive."""
MAX_ERROR_RATIO = 0.95
"""A richer spline pays if the error falls below this share of what it was."""
MAX_UNEXPLAINED_SHARE = 1e-2
"""Degrees are raised once all but this share of the variance is explained: below that, noise or a coarse grid rule."""
RAISED_DEGREE, MAX_DEGREE = 7, 9
"""The degree that is tried first, and the last one."""

MAX_STEPS_AFTER_SAMPLE = 20
"""Most steps of a stage on all rows, after those on a sample."""


def converge(
    run: TrainingRun,
    objective: Objective,
    optimiser: Optimiser,
    steps: int,
    stage: str,
    *,
    unless: Callable[[], bool] = lambda: False,
    shares: Sequence[float] = (1.0,),
) -> None:
    """Takes up to `steps` steps of a stage, where rows are many for a second-order method on a sample of them first.

    Args:
        run: The fit in progress.
        objective: The rows and the model.
        optimiser: The method of all steps.
        steps: Most steps on the sample, or on all rows where there is none.
        stage: Name of the stage; that of the steps on the sample is `stage, sample`.
        unless: Whether the sample has shown that steps on all rows would be in vain.
        shares: Shares of the steps of a first-order or quasi-Newton method after which grids follow in any case.
    """
    if not optimiser.second_order and len(objective.model.kan_layers) > 1:
        follow(run, objective, optimiser, steps, stage, shares)
        return
    scout = objective.subsample()
    if optimiser.second_order and scout.count < objective.count:
        # The error on rows of the sample says nothing of the others; held-out rows do.
        judging, run.judging = run.judging, run.held_out is not None and run.judging
        try:
            run.advance(scout, optimiser, steps, f"{stage}, sample")
        finally:
            run.judging = judging
        extend_grids(objective.model, objective.activations())
        if unless():
            run.consider(objective)  # by all rows, as what follows may not pay
            return
        steps = min(steps, MAX_STEPS_AFTER_SAMPLE)
    run.advance(objective, optimiser, steps, stage)


def refine_grids(
    run: TrainingRun, objective: Objective, optimiser: Optimiser, grids: Sequence[int] | None, steps: int
) -> Objective:
    """Refines and fits again, until it does not pay or the list of `grids` ends.

    Args:
        run: The fit in progress.
        objective: The rows and the model, converged on its present grid.
        optimiser: How each grid is fitted.
        grids: Resolutions to go through; None refines while the held-out error falls: in the cells that the residual asks
            for, where these are few, else everywhere to the double.
        steps: Steps per grid.

    Returns:
        The objective with the last model that paid.
    """
    score, present, misses, places = selection_error(run, objective), objective, 0, grids is None
    planned = list(grids) if grids is not None else None
    while not run.over and _is_worth_growing(objective):
        trial = _with_residual_knots(present) if places else None
        if trial is not None:
            run.mark()
            converge(run, trial, optimiser, steps, f"grid {max_resolution(trial.model)}")
            new = selection_error(run, trial)
            places = new < max_error_ratio(trial) * score
            message = f"knots where the residual asks for them, {_sizes(trial.model)} intervals"
            if places:
                run.history.decide("grid", f"{message}: relative error {new:.3g} after {score:.3g}")
                objective, present, score = trial, trial, new
                continue
            run.rewind(objective)
            run.history.decide("grid", f"{message}, did not pay: relative error {new:.3g} after {score:.3g}")
        grid = max_resolution(present.model)
        if planned is not None:
            planned = [g for g in planned if g > grid]
            if not planned:
                break
            resolution = planned.pop(0)
        else:
            resolution = 2 * grid
            if not may_grow(present, resolution / grid):
                run.history.decide(
                    "grid", f"grid {resolution} would have too few rows, or take too long, for its numbers"
                )
                break
        if not misses:
            run.mark()
        present = present.on(_with_resolution(present, resolution))
        converge(run, present, optimiser, steps, f"grid {resolution}")
        new = selection_error(run, present)
        if planned is None and not new < max_error_ratio(present) * score:
            run.history.decide("grid", f"grid {resolution} did not pay: relative error {new:.3g} after {score:.3g}")
            misses, places = misses + 1, False
            if misses == MAX_MISSES or present.order or objective.unexplained_share() < MAX_WAVELESS_SHARE:
                break
        else:
            objective, score, misses, places = present, new, 0, planned is None
    if misses:
        run.rewind(objective)
    return objective


def raise_degrees(
    run: TrainingRun, objective: Objective, optimiser: Optimiser, steps: int, *, enough: float = 0.0
) -> Objective:
    """Tries splines of a higher degree on the same intervals, and goes on while they pay, and leave more than is `enough`.

    Where the function is smooth, an error that falls as `G^-(k+1)` is worth more with every degree; where it is not,
    the held-out rows say so at the first try.
    """
    while not run.over and _is_worth_growing(objective) and objective.unexplained_share() > enough:
        degrees = [degree for layer in objective.model.kan_layers if (degree := _degree(layer)) is not None]
        if not degrees or min(degrees) >= MAX_DEGREE or objective.unexplained_share() > MAX_UNEXPLAINED_SHARE:
            break
        degree = RAISED_DEGREE if min(degrees) < RAISED_DEGREE else MAX_DEGREE
        grid = max_resolution(objective.model)
        if not may_grow(objective, (grid + degree + 1) / (grid + min(degrees) + 1)):
            break
        score = selection_error(run, objective)
        run.mark()
        higher = objective.on(map_layers(objective, partial(_raise, degree)))
        converge(run, higher, optimiser, steps, f"degree {degree}")
        new = selection_error(run, higher)
        if not new < MAX_ERROR_RATIO * score:
            run.rewind(objective)
            run.history.decide("degree", f"degree {degree} did not pay: relative error {new:.3g} after {score:.3g}")
            break
        run.history.decide("degree", f"degree {degree} from here on: relative error {new:.3g} after {score:.3g}")
        objective = higher
    return objective


def _is_worth_growing(objective: Objective) -> bool:
    """Whether steps are cheap, or what is left is not negligible."""
    return objective.work <= MAX_CHEAP_WORK or objective.unexplained_share() > MAX_NEGLIGIBLE_SHARE


@torch.no_grad()
def selection_error(run: TrainingRun, objective: Objective) -> float:
    """The criterion of model selection: the held-out error or, without held-out rows, generalised cross-validation.

    `GCV = loss / (1 - edf/N)²` (Craven & Wahba 1979) with the effective number of parameters for edf.
    """
    score = run.score(objective)
    if run.held_out is not None:
        return score
    left = 1 - effective_parameters(objective) / objective.n_values
    return score / left if left > 0.05 else float("inf")


def max_error_ratio(objective: Objective) -> float:
    """Below which share of the error a finer grid pays.

    Where derivatives are in the loss, what does not gain much is better left: the finer the grid, the less the loss says
    of the function itself.
    """
    return MAX_ERROR_RATIO if objective.order == 0 else 0.2


def max_resolution(model: KAN) -> int:
    """The largest number of intervals of all layers."""
    return max(layer.basis.resolution for layer in model.kan_layers)


@torch.no_grad()
def _with_residual_knots(objective: Objective) -> Objective | None:
    """The same with knots only where the residual asks for them; None where that is everywhere, or rows are too few."""
    points = residual_knots(objective)
    if points is None:
        return None
    finer = insert(objective.model, points)
    if not may_grow(objective, finer.parameter_count(active=True) / objective.model.parameter_count(active=True)):
        return None
    extend_grids(finer, objective.activations())
    return objective.on(finer)


def _sizes(model: KAN) -> str:
    return " and ".join(str(layer.basis.resolution) for layer in model.kan_layers)


@torch.no_grad()
def _with_resolution(objective: Objective, resolution: int) -> KAN:
    present = max_resolution(objective.model)

    def refine(layer: KANLayer, u: torch.Tensor) -> None:
        if layer.basis != LINEAR_BASIS:  # a straight line by intention
            refine_layer(layer, max(round(layer.basis.resolution * resolution / present), layer.basis.resolution), u)

    finer = map_layers(objective, refine)
    extend_grids(finer, objective.activations())
    return finer


@torch.no_grad()
def map_layers(objective: Objective, change: Callable[[KANLayer, torch.Tensor], None]) -> KAN:
    """A copy of the model, every layer of which was changed in place at its activations."""
    other, u = copy.deepcopy(objective.model), objective.activations()
    for layer, nodes in zip(other.kan_layers, other.config.nodes[1:], strict=True):
        change(layer, u)
        u = nodes.combine(layer(u))
    return other


def _raise(degree: int, layer: KANLayer, u: torch.Tensor) -> None:
    own = _degree(layer)
    if own is not None and own < degree:
        raise_layer(layer, degree, u)


def _degree(layer: KANLayer) -> int | None:
    """The degree of a layer, if it may change; None for another, and for a straight line by intention."""
    return None if layer.basis == LINEAR_BASIS or layer.grid_kind == "learnable" else layer.basis.degree


def may_grow(objective: Objective, factor: float) -> bool:
    """Whether rows are enough for `factor` times the parameters, and a step with them does not take too long."""
    parameters = factor * objective.model.parameter_count(active=True)
    return parameters * MIN_VALUES_PER_PARAMETER <= objective.n_values and factor**2 * objective.work <= MAX_GROWN_WORK


MAX_CELL_SHARE = 0.5
"""Share of all cells of the network up to which those worth a knot are few: else even grids do as well."""


@torch.no_grad()
def cell_scores(objective: Objective) -> list[Tensor]:
    """Predicted decrease of the objective if a cell were halved, `(inputs, G)` per layer of splines.

    On the grids with every cell halved, to which the model is taken exactly, a spline c by itself would lower the objective
    by `b²/a`, with the half gradient b and the curvature a of its coefficient. That counts for the cell in which the middle of
    its support lies, half for either where that is a knot, summed over the outputs.
    """
    fine = copy.deepcopy(objective.model)
    for layer in fine.kan_layers:
        refine_layer(layer, 2 * layer.basis.resolution, None)
    parameters = ParameterVector.of(fine)
    products = objective.on(fine).curvature_operator(parameters)
    seen = products.diagonal > 1e-12 * products.diagonal.max().clamp_min(1e-300)
    falls = torch.where(seen, products.vector.square() / products.diagonal.clamp_min(1e-300), 0.0)
    found = []
    for layer, old, (values, _) in zip(
        fine.kan_layers, objective.model.kan_layers, parameters.unpack(fine, falls), strict=True
    ):
        found.append(_sum_by_cell(layer, old, values[:, : layer.basis.size].sum(2)))
    return found


@torch.no_grad()
def residual_knots(objective: Objective) -> list[Tensor | None] | None:
    """New knots in the middle of the cells that are worth it, `(R, inputs)` or None per layer, if these cells are few.

    A cell is worth it if its score is more than the best cell's will be once that is halved, `2^-(2k+3)` of what it is:
    the error of a spline of degree k falls as `h^(k+1)`, its square is summed over a cell of width h. All inputs of a layer
    get as many as the one that wants most, in their own best cells.

    Returns:
        None where even refinement does as well, or the network has layers of another kind.
    """
    layers = objective.model.kan_layers
    if not all(layer.basis.degree is not None and layer.grid_kind != "learnable" for layer in layers):
        return None
    if any(layer.shaping is not None and layer.shaping.symmetric for layer in layers):
        return None  # their grids must stay alike
    found = cell_scores(objective)
    best = max(float(score.max()) for score in found)
    if not best > 0:
        return None
    points: list[Tensor | None] = []
    cells = wanted = 0
    for layer, score in zip(layers, found, strict=True):
        assert layer.basis.degree is not None
        cells += score.numel()
        count = 0
        if layer.basis != LINEAR_BASIS:  # a straight line by intention
            count = int((score > best * 2.0 ** -(2 * layer.basis.degree + 3)).sum(1).max())
        wanted += count * layer.inputs
        ends = grid_points(layer.knots(), layer.basis.degree)
        middles = ((ends[:, :-1] + ends[:, 1:]) / 2).gather(1, score.topk(count, dim=1).indices).T
        points.append(middles if count else None)
    return points if wanted <= MAX_CELL_SHARE * cells else None


def _sum_by_cell(fine: KANLayer, old: KANLayer, falls: Tensor) -> Tensor:
    """Scores of the fine splines `(I, M)`, summed up by the cells of the old grid, `(I, G)`."""
    assert fine.basis.degree is not None
    degree, knots = fine.basis.degree, fine.knots()
    ends = grid_points(old.knots(), degree).contiguous()
    middle = (knots[:, : fine.basis.size] + knots[:, degree + 1 :]) / 2
    total = falls.new_zeros(old.inputs, old.basis.resolution)
    little = 1e-6 * torch.diff(ends, dim=1).amin(1, keepdim=True)
    for side in (-little, little):
        cell = (torch.searchsorted(ends, (middle + side).contiguous()) - 1).clamp(0, total.shape[1] - 1)
        total.scatter_add_(1, cell, falls / 2)
    return total
