"""What a basis is: a frozen recipe that says how many functions there are and what their values are at given points.

A recipe holds no tensors. The grid it works on (one row per input) is handed in, so one recipe serves every layer. How a
function goes on outside its domain is not decided here, see `splinework.kernels.table`.
"""

import operator
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from splinework.errors import ConfigError


@dataclass(frozen=True)
class Basis(ABC):
    """A family of functions of one variable, `M = size` of them on each input's domain."""

    name: ClassVar[str]
    resolution_field: ClassVar[str]
    dies_out: ClassVar[bool] = False
    """Whether the functions go to zero by themselves outside the domain."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of functions M."""

    @property
    def resolution(self) -> int:
        """The number that refinement raises: grid intervals, harmonics, polynomial order or centres."""
        return int(getattr(self, self.resolution_field))

    def with_resolution(self, resolution: int) -> "Basis":
        """The same family at another resolution."""
        return replace(self, **{self.resolution_field: resolution})

    def make_grid(self, low: Tensor, high: Tensor) -> Tensor:
        """The grid of the domains `[low_i, high_i]`: shape `(I, K)`. Families without knots keep just the two ends."""
        return torch.stack([low, high], dim=1)

    def adapt_grid(self, x: Tensor, low: Tensor, high: Tensor, grid_eps: float) -> Tensor:
        """The grid that follows the activations `x` of shape `(B, I)` on `[low_i, high_i]`; uniform where knots have no sense."""
        return self.make_grid(low, high)

    def domain(self, grid: Tensor) -> tuple[Tensor, Tensor]:
        """Lower and upper ends of the domains, each `(I,)`."""
        return grid[:, 0], grid[:, -1]

    def prepare(self, grid: Tensor) -> Tensor:
        """What can be worked out from the grid once, for all evaluations: shape `(I, …)`; nothing, for most families."""
        return grid[:, :0]

    @abstractmethod
    def rows(self, x: Tensor, grid: Tensor, prepared: Tensor, derivative: int) -> Tensor:
        """The r-th derivatives `β_m^{(r)}(x_bi)` of all functions.

        Args:
            x: Points `(B, I)`; they may lie outside the domain.
            grid: `(I, K)`.
            prepared: `prepare(grid)`.
            derivative: Order r >= 0, with respect to x.

        Returns:
            Shape `(B, I, M)`.
        """

    def refine(self, grid: Tensor, coefficients: Tensor, resolution: int) -> tuple[Tensor, Tensor] | None:
        """Grid and coefficients of the *same* functions at a higher resolution, or None where that is not exact.

        Args:
            grid: `(I, K)`.
            coefficients: `(I, M, J)`.
            resolution: The resolution wanted.
        """
        return None

    def to_dict(self) -> dict[str, Any]:
        """Plain values that `splinework.splines.bases.basis_from_dict` takes back."""
        return {"name": self.name, **asdict(self)}


def require(condition: bool, message: str) -> None:
    """Raises `ConfigError(message)` unless the condition holds."""
    if not condition:
        raise ConfigError(message)


def require_whole(recipe: Basis, field: str, least: int, meaning: str) -> None:
    """Makes a field a plain int (numpy's are taken too) of at least `least`.

    Raises:
        ConfigError: If it is no whole number, or smaller.
    """
    value = getattr(recipe, field)
    try:
        whole = operator.index(value)
    except TypeError:
        raise ConfigError(f"{meaning} must be a whole number, got {value!r}.") from None
    require(whole >= least, f"{meaning} must be at least {least}, got {whole}.")
    object.__setattr__(recipe, field, whole)


def padded(coefficients: Tensor, more: int) -> Tensor:
    """Coefficients `(I, M, J)` with `more` zero functions appended: `(I, M + more, J)`."""
    zeros = coefficients.new_zeros(coefficients.shape[0], more, coefficients.shape[2])
    return torch.cat([coefficients, zeros], dim=1)
