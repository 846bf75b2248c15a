"""Quantisation-aware training: the network learns with its tables rounded, while what they cost is pushed down.

The loss is `task + weight · area`, with the area smooth in the spans of the tables (`area.smooth_area`); edges whose table
rounds to a constant are pruned. The weight rises in stages, and at the end of each the network of integers is kept: one run gives
a front of accuracy against area. What is quantised how is in `quantise` and `fake`.
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
from splinework.hardware.area import area, smooth_area
from splinework.hardware.examples import score, targets_of
from splinework.hardware.fake import FakeQuantised, FakeTables
from splinework.hardware.integer import IntegerModel, Task
from splinework.hardware.losses import DistillationLoss, TaskLoss, roughness
from splinework.hardware.quantise import Bits, as_bits, correct_biases, freeze, network_units, prepare
from splinework.nn.network import KAN

_NARROW = 8  # Inputs of a layer up to which it learns at the full rate


_LOOK = 20  # Steps between two looks at the loss on `_JUDGED` rows, in the second half of a stage
_JUDGED = 4096


@dataclass(frozen=True)
class QuantisationSchedule:
    """How it is trained.

    Attributes:
        steps: Of every stage.
        stages: Areas' weights to go through; the first stage has none, each further one twice the weight before.
        first: Weight of the area in the second stage, in units of the loss per LUT.
        growth: Factor from stage to stage.
        rate: Adam's step size at the start of each stage; it falls to a twentieth.
        batch: Rows per step.
        validation: Share of the rows held out to judge the stages; 0 judges by the rows themselves.
        smoothness: Weight of the squared second differences of the tables, relative to their spans.
        distil: Share of the loss that compares with the teacher's outputs, where there is a teacher.
        jitter: Of the rows shown to the teacher, in standard deviations of the inputs: beside the rows themselves it sees as
            many that mix two rows and are shaken by this.
        seed: Of the held-out rows, and of the order of the others.
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
    """A network of integers on the way.

    Attributes:
        model: The network.
        weight: Of the area.
        area: LUTs by `area`.
        score: On the rows held out, or on all: share of right classes, or minus the root mean squared error in raw units.
        train_score: The same on the rows trained on.
        loss: What training minimises, without the area, on the rows of `score`.
    """

    model: IntegerModel
    weight: float
    area: float
    score: float
    train_score: float
    loss: float = 0.0


