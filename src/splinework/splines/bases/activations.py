"""Base functions b(x) of an edge.

`silu` is that of the paper (eq. 2.11). Like a basis, each is a frozen recipe, but without a grid: its formula defines it for any
number type. Derivatives in closed form are for speed only.

An edge is `φ(x) = w_b b(x) + w_s Σ_m c_m B_m(x)` (Liu et al. 2024, arXiv 2404.19756, eq. 2.10); `silu` is `x / (1 + e^(-x))`, and
`gelu` is `x Φ(x)` (Hendrycks & Gimpel 2016).
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeVar, final

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.splines.bases.functions import Functions, TensorFunctions
from splinework.splines.bases.series import SeriesFunctions, derivative

ASYMPTOTE_DISTANCE: Final = 48.0
"""Beyond this `|x|`, a function with asymptotes equals them to 1e-18, value and derivatives."""

Asymptotes = tuple[tuple[float, float], tuple[float, float]] | None
"""Slope and intercept at the left and at the right."""


@dataclass(frozen=True)
class Activation(ABC):
    """A fixed function of one variable.

    Attributes:
        name: Its name in a config.
        asymptotes: Slope and intercept of its asymptotes, reached at ∓`ASYMPTOTE_DISTANCE`; None without asymptotes.
        rising: Whether it is non-decreasing.
        odd: Whether `b(-x) = -b(x)`.
    """

    name: ClassVar[str]
    asymptotes: ClassVar[Asymptotes] = None
    rising: ClassVar[bool] = False
    odd: ClassVar[bool] = False

    @abstractmethod
    def formula(self, x: Any, f: Functions) -> Any:
        """The function b(x) for any number type, as in `Basis.formula`."""

    def bound(self, order: int) -> float | None:
        """A bound of `|b^(order)|` on the whole line in closed form, possibly infinite.

        With None, the bound is computed from the formula by interval arithmetic, which requires asymptotes.
        """
        return None

    def derivative(self, x: Tensor, order: int) -> Tensor:
        """The derivative of the given order (0: the function itself) at every element of x."""
        return formula_derivative(self, x, order, TensorFunctions())


def formula_derivative(base: Activation, x: Tensor, order: int, functions: Functions) -> Tensor:
    """The derivative of a base function by its formula, or by its asymptotes beyond `ASYMPTOTE_DISTANCE`, against overflow."""
    near = x if base.asymptotes is None else x.clamp(-ASYMPTOTE_DISTANCE, ASYMPTOTE_DISTANCE)
    series = SeriesFunctions(functions)
    found = derivative(base.formula(series.variable(near, order), series), order)
    value = torch.zeros_like(x) if found is None else found + torch.zeros_like(x)
    if base.asymptotes is None or order:
        return value
    (left, _), (right, _) = base.asymptotes
    return value + torch.where(x < 0, left, right) * (x - near)


@final
@dataclass(frozen=True)
class Identity(Activation):
    """`x`."""

    name: ClassVar[str] = "identity"
    asymptotes: ClassVar[Asymptotes] = ((1.0, 0.0), (1.0, 0.0))
    rising: ClassVar[bool] = True
    odd: ClassVar[bool] = True

    def formula(self, x: Any, f: Functions) -> Any:
        return x

    def bound(self, order: int) -> float:
        return (math.inf, 1.0)[order] if order < 2 else 0.0

    def derivative(self, x: Tensor, order: int) -> Tensor:
        return x if order == 0 else torch.ones_like(x) if order == 1 else torch.zeros_like(x)


@final
@dataclass(frozen=True)
class Sine(Activation):
    """`sin(x)`."""

    name: ClassVar[str] = "sin"
    odd: ClassVar[bool] = True

    def formula(self, x: Any, f: Functions) -> Any:
        return f.sin(x)

    def bound(self, order: int) -> float:
        return 1.0

    def derivative(self, x: Tensor, order: int) -> Tensor:
        wave = torch.sin(x) if order % 2 == 0 else torch.cos(x)
        return wave if order % 4 < 2 else -wave


@final
@dataclass(frozen=True)
class Tanh(Activation):
    """`tanh(x)`."""

    name: ClassVar[str] = "tanh"
    asymptotes: ClassVar[Asymptotes] = ((0.0, -1.0), (0.0, 1.0))
    rising: ClassVar[bool] = True
    odd: ClassVar[bool] = True

    def formula(self, x: Any, f: Functions) -> Any:
        return f.tanh(x)

    def derivative(self, x: Tensor, order: int) -> Tensor:
        return _horner(_derivative_polynomial((1.0, 0.0, -1.0), order), torch.tanh(x))


@final
@dataclass(frozen=True)
class SiLU(Activation):
    """`x σ(x)`, σ the logistic function."""

    name: ClassVar[str] = "silu"
    asymptotes: ClassVar[Asymptotes] = ((0.0, 0.0), (1.0, 0.0))

    def formula(self, x: Any, f: Functions) -> Any:
        return x * f.sigmoid(x)

    def derivative(self, x: Tensor, order: int) -> Tensor:
        return _times_x(x, order, lambda r: _horner(_derivative_polynomial((0.0, 1.0, -1.0), r), torch.sigmoid(x)))


@final
@dataclass(frozen=True)
class GELU(Activation):
    """`x Φ(x)`, Φ the normal distribution function."""

    name: ClassVar[str] = "gelu"
    asymptotes: ClassVar[Asymptotes] = ((0.0, 0.0), (1.0, 0.0))

    def formula(self, x: Any, f: Functions) -> Any:
        return x * (f.erfc(-x / f.sqrt(f.number(2.0))) / 2)

    def derivative(self, x: Tensor, order: int) -> Tensor:
        return _times_x(x, order, lambda r: _normal(x, r))


def _normal(x: Tensor, order: int) -> Tensor:
    """Derivatives of Φ: `Φ^{(r)} = g_{r-1}(x) exp(-x²/2) / √(2π)`, with Hermite polynomials `g_{r+1} = g_r' - x g_r`."""
    if order == 0:
        distribution: Tensor = torch.special.ndtr(x)
        return distribution
    x = x.clamp(-40, 40)  # beyond, exp(-x²/2) is zero in every precision, but the powers of x overflow
    before, now = torch.zeros_like(x), torch.ones_like(x)
    for r in range(order - 1):
        before, now = now, -x * now - r * before
    return now * torch.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def _times_x(x: Tensor, order: int, f: Callable[[int], Tensor]) -> Tensor:
    """Leibniz' rule: `(x f(x))^{(r)} = x f^{(r)} + r f^{(r-1)}`."""
    return x * f(order) + order * f(order - 1) if order else x * f(0)


