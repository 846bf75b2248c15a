"""The smallest network that says what a smooth one says, within what held-out rows allow: few hidden nodes, then few edges.

A smooth function is known wherever one likes and without noise, so that second-order steps teach it to a network of a few hidden
nodes (knowledge distillation, Hinton et al. 2015), at the rows and at points between them. That network then loses its
weakest edges, and what is left is taught again. The student knows the rows by its teacher only: its prediction of a row that it
has not seen is the teacher's, moved by what both differ there. Held-out rows judge it by the rule of `one_standard_error.py`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from splinework.interpret.edit.pruning import prune
from splinework.nn.network import KAN
from splinework.tabular.ensemble import ProgressCallback
from splinework.tabular.one_standard_error import Reference, by_cost, fewest
from splinework.tabular.smooth import DEGREE, GRID, step_teller
from splinework.tabular.tasks import Task
from splinework.tabular.trained import TrainedNetwork
from splinework.train.between_rows import draw_points, new_points
from splinework.train.data_objective import DataObjective
from splinework.train.data_split import set_units
from splinework.train.distillation import HELD_OUT_SHARE, MIN_POINTS, N_STARTS, POINTS_PER_PARAMETER, SETTLES
from splinework.train.options import TrainingOptions
from splinework.train.plan import make_plan
from splinework.train.run import TrainingRun
from splinework.train.stages import run_stages

NODES = (1, 2, 3, 5, 8)
"""Numbers of hidden nodes that are tried."""
MAX_PARAMETERS = 1500
"""Most parameters of a student; steps take time in proportion to their cube."""
N_REFIT_STEPS = 15
"""Steps of a student that has lost edges."""


@dataclass(frozen=True)
class Distillation:
    """A teacher and its rows, and how its students are judged.

    Attributes:
        teacher: A smooth network, in raw units.
        x: Rows `(n, p)` in raw units.
        t: Targets `(n, q)` as the likelihood takes them.
        held: The rows by which models are judged, `(m,)`.
        unseen: The teacher's outputs for these rows as if it had not seen them, `(m, q)`, as the likelihood takes them.
        y_scale: Raw outputs per unit of these, `(q,)`.
        task: The likelihood.
        best: The teacher's losses.
        columns: Inputs of each column of the table.
        names: Names of the inputs.
        seed: Seed of initial values and points.
        max_iter: Number of steps that is shown as the most.
        on_step: Called with stage, step, steps and loss; True ends the training.
    """

    teacher: KAN
    x: Tensor
    t: Tensor
    held: Tensor
    unseen: Tensor
    y_scale: Tensor
    task: Task
    best: Reference
    columns: Sequence[Sequence[int]]
    names: Sequence[str] | None
    seed: int
    max_iter: int
    on_step: ProgressCallback

    def smallest(self) -> KAN | None:
        """The student of the fewest hidden nodes, and then edges, that held-out rows allow; None where there is none."""
        inputs = self.inputs()
        for nodes in NODES:
            student = _Student(self, inputs, nodes)
            if student.objective.model.parameter_count(active=True) > MAX_PARAMETERS:
                return None
            model = student.taught()
            if self.allows(model):
                return fewest(partial(student.with_edges, model), model.active_edges() - 1) or model
            if student.run.stopped:
                break
        return None

    @torch.no_grad()
    def losses(self, outputs: Tensor) -> Tensor:
        """The losses `(m,)` of a model that has these outputs for the held rows, `(m, q)`, for rows that it has not seen."""
        moved = (outputs - self.teacher(self.x[self.held])) / self.y_scale
        return self.task.loss(self.unseen + moved, self.t[self.held])

    @torch.no_grad()
    def allows(self, model: Callable[[Tensor], Tensor]) -> bool:
        """Whether the teacher's held-out losses allow those of a model in raw units."""
        return self.best.allows(self.losses(model(self.x[self.held])))

    @torch.no_grad()
    def result(self, model: KAN, teacher: TrainedNetwork) -> TrainedNetwork:
        """The student in its teacher's place."""
        losses = self.losses(model(self.x[self.held]))
        known = ~torch.isnan(losses)
        weights = self.best.weights[known]
        unseen = None if teacher.out_of_fold is None else teacher.out_of_fold + model(self.x) - self.teacher(self.x)
        return replace(teacher, model=model, loss=float(weights @ losses[known] / weights.sum()), out_of_fold=unseen)

    @torch.no_grad()
    def inputs(self) -> Tensor:
        """The inputs of the fewest columns without whose others, held at their means, the teacher itself would be allowed."""
        means = self.x.mean(0)

        def without(gone: Sequence[int]) -> Callable[[Tensor], Tensor]:
            def outputs(x: Tensor) -> Tensor:
                fixed = x.clone()
                fixed[:, list(gone)] = means[list(gone)]
                found: Tensor = self.teacher(fixed)
                return found

            return outputs

        rows = self.x[self.held]
        order = by_cost([float(self.losses(without(each)(rows)).nansum()) for each in self.columns])

        def first(count: int) -> list[int] | None:
            gone = [i for k in order[count:] for i in self.columns[k]]
            return [i for k in order[:count] for i in self.columns[k]] if self.allows(without(gone)) else None

        kept = fewest(first, len(order))
        return torch.tensor(sorted(kept or range(self.x.shape[1])))


