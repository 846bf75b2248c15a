"""How much each edge, node and input matters: the attribution score of KAN 2.0 (Liu et al. 2024b, arXiv 2408.10205, §4.1).

From the outputs backwards: an edge's share of its sum is the ratio of their standard deviations, and a node's score is what
its outgoing edges carry. Unlike a mean magnitude, this sees that an edge is useless when all that follows ignores it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from splinework.errors import ShapeError
from splinework.network import KAN
from splinework.trace import Trace, trace


@dataclass(frozen=True)
class Attribution:
    """Scores, all in units of the outputs' spread.

    Attributes:
        edges: Per layer `(I, J)`.
        nodes: Per layer of nodes, inputs first: `(N_l,)`; the outputs' are one.
    """

    edges: tuple[Tensor, ...]
    nodes: tuple[Tensor, ...]

    @property
    def inputs(self) -> Tensor:
        """Score of every input."""
        return self.nodes[0]


@torch.no_grad()
def attribution(model: KAN, x: Tensor, *, record: Trace | None = None) -> Attribution:
    """Attribution scores on the data x `(B, inputs)`; where several outputs differ, the largest counts.

    The share is `std(edge) / std(sum)`; where edges cancel in their sum, it is taken against the largest of them instead, so
    that no score exceeds what the edge itself carries.

    Args:
        model: The network.
        x: Data, at least two rows.
        record: `trace(model, x)`, if it is at hand already.

    Raises:
        ShapeError: If x has fewer than two rows, on which no spread is defined.
    """
    if x.shape[0] < 2:
        raise ShapeError(f"scores compare spreads over the data and need at least 2 rows, got {x.shape[0]}.")
    record = record or trace(model, x)
    nodes = model.config.nodes
    per_output = torch.eye(nodes[-1].width, dtype=x.dtype, device=x.device)  # (outputs, nodes of this layer)
    edge_scores, node_scores = [], [per_output.amax(0)]
    for layer, shape in zip(reversed(record.layers), reversed(nodes[1:]), strict=True):
        factors = torch.zeros(per_output.shape[0], shape.fan_in, dtype=x.dtype, device=x.device)
        for node, group in enumerate(shape.groups):
            factors[:, list(group)] = per_output[:, node : node + 1]
        spread = layer.edges.std(dim=0)
        reference = torch.maximum(layer.sums.std(dim=0), spread.amax(dim=0))
        share = torch.where(reference > 0, spread / torch.where(reference > 0, reference, torch.ones_like(reference)), 0.0)
        scores = factors[:, None, :] * share
        edge_scores.append(scores.amax(0))
        per_output = scores.sum(dim=2)
        node_scores.append(per_output.amax(0))
    return Attribution(tuple(reversed(edge_scores)), tuple(reversed(node_scores)))
