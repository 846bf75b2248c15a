"""Models of pykan (Liu et al., github.com/KindXiaoming/pykan) as networks of this library.

In pykan an edge is `mask_n (w_b b(x) + w_s Σ_m c_m B_m(x)) + mask_s (c f(ax + b) + d)`, a sum `scale · Σ edges + bias`, a node
one such sum, or a product of several, scaled and shifted once more. Scales and shifts go into the edges and the biases. What
remains, an edge with both halves and a shifted product, gets a layer of relays: nodes that pass on one value, exactly.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.errors.foreign import explained
from splinework.nn.config import EdgeFamily, KANConfig
from splinework.nn.edge_functions import EdgeFunction
from splinework.nn.network import KAN
from splinework.nn.nodes import Nodes
from splinework.nn.pykan_files import SavedLayer, SavedModel, read_files
from splinework.splines.bases import BSpline

FUNCTIONS = {
    "x": "u", "x^2": "u**2", "x^3": "u**3", "x^4": "u**4", "x^5": "u**5",
    "1/x": "1/u", "1/x^2": "1/u**2", "1/x^3": "1/u**3", "1/x^4": "1/u**4", "1/x^5": "1/u**5",
    "sqrt": "sqrt(u)", "x^0.5": "sqrt(u)", "x^1.5": "sqrt(u)**3", "1/sqrt(x)": "1/sqrt(u)", "1/x^0.5": "1/sqrt(u)",
    "exp": "exp(u)", "log": "log(u)", "abs": "abs(u)", "sin": "sin(u)", "cos": "cos(u)", "tan": "tan(u)", "tanh": "tanh(u)",
    "sgn": "sign(u)", "arcsin": "asin(u)", "arccos": "acos(u)", "arctan": "atan(u)", "arctanh": "atanh(u)",
    "gaussian": "exp(-u**2)",
}  # fmt: skip
"""The functions of pykan's library, over u; its `0` is a constant."""

Function = str | Callable[[Tensor], Any]


@dataclass
class _Layer:
    """A layer of edges between nodes, with what its nodes add to their values."""

    grid: Tensor
    coefficients: Tensor
    spline_weight: Tensor
    base_weight: Tensor
    mask: Tensor
    bias: Tensor
    functions: list[EdgeFunction]
    nodes: Nodes
    shift: Tensor
    degree: int


@torch.no_grad()
@explained
def from_pykan(
    path: str | os.PathLike[str], *, functions: Mapping[str | tuple[int, int, int], Function] | None = None
) -> KAN:
    """Opens a model that pykan saved by `model.saveckpt(path)`; its output is that of pykan's model.

    Splines keep their knots, tails and weights, edges with functions their four numbers, and nothing in the files is
    executed. A model that pykan saved with `symbolic_enabled` off has no functions, as in pykan itself. Where pykan's unguarded
    functions give NaN or infinity, these give finite values. An edge that is a spline and a function at once, or a shifted
    product, appears as two edges by way of a further layer, whose nodes pass their values on.

    Args:
        path: The path that `saveckpt` was given; there are `<path>_config.yml` and `<path>_state`.
        functions: Custom functions (pykan's `add_symbolic`, or `anonymous` ones) by their names there, or by edge as
            `(layer, input, sum)`: formulas over u, such as `"j0(u)"`, or callables of tensors.

    Returns:
        The network, in the dtype of the file.

    Raises:
        FileError: If a file is missing, damaged, of another version, or holds code.
        ConfigError: If something in the model has no counterpart, which is named, or PyYAML is not installed.

    Example:
        >>> import splinework as sw
        >>> sw.from_pykan("no_such_model")
        Traceback (most recent call last):
            ...
        splinework.errors.FileError: there is no no_such_model_config.yml; pykan writes it from 0.1 on, ...
    """
    saved = read_files(path)
    every: dict[Any, Function] = {**FUNCTIONS, **(functions or {})}
    layers = [_folded(layer, level, every) for level, layer in enumerate(saved.layers)]
    for level in reversed(range(len(layers))):
        _insert_relays(layers, level)
    return _network(saved, layers)


