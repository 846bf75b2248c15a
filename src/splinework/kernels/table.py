"""The table of function values that a layer's edges combine: a basis on its grid, the base function, and the tails.

Row m of the table is a basis function; the last row is the base function, if any. Outside the domain every row is extended as
`extrapolation` says, and so is every linear combination of rows, that is, every edge.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.errors.foreign import explained
from splinework.splines.bases import Activation, Basis
from splinework.splines.torch_internals import plain

EXTRAPOLATIONS = ("linear", "constant", "zero", "natural")


@dataclass(frozen=True)
class BasisTable:
    """A basis on a grid, with a base function and an extrapolation.

    Attributes:
        basis: The basis, M functions per input.
        base: The base function b, or None.
        extrapolation: `linear` (value and slope match at the ends), `constant` (clamped), `zero` (as in the paper: B-splines
            vanish, the base function stays) or `natural` (each function as it is: a Fourier series stays periodic).
        grid: Knots or ends of every input, `(I, K)`.
        prepared: `basis.prepare(grid)`.

    Example:
        >>> import splinework as sw, torch
        >>> sw.KANLayer(2, 3, grid=4).table().rows(torch.zeros(5, 2)).shape  # 4 + 3 splines and the base function
        torch.Size([5, 2, 8])
    """

    basis: Basis
    base: Activation | None
    extrapolation: str
    grid: Tensor
    prepared: Tensor

    @property
    def size(self) -> int:
        """Number of rows: M, and one more where there is a base function."""
        return self.basis.size + (self.base is not None)

    def rows(self, x: Tensor, derivative: int = 0) -> Tensor:
        """The r-th derivative of every row at every point: x `(B, I)` gives `(B, I, size)`."""
        if self.extrapolation in ("zero", "natural"):
            return self._plain(x, derivative)
        low, high = self.basis.domain(self.grid)
        nearest = torch.clamp(x, low, high)
        beyond = x - nearest
        if self.extrapolation == "linear" and derivative == 1:
            return self._plain(nearest, 1)
        if derivative == 0:
            return self._plain(nearest, 0) if self._is_level(x, beyond) else self.rows_and_slopes(x)[0]
        return self._plain(nearest, derivative) * (beyond == 0)[..., None]

    def rows_and_slopes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`rows(x, 0)` and `rows(x, 1)` at the cost of two evaluations."""
        if self.extrapolation != "linear":
            return self.rows(x, 0), self.rows(x, 1)
        low, high = self.basis.domain(self.grid)
        nearest = torch.clamp(x, low, high)
        slopes = self._plain(nearest, 1)
        return self._plain(nearest, 0) + slopes * (x - nearest)[..., None], slopes

    def _is_level(self, x: Tensor, beyond: Tensor) -> bool:
        """Whether no slope is added to the rows of these points: they are plain numbers, all of them inside."""
        if self.extrapolation == "constant":
            return True
        differentiated = torch.is_grad_enabled() and (x.requires_grad or self.grid.requires_grad)
        return plain(x) and x.device.type == "cpu" and not differentiated and not beyond.any()

    def _plain(self, x: Tensor, derivative: int) -> Tensor:
        if self.extrapolation == "zero" and not self.basis.vanishes_outside:
            nearest = torch.clamp(x, *self.basis.domain(self.grid))  # far away a polynomial overflows, 0 · ∞ is no zero
            rows = self.basis.rows(nearest, self.grid, self.prepared, derivative) * (x == nearest)[..., None]
        else:
            rows = self.basis.rows(x, self.grid, self.prepared, derivative)
        if self.base is None:
            return rows
        return torch.cat([rows, self.base.derivative(x, derivative)[..., None]], dim=-1)


def base_with_tails(
    base: Activation, x: Tensor, low: Tensor, high: Tensor, extrapolation: str, derivative: int = 0
) -> Tensor:
    """The base function's row of a table, `(B, I)`, for a domain `[low_i, high_i]`."""
    if extrapolation in ("zero", "natural"):
        return base.derivative(x, derivative)
    nearest = torch.clamp(x, low, high)
    beyond = x - nearest
    if extrapolation == "linear" and derivative <= 1:
        slope = base.derivative(nearest, 1)
        return slope if derivative else base.derivative(nearest, 0) + slope * beyond
    value = base.derivative(nearest, derivative)
    return value * (beyond == 0) if derivative else value


@explained
def check_extrapolation(name: str) -> str:
    """Validates the name of an extrapolation.

    Args:
        name: One of `EXTRAPOLATIONS`.

    Returns:
        The name itself.

    Raises:
        ConfigError: If it is unknown.

    >>> check_extrapolation("linear")
    'linear'
    """
    if name not in EXTRAPOLATIONS:
        raise ConfigError(f"extrapolation must be one of {', '.join(EXTRAPOLATIONS)}, got {name!r}.")
    return name
