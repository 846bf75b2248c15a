"""A multilayer perceptron and its training, for side-by-side comparisons with KANs.

One model and one function to fit it; the same care that the KAN gets: standardised inputs and outputs, a
validation split, early stopping, Adam or L-BFGS. Not here: linear models and boosting, which scikit-learn
has.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal, final, get_args

import numpy as np
import torch
from torch import Tensor, nn

from splinework.errors import ConfigError, DataError, ShapeError

MLPOptimiser = Literal["adam", "lbfgs"]

# name -> (function, gain of the Xavier initialisation that keeps the spread from layer to layer)
_ACTIVATIONS: Final[dict[str, tuple[Callable[[Tensor], Tensor], float]]] = {
    "silu": (nn.functional.silu, 2.0**0.5),
    "relu": (torch.relu, 2.0**0.5),
    "gelu": (nn.functional.gelu, 2.0**0.5),
    "tanh": (torch.tanh, 5.0 / 3.0),
}
_BATCH: Final = 1024
_CHECK_EVERY: Final = 10
_ADAM_RATE: Final = 1e-2


@final
class MLP(nn.Module):
    """Linear layers with an activation between them, on standardised inputs and outputs.

    `y = μ_y + s_y · (W_L a(… a(W_1 (x - μ_x)/s_x + b_1) …) + b_L)`. Weights start Xavier-normal (variance
    gain²·2/(fan_in + fan_out)), biases at zero. The means and scales are buffers: a saved model takes raw
    units.

    Example:
        >>> model = MLP([2, 16, 1])
        >>> model(torch.zeros(5, 2)).shape, model.parameter_count()
        (torch.Size([5, 1]), 65)
    """

    x_mean: Tensor
    x_scale: Tensor
    y_mean: Tensor
    y_scale: Tensor
    is_standardised: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        *,
        activation: str = "silu",
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        """Build the layers.

        Args:
            shape: Widths from the inputs to the outputs, such as [2, 16, 16, 1]; at least two.
            activation: "silu", "relu", "gelu" or "tanh".
            generator: Source of the weights; None means one of its own with seed 0. The global state is not
                touched.
            dtype: Type of parameters and buffers; None means torch's default.

        Raises:
            ShapeError: The shape has fewer than two widths, or one that is not a positive integer.
            ConfigError: The activation is unknown.
        """
        super().__init__()
        widths = [int(width) if float(width).is_integer() else 0 for width in shape]
        if len(widths) < 2 or min(widths) < 1:
            raise ShapeError(f"MLP takes two or more positive widths, such as [2, 16, 1], got {list(shape)}.")
        if activation not in _ACTIVATIONS:
            raise ConfigError(f"activation is one of {sorted(_ACTIVATIONS)}, got {activation!r}.")
        self.shape = tuple(widths)
        self.activation = activation
        # skip_init: nn.Linear would otherwise draw its weights from the global generator
        self.layers = nn.ModuleList(
            nn.utils.skip_init(nn.Linear, inputs, outputs, dtype=dtype) for inputs, outputs in pairwise(widths)
        )
        for name, width in (("x", widths[0]), ("y", widths[-1])):
            self.register_buffer(f"{name}_mean", torch.zeros(width, dtype=dtype))
            self.register_buffer(f"{name}_scale", torch.ones(width, dtype=dtype))
        self.register_buffer("is_standardised", torch.tensor(False))
        self.reset_parameters(generator)

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw new weights and set the biases to zero; the standardisation stays."""
        source = generator if generator is not None else torch.Generator().manual_seed(0)
        gain = _ACTIVATIONS[self.activation][1]
        for layer in self.layers:
            assert isinstance(layer, nn.Linear)
            spread = (2.0 / (layer.in_features + layer.out_features)) ** 0.5
            scale = spread if layer is self.layers[-1] else gain * spread
            drawn = torch.randn(layer.weight.shape, generator=source, dtype=layer.weight.dtype, device=source.device)
            layer.weight.copy_(scale * drawn)
            layer.bias.zero_()

    @torch.no_grad()
    def standardise(self, x: Tensor, y: Tensor) -> None:
        """Take means and scales from data: x of shape (n, inputs), y of shape (n, outputs).

        A constant column keeps the scale 1. The function that the model computes changes; retrain afterwards.
        """
        for name, values in (("x", x), ("y", y)):
            mean: Tensor = getattr(self, f"{name}_mean")
            scale: Tensor = getattr(self, f"{name}_scale")
            if values.ndim != 2 or values.shape[1] != len(mean) or len(values) < 1:
                raise ShapeError(f"standardise takes {name} of shape (n, {len(mean)}), got {tuple(values.shape)}.")
            spread = values.std(dim=0, correction=0)
            mean.copy_(values.mean(dim=0))
            scale.copy_(torch.where(spread > 0, spread, torch.ones_like(spread)))
        self.is_standardised.fill_(True)

    def forward(self, x: Tensor) -> Tensor:
        """Map x of shape (…, inputs) to (…, outputs), both in raw units."""
        if x.ndim < 1 or x.shape[-1] != self.shape[0]:
            raise ShapeError(f"MLP takes x of shape (…, {self.shape[0]}), got {tuple(x.shape)}.")
        activate = _ACTIVATIONS[self.activation][0]
        hidden = (x - self.x_mean) / self.x_scale
        for index, layer in enumerate(self.layers):
            hidden = layer(hidden if index == 0 else activate(hidden))
        return hidden * self.y_scale + self.y_mean

    def parameter_count(self) -> int:
        """Number of weights and biases, Σ (fan_in + 1)·fan_out; the standardisation is not counted."""
        return sum(parameter.numel() for parameter in self.parameters())

    def extra_repr(self) -> str:
        """The settings that `print(model)` shows for the whole."""
        return f"shape={list(self.shape)}, activation={self.activation!r}"