def _folded(saved: SavedLayer, level: int, functions: Mapping[Any, Function]) -> _Layer:
    """A layer with the scales and shifts of its nodes in its edges and biases, but for the shifts of products."""
    nodes = Nodes(saved.sums, saved.arities)
    scale, bias = saved.subnode_scale.clone(), saved.subnode_bias.clone()
    first = [group[0] for group in nodes.groups]  # a product is scaled by its first factor
    scale[first] *= saved.node_scale
    bias[first] *= saved.node_scale
    bias[: nodes.sums] += saved.node_bias[: nodes.sums]
    shift = saved.node_bias.clone()
    shift[: nodes.sums] = 0.0
    made = []
    for j, i in saved.symbolic_mask.nonzero().tolist():
        a, b, c, d = saved.affine[j, i].tolist()
        share, name = float(saved.symbolic_mask[j, i] * scale[j]), saved.names[j][i]
        if name == "0":
            bias[j] += share * d
            continue
        function = functions.get((level, i, j), functions.get(name))
        if function is None:
            unknown = [
                (level, i, j, other)
                for j, row in enumerate(saved.names)
                for i, other in enumerate(row)
                if saved.symbolic_mask[j, i] and other != "0" and other not in functions
            ]
            raise ConfigError(
                f"these edges (layer, input, sum) have functions that pykan's library has not: {unknown}; say what they are, as "
                f"in functions={{{name!r}: 'j0(u)'}} or functions={{{(level, i, j)}: 'j0(u)'}}."
            )
        made.append(_function(function, name, i, j, (a, b, share * c, share * d)))
    return _Layer(
        saved.grid,
        saved.coef.permute(0, 2, 1).clone(),
        saved.scale_sp * scale,
        saved.scale_base * scale,
        saved.mask.clone(),
        bias,
        made,
        nodes,
        shift,
        saved.degree,
    )


def _function(function: Function, name: str, i: int, j: int, numbers: tuple[float, ...]) -> EdgeFunction:
    if isinstance(function, str):
        return EdgeFunction.of(function, i, j, name=name, numbers=numbers)
    own = torch.tensor(numbers, dtype=torch.float64)
    return EdgeFunction(EdgeFamily(name, call=function), i, j, own, (True,) * 4)


def _insert_relays(layers: list[_Layer], level: int) -> None:
    """Puts a layer of relays before a layer, if one of its edges has two halves or a product before it is shifted."""
    own = layers[level]
    inputs = len(own.grid)
    shift = layers[level - 1].shift if level else torch.zeros(inputs, dtype=own.bias.dtype)
    twice = sorted({each.i for each in own.functions if own.mask[each.i, each.j] != 0})
    if not twice and not bool(shift.any()):
        return
    source = [*range(inputs), *twice]  # a second relay of a node serves its functions
    passed = [
        EdgeFunction.of("u", i, at, name="x", numbers=(1.0, 0.0, 1.0, float(shift[i]))) for at, i in enumerate(source)
    ]
    zeros = own.mask.new_zeros(inputs, len(source))
    relays = _Layer(
        own.grid, zeros[:, None].expand(-1, own.coefficients.shape[1], -1).clone(), zeros + 1, zeros, zeros,
        zeros.new_zeros(len(source)), passed, Nodes(len(source)), zeros.new_zeros(len(source)), own.degree,
    )  # fmt: skip
    own.functions = [
        each.at(inputs + twice.index(each.i) if each.i in twice else each.i, each.j) for each in own.functions
    ]
    own.mask = torch.cat([own.mask, torch.zeros_like(own.mask[twice])])
    for name in ("grid", "coefficients", "spline_weight", "base_weight"):
        setattr(own, name, getattr(own, name)[source])
    layers.insert(level, relays)


def _network(saved: SavedModel, layers: list[_Layer]) -> KAN:
    """The network of the layers."""
    config = KANConfig(
        nodes=(Nodes(len(layers[0].grid)), *(layer.nodes for layer in layers)),
        bases=tuple(BSpline(layer.grid.shape[1] - 1 - 2 * layer.degree, layer.degree) for layer in layers),
        base=saved.base,
        domain=saved.domain,
        extrapolation="zero",
        grid_eps=saved.grid_eps,
    )
    model = KAN(config, generator=torch.Generator(), dtype=layers[0].coefficients.dtype)
    for layer, own in zip(model.kan_layers, layers, strict=True):
        layer.replace_grid(layer.basis, own.grid, layer.edge_coefficients())
        for name in ("coefficients", "spline_weight", "base_weight", "mask", "bias"):
            if (target := getattr(layer, name)) is not None:
                target.copy_(getattr(own, name))
        layer.set_functions(own.functions)
        layer.spline_weight.requires_grad_(saved.trainable["sp_trainable"])
        if layer.base_weight is not None:
            layer.base_weight.requires_grad_(saved.trainable["sb_trainable"])
    model.output_scaling.shift.copy_(layers[-1].shift)
    return model
