"""The beginning of a lesson: a run, the objective of a network with nine hidden nodes, and the plan of its training."""

import torch

import splinework as sw
from splinework.train.data_objective import DataObjective
from splinework.train.options import TrainingOptions
from splinework.train.plan import make_plan
from splinework.train.run import TrainingRun


def lesson(u, t, seed):
    objective = DataObjective(sw.KAN([u.shape[1], 9, 1], dtype=torch.float64), u=u, t=t, seed=seed)
    plan = make_plan(objective, TrainingOptions(seed=seed, progress=False), smooth=False)
    return TrainingRun(None, torch.Generator().manual_seed(seed)), objective, plan
