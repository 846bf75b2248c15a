"""Chip in the loop: a device is measured, a model of it says where to go, a few of its knobs are turned.

The outputs are the device's, and so are the activations where they can be probed; the derivatives are the model's at those
activations. A step is that of Gauss and Newton with a ridge, which is chosen on rows that the step did not see. Knobs come in
stages, few first: the sums' offsets, their gains, then the tails, and the gains once more. A written cell gets a new error, so
a step must promise more than its writing costs; a stage ends when a step gains too little for its pulses: cells wear.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from benchmarks.analog.device import Device, Probed
from splinework.hardware.analog.ekv import ZERO_CELSIUS
from splinework.hardware.analog.network import AnalogNetwork, AnalogParameters, AnalogUnits, Floats
from splinework.hardware.analog.noise_aware import ScaledParameters, check_rows, loss_of, loss_scale

STAGES: Final = ("offsets", "gains", "tails")
_RIDGES: Final = tuple(10.0**k for k in range(-6, 4))
_AT_ONCE: Final = 32
_REACH: Final = 0.5
"""How far a knob moves at most in a step; a quarter of that after a step that did not help."""


@dataclass(frozen=True)
class Tuning:
    """How a device is tuned.

    Attributes:
        task: `mse` or `cross_entropy`, as in noise-aware training.
        stages: Knobs of each stage, in order: `offsets`, `gains` (with offsets), `tails` (with both).
        steps: Most steps of a stage.
        reads: Readings averaged.
        least: A stage ends when a step lowers the loss by less than this share for each pulse.
        smallest: Trims that would move by less, in units in which all are about 1, are not written.
        writing: Expected relative error of a tail that is written; tails that would move by less than three times that are
            left.
        held_out: Share of the rows on which ridges are judged.
        temperature: As in noise-aware training.
        celsius: Temperature at which the model computes.
        seed: Seed by which the held-out rows are drawn.
    """

    task: Literal["mse", "cross_entropy"] = "mse"
    stages: tuple[str, ...] = (*STAGES, "gains")
    steps: int = 4
    reads: int = 8
    least: float = 1e-5
    smallest: float = 1e-3
    writing: float = 0.01
    held_out: float = 0.3
    temperature: float = 0.1
    celsius: float = 27.0
    seed: int = 0


@dataclass(frozen=True)
class TuningStep:
    """One step: its stage, the measured loss before and after, the pulses that it took, whether it was kept."""

    stage: str
    before: float
    after: float
    pulses: int
    kept: bool


@dataclass(frozen=True, eq=False)
class Tuned:
    """The result of tuning a device."""

    parameters: AnalogParameters
    before: float
    after: float
    pulses: int
    steps: tuple[TuningStep, ...]


def tune(
    device: Device,
    model: AnalogNetwork,
    x: ArrayLike,
    y: ArrayLike,
    recipe: Tuning | None = None,
    *,
    progress: Callable[[TuningStep], None] | None = None,
) -> Tuned:
    """Tunes a device to a task.

    Args:
        device: Programmed with the values of the model.
        model: Model of the device, whose derivatives guide the steps.
        x: Rows in raw units, `(n, inputs)`.
        y: Targets, as for `train_through_device`.
        recipe: How the device is tuned; None means the defaults.
        progress: Called after every step.

    Raises:
        ShapeError: If rows and targets do not go together.
        DataError: As for `train_through_device`.
    """
    recipe = recipe or Tuning()
    rows, target = check_rows(model, x, y, recipe.task)
    loop = _Loop(device, model, rows, target, recipe)
    first, started = loop.loss(loop.outputs), device.pulses
    steps: list[TuningStep] = []
    for stage in recipe.stages:
        loop.reach, refused = _REACH, 0
        for _ in range(recipe.steps):
            step = loop.step(stage)
            if step is None:
                break
            steps.append(step)
            if progress is not None:
                progress(step)
            refused += not step.kept
            loop.reach *= 1.0 if step.kept else 0.25
            poor = step.kept and step.before - step.after < recipe.least * step.before * step.pulses
            if poor or refused > 1:
                break
    return Tuned(loop.knobs.values(), first, loop.loss(loop.outputs), device.pulses - started, tuple(steps))


class _Loop:
    """The state of a tuning."""

    def __init__(self, device: Device, model: AnalogNetwork, rows: Floats, target: Tensor, recipe: Tuning) -> None:
        self.device, self.model, self.rows, self.target, self.recipe = device, model, rows, target, recipe
        self.kelvin = recipe.celsius + ZERO_CELSIUS
        self.scale = loss_scale(model, rows, recipe.task, recipe.temperature)
        self.knobs, self.reach = ScaledParameters(model), _REACH
        order = np.random.default_rng([recipe.seed, 31]).permutation(len(rows))
        held = max(1, round(recipe.held_out * len(rows)))
        self.seen, self.unseen = torch.as_tensor(order[held:].copy()), torch.as_tensor(order[:held].copy())
        self.layers = [_alone(model, number) for number in range(len(model.layers))]
        self.look()

    def look(self) -> None:
        """Measures outputs, and nodes where they can be probed."""
        reads = range(self.recipe.reads)
        self.outputs = torch.as_tensor(np.mean([self.device.measure(self.rows) for _ in reads], axis=0))
        self.nodes: list[Tensor] = []
        if isinstance(self.device, Probed):
            readings = [self.device.probe(self.rows) for _ in reads]
            self.nodes = [torch.as_tensor(np.mean(layer, axis=0)) for layer in zip(*readings, strict=True)]

    def loss(self, found: Tensor, which: Tensor | None = None) -> float:
        """The loss of outputs on some rows."""
        target = self.target if which is None else self.target[which]
        return float(loss_of(found if which is None else found[which], target, self.recipe.task, self.scale))

    def step(self, stage: str) -> TuningStep | None:
        """One step of a stage; None where the model sees nothing to gain."""
        chosen = {"offsets": [4], "gains": [3, 4], "tails": [0, 3, 4]}[stage]
        tensors = [self.knobs.tensors()[k] for k in chosen]
        move = self._move(tensors)
        if move is None:
            return None
        before, kept = self.loss(self.outputs), self.knobs.values()
        old = [t.detach().clone() for t in tensors]
        pulses = self.device.pulses
        self._turn(tensors, move)
        self.device.program(self.knobs.values())
        self.look()
        after = self.loss(self.outputs)
        if after >= before:
            with torch.no_grad():
                for tensor, value in zip(tensors, old, strict=True):
                    tensor.copy_(value)
            self.device.program(kept)
            self.look()
        return TuningStep(stage, before, after, self.device.pulses - pulses, after < before)

    def _forward(self) -> Tensor:
        """The model's outputs; with measured activations in the place of its own, where there are some."""
        x, parameters = torch.as_tensor(self.rows), self.knobs.parameters()
        if not self.nodes:
            return torch.as_tensor(self.model.forward(x, temperature=self.kelvin, parameters=parameters))
        values = torch.as_tensor(self.model.input_units.apply(x))
        element = node = 0
        for number, (network, measured) in enumerate(zip(self.layers, self.nodes, strict=True)):
            here = slice(element, element + network.element_count), slice(node, node + network.node_count)
            own = network.forward(values, temperature=self.kelvin, parameters=_slice(parameters, *here))
            last = number == len(self.layers) - 1
            values = own if last else measured + (own - own.detach())
            element, node = here[0].stop, here[1].stop
        return torch.as_tensor(self.model.output_units.inverse(values))

    def _move(self, tensors: list[Tensor]) -> Tensor | None:
        """The step of Gauss and Newton whose ridge is best on rows that it did not see."""
        found = self._forward()
        jacobian = _jacobian(found[self.seen], tensors)
        gradient, curvature = _shape(self.outputs[self.seen], self.target[self.seen], self.recipe.task, self.scale)
        slope = torch.einsum("bok,bo->k", jacobian, gradient)
        bend = torch.einsum("bok,bop,bpl->kl", jacobian, curvature, jacobian)
        unit = torch.eye(len(slope), dtype=slope.dtype) * bend.diagonal().mean().clamp_min(1e-30)
        old = [t.detach().clone() for t in tensors]
        base = found.detach()
        best, best_move = self.loss(self.outputs, self.unseen), None
        is_tail = torch.cat([torch.full((t.numel(),), t is self.knobs.log_gains) for t in tensors])
        errors = torch.where(is_tail, self.recipe.writing, self.recipe.smallest)
        smallest = torch.where(is_tail, 3 * self.recipe.writing, self.recipe.smallest)
        for ridge in _RIDGES:
            move = -torch.linalg.solve(bend + ridge * unit, slope)
            move = torch.where(move.abs() < smallest, 0.0, move.clamp(-self.reach, self.reach))
            self._turn(tensors, move)
            with torch.no_grad():
                predicted = self.outputs + self._forward() - base
                for tensor, value in zip(tensors, old, strict=True):
                    tensor.copy_(value)
            cost = 0.5 * float((bend.diagonal() * errors**2)[move != 0].sum())
            loss = self.loss(predicted, self.unseen) + cost
            if loss < best and bool(move.any()):
                best, best_move = loss, move
        return best_move

    @torch.no_grad()
    def _turn(self, tensors: list[Tensor], move: Tensor) -> None:
        for tensor, part in zip(tensors, move.split([t.numel() for t in tensors]), strict=True):
            tensor += part
        self.knobs.limit()


