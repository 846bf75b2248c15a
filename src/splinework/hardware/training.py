"""Quantisation-aware training: the network is trained with rounded tables under a penalty on their area.

The loss is `task + weight · area`, where the area is a smooth function of the spans of the tables (`area.smooth_area`); edges
whose table rounds to a constant are pruned. The weight rises in stages, and the quantised network at the end of each is kept, so
one run gives a front of accuracy against area. The quantisation itself is in `quantise` and `fake`.
"""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.errors.foreign import explained, explained_record
from splinework.hardware.area import area, smooth_area
from splinework.hardware.examples import score, targets_of
from splinework.hardware.fake import FakeQuantised, FakeTables
from splinework.hardware.integer import IntegerModel, Task
from splinework.hardware.losses import DistillationLoss, TaskLoss, roughness
from splinework.hardware.quantisation import Bits, as_bits, correct_biases, freeze, network_units, prepare
from splinework.nn.network import KAN

_MAX_FULL_RATE_INPUTS = 8  # Layers with more inputs have a reduced learning rate
_EVALUATION_STEPS = 20  # Steps between two evaluations of the loss, in the second half of a stage
_MAX_EVALUATION_ROWS = 4096


@explained_record
@dataclass(frozen=True)
class QuantisationSchedule:
    """The schedule and hyperparameters of quantisation-aware training.

    Attributes:
        steps: Number of optimiser steps per stage.
        stages: Number of stages; the area has no weight in the first, and a growing weight in each further one.
        first: Area weight in the second stage, in units of the loss per LUT.
        growth: Factor by which the area weight grows from stage to stage.
        rate: Learning rate of Adam at the start of each stage; it decays to a twentieth.
        batch: Number of rows per step.
        validation: Share of the rows held out for validation, 0 <= validation < 1; with 0 the stages are judged by the training
            rows.
        smoothness: Weight of the squared second differences of the tables, relative to their spans.
        distil: Share of the distillation loss in the total loss, if there is a teacher.
        jitter: Noise added to half of the rows shown to the teacher, in standard deviations of the inputs; these rows are
            random mixtures of two rows each.
        seed: Seed of the validation split and of the batches.

    Raises:
        ConfigError: If a value is out of range.

    Example:
        >>> QuantisationSchedule(steps=200, stages=5).validation
        0.2
    """

    steps: int = 400
    stages: int = 9
    first: float = 1e-5
    growth: float = 2.0
    rate: float = 0.02
    batch: int = 512
    validation: float = 0.2
    smoothness: float = 1e-3
    distil: float = 0.7
    jitter: float = 0.3
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.stages < 1 or self.batch < 1 or not 0 <= self.validation < 1:
            raise ConfigError(
                f"steps, stages and batch are at least 1 and validation is a share below 1, got {self.steps}, {self.stages}, "
                f"{self.batch} and {self.validation}."
            )


@dataclass(frozen=True)
class TrainingStage:
    """The quantised network at the end of one training stage.

    Attributes:
        model: The quantised network.
        weight: Area weight of the stage.
        area: Estimated LUTs; see `area`.
        score: Accuracy, or minus the root-mean-square error in raw units, on the validation rows.
        train_score: The same on the training rows.
        loss: The training loss without the area penalty, on the validation rows.
    """

    model: IntegerModel
    weight: float
    area: float
    score: float
    train_score: float
    loss: float = 0.0


