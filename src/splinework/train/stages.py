"""The order of a fit: starts, convergence on the first grid, richer splines while they pay, a polish on all rows."""

import copy
import math
from dataclasses import replace

import torch

from splinework.nn.network import KAN
from splinework.train.between_rows import N_COMPARED_POINTS, agree, new_points
from splinework.train.data_objective import DataObjective
from splinework.train.following import FOLLOWING_SHARES
from splinework.train.grid_adaptation import adapt_grids, extend_grids
from splinework.train.losses import Squared
from splinework.train.multistart import best_start, reinitialised
from splinework.train.objective import MAX_CHEAP_WORK, Objective
from splinework.train.plan import TrainingPlan, is_expensive
from splinework.train.refinement import (
    MAX_UNEXPLAINED_SHARE,
    converge,
    max_resolution,
    raise_degrees,
    refine_grids,
    selection_error,
)
from splinework.train.run import TrainingRun
from splinework.train.smoothing import Smoothing, lacks_judge, smooth_edges, without_jump_penalty

MAX_REFINEMENT_STEPS, MAX_POLISH_STEPS, MAX_EXPENSIVE_POLISH_STEPS = 60, 100, 10
"""Most second-order steps per finer grid or higher degree, and at the end on all rows, where they are cheap and expensive."""
MIN_VALUES_PER_PARAMETER, MAX_NEGLIGIBLE_SHARE = 4, 1e-4
"""Numbers per parameter, or a share of the variance left, from which a fit of all rows without a judge does no harm."""
N_SMOOTHED_STARTS, MAX_SCARCE_VALUES_PER_PARAMETER = 4, 10
"""Starts that are smoothed where data are noisy and values per parameter fewer than this: the error of an overfitted start does
not show which is the best, and the held-out rows do."""
MARGIN_ERROR_TOLERANCE, MARGIN_SPREAD_TOLERANCE = 0.01, 1e-9
"""Shares of the error and of the spread by which wider grids may change the error of rows that lay beyond the old ones."""


