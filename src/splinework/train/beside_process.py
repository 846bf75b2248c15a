"""What a network learns from rows beside a process of them: no more than the way where the process is far ahead.

Points of a process are more than the rows, and as exact where it meets unseen rows far better than a network does. A
network that comes as near to them as the process is asks the rows again, which may know more.
"""

import copy
import math
from dataclasses import replace

import torch
from torch import Tensor

from splinework.nn.network import KAN
from splinework.train.data_objective import DataObjective
from splinework.train.plan import TrainingPlan
from splinework.train.process_teacher import ProcessTeacher
from splinework.train.run import TrainingRun
from splinework.train.stages import run_stages
from splinework.train.teacher import MAX_BEHIND, MAX_LEFT_SHARE, SETTLES

N_SHOWN_STARTS = 8
"""Starts of a network with one hidden layer that has a process beside it: what these miss the process knows."""


def shown_the_way(
    run: TrainingRun, objective: DataObjective, plan: TrainingPlan, teacher: ProcessTeacher | None
) -> bool:
    """Runs the stages of a network that learns from the rows; whether it leaves the rest to the teacher.

    Where a process meets held-out rows so much better than a network need meet them to be a good start, it learns from the rows
    no further than that: points are more, and as exact. What fewer starts miss the process knows, but not of how many layers.
    """
    judge, enough, ahead = run.held_out, math.sqrt(MAX_LEFT_SHARE * objective.spread), False
    if teacher is not None and isinstance(judge, DataObjective):
        ahead = MAX_BEHIND * _error(teacher, judge) < enough
        few = len(objective.model.kan_layers) == 2
        plan = replace(plan, starts=min(plan.starts, N_SHOWN_STARTS)) if few else plan
    with run.approximating("", enough if ahead else 0.0, None):
        run_stages(run, objective, plan)
    return ahead and run.best_score <= enough


def knows_more(
    run: TrainingRun, objective: DataObjective, plan: TrainingPlan, teacher: ProcessTeacher, taught: KAN
) -> bool:
    """Whether rows say more than the teacher to a network that is about as near to them as that; the run has what they say."""
    judge = run.held_out
    assert isinstance(judge, DataObjective)
    run.judge_anew(objective.on(taught), judge)
    error = _error(teacher, judge)
    if run.over or run.best_score > MAX_BEHIND * error:
        return False
    with run.approximating("", 0.0, SETTLES):
        run_stages(run, objective.on(copy.deepcopy(taught)), replace(plan, starts=1))
    return MAX_BEHIND * run.best_score < error


def is_far_behind(teacher: ProcessTeacher, error: float, judge: DataObjective) -> bool:
    """Whether a teacher misses held-out rows by so much more than a network does that no search for a better one would help."""
    return _error(teacher, judge) > MAX_BEHIND * error


def _error(teacher: ProcessTeacher, judge: DataObjective) -> float:
    """Root mean square by which a teacher misses held-out rows."""
    return math.sqrt(float((teacher(judge.u) - judge.t).square().mean()))


@torch.no_grad()
def misfit(model: KAN, teacher: ProcessTeacher, points: Tensor) -> float:
    """Mean square by which a network differs from a process: of a blend with curves that it cannot be it learns nothing."""
    return float((model.unit_forward(points) - teacher(points)).square().mean())
