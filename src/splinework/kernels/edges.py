"""What the edges of one layer are made of, before weights and mask have been multiplied into the coefficients."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class AffineUnits:
    """Columns in raw units to those of a network and back: `(x - shift) / scale` before it, `y · scale + shift` behind it.

    Attributes:
        shift_in: `(I,)`.
        scale_in: `(I,)`.
        shift_out: `(J,)`.
        scale_out: `(J,)`.
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
        coefficients: Of the basis functions, c_imj, `(I, M, J)`.
        spline_weight: Factor of each edge's spline, w_s, `(I, J)`; None means one.
        base_weight: Coefficient of each edge's base function, w_b, `(I, J)`; None where there is no base function.
        mask: `(I, J)`; an edge is there unless its entry is 0.
        bias: Constant of each sum, `(J,)`, or None.
    """

    coefficients: Tensor
    spline_weight: Tensor | None
    base_weight: Tensor | None
    mask: Tensor | None
    bias: Tensor | None

    def table_coefficients(self) -> Tensor:
        """One coefficient per row of the table and edge, weights and mask included: `(I, size, J)`."""
        c, base = self._alive(self.coefficients), self._masked(self.base_weight)
        weight = self._masked(self.spline_weight) if self.spline_weight is not None else self.mask
        scaled = c if weight is None else c * weight[:, None, :]
        return scaled if base is None else torch.cat([scaled, base[:, None, :]], dim=1)

    def split_gradient(self, by_table: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Gradients of coefficients, spline_weight and base_weight, given the one of `table_coefficients`."""
        size = self.coefficients.shape[1]
        by_c = self._alive(by_table[:, :size])
        weight = self._masked(self.spline_weight) if self.spline_weight is not None else self.mask
        by_weight = None
        if self.spline_weight is not None:
            by_weight = self._masked((by_c * self._alive(self.coefficients)).sum(1))
        by_base = None if self.base_weight is None else self._masked(by_table[:, size])
        return by_c if weight is None else by_c * weight[:, None, :], by_weight, by_base

    def _alive(self, per_row: Tensor) -> Tensor:
        """`(I, M, J)` with zeros on dead edges: chosen, not multiplied, so that a dead edge stays dead, NaN or not."""
        if self.mask is None:
            return per_row
        return torch.where((self.mask != 0)[:, None, :], per_row, torch.zeros_like(per_row))

    def _masked(self, per_edge: Tensor | None) -> Tensor | None:
        """`(I, J)` times the mask."""
        if self.mask is None or per_edge is None:
            return per_edge
        return torch.where(self.mask != 0, per_edge * self.mask, torch.zeros_like(self.mask))