def run_stages(run: TrainingRun, objective: Objective, plan: TrainingPlan) -> Objective:
    """Goes through the stages; returns the objective with the last model, the best one is the run's."""
    method, model = plan.method, objective.model
    planned = plan.grids if isinstance(plan.grids, list) else []
    planned = [g for g in planned if g > max_resolution(model)]
    budget = plan.stage_steps if plan.steps is None else max(math.ceil(plan.steps / (1 + len(planned))), 1)
    if run.over:
        return objective
    if plan.starts > 1 or (method.second_order and len(model.kan_layers) > 1):
        # All trials together take about twice the first round; half of the steps are for the winner.
        trial = method.trial_steps
        if plan.steps is not None:
            trial = min(trial, max(plan.steps // (4 * plan.starts), 2))
        objective = objective.on(best_start(run, objective.subsample(), method, plan.starts, trial))
    else:
        adapt_grids(model, objective.activations())
    if run.over:
        return objective
    begun = copy.deepcopy(objective.model) if plan.smooths != "never" and len(model.kan_layers) > 1 else None
    extend_grids(objective.model, objective.activations())
    stage = f"grid {objective.model.kan_layers[0].basis.resolution}"
    # A sample that is noisy says that smoothing comes next, which begins anew.
    converge(
        run,
        objective,
        method,
        budget,
        stage,
        unless=lambda: _needs_smoothing(run, objective, plan),
        shares=FOLLOWING_SHARES,
    )
    if run.over or run.history.creeps(run.ahead) or (plan.grids == "auto" and not method.second_order):
        return objective
    finer = min(budget, MAX_REFINEMENT_STEPS) if method.second_order else budget
    if _needs_smoothing(run, objective, plan):
        smoothed = _smoothed(run, objective, plan, begun)
        if smoothed is not objective:
            return smoothed
    if plan.raises:
        objective = raise_degrees(run, objective, method, finer)
    if plan.grids is not None:
        grown = refine_grids(run, objective, method, planned if plan.grids != "auto" else None, finer)
        changed, objective = grown is not objective, grown
        if plan.raises and changed:
            objective = raise_degrees(run, objective, method, finer)
    if plan.smooths == "noisy" and 1e-7 < objective.unexplained_share() <= MAX_UNEXPLAINED_SHARE and not run.over:
        objective = _smoothed(run, objective, plan)
    return objective


def _needs_smoothing(run: TrainingRun, objective: Objective, plan: TrainingPlan) -> bool:
    """Whether a converged network leaves so much that it is noise, or nothing would show that it is."""
    if plan.smooths != "noisy":
        return plan.smooths == "always"
    return objective.unexplained_share() > MAX_UNEXPLAINED_SHARE or lacks_judge(run, objective)


def _smoothed(run: TrainingRun, objective: Objective, plan: TrainingPlan, begun: KAN | None = None) -> Objective:
    """The objective with the smoothing that its likelihood asks for, or as it is where that does not pay.

    A network that has followed the noise is a bad place to begin from, so one with hidden nodes begins `begun`, as coarse as its
    start was; and so do others, of which the best is kept.
    """
    before = selection_error(run, objective)
    smoothed = smooth_edges(run, objective if begun is None else objective.on(begun), plan.method)
    after = selection_error(run, smoothed)
    for _ in range(_n_smoothed_starts(objective, plan, begun) - 1):
        if run.over:
            break
        rival = _smoothed_restart(run, objective, plan)
        score = selection_error(run, rival)
        if score < after:
            smoothed, after = rival, score
    # Few held-out rows favour the luckiest of many states; smoothing is chosen unless the difference is clear.
    chance = 0.0 if run.held_out is None else run.held_out.n_values**-0.5
    if plan.smooths == "always" or lacks_judge(run, objective) or after < before * (1 + chance):
        run.judge_anew(smoothed, run.held_out)
        return smoothed
    run.history.decide("smoothing", f"smoothing did not pay: relative error {after:.3g} after {before:.3g}")
    return objective


def _n_smoothed_starts(objective: Objective, plan: TrainingPlan, begun: KAN | None) -> int:
    """How many starts are smoothed: several where rows are few for the numbers of the model, and steps are not counted.

    Each takes as long as all that went before, so there are no others where steps are expensive.
    """
    few = objective.n_values < MAX_SCARCE_VALUES_PER_PARAMETER * objective.model.parameter_count(active=True)
    several = begun is not None and few and plan.starts > 1 and plan.steps is None and not is_expensive(objective)
    return N_SMOOTHED_STARTS if several else 1


def _smoothed_restart(run: TrainingRun, objective: Objective, plan: TrainingPlan) -> Objective:
    """A smoothed fit from another start, the best of a few."""
    scout = objective.subsample().on(reinitialised(objective.model, run.generator))
    rival = objective.on(best_start(run, scout, plan.method, N_SMOOTHED_STARTS, plan.method.trial_steps))
    extend_grids(rival.model, rival.activations())
    return smooth_edges(run, rival, plan.method)


def extend_margins(run: TrainingRun, objective: Objective) -> None:
    """Widens the hidden grids of the best state to their whole margin, where that costs next to nothing: new data go further."""
    if run.best is None or not run.taken or not run.best_score < math.inf:
        return
    present = replace(objective.on(run.best), penalties=run.best_penalties)
    wider = present.on(copy.deepcopy(run.best))
    extend_grids(wider.model, wider.activations(), near=1.0)
    score, little = run.score(wider), MARGIN_SPREAD_TOLERANCE * wider.spread**0.5
    # Held-out rows, which judge a state, are few: the rows of the fit see more of what the polynomials do further out.
    fitted = [math.sqrt(max(each.value_on_all_rows(), 0.0)) for each in (wider, present)]
    errors = ((score, run.best_score), fitted)
    if all(after <= before * (1 + MARGIN_ERROR_TOLERANCE) + little for after, before in errors):
        run.best, run.best_score = wider.model, score


def polish(run: TrainingRun, everything: Objective, plan: TrainingPlan) -> bool:
    """Fits all rows from the best state on; nothing is held out any more. Returns whether it was done.

    Where rows are noisy and few, and nothing smooths, the held-out rows are all that keeps the model from following the noise:
    then it stays as they judged it.
    """
    assert run.best is not None
    everything = replace(everything.on(copy.deepcopy(run.best)), penalties=run.best_penalties)
    ample = everything.n_values >= MIN_VALUES_PER_PARAMETER * everything.model.parameter_count(active=True)
    if not (ample or run.best_penalties or everything.unexplained_share() < MAX_NEGLIGIBLE_SHARE):
        run.history.decide("stop", "no polish on all rows: they are noisy, and few for the numbers of the model")
        return False
    extend_grids(everything.model, everything.activations(), near=1.0)
    run.judge_anew(everything, None)
    smoothed = any(isinstance(penalty, Smoothing) for penalty in everything.penalties)
    method = without_jump_penalty(plan.method) if smoothed else plan.method
    steps = MAX_POLISH_STEPS if everything.work <= MAX_CHEAP_WORK else MAX_EXPENSIVE_POLISH_STEPS
    run.advance(everything, method, steps, "polish", settles=1e-2)
    return True


@torch.no_grad()
def polish_strays(run: TrainingRun, judged: DataObjective, held_out: Objective, seed: int) -> bool:
    """Whether the polish changed the judged model by more than its error on held-out rows; then it is taken back.

    Rows that are met exactly say nothing of what is between them, and nothing is held out any more that would.
    """
    if run.best is None or not isinstance(judged.criterion, Squared):
        return False
    fresh = new_points(judged.u, N_COMPARED_POINTS, seed)
    error = held_out.on(judged.model).loss_value()
    if agree(run.best.unit_forward(fresh), judged.model.unit_forward(fresh), 2 * error):
        return False
    run.judge_anew(judged, held_out)
    run.history.decide("stop", "no polish on all rows: it changed the function by more than its held-out error")
    return True
