"""The function that a contender claims to compute, in float64 by scipy and numpy: values, and gradients with respect to inputs.

A contender hands over its own knots and coefficients; nothing here is shared with the code that is timed.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline
from scipy.special import expit

Floats: TypeAlias = NDArray[np.float64]
Curves: TypeAlias = Callable[[int, Floats, int], Floats]
"""Input i, points `(B,)` and order of the derivative (0 or 1) to all edges that leave that input, `(B, J)`."""


class Layer(ABC):
    """One layer as mathematics."""

    @abstractmethod
    def value(self, x: Floats) -> Floats:
        """`(B, I)` to `(B, J)`."""

    @abstractmethod
    def pull(self, x: Floats, g: Floats) -> Floats:
        """The gradient of `Σ g y` with respect to x: g `(B, J)` to `(B, I)`."""


@final
@dataclass(frozen=True)
class Edges(Layer):
    """`y_j = Σ_i Σ_n f_n,ij(x_i) + bias_j`, the sum over several families of curves."""

    inputs: int
    curves: tuple[Curves, ...]
    bias: Floats | float = 0.0

    def value(self, x: Floats) -> Floats:
        terms = (curves(i, x[:, i], 0) for i in range(self.inputs) for curves in self.curves)
        return np.asarray(sum(terms) + self.bias, dtype=np.float64)

    def pull(self, x: Floats, g: Floats) -> Floats:
        columns = [sum((g * curves(i, x[:, i], 1)).sum(axis=1) for curves in self.curves) for i in range(self.inputs)]
        return np.stack(columns, axis=1)


@final
@dataclass(frozen=True)
class Dense(Layer):
    """`y = silu(x Wᵀ + b)`."""

    weight: Floats
    bias: Floats

    def value(self, x: Floats) -> Floats:
        return _silu(x @ self.weight.T + self.bias, 0)

    def pull(self, x: Floats, g: Floats) -> Floats:
        inner: Floats = (g * _silu(x @ self.weight.T + self.bias, 1)) @ self.weight
        return inner


def chain(layers: Sequence[Layer], x: Floats, g: Floats) -> tuple[Floats, Floats]:
    """The value of layers one after the other, and the gradient of `Σ g y` with respect to x."""
    inputs = [x]
    for layer in layers:
        inputs.append(layer.value(inputs[-1]))
    for layer, entered in zip(reversed(layers), reversed(inputs[:-1]), strict=True):
        g = layer.pull(entered, g)
    return inputs[-1], g


def splines(knots: Floats, coefficients: Floats, degree: int) -> Curves:
    """B-splines on their whole support, 0 outside: knots `(I, M+k+1)`, coefficients `(I, M, J)`."""
    k = degree
    bare = np.zeros((k, coefficients.shape[2]))

    def curves(i: int, x: Floats, derivative: int) -> Floats:
        t = knots[i]
        # scipy evaluates between the k-th knots from both ends: k more knots there, with coefficients 0, show it all.
        left = t[0] - (t[1] - t[0]) * np.arange(k, 0, -1)
        right = t[-1] + (t[-1] - t[-2]) * np.arange(1, k + 1)
        c = np.concatenate([bare, coefficients[i], bare])
        spline: Any = BSpline(np.concatenate([left, t, right]), c, k, extrapolate=False)
        return np.asarray(np.nan_to_num(spline(x, nu=derivative), nan=0.0))

    return curves


def silus(weights: Floats) -> Curves:
    """`w_ij silu(x)`: weights `(I, J)`."""
    return lambda i, x, derivative: _silu(x, derivative)[:, None] * weights[i]


def gaussians(centres: Floats, width: float, coefficients: Floats) -> Curves:
    """`Σ_m c_m exp(-((x - centre_m) / width)²)`: coefficients `(I, M, J)`."""

    def curves(i: int, x: Floats, derivative: int) -> Floats:
        t = (x[:, None] - centres) / width
        rows = np.exp(-(t**2))
        value: Floats = (rows if derivative == 0 else -2 * t / width * rows) @ coefficients[i]
        return value

    return curves


def polylines(points: Floats, values: Floats) -> Curves:
    """`np.interp` between the points, straight on outside: values `(I, M, J)`."""
    inner = points[1:-1]

    def curves(i: int, x: Floats, derivative: int) -> Floats:
        v = values[i]
        slopes = np.diff(v, axis=0) / np.diff(points)[:, None]
        slope: Floats = slopes[np.searchsorted(inner, x, side="right")]
        if derivative:
            return slope
        within = np.stack([np.interp(x, points, column) for column in v.T], axis=1)
        return within + slope * (x - np.clip(x, points[0], points[-1]))[:, None]

    return curves


def straight_outside(curves: Curves, low: Floats, high: Floats) -> Curves:
    """Curves that go on as straight lines outside `[low_i, high_i]`."""

    def extended(i: int, x: Floats, derivative: int) -> Floats:
        nearest = np.clip(x, low[i], high[i])
        if derivative:
            return curves(i, nearest, 1)
        return curves(i, nearest, 0) + curves(i, nearest, 1) * (x - nearest)[:, None]

    return extended


def relative_error(found: Floats, true: Floats) -> float:
    """The largest deviation over the largest value; infinite where something is not finite.

    >>> relative_error(np.array([1.0, 2.2]), np.array([1.0, 2.0]))
    0.1
    """
    if not np.isfinite(found).all():
        return float("inf")
    return float(np.abs(found - true).max() / max(float(np.abs(true).max()), np.finfo(np.float64).tiny))


def _silu(x: Floats, derivative: int) -> Floats:
    sigma: Floats = expit(x)
    return x * sigma if derivative == 0 else sigma * (1 + x * (1 - sigma))
