"""The part of a network that is fitted where it has far more numbers than there are rows: fewer inputs, fewer hidden nodes.

A Gaussian process says which inputs the targets depend on; edges from the others are closed. Of the hidden nodes as many stay as
second-order steps can teach in seconds. The network keeps its shape; the rest of it is there, with closed edges.
"""

import copy
import math
from dataclasses import replace

import torch
from torch import Tensor

from splinework.nn.network import KAN
from splinework.train.data_objective import DataObjective
from splinework.train.data_split import DataSplit
from splinework.train.options import TrainingOptions
from splinework.train.plan import make_plan
from splinework.train.process_teacher import ProcessTeacher
from splinework.train.run import half_time
from splinework.train.smoothing import is_oversized
from splinework.train.teacher import is_knowable, is_teachable

MAX_PARAMETERS = 1500
"""Most parameters of a part, unless it takes more to keep one node a layer; steps take time in proportion to their cube."""


def simplified(
    objective: DataObjective, rows: DataSplit, options: TrainingOptions, began: float | None = None
) -> tuple[DataSplit, DataObjective]:
    """The rows and the objective that are fitted: of a part of an oversized network, with skewed inputs on even scales.

    Args:
        objective: The rows to fit and the network.
        rows: These and those that are held out.
        options: The settings of the fit; unless they are the defaults, nothing changes.
        began: Time on the clock at which the fit began; this moment where it is None. Half of the budget may be used up here.
    """
    until = half_time(options.deadline(began), resumes=options.checkpoint is not None)
    if is_oversized(objective):
        objective, rows = within_reach(objective, rows, options, until)
    if is_knowable(objective, make_plan(objective, options, smooth=options.smooths), options):
        from splinework.train.input_transform import on_even_scales  # loaded where scales may change

        rows = on_even_scales(objective, rows, options, until)
        objective = replace(objective, u=rows.used.u)
    return rows, objective


def within_reach(
    objective: DataObjective, rows: DataSplit, options: TrainingOptions, until: float = math.inf
) -> tuple[DataObjective, DataSplit]:
    """The objective of a part of an oversized network, and rows that know what a process, sought `until` then, has found."""
    model = objective.model
    small = objective.on(subnetwork(model, torch.ones(model.inputs, dtype=torch.bool)))
    if not is_teachable(small, make_plan(small, options, smooth=options.smooths), options):
        return objective, rows
    teacher = ProcessTeacher.of(rows.used, options.seed, deadline=until)
    return objective.on(subnetwork(model, teacher.depends)), replace(rows, covariances=teacher.covariances)


@torch.no_grad()
def subnetwork(model: KAN, inputs: Tensor) -> KAN:
    """A copy whose closed edges are those from all but some `inputs (inputs,)`, and all of surplus hidden nodes.

    Every hidden layer keeps the same share of its nodes, the first ones.
    """
    nodes = model.config.nodes[1:-1]
    for count in range(max(len(each.groups) for each in nodes) if nodes else 1, 0, -1):
        part, kept = copy.deepcopy(model), [inputs.to(model.kan_layers[0].mask.device)]
        for layer, each in zip(part.kan_layers, [*nodes, None], strict=True):
            ends, onward = torch.ones_like(layer.mask[0]), None
            if each is not None:
                stay = max(1, round(len(each.groups) * count / max(len(one.groups) for one in nodes)))
                owner = [node for node, group in enumerate(each.groups) for _ in group]
                ends = torch.tensor(owner, device=layer.mask.device) < stay
                onward = torch.arange(len(each.groups), device=layer.mask.device) < stay
            layer.mask.mul_(kept[-1][:, None] * ends)
            if onward is not None:
                kept.append(onward)
        if part.parameter_count(active=True) <= MAX_PARAMETERS:
            break
    return part
