"""The exact Jacobian of a network's outputs with respect to every coefficient, as a matrix, as its square, and as an operator.

An output depends on an edge's coefficients only through the sum that the edge goes into, so a column of the Jacobian is a row of
the table times the sensitivity of the output to that sum, which comes from one backward pass over the layers.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from splinework.kernels import BasisTable, contract, probe, scatter
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.nn.nodes import Nodes

if TYPE_CHECKING:  # loaded by networks that have such edges
    from splinework.nn.edge_functions import FunctionExpansion

MIN_SCATTER_PARAMETERS, MIN_SCATTER_RATIO = 128, 2.5
"""With at least this number of parameters, and this ratio of a layer's splines to those active at a point, the layer's part of
JᵀJ is computed by `scatter`, not by a matrix product."""


@dataclass(frozen=True)
class ParameterVector:
    """The numbers that are linear inside their layer, as one vector.

    Per layer the living edges' coefficients, then biases. `w_s` is left out: it only rescales c. So are the spacings of
    a learnable grid, in which the layer is not linear. Behind all layers come the free numbers of edges that are functions,
    of which `functions` is the count by layer.
    """

    edges: tuple[tuple[Tensor, Tensor], ...]
    functions: tuple[int, ...] = ()

    @classmethod
    def of(cls, model: KAN) -> "ParameterVector":
        """The index of this model's living edges."""
        pairs = [torch.nonzero(layer.mask, as_tuple=True) for layer in model.kan_layers]
        counts = [0 if layer.functions is None else len(layer.functions.read()) for layer in model.kan_layers]
        return cls(tuple((i, j) for i, j in pairs), tuple(counts) if any(counts) else ())

    def spans(self, model: KAN) -> list[tuple[slice, slice]]:
        """Per layer, which part of the vector holds its edges' coefficients, and which its biases."""
        found, start = [], 0
        for layer, (i, _) in zip(model.kan_layers, self.edges, strict=True):
            middle = start + len(i) * (layer.basis.size + (layer.base_weight is not None))
            end = middle + (layer.outputs if layer.bias is not None else 0)
            found.append((slice(start, middle), slice(middle, end)))
            start = end
        return found

    def function_spans(self, model: KAN) -> list[slice]:
        """Per layer, which part of the vector holds the free numbers of its functions."""
        ends = list(accumulate(self.functions or [0] * len(self.edges), initial=self.spans(model)[-1][1].stop))
        return [slice(start, end) for start, end in pairwise(ends)]

    def size(self, model: KAN) -> int:
        """Length of the vector."""
        return int(self.function_spans(model)[-1].stop)

    def read(self, model: KAN) -> Tensor:
        """The vector, `(P,)`."""
        parts = []
        for layer, (i, j) in zip(model.kan_layers, self.edges, strict=True):
            parts.append(_by_edge(layer.edge_coefficients(), i, j))
            if layer.bias is not None:
                parts.append(layer.bias)
        own = (layer.functions for layer in model.kan_layers if self.functions)
        parts += [functions.read().to(parts[0]) for functions in own if functions is not None]
        return torch.cat(parts).detach()

    @torch.no_grad()
    def write(self, model: KAN, vector: Tensor) -> None:
        """Puts the vector into the model."""
        for layer, (i, _), (values, bias) in zip(model.kan_layers, self.edges, self.unpack(model, vector), strict=True):
            if len(i) < layer.mask.numel():
                values = torch.where((layer.mask != 0)[:, None], values, layer.edge_coefficients())
            layer.set_edge_coefficients(values)
            if layer.bias is not None and bias is not None:
                layer.bias.copy_(bias)
        for layer, own in zip(model.kan_layers if self.functions else (), self.function_spans(model), strict=False):
            if layer.functions is not None:
                layer.functions.write(vector[own])

    def unpack(self, model: KAN, vector: Tensor) -> list[tuple[Tensor, Tensor | None]]:
        """Per layer the coefficients `(I, size, J)`, zero at dead edges, and the biases `(J,)`."""
        found: list[tuple[Tensor, Tensor | None]] = []
        for layer, (i, j), (own, rest) in zip(model.kan_layers, self.edges, self.spans(model), strict=True):
            size = layer.basis.size + (layer.base_weight is not None)
            if len(i) == layer.mask.numel():
                values = vector[own].reshape(layer.inputs, layer.outputs, size).transpose(1, 2).contiguous()
            else:
                values = vector.new_zeros(layer.inputs, size, layer.outputs)
                values[i, :, j] = vector[own].reshape(len(i), size)
            found.append((values, vector[rest] if layer.bias is not None else None))
        return found

    def pack(self, parts: list[tuple[Tensor, Tensor | None]], functions: Sequence[Tensor] = ()) -> Tensor:
        """The inverse of `unpack`, for the living edges, with the numbers of functions behind; zeros where none are given."""
        flat = []
        for (values, bias), (i, j) in zip(parts, self.edges, strict=True):
            flat.append(_by_edge(values, i, j))
            if bias is not None:
                flat.append(bias)
        return torch.cat([*flat, *(functions or [flat[0].new_zeros(sum(self.functions))])])


