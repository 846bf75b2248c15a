"""Unknown coefficients of an equation, trained with the network: outputs of it that no edge goes into.

Such an output is its bias, a number; the Jacobian has a column for it like for any other, and the second-order steps move
coefficients and network together. Its unit is `start + |start| · bias`.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.nn.config import KANConfig
from splinework.nn.network import KAN
from splinework.nn.nodes import Nodes
from splinework.nn.precision import keep_unset


def with_unknowns(model: KAN, starts: Sequence[float]) -> KAN:
    """The network with one constant output more for each start; its own function is as it was.

    Raises:
        ConfigError: If its sums have no constants, or its last layer multiplies.
    """
    if not starts:
        return model
    last = model.config.nodes[-1]
    if not model.config.bias or last.products:
        raise ConfigError(
            "unknown coefficients are constants of the last sums: the model needs bias=True and no products in its last layer."
        )
    names = tuple(f"constant{k + 1}" for k in range(len(starts)))
    wide = _like(model, Nodes(last.sums + len(starts)), (*model.config.output_names, *names))
    layer, own = wide.kan_layers[-1], model.kan_layers[-1]
    with torch.no_grad():
        layer.mask[:, : last.sums], layer.mask[:, last.sums :] = own.mask, 0.0
        given = torch.tensor(starts, dtype=layer.coefficients.dtype)
        out = wide.output_scaling
        size = torch.where(given == 0, torch.ones_like(given), given.abs())
        out.set(torch.cat([model.output_scaling.shift, given]), torch.cat([model.output_scaling.scale, size]))
        assert layer.bias is not None
        assert own.bias is not None
        layer.bias.copy_(torch.cat([own.bias, torch.zeros_like(given)]))
    return wide


def without_unknowns(model: KAN, names: Sequence[str]) -> tuple[KAN, Tensor]:
    """The network with its first outputs only, which have these names, and the values of the constants after them."""
    count = len(names)
    narrow = _like(model, Nodes(count), tuple(names))
    layer, wide = narrow.kan_layers[-1], model.kan_layers[-1]
    with torch.no_grad():
        layer.mask.copy_(wide.mask[:, :count])
        out = model.output_scaling
        narrow.output_scaling.set(out.shift[:count], out.scale[:count])
        assert layer.bias is not None
        assert wide.bias is not None
        layer.bias.copy_(wide.bias[:count])
        return narrow, (wide.bias * out.scale + out.shift)[count:]


def _like(model: KAN, nodes: Nodes, names: tuple[str, ...]) -> KAN:
    """The same network with other last nodes, as far as both have the same edges."""
    first = next(model.parameters())
    config: KANConfig = replace(
        model.config,
        nodes=(*model.config.nodes[:-1], nodes),
        output_names=names,
        output_scales=("linear",) * nodes.sums,
    )
    other = KAN(config, dtype=first.dtype, device=first.device, generator=torch.Generator().manual_seed(0))
    other.input_scaling.load_state_dict(model.input_scaling.state_dict())
    for new, old in zip(other.kan_layers[:-1], model.kan_layers[:-1], strict=True):
        new.load_state_dict(old.state_dict())
    new, old = other.kan_layers[-1], model.kan_layers[-1]
    shared = min(new.outputs, old.outputs)
    with torch.no_grad():
        values = torch.zeros(new.inputs, new.table().size, new.outputs, dtype=first.dtype, device=first.device)
        values[..., :shared] = old.edge_coefficients()[..., :shared]
        new.replace_grid(old.basis, old.grid, values)
    return keep_unset(other, model)
