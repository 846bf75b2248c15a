"""Losses of quantisation-aware training: the task loss, a distillation loss, and the roughness of tables."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from splinework.hardware.fake import FakeQuantised, FakeTables
from splinework.hardware.integer import Task
from splinework.nn.network import KAN


class TaskLoss:
    """The task loss of output sums, which are given in steps of the outputs."""

    def __init__(self, ready: FakeQuantised, task: Task, targets: Tensor, model: KAN) -> None:
        self.ready, self.task, self.raw = ready, task, targets
        self.targets = targets
        if task == "regression":
            after = model.output_scaling
            self.targets = after(targets.to(after.shift)).double()
            self.scale = torch.clamp(self.targets.var(dim=0, unbiased=False), min=1e-12)

    def __call__(self, sums: Tensor, rows: Tensor) -> Tensor:
        *_, (_, _, after, _) = self.ready.parts
        values = after.shift + after.step * sums
        return self.distance(values, self.targets[rows])

    def distance(self, values: Tensor, targets: Tensor) -> Tensor:
        """Mean squared error or cross-entropy between outputs in network units and values, class indices or probabilities."""
        if self.task == "regression":
            return ((values - targets) ** 2 / self.scale).mean()
        if values.shape[1] == 1:
            return F.binary_cross_entropy_with_logits(values[:, 0], targets.to(values))
        return F.cross_entropy(values, targets)


class DistillationLoss:
    """The distance from a teacher's outputs on the rows and between them (Hinton, Vinyals, Dean 2015)."""

    def __init__(
        self, teacher: KAN, model: KAN, u: Tensor, loss: TaskLoss, jitter: float, batch: int, generator: torch.Generator
    ) -> None:
        self.teacher, self.model, self.u, self.loss, self.generator = teacher, model, u, loss, generator
        self.spread = u.std(dim=0) * jitter
        self.batch = min(batch, len(u))

    @torch.no_grad()
    def _rows(self) -> tuple[Tensor, Tensor]:
        """Rows in network units, half original and half mixed with noise, and the teacher's outputs in network units."""
        draw = torch.randint(len(self.u), (3, self.batch), generator=self.generator)
        share = torch.rand(self.batch, 1, generator=self.generator, dtype=self.u.dtype)
        noise = torch.randn(self.batch, self.u.shape[1], generator=self.generator, dtype=self.u.dtype)
        mixed = share * self.u[draw[0]] + (1 - share) * self.u[draw[1]] + self.spread * noise
        rows = torch.cat([self.u[draw[2]], mixed])
        raw = self.model.input_scaling.inverse(rows.to(self.model.input_scaling.shift))
        taught = self.teacher(raw.to(next(self.teacher.parameters())))
        return rows, self.model.output_scaling(taught.to(self.model.output_scaling.shift)).double()

    def __call__(self, tables: Sequence[FakeTables]) -> Tensor:
        rows, taught = self._rows()
        ready = self.loss.ready
        *_, (_, _, after, _) = ready.parts
        values = after.shift + after.step * ready.run(rows, tables)
        if self.loss.task == "classification":
            taught = torch.sigmoid(taught[:, 0]) if taught.shape[1] == 1 else torch.softmax(taught, dim=1)
        return self.loss.distance(values, taught)


def roughness(exact: Sequence[Tensor]) -> Tensor:
    """Mean over all edges of the squared second differences of their tables, relative to the largest span of the layer."""
    total = exact[0].new_zeros(())
    for values in exact:
        if len(values) > 2:
            second = values[2:] - 2 * values[1:-1] + values[:-2]
            span = (values.max(dim=0).values - values.min(dim=0).values).max().detach().clamp(min=1.0)
            total = total + (second / span).square().sum(dim=0).mean() * len(values) ** 2
    return total
