"""The beginning of a lesson: a run, the objective of a network with hidden nodes, and the plan of it; steps; a clock."""

import time

import torch

import splinework as sw
from splinework.train import process_search
from splinework.train.data_objective import DataObjective
from splinework.train.options import TrainingOptions
from splinework.train.plan import make_plan
from splinework.train.run import TrainingRun


def lesson(u, t, seed, hidden=9):
    model = sw.KAN([u.shape[1], hidden, 1], dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    objective = DataObjective(model, u=u, t=t, seed=seed)
    plan = make_plan(objective, TrainingOptions(seed=seed, progress=False), smooth=False)
    return TrainingRun(None, torch.Generator().manual_seed(seed)), objective, plan


def stepped(u):
    """Two boxes, each of thresholds in two inputs, which no sum of curves has."""
    boxes = [(u[:, 0] > 0.1) & (u[:, 1] > -0.3), (u[:, 0] < -0.2) & (u[:, 2] > 0.2)]
    return (2.0 * boxes[0].to(u) + 1.5 * boxes[1].to(u))[:, None]


class EvidenceClock:
    """A clock on which an evaluation of the evidence takes a second, and nothing else any time."""

    def __init__(self, monkeypatch):
        self.now, own = 0.0, process_search.negative_evidence

        def counted(*given, **how):
            self.now += 1
            return own(*given, **how)

        monkeypatch.setattr(process_search, "negative_evidence", counted)
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