@dataclass(frozen=True)
class QuantisedFit:
    """What training gave.

    Attributes:
        stages: In the order of training, from accurate to small.
        settings: What it was trained with.
    """

    stages: tuple[TrainingStage, ...]
    settings: QuantisationSchedule = field(default_factory=QuantisationSchedule)

    @property
    def model(self) -> IntegerModel:
        """The network of the best score; of equal ones the smallest."""
        return self.best().model

    def best(self, *, largest: float | None = None, least: float | None = None) -> TrainingStage:
        """The stage with the best score within an area, or the smallest with at least a score.

        Raises:
            ConfigError: If there is none; says how near the stages come.
        """
        fitting = [s for s in self.stages if largest is None or s.area <= largest]
        if not fitting:
            nearest = min(self.stages, key=lambda s: s.area)
            raise ConfigError(
                f"no network of this run is as small as {largest:g} LUTs, the smallest has {nearest.area:.0f} at a score of "
                f"{nearest.score:.4g}; use fewer bits, more stages, or prune the network first."
            )
        if least is None:
            return max(fitting, key=lambda s: (s.score, -s.area))
        good = [s for s in fitting if s.score >= least]
        if not good:
            raise ConfigError(
                f"no network of this run reaches a score of {least:g}, the best has {max(s.score for s in fitting):.4g}; use "
                "more bits, or a better network to start from."
            )
        return min(good, key=lambda s: (s.area, -s.score))

    def near_best(self, loss: float, *, largest: float | None = None) -> TrainingStage:
        """The smallest stage whose score is at most `loss` below the best; of regressions that share of the least error."""
        best = self.best(largest=largest).score
        return self.best(largest=largest, least=best - loss if best >= 0 else best * (1 + loss))


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
    """Trains a network as the integers that it will be.

    Args:
        model: A trained network; it is left as it is. It may be untrained too, and learns then from here.
        x: Rows in raw units, `(n, inputs)`.
        y: Targets in raw units, `(n, outputs)`; of a classification numbers of classes, `(n,)`.
        bits: Widths of codes.
        task: `regression` or `classification`; two classes have one output, their logit, or two.
        classes: Names of the classes.
        name: An identifier, after which artefacts are called.
        schedule: How it is trained.
        keep: `monotone`: a network that is monotone in an input through all its edges stays so in every code; or `nothing`.
        teacher: A network over the same inputs and outputs whose outputs are learned beside y, also between the rows.
        progress: Is told, after every stage, what it gave.

    Raises:
        ConfigError: For settings out of range.
        DataError: If the data are not usable.
        ShapeError: If x and y do not go together.

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
    course = _QuantisedTraining(ready, u, used, loss, distillation, how, generator)
    raw = np.asarray(model.input_scaling.inverse(u.to(model.input_scaling.shift)).double())
    stages: list[TrainingStage] = []
    for number in range(how.stages):
        weight = 0.0 if number == 0 else how.first * how.growth ** (number - 1)
        course.train(weight)
        if weight > 0 or how.stages == 1:  # before anything is pushed down, what rounds to nothing may still wake up
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
    """A network in training."""

    ready: FakeQuantised
    u: Tensor
    used: Tensor
    loss: TaskLoss
    distillation: DistillationLoss | None
    how: QuantisationSchedule
    generator: torch.Generator

    def train(self, weight: float) -> None:
        """One stage; leaves the best state of its second half."""
        ready, how, used = self.ready, self.how, self.used
        groups = self._groups()
        optimiser = torch.optim.Adam(groups, lr=how.rate, betas=(0.9, 0.99))
        batch = min(how.batch, len(used))
        best, kept = math.inf, copy.deepcopy(ready.state_dict())
        for step in range(how.steps + 1):
            last = step == how.steps
            if step == 0 or last or (step % _LOOK == 0 and 2 * step >= how.steps):
                # The last step of a loss full of steps is seldom the best.
                with torch.no_grad():
                    value = float(self.value(used[:_JUDGED], ready.tables(), weight))
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
        """The loss on some rows, with the area at a weight."""
        value = self.loss(self.ready.run(self.u[rows], tables), rows)
        if self.distillation is not None:
            value = (1 - self.how.distil) * value + self.how.distil * self.distillation(tables)
        return value + weight * smooth_area(self.ready, [t.exact for t in tables])

    def _groups(self) -> list[dict[str, Any]]:
        """Parameters and their rates. Steps of many edges add up in a sum, so wide layers take smaller ones."""
        groups = []
        for layer, before, after, _ in self.ready.parts:
            rate = self.how.rate / math.sqrt(max(1.0, layer.inputs / _NARROW))
            groups.append({"params": list(layer.parameters()), "rate": rate})
            groups.append({"params": list(before.parameters()), "rate": self.how.rate})
            outputs = list(after.parameters())
        return [*groups, {"params": outputs, "rate": self.how.rate}]


@torch.no_grad()
def _prune(ready: FakeQuantised) -> None:
    """Edges whose table is constant after rounding become part of the bias, and are trained no more."""
    for (layer, _, after, guard), made in zip(ready.parts, ready.tables(), strict=True):
        flat = (made.rounded == made.rounded[0]).all(dim=0) & (layer.mask != 0)
        if layer.bias is not None:
            constants = torch.where(flat, made.rounded[0], torch.zeros_like(made.rounded[0])).sum(dim=0)
            layer.bias.add_(constants * after.step / 2**guard)
        layer.mask.masked_fill_(flat, 0.0)
