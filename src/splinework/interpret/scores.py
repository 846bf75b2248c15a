"""Attribution scores of edges, nodes and inputs, as in KAN 2.0 (Liu et al. 2024b, arXiv 2408.10205).

Computed from the outputs backwards (§4.1): an edge's share of its sum is the ratio of their standard deviations, and a node's
score is the sum over its outgoing edges. Unlike a mean magnitude, the score of an edge whose target is ignored is zero.

With deviations E of edges and N of sums, `B_ij = A_j E_ij / N_j` and `A_i = Σ_j B_ij`.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from splinework.errors import ShapeError
from splinework.errors.foreign import explained
from splinework.nn.arrays import data_of
from splinework.nn.frame import FramedKAN
from splinework.nn.network import KAN
from splinework.nn.trace import Trace, trace

CHUNK_ROWS = 512
"""Rows whose edges are held at a time."""


@dataclass(frozen=True)
class Attribution:
    """Attribution scores, relative to the standard deviation of the outputs.

    Attributes:
        edges: Scores `(I, J)` of every layer of edges.
        nodes: Scores `(N_l,)` of every layer of nodes, inputs first; those of the outputs are one.
        per_output: Scores of the inputs for each output, `(inputs, outputs)`.
    """

    edges: tuple[Tensor, ...]
    nodes: tuple[Tensor, ...]
    per_output: Tensor

    @property
    def inputs(self) -> Tensor:
        """Score of every input."""
        return self.nodes[0]


@torch.no_grad()
@explained
def attribution(model: KAN | FramedKAN, x: Any, *, record: Trace | None = None) -> Attribution:
    """Attribution scores on the data x; with several outputs, the largest score counts.

    An edge's share is `std(edge) / std(sum)`; where edges cancel in their sum, the largest edge takes the place of the sum. Paths
    from an input that cancel further on count in full: after a fit without a penalty, an idle input may score highly. What the
    outputs really vary with, `splinework.interpret.importance` says.

    Args:
        model: The network; for a framed network, the scores are those of the network inside.
        x: Data in raw units, `(B, inputs)`: a tensor, an array or a frame; at least two rows.
        record: The result of `trace(model, x)`, if already computed.

    Returns:
        The scores.

    Raises:
        ShapeError: If x has another number of columns, or fewer than two rows, on which no spread is defined.
        DataError: If x does not hold numbers, or some are not finite.

    Example:
        >>> import torch
        >>> import splinework as sw
        >>> x = torch.linspace(-1, 1, 200).reshape(100, 2)
        >>> scores = attribution(sw.KAN([2, 5, 1]), x)
        >>> [tuple(one.shape) for one in scores.edges], [tuple(one.shape) for one in scores.nodes]
        ([(2, 5), (5, 1)], [(2,), (5,), (1,)])
    """
    if isinstance(model, FramedKAN):
        x, model = model.inside(x).detach(), model.network
    data = data_of(model, x)
    if data.shape[0] < 2:
        raise ShapeError(
            f"scores compare standard deviations over the data and need at least 2 rows, got {data.shape[0]}."
        )
    nodes = model.config.nodes
    per_output = torch.eye(nodes[-1].width, dtype=data.dtype, device=data.device)  # (outputs, nodes of this layer)
    edge_scores, node_scores = [], [per_output.amax(0)]
    for (spread, whole), shape in zip(reversed(_spreads(model, data, record)), reversed(nodes[1:]), strict=True):
        factors = data.new_zeros(per_output.shape[0], shape.fan_in)
        for node, group in enumerate(shape.groups):
            factors[:, list(group)] = per_output[:, node : node + 1]
        reference = torch.maximum(whole, spread.amax(dim=0))
        share = spread / torch.where(reference > 0, reference, torch.ones_like(reference))
        scores = factors[:, None, :] * share
        edge_scores.append(scores.amax(0))
        per_output = scores.sum(dim=2)
        node_scores.append(per_output.amax(0))
    return Attribution(tuple(reversed(edge_scores)), tuple(reversed(node_scores)), per_output.T)


def _spreads(model: KAN, data: Tensor, record: Trace | None) -> list[tuple[Tensor, Tensor]]:
    """Standard deviations of the edges `(I, J)` and of their sums `(J,)` in each layer, from a few rows at a time."""
    counted = 0
    known: list[list[tuple[Tensor, Tensor]]] = []  # mean and sum of squares about it, of edges and sums
    for part in [record] if record is not None else (trace(model, rows) for rows in data.split(CHUNK_ROWS)):
        fresh = [[_moments(values) for values in (layer.edges, layer.sums)] for layer in part.layers]
        count = len(part.outputs)
        if known:
            fresh = [
                [_together(old, counted, new, count) for old, new in zip(before, after, strict=True)]
                for before, after in zip(known, fresh, strict=True)
            ]
        known, counted = fresh, counted + count
    found = [[(squares / (counted - 1)).sqrt() for _, squares in layer] for layer in known]
    return [(edges, sums) for edges, sums in found]


def _moments(values: Tensor) -> tuple[Tensor, Tensor]:
    mean = values.mean(0)
    return mean, (values - mean).square_().sum(0)


def _together(
    old: tuple[Tensor, Tensor], counted: int, new: tuple[Tensor, Tensor], count: int
) -> tuple[Tensor, Tensor]:
    """The moments of two sets of rows (Chan, Golub and LeVeque 1983)."""
    step, share = new[0] - old[0], count / (counted + count)
    return old[0] + step * share, old[1] + new[1] + step.square() * counted * share