@dataclass(frozen=True)
class QuantisedFit:
    """The result of quantisation-aware training.

    Attributes:
        stages: The stages in the order of training, from accurate to small.
        settings: The schedule of the training.
    """

    stages: tuple[TrainingStage, ...]
    settings: QuantisationSchedule = field(default_factory=QuantisationSchedule)

    @property
    def model(self) -> IntegerModel:
        """The network with the best score; the smallest of equal ones."""
        return self.best().model

    def best(self, *, max_luts: float | None = None, min_score: float | None = None) -> TrainingStage:
        """The stage with the best score within an area, or the smallest that reaches a score.

        Raises:
            ConfigError: If no stage is that small or reaches that score.
        """
        fitting = [s for s in self.stages if max_luts is None or s.area <= max_luts]
        if not fitting:
            nearest = min(self.stages, key=lambda s: s.area)
            raise ConfigError(
                f"no network of this run is as small as {max_luts:g} LUTs, the smallest has {nearest.area:.0f} at a score of "
                f"{nearest.score:.4g}; use fewer bits, more stages, or prune the network first."
            )
        if min_score is None:
            return max(fitting, key=lambda s: (s.score, -s.area))
        good = [s for s in fitting if s.score >= min_score]
        if not good:
            raise ConfigError(
                f"no network of this run reaches a score of {min_score:g}, the best has {max(s.score for s in fitting):.4g}; use "
                "more bits, or a better network to start from."
            )
        return min(good, key=lambda s: (s.area, -s.score))

    def near_best(self, max_loss: float, *, max_luts: float | None = None) -> TrainingStage:
        """The smallest stage whose accuracy is at most `max_loss` below the best; for a regression, a relative loss."""
        best = self.best(max_luts=max_luts).score
        return self.best(max_luts=max_luts, min_score=best - max_loss if best >= 0 else best * (1 + max_loss))


@explained
def train_quantised(
    model: KAN,
    x: Any,
    y: Any,
    *,
    bits: int | Bits = 6,
    task: Task = "regression",
    classes: Sequence[str] | None = None,
    name: str = "kan",
    schedule: QuantisationSchedule | None = None,
    keep: str = "monotone",
    teacher: KAN | None = None,
    progress: Callable[[str], None] | None = None,
) -> QuantisedFit:
    """Quantisation-aware training: trains a copy of a network with its tables rounded, under a growing area penalty.

    Args:
        model: The network to start from, trained or not; it is not changed.
        x: Rows in raw units, `(n, inputs)`.
        y: Targets in raw units, `(n, outputs)`; class indices `(n,)` for a classification.
        bits: Code widths; a single number is the width of inputs and hidden nodes.
        task: `regression` or `classification`; two classes have one output, their logit, or two.
        classes: Names of the classes; None numbers them.
        name: Identifier used in the names of artefacts.
        schedule: Schedule and hyperparameters; None takes the defaults.
        keep: `monotone` keeps the network monotone in the inputs in which all its edges make it so; or `nothing`.
        teacher: Network over the same inputs and outputs for knowledge distillation, also between the rows.
        progress: Callback that receives a line of text after every stage.

    Returns:
        The quantised networks at the end of all stages.

    Raises:
        ConfigError: If a setting is out of range.
        DataError: If the data contain missing or non-finite values.
        ShapeError: If the shapes of x and y do not match the network.

    Example:
        >>> import splinework as sw
        >>> from splinework.hardware.training import QuantisationSchedule, train_quantised
        >>> x = torch.rand(300, 2) * 2 - 1
        >>> y = x[:, :1] * x[:, 1:]
        >>> fit = train_quantised(sw.KAN([2, 3, 1]), x, y, bits=5, schedule=QuantisationSchedule(steps=20, stages=3))
        >>> len(fit.stages), fit.model.shape[0]
        (3, 2)
    """
    how = schedule or QuantisationSchedule()
    u = network_units(model, x)
    targets = torch.from_numpy(targets_of(y, len(u), model.outputs, task))
    generator = torch.Generator().manual_seed(how.seed)
    order = torch.randperm(len(u), generator=generator)
    held = order[: round(how.validation * len(u))]
    used = order[len(held) :]
    ready = prepare(model, u[used], as_bits(bits), keep=keep)
    correct_biases(ready, u[used])
    loss = TaskLoss(ready, task, targets, model)
    distillation = None
    if teacher is not None:
        distillation = DistillationLoss(teacher, model, u[used], loss, how.jitter, how.batch, generator)
    training = _QuantisedTraining(ready, u, used, loss, distillation, how, generator)
    raw = np.asarray(model.input_scaling.inverse(u.to(model.input_scaling.shift)).double())
    stages: list[TrainingStage] = []
    for number in range(how.stages):
        weight = 0.0 if number == 0 else how.first * how.growth ** (number - 1)
        training.train(weight)
        if (
            weight > 0 or how.stages == 1
        ):  # without an area penalty, an edge that rounds to a constant may still recover
            _prune(ready)
        golden = freeze(ready, model, task=task, classes=classes, name=name)
        rows = held if len(held) else used
        scores = [score(golden, raw[part.numpy()], loss.raw[part].numpy()) for part in (rows, used)]
        with torch.no_grad():
            least = float(loss(ready(u[rows]), rows))
        stages.append(TrainingStage(golden, weight, area(golden), scores[0], scores[1], least))
        if progress is not None:
            progress(
                f"stage {number + 1} of {how.stages}: score {scores[0]:.4g}, {stages[-1].area:.0f} LUTs, {golden.edges} tables"
            )
        if golden.edges == 0:
            break
    return QuantisedFit(tuple(stages), how)


