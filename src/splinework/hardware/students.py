"""Small networks for small devices: fresh ones of a chosen shape, which learn from a large one what it says.

Which shapes are tried is decided here; distillation itself is `train_quantised(…, teacher=…)`.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal

import torch

from splinework.errors import ConfigError
from splinework.nn.network import KAN

MOST_EDGES: Final = 200
"""Active edges from which on a network gets a student, if nothing else is asked for."""
_WIDEST: Final = 6

Shape = Literal["auto", "same"] | tuple[Any, ...]


def shapes_for(model: KAN, asked: Shape, *, most: int = MOST_EDGES) -> tuple[tuple[Any, ...], ...]:
    """The shapes to try in place of a network's own; none where it is taken as it is.

    Args:
        model: The network.
        asked: `same` for its own, `auto` for students where it has more than `most` active edges, or a shape.
        most: Edges that the device holds well.

    Raises:
        ConfigError: If the shape does not begin and end as the network does.
    """
    if asked == "same" or (asked == "auto" and model.active_edges() <= most):
        return ()
    inputs, outputs = model.inputs, model.outputs
    if asked == "auto":
        hidden = min(_WIDEST, most // (inputs + outputs))
        deep = ((inputs, hidden, outputs),) if hidden > 1 else ()
        return ((inputs, outputs), *deep)
    if isinstance(asked, str) or len(asked) < 2 or asked[0] != inputs or asked[-1] != outputs:
        raise ConfigError(
            f"shape is 'auto', 'same', or numbers of nodes from the {inputs} inputs to the {outputs} outputs of the network, "
            f"such as ({inputs}, 4, {outputs}); got {asked!r}."
        )
    return (tuple(asked),)


def student(teacher: KAN, shape: Sequence[Any], *, grid: int = 8, seed: int = 0) -> KAN:
    """A fresh network of a shape, as for `KAN`, with the names, scales and units of another one, and so many intervals."""
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
    for own, other in (
        (fresh.input_scaling, teacher.input_scaling),
        (fresh.output_scaling, teacher.output_scaling),
    ):
        own.set(other.shift.detach().double().cpu(), other.scale.detach().double().cpu())
    return fresh


def shown(shape: Sequence[Any]) -> str:
    """A shape in words.

    >>> shown((13, 4, 3)), shown((2, (3, 1), 1))
    ('13-4-3', '2-(3,1)-1')
    """
    return "-".join(str(layer).replace(" ", "") for layer in shape)
