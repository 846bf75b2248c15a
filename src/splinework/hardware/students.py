"""Small student networks for small devices, trained by knowledge distillation from a large network.

The shapes to try are chosen here; the distillation itself is `train_quantised(…, teacher=…)`.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal

import torch

from splinework.errors import ConfigError
from splinework.nn.network import KAN

MAX_EDGES: Final = 200
"""A network with more active edges gets a student by default."""
_MAX_HIDDEN_NODES: Final = 6

Shape = Literal["auto", "same"] | tuple[Any, ...]


def shapes_for(model: KAN, asked: Shape, *, most: int = MAX_EDGES) -> tuple[tuple[Any, ...], ...]:
    """The student shapes to try in place of a network's own; none if the network is used as it is.

    Args:
        model: The network.
        asked: `same` keeps the network, `auto` tries students if it has more than `most` active edges, or a shape.
        most: Number of edges that suits the device.

    Raises:
        ConfigError: If the shape has other numbers of inputs or outputs than the network.
    """
    if asked == "same" or (asked == "auto" and model.active_edges() <= most):
        return ()
    inputs, outputs = model.inputs, model.outputs
    if asked == "auto":
        hidden = min(_MAX_HIDDEN_NODES, most // (inputs + outputs))
        deep = ((inputs, hidden, outputs),) if hidden > 1 else ()
        return ((inputs, outputs), *deep)
    if isinstance(asked, str) or len(asked) < 2 or asked[0] != inputs or asked[-1] != outputs:
        raise ConfigError(
            f"shape is 'auto', 'same', or numbers of nodes from {inputs} inputs to {outputs} outputs, "
            f"such as ({inputs}, 4, {outputs}); got {asked!r}."
        )
    return (tuple(asked),)


def student(teacher: KAN, shape: Sequence[Any], *, grid: int = 8, seed: int = 0) -> KAN:
    """An untrained network of a shape, as for `KAN`, with the names, scales and units of the teacher."""
    config = teacher.config
    fresh = KAN(
        list(shape),
        grid=grid,
        names=config.input_names,
        output_names=config.output_names,
        input_scales=config.input_scales,
        output_scales=config.output_scales,
        dtype=torch.float64,
        generator=torch.Generator().manual_seed(seed),
    )
    for own, other in ((fresh.input_scaling, teacher.input_scaling), (fresh.output_scaling, teacher.output_scaling)):
        own.set(other.shift.detach().double().cpu(), other.scale.detach().double().cpu())
    return fresh


def shown(shape: Sequence[Any]) -> str:
    """A shape as text.

    >>> shown((13, 4, 3)), shown((2, (3, 1), 1))
    ('13-4-3', '2-(3,1)-1')
    """
    return "-".join(str(layer).replace(" ", "") for layer in shape)
