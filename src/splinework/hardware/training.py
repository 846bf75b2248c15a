"""Quantisation-aware training: the network learns with its tables rounded, while what they cost is pushed down.

The loss is `task + weight · area`, with the area smooth in the spans of the tables (`area.smooth_area`); edges whose table
rounds to a constant are pruned. The weight rises in stages, and at the end of each the network of integers is kept: one run gives
a front of accuracy against area. What is quantised how is in `quantise` and `fake`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.hardware.area import area, smooth_area
from splinework.hardware.fake import FakeQuantised
from splinework.hardware.integer import IntegerModel, Task
from splinework.hardware.quantise import Bits, as_bits, freeze, network_units, prepare
from splinework.network import KAN


@dataclass(frozen=True)
class Schedule:
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
        seed: Of the held-out rows, and of the order of the others.
    """

    steps: int = 400
    stages: int = 9
    first: float = 1e-5
    growth: float = 2.0
    rate: float = 0.01
    batch: int = 512
    validation: float = 0.2
    smoothness: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.stages < 1 or self.batch < 1 or not 0 <= self.validation < 1:
            raise ConfigError(
                f"steps, stages and batch are at least 1 and validation is a share below 1, got {self.steps}, {self.stages}, "
                f"{self.batch} and {self.validation}."
            )


@dataclass(frozen=True)
class Stage:
    """A network of integers on the way.

    Attributes:
        model: The network.
        weight: Of the area.
        area: LUTs by `area`.
        score: On the rows held out, or on all: share of right classes, or minus the root mean squared error in raw units.
        train_score: The same on the rows trained on.
    """

    model: IntegerModel
    weight: float
    area: float
    score: float
    train_score: float


@dataclass(frozen=True)
class QuantisedFit:
    """What training gave.

    Attributes:
        stages: In the order of training, from accurate to small.
        settings: What it was trained with.
    """

    stages: tuple[Stage, ...]
    settings: Schedule = field(default_factory=Schedule)

    @property
    def model(self) -> IntegerModel:
        """The network of the best score; of equal ones the smallest."""
        return self.best().model

    def best(self, *, largest: float | None = None, least: float | None = None) -> Stage:
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
        return min(good, key=lambda s: s.area)


