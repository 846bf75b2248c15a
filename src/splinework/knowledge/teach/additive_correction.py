"""A network and a smooth additive correction of it as one network: `a f(x) + b + Σ_i δ_i(x_i)`.

A sum of networks is a network: the corrections are edges from the inputs to nodes of their own, straight edges lead these past
the layers of f, and one more layer of straight edges adds both. So every part stays an edge that one can read.
"""

import copy
from dataclasses import replace

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.nn.layer import KANLayer
from splinework.nn.naming import refuse_functions
from splinework.nn.network import KAN
from splinework.nn.nodes import Nodes
from splinework.splines import greville
from splinework.splines.bases import LINEAR_BASIS

RANGE_FACTOR = 2.0
"""Half width of the grids of straight edges, in units of the largest value that passes there."""


def check_splines(model: KAN) -> None:
    """Raises unless every edge can be a straight line.

    Raises:
        ConfigError: If a basis is not of splines of degree 1 or more, or inputs are squashed onto a grid.
    """
    refuse_functions(model, "corrections")
    for layer in model.kan_layers:
        if layer.basis.degree is None or layer.basis.degree < 1 or layer.grid_kind == "normalised":
            raise ConfigError(
                f"a correction is led past the layers on straight edges, which take B-splines of degree 1 or more on a grid of "
                f"kind adaptive, fixed or learnable; got {layer.basis} and {layer.grid_kind!r}. Use the recipe 'anchored'."
            )


@torch.no_grad()
def without_axioms(model: KAN) -> KAN:
    """A copy in float64 whose edges may become anything: without axioms, and without the shapes that these ask for."""
    if not model.config.axioms and all(layer.shaping is None for layer in model.kan_layers):
        return copy.deepcopy(model).double()
    free = KAN(replace(model.config, axioms=()), dtype=torch.float64, generator=torch.Generator())
    free.input_scaling.load_state_dict(model.input_scaling.state_dict())
    free.output_scaling.load_state_dict(model.output_scaling.state_dict())
    for old, new in zip(copy.deepcopy(model).double().kan_layers, free.kan_layers, strict=True):
        new.mask.copy_(old.mask)
        new.replace_grid(old.basis, old.knots(), old.edge_coefficients())
        if old.bias is not None and new.bias is not None:
            new.bias.copy_(old.bias)
    return free


@torch.no_grad()
def add_correction(model: KAN, factor: Tensor, shift: Tensor, curves: Tensor, u: Tensor) -> KAN:
    """`factor · model + shift + Σ_i curve_i` in network units, with the scalings of the model.

    Args:
        model: The network f, of splines (`check_splines`).
        factor: a, `(q,)`.
        shift: b, `(q,)`.
        curves: Spline coefficients of the corrections on the first layer's grid, `(p, M, q)`; a curve of zeros has no edge.
        u: Rows in network units, `(n, p)`, for the reach of the straight edges.
    """
    config, layers, q = model.config, model.kan_layers, model.outputs
    nodes = [config.nodes[0], *(Nodes(q + each.sums, each.products) for each in config.nodes[1:]), Nodes(q)]
    bases = (*(layer.basis for layer in layers), LINEAR_BASIS)
    kind = "adaptive" if config.grid_kind == "learnable" else config.grid_kind
    wide = replace(config, nodes=tuple(nodes), bases=bases, bias=True, grid_kind=kind, axioms=())
    own = layers[0].coefficients
    whole = KAN(wide, generator=torch.Generator(), dtype=own.dtype, device=own.device)
    whole.input_scaling.load_state_dict(model.input_scaling.state_dict())
    whole.output_scaling.load_state_dict(model.output_scaling.state_dict())
    first = layers[0]
    carried = torch.einsum("bim,imj->bj", first.table().rows(u)[..., : first.basis.size], curves)
    reach = RANGE_FACTOR * carried.abs().amax(0).clamp_min(1e-6)
    for number, (old, new) in enumerate(zip(layers, whole.kan_layers, strict=False)):
        if number == 0:
            _place_beside(old, new, curves, (curves != 0).any(1), None)
        else:
            _place_beside(old, new, None, torch.eye(q, dtype=torch.bool, device=own.device), reach)
    sums = RANGE_FACTOR * model.unit_forward(u).abs().amax(0).clamp_min(1e-6)
    _sum_layer(whole.kan_layers[-1], torch.cat([reach, sums]), factor, shift)
    return whole


def _place_beside(old: KANLayer, new: KANLayer, curves: Tensor | None, alive: Tensor, reach: Tensor | None) -> None:
    """Puts the old layer's edges into the lower right corner, and the correction's, or straight ones, into the upper left."""
    q, size, total = alive.shape[1], old.basis.size, new.table().size
    above = 0 if reach is None else q
    values = new.coefficients.new_zeros(new.inputs, total, new.outputs)
    values[above:, : old.table().size, q:] = old.edge_coefficients()
    mask = torch.zeros_like(new.mask)
    mask[above:, q:] = old.mask
    mask[: len(alive), :q] = alive.to(mask)
    grid = old.knots()
    if reach is None:
        assert curves is not None
        values[:, :size, :q] = curves
    else:
        straight = old.basis.make_grid(-reach, reach)
        grid = torch.cat([straight, grid])
        line = greville(straight, size - old.basis.resolution)
        values[torch.arange(q), :size, torch.arange(q)] = line
    # Whatever number other than 1 a mask held is in the coefficients now.
    new.mask.copy_((mask != 0).to(mask))
    new.replace_grid(old.basis, grid, values)
    assert new.bias is not None
    new.bias.zero_()
    if old.bias is not None:
        new.bias[q:].copy_(old.bias)


def _sum_layer(layer: KANLayer, reach: Tensor, factor: Tensor, shift: Tensor) -> None:
    """The last layer: corrections times one, the network's outputs times their factor, and the constants."""
    q = len(factor)
    grid = layer.basis.make_grid(-reach, reach)
    line = greville(grid, 1)
    values = layer.coefficients.new_zeros(layer.inputs, layer.table().size, q)
    slopes = torch.cat([torch.eye(q, dtype=line.dtype, device=line.device), torch.diag(factor)])
    values[:, : layer.basis.size] = line[:, :, None] * slopes[:, None]
    layer.mask.copy_((slopes != 0).to(layer.mask))
    layer.replace_grid(layer.basis, grid, values)
    assert layer.bias is not None
    layer.bias.copy_(shift)
