"""The measure of an edit's change of the function, and the check that each output keeps a path from the inputs."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from splinework.errors import ConfigError, ShapeError
from splinework.errors.foreign import explained
from splinework.nn.arrays import data_of
from splinework.nn.frame import FramedKAN
from splinework.nn.network import KAN
from splinework.nn.nodes import Nodes


class Edited(NamedTuple):
    """An edited model, and by how much its function differs; unpack it, or take its `model`.

    Attributes:
        model: The new model.
        change: The result of `change` for the old and the new model on the data of the edit.

    Example:
        >>> import splinework as sw
        >>> model, change = sw.edit.remove_node(sw.KAN([2, 3, 1]), torch.rand(20, 2), (1, 0))
        >>> model.config.shape, change > 0
        ([2, 2, 1], True)
    """

    model: KAN
    change: float


@torch.no_grad()
@explained
def change(before: KAN, after: KAN, x: Any) -> float:
    """The difference of two models on x: its root mean square, relative to the standard deviation of the first one's output.

    The share is that of the output for which it is largest; an output that does not vary counts relative to its mean size, or to
    one.

    Args:
        before: A network.
        after: Another one, of the same inputs or some of them.
        x: Data in raw units of the first model, `(B, inputs)`: a tensor, an array or a frame.

    Returns:
        The share, 0 for models that agree on x.

    Raises:
        ShapeError: If x has another number of columns, or no rows.
        DataError: If x does not hold numbers, or some are not finite.
        ConfigError: If the second model has inputs or outputs that the first has not.

    Example:
        >>> import splinework as sw
        >>> model, x = sw.KAN([2, 3, 1], dtype=torch.float64), torch.rand(50, 2, dtype=torch.float64)
        >>> sw.edit.change(model, sw.refine(model, 10), x) < 1e-12
        True
    """
    for model in (before, after):
        plain(model, "change")
    data = data_of(before, x)
    if data.shape[0] < 1:
        raise ShapeError("change compares the models on data, got no rows; pass at least one.")
    names = before.config.input_names
    if not set(after.config.input_names) <= set(names) or before.outputs != after.outputs:
        raise ConfigError(
            f"change compares models of the same inputs and outputs, got {list(names)} → {before.outputs} and "
            f"{list(after.config.input_names)} → {after.outputs}."
        )
    old = before(data)
    new = after(data[:, [names.index(name) for name in after.config.input_names]].to(next(after.parameters()).dtype))
    spread = old.std(0, unbiased=False)
    size = torch.where(spread > 0, spread, old.abs().mean(0))
    return float(((new - old).square().mean(0).sqrt() / torch.where(size > 0, size, torch.ones_like(size))).max())


def plain(model: Any, verb: str) -> KAN:
    """The model, if it is a network without a frame.

    Raises:
        ConfigError: If it has a frame.
    """
    if isinstance(model, FramedKAN):
        raise ConfigError(
            f"{verb} takes a network without a frame; its model.network is one, and FramedKAN(network, model.frame) puts the "
            "result back where inputs and outputs are the same."
        )
    return model  # type: ignore[no-any-return]  # what else it may be, `explained` tells


def unconstrained(model: KAN, verb: str) -> KAN:
    """The model, if it is a network without a frame and without constraints.

    Raises:
        ConfigError: If it has one of them.
    """
    plain(model, verb)
    if model.config.axioms or any(layer.shaping is not None for layer in model.kan_layers):
        listed = f" ({', '.join(model.config.axioms)})" if model.config.axioms else ""
        raise ConfigError(
            f"{verb} would break what the model fulfils by construction{listed}; edit a network without axioms, and fit the "
            "result with them."
        )
    return model


def check_paths(model: KAN, x: Tensor, keep: Sequence[Tensor], what: str) -> None:
    """Checks that every output that varies on x still has a path from an input.

    Args:
        model: The network.
        x: Data in raw units.
        keep: Mask of the edges that stay, for every layer.
        what: The edit, for the message.

    Raises:
        ConfigError: If an output is cut off.
    """
    cut = cut_off(keep, model.config.nodes, varying(model, x))
    if cut:
        names = [model.config.output_names[j] for j in cut]
        raise ConfigError(
            f"{what} cuts every path to {', '.join(names)}, which would be constant; remove less, or remove that output "
            "from the data."
        )


def varying(model: KAN, x: Tensor) -> Tensor:
    """Mask of the outputs that vary on x beyond rounding, `(outputs,)`."""
    outputs = model.unit_forward(model.input_scaling(x)).detach()
    return outputs.std(0, unbiased=False) > 100 * torch.finfo(outputs.dtype).eps * outputs.abs().amax(0).clamp_min(1)


def cut_off(keep: Sequence[Tensor], nodes: Sequence[Nodes], wanted: Tensor) -> list[int]:
    """Indices of the wanted outputs that no input reaches along the edges `keep`."""
    reached = torch.ones(nodes[0].width, dtype=torch.bool, device=wanted.device)
    for mask, shape in zip(keep, nodes[1:], strict=True):
        sums = (mask & reached[:, None]).any(0)
        reached = torch.stack([sums[list(group)].any() for group in shape.groups])
    return (wanted & ~reached).nonzero().flatten().tolist()
