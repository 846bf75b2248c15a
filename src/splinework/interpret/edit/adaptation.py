"""Grids adapted to the activations (Liu et al. 2024, §2.4), for a KAN or for the KAN layers of any module."""

import copy
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.errors.foreign import explained
from splinework.interpret.edit.refit import refitted
from splinework.nn.arrays import data_of
from splinework.nn.frame.framed import within_frame
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN

MIN_INTERVAL_EPS = 1e3
"""Minimum width of a grid interval in units of the dtype's epsilon; an input that varies less counts as constant."""


@torch.no_grad()
@explained
@within_frame
def adapt(
    model: KAN, x: Any, *, grid_eps: float | None = None, margin: float = 0.0, tolerance: float | None = None
) -> KAN:
    """Returns a model whose grids cover the activations on x; the function is refitted by least squares.

    Each layer's edges are refitted, tails included, by least squares on the activations: no other coefficients on the new
    knots change an edge less (up to 1e-6 of its size, the weight of regions without data). Where the function is
    representable on the new knots, as after an `adapt` to the same data, it does not change: 1e-12 of its size in float64,
    1e-6 in float32. Where x extends far beyond the old grid, the new cells are wider than the old ones and details are
    lost; `refine` first, or set `tolerance`, to keep them.

    A constant input keeps its grid if that contains the value, and otherwise gets one of the old width around it. Layers
    with a `fixed`, `normalised` or `learnable` grid are unchanged.

    Args:
        model: The network; unchanged.
        x: Data in raw units, `(B, inputs)`, B >= 1: a tensor, an array or a frame.
        grid_eps: 1 uniform, 0 by quantiles; None takes the model's own.
        margin: Margin of the grid beyond the activations at either end, as a share of their range.
        tolerance: Largest change on x of a layer's sums, relative to their standard deviation; an input whose refit
            would exceed it keeps its grid. None sets no limit.

    Returns:
        The adapted copy.

    Raises:
        ShapeError: If x has another number of columns, or no rows.
        DataError: If x does not hold numbers, or some are not finite.
        ConfigError: If grid_eps is not between 0 and 1, or margin or tolerance is negative.

    Example:
        >>> model = KAN([1, 1], dtype=torch.float64)
        >>> x = torch.linspace(20, 30, 50, dtype=torch.float64)[:, None]
        >>> adapt(model, x).kan_layers[0].knots()[0, 3:-3]
        tensor([20., 22., 24., 26., 28., 30.], dtype=torch.float64)
    """
    eps = model.config.grid_eps if grid_eps is None else grid_eps
    check_following(eps, margin, tolerance)
    data = data_of(model, x)
    if data.shape[0] < 1:
        raise ShapeError("adapt needs data, got no rows; pass at least one.")
    adapted = copy.deepcopy(model)
    u = adapted.input_scaling(data)
    for layer, nodes in zip(adapted.kan_layers, adapted.config.nodes[1:], strict=True):
        if layer.grid_kind == "adaptive":
            adapt_layer(layer, u, grid_eps=eps, margin=margin, tolerance=tolerance)
        u = nodes.combine(layer(u))
    return adapted


def check_following(grid_eps: float, margin: float, tolerance: float | None) -> None:
    """Checks the options of `adapt`.

    Raises:
        ConfigError: If grid_eps is not between 0 and 1, or margin or tolerance is negative.
    """
    if not 0 <= grid_eps <= 1:
        raise ConfigError(f"grid_eps lies between 0 (quantiles) and 1 (uniform), got {grid_eps}.")
    for name, value in (("margin", margin), ("tolerance", tolerance)):
        if value is not None and not 0 <= value < float("inf"):
            raise ConfigError(f"{name} is a share, zero or more, got {value}.")


