"""A network as numbers alone: what every target writes down, and nothing that an artefact need not know.

Weights and masks are multiplied into the coefficients, learnable knots are worked out, dead edges are gone, and with them
the nodes that no living edge leaves and the inputs that nothing depends on. Not here: how a language says it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from splinework.kernels import BasisTable, EdgeParameters
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.splines.bases import Activation, Basis, activation


@dataclass(frozen=True)
class FrozenLayer:
    """One layer of edges between the nodes that are needed.

    Attributes:
        basis: Family of the functions, M of them.
        base: Base function; None where there is none.
        extrapolation: What edges do outside their grid.
        squashed: Whether inputs are bent into the domain first (a `normalised` grid).
        grid: Of every input, `(I, K)`.
        coefficients: Of every edge, weights included, `(I, M, J)`; zero where there is no edge.
        base_weight: `(I, J)`; zeros where there is no base function.
        alive: Which edges there are, `(I, J)`.
        bias: Constant of every sum, `(J,)`.
        groups: For each node the sums that it multiplies; one sum, for a plain node.
    """

    basis: Basis
    base: Activation | None
    extrapolation: str
    squashed: bool
    grid: Tensor
    coefficients: Tensor
    base_weight: Tensor
    alive: Tensor
    bias: Tensor
    groups: tuple[tuple[int, ...], ...]

    @property
    def inputs(self) -> int:
        """Number of nodes that edges come from, I."""
        return self.alive.shape[0]

    @property
    def sums(self) -> int:
        """Number of sums that edges go to, J."""
        return self.alive.shape[1]

    @property
    def multiplies(self) -> bool:
        """Whether any node is a product."""
        return any(len(group) > 1 for group in self.groups)

    def table(self) -> BasisTable:
        """The functions that the edges combine."""
        return BasisTable(self.basis, self.base, self.extrapolation, self.grid, self.basis.prepare(self.grid))


@dataclass(frozen=True)
class FrozenNetwork:
    """A network, ready to be written down.

    Attributes:
        layers: From the inputs on. The first may have no input: then the outputs are constants.
        columns: Numbers of the raw inputs that the first layer takes.
        inputs: Number of raw inputs, used or not.
        in_log: Of each input used, whether its logarithm is taken.
        in_shift: `(columns,)`: `(value - shift) / scale` is what the first layer sees.
        in_scale: `(columns,)`.
        out_log: Of each output, whether the exponential is taken.
        out_shift: `(outputs,)`: `value · scale + shift` is what the last layer gives.
        out_scale: `(outputs,)`.
    """

    layers: tuple[FrozenLayer, ...]
    columns: tuple[int, ...]
    inputs: int
    in_log: tuple[bool, ...]
    in_shift: Tensor
    in_scale: Tensor
    out_log: tuple[bool, ...]
    out_shift: Tensor
    out_scale: Tensor

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return len(self.out_log)

    @property
    def edges(self) -> int:
        """Number of living edges."""
        return sum(int(layer.alive.sum()) for layer in self.layers)

    @property
    def dtype(self) -> torch.dtype:
        """Of every tensor."""
        return self.out_shift.dtype


@torch.no_grad()
def freeze(model: KAN, dtype: torch.dtype | None = None) -> FrozenNetwork:
    """The network that a model is now, on the processor.

    Args:
        model: The network.
        dtype: Of the numbers; None keeps the model's. Knots are those that the model has in its own.

    >>> network = freeze(KAN([2, 3, 1]))
    >>> network.edges, [layer.sums for layer in network.layers]
    (9, [3, 1])
    """
    config = model.config
    kind = next(model.parameters()).dtype if dtype is None else dtype
    layers: list[FrozenLayer] = []
    needed = list(range(model.outputs))
    for layer, nodes in zip(reversed(model.kan_layers), reversed(config.nodes[1:]), strict=True):
        frozen, needed = _frozen_layer(layer, [nodes.groups[node] for node in needed], kind)
        layers.insert(0, frozen)
        if not needed:  # constants from here on: what lies before does not matter
            break
    before, after = model.input_scaling, model.output_scaling
    return FrozenNetwork(
        layers=tuple(layers),
        columns=tuple(needed),
        inputs=model.inputs,
        in_log=tuple(config.input_scales[i] == "log" for i in needed),
        in_shift=_own(before.shift[needed], kind),
        in_scale=_own(before.scale[needed], kind),
        out_log=tuple(scale == "log" for scale in config.output_scales),
        out_shift=_own(after.shift, kind),
        out_scale=_own(after.scale, kind),
    )


def _frozen_layer(layer: KANLayer, groups: list[tuple[int, ...]], dtype: torch.dtype) -> tuple[FrozenLayer, list[int]]:
    """The part of a layer that nodes with these groups of sums need, and the inputs that it needs in turn."""
    sums = [j for group in groups for j in group]
    place = {j: number for number, j in enumerate(sums)}
    alive = layer.mask[:, sums] != 0
    inputs = [i for i, used in enumerate(alive.any(dim=1).tolist()) if used]
    parts = EdgeParameters(*(None if part is None else _own(part, dtype) for part in vars(layer.parts()).values()))  # type: ignore[arg-type]
    values = parts.table_coefficients()[inputs][:, :, sums]
    size = layer.basis.size
    base = activation(layer.base)
    nothing = torch.zeros(len(sums), dtype=dtype)
    alive = alive[inputs].cpu()
    frozen = FrozenLayer(
        basis=layer.basis,
        base=base,
        extrapolation=layer.extrapolation,
        squashed=layer.grid_kind == "normalised",
        grid=_own(layer.knots()[inputs], dtype),
        coefficients=values[:, :size] * alive[:, None, :],
        base_weight=nothing.expand(len(inputs), -1).clone() if base is None else values[:, size] * alive,
        alive=alive,
        bias=nothing if parts.bias is None else parts.bias[sums],
        groups=tuple(tuple(place[j] for j in group) for group in groups),
    )
    return frozen, inputs


def _own(values: Tensor, dtype: torch.dtype) -> Tensor:
    return values.detach().to("cpu", dtype, copy=True)