def _by_edge(values: Tensor, i: Tensor, j: Tensor) -> Tensor:
    """The coefficients `(I, size, J)`, edge after edge, which come in order."""
    return (values.transpose(1, 2) if len(i) == values[:, 0].numel() else values[i, :, j]).flatten()


def edge_blocks(own: slice, blocks: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yields for each edge of a layer at `own` the slice of its parameters and its part of blocks `(edges, size, …)`."""
    for start, block in zip(range(own.start, own.stop, blocks.shape[1]), blocks, strict=True):
        yield slice(start, start + blocks.shape[1]), block


@dataclass(frozen=True)
class LayerPass:
    """One layer on the way: its inputs `(N, I)`, its coefficients, and its sums `(N, fan_in)`, which its nodes combine."""

    layer: KANLayer
    nodes: Nodes
    x: Tensor
    coefficients: Tensor
    sums: Tensor
    functions: "FunctionExpansion | None" = None


class Linearisation:
    """A network near its present numbers, at some rows: `f(θ + δ) ≈ outputs + J δ`.

    Args:
        model: The network; changing it afterwards does not change this.
        parameters: The parameters δ.
        u: Rows in network units, `(N, inputs)`.
    """

    @torch.no_grad()
    def __init__(self, model: KAN, parameters: ParameterVector, u: Tensor) -> None:
        self.parameters, self.model = parameters, model
        self.layers: list[LayerPass] = []
        for layer, nodes in zip(model.kan_layers, model.config.nodes[1:], strict=True):
            coefficients = layer.edge_coefficients()
            sums = contract(layer.table(), layer.squash(u), None, coefficients)
            sums = sums if layer.bias is None else sums + layer.bias
            own = None if layer.functions is None else layer.functions.expand(u)
            sums = sums if own is None else sums.index_add(1, own.sums, own.values)
            self.layers.append(LayerPass(layer, nodes, u, coefficients, sums, own))
            u = nodes.combine(sums)
        self.outputs = u
        self._to_sums: list[Tensor] | None = None

    @property
    def to_sums(self) -> list[Tensor]:
        """Sensitivity of every output to every layer's sums, `(N, outputs, fan_in)` each."""
        if self._to_sums is None:
            eye = torch.eye(self.outputs.shape[1]).to(self.outputs)
            self._to_sums = self._pull(eye.expand(len(self.outputs), -1, -1))
        return self._to_sums

    @torch.no_grad()
    def dense(self) -> Tensor:
        """J, `(N, outputs, P)`."""
        jacobian = self.outputs.new_empty(*self.outputs.shape, self.parameters.size(self.model))
        for passed, to_sums, pairs, (own, rest) in self._by_layer():
            blocks = jacobian[..., own].unflatten(2, (len(pairs[0]), passed.layer.table().size))
            rows: dict[int, Tensor] = {}
            for edge, (i, j) in enumerate(zip(*(index.tolist() for index in pairs), strict=True)):
                if i not in rows:
                    rows = {i: _rows(*_among(passed, [i]))}  # edges come sorted by input
                torch.mul(rows[i][:, None], to_sums[:, :, j, None], out=blocks[:, :, edge])
            jacobian[..., rest] = to_sums[..., : rest.stop - rest.start]
        for numbers, functions, to_sums in self._functions():
            jacobian[..., numbers] = to_sums[..., functions.owners] * functions.columns[:, None]
        return jacobian

    @torch.no_grad()
    def times(self, vector: Tensor) -> Tensor:
        """`J v`, `(N, outputs)`: the tangent, layer by layer, without the matrix."""
        tangent: Tensor | None = None
        moved = dict(zip(map(id, self.layers), self.parameters.function_spans(self.model), strict=True))
        for passed, (values, bias) in zip(self.layers, self.parameters.unpack(self.model, vector), strict=True):
            layer, table = passed.layer, passed.layer.table()
            seen = layer.squash(passed.x)
            sums = contract(table, seen, None, values)
            if bias is not None:
                sums = sums + bias
            if tangent is not None:
                sums = sums + contract(table, seen, tangent * layer.squash_slope(passed.x), passed.coefficients, 1)
            if (own := passed.functions) is not None:
                sums = sums.index_add(1, own.owners, own.columns * vector[moved[id(passed)]])
                if tangent is not None:
                    sums = sums.index_add(1, own.sums, own.slopes * tangent[:, own.inputs])
            tangent = passed.nodes.push_forward(passed.sums, sums)
        assert tangent is not None
        return tangent

    @torch.no_grad()
    def transposed(self, gradient: Tensor) -> Tensor:
        """`Jᵀ g`, `(P,)`, for g `(N, outputs)`: one backward pass, without the matrix."""
        parts: list[tuple[Tensor, Tensor | None]] = []
        pulled = self._pull(gradient[:, None])
        for passed, to_sums in zip(self.layers, pulled, strict=True):
            g, layer = to_sums[:, 0].contiguous(), passed.layer
            values = scatter(layer.table(), layer.squash(passed.x), None, g)
            parts.append((values, g.sum(0) if layer.bias is not None else None))
        own = [(to_sums[:, 0, f.owners] * f.columns).sum(0) for _, f, to_sums in self._functions(pulled)]
        return self.parameters.pack(parts, own)

    @torch.no_grad()
    def weighed(self, root: Tensor) -> "Linearisation":
        """The same with `R J` for J, where R is given by its diagonals `(N, outputs)` or as `(N, outputs, outputs)`."""
        other = copy.copy(self)
        other._to_sums = [root[..., None] * each if root.dim() == 2 else root @ each for each in self.to_sums]
        return other

    @torch.no_grad()
    def squared_lengths(self) -> Tensor:
        """The diagonal of `JᵀJ`, `(P,)`, without J."""
        found = []
        for passed, to_sums, (i, j) in zip(self.layers, self.to_sums, self.parameters.edges, strict=True):
            weight = to_sums.square().sum(1)
            for one in torch.unique(i).tolist():
                found.append((_rows(*_among(passed, [one])).square().T @ weight[:, j[i == one]]).T.flatten())
            if passed.layer.bias is not None:
                found.append(weight.sum(0))
        found += [(s.square().sum(1)[:, f.owners] * f.columns.square()).sum(0) for _, f, s in self._functions()]
        return torch.cat(found)

    @torch.no_grad()
    def squares(self, every: int = 1) -> list[tuple[slice, Tensor]]:
        """The block of `JᵀJ` that belongs to each edge, without J; from one row in `every`, in place of all.

        Returns:
            Per layer where its edges' parameters are, and their blocks, `(edges, size, size)`.
        """
        found = []
        for passed, to_sums, (i, j), (own, _) in self._by_layer():
            size, weight = passed.layer.table().size, every * to_sums[::every].square().sum(1)
            blocks = weight.new_zeros(len(i), size, size)
            step = max(400_000 // (passed.layer.outputs * size), 1)
            for one in torch.unique(i).tolist():
                edges = i == one
                table, seen = _among(passed, [one])
                seen = seen[::every]
                for start in range(0, len(seen), step):
                    part = slice(start, start + step)
                    rows = _rows(table, seen[part])
                    weighed = (weight[part, j[edges], None] * rows[:, None]).flatten(1)
                    blocks[edges] += (
                        scatter(table, seen[part], None, weighed)[0].unflatten(1, (-1, size)).transpose(0, 1)
                    )
            if len(i):
                found.append((own, blocks))
        return found

    def add_squares(self, matrix: Tensor, vector: Tensor, root: Tensor, pull: Tensor) -> bool:
        """Adds `JᵀR²J` and `Jᵀp` where there is a faster way than products of J; else False, and nothing is done."""
        return False

    @torch.no_grad()
    def gram(self, matrix: Tensor, jacobian: Tensor) -> None:
        """Adds `JᵀJ` to `matrix (P, P)`, where `jacobian` is `dense()`.

        Wide layers, in which few of the splines are active at a point, have their rows of the matrix by `scatter`.
        """
        for passed, to_sums, (i, j), (own, rest) in self._by_layer():
            table = passed.layer.table()
            active = table.size - passed.layer.basis.resolution + 1
            if table.size < MIN_SCATTER_RATIO * active or matrix.shape[0] < MIN_SCATTER_PARAMETERS:
                _add_product(matrix, jacobian, slice(own.start, rest.stop))
                continue
            used, source = torch.unique(i, return_inverse=True)
            table, seen = _among(passed, used)
            wide = matrix[own, own.start :].unflatten(0, (len(i), table.size))
            for output in range(to_sums.shape[1]):
                columns = jacobian[:, output, own.start :].contiguous()
                for one in torch.unique(j).tolist():
                    which = (j == one).nonzero()[:, 0]
                    factor = to_sums[:, output, one, None].expand_as(seen).contiguous()
                    wide[which] += scatter(table, seen, factor, columns)[source[which]]
            matrix[own.stop :, own] = matrix[own, own.stop :].T
            _add_product(matrix, jacobian, rest)
        for numbers, _, _ in self._functions():
            _add_product(matrix, jacobian, numbers)

    def _by_layer(self) -> Iterator[tuple[LayerPass, Tensor, tuple[Tensor, Tensor], tuple[slice, slice]]]:
        """Each layer with the sensitivities of its sums, its edges, and the places of its parameters."""
        return zip(self.layers, self.to_sums, self.parameters.edges, self.parameters.spans(self.model), strict=True)

    def _functions(self, to_sums: list[Tensor] | None = None) -> Iterator[tuple[slice, "FunctionExpansion", Tensor]]:
        """The places of the numbers of functions, their derivatives, and the sensitivities of their sums, layer by layer."""
        places = self.parameters.function_spans(self.model)
        for numbers, passed, sensitivity in zip(places, self.layers, to_sums or self.to_sums, strict=True):
            if passed.functions is not None and self.parameters.functions:
                yield numbers, passed.functions, sensitivity

    def _pull(self, gradient: Tensor) -> list[Tensor]:
        """`(N, O, outputs)` taken back to the sums of every layer, `(N, O, fan_in)` each."""
        found: list[Tensor] = []
        for index in reversed(range(len(self.layers))):
            passed = self.layers[index]
            layer = passed.layer
            to_sums = passed.nodes.pull_back(passed.sums[:, None, :], gradient)
            found.append(to_sums)
            if index:
                seen, slope = layer.squash(passed.x), layer.squash_slope(passed.x)
                back = [
                    probe(layer.table(), seen, passed.coefficients, to_sums[:, o].contiguous(), 1) * slope
                    for o in range(to_sums.shape[1])
                ]
                gradient = torch.stack(back, dim=1)
                if (own := passed.functions) is not None:
                    gradient = gradient.index_add(2, own.inputs, to_sums[..., own.sums] * own.slopes[:, None])
        return found[::-1]


def linearise(model: KAN, parameters: ParameterVector, u: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs `(N, outputs)` and Jacobian `(N, outputs, P)` at u `(N, inputs)`, all in network units."""
    here = Linearisation(model, parameters, u)
    return here.outputs, here.dense()


def _among(passed: LayerPass, inputs: list[int] | Tensor) -> tuple[BasisTable, Tensor]:
    """The table of some inputs, and what their edges see, `(N, inputs)`."""
    table = passed.layer.table()
    some = replace(table, grid=table.grid[inputs], prepared=table.prepared[inputs])
    return some, passed.layer.squash(passed.x)[:, inputs].contiguous()


def _rows(table: BasisTable, x: Tensor) -> Tensor:
    """Every row of one input's table, `(N, size)`: the layer with the identity for its coefficients."""
    return contract(table, x, None, torch.eye(table.size, dtype=x.dtype, device=x.device)[None])


def _add_product(matrix: Tensor, jacobian: Tensor, own: slice) -> None:
    """Adds the rows `own` of JᵀJ from the diagonal on, and their mirror image, in parts, each from its diagonal on."""
    flat, width = jacobian.flatten(0, 1), max(64, (own.stop - own.start) // 6)
    for start in range(own.start, own.stop, width):
        part = slice(start, min(start + width, own.stop))
        matrix[part, start:].addmm_(flat[:, part].T, flat[:, start:])
        matrix[part.stop :, part] = matrix[part, part.stop :].T
