"""A cross-validated ensemble of networks on the residual of the additive part, trained together as one wide block network.

Each member leaves out one fold, so every row has an out-of-fold prediction, which early stopping and stacking use. Groups of
members differ in weight decay, the most important hyperparameter of local splines; it need not be tuned, since all values are
trained and `stacking.py` weighs them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.tabular.adam import AdamState, BatchSampler
from splinework.tabular.directions import DirectedNetwork
from splinework.tabular.tasks import Task
from splinework.train.gradient import output_gradient

ProgressCallback = Callable[[str, int, int, float], bool]
"""Called with the stage, the step, the maximum number of steps and the loss; True ends the stage."""

N_EVALUATIONS, MAX_ROWS_PER_STEP = 40, 256
"""Evaluations on held-out rows in a full training; fewer where they would predict more rows than this for each step, which in a
short training on many rows takes longer than the steps."""
PATIENCE = 14
"""Evaluations without improvement of any group after which training ends."""
WARMUP_STEPS = 50
"""Steps of the linear warm-up of the learning rate."""
TRIED_WEIGHTS = (0.25, 0.5, 0.75, 1.0)
"""Weights of a member's correction tried in an evaluation: a fraction can be better than the whole."""
MAX_BATCH_ROWS = 8192
MAX_HELD_ROWS = 20_000
"""Held-out rows that are predicted in an evaluation; their mean loss then has a standard error of about 1 % of the loss."""


@dataclass(frozen=True)
class EnsembleSettings:
    """Hyperparameters of the ensemble.

    Attributes:
        hidden: Nodes of each hidden layer of one member.
        members: Members per group, one per held-out fold.
        weight_decays: Weight decay of each group (decoupled, Loshchilov and Hutter 2019).
        steps: Steps of Adam.
        batch_size: Rows per step.
        learning_rate: Maximum learning rate; it follows a cosine schedule.
        resolution: Intervals of the hidden nodes' splines.
    """

    hidden: tuple[int, ...]
    members: int
    weight_decays: tuple[float, ...] = (0.5, 2.0)
    steps: int = 2000
    batch_size: int = 256
    learning_rate: float = 1e-2
    resolution: int = 5


@dataclass(frozen=True)
class DecayGroup:
    """The best state of the members with one weight decay.

    Attributes:
        index: Index of the weight decay in the settings.
        out_of_fold: Out-of-fold corrections `(n, q)` of the rows of `held_out_rows`; zero elsewhere.
        state: State dict of the wide network then; None where no correction improved on none.
        step: Step of that state.
        loss: Its loss on held-out rows.
    """

    index: int
    out_of_fold: Tensor
    state: dict[str, Tensor] | None = field(repr=False)
    step: int
    loss: float