def _alone(model: AnalogNetwork, number: int) -> AnalogNetwork:
    """One layer as a network of its own, in network units."""
    layer = model.layers[number]

    def plain(count: int) -> AnalogUnits:
        return AnalogUnits(("linear",) * count, (0.0,) * count, (1.0,) * count)

    inputs, outputs = len(layer.inputs), layer.plain + len(layer.products)
    return replace(
        model,
        layers=(layer,),
        input_units=plain(inputs),
        output_units=plain(outputs),
        input_names=tuple(f"in{i}" for i in range(inputs)),
        output_names=tuple(f"out{j}" for j in range(outputs)),
    )


def _slice(p: AnalogParameters, elements: slice, nodes: slice) -> AnalogParameters:
    return AnalogParameters(
        p.gains[elements], p.centres[elements], p.offsets[nodes], p.node_gains[nodes], p.node_trims[nodes]
    )


def _jacobian(found: Tensor, tensors: list[Tensor]) -> Tensor:
    """Derivatives `(B, O, K)` of outputs `(B, O)` with respect to all entries of the tensors."""
    flat = found.reshape(-1)
    rows = []
    for start in range(0, len(flat), _AT_ONCE):
        ones = torch.zeros(min(_AT_ONCE, len(flat) - start), len(flat), dtype=flat.dtype)
        ones[torch.arange(len(ones)), start + torch.arange(len(ones))] = 1.0
        parts = torch.autograd.grad(flat, tensors, ones, is_grads_batched=True, retain_graph=True)
        rows.append(torch.cat([p.reshape(len(ones), -1) for p in parts], dim=1))
    return torch.cat(rows).reshape(*found.shape, -1)


def _shape(found: Tensor, target: Tensor, task: str, scale: Tensor) -> tuple[Tensor, Tensor]:
    """First and second derivatives `(B, O)` and `(B, O, O)` of the loss with respect to the outputs."""
    rows, outputs = found.shape
    if task == "mse":
        share = 2.0 / (rows * outputs)
        return share * (found - target) / scale**2, torch.diag(share / scale**2).expand(rows, -1, -1)
    if outputs == 1:
        p = torch.sigmoid(found / scale)
        return (p - target[:, None]) / scale / rows, (p * (1 - p) / scale**2 / rows)[..., None]
    p = torch.softmax(found / scale, dim=1)
    wanted = torch.nn.functional.one_hot(target, outputs)
    return (p - wanted) / scale / rows, (torch.diag_embed(p) - p[:, :, None] * p[:, None, :]) / scale[0] ** 2 / rows
