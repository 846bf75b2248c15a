"""Training through the device: currents, centres and trims by gradient, on chips that are drawn anew at every step.

The forward pass is that of `AnalogNetwork` in torch, transistors and all; what is learnt is a network whose outputs hold under
the imperfections that were named. Signs (which wire a current goes to) and capacitors are laid out and stay. The start is a
fitted network, and the result one with other values.
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
    """How a network is trained through its device.

    Attributes:
        imperfections: What is drawn at every step.
        task: `mse`, or `cross_entropy` of classes numbered from 0: of one output its sign decides, of more the largest.
        steps: At most.
        batch: Rows of a step.
        chips: Chips of a step.
        rate: Of Adam, in the units in which all parameters are about 1.
        held_out: Share of the rows that early stopping looks at.
        held_out_chips: Chips that it looks at, the same ones each time.
        every: Steps between two looks.
        patience: Looks without a better loss before training ends.
        temperature: Of the classes' logits: what the outputs are divided by, in parts of the outputs' span at the start. Large
            ones ask for wide margins, which errors do not eat up.
        seed: Of rows and chips.
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
            raise ConfigError("steps, batch, chips, held_out_chips, every and patience are at least 1.")
        if not (0 < self.held_out < 1 and self.rate > 0 and self.temperature > 0):
            raise ConfigError(
                f"held_out lies between 0 and 1, rate and temperature above 0, got {self.held_out}, {self.rate}, "
                f"{self.temperature}."
            )


@dataclass(frozen=True)
class HeldOutCheck:
    """One look at the held-out rows: after which step, the loss of the step, the held-out loss, the best so far."""

    step: int
    loss: float
    held_out: float
    best: float


@dataclass(frozen=True, eq=False)
class NoiseAwareResult:
    """The network with the values of the best look, all looks, of which the first is the start, and the steps done."""

    network: AnalogNetwork
    looks: tuple[HeldOutCheck, ...]
    steps: int


