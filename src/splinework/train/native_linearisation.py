"""`Linearisation` of a plain chain of spline layers, by native calls of the whole network."""

from functools import cached_property

import torch
from torch import Tensor

from splinework.kernels.addresses import Spline
from splinework.kernels.expansion import NativeExpansion, splines_of
from splinework.nn.network import KAN
from splinework.train.jacobian import LayerPass, Linearisation, ParameterVector


def linearised(model: KAN, parameters: ParameterVector, u: Tensor) -> Linearisation:
    """The network near its present numbers at rows `(N, inputs)` in network units, by native calls where they can do it."""
    if parameters.functions or not model.is_plain() or u.dim() != 2:
        return Linearisation(model, parameters, u)
    splines = splines_of([layer.table() for layer in model.kan_layers], u)
    if splines is None or model.kan_layers[0].coefficients.dtype != u.dtype:
        return Linearisation(model, parameters, u)
    return NativeLinearisation(model, parameters, u, splines)


class NativeLinearisation(Linearisation):
    """The same as its base, which has all that the native calls do not do."""

    @torch.no_grad()
    def __init__(self, model: KAN, parameters: ParameterVector, u: Tensor, splines: list[Spline]) -> None:
        self.parameters, self.model, self._to_sums = parameters, model, None
        layers = model.kan_layers
        coefficients = [layer.edge_coefficients() for layer in layers]
        self._chain = NativeExpansion(splines, coefficients, [layer.bias for layer in layers], u)
        self.outputs = self._chain.sums[-1]

    @cached_property
    def layers(self) -> list[LayerPass]:  # type: ignore[override]
        """The layers on the way, for what is left to the base class."""
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
        parts = self.parameters.unpack(self.model, vector)
        return self._chain.tangent([values for values, _ in parts], [bias for _, bias in parts])

    @torch.no_grad()
    def transposed(self, gradient: Tensor) -> Tensor:
        with_bias = [layer.bias is not None for layer in self.model.kan_layers]
        return self.parameters.pack(self._chain.pulled(gradient, with_bias))

    @torch.no_grad()
    def add_squares(self, matrix: Tensor, vector: Tensor, root: Tensor, pull: Tensor) -> bool:
        """Adds `JᵀR²J` and `Jᵀp`, R a diagonal `(N, outputs)`, without J; False, and nothing done, where products are faster."""
        places = []
        spans = self.parameters.spans(self.model)
        for layer, (i, j), (own, rest) in zip(self.model.kan_layers, self.parameters.edges, spans, strict=True):
            edges = torch.full((layer.inputs, layer.outputs), -1)
            edges[i, j] = own.start + layer.table().size * torch.arange(len(i))
            places.append((edges, rest.start if layer.bias is not None else -1))
        return self._chain.add_squares(matrix, vector, places, root, pull)
