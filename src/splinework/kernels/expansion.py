"""A network near its present coefficients, in native calls of whole networks: `JᵀR²J` without J, tangents and backward passes.

The matrix is worked out from the values of the splines that are not zero at a point and the sensitivities of the outputs to the
sums of each layer (csrc/expansion.hpp).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from splinework.kernels import native
from splinework.kernels.addresses import Spline
from splinework.kernels.backends import KernelBackend
from splinework.kernels.dispatch import BACKENDS, active
from splinework.kernels.edges import EdgeParameters
from splinework.kernels.table import BasisTable

SQUARES_PER_PRODUCT = 25
"""Multiply-adds of a matrix product that take as long as one scattered vector of `add_squares`."""
CALLS_PER_PRODUCT = 3e6
"""As many vectors take as long as the calls by which a Jacobian is put together, whatever its rows."""


class NativeExpansion:
    """A chain of layers at some points, with what its derivatives by the coefficients need.

    Args:
        splines: The functions of each layer.
        coefficients: Coefficients of each layer's table, `(I, size, J)`, zero where there is no edge; later changes count.
        biases: Constants of each layer's sums, `(J,)`, or None.
        x: Points `(N, inputs)`, float64.

    Attributes:
        sums: The sums of every layer, `(N, J)` each.
    """

    def __init__(
        self, splines: Sequence[Spline], coefficients: Sequence[Tensor], biases: Sequence[Tensor | None], x: Tensor
    ) -> None:
        self.x, self.splines, self.coefficients = x, splines, coefficients
        self._layers = [
            (_edges(c, spline, bias), spline) for c, spline, bias in zip(coefficients, splines, biases, strict=True)
        ]
        self.sums, self._addresses = native.forward_and_addresses(x, self._layers)

    @property
    def inputs(self) -> list[Tensor]:
        """The inputs of every layer, `(N, I)` each."""
        return [self.x, *self.sums[:-1]]

    def tangent(self, values: Sequence[Tensor], biases: Sequence[Tensor | None]) -> Tensor:
        """The change of the outputs `(N, outputs)` with changes of the coefficients and biases, to first order."""
        moved: Tensor | None = None
        rows = zip(self.splines, self.inputs, self.coefficients, values, biases, strict=True)
        for spline, x, c, change, bias in rows:
            sums = native.forward(x, [(_edges(change, spline, bias), spline)])[0]
            if moved is not None:
                sums += native.forward(x, [(_edges(c, spline, None), spline)], s=moved, order=1)[0]
            moved = sums
        assert moved is not None
        return moved

    def pulled(self, g: Tensor, with_bias: Sequence[bool]) -> list[tuple[Tensor, Tensor | None]]:
        """The gradients of `Σ g ∘ outputs` by each layer's coefficients `(I, size, J)` and biases."""
        found, wanted = [], []
        for spline, c, own in zip(self.splines, self.coefficients, with_bias, strict=True):
            values = torch.empty_like(c)
            bias = c.new_empty(c.shape[2]) if own else None
            base = values[:, spline.size] if spline.base != "none" else None
            wanted.append((values[:, : spline.size], None, base, bias))
            found.append((values, bias))
        native.run_backward(self.x, self._layers, self.sums[:-1], g, None, wanted, addresses=self._addresses)
        return found

    def add_squares(
        self, matrix: Tensor, vector: Tensor, places: Sequence[tuple[Tensor, Tensor | None]], root: Tensor, pull: Tensor
    ) -> bool:
        """Adds `JᵀR²J` to the matrix `(P, P)` and `Jᵀp` to the vector `(P,)`; False, and nothing done, where a product is faster.

        Args:
            matrix: Contiguous.
            vector: Contiguous.
            places: For each layer the place of every edge's first coefficient `(I, J)`, int64, -1 where there is no edge; and of
                every bias `(J,)`, or None. Both contiguous.
            root: The diagonal of R, `(N, outputs)`.
            pull: p, `(N, outputs)`.
        """
        done: bool = native.module().add_squares(
            self.x.shape[0],
            self._addresses.layers,
            [(x.data_ptr(), *x.stride()) for x in self.inputs],
            [(edges.data_ptr(), 0 if bias is None else bias.data_ptr()) for edges, bias in places],
            (root.data_ptr(), *root.stride()),
            (pull.data_ptr(), *pull.stride()),
            (matrix.data_ptr(), vector.data_ptr(), matrix.shape[0]),
            root.shape[1] * matrix.shape[0] ** 2 / SQUARES_PER_PRODUCT + CALLS_PER_PRODUCT / len(root),
            torch.get_num_threads(),
        )
        return done


def splines_of(tables: Sequence[BasisTable], x: Tensor) -> list[Spline] | None:
    """The functions of each layer as the kernels take them; None where they cannot, or are not selected."""
    backend = BACKENDS[active()]
    if active() != "native" or x.dtype != torch.float64 or x.is_cuda or x.requires_grad or not len(x):
        return None
    assert isinstance(backend, KernelBackend)
    found = [backend.spline(table, x) for table in tables]
    known = [spline for spline in found if spline is not None and native.fusable(spline)]
    return known if len(known) == len(found) else None


def _edges(c: Tensor, spline: Spline, bias: Tensor | None) -> EdgeParameters:
    base = c[:, spline.size] if spline.base != "none" else None
    return EdgeParameters(c[:, : spline.size], None, base, None, bias)
