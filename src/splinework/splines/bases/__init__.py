"""Families of basis functions of one variable: one family, one file, one frozen recipe; `register_basis` adds one."""

from typing import Any, Final, TypeVar

from splinework.errors import ConfigError
from splinework.splines.bases.activations import ACTIVATIONS, DEFAULT_BASE, Activation, activation, register_activation
from splinework.splines.bases.base import Basis
from splinework.splines.bases.bspline import BSpline
from splinework.splines.bases.chebyshev import Chebyshev
from splinework.splines.bases.fourier import Fourier
from splinework.splines.bases.gaussian_rbf import GaussianRBF

__all__ = [
    "ACTIVATIONS", "BASES", "DEFAULT_BASE", "DEFAULT_BASIS", "LINEAR_BASIS", "Activation", "BSpline", "Basis",
    "Chebyshev", "Fourier", "GaussianRBF", "activation", "basis_from_dict", "make_basis", "register_activation",
    "register_basis",
]  # fmt: skip

_B = TypeVar("_B", bound=Basis)
BASES: dict[str, type[Basis]] = {}
"""The families by name."""


def register_basis(recipe: type[_B]) -> type[_B]:
    """Class decorator that registers a family by its name, for every part of the library.

    Raises:
        ConfigError: If another class has the name.
    """
    if BASES.setdefault(recipe.name, recipe) is not recipe:
        raise ConfigError(
            f"a basis {recipe.name!r} is already registered, {BASES[recipe.name].__name__}; choose another name."
        )
    return recipe


for _recipe in (BSpline, Fourier, Chebyshev, GaussianRBF):
    register_basis(_recipe)

DEFAULT_BASIS: Final = BSpline.name
"""The basis of the paper."""
LINEAR_BASIS: Final = BSpline(grid=1, degree=1)
"""A single linear piece."""


def make_basis(basis: str | Basis = DEFAULT_BASIS, *, grid: int = 5, degree: int = 3) -> Basis:
    """The basis with a given name and about `grid + degree` functions; a recipe is returned unchanged.

    Raises:
        ConfigError: For an unknown name.

    >>> make_basis("bspline", grid=10)
    BSpline(grid=10, degree=3)
    """
    if isinstance(basis, Basis):
        return basis
    if basis not in BASES:
        raise ConfigError(
            f"basis must be one of {', '.join(BASES)} or a recipe such as BSpline(grid=5), got {basis!r}."
        )
    return BASES[basis].of_size(grid, degree)


def basis_from_dict(values: dict[str, Any]) -> Basis:
    """The recipe that `Basis.to_dict` wrote.

    Raises:
        ConfigError: If the name or a field is unknown.
    """
    from splinework.errors.stored_values import fields_of, shown

    name = values.get("name") if isinstance(values, dict) else None
    recipe = BASES.get(name) if isinstance(name, str) else None
    if recipe is None:
        raise ConfigError(f"unknown basis {shown(name)}; this version knows {', '.join(BASES)}.")
    return recipe(**fields_of(recipe, {key: v for key, v in values.items() if key != "name"}, f"the basis {name!r}"))
