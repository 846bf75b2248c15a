"""Noise-aware training through the device: gradient descent on currents, centres and trims over randomly drawn chips.

The forward pass is that of `AnalogNetwork` in torch, including all transistors, so the outputs become robust to the given
imperfections. Signs (the wire of a current) and capacitors are fixed by the layout. Training starts from a fitted network and
changes its programmed values.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.hardware.analog.chips import Imperfection, draw, outputs
from splinework.hardware.analog.imperfections import ACCEPTANCE
from splinework.hardware.analog.network import AnalogNetwork, AnalogParameters, Floats
from splinework.hardware.examples import targets_of
from splinework.hardware.integer import Task as Kind

Task = Literal["mse", "cross_entropy"]
TASKS: Final = ("mse", "cross_entropy")


@dataclass(frozen=True)
class NoiseAwareRecipe:
    """The recipe of noise-aware training.

    Attributes:
        imperfections: Imperfections drawn at every step.
        task: `mse`, or `cross_entropy` of class indices; a single output decides by its sign.
        steps: Largest number of steps.
        batch: Number of rows per step.
        chips: Number of chips per step.
        rate: Learning rate of Adam, in units in which all parameters are about 1.
        held_out: Share of the rows held out for early stopping.
        held_out_chips: Number of chips for early stopping, the same ones each time.
        every: Number of steps between two evaluations.
        patience: Number of evaluations without improvement before training stops.
        temperature: Temperature of the softmax, relative to the initial span of the outputs; large values give wide margins,
            which are robust to errors.
        seed: Seed of rows and chips.
    """

    imperfections: tuple[Imperfection, ...] = field(default=ACCEPTANCE)
    task: Task = "mse"
    steps: int = 300
    batch: int = 64
    chips: int = 4
    rate: float = 0.01
    held_out: float = 0.2
    held_out_chips: int = 8
    every: int = 10
    patience: int = 8
    temperature: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ConfigError(f"task is one of {', '.join(TASKS)}, got {self.task!r}.")
        if min(self.steps, self.batch, self.chips, self.held_out_chips, self.every, self.patience) < 1:
            raise ConfigError("steps, batch, chips, held_out_chips, every and patience must be at least 1.")
        if not (0 < self.held_out < 1 and self.rate > 0 and self.temperature > 0):
            raise ConfigError(
                f"expected 0 < held_out < 1, rate > 0 and temperature > 0, got {self.held_out}, {self.rate}, "
                f"{self.temperature}."
            )


@dataclass(frozen=True)
class HeldOutCheck:
    """One evaluation on the held-out rows: step, training loss, held-out loss, and the best held-out loss so far."""

    step: int
    loss: float
    held_out: float
    best: float


@dataclass(frozen=True, eq=False)
class NoiseAwareResult:
    """The network at the best evaluation, all evaluations, of which the first is the start, and the number of steps."""

    network: AnalogNetwork
    checks: tuple[HeldOutCheck, ...]
    steps: int


def loss_of(found: Tensor, target: Tensor, task: str, scale: Tensor) -> Tensor:
    """The loss of outputs `(…, B, O)` in raw units against values `(B, O)` or class indices `(B,)`.

    It is `mse` in units of the scale `(O,)`, or `cross_entropy` of the outputs over the scale.
    """
    scaled = found / scale
    if task == "mse":
        return ((scaled - target / scale) ** 2).mean()
    if found.shape[-1] == 1:
        wanted = target.to(scaled.dtype).expand(scaled.shape[:-1])
        return torch.nn.functional.binary_cross_entropy_with_logits(scaled[..., 0], wanted)
    flat = scaled.reshape(-1, scaled.shape[-1])
    return torch.nn.functional.cross_entropy(flat, target.expand(scaled.shape[:-1]).reshape(-1))


class ScaledParameters:
    """Programmable values as torch parameters of about 1, within the limits of the technology."""

    def __init__(self, network: AnalogNetwork) -> None:
        p, technology = network.parameters(), network.technology
        self.network = network
        self.signs = torch.as_tensor(np.sign(p.gains) + (p.gains == 0))
        size = np.clip(np.abs(p.gains), technology.current_min, technology.current_max)
        self.limits = tuple(float(np.log(v)) for v in (technology.current_min, technology.current_max))
        self.unit = technology.width() / 2
        self.node_current = technology.node_current
        self.spans = torch.as_tensor([s.high - s.low for layer in network.layers for s in layer.sums]).double()
        margin = technology.width()
        self.centre_limits = (technology.input_low - margin, technology.input_high + margin)
        self.log_gains = torch.tensor(np.log(size), requires_grad=True)
        self.centres = torch.tensor(p.centres / self.unit, requires_grad=True)
        self.offsets = torch.tensor(p.offsets / self.node_current, requires_grad=True)
        self.node_gains = torch.tensor(p.node_gains.copy(), requires_grad=True)
        self.node_trims = torch.tensor(p.node_trims / self.spans.numpy(), requires_grad=True)

    def tensors(self) -> list[Tensor]:
        """The optimised tensors."""
        return [self.log_gains, self.centres, self.offsets, self.node_gains, self.node_trims]

    def parameters(self) -> AnalogParameters:
        """The values in network units, with gradients."""
        return AnalogParameters(
            self.signs * torch.exp(self.log_gains),
            self.centres * self.unit,
            self.offsets * self.node_current,
            self.node_gains,
            self.node_trims * self.spans,
        )

    @torch.no_grad()
    def limit(self) -> None:
        """Clips the values to their limits."""
        self.log_gains.clamp_(*self.limits)
        self.centres.clamp_(self.centre_limits[0] / self.unit, self.centre_limits[1] / self.unit)
        most = float(np.exp(self.limits[1])) / self.node_current
        self.offsets.clamp_(-most, most)
        self.node_gains.clamp_(0.5, 2.0)

    @torch.no_grad()
    def values(self) -> AnalogParameters:
        """The values in network units, as arrays."""
        return AnalogParameters(*(v.detach().numpy().copy() for v in vars(self.parameters()).values()))


def train_through_device(
    network: AnalogNetwork,
    x: ArrayLike,
    y: ArrayLike,
    recipe: NoiseAwareRecipe | None = None,
    *,
    progress: Callable[[HeldOutCheck], None] | None = None,
) -> NoiseAwareResult:
    """Trains a network's currents, centres and trims under its imperfections.

    Args:
        network: The network to start from, such as a fitted one.
        x: Rows in raw units, `(n, inputs)`.
        y: Targets `(n, outputs)` or `(n,)` in raw units, or class indices `(n,)`.
        recipe: Recipe of the training; None takes the defaults.
        progress: Callback that receives every evaluation.

    Raises:
        ShapeError: If the shapes of rows and targets do not match the network.
        DataError: If there are fewer than 5 rows, or a class has no output.
    """
    recipe = recipe or NoiseAwareRecipe()
    rows, target = check_rows(network, x, y, recipe.task)
    random = np.random.default_rng([recipe.seed, 11])
    order = random.permutation(len(rows))
    held = max(1, round(recipe.held_out * len(rows)))
    kept, unseen = order[held:], order[:held]
    task = _TrainingTask(network, rows, target, recipe, loss_scale(network, rows, recipe.task, recipe.temperature))
    scaled = ScaledParameters(network)
    scaled.limit()
    optimiser = torch.optim.Adam(scaled.tensors(), lr=recipe.rate)
    checks: list[HeldOutCheck] = []
    best, best_values, waited, step, loss = float("inf"), scaled.values(), 0, 0, float("nan")
    while True:
        if step % recipe.every == 0 or step == recipe.steps:
            task.respan(scaled)
            seen = task.held_out(scaled, unseen)
            waited = 0 if seen < best else waited + 1
            if seen < best:
                best, best_values = seen, scaled.values()
            checks.append(HeldOutCheck(step, loss, seen, best))
            if progress is not None:
                progress(checks[-1])
        if step == recipe.steps or waited >= recipe.patience:
            break
        step += 1
        chosen = random.choice(kept, min(recipe.batch, len(kept)), replace=False)
        loss = task.step(scaled, optimiser, chosen, step)
    return NoiseAwareResult(respanned(network.with_parameters(best_values), rows), tuple(checks), step)


def respanned(network: AnalogNetwork, rows: Floats) -> AnalogNetwork:
    """The network with the spans of its sums set to their actual range at some rows, since noise is relative to the spans.

    Otherwise training could evade the noise by letting sums grow beyond their spans.
    """
    layers = []
    for layer, found in zip(network.layers, network.signals(rows).layers, strict=True):
        low, high = found.sums.min(axis=0), found.sums.max(axis=0)
        wide = np.where(high > low, high - low, [s.high - s.low for s in layer.sums])
        sums = tuple(replace(s, low=float(a), high=float(a + w)) for s, a, w in zip(layer.sums, low, wide, strict=True))
        layers.append(replace(layer, sums=sums))
    return replace(network, layers=tuple(layers))


@dataclass(eq=False)
class _TrainingTask:
    """The data and the current network of a training run."""

    network: AnalogNetwork
    rows: Floats
    target: Tensor
    recipe: NoiseAwareRecipe
    scale: Tensor

    def respan(self, scaled: ScaledParameters) -> None:
        """Sets the spans of the sums to their range at the current values."""
        self.network = respanned(self.network.with_parameters(scaled.values()), self.rows)

    def step(
        self, scaled: ScaledParameters, optimiser: torch.optim.Optimizer, chosen: NDArray[np.int64], number: int
    ) -> float:
        """One optimiser step on newly drawn chips; returns the loss."""
        recipe = self.recipe
        seeds = (recipe.seed, 12, number)
        chips = draw(self.network, recipe.imperfections, chips=recipe.chips, rows=len(chosen), seed=seeds)
        found = self.network.forward(
            torch.as_tensor(self.rows[chosen]),
            temperature=chips.temperature,
            perturbation=chips.perturbation,
            parameters=scaled.parameters(),
        )
        loss = loss_of(found, self.target[chosen], recipe.task, self.scale)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        scaled.limit()
        return float(loss.detach())

    def held_out(self, scaled: ScaledParameters, unseen: NDArray[np.int64]) -> float:
        """The loss on held-out rows, on the same chips each time."""
        recipe = self.recipe
        chips = draw(
            self.network, recipe.imperfections, chips=recipe.held_out_chips, rows=len(unseen), seed=(recipe.seed, 13)
        )
        found = outputs(self.network, self.rows[unseen], chips, parameters=scaled.values())
        return float(loss_of(torch.as_tensor(found), self.target[unseen], recipe.task, self.scale))


def check_rows(network: AnalogNetwork, x: ArrayLike, y: ArrayLike, task: str) -> tuple[Floats, Tensor]:
    """Checks rows and targets for `loss_of`.

    Raises:
        ShapeError: If their shapes do not match the network.
        DataError: If there are fewer than 5 rows, values are not finite, or a class has no output.
    """
    rows, inputs = np.asarray(x, dtype=np.float64), len(network.input_names)
    if rows.ndim != 2 or rows.shape[1] != inputs:
        raise ShapeError(f"training needs rows of {inputs} values, got an array of shape {rows.shape}.")
    if len(rows) < 5 or not np.isfinite(rows).all():
        raise DataError(f"training needs at least 5 rows of finite numbers, got {len(rows)}.")
    kind: Kind = "regression" if task == "mse" else "classification"
    return rows, torch.from_numpy(targets_of(y, len(rows), len(network.output_names), kind))


def loss_scale(network: AnalogNetwork, rows: Floats, task: str, temperature: float) -> Tensor:
    """The scale of the outputs in the loss: their standard deviation, or `temperature` times the largest span."""
    found = network.forward(rows)
    if task == "mse":
        return torch.as_tensor(np.maximum(found.std(axis=0), 1e-12))
    return torch.full((found.shape[1],), float(max(temperature * np.ptp(found, axis=0).max(), 1e-12))).double()