class _Student:
    """One size of student, its points and its training."""

    def __init__(self, distillation: Distillation, inputs: Tensor, nodes: int) -> None:
        self.distillation = distillation
        x, outputs = distillation.x, len(distillation.y_scale)
        like: dict[str, Any] = {"dtype": torch.float64, "generator": torch.Generator().manual_seed(distillation.seed)}
        model = KAN([x.shape[1], nodes, outputs], grid=GRID, degree=DEGREE, names=distillation.names, **like)
        with torch.no_grad():
            open_ = torch.zeros(x.shape[1], 1, dtype=torch.float64).index_fill(0, inputs, 1.0)
            model.kan_layers[0].mask.mul_(open_)
            set_units(model, x, distillation.teacher(x), always=True)
            u = model.input_scaling(x)
        count = max(MIN_POINTS, POINTS_PER_PARAMETER * model.parameter_count(active=True))
        points = draw_points(u, count, torch.Generator().manual_seed(distillation.seed))
        unseen = new_points(u, round(HELD_OUT_SHARE * count), distillation.seed)
        self.objective, judge = (self._objective(model, at) for at in (points, unseen))
        self.plan = replace(make_plan(self.objective, TrainingOptions(), smooth=False), smooths="never")
        tell = step_teller(distillation.on_step, "student", distillation.max_iter)
        self.run = TrainingRun(
            judge, torch.Generator().manual_seed(distillation.seed), callbacks=(tell,), remaining=distillation.max_iter
        )

    @torch.no_grad()
    def _objective(self, model: KAN, u: Tensor) -> DataObjective:
        """The teacher's outputs at points."""
        outputs = model.output_scaling(self.distillation.teacher(model.input_scaling.inverse(u)))
        return DataObjective(model, u=u, t=outputs, seed=self.distillation.seed)

    def taught(self) -> KAN:
        """The network that has learned the teacher's function."""
        with torch.inference_mode(False), torch.enable_grad(), self.run.approximating("student, ", 0.0, SETTLES):
            run_stages(self.run, self.objective, replace(self.plan, starts=min(self.plan.starts, N_STARTS)))
        assert self.run.best is not None
        return self.run.best

    def with_edges(self, model: KAN, count: int) -> KAN | None:
        """The network with this number of edges at most, the strongest, and taught again; None where it is not allowed then."""
        if count < 1 or self.run.stopped:
            return None
        smaller = prune(model, self.distillation.x, edges=0.0, nodes=0.0, inputs=0.0, keep_edges=count)
        objective = self.objective.on(smaller)
        with torch.inference_mode(False), torch.enable_grad():
            self.run.judge_anew(objective, self.run.held_out)
            self.run.advance(objective, self.plan.method, N_REFIT_STEPS, "student, fewer edges")
        assert self.run.best is not None
        return self.run.best if self.distillation.allows(self.run.best) else None