def fit_mlp(
    shape_or_model: Sequence[int] | MLP,
    x: Any,
    y: Any,
    *,
    steps: int = 2000,
    optimiser: MLPOptimiser = "adam",
    seed: int = 0,
    validation_fraction: float = 0.1,
) -> MLP:
    """Train a multilayer perceptron on squared error and return the best state seen.

    The best state is the one with the least error on the held-out rows (on the training rows where none are
    held out). Training stops early when a fifth of the steps, at least 100, brought no improvement, or when
    the loss is no longer finite. Adam takes batches of at most 1024 rows and lowers its rate from 1e-2 to 0
    along a cosine; L-BFGS takes all rows.

    Args:
        shape_or_model: Widths, such as [2, 16, 1], for a silu network in the dtype of x; or a model to
            start from, which is left unchanged. A model that was never standardised is standardised here,
            on the training rows.
        x: Inputs, shape (n, inputs): a tensor, an array or a frame.
        y: Outputs, shape (n, outputs), or (n,) for one output.
        steps: Steps of Adam or iterations of L-BFGS, at most.
        optimiser: "adam" or "lbfgs".
        seed: Decides the weights, the split and the batches; the same seed gives the same model on one
            machine. No global seed is read or changed.
        validation_fraction: Share of rows held out, in [0, 1).

    Returns:
        A new, trained model.

    Raises:
        ShapeError: x, y and the network do not fit together, or there are fewer than two rows to train on.
        DataError: x or y holds values that are not finite numbers.
        ConfigError: A setting is out of range.

    Example:
        >>> x = np.linspace(-1, 1, 64)[:, None]
        >>> model = fit_mlp([1, 8, 1], x, x[:, 0] ** 2, steps=300)
        >>> bool((model(torch.from_numpy(x))[:, 0] - torch.from_numpy(x[:, 0] ** 2)).abs().max() < 0.1)
        True
    """
    if steps < 1:
        raise ConfigError(f"steps is 1 or more, got {steps}.")
    if optimiser not in get_args(MLPOptimiser):
        raise ConfigError(f"optimiser is one of {list(get_args(MLPOptimiser))}, got {optimiser!r}.")
    if not 0.0 <= validation_fraction < 1.0:
        raise ConfigError(f"validation_fraction is in [0, 1), got {validation_fraction}.")
    generator = torch.Generator().manual_seed(seed)
    inputs, outputs = _tensor(x, "x"), _tensor(y, "y")
    if isinstance(shape_or_model, MLP):
        model = copy.deepcopy(shape_or_model)
    else:
        dtype = inputs.dtype if inputs.is_floating_point() else torch.get_default_dtype()
        model = MLP(shape_or_model, generator=generator, dtype=dtype).to(inputs.device)
    inputs, outputs = inputs.to(model.x_mean), outputs.to(model.y_mean)
    outputs = outputs[:, None] if outputs.ndim == 1 else outputs
    _check(inputs, outputs, model.shape)
    split = _split(inputs, outputs, validation_fraction, generator)
    if not bool(model.is_standardised):
        model.standardise(split.x, split.y)
    (_adam if optimiser == "adam" else _lbfgs)(model, split, steps, generator)
    return model


