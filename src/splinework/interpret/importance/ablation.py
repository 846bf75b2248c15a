"""Ablation: the change of a network's outputs where an edge, a node or an input is taken out.

For each in turn its values are replaced by their mean over the rows, as pruning does, and the rest of the network is evaluated:
`A = √(E(f(x) - f_without(x))² / Var f)` (the mean ablation of a unit, Meyes et al. 2019). A part whose paths cancel further on
changes nothing, and scores nothing; the attribution of KAN 2.0 gives it what its paths carry.
"""

from typing import Any

import torch
from torch import Tensor

from splinework.errors import ShapeError
from splinework.errors.foreign import explained
from splinework.interpret.scores import Attribution
from splinework.nn.arrays import data_of
from splinework.nn.network import KAN
from splinework.nn.trace import trace

MAX_ROWS = 1000
"""Rows on which each part is taken out, evenly spread over those given."""


@torch.no_grad()
@explained
def ablation_scores(model: KAN, x: Any) -> Attribution:
    """Root mean square change of the outputs without each edge, node and input, in their standard deviations: `√(E Δ² / Var f)`.

    Args:
        model: The network.
        x: Data in raw units, `(B, inputs)`, at least two rows, of which up to 1000 are used.

    Returns:
        Scores as `splinework.interpret.scores.attribution` gives them: with several outputs, the largest counts; those of the
        outputs themselves are one.

    Raises:
        ShapeError: If x has another number of columns, or fewer than two rows.
        DataError: If x does not hold numbers, or some are not finite.

    References:
        Meyes et al. 2019 ("Ablation studies in artificial neural networks").

    Example:
        >>> x = torch.linspace(-1, 1, 200).reshape(100, 2)
        >>> scores = ablation_scores(KAN([2, 5, 1]), x)
        >>> [tuple(one.shape) for one in scores.edges], [tuple(one.shape) for one in scores.nodes]
        ([(2, 5), (5, 1)], [(2,), (5,), (1,)])
    """
    data = data_of(model, x)
    if data.shape[0] < 2:
        raise ShapeError(
            f"scores compare with the spread of the outputs and need at least 2 rows, got {data.shape[0]}."
        )
    data = data[:: -(-len(data) // MAX_ROWS)]
    record = trace(model, data)
    spread = record.outputs.std(0)
    spread = torch.where(spread > 0, spread, torch.ones_like(spread))

    def change(layer: int, sums: Tensor) -> Tensor:
        """Change of each output, `(outputs,)`, with other sums of a layer."""
        u = model.config.nodes[layer + 1].combine(sums)
        for after, shape in zip(model.kan_layers[layer + 1 :], model.config.nodes[layer + 2 :], strict=True):
            u = shape.combine(after(u))
        return (model.output_scaling.inverse(u) - record.outputs).square().mean(0).sqrt() / spread

    edges, nodes = [], []
    for l, seen in enumerate(record.layers):
        mean = seen.edges.mean(0)
        score = mean.new_zeros(*mean.shape, len(spread))
        whole = mean.new_zeros(mean.shape[0], len(spread))
        for i in range(mean.shape[0]):
            without = mean[i] - seen.edges[:, i]  # (B, J)
            for j in torch.nonzero(model.kan_layers[l].alive[i]).flatten().tolist():
                one = seen.sums.clone()
                one[:, j] += without[:, j]
                score[i, j] = change(l, one)
            whole[i] = change(l, seen.sums + without)
        edges.append(score.amax(2))
        nodes.append(whole)
    ones = torch.ones_like(spread)
    return Attribution(tuple(edges), (*(whole.amax(1) for whole in nodes), ones), nodes[0])
