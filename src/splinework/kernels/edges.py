"""Parameters of the edges of one layer, before weights and mask are multiplied into the coefficients."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class AffineUnits:
    """Affine maps between raw units and network units: `(x - shift_in) / scale_in` and `u · scale_out + shift_out`.

    Attributes:
        shift_in: Offsets of the inputs, `(I,)`.
        scale_in: Scales of the inputs, `(I,)`.
        shift_out: Offsets of the outputs, `(J,)`.
        scale_out: Scales of the outputs, `(J,)`.

    >>> one = torch.ones(1)
    >>> AffineUnits(one, 2 * one, one, one).enter(torch.tensor([[5.0]]))
    tensor([[2.]])
    """

    shift_in: Tensor
    scale_in: Tensor
    shift_out: Tensor
    scale_out: Tensor

    def enter(self, x: Tensor) -> Tensor:
        """Raw inputs to network units."""
        return (x - self.shift_in) / self.scale_in

    def leave(self, u: Tensor) -> Tensor:
        """Network units to raw outputs."""
        return u * self.scale_out + self.shift_out


@dataclass(frozen=True)
class EdgeParameters:
    """Parameters of the edges from I inputs to J outputs, and the constants of the sums.

    Attributes:
        coefficients: Coefficients c_imj of the basis functions, `(I, M, J)`.
        spline_weight: Factor w_s of each edge's spline, `(I, J)`; None means one.
        base_weight: Coefficient w_b of each edge's base function, `(I, J)`; None without a base function.
        mask: Edge mask, `(I, J)`; 0 removes the edge.
        bias: Constant of each sum, `(J,)`, or None.

    Example:
        >>> import splinework as sw
        >>> sw.KANLayer(2, 3, grid=4).parts().table_coefficients().shape
        torch.Size([2, 8, 3])
    """

    coefficients: Tensor
    spline_weight: Tensor | None
    base_weight: Tensor | None
    mask: Tensor | None
    bias: Tensor | None

    def table_coefficients(self) -> Tensor:
        """One coefficient per row of the table and edge, weights and mask included: `(I, size, J)`."""
        dead = self._dead()
        weight, base = self._weight(dead), self._masked(self.base_weight, dead)
        c = _selected(self.coefficients, dead)
        scaled = c if weight is None else c * weight[:, None, :]
        return scaled if base is None else torch.cat([scaled, base[:, None, :]], dim=1)

    def split_gradient(self, by_table: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Gradients of coefficients, spline_weight and base_weight, given the one of `table_coefficients`."""
        size, dead = self.coefficients.shape[1], self._dead()
        by_c, weight = _selected(by_table[:, :size], dead), self._weight(dead)
        by_weight = None
        if self.spline_weight is not None:
            by_weight = self._masked((by_c * _selected(self.coefficients, dead)).sum(1), dead)
        by_base = None if self.base_weight is None else self._masked(by_table[:, size], dead)
        return by_c if weight is None else by_c * weight[:, None, :], by_weight, by_base

    def _dead(self) -> Tensor | None:
        """The edges that the mask removes, `(I, J)`."""
        return None if self.mask is None else self.mask == 0

    def _weight(self, dead: Tensor | None) -> Tensor | None:
        """Factor of each edge's spline, mask included, `(I, J)`."""
        return self.mask if self.spline_weight is None else self._masked(self.spline_weight, dead)

    def _masked(self, per_edge: Tensor | None, dead: Tensor | None) -> Tensor | None:
        """`(I, J)` times the mask."""
        if per_edge is None or self.mask is None or dead is None:
            return per_edge
        return (per_edge * self.mask).masked_fill(dead, 0)


def _selected(per_row: Tensor, dead: Tensor | None) -> Tensor:
    """`(I, M, J)` with zeros on dead edges: selected, not multiplied, so that a NaN on a dead edge does not survive."""
    return per_row if dead is None else per_row.masked_fill(dead[:, None, :], 0)