@final
@dataclass(frozen=True)
class _Split:
    """Rows to train on and rows to choose the best state by."""

    x: Tensor
    y: Tensor
    held_x: Tensor
    held_y: Tensor


class _Best:
    """The best state so far, and whether it is time to stop."""

    def __init__(self, model: MLP, split: _Split, steps: int) -> None:
        self.model, self.split = model, split
        self.patience = max(steps // 5, 100)
        self.error, self.step = float("inf"), 0
        self.state: dict[str, Tensor] = {}
        self.stop_at(0)

    def stop_at(self, step: int) -> bool:
        """Look at the model after `step` steps: keep it if it is the best, and say whether to stop."""
        with torch.no_grad():
            error = float(_loss(self.model, self.split.held_x, self.split.held_y))
        if not self.state or error < self.error:
            self.error, self.step = error, step
            self.state = {name: value.clone() for name, value in self.model.state_dict().items()}
        return not np.isfinite(error) or step - self.step >= self.patience

    def restore(self) -> None:
        self.model.load_state_dict(self.state)


def _adam(model: MLP, split: _Split, steps: int, generator: torch.Generator) -> None:
    best = _Best(model, split, steps)
    optimiser = torch.optim.Adam(model.parameters(), lr=_ADAM_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=steps)
    rows = len(split.x)
    batches: list[Tensor] = []
    for step in range(1, steps + 1):
        if rows > _BATCH and not batches:
            batches = list(torch.randperm(rows, generator=generator).to(split.x.device).split(_BATCH))
        chosen = batches.pop() if batches else slice(None)
        optimiser.zero_grad()
        _loss(model, split.x[chosen], split.y[chosen]).backward()
        optimiser.step()
        schedule.step()
        if (step % _CHECK_EVERY == 0 or step == steps) and best.stop_at(step):
            break
    best.restore()


def _lbfgs(model: MLP, split: _Split, steps: int, generator: torch.Generator) -> None:
    del generator  # every step sees all rows
    best = _Best(model, split, steps)
    settings: dict[str, Any] = {"history_size": 50, "line_search_fn": "strong_wolfe"}
    optimiser = torch.optim.LBFGS(
        model.parameters(), max_iter=_CHECK_EVERY, tolerance_grad=1e-12, tolerance_change=1e-16, **settings
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = _loss(model, split.x, split.y)
        loss.backward()
        return loss

    for step in range(_CHECK_EVERY, steps + _CHECK_EVERY, _CHECK_EVERY):
        optimiser.step(closure)
        if best.stop_at(step):
            break
    best.restore()


def _loss(model: MLP, x: Tensor, y: Tensor) -> Tensor:
    """Mean squared error in units of the spread of y, so that several outputs weigh the same."""
    error: Tensor = (model(x) - y) / model.y_scale
    return error.square().mean()


def _tensor(values: Any, name: str) -> Tensor:
    """A detached tensor of whatever came; frames and lists pass through numpy."""
    if isinstance(values, Tensor):
        return values.detach()
    try:
        array = np.array(values, order="C")
        return torch.from_numpy(array if array.dtype.kind in "fiub" else array.astype(np.float64))
    except (TypeError, ValueError) as error:
        raise DataError(f"fit_mlp takes {name} as numbers, got {type(values).__name__}: {error}.") from None


def _check(x: Tensor, y: Tensor, shape: tuple[int, ...]) -> None:
    for name, values, width in (("x", x, shape[0]), ("y", y, shape[-1])):
        if values.ndim != 2 or values.shape[1] != width:
            raise ShapeError(
                f"fit_mlp with shape {list(shape)} takes {name} of shape (n, {width}), got {tuple(values.shape)}."
            )
        bad = int((~values.isfinite()).sum())
        if bad:
            raise DataError(f"{name} holds {bad} values that are not finite; drop or fill them first.")
    if len(x) != len(y):
        raise ShapeError(f"x and y must have the same number of rows, got {len(x)} and {len(y)}.")


def _split(x: Tensor, y: Tensor, fraction: float, generator: torch.Generator) -> _Split:
    rows = len(x)
    held = round(rows * fraction)
    if rows - held < 2:
        raise ShapeError(f"fit_mlp needs 2 rows to train on, got {rows} of which {held} are held out; add rows.")
    order = torch.randperm(rows, generator=generator).to(x.device)
    train, test = order[held:], order[:held] if held else order
    return _Split(x[train], y[train], x[test], y[test])
