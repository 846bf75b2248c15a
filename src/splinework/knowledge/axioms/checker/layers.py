"""The checker's own reader of the layers of a network, and its meaning of their bases."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from splinework.knowledge.axioms.checker.formulas import Unreadable
from splinework.knowledge.axioms.checker.ranges import Floats
from splinework.splines.bases import ACTIVATIONS


@dataclass(frozen=True)
class LayerReading:
    """The numbers of a layer: `φ_ij = w_ij Σ_m c_imj B_m + b_ij base`, summed over i, plus a bias.

    Attributes:
        family: Name of the basis.
        basis: Its recipe.
        degree: The degree of splines; -1 of other bases.
        knots: `(I, K)`.
        low: Lower ends of the grids, `(I,)`.
        high: Upper ends.
        c: `(I, M, J)`.
        weight: `(I, J)`, 0 for dead edges.
        base: Name of the base function, or `none`.
        base_weight: `(I, J)`.
        bias: `(J,)`.
        extrapolation: How edges go on outside the grid.
        squashed: Whether inputs are first mapped smoothly into the grid.
    """

    family: str
    basis: Any
    degree: int
    knots: Floats
    low: Floats
    high: Floats
    c: Floats
    weight: Floats
    base: str
    base_weight: Floats
    bias: Floats
    extrapolation: str
    squashed: bool

    @property
    def straight(self) -> bool:
        """Whether edges go on as straight lines outside the grid."""
        return self.extrapolation in ("linear", "constant")

    @property
    def goes_on(self) -> bool:
        """Whether a basis without knots goes on outside the grid by its formula."""
        return (
            self.degree < 0 and not self.straight and (self.extrapolation == "natural" or self.basis.vanishes_outside)
        )

    def rows(self, x: Any, low: Any, high: Any, f: Any) -> list[Any]:
        """The functions of a basis without knots, for any numbers with functions f."""
        width = high - low
        if self.family == "fourier":
            angles = [(x - low) * (2 * f.pi * n / width) for n in range(1, self.basis.harmonics + 1)]
            return [f.number(1.0), *(row for angle in angles for row in (f.cos(angle), f.sin(angle)))]
        if self.family == "gaussian_rbf":
            gaps = self.basis.centres - 1
            by = gaps / (f.number(float(self.basis.width)) * width)
            distances = [(x - (low + width * m / gaps)) * by for m in range(gaps + 1)]
            return [f.exp(-(u * u)) for u in distances]
        if self.family == "chebyshev":
            u, found = (2 * x - (low + high)) / width, [f.number(1.0)]
            for m in range(1, self.basis.order + 1):
                found.append(u if m == 1 else 2 * u * found[-1] - found[-2])
            return found
        return [row + f.number(0.0) for row in self.basis.formula(x, low, high, f)]

    def base_of(self, x: Any, f: Any) -> Any:
        """The base function, for any numbers with functions f."""
        if self.base not in ACTIVATIONS:
            raise Unreadable(f"there is no base function {self.base!r}")
        return ACTIVATIONS[self.base].formula(x, f)


def array(tensor: Any) -> Floats:
    """A tensor as float64, which holds every smaller type exactly."""
    return np.array(tensor.detach().cpu().double().numpy(), dtype=np.float64)


def read_layer(layer: Any) -> LayerReading:
    """The numbers of a layer of a network.

    Raises:
        Unreadable: If it has edges that are no splines.
    """
    if getattr(layer, "functions", None) is not None:
        raise Unreadable(
            "proofs take networks of splines, and some edges are functions; make them splines by free(model, edge)"
        )
    own = layer.parts()
    mask = array(layer.mask)
    alive = mask != 0
    weight = mask if own.spline_weight is None else np.where(alive, array(own.spline_weight) * mask, 0.0)
    has_base = own.base_weight is not None
    base = np.where(alive, array(own.base_weight) * mask, 0.0) if has_base else np.zeros_like(weight)
    knots = array(layer.knots())
    degree = -1 if layer.basis.degree is None else int(layer.basis.degree)
    k = max(degree, 0)
    return LayerReading(
        family=str(layer.basis.name),
        basis=layer.basis,
        degree=degree,
        knots=knots,
        low=knots[:, k],
        high=knots[:, knots.shape[1] - 1 - k],
        c=np.where(alive[:, None, :], array(own.coefficients), 0.0),
        weight=weight,
        base=str(layer.base) if has_base and base.any() else "none",
        base_weight=base,
        bias=np.zeros(weight.shape[1]) if own.bias is None else array(own.bias),
        extrapolation=str(layer.extrapolation),
        squashed=layer.grid_kind == "normalised",
    )
