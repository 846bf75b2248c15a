"""The measure of an edit's change of the function, and the check that each output keeps a path from the inputs."""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from splinework.errors import ConfigError, ShapeError
from splinework.errors.foreign import explained
from splinework.nn.arrays import as_columns, check_finite, data_of
from splinework.nn.frame import FramedKAN
from splinework.nn.frame.framed import names_of, reframed
from splinework.nn.network import KAN
from splinework.nn.nodes import Nodes


class Edited(NamedTuple):
    """An edited model, and by how much its function differs; unpack it, or take its `model`.

    Attributes:
        model: The new model, in the frame of the old one if it had one.
        change: The result of `change` for the old and the new model on the data of the edit.

    Example:
        >>> import splinework as sw
        >>> model, change = sw.edit.remove_node(sw.KAN([2, 3, 1]), torch.rand(20, 2), (1, 0))
        >>> model.config.shape, change > 0
        ([2, 2, 1], True)
    """

    model: KAN
    change: float

    def within(self, framed: FramedKAN, x: Any) -> "Edited":
        """The same for a network in a frame, measured at the outputs of the frame.

        Args:
            framed: The model before the edit.
            x: Data in its raw units; None keeps the change of the network.

        Raises:
            ConfigError: If the frame corrects the network at points or for integrals, which the edit moves.
        """
        if framed.frame.corrections:
            raise ConfigError(
                "this edit would move the points or integrals that the model meets by construction; edit a network without "
                "these axioms, and fit the result with them."
            )
        model = reframed(framed, self.model)
        return Edited(cast("KAN", model), self.change if x is None else change(framed, model, x))


@torch.no_grad()
@explained
def change(before: KAN | FramedKAN, after: KAN | FramedKAN, x: Any) -> float:
    """The difference of two models on x: its root mean square, relative to the standard deviation of the first one's output.

    The share is that of the output for which it is largest; an output that does not vary counts relative to its mean size, or to
    one.

    Args:
        before: A network, with or without a frame.
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
    data = data_of(before, x) if isinstance(before, KAN) else _raw(before, x)
    if data.shape[0] < 1:
        raise ShapeError("change compares the models on data, got no rows; pass at least one.")
    names, left = names_of(before)[0], names_of(after)[0]
    if not set(left) <= set(names) or before.outputs != after.outputs:
        raise ConfigError(
            f"change compares models of the same inputs and outputs, got {list(names)} → {before.outputs} and "
            f"{list(left)} → {after.outputs}."
        )
    old = before(data)
    new = after(data[:, [names.index(name) for name in left]].to(next(after.parameters()).dtype))
    spread = old.std(0, unbiased=False)
    size = torch.where(spread > 0, spread, old.abs().mean(0))
    return float(((new - old).square().mean(0).sqrt() / torch.where(size > 0, size, torch.ones_like(size))).max())


def _raw(model: FramedKAN, x: Any) -> Tensor:
    """Finite data in the raw units of a network in a frame."""
    columns = as_columns(x, model.inputs, "x", model.input_names, next(model.parameters())).detach()
    check_finite(columns, "x", model.input_names)
    return columns


def unconstrained(model: KAN, verb: str) -> KAN:
    """The model, if it is a network without constraints.

    Raises:
        ConfigError: If it has some.
    """
    if model.config.axioms or any(layer.shaping is not None for layer in model.kan_layers):
        listed = f" ({', '.join(model.config.axioms)})" if model.config.axioms else ""
        raise ConfigError(
            f"{verb} would break what the model fulfils by construction{listed}; edit a network without axioms, and fit the "
            "result with them."
        )
    return model


def check_paths(model: KAN, x: Tensor, keep: Sequence[Tensor], what: str) -> None:
    """Checks that every output that varies on x still has a path from an input.

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