@dataclass(frozen=True, eq=False)
class _QuantisedTraining:
    """The state of one training run."""

    ready: FakeQuantised
    u: Tensor
    used: Tensor
    loss: TaskLoss
    distillation: DistillationLoss | None
    how: QuantisationSchedule
    generator: torch.Generator

    def train(self, weight: float) -> None:
        """Trains one stage and restores the best state of its second half."""
        ready, how, used = self.ready, self.how, self.used
        groups = self._groups()
        optimiser = torch.optim.Adam(groups, lr=how.rate, betas=(0.9, 0.99))
        batch = min(how.batch, len(used))
        best, kept = math.inf, copy.deepcopy(ready.state_dict())
        for step in range(how.steps + 1):
            last = step == how.steps
            if step == 0 or last or (step % _EVALUATION_STEPS == 0 and 2 * step >= how.steps):
                # The loss is piecewise constant in many places, so the last step is seldom the best.
                with torch.no_grad():
                    value = float(self.value(used[:_MAX_EVALUATION_ROWS], ready.tables(), weight))
                if value < best:
                    best, kept = value, copy.deepcopy(ready.state_dict())
            if last:
                break
            for group in optimiser.param_groups:
                group["lr"] = group["rate"] * (0.05 + 0.475 * (1 + math.cos(math.pi * step / how.steps)))
            rows = used if batch == len(used) else used[torch.randint(len(used), (batch,), generator=self.generator)]
            tables = ready.tables()
            loss = self.value(rows, tables, weight) + how.smoothness * roughness([t.exact for t in tables])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        ready.load_state_dict(kept)

    def value(self, rows: Tensor, tables: Sequence[FakeTables], weight: float) -> Tensor:
        """The loss on some rows, including the weighted area."""
        value = self.loss(self.ready.run(self.u[rows], tables), rows)
        if self.distillation is not None:
            value = (1 - self.how.distil) * value + self.how.distil * self.distillation(tables)
        return value + weight * smooth_area(self.ready, [t.exact for t in tables])

    def _groups(self) -> list[dict[str, Any]]:
        """Parameters and their learning rates; steps of many edges add up in a sum, so wide layers have smaller rates."""
        groups = []
        for layer, before, after, _ in self.ready.parts:
            rate = self.how.rate / math.sqrt(max(1.0, layer.inputs / _MAX_FULL_RATE_INPUTS))
            groups.append({"params": list(layer.parameters()), "rate": rate})
            groups.append({"params": list(before.parameters()), "rate": self.how.rate})
            outputs = list(after.parameters())
        return [*groups, {"params": outputs, "rate": self.how.rate}]


@torch.no_grad()
def _prune(ready: FakeQuantised) -> None:
    """Moves edges whose table is constant after rounding into the bias and masks them out."""
    for (layer, _, after, guard), made in zip(ready.parts, ready.tables(), strict=True):
        flat = (made.rounded == made.rounded[0]).all(dim=0) & (layer.mask != 0)
        if layer.bias is not None:
            constants = torch.where(flat, made.rounded[0], torch.zeros_like(made.rounded[0])).sum(dim=0)
            layer.bias.add_(constants * after.step / 2**guard)
        layer.mask.masked_fill_(flat, 0.0)