def wide_network(
    layer: KANLayer,
    u: Tensor,
    outputs: int,
    settings: EnsembleSettings,
    generator: torch.Generator,
    visible: Tensor | None = None,
    directed: DirectedNetwork | None = None,
) -> KAN:
    """All members as one block network in float32, its first layer on the grid of `layer`.

    Args:
        layer: Layer with the grid of the inputs.
        u: Inputs `(n, p)` in the layer's units.
        outputs: Outputs of one member.
        settings: Hyperparameters of the ensemble.
        generator: Generator of the initial values.
        visible: Mask of the inputs that member k may use, row k of `(>= members, p)`; by default all.
        directed: Signs of the edges, where there are monotone directions.
    """
    blocks = settings.members * len(settings.weight_decays)
    widths = [layer.inputs, *(blocks * h for h in settings.hidden), blocks * outputs]
    resolutions = [layer.basis.resolution, *(settings.resolution for _ in settings.hidden)]
    degree = layer.basis.degree if layer.basis.degree is not None else 3
    net = KAN(widths, grid=resolutions, degree=degree, domain=(-3.0, 3.0), generator=generator, dtype=torch.float32)
    with torch.no_grad():
        first = net.kan_layers[0]
        first.grid.copy_(layer.grid)
        first.refresh()
        if visible is not None:
            own = visible[: settings.members].repeat(len(settings.weight_decays), 1).T
            first.mask.copy_(own.repeat_interleave(first.outputs // blocks, dim=1))
        h = u.to(torch.float32)
        for number, edges in enumerate(net.kan_layers):
            edges.spline_weight.requires_grad_(False)
            edges.coefficients.mul_(0.5)
            assert edges.base_weight is not None
            spread = 1.0 if number == 0 else 0.3
            drawn = torch.randn(edges.base_weight.shape, generator=generator)
            edges.base_weight.copy_(
                spread
                / math.sqrt(max(1, int(edges.mask.any(1).sum())) if number == 0 else edges.inputs / blocks)
                * drawn
            )
            if number:
                size = edges.inputs // blocks, edges.outputs // blocks
                edges.mask.copy_(torch.block_diag(*[torch.ones(size)] * blocks))
            if directed is not None:
                directed.begin(edges, number)
            if number < len(settings.hidden):
                _standardise(edges, h)
                h = _through(edges, h)
    return net


@torch.no_grad()
def with_all_inputs(
    net: KAN, groups: Sequence[DecayGroup], layer: KANLayer, inputs: Tensor
) -> tuple[KAN, list[DecayGroup]]:
    """A trained network of some inputs, and the states of its groups, with closed edges from all other inputs of a layer."""
    if len(inputs) == layer.inputs:
        return net, list(groups)
    resolutions = [edges.basis.resolution for edges in net.kan_layers]
    degree, first = net.kan_layers[0].basis.size - resolutions[0], "layers.0."
    made: dict[str, Any] = {"degree": degree, "domain": (-3.0, 3.0), "dtype": torch.float32}
    full = KAN([layer.inputs, *net.config.shape[1:]], grid=resolutions, generator=torch.Generator(), **made)
    blank = full.state_dict()

    def spread(name: str, value: Tensor) -> Tensor:
        if value.shape == blank[name].shape:
            return value
        if name == f"{first}grid":
            return layer.grid.to(value.dtype)
        like = torch.zeros_like(blank[name]) if name.startswith(first) else blank[name]
        return like.index_copy(0, inputs, value)

    def spread_all(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: spread(name, value) for name, value in state.items()}

    full.load_state_dict(spread_all(net.state_dict()))
    return full, [replace(g, state=None if g.state is None else spread_all(g.state)) for g in groups]


def _standardise(edges: KANLayer, h: Tensor) -> None:
    """Gives every sum mean 0 and standard deviation 1 at the rows, so that it meets the middle of the next grid."""
    sums = _through(edges, h)
    spread = sums.std(0, correction=0).clamp_min(1e-3)
    assert edges.base_weight is not None
    assert edges.bias is not None
    edges.coefficients.div_(spread)
    edges.base_weight.div_(spread)
    edges.bias.copy_(-sums.mean(0) / spread)


def _through(module: Callable[[Tensor], Tensor], u: Tensor) -> Tensor:
    return torch.cat([module(part) for part in u.split(MAX_BATCH_ROWS)])


@torch.no_grad()
def correction_of(net: KAN, group: DecayGroup, u: Tensor, fold: Tensor, settings: EnsembleSettings) -> Tensor:
    """Out-of-fold correction `(n, q)` of a trained group, by its members of these folds `(n,)`; sets the network's state."""
    assert group.state is not None
    net.load_state_dict(group.state)
    outputs = _through(net.unit_forward, u.float()).double()
    outputs = outputs.view(len(u), len(settings.weight_decays), settings.members, -1)
    return outputs[torch.arange(len(u)), group.index, fold]


def train_ensemble(
    net: KAN,
    u: Tensor,
    y: Tensor,
    weights: Tensor,
    offsets: Tensor,
    fold: Tensor,
    task: Task,
    settings: EnsembleSettings,
    generator: torch.Generator,
    on_step: ProgressCallback,
    directed: DirectedNetwork | None = None,
) -> list[DecayGroup]:
    """Trains the wide network; member k of each group learns from the rows outside fold k.

    Args:
        net: Network from `wide_network`.
        u: Inputs `(n, p)` in network units.
        y: Targets `(n, q)`.
        weights: Row weights `(n,)`, mean 1.
        offsets: Outputs `(n, folds, q)` of the additive parts without fold k, to which the members add.
        fold: Fold of each row, `(n,)`; all members are trained on rows of a fold beyond the last member.
        task: The likelihood.
        settings: Hyperparameters of the ensemble.
        generator: Generator of the batches.
        on_step: Called at each evaluation with the loss on held-out rows; True ends the training.
        directed: Signs of the edges, which every step keeps; None without monotone directions.

    Returns:
        One `DecayGroup` per weight decay.
    """
    held_out = _HeldOutLoss(y, weights, offsets, fold, task, settings)
    groups = [DecayGroup(i, torch.zeros_like(y), None, 0, held_out.alone) for i in range(len(settings.weight_decays))]
    rows = _SinglePrecisionRows.of(u, y, weights, offsets, fold, settings)
    parameters = [p for p in net.parameters() if p.requires_grad]
    decays = _decays(net, settings)
    optimiser = AdamState(parameters, betas=(0.9, 0.99))
    order = BatchSampler(len(u), rows.batch_size, generator)
    every = max(1, settings.steps // N_EVALUATIONS, len(held_out.held) // MAX_ROWS_PER_STEP)
    for step in range(1, settings.steps + 1):
        rate = settings.learning_rate * min(1.0, step / WARMUP_STEPS)
        rate = rate * 0.5 * (1 + math.cos(math.pi * (step - 1) / settings.steps))
        rows.differentiate(net, next(order), task)
        with torch.no_grad():
            for parameter, decay in decays:
                parameter.mul_(1 - rate * decay)
        optimiser.step(rate)
        if directed is not None:
            directed.project_all(net)
        if step % every == 0 or step == settings.steps:
            groups = held_out.evaluate(net, rows.u, groups, step)
            stop = on_step("interactions", step, settings.steps, min(group.loss for group in groups))
            if stop or step - max(group.step for group in groups) > PATIENCE * every:
                break
    return groups


def held_out_rows(fold: Tensor, members: int) -> Tensor:
    """Indices of the rows on which early stopping and stacking are decided: those that a member has not seen, evenly thinned.

    >>> held_out_rows(torch.tensor([0, 1, 2, 0]), 2)
    tensor([0, 1, 3])
    """
    held = torch.nonzero(fold < members)[:, 0]
    return held[:: math.ceil(len(held) / MAX_HELD_ROWS)] if len(held) else held


def _decays(net: KAN, settings: EnsembleSettings) -> list[tuple[Tensor, Tensor]]:
    """The parameters under weight decay, each with the decay of its outputs' group."""
    found: list[tuple[Tensor, Tensor]] = []
    for layer in net.kan_layers:
        decay = torch.tensor(settings.weight_decays).repeat_interleave(layer.outputs // len(settings.weight_decays))
        assert layer.base_weight is not None
        found += [(layer.coefficients, decay), (layer.base_weight, decay)]
    return found


@dataclass(frozen=True)
class _SinglePrecisionRows:
    """The rows in float32, with their weights for each member."""

    u: Tensor
    y: Tensor
    weights: Tensor
    offsets: Tensor
    batch_size: int

    @classmethod
    def of(
        cls, u: Tensor, y: Tensor, weights: Tensor, offsets: Tensor, fold: Tensor, settings: EnsembleSettings
    ) -> _SinglePrecisionRows:
        groups = len(settings.weight_decays)
        members = torch.arange(settings.members).repeat(groups)
        seen = weights[:, None] * (fold[:, None] != members)
        everywhere = offsets[:, : settings.members].repeat(1, groups, 1)
        return cls(u.float(), y.float(), seen.float(), everywhere.float(), min(settings.batch_size, len(u)))

    def differentiate(self, net: KAN, rows: Tensor, task: Task) -> None:
        """Takes the gradient of the sum of the members' losses; they share no parameters, so each gets its own."""
        offsets, weights = self.offsets[rows], self.weights[rows, :, None] / len(rows)
        targets = self.y[rows][:, None].expand(offsets.shape).flatten(0, 1)

        def slope(corrections: Tensor) -> Tensor:
            outputs = offsets + corrections.view(offsets.shape)
            return (weights * task.slope(outputs.flatten(0, 1), targets).view(offsets.shape)).flatten(1)

        output_gradient(net, self.u[rows], slope)


class _HeldOutLoss:
    """Out-of-fold evaluation of the members."""

    def __init__(
        self, y: Tensor, weights: Tensor, offsets: Tensor, fold: Tensor, task: Task, settings: EnsembleSettings
    ) -> None:
        self.held = held_out_rows(fold, settings.members)
        self.member = fold[self.held]
        self.y, self.weights, self.task, self.settings = y, weights, task, settings
        self.base = offsets[self.held, self.member]
        self.alone = self.cost(self.base)

    def cost(self, outputs: Tensor) -> float:
        """Mean loss on held-out rows."""
        weights = self.weights[self.held]
        return float(weights @ self.task.loss(outputs, self.y[self.held]) / weights.sum())

    @torch.no_grad()
    def evaluate(self, net: KAN, u: Tensor, groups: Sequence[DecayGroup], step: int) -> list[DecayGroup]:
        """The groups, updated where the present state is the best so far."""
        outputs = _through(net.unit_forward, u[self.held]).double()
        outputs = outputs.view(len(self.held), len(self.settings.weight_decays), self.settings.members, self.y.shape[1])
        found = list(groups)
        state: dict[str, Tensor] | None = None
        for group in groups:
            correction = outputs[torch.arange(len(self.held)), group.index, self.member]
            loss = min(self.cost(self.base + share * correction) for share in TRIED_WEIGHTS)
            if loss < group.loss:
                state = state or {name: value.clone() for name, value in net.state_dict().items()}
                out_of_fold = torch.zeros_like(self.y).index_copy(0, self.held, correction)
                found[group.index] = DecayGroup(group.index, out_of_fold, state, step, loss)
        return found