def loss_of(found: Tensor, target: Tensor, task: str, scale: Tensor) -> Tensor:
    """The loss of outputs `(…, B, O)` in raw units from `(B, O)` values, or `(B,)` numbers of classes.

    It is `mse` in units of the scale `(O,)`, or `cross_entropy` of outputs over the scale.
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
    """A network's values as torch parameters of about 1, and back, within the limits of the technology."""

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
        """What is optimised."""
        return [self.log_gains, self.centres, self.offsets, self.node_gains, self.node_trims]

    def parameters(self) -> AnalogParameters:
        """In the network's units, with gradients."""
        return AnalogParameters(
            self.signs * torch.exp(self.log_gains),
            self.centres * self.unit,
            self.offsets * self.node_current,
            self.node_gains,
            self.node_trims * self.spans,
        )

    @torch.no_grad()
    def limit(self) -> None:
        """Takes what left the limits back to them."""
        self.log_gains.clamp_(*self.limits)
        self.centres.clamp_(self.centre_limits[0] / self.unit, self.centre_limits[1] / self.unit)
        most = float(np.exp(self.limits[1])) / self.node_current
        self.offsets.clamp_(-most, most)
        self.node_gains.clamp_(0.5, 2.0)

    @torch.no_grad()
    def values(self) -> AnalogParameters:
        """In the network's units, as arrays."""
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
        network: The start, such as a fitted one.
        x: Rows in raw units, `(n, inputs)`.
        y: Targets `(n, outputs)` or `(n,)` in raw units, or numbers of classes `(n,)`.
        recipe: How.
        progress: Called at every look.

    Raises:
        ShapeError: If rows and targets do not go together.
        DataError: If there are fewer than 5 rows, or classes that no output stands for.
    """
    recipe = recipe or NoiseAwareRecipe()
    rows, target = check_rows(network, x, y, recipe.task)
    random = np.random.default_rng([recipe.seed, 11])
    order = random.permutation(len(rows))
    held = max(1, round(recipe.held_out * len(rows)))
    kept, unseen = order[held:], order[:held]
    job = _HeldOutTask(network, rows, target, recipe, loss_scale(network, rows, recipe.task, recipe.temperature))
    knobs = ScaledParameters(network)
    knobs.limit()
    optimiser = torch.optim.Adam(knobs.tensors(), lr=recipe.rate)
    looks: list[HeldOutCheck] = []
    best, best_values, waited, step, loss = float("inf"), knobs.values(), 0, 0, float("nan")
    while True:
        if step % recipe.every == 0 or step == recipe.steps:
            job.respan(knobs)
            seen = job.held_out(knobs, unseen)
            waited = 0 if seen < best else waited + 1
            if seen < best:
                best, best_values = seen, knobs.values()
            looks.append(HeldOutCheck(step, loss, seen, best))
            if progress is not None:
                progress(looks[-1])
        if step == recipe.steps or waited >= recipe.patience:
            break
        step += 1
        chosen = random.choice(kept, min(recipe.batch, len(kept)), replace=False)
        loss = job.step(knobs, optimiser, chosen, step)
    return NoiseAwareResult(respanned(network.with_parameters(best_values), rows), tuple(looks), step)


def respanned(network: AnalogNetwork, rows: Floats) -> AnalogNetwork:
    """The network whose sums have the spans that they fill at these rows: noise is in parts of what a sum really does.

    Training could otherwise beat the noise by letting sums grow out of the spans that they were given.
    """
    layers = []
    for layer, found in zip(network.layers, network.signals(rows).layers, strict=True):
        low, high = found.sums.min(axis=0), found.sums.max(axis=0)
        wide = np.where(high > low, high - low, [s.high - s.low for s in layer.sums])
        sums = tuple(replace(s, low=float(a), high=float(a + w)) for s, a, w in zip(layer.sums, low, wide, strict=True))
        layers.append(replace(layer, sums=sums))
    return replace(network, layers=tuple(layers))


@dataclass(eq=False)
class _HeldOutTask:
    network: AnalogNetwork
    rows: Floats
    target: Tensor
    recipe: NoiseAwareRecipe
    scale: Tensor

    def respan(self, knobs: ScaledParameters) -> None:
        """Gives the sums the spans that they fill with the present values."""
        self.network = respanned(self.network.with_parameters(knobs.values()), self.rows)

    def step(
        self, knobs: ScaledParameters, optimiser: torch.optim.Optimizer, chosen: NDArray[np.int64], number: int
    ) -> float:
        """One step of the optimiser on new chips."""
        recipe = self.recipe
        seeds = (recipe.seed, 12, number)
        chips = draw(self.network, recipe.imperfections, chips=recipe.chips, rows=len(chosen), seed=seeds)
        found = self.network.forward(
            torch.as_tensor(self.rows[chosen]),
            temperature=chips.temperature,
            perturbation=chips.perturbation,
            parameters=knobs.parameters(),
        )
        loss = loss_of(found, self.target[chosen], recipe.task, self.scale)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        knobs.limit()
        return float(loss.detach())

    def held_out(self, knobs: ScaledParameters, unseen: NDArray[np.int64]) -> float:
        """The loss on rows that are not trained on, on the same chips each time."""
        recipe = self.recipe
        chips = draw(
            self.network, recipe.imperfections, chips=recipe.held_out_chips, rows=len(unseen), seed=(recipe.seed, 13)
        )
        found = outputs(self.network, self.rows[unseen], chips, parameters=knobs.values())
        return float(loss_of(torch.as_tensor(found), self.target[unseen], recipe.task, self.scale))


def check_rows(network: AnalogNetwork, x: ArrayLike, y: ArrayLike, task: str) -> tuple[Floats, Tensor]:
    """Rows and targets as loss_of takes them.

    Raises:
        ShapeError: If they do not go together.
        DataError: If there are fewer than 5 rows, something is not finite, or a class has no output.
    """
    rows, inputs = np.asarray(x, dtype=np.float64), len(network.input_names)
    if rows.ndim != 2 or rows.shape[1] != inputs:
        raise ShapeError(f"training takes rows of {inputs} values, got {rows.shape}.")
    if len(rows) < 5 or not np.isfinite(rows).all():
        raise DataError(f"training takes 5 rows or more of finite numbers, got {len(rows)}.")
    kind: Kind = "regression" if task == "mse" else "classification"
    return rows, torch.from_numpy(targets_of(y, len(rows), len(network.output_names), kind))


def loss_scale(network: AnalogNetwork, rows: Floats, task: str, temperature: float) -> Tensor:
    """What outputs are divided by in the loss: their standard deviation, or `temperature` times the largest span."""
    found = network.forward(rows)
    if task == "mse":
        return torch.as_tensor(np.maximum(found.std(axis=0), 1e-12))
    return torch.full((found.shape[1],), float(max(temperature * np.ptp(found, axis=0).max(), 1e-12))).double()
