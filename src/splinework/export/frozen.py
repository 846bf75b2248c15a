"""A network reduced to the numbers that every target needs.

Weights and masks are multiplied into the coefficients, learnable knots are computed, and pruned edges are removed together with
unused nodes and inputs.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.formula.expression import Expression
from splinework.kernels import BasisTable, EdgeParameters
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.splines.bases import Activation, Basis, activation

if TYPE_CHECKING:  # loaded by networks that have such edges
    from splinework.nn.edge_functions import EdgeFunction


@dataclass(frozen=True)
class FrozenFunction:
    """An edge that is a formula.

    Attributes:
        input: Index of its input among those that are used.
        sum: Index of its sum.
        formula: The formula of `u`.
    """

    input: int
    sum: int
    formula: Expression


@dataclass(frozen=True)
class FrozenLayer:
    """One layer of edges between the nodes that are used.

    Attributes:
        basis: Basis of M functions.
        base: Base function, or None.
        extrapolation: Extrapolation of the edges outside their grid.
        squashed: Whether inputs are squashed into the domain first (a `normalised` grid).
        grid: Grid of every input, `(I, K)`.
        coefficients: Coefficients of every edge, weights included, `(I, M, J)`; zero for missing edges.
        base_weight: Weights of the base function, `(I, J)`; zeros without one.
        alive: Mask of the edges that are splines, `(I, J)`.
        bias: Constant of every sum, `(J,)`.
        groups: Sums that each node multiplies; one sum for a sum node.
        functions: Edges that are formulas.
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
    functions: tuple[FrozenFunction, ...] = ()

    @property
    def inputs(self) -> int:
        """Number of input nodes, I."""
        return self.alive.shape[0]

    @property
    def sums(self) -> int:
        """Number of sums, J."""
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
    """A network reduced to its numbers.

    Attributes:
        layers: Layers from the inputs on. If the first has no inputs, the outputs are constant.
        columns: Indices of the raw inputs of the first layer.
        inputs: Number of raw inputs, used or not.
        in_log: Whether the logarithm of each used input is taken.
        in_shift: Shifts of the used inputs, `(columns,)`: the first layer takes `(value - shift) / scale`.
        in_scale: Scales of the used inputs, `(columns,)`.
        out_log: Whether the exponential of each output is taken.
        out_shift: Shifts of the outputs, `(outputs,)`: the results of the last layer become `value · scale + shift`.
        out_scale: Scales of the outputs, `(outputs,)`.
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
        """Number of edges."""
        return sum(int(layer.alive.sum()) + len(layer.functions) for layer in self.layers)

    @property
    def formulas(self) -> tuple[Expression, ...]:
        """The formulas of all edges that are functions."""
        return tuple(function.formula for layer in self.layers for function in layer.functions)

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of all tensors."""
        return self.out_shift.dtype


@torch.no_grad()
def freeze(model: KAN, dtype: torch.dtype | None = None) -> FrozenNetwork:
    """The frozen form of a model, on the CPU.

    Args:
        model: The network.
        dtype: Dtype of the numbers; None keeps the model's. Knots are computed in the model's dtype first.

    >>> network = freeze(KAN([2, 3, 1]))
    >>> network.edges, [layer.sums for layer in network.layers]
    (9, [3, 1])
    """
    config = model.config
    kind = next(model.parameters()).dtype if dtype is None else dtype
    layers: list[FrozenLayer] = []
    needed = list(range(model.outputs))
    for layer, nodes in zip(reversed(model.kan_layers), reversed(config.nodes[1:]), strict=True):
        frozen, needed = freeze_layer(layer, [nodes.groups[node] for node in needed], kind)
        layers.insert(0, frozen)
        if not needed:  # constant from here on, so earlier layers are not used
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


def freeze_layer(layer: KANLayer, groups: list[tuple[int, ...]], dtype: torch.dtype) -> tuple[FrozenLayer, list[int]]:
    """The part of a layer that the given groups of sums depend on, and the inputs that it uses; raises like `freeze`."""
    sums = [j for group in groups for j in group]
    place = {j: number for number, j in enumerate(sums)}
    alive = layer.alive[:, sums]
    inputs = [i for i, used in enumerate(alive.any(dim=1).tolist()) if used]
    parts = EdgeParameters(*(None if part is None else _own(part, dtype) for part in vars(layer.parts()).values()))  # type: ignore[arg-type]
    values = parts.table_coefficients()
    alive = layer.mask != 0
    functions = []
    for edge in [] if layer.functions is None else layer.functions.edges():
        if edge.j in place and edge.family.text:
            formula = Expression(edge.text(), ("u",))
            functions.append(FrozenFunction(inputs.index(edge.i), place[edge.j], formula))
        elif edge.j in place:
            values[edge.i, :, edge.j] = _own(_spline(layer, edge), dtype)
            alive[edge.i, edge.j] = True
    values = values[inputs][:, :, sums]
    size = layer.basis.size
    base = activation(layer.base)
    nothing = torch.zeros(len(sums), dtype=dtype)
    alive = alive[inputs][:, sums].cpu()
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
        functions=tuple(functions),
    )
    return frozen, inputs


def _spline(layer: KANLayer, edge: "EdgeFunction") -> Tensor:
    """The coefficients of a held spline, `(M,)`.

    Raises:
        ConfigError: If it is not one on the grid of its layer, but a callable or a spline of its own.
    """
    found = edge.on_grid(layer.basis, layer.base, layer.knots()[edge.i])
    if found is None:
        kind = (
            "a spline on a grid of its own" if edge.family.spline is not None else f"the callable {edge.family.name!r}"
        )
        raise ConfigError(
            f"no file can hold the edge from input {edge.i} to sum {edge.j}, {kind}; make it a spline of its layer by "
            "free(model, edge), or fix it to a formula."
        )
    return found


def _own(values: Tensor, dtype: torch.dtype) -> Tensor:
    return values.detach().to("cpu", dtype, copy=True)
