"""The order of a fit: starts, convergence on the first grid, richer splines while they pay, a polish on all rows."""

import copy
import math

from splinework.train.follow import follow, widen
from splinework.train.growth import finest, grow, raise_degrees
from splinework.train.objective import Objective
from splinework.train.plan import Plan
from splinework.train.run import Run
from splinework.train.starts import best_start

GROWTH_STEPS, POLISH_STEPS = 60, 100
"""Most second-order steps per finer grid or higher degree, and at the end on all rows."""


def run_stages(run: Run, objective: Objective, plan: Plan) -> Objective:
    """Goes through the stages; returns the objective with the last model, the best one is the run's."""
    method, model = plan.method, objective.model
    planned = plan.grids if isinstance(plan.grids, list) else []
    planned = [g for g in planned if g > finest(model)]
    budget = plan.stage_steps if plan.steps is None else max(math.ceil(plan.steps / (1 + len(planned))), 1)
    if run.over:
        return objective
    if plan.starts > 1 or (method.second_order and len(model.kan_layers) > 1):
        # All trials together take about twice the first round; half of the steps are for the winner.
        trial = method.trial_steps
        if plan.steps is not None:
            trial = min(trial, max(plan.steps // (4 * plan.starts), 2))
        objective = objective.on(best_start(run, objective.scout(), method, plan.starts, trial))
    else:
        follow(model, objective.activations())
        if not method.second_order and plan.steps is None:
            run.advance(objective, method, budget // 4, "start")
            if not run.over:
                follow(model, objective.activations())
    if run.over:
        return objective
    scout = objective.scout()
    if method.second_order and scout.count < objective.count:
        # All rows are many: a sample of them shows the way, and what is left to do are a few steps.
        run.advance(scout, method, max(budget // 2, 1), "sample")
        run.judge_anew(objective, run.held_out)
    widen(objective.model, objective.activations())
    run.advance(objective, method, budget, f"grid {objective.model.kan_layers[0].basis.resolution}")
    if run.over or (plan.grids == "auto" and not method.second_order):
        return objective
    finer = min(budget, GROWTH_STEPS) if method.second_order else budget
    if plan.raises:
        objective = raise_degrees(run, objective, method, finer)
    if plan.grids is not None:
        objective = grow(run, objective, method, planned if plan.grids != "auto" else None, finer)
        if plan.raises:
            objective = raise_degrees(run, objective, method, finer)
    return objective


def polish(run: Run, everything: Objective, plan: Plan) -> None:
    """From the best state on, fits all rows; nothing is held out any more."""
    if run.best is None:
        return
    everything = everything.on(copy.deepcopy(run.best))
    widen(everything.model, everything.activations())
    run.judge_anew(everything, None)
    run.advance(everything, plan.method, POLISH_STEPS, "polish", settles=1e-2)
