"""What a basis is: a frozen recipe that says how many functions there are and what their formula is.

A recipe holds no tensors. The grid it works on (one row per input) is handed in, so one recipe serves every layer. How a
function goes on outside its domain is not decided here, see `splinework.kernels.table`.

There are two kinds. Splines have knots and a degree, and are one polynomial for each cell. All others are one formula
everywhere: a member writes it down once, for any kind of numbers, and training, certificates and exports follow from it. Whatever
else it says (`rows`, `bound`, `readable`) makes one of them faster, closer or easier to read.
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
    dies_out: ClassVar[bool] = False
    """Whether the functions go to zero by themselves outside the domain."""
    nested: ClassVar[bool] = False
    """Whether a higher resolution only adds functions, behind those that are there."""
    bounded_beyond: ClassVar[bool] = False
    """Whether bounds of derivatives on the domain hold on the whole line."""

    @classmethod
    def of_size(cls, grid: int, degree: int) -> "Basis":
        """The recipe for the two numbers that every KAN takes: G intervals of degree k, that is about `G + k` functions."""
        return cls(**{cls.resolution_field: grid + degree})

    @property
    def degree(self) -> int | None:
        """Degree of splines on knots; None for functions that are one formula everywhere."""
        return None

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

    def formula(self, x: Any, low: Any, high: Any, f: Functions) -> list[Any]:
        """The functions of the domain `[low, high]` at x, one after the other, in any kind of numbers.

        Written with `+ - * /`, whole numbers and the functions of `f`; a constant that is no whole number goes through
        `f.number`. What holds for one number holds for arrays.

        Raises:
            ConfigError: If there is not one formula: for splines, which have a degree.
        """
        raise ConfigError(f"the functions of {self} are not one formula each.")

    def readable(self, x: Any, low: Any, high: Any, f: NamedFunctions) -> list[Any]:
        """The formula as a reader expects it, which may name a function of SymPy."""
        return self.formula(x, low, high, f)

    def bound(self, order: int, low: Floats, high: Floats) -> Floats | None:
        """Bounds `(I, M)` of `|β_m^(order)|` on the domains `[low_i, high_i]`, if there is a closed form.

        None: whoever needs bounds works them out from the formula in intervals.
        """
        return None

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
        functions = SeriesFunctions(TensorFunctions())
        low, high = (Series([end], derivative) for end in self.domain(grid))
        found = self.formula(functions.variable(x, derivative), low, high, functions)
        columns = [nth_derivative(function, derivative) for function in found]
        zero = torch.zeros_like(x)
        return torch.stack([zero if column is None else zero + column for column in columns], dim=-1)

    def refine(self, grid: Tensor, coefficients: Tensor, resolution: int) -> tuple[Tensor, Tensor] | None:
        """Grid and coefficients of the *same* functions at a higher resolution, or None where that is not exact.

        Args:
            grid: `(I, K)`.
            coefficients: `(I, M, J)`.
            resolution: The resolution wanted.
        """
        if not self.nested or resolution < self.resolution:
            return None
        more = self.with_resolution(resolution).size - self.size
        zeros = coefficients.new_zeros(coefficients.shape[0], more, coefficients.shape[2])
        return grid, torch.cat([coefficients, zeros], dim=1)

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
