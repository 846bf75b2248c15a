"""Families of functions of one variable: one family, one file, one frozen recipe. A new family is one row in `BASES`."""

from collections.abc import Callable
from typing import Any

from splinework.errors import ConfigError
from splinework.splines.bases.activations import ACTIVATIONS, Activation, activation
from splinework.splines.bases.base import Basis
from splinework.splines.bases.bspline import BSpline
from splinework.splines.bases.chebyshev import Chebyshev
from splinework.splines.bases.fourier import Fourier
from splinework.splines.bases.gaussian_rbf import GaussianRBF

__all__ = [
    "ACTIVATIONS",
    "BASES",
    "Activation",
    "BSpline",
    "Basis",
    "Chebyshev",
    "Fourier",
    "GaussianRBF",
    "activation",
    "basis_from_dict",
    "make_basis",
]

# How a family is made from the two numbers that every KAN takes: G intervals of degree k, that is G + k functions.
BASES: dict[str, Callable[[int, int], Basis]] = {
    BSpline.name: lambda grid, degree: BSpline(grid=grid, degree=degree),
    Fourier.name: lambda grid, degree: Fourier(harmonics=grid),
    Chebyshev.name: lambda grid, degree: Chebyshev(order=grid + degree - 1),
    GaussianRBF.name: lambda grid, degree: GaussianRBF(centres=grid + degree),
}
_RECIPES: dict[str, type[Basis]] = {recipe.name: recipe for recipe in (BSpline, Fourier, Chebyshev, GaussianRBF)}


def make_basis(basis: str | Basis, *, grid: int = 5, degree: int = 3) -> Basis:
    """A recipe by name, with about `grid + degree` functions; a recipe is passed through.

    Raises:
        ConfigError: For an unknown name.

    >>> make_basis("bspline", grid=10)
    BSpline(grid=10, degree=3)
    """
    if isinstance(basis, Basis):
        return basis
    if basis not in BASES:
        raise ConfigError(f"basis is one of {', '.join(BASES)} or a recipe such as BSpline(grid=5), got {basis!r}.")
    return BASES[basis](grid, degree)


def basis_from_dict(values: dict[str, Any]) -> Basis:
    """The recipe that `Basis.to_dict` wrote.

    Raises:
        ConfigError: If the name or a field is unknown.
    """
    fields = dict(values)
    recipe = _RECIPES.get(str(fields.pop("name", "")))
    if recipe is None:
        raise ConfigError(f"unknown basis {values.get('name')!r}; this version knows {', '.join(_RECIPES)}.")
    try:
        return recipe(**fields)
    except TypeError as error:
        known = list(recipe.__dataclass_fields__)
        raise ConfigError(f"basis {recipe.name!r} has the fields {known}, got {list(fields)}.") from error
