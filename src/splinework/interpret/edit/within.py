"""Grids that follow the activations of each `KANLayer` inside any torch module: a head, a block, a convolution, a cell."""

import copy
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from splinework.errors import ConfigError, DataError
from splinework.interpret.edit.adapt import adapt_layer, check_following
from splinework.nn.layer import KANLayer

M = TypeVar("M", bound=nn.Module)


@torch.no_grad()
def adapt_within(
    module: M,
    run: Callable[[M], Any],
    *,
    grid_eps: float = 0.5,
    margin: float = 0.0,
    tolerance: float | None = None,
    rows: int = 10_000,
) -> M:
    """A module whose KAN layers have grids over the activations that `run` causes; `adapt` for what is not a `KAN`.

    `run` pushes data through the module it is given, in one call or many. Each layer is refitted to its own function on
    the activations, as `adapt` does. The copy runs in evaluation mode and comes back in the modes that the module had.
    Shapes stay, so a module in training takes the new grids without a new optimiser:
    `module.load_state_dict(adapt_within(module, run).state_dict())`.

    Args:
        module: Any module with KAN layers in it; unchanged.
        run: Called with the copy; what it returns is ignored.
        grid_eps: 1 uniform, 0 by quantiles.
        margin: How far a grid reaches beyond the activations at either end, as a share of their range.
        tolerance: Largest change of a layer's sums, as in `adapt`; None accepts what least squares leaves.
        rows: Most activations per layer that a refit looks at, drawn at random, besides the extremes of all.

    Raises:
        ConfigError: If the module has no KAN layer with an adaptive grid, `run` reaches none, or a number is out of range.
        DataError: If an activation is not finite.

    >>> net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), KANLayer(3, 1))
    >>> x = torch.linspace(-1, 1, 40).reshape(20, 2)
    >>> adapted = adapt_within(net, lambda copy: copy(x))
    >>> bool((adapted(x) - net(x)).abs().max() < 1e-2)
    True
    """
    check_following(grid_eps, margin, tolerance)
    if rows < 1:
        raise ConfigError(f"rows is a number of activations of at least 1, got {rows}.")
    adapted = copy.deepcopy(module)
    modes = [(part, part.training) for part in adapted.modules()]
    layers = [part for part in adapted.modules() if isinstance(part, KANLayer) and part.grid_kind == "adaptive"]
    if not layers:
        raise ConfigError(f"{type(module).__name__} has no KANLayer with an adaptive grid, so no grid can follow data.")
    watched = [(layer, _Seen(layer, rows)) for layer in layers]
    handles = [layer.register_forward_pre_hook(seen) for layer, seen in watched]
    try:
        run(adapted.eval())
    finally:
        for handle in handles:
            handle.remove()
        for part, mode in modes:
            part.training = mode
    reached = [(layer, seen) for layer, seen in watched if seen.low is not None]
    if not reached:
        raise ConfigError(
            "run reached no KANLayer; it is called with a copy of the module, which is to be called in it."
        )
    for layer, seen in reached:
        adapt_layer(layer, seen.activations(), grid_eps=grid_eps, margin=margin, tolerance=tolerance)
    return adapted


class _Seen:
    """What a layer was called with: extremes of each input, and a random sample of rows."""

    def __init__(self, layer: KANLayer, rows: int) -> None:
        self.rows = rows
        self.low: Tensor | None = None
        self.high: Tensor | None = None
        self.sample = layer.grid.new_empty(0, layer.inputs)
        self._keys = torch.empty(0)
        self._generator = torch.Generator().manual_seed(0)

    def __call__(self, layer: nn.Module, args: tuple[Any, ...]) -> None:
        x = args[0].detach().reshape(-1, self.sample.shape[1]).to(self.sample)
        if not x.shape[0]:
            return
        if not bool(x.isfinite().all()):
            raise DataError(
                f"activations of a KANLayer with {x.shape[1]} inputs are not all finite; look at the data, or train with "
                "a lower rate."
            )
        low, high = x.amin(0), x.amax(0)
        self.low = low if self.low is None else torch.minimum(self.low, low)
        self.high = high if self.high is None else torch.maximum(self.high, high)
        keys = torch.rand(x.shape[0], generator=self._generator)
        self.sample, self._keys = torch.cat([self.sample, x]), torch.cat([self._keys, keys])
        if len(self._keys) > self.rows:
            self._keys, chosen = self._keys.topk(self.rows)
            self.sample = self.sample[chosen.to(x.device)]

    def activations(self) -> Tensor:
        """The sample, with the extremes as two more rows: every edge sees one input, so rows may be put together."""
        assert self.low is not None
        assert self.high is not None
        return torch.cat([torch.stack([self.low, self.high]), self.sample])
