"""A hidden node for a group of inputs, which act on the rest of the network through it alone."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.errors.foreign import explained
from splinework.interpret.edit.difference import Edited, change, unconstrained
from splinework.interpret.edit.growth import deepen
from splinework.interpret.edit.parts import everything, rearranged
from splinework.interpret.edit.places import input_of
from splinework.interpret.edit.refit import anchored_fit, anchors
from splinework.nn.arrays import data_of
from splinework.nn.frame.framed import within_frame
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.nn.trace import trace


@torch.no_grad()
@explained
@within_frame
def group_inputs(model: KAN, x: Any, inputs: Sequence[int | str]) -> Edited:
    """Returns a model with one more hidden layer, in which some inputs share one sum node and each other one has its own.

    The contributions of the group to the sums of the first layer, `C_j = Σ_i φ_ij(x_i)`, become `g_j(s)` of their common sum
    `s = Σ_i ψ_i(x_i)`. As s the first principal component of the C on x is taken, so that `ψ_i = Σ_j v_j φ_ij`, and the g are
    splines by least squares. Exact where all C are proportional, as for one sum; elsewhere a fit may make up for the change.

    Args:
        model: The network; unchanged.
        x: Data in raw units, `(B, inputs)`, at least two rows: a tensor, an array or a frame.
        inputs: Two or more inputs, by index or name.

    Returns:
        The deeper model, whose group node is the last one of the first hidden layer, and by how much it differs on x.

    Raises:
        ConfigError: If there are no such inputs, fewer than two, an edge of theirs is a function, or the model fulfils axioms by
            construction.
        ShapeError: If x has another number of columns, or fewer than two rows.
        DataError: If x does not hold numbers, or some are not finite, or edges of the group are not finite on it.

    Example:
        >>> import splinework as sw
        >>> model, x = sw.KAN([3, 1], dtype=torch.float64), torch.rand(50, 3, dtype=torch.float64)
        >>> grouped = group_inputs(model, x, ["x1", "x2"])
        >>> grouped.model.config.shape, grouped.change < 1e-9
        ([3, 2, 1], True)
    """
    if isinstance(inputs, str) or not isinstance(inputs, Sequence):
        raise ConfigError(f"inputs lists two or more inputs, such as ['x1', 'x2'], got {inputs!r:.80}.")
    group = sorted({input_of(unconstrained(model, "group_inputs"), one) for one in inputs})
    if len(group) < 2:
        raise ConfigError(f"inputs lists two or more inputs, such as ['x1', 'x2'], got {list(inputs)}.")
    first = model.kan_layers[0]
    if first.functions is not None and any(edge.i in group for edge in first.functions.edges()):
        raise ConfigError(
            "group_inputs needs splines on the edges of the group; make them some first: sw.free(model, edge)."
        )
    data = data_of(model, x)
    if data.shape[0] < 2:
        raise ShapeError(f"group_inputs compares contributions on at least 2 rows, got {data.shape[0]}.")
    parts = trace(model, data).layers[0].edges[:, group]
    contributions = parts.sum(1)
    if not bool(contributions.isfinite().all()):
        raise DataError(
            f"edges of inputs {', '.join(str(i) for i in group)} are not finite on x, so their sum has no principal component; "
            "fit the model again, or leave those inputs out."
        )
    centred = contributions - contributions.mean(0)
    direction = torch.linalg.svd(centred.double(), full_matrices=False)[2][0].to(parts)
    common = contributions @ direction

    deeper, origins = deepen(model, 0), everything(model)
    others = [i for i in range(model.inputs) if i not in group]
    grouped = rearranged(deeper, [origins[0], [*others, group[0]], *origins[1:]])
    relays, second = grouped.kan_layers[:2]
    _sum_up(relays, others, group, first.edge_coefficients()[group] @ direction)
    _fit_row(second, len(others), common, contributions, first.alive[group].any(0))
    return Edited(grouped, change(model, grouped, data))


def _sum_up(layer: KANLayer, others: Sequence[int], group: Sequence[int], coefficients: Tensor) -> None:
    """Leaves in a layer of relays those of the others, and edges of the group with coefficients `(group, size)`, in place."""
    last = len(others)
    if layer.functions is not None:
        layer.set_functions([edge for edge in layer.functions.edges() if edge.j != last])
    values, mask = layer.edge_coefficients(), torch.zeros_like(layer.mask)
    values[:, :, last] = 0.0
    values[group, :, last] = coefficients
    mask[others, range(last)] = layer.mask[others, range(last)]
    mask[group, last] = 1.0
    layer.mask.copy_(mask)
    layer.set_edge_coefficients(values)


def _fit_row(layer: KANLayer, row: int, at: Tensor, targets: Tensor, alive: Tensor) -> None:
    """Sets the edges of one input in place to splines by least squares, straight lines where there are no data.

    Args:
        layer: The layer.
        row: The input.
        at: Its values on the data, `(B,)`.
        targets: Values of its edges, `(B, J)`.
        alive: Mask of the edges that there are, `(J,)`.
    """
    low, high = at.amin(), at.amax()
    half = (0.5 * (high - low)).clamp_min(1e-3)
    ends = (0.5 * (low + high))[None] + torch.stack([-half, half])[:, None]
    grid = layer.knots().clone()
    grid[row] = layer.basis.make_grid(ends[0], ends[1])[0]
    layer.mask[row] = alive.to(layer.mask)
    layer.replace_grid(layer.basis, grid, layer.edge_coefficients())
    table = layer.table()
    between = anchors(table, table)[:, row]
    slope = ((at - at.mean())[:, None] * targets).sum(0) / (at - at.mean()).square().sum().clamp_min(1e-300)
    lines = targets.mean(0) + (between - at.mean())[:, None] * slope
    points = at.new_zeros(len(at) + len(between), layer.inputs)
    points[:, row] = torch.cat([at, between])
    rows = table.rows(layer.squash(points))[:, row]
    values = layer.edge_coefficients()
    values[row] = anchored_fit(rows, torch.cat([targets, lines]), len(at))
    layer.set_edge_coefficients(values)
