"""Networks for what the additive part leaves, trained all at once: their hidden nodes stand side by side in one wide network.

Each member is blind to one fold of the rows, so every row has a member that never saw it: that says when to stop and what
members are worth. Groups of members differ in how strongly their numbers are pulled to zero, which with local splines is the
setting that matters most; nobody has to choose it, since all of them run and `stacking.py` weighs them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.tabular.tasks import Task

ProgressCallback = Callable[[str, int, int, float], bool]

LOOKS = 40
"""How often training looks at the rows held out."""
PATIENCE = 14
"""Looks without any better group after which training ends: what is to come then is never much."""
WARMING = 50
"""Steps until the rate has its full size."""
SHARES = (0.25, 0.5, 0.75, 1.0)
"""How much of a member is tried when it is judged: half a correction can be better than a whole one."""
CHUNK = 8192


@dataclass(frozen=True)
class EnsembleSettings:
    """How members are trained.

    Attributes:
        hidden: Nodes of each hidden layer of one member.
        members: Members of one group, as many as there are folds held out.
        decays: Pull to zero of each group (decoupled weight decay, Loshchilov and Hutter 2019).
        steps: Steps of Adam.
        batch: Rows of a step.
        rate: Learning rate at its height; it falls along a cosine.
        resolution: Intervals of the hidden nodes' splines.
    """

    hidden: tuple[int, ...]
    members: int
    decays: tuple[float, ...] = (0.5, 2.0)
    steps: int = 2000
    batch: int = 256
    rate: float = 1e-2
    resolution: int = 5


@dataclass(frozen=True)
class DecayGroup:
    """The best that the members with one pull to zero came to.

    Attributes:
        index: Which group of the course.
        unseen: `(n, q)`, for every row the correction by the member that never saw it; zero where all saw it.
        state: The wide network's numbers then, or None where no correction was better than none.
        step: When that was.
        loss: What the rows held out cost then.
    """

    index: int
    unseen: Tensor
    state: dict[str, Tensor] | None = field(repr=False)
    step: int
    loss: float


def wide_network(layer: KANLayer, u: Tensor, outputs: int, course: EnsembleSettings, generator: torch.Generator) -> KAN:
    """All members as one network with blocks, in float32, its first layer on the grid of `layer`.

    Args:
        layer: Holds the grid of the inputs.
        u: `(n, p)`, in the layer's units.
        outputs: Outputs of one member.
        course: How many members, and their hidden nodes.
        generator: Draws the starts.
    """
    blocks = course.members * len(course.decays)
    widths = [layer.inputs, *(blocks * h for h in course.hidden), blocks * outputs]
    resolutions = [layer.basis.resolution, *(course.resolution for _ in course.hidden)]
    degree = layer.basis.degree if layer.basis.degree is not None else 3
    net = KAN(widths, grid=resolutions, degree=degree, domain=(-3.0, 3.0), generator=generator, dtype=torch.float32)
    with torch.no_grad():
        first = net.kan_layers[0]
        first.grid.copy_(layer.grid)
        first.refresh()
        h = u.to(torch.float32)
        for number, edges in enumerate(net.kan_layers):
            edges.spline_weight.requires_grad_(False)
            edges.coefficients.mul_(0.5)
            assert edges.base_weight is not None
            spread = 1.0 if number == 0 else 0.3
            drawn = torch.randn(edges.base_weight.shape, generator=generator)
            edges.base_weight.copy_(spread / math.sqrt(edges.inputs / (1 if number == 0 else blocks)) * drawn)
            if number:
                size = edges.inputs // blocks, edges.outputs // blocks
                edges.mask.copy_(torch.block_diag(*[torch.ones(size)] * blocks))
            if number < len(course.hidden):
                _standardise(edges, h)
                h = _through(edges, h)
    return net


def _standardise(edges: KANLayer, h: Tensor) -> None:
    """Makes every sum have mean 0 and spread 1 at the rows, so that it meets the middle of its next grid."""
    sums = _through(edges, h)
    spread = sums.std(0, correction=0).clamp_min(1e-3)
    assert edges.base_weight is not None
    assert edges.bias is not None
    edges.coefficients.div_(spread)
    edges.base_weight.div_(spread)
    edges.bias.copy_(-sums.mean(0) / spread)


def _through(module: Callable[[Tensor], Tensor], u: Tensor) -> Tensor:
    return torch.cat([module(part) for part in u.split(CHUNK)])


def train_ensemble(
    net: KAN,
    u: Tensor,
    y: Tensor,
    weights: Tensor,
    offsets: Tensor,
    fold: Tensor,
    task: Task,
    course: EnsembleSettings,
    generator: torch.Generator,
    listen: ProgressCallback,
) -> list[DecayGroup]:
    """Trains the wide network; member k of each group learns from the rows outside fold k.

    Args:
        net: Of `wide_network`.
        u: `(n, p)`, in network units.
        y: `(n, q)` targets.
        weights: `(n,)`, mean 1.
        offsets: `(n, folds, q)`: what the additive part without fold k says; members add to it.
        fold: `(n,)`, the fold of each row; rows of a fold beyond the last member are seen by all.
        task: Whose likelihood.
        course: How.
        generator: Draws the order of rows.
        listen: Called at each look with the loss at rows held out; True ends the training.

    Returns:
        One `DecayGroup` per decay.
    """
    judge = _HeldOutLoss(y, weights, offsets, fold, task, course)
    groups = [DecayGroup(i, torch.zeros_like(y), None, 0, judge.alone) for i in range(len(course.decays))]
    small = _SinglePrecisionRows.of(u, y, weights, offsets, fold, course)
    parameters = [p for p in net.parameters() if p.requires_grad]
    pulls = _pulls(net, course)
    adam = torch.optim.Adam(parameters, lr=course.rate, betas=(0.9, 0.99), fused=True)
    order = BatchSampler(len(u), small.batch, generator)
    every = max(1, course.steps // LOOKS)
    for step in range(1, course.steps + 1):
        rate = course.rate * min(1.0, step / WARMING) * 0.5 * (1 + math.cos(math.pi * (step - 1) / course.steps))
        adam.param_groups[0]["lr"] = rate
        adam.zero_grad(set_to_none=True)
        small.loss(net, next(order), task).backward()
        with torch.no_grad():
            for parameter, pull in pulls:
                parameter.mul_(1 - rate * pull)
        adam.step()
        if step % every == 0 or step == course.steps:
            groups = judge.look(net, small.u, groups, step)
            stop = listen("interactions", step, course.steps, min(group.loss for group in groups))
            if stop or step - max(group.step for group in groups) > PATIENCE * every:
                break
    return groups


def _pulls(net: KAN, course: EnsembleSettings) -> list[tuple[Tensor, Tensor]]:
    """The parameters that are pulled to zero, each with the pull of its outputs' group."""
    found: list[tuple[Tensor, Tensor]] = []
    for layer in net.kan_layers:
        pull = torch.tensor(course.decays).repeat_interleave(layer.outputs // len(course.decays))
        assert layer.base_weight is not None
        found += [(layer.coefficients, pull), (layer.base_weight, pull)]
    return found


@dataclass(frozen=True)
class _SinglePrecisionRows:
    """The rows in float32, with what each member counts them."""

    u: Tensor
    y: Tensor
    weights: Tensor
    offsets: Tensor
    batch: int

    @classmethod
    def of(
        cls, u: Tensor, y: Tensor, weights: Tensor, offsets: Tensor, fold: Tensor, course: EnsembleSettings
    ) -> _SinglePrecisionRows:
        groups = len(course.decays)
        members = torch.arange(course.members).repeat(groups)
        seen = weights[:, None] * (fold[:, None] != members)
        everywhere = offsets[:, : course.members].repeat(1, groups, 1)
        return cls(u.float(), y.float(), seen.float(), everywhere.float(), min(course.batch, len(u)))

    def loss(self, net: KAN, rows: Tensor, task: Task) -> Tensor:
        """The members' losses added up: no number belongs to two, so each gets its own gradient."""
        offsets = self.offsets[rows]
        outputs = offsets + net.unit_forward(self.u[rows]).view(offsets.shape)
        targets = self.y[rows][:, None].expand(offsets.shape)
        return (self.weights[rows] * task.loss(outputs, targets)).sum() / len(rows)


class BatchSampler:
    """Endless batches of row numbers, each row once before any twice."""

    def __init__(self, count: int, batch: int, generator: torch.Generator) -> None:
        self._count, self._batch, self._generator = count, batch, generator
        self._rows, self._at = torch.randperm(count, generator=generator), 0

    def __next__(self) -> Tensor:
        if self._at + self._batch > self._count:
            self._rows, self._at = torch.randperm(self._count, generator=self._generator), 0
        self._at += self._batch
        return self._rows[self._at - self._batch : self._at]


class _HeldOutLoss:
    """Says what members are worth on the rows that they never saw."""

    def __init__(
        self, y: Tensor, weights: Tensor, offsets: Tensor, fold: Tensor, task: Task, course: EnsembleSettings
    ) -> None:
        self.held = torch.nonzero(fold < course.members)[:, 0]
        self.member = fold[self.held]
        self.y, self.weights, self.task, self.course = y, weights, task, course
        self.base = offsets[self.held, self.member]
        self.alone = self.cost(self.base)

    def cost(self, outputs: Tensor) -> float:
        """Mean loss of the rows held out."""
        weights = self.weights[self.held]
        return float(weights @ self.task.loss(outputs, self.y[self.held]) / weights.sum())

    @torch.no_grad()
    def look(self, net: KAN, u: Tensor, groups: Sequence[DecayGroup], step: int) -> list[DecayGroup]:
        """The groups, those that are better now than ever before as they are now."""
        outputs = _through(net.unit_forward, u[self.held]).double()
        outputs = outputs.view(len(self.held), len(self.course.decays), self.course.members, self.y.shape[1])
        found = list(groups)
        state: dict[str, Tensor] | None = None
        for group in groups:
            correction = outputs[torch.arange(len(self.held)), group.index, self.member]
            loss = min(self.cost(self.base + share * correction) for share in SHARES)
            if loss < group.loss:
                state = state or {name: value.clone() for name, value in net.state_dict().items()}
                unseen = torch.zeros_like(self.y).index_copy(0, self.held, correction)
                found[group.index] = DecayGroup(group.index, unseen, state, step, loss)
        return found
