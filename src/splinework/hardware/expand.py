"""Rewrites product nodes as sums of squares, so that tables and adders suffice.

`u·v = ((u + v)² - (u - v)²) / 4`: the layer before computes u + v and u - v in place of u and v, which are sums of edges like
any other, and one more layer squares them. Larger products are computed in pairs, with one more layer for each doubling.
"""

from itertools import combinations
from math import comb

import torch
from torch import Tensor

from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN

_GRID_MARGIN = 0.02  # Widening of the grid of a square, relative to the span of the activations


@torch.no_grad()
def sum_layers(model: KAN, u: Tensor) -> list[KANLayer]:
    """Copies of the layers of a network, with extra layers in place of product nodes: the same function without products.

    Rows u in network units, `(n, inputs)`, give the ranges of the sums; within these the function is the same to rounding.

    Returns:
        Layers of sums, in the dtype of the model, to be run one after the other.
    """
    made: list[KANLayer] = []
    for layer, nodes in zip(model.kan_layers, model.config.nodes[1:], strict=True):
        made.append(_combined(layer, torch.eye(layer.outputs, dtype=u.dtype)))
        groups = [list(group) for group in nodes.groups]
        while any(len(group) > 1 for group in groups):
            made[-1], squares, groups = _in_pairs(made, groups, u)
            made.append(squares)
    return made


def _in_pairs(layers: list[KANLayer], groups: list[list[int]], u: Tensor) -> tuple[KANLayer, KANLayer, list[list[int]]]:
    """Sums and differences in place of pairs of factors, the layer that squares them, and the remaining factors."""
    rows: list[tuple[int, ...]] = []  # a number alone is passed on, a pair is multiplied
    left: list[list[int]] = []
    for group in groups:
        pairs = [tuple(group[k : k + 2]) for k in range(0, len(group), 2)]
        left.append(list(range(len(rows), len(rows) + len(pairs))))
        rows.extend(pairs)
    columns = sum(len(row) for row in rows)
    mix = u.new_zeros(layers[-1].outputs, columns)
    factors = u.new_zeros(columns, len(rows))  # of squares, by their sign; 1 at plain ones
    place = 0
    for number, row in enumerate(rows):
        mix[list(row), place] = 1.0
        factors[place, number] = 1.0
        if len(row) == 2:
            mix[list(row), place + 1] = torch.tensor([1.0, -1.0], dtype=u.dtype)
            factors[place, number], factors[place + 1, number] = 0.25, -0.25
        place += len(row)
    mixed = _combined(layers[-1], mix)
    for layer in [*layers[:-1], mixed]:
        u = layer(u)
    squared = torch.tensor([len(rows[int(n)]) == 2 for n in factors.abs().argmax(dim=1)])
    return mixed, _squares(u, factors, squared), left


def _squares(u: Tensor, factors: Tensor, squared: Tensor) -> KANLayer:
    """The layer `Σ_i factor_ij f_i(u_i)` with `f_i` the square or the identity, exact inside a grid around u."""
    inputs, outputs = factors.shape
    low, high = u.min(dim=0).values, u.max(dim=0).values
    half = torch.clamp((high - low) * (0.5 + _GRID_MARGIN), min=1e-6)
    middle = (low + high) / 2
    degree = 2
    layer = KANLayer(inputs, outputs, grid=2, degree=degree, base="none", bias=False, dtype=u.dtype)
    basis = layer.basis
    grid = basis.make_grid(middle - half, middle + half)
    values = u.new_zeros(inputs, basis.size, outputs)
    for m in range(basis.size):
        knots = grid[:, m + 1 : m + 1 + degree]  # blossoms of x and x² at the knots of the spline
        mean = knots.mean(dim=1)
        products = sum(knots[:, a] * knots[:, b] for a, b in combinations(range(degree), 2))
        values[:, m] = torch.where(squared, products / comb(degree, 2), mean)[:, None] * factors
    layer.mask.copy_((factors != 0).to(u.dtype))
    layer.replace_grid(basis, grid, values)
    return layer


def _combined(layer: KANLayer, mix: Tensor) -> KANLayer:
    """The layer whose sums are `sums @ mix`, `(J, J')`."""
    outputs = mix.shape[1]
    made = KANLayer(
        layer.inputs,
        outputs,
        basis=layer.basis,
        base=layer.base,
        extrapolation=layer.extrapolation,
        grid_kind="adaptive" if layer.grid_kind == "learnable" else layer.grid_kind,
        bias=True,
        dtype=layer.coefficients.dtype,
    )
    made.mask.copy_(((layer.mask != 0).to(mix.dtype) @ mix.abs() != 0).to(mix.dtype))
    made.replace_grid(layer.basis, layer.knots(), torch.einsum("imj,jk->imk", layer.edge_coefficients(), mix))
    if made.bias is not None:
        made.bias.copy_(mix.new_zeros(outputs) if layer.bias is None else layer.bias @ mix)
    return made