def train_quantised(
    model: KAN,
    x: Any,
    y: Any,
    *,
    bits: int | Bits = 6,
    task: Task = "regression",
    classes: Sequence[str] | None = None,
    name: str = "kan",
    schedule: Schedule | None = None,
    keep: str = "monotone",
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
        progress: Is told, after every stage, what it gave.

    Raises:
        ConfigError: For settings out of range.
        DataError: If the data are not usable.
        ShapeError: If x and y do not go together.

    Example:
        >>> import splinework as sw
        >>> from splinework.hardware.training import Schedule, train_quantised
        >>> x = torch.rand(300, 2) * 2 - 1
        >>> y = x[:, :1] * x[:, 1:]
        >>> fit = train_quantised(sw.KAN([2, 3, 1]), x, y, bits=5, schedule=Schedule(steps=20, stages=3))
        >>> len(fit.stages), fit.model.shape[0]
        (3, 2)
    """
    how = schedule or Schedule()
    u = network_units(model, x)
    targets = _targets(model, y, len(u), task)
    generator = torch.Generator().manual_seed(how.seed)
    order = torch.randperm(len(u), generator=generator)
    held = order[: round(how.validation * len(u))]
    used = order[len(held) :]
    ready = prepare(model, u[used], as_bits(bits), keep=keep)
    raw = np.asarray(model.input_scaling.inverse(u.to(model.input_scaling.shift)).double())
    loss = _Loss(ready, task, targets, model)
    stages: list[Stage] = []
    for number in range(how.stages):
        weight = 0.0 if number == 0 else how.first * how.growth ** (number - 1)
        _train(ready, u, used, loss, how, weight, generator)
        _prune(ready)
        golden = freeze(ready, model, task=task, classes=classes, name=name)
        rows = held if len(held) else used
        scores = [score(golden, raw[part.numpy()], loss.raw[part].numpy()) for part in (rows, used)]
        stages.append(Stage(golden, weight, area(golden), *scores))
        if progress is not None:
            progress(
                f"stage {number + 1} of {how.stages}: score {scores[0]:.4g}, {stages[-1].area:.0f} LUTs, {golden.edges} tables"
            )
        if golden.edges == 0:
            break
    return QuantisedFit(tuple(stages), how)


def score(model: IntegerModel, x: Any, y: Any) -> float:
    """The share of right classes; of a regression minus the root mean squared error in raw units, so that more is better.

    Args:
        model: A quantised network.
        x: Raw rows.
        y: Numbers of classes `(n,)`, or raw targets `(n, outputs)`.
    """
    found = model.predict(x)
    if model.task == "classification":
        return float(np.mean(found == np.asarray(y).reshape(-1)))
    return -float(np.sqrt(np.mean((found - np.asarray(y).reshape(found.shape)) ** 2)))


def _targets(model: KAN, y: Any, rows: int, task: Task) -> Tensor:
    """Numbers of classes `(n,)`, or raw targets `(n, outputs)`."""
    values = torch.as_tensor(np.asarray(y))
    if task == "classification":
        labels = values.reshape(-1)
        count = max(2, model.outputs)
        whole = labels.numel() == 0 or (torch.equal(labels, labels.round()) if labels.is_floating_point() else True)
        if len(labels) != rows or not whole or bool((labels < 0).any()) or bool((labels >= count).any()):
            raise DataError(
                f"y of a classification is one number of a class for each of the {rows} rows, 0 to {count - 1}; got "
                f"{len(labels)} values from {labels.min().item():g} to {labels.max().item():g}."
            )
        return labels.long()
    columns = values.double().reshape(len(values), -1)
    if columns.shape != (rows, model.outputs):
        raise ShapeError(
            f"y has the shape {tuple(values.shape)}, expected ({rows}, {model.outputs}) to go with x and the model."
        )
    return columns


class _Loss:
    """The loss of sums in steps of the outputs."""

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
        if self.task == "regression":
            return ((values - self.targets[rows]) ** 2 / self.scale).mean()
        if values.shape[1] == 1:
            return F.binary_cross_entropy_with_logits(values[:, 0], self.targets[rows].to(values))
        return F.cross_entropy(values, self.targets[rows])


def _train(
    ready: FakeQuantised, u: Tensor, used: Tensor, loss: _Loss, how: Schedule, weight: float, generator: torch.Generator
) -> None:
    optimiser = torch.optim.Adam(ready.parameters(), lr=how.rate, betas=(0.9, 0.99))
    batch = min(how.batch, len(used))
    for step in range(how.steps):
        for group in optimiser.param_groups:
            group["lr"] = how.rate * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / how.steps)))
        rows = used if batch == len(used) else used[torch.randint(len(used), (batch,), generator=generator)]
        tables = ready.tables()
        value = loss(ready.run(u[rows], tables), rows)
        exact = [t.exact for t in tables]
        value = value + weight * smooth_area(ready, exact) + how.smoothness * _roughness(exact)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()


def _roughness(exact: Sequence[Tensor]) -> Tensor:
    """Mean over all edges of the squared second differences of their tables, relative to the largest span of the layer."""
    total = exact[0].new_zeros(())
    for values in exact:
        if len(values) > 2:
            second = values[2:] - 2 * values[1:-1] + values[:-2]
            span = (values.max(dim=0).values - values.min(dim=0).values).max().detach().clamp(min=1.0)
            total = total + (second / span).square().sum(dim=0).mean() * len(values) ** 2
    return total


@torch.no_grad()
def _prune(ready: FakeQuantised) -> None:
    """Edges whose table is constant after rounding become part of the bias, and are trained no more."""
    for (layer, _, after, guard), made in zip(ready.parts, ready.tables(), strict=True):
        flat = (made.rounded == made.rounded[0]).all(dim=0) & (layer.mask != 0)
        if layer.bias is not None:
            constants = torch.where(flat, made.rounded[0], torch.zeros_like(made.rounded[0])).sum(dim=0)
            layer.bias.add_(constants * after.step / 2**guard)
        layer.mask.masked_fill_(flat, 0.0)
