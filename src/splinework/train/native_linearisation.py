"""`Linearisation` of a plain chain of spline layers, by native calls of the whole network."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from splinework.kernels.addresses import Spline
from splinework.kernels.expansion import NativeExpansion, splines_of
from splinework.kernels.table import BasisTable
from splinework.nn.network import KAN
from splinework.train.jacobian import LayerPass, Linearisation, ParameterVector


def linearised(model: KAN, parameters: ParameterVector, u: Tensor) -> Linearisation:
    """The network near its present numbers at rows `(N, inputs)` in network units, by native calls where they can do it."""
    if parameters.functions or not model.is_plain() or u.dim() != 2:
        return Linearisation(model, parameters, u)
    living = LivingNodes.of(model)
    splines = splines_of(living.tables(model), u)
    if splines is None or model.kan_layers[0].coefficients.dtype != u.dtype:
        return Linearisation(model, parameters, u)
    return NativeLinearisation(model, parameters, u, splines, living)


@dataclass(frozen=True)
class LivingNodes:
    """The inputs and nodes of a network that its outputs depend on, and the outputs.

    Attributes:
        kept: Their indices, for the inputs and for the outputs of every layer.
        whole: Whether these are all.
    """

    kept: tuple[Tensor, ...]
    whole: bool

    @classmethod
    def of(cls, model: KAN) -> "LivingNodes":
        """Those from which living edges lead on; one of a layer at least."""
        masks = [layer.mask != 0 for layer in model.kan_layers]
        kept = [torch.arange(model.outputs, device=masks[0].device)]
        for mask in reversed(masks):
            leads_on = mask[:, kept[-1]].any(1)
            leads_on[0] |= not bool(leads_on.any())
            kept.append(torch.nonzero(leads_on)[:, 0])
        kept.reverse()
        return cls(tuple(kept), all(len(own) == len(mask) for own, mask in zip(kept[:-1], masks, strict=True)))

    def tables(self, model: KAN) -> list[BasisTable]:
        """The tables of their layers."""
        tables = [layer.table() for layer in model.kan_layers]
        if self.whole:
            return tables
        return [
            replace(table, grid=table.grid[own], prepared=table.prepared[own])
            for table, own in zip(tables, self.kept, strict=False)
        ]

    def among(self, values: Sequence[Tensor]) -> list[Tensor]:
        """The parts among them of values `(I, …, J)` of every layer."""
        if self.whole:
            return list(values)
        return [each[own][..., on] for each, own, on in zip(values, self.kept, self.kept[1:], strict=False)]

    def of_sums(self, values: Sequence[Tensor | None]) -> list[Tensor | None]:
        """The parts among them of values `(J,)` of every layer, or None."""
        if self.whole:
            return list(values)
        return [None if each is None else each[own] for each, own in zip(values, self.kept[1:], strict=True)]

    def among_all(self, values: Tensor, index: int, inputs: int, outputs: int) -> Tensor:
        """Values `(I, size, J)` of the living nodes of a layer among those of all its nodes, zero elsewhere."""
        if self.whole:
            return values
        found = values.new_zeros(inputs, values.shape[1], outputs)
        found[self.kept[index][:, None], :, self.kept[index + 1]] = values.transpose(1, 2)
        return found


class NativeLinearisation(Linearisation):
    """The same as its base, which has all that the native calls do not do; these take the living nodes only."""

    @torch.no_grad()
    def __init__(
        self, model: KAN, parameters: ParameterVector, u: Tensor, splines: list[Spline], living: LivingNodes
    ) -> None:
        self.parameters, self.model, self._to_sums, self._living, self._u = parameters, model, None, living, u
        layers = model.kan_layers
        coefficients = living.among([layer.edge_coefficients() for layer in layers])
        biases = living.of_sums([layer.bias for layer in layers])
        self._chain = NativeExpansion(splines, coefficients, biases, u if living.whole else u[:, living.kept[0]])
        self.outputs = self._chain.sums[-1]

    @cached_property
    def layers(self) -> list[LayerPass]:  # type: ignore[override]
        """The layers on the way, for what is left to the base class."""
        if not self._living.whole:
            return Linearisation(self.model, self.parameters, self._u).layers
        chain = self._chain
        parts = zip(
            self.model.kan_layers,
            self.model.config.nodes[1:],
            chain.inputs,
            chain.coefficients,
            chain.sums,
            strict=True,
        )
        return [LayerPass(*each) for each in parts]

    @torch.no_grad()
    def times(self, vector: Tensor) -> Tensor:
        values, biases = zip(*self.parameters.unpack(self.model, vector), strict=True)
        return self._chain.tangent(self._living.among(values), self._living.of_sums(biases))

    @torch.no_grad()
    def transposed(self, gradient: Tensor) -> Tensor:
        layers, found = self.model.kan_layers, []
        pulled = self._chain.pulled(gradient, [layer.bias is not None for layer in layers])
        for index, (layer, (values, bias)) in enumerate(zip(layers, pulled, strict=True)):
            if bias is not None and not self._living.whole:
                bias = bias.new_zeros(layer.outputs).index_copy(0, self._living.kept[index + 1], bias)
            found.append((self._living.among_all(values, index, layer.inputs, layer.outputs), bias))
        return self.parameters.pack(found)

    @torch.no_grad()
    def add_squares(self, matrix: Tensor, vector: Tensor, root: Tensor, pull: Tensor) -> bool:
        """Adds `JᵀR²J` and `Jᵀp`, R a diagonal `(N, outputs)`, without J; False, and nothing done, where products are faster."""
        places, biases = [], list[Tensor | None]()
        spans = self.parameters.spans(self.model)
        for layer, (i, j), (own, rest) in zip(self.model.kan_layers, self.parameters.edges, spans, strict=True):
            edges = torch.full((layer.inputs, layer.outputs), -1)
            edges[i, j] = own.start + layer.table().size * torch.arange(len(i))
            places.append(edges)
            biases.append(None if layer.bias is None else torch.arange(rest.start, rest.stop))
        own_places = [each.contiguous() for each in self._living.among(places)]
        return self._chain.add_squares(
            matrix, vector, list(zip(own_places, self._living.of_sums(biases), strict=True)), root, pull
        )
