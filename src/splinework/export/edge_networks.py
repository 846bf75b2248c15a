"""Every layer of a network as a network of its own whose outputs are its edges, for readers of single edges."""

from dataclasses import dataclass, replace

import torch

from splinework.export.frozen import FrozenLayer, FrozenNetwork, freeze_layer
from splinework.nn.network import KAN


@dataclass(frozen=True)
class EdgeNetwork:
    """One layer.

    Attributes:
        network: From the values of all nodes before the layer to the values of its edges, in network units.
        edges: `(input, sum)` of every output.
        bias: Constant of every sum.
        groups: Sums that each node multiplies.
    """

    network: FrozenNetwork
    edges: tuple[tuple[int, int], ...]
    bias: tuple[float, ...]
    groups: tuple[tuple[int, ...], ...]


def edge_networks(model: KAN) -> list[EdgeNetwork]:
    """The layers of a model, in float64.

    Raises:
        ConfigError: If an edge is a callable or a spline on a grid of its own, which no file can hold.

    >>> [layer.edges for layer in edge_networks(KAN([2, 1]))]
    [((0, 0), (1, 0))]
    """
    found = []
    for layer, nodes in zip(model.kan_layers, model.config.nodes[1:], strict=True):
        groups = tuple(tuple(group) for group in nodes.groups)
        frozen, inputs = freeze_layer(layer, list(groups), torch.float64)
        sums = [j for group in groups for j in group]
        places = [(i, j) for i, j in torch.nonzero(frozen.alive).tolist()]
        places += [(each.input, each.sum) for each in frozen.functions]
        bias = {j: float(frozen.bias[place]) for place, j in enumerate(sums)}
        found.append(
            EdgeNetwork(
                _alone(_apart(frozen, places), tuple(inputs), layer.inputs),
                tuple((inputs[i], sums[j]) for i, j in places),
                tuple(bias[j] for j in range(len(sums))),
                groups,
            )
        )
    return found


def _apart(layer: FrozenLayer, places: list[tuple[int, int]]) -> FrozenLayer:
    """The layer with a sum for every edge, without constants."""
    count = len(places)
    splines = count - len(layer.functions)
    coefficients = layer.coefficients.new_zeros(layer.inputs, layer.coefficients.shape[1], count)
    weights, alive = layer.base_weight.new_zeros(layer.inputs, count), torch.zeros(layer.inputs, count).bool()
    for e, (i, j) in enumerate(places[:splines]):
        coefficients[i, :, e] = layer.coefficients[i, :, j]
        weights[i, e], alive[i, e] = layer.base_weight[i, j], True
    return replace(
        layer,
        coefficients=coefficients,
        base_weight=weights,
        alive=alive,
        bias=layer.bias.new_zeros(count),
        groups=tuple((e,) for e in range(count)),
        functions=tuple(replace(each, sum=splines + n) for n, each in enumerate(layer.functions)),
    )


def _alone(layer: FrozenLayer, columns: tuple[int, ...], inputs: int) -> FrozenNetwork:
    """The network of one layer, in network units."""
    numbers, outputs = layer.bias, layer.sums
    return FrozenNetwork(
        layers=(layer,),
        columns=columns,
        inputs=inputs,
        in_log=(False,) * len(columns),
        in_shift=numbers.new_zeros(len(columns)),
        in_scale=numbers.new_ones(len(columns)),
        out_log=(False,) * outputs,
        out_shift=numbers.new_zeros(outputs),
        out_scale=numbers.new_ones(outputs),
    )
