"""Scores of edges that pictures can show: by the output's variance, by the spread of edges, as in KAN 2.0, or one's own."""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from splinework.errors import ConfigError, ShapeError, nearest
from splinework.interpret.importance.ablation import ablation_scores
from splinework.interpret.scores import attribution
from splinework.nn.network import KAN
from splinework.nn.trace import trace

MetricName = Literal["attribution", "variance", "spread", "gain"]
Metric = MetricName | Sequence[Any]
"""The name of a metric, or for each layer a matrix `(inputs, sums)` of non-negative numbers."""


@torch.no_grad()
def edge_scores(model: KAN, x: Tensor, metric: Metric) -> tuple[Tensor, ...]:
    """Scores of all edges of each layer, `(inputs, sums)`, as `plot` and `plot_edges` take them.

    - `attribution`: the score of KAN 2.0, in which paths that cancel count (`splinework.interpret.scores.attribution`);
    - `variance`: the share of an output's variance that changes where the edge is held at its mean, `E Δ² / Var f`, of the output
      where it is largest (`splinework.interpret.importance.ablation_scores`, squared);
    - `spread`: the standard deviation of the edge, over the largest in its layer (pykan's `forward_u`);
    - `gain`: the same over the standard deviation of its input (pykan's `forward_n`);
    - own matrices, one for each layer, divided by the largest number in them.

    Args:
        model: The network.
        x: Data in raw units, `(B, inputs)`, at least two rows.
        metric: A name, or the matrices.

    Raises:
        ConfigError: If the metric is not known, or its numbers are negative or not finite.
        ShapeError: If a matrix has another shape than its layer.

    Example:
        >>> x = torch.linspace(-1, 1, 100).reshape(50, 2)
        >>> [tuple(one.shape) for one in edge_scores(KAN([2, 3, 1]), x, "spread")]
        [(2, 3), (3, 1)]
    """
    if not isinstance(metric, str):
        return _own(model, metric)
    if metric == "attribution":
        return attribution(model, x).edges
    if metric == "variance":
        return tuple(one.square() for one in ablation_scores(model, x).edges)
    if metric not in get_args(MetricName):
        raise ConfigError(
            f"metric is one of {', '.join(get_args(MetricName))}, or a matrix (inputs, sums) for each layer; got {metric!r}. "
            f"{nearest(metric, get_args(MetricName))}"
        )
    found = []
    for seen in trace(model, x).layers:
        spread = seen.edges.std(0)
        if metric == "gain":
            moved = seen.inputs.std(0)[:, None]
            spread = torch.where(moved > 0, spread / torch.where(moved > 0, moved, 1.0), 0.0)
        found.append(_over_largest(spread))
    return tuple(found)


def _own(model: KAN, metric: Sequence[Any]) -> tuple[Tensor, ...]:
    wanted = [(layer.inputs, layer.outputs) for layer in model.kan_layers]
    try:
        given = [torch.as_tensor(one, dtype=torch.float64, device="cpu") for one in metric]
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"metric is a name or a matrix of numbers for each layer, of the shapes {wanted}; got {metric!r:.60}."
        ) from error
    shapes = [tuple(one.shape) for one in given]
    if shapes != wanted:
        raise ShapeError(f"metric has a matrix (inputs, sums) for each layer, of the shapes {wanted}; got {shapes}.")
    if not all(bool((one.isfinite() & (one >= 0)).all()) for one in given):
        raise ConfigError("the numbers of a metric are zero or above, and finite; got others.")
    most = max(float(one.max()) for one in given)
    return tuple(one / most if most > 0 else one for one in given)


def _over_largest(values: Tensor) -> Tensor:
    """Values over the largest finite one."""
    most = values.nan_to_num(0.0, 0.0, 0.0).amax()
    return values / most if most > 0 else values
