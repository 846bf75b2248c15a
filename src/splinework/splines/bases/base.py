"""The base class of bases: frozen recipes that define a number of functions of one variable and their formula.

A recipe holds no tensors. Its methods take the grid (one row per input), so one recipe serves every layer. Extrapolation beyond
the domain is the subject of `splinework.kernels.table`.

There are two kinds. Splines have knots and a degree, and are one polynomial per cell. All others have one formula everywhere: a
member defines it once, for any number type, and training, certificates and exports follow from it. Optional methods (`rows`,
`bound`, `readable`) make them faster, tighter or more readable.

A function on an edge is `Σ_m c_m B_m(x)` over the functions B of the basis (Liu et al. 2024, arXiv 2404.19756, eq. 2.10).
"""

import operator
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splinework.errors import ConfigError
from splinework.splines.bases.functions import Functions, NamedFunctions, TensorFunctions
from splinework.splines.bases.series import Series, SeriesFunctions
from splinework.splines.bases.series import derivative as nth_derivative

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Basis(ABC):
    """A family of functions of one variable, `M = size` of them on each input's domain."""

    name: ClassVar[str]
    resolution_field: ClassVar[str]
    vanishes_outside: ClassVar[bool] = False
    """Whether the functions vanish outside the domain without extrapolation."""
    nested: ClassVar[bool] = False
    """Whether a higher resolution only appends functions."""
    globally_bounded: ClassVar[bool] = False
    """Whether bounds of derivatives on the domain hold on the whole real line."""

    @classmethod
    def of_size(cls, grid: int, degree: int) -> "Basis":
        """The recipe for G intervals of degree k, about `G + k` functions."""
        return cls(**{cls.resolution_field: grid + degree})

    @property
    def degree(self) -> int | None:
        """Degree of splines on knots; None for functions with one formula everywhere."""
        return None

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of functions M."""

    @property
    def resolution(self) -> int:
        """The number that refinement increases: grid intervals, harmonics, polynomial order or centres."""
        return int(getattr(self, self.resolution_field))

    def with_resolution(self, resolution: int) -> "Basis":
        """The same family at another resolution."""
        return replace(self, **{self.resolution_field: resolution})

    def make_grid(self, low: Tensor, high: Tensor) -> Tensor:
        """The grid of the domains `[low_i, high_i]`, `(I, K)`; for families without knots the two ends."""
        return torch.stack([low, high], dim=1)

    def adapt_grid(self, x: Tensor, low: Tensor, high: Tensor, grid_eps: float) -> Tensor:
        """The grid on `[low_i, high_i]` adapted to the activations `x`, `(B, I)`; independent of them without knots."""
        return self.make_grid(low, high)

    def domain(self, grid: Tensor) -> tuple[Tensor, Tensor]:
        """Lower and upper ends of the domains, each `(I,)`."""
        return grid[:, 0], grid[:, -1]

    def prepare(self, grid: Tensor) -> Tensor:
        """Precomputed values that depend on the grid only, `(I, …)`; empty for most families."""
        return grid[:, :0]

    def formula(self, x: Any, low: Any, high: Any, f: Functions) -> list[Any]:
        """The list of the functions on the domain `[low, high]` at x, for any number type.

        Written with `+ - * /`, integers and the functions of `f`; other constants are wrapped by `f.number`. It must hold
        elementwise for arrays.

        Raises:
            ConfigError: For splines, which have one formula per cell.
        """
        raise ConfigError(f"the functions of {self} have no single formula.")

    def readable(self, x: Any, low: Any, high: Any, f: NamedFunctions) -> list[Any]:
        """The formula in a form for readers, which may use named functions of SymPy."""
        return self.formula(x, low, high, f)

    def bound(self, order: int, low: Floats, high: Floats) -> Floats | None:
        """Bounds `(I, M)` of `|β_m^(order)|` on the domains `[low_i, high_i]` in closed form.

        With None, they are computed from the formula by interval arithmetic.
        """
        return None

    def rows(self, x: Tensor, grid: Tensor, prepared: Tensor, derivative: int) -> Tensor:
        """The r-th derivatives `β_m^{(r)}(x_bi)` of all functions.

        Args:
            x: Points `(B, I)`, inside or outside the domain.
            grid: Grid `(I, K)`.
            prepared: Result of `prepare(grid)`.
            derivative: Order r >= 0, with respect to x.

        Returns:
            Shape `(B, I, M)`.
        """
        functions = SeriesFunctions(TensorFunctions())
        low, high = (Series([end], derivative) for end in self.domain(grid))
        found = self.formula(functions.variable(x, derivative), low, high, functions)
        columns = [nth_derivative(function, derivative) for function in found]
        zero = torch.zeros_like(x)
        return torch.stack([zero if column is None else zero + column for column in columns], dim=-1)

    def refine(self, grid: Tensor, coefficients: Tensor, resolution: int) -> tuple[Tensor, Tensor] | None:
        """Grid and coefficients of the *same* functions at a higher resolution; None if that is not exact.

        Args:
            grid: Grid `(I, K)`.
            coefficients: Coefficients `(I, M, J)`.
            resolution: The new resolution.
        """
        if not self.nested or resolution < self.resolution:
            return None
        more = self.with_resolution(resolution).size - self.size
        zeros = coefficients.new_zeros(coefficients.shape[0], more, coefficients.shape[2])
        return grid, torch.cat([coefficients, zeros], dim=1)

    def to_dict(self) -> dict[str, Any]:
        """JSON values from which `splinework.splines.bases.basis_from_dict` restores the recipe."""
        return {"name": self.name, **asdict(self)}


def require(condition: bool, message: str) -> None:
    """Raises `ConfigError(message)` unless the condition holds."""
    if not condition:
        raise ConfigError(message)


def require_whole(recipe: Basis, field: str, least: int, meaning: str) -> None:
    """Converts a field to an int of at least `least`; NumPy integers are accepted.

    Raises:
        ConfigError: If it is not an integer, or smaller.
    """
    value = getattr(recipe, field)
    try:
        whole = operator.index(value)
    except TypeError:
        raise ConfigError(f"{meaning} must be a whole number, got {value!r}.") from None
    require(whole >= least, f"{meaning} must be at least {least}, got {whole}.")
    object.__setattr__(recipe, field, whole)