def _derivative_polynomial(slope: tuple[float, ...], order: int) -> tuple[float, ...]:
    """Coefficients of the polynomial p with `s^{(r)} = p(s)`, for a function that satisfies `s' = slope(s)`."""
    polynomial = [0.0, 1.0]
    for _ in range(order):
        inner = [n * c for n, c in enumerate(polynomial)][1:]
        product = [0.0] * (len(inner) + len(slope) - 1)
        for i, a in enumerate(inner):
            for j, b in enumerate(slope):
                product[i + j] += a * b
        polynomial = product
    return tuple(polynomial)


def _horner(coefficients: tuple[float, ...], s: Tensor) -> Tensor:
    value = torch.zeros_like(s)
    for c in reversed(coefficients):
        value = value * s + c
    return value


_A = TypeVar("_A", bound=Activation)
ACTIVATIONS: dict[str, Activation] = {}
"""The base functions by name."""
DEFAULT_BASE: Final = SiLU.name
"""The base function of the paper."""


def register_activation(recipe: type[_A]) -> type[_A]:
    """Class decorator that registers a base function by its name, for every part of the library.

    Raises:
        ConfigError: If another class has the name.
    """
    if not isinstance(ACTIVATIONS.setdefault(recipe.name, recipe()), recipe):
        raise ConfigError(f"a base function {recipe.name!r} is already registered; choose another name.")
    return recipe


for _recipe in (SiLU, Identity, Tanh, Sine, GELU):
    register_activation(_recipe)


def activation(name: str) -> Activation | None:
    """The base function with a given name; None for `"none"`.

    Raises:
        ConfigError: If the name is unknown.
    """
    if name == "none":
        return None
    if name not in ACTIVATIONS:
        raise ConfigError(f"base must be one of {', '.join([*ACTIVATIONS, 'none'])}, got {name!r}.")
    return ACTIVATIONS[name]
