"""Knowledge distillation (Hinton et al. 2015): a network learns a function that is known wherever one likes, without noise."""

import math
from dataclasses import replace

import torch
from torch import Tensor

from splinework.nn.network import KAN
from splinework.train.between_rows import draw_points, new_points
from splinework.train.data_objective import DataObjective
from splinework.train.exchange import TeacherFunction, exchange
from splinework.train.plan import TrainingPlan
from splinework.train.run import TrainingRun
from splinework.train.stages import extend_margins, run_stages

MIN_POINTS, POINTS_PER_PARAMETER, HELD_OUT_SHARE = 1500, 3, 0.15
"""Points that the network learns from, and the share of as many again by which its states are judged."""
TARGET_SHARE = 0.25
"""Share of the teacher's own uncertainty below which following it more closely is not worth while: it adds 3 % to the error."""
N_STARTS, N_FINAL_STEPS, SETTLES = 4, 30, 0.2
"""Starts of the network, steps after the teacher has seen all rows, and the gain of ten steps below which a stage ends."""


def teach(
    run: TrainingRun,
    objective: DataObjective,
    plan: TrainingPlan,
    teacher: TeacherFunction,
    seed: int,
    end: bool = True,
    rough: bool = False,
) -> tuple[KAN, str]:
    """Trains the network on the teacher's function; the run keeps the best state.

    Args:
        run: A run, which is judged by points of the teacher's function that the network does not learn from.
        objective: The rows, whose network is the start.
        plan: The plan of the training.
        teacher: The teacher, in the units of the objective.
        seed: Seed of the points that are drawn.
        end: Whether no `finish` follows, which learns what lies beyond the rows.
        rough: Whether the function has steps, as trees have: what the network cannot follow is smoothed like noise then, and it
            learns from as many points as there are rows at least.

    Returns:
        The network, whose score is what it misses between the rows, and a sentence about it.
    """
    points = _points(objective, seed, rough)
    unseen = new_points(objective.u, round(HELD_OUT_SHARE * len(points)), seed)
    student = replace(objective, u=points, t=teacher(points), weights=None)
    judge = run.held_out
    between = replace(student, u=unseen, t=teacher(unseen))
    run.judge_anew(student, between)
    try:
        with run.approximating("teacher, ", TARGET_SHARE * teacher.uncertainty(unseen), SETTLES):
            run_stages(
                run, student, replace(plan, starts=min(plan.starts, N_STARTS), smooths="noisy" if rough else "never")
            )
            if end:
                exchange(run, student, plan, objective.u, teacher, seed)
        assert run.best is not None
        run.judge_anew(replace(student.on(run.best), penalties=run.best_penalties), between)
    finally:
        run.held_out = judge
    misfit = run.best_score / math.sqrt(objective.spread)
    return run.best, f"{len(points)} points of {teacher} taught the network, which differs by {100 * misfit:.2g} %"


def teach_finally(
    run: TrainingRun,
    everything: DataObjective,
    plan: TrainingPlan,
    teacher: TeacherFunction,
    seed: int,
    rough: bool = False,
) -> None:
    """The last steps of a network that has learned from a teacher of most rows, by one of all: the run keeps the state.

    Args:
        run: The run, whose rows are held out no more.
        everything: All rows, and the network.
        plan: The plan of the training.
        teacher: The teacher of all rows.
        seed: Seed of the points that are drawn.
        rough: Whether the function has steps; the network learns under the same penalties as before then.
    """
    points = _points(everything, seed, rough)
    penalties = run.best_penalties if rough else ()
    student = replace(everything, u=points, t=teacher(points), weights=None, penalties=penalties)
    run.judge_anew(student, None)
    with run.approximating("teacher, ", TARGET_SHARE * teacher.uncertainty(points), SETTLES):
        run.advance(student, plan.method, N_FINAL_STEPS, "polish")
        exchange(run, student, plan, everything.u, teacher, seed)
    assert run.best is not None
    run.judge_anew(student.on(run.best), None)
    extend_margins(run, student)  # of a few rows one is more than the points that a grid may leave out


def _points(objective: DataObjective, seed: int, rough: bool) -> Tensor:
    """Draws the points that the network learns from: the rows, and others where further rows would lie."""
    least = max(MIN_POINTS, len(objective.u)) if rough else MIN_POINTS
    count = max(least, POINTS_PER_PARAMETER * objective.model.parameter_count(active=True))
    return draw_points(objective.u, count, torch.Generator().manual_seed(seed))
