"""A multilayer perceptron and its training, the rival of the experiments: standardised data, L-BFGS, the best state seen."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final, final

import torch
from torch import Tensor, nn

from splinework.errors import ConfigError, ShapeError

# name -> (function, gain of the Xavier initialisation that keeps the spread from layer to layer)
_ACTIVATIONS: Final[dict[str, tuple[Callable[[Tensor], Tensor], float]]] = {
    "silu": (nn.functional.silu, 2.0**0.5),
    "tanh": (torch.tanh, 5.0 / 3.0),
}
_HISTORY, _CHECK_EVERY = 50, 10
"""Pairs that L-BFGS keeps, and iterations between two looks at the error."""
_SHARE, _PATIENCE = 5, 100
"""Training ends when a fifth of the iterations, at least 100, brought no improvement."""


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
            activation: "silu" or "tanh".
            generator: Source of the weights; None means one of its own with seed 0. The global state is not
                touched.
            dtype: Type of parameters and buffers; None means torch's default.

        Raises:
            ShapeError: The shape has fewer than two widths, or one that is not positive.
            ConfigError: The activation is unknown.
        """
        super().__init__()
        if len(shape) < 2 or min(shape) < 1:
            raise ShapeError(f"MLP takes two or more positive widths, such as [2, 16, 1], got {list(shape)}.")
        if activation not in _ACTIVATIONS:
            raise ConfigError(f"activation is one of {sorted(_ACTIVATIONS)}, got {activation!r}.")
        self.shape = tuple(shape)
        self.activation = activation
        # skip_init: nn.Linear would otherwise draw its weights from the global generator
        self.layers = nn.ModuleList(
            nn.utils.skip_init(nn.Linear, inputs, outputs, dtype=dtype) for inputs, outputs in pairwise(shape)
        )
        for name, width in (("x", shape[0]), ("y", shape[-1])):
            self.register_buffer(f"{name}_mean", torch.zeros(width, dtype=dtype))
            self.register_buffer(f"{name}_scale", torch.ones(width, dtype=dtype))
        self.register_buffer("is_standardised", torch.tensor(False))
        self._draw(generator if generator is not None else torch.Generator().manual_seed(0))

    @torch.no_grad()
    def _draw(self, source: torch.Generator) -> None:
        """Draws the weights and sets the biases to zero."""
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


def fit_mlp(model: MLP, x: Tensor, y: Tensor, *, steps: int) -> MLP:
    """Trains a copy on squared error by L-BFGS on all rows, and returns the best state seen.

    Args:
        model: The network to start from; one that was never standardised is standardised on the rows.
        x: Inputs, `(N, inputs)`.
        y: Outputs, `(N, outputs)`.
        steps: Iterations, at most.

    >>> x = torch.linspace(-1, 1, 64)[:, None]
    >>> model = fit_mlp(MLP([1, 8, 1]), x, x**2, steps=300)
    >>> bool((model(x) - x**2).abs().max() < 0.1)
    True
    """
    model = copy.deepcopy(model)
    if not bool(model.is_standardised):
        model.standardise(x, y)
    optimiser = torch.optim.LBFGS(
        model.parameters(), max_iter=_CHECK_EVERY, history_size=_HISTORY, line_search_fn="strong_wolfe",
        tolerance_grad=1e-12, tolerance_change=1e-16,
    )  # fmt: skip

    def error() -> Tensor:
        gap: Tensor = (model(x) - y) / model.y_scale
        return gap.square().mean()

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = error()
        loss.backward()
        return loss

    lowest, found, best = float("inf"), 0, copy.deepcopy(model.state_dict())
    for step in range(_CHECK_EVERY, steps + _CHECK_EVERY, _CHECK_EVERY):
        optimiser.step(closure)
        value = float(error().detach())
        if value < lowest:
            lowest, found, best = value, step, copy.deepcopy(model.state_dict())
        if value != value or step - found >= max(steps // _SHARE, _PATIENCE):
            break
    model.load_state_dict(best)
    return model
