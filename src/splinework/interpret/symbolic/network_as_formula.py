"""The network itself as a formula: functions where they are as good, splines elsewhere, nothing where an edge hardly counts."""

import math

import torch

from splinework.interpret.symbolic.edges import EdgeCandidate
from splinework.interpret.symbolic.net import Edge, Place, SplineEdge, SymbolicEdge, SymbolicNet
from splinework.interpret.symbolic.search import Choices, sensitivities
from splinework.nn.network import KAN
from splinework.nn.trace import trace

NEGLIGIBLE_SHARE = 0.1
"""What all changes of edges together may add, as a share of the network's own error."""


@torch.no_grad()
def network_as_it_is(model: KAN, xs: torch.Tensor, error: float, options: Choices) -> SymbolicNet:
    """The network with every edge in the simplest form that hardly changes its values on the data.

    Args:
        model: The network in float64.
        xs: Data in raw units, `(N, inputs)`.
        error: Root mean squared error of the network, in network units.
        options: Options of each active edge, from `edge_options`.
    """
    record = trace(model, xs)
    with torch.enable_grad():
        weights = sensitivities(model, xs)
    allowed = (NEGLIGIBLE_SHARE * error) ** 2 / max(len(options), 1)
    edges: dict[Place, Edge] = {}
    offsets: dict[Place, float] = {}
    for place, found in options.items():
        layer, i, j = place
        values = record.edge(layer, i, j)[1]
        effect = float(weights[layer][:, j].mean() * values.var(unbiased=False))
        close = [one for one in found if isinstance(one, EdgeCandidate) and one.unexplained * effect <= allowed]
        if effect <= allowed:
            offsets[place] = float(values.mean())
        elif close:
            best = min(close, key=lambda one: (one.function.cost, one.unexplained))
            edges[place], offsets[place] = SymbolicEdge.of(best), best.d
        else:
            edges[place] = SplineEdge(model.kan_layers[layer], i, j)
    return SymbolicNet.of(model, edges, offsets)


def code_length(net: SymbolicNet, rows: int) -> float:
    """Code length of all its constants and spline coefficients in nats."""
    sizes = [e.layer.basis.size if isinstance(e, SplineEdge) else len(e.free) for e in net.edges.values()]
    return (sum(sizes) + sum(len(c) for c in net.constants)) / 2 * math.log(rows) + net.cost