@torch.no_grad()
def adapt_layer(
    layer: KANLayer, x: Tensor, *, grid_eps: float, margin: float | Tensor, tolerance: float | None
) -> None:
    """Adapts one layer in place to its activations x `(B, I)`; see `adapt`. A margin may be one for each input, `(I,)`."""
    if layer.shaping is not None:
        x = layer.shaping.symmetrised(x, *layer.basis.domain(layer.grid))
    low, high, constant = _ranges(layer, x, margin)
    grid = layer.basis.adapt_grid(x, low, high, grid_eps)
    values = refitted(layer, layer.basis, grid, x)
    old_low, old_high = layer.basis.domain(layer.grid)
    kept = constant & (x.amin(0) >= old_low) & (x.amax(0) <= old_high)
    if tolerance is not None:
        before = layer.edges(x)
        tried = copy.deepcopy(layer)
        tried.replace_grid(layer.basis, grid, values)
        change = (tried.edges(x) - before).square().mean(0).sqrt()
        spread = before.sum(1).std(0, unbiased=False)
        kept |= (change > tolerance * spread / layer.inputs**0.5).any(dim=1)
    grid = torch.where(kept[:, None], layer.grid, grid)
    values = torch.where(kept[:, None, None], layer.edge_coefficients(), values.to(layer.grid))
    layer.replace_grid(layer.basis, grid, values)


def _ranges(layer: KANLayer, x: Tensor, margin: float | Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Ends of the new grids, and a mask of the constant inputs, which get the old width around their value."""
    low, high = x.amin(0), x.amax(0)
    old_low, old_high = layer.basis.domain(layer.grid)
    span, width = high - low, old_high - old_low
    size = torch.maximum(low.abs(), high.abs())
    finest = MIN_INTERVAL_EPS * layer.basis.resolution * torch.finfo(x.dtype).eps
    constant = span <= finest * torch.maximum(size, width)
    half = torch.maximum(width / 2, finest * size)
    beyond = torch.where(constant, half, margin * span)
    return low - beyond, high + beyond, constant


M = TypeVar("M", bound=nn.Module)


@torch.no_grad()
@explained
def adapt_within(
    module: M,
    run: Callable[[M], Any],
    *,
    grid_eps: float = 0.5,
    margin: float = 0.0,
    tolerance: float | None = None,
    rows: int = 10_000,
) -> M:
    """Adapts the grids of the KAN layers inside any module to the activations that `run` produces.

    `run` calls the module it is given on data, once or several times. Each layer is refitted as by `adapt`. The copy runs in
    evaluation mode and is returned in the modes of the module. Shapes do not change, so a module in training can take over
    the new grids without a new optimiser:
    `module.load_state_dict(adapt_within(module, run).state_dict())`.

    Args:
        module: Any module with KAN layers in it; unchanged.
        run: Called with the copy; what it returns is ignored.
        grid_eps: 1 uniform, 0 by quantiles.
        margin: Margin of a grid beyond the activations at either end, as a share of their range.
        tolerance: Largest change of a layer's sums, as in `adapt`; None sets no limit.
        rows: Maximum number of activations per layer in a refit, a random sample plus the extremes.

    Returns:
        The adapted copy.

    Raises:
        ConfigError: If the module has no KAN layer with an adaptive grid, `run` reaches none, or a number is out of range.
        DataError: If an activation is not finite.

    Example:
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
        raise ConfigError(f"{type(module).__name__} has no KANLayer with an adaptive grid to adapt.")
    watched = [(layer, _ActivationSample(layer, rows)) for layer in layers]
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
        raise ConfigError("run called no KANLayer; it receives a copy of the module and must call that copy.")
    for layer, seen in reached:
        adapt_layer(layer, seen.activations(), grid_eps=grid_eps, margin=margin, tolerance=tolerance)
    return adapted


class _ActivationSample:
    """Forward hook that keeps the extremes of each input of a layer and a random sample of rows."""

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
        """The sample and the extremes as two more rows; edges are univariate, so rows may mix inputs."""
        assert self.low is not None
        assert self.high is not None
        return torch.cat([torch.stack([self.low, self.high]), self.sample])
