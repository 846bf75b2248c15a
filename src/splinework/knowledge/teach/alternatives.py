"""Alternatives of a misspecification test: splines along every input, and products of polynomials in every two inputs."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import torch
from scipy.interpolate import BSpline
from torch import Tensor

DEGREE = 3
PRODUCT_DEGREES = ((1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1))
"""Degrees in the two inputs of a product."""
MIN_SINGULAR_RATIO = 1e-3
"""A function is left out where the rows see less than this share of what they see of the plainest."""


Product = tuple[int, int, int, int]
"""Two inputs, and the degree in each."""


@final
@dataclass(frozen=True, eq=False)
class AlternativeSpace:
    """A linear space of functions of the raw inputs, with a basis that is orthonormal over the rows.

    Attributes:
        knots: Knots of the cubic splines along each input.
        middle: Centre of each input's range, `(I,)`.
        half: Half its width, `(I,)`.
        products: Products of polynomials.
        map: From the plain columns to the orthonormal basis, `(columns, p)`.
    """

    knots: tuple[Tensor, ...]
    middle: Tensor
    half: Tensor
    products: tuple[Product, ...]
    map: Tensor

    def of(self, x: Tensor) -> Tensor:
        """The basis at points `(N, I)`, `(N, p)`; beyond the rows' range its functions are as at its end."""
        return self.plain(x) @ self.map

    @property
    def size(self) -> int:
        """Number of functions, p."""
        return self.map.shape[1]

    def plain(self, x: Tensor) -> Tensor:
        """A constant, the splines of every input that varies, and the products, `(N, columns)`."""
        parts = [torch.ones(len(x), 1, dtype=x.dtype)]
        for i, knots in enumerate(self.knots):
            if knots[0] < knots[-1]:
                inside = x[:, i].clamp(knots[0], knots[-1]).numpy()
                splines = BSpline.design_matrix(inside, knots.numpy(), DEGREE).toarray()
                parts.append(torch.from_numpy(splines[:, 1:]))  # all of them add up to the constant
        u = ((x - self.middle) / self.half).clamp(-1, 1)
        legendre = (u, 1.5 * u.square() - 0.5, 2.5 * u**3 - 1.5 * u)
        parts += [(legendre[a - 1][:, i] * legendre[b - 1][:, j])[:, None] for i, j, a, b in self.products]
        return torch.cat(parts, dim=1)


def alternative_space(
    x: Tensor, intervals: int, most: int, named: Sequence[tuple[int, int]] = ()
) -> AlternativeSpace | None:
    """The richest family for rows with at most `most` functions.

    Args:
        x: Rows in raw units, `(N, I)`, float64.
        intervals: Intervals of the splines, where `most` allows it; 1 is a cubic polynomial.
        most: Functions at most.
        named: Pairs of inputs that matter most, where not all pairs can have products.

    Returns:
        The family; None where not even cubic polynomials along all inputs fit in.
    """
    low, high = x.amin(0), x.amax(0)
    half = torch.where(high > low, (high - low) / 2, torch.ones_like(low))
    moving = [i for i in range(x.shape[1]) if high[i] > low[i]]
    room = most - 1 - DEGREE * len(moving)
    if room < 0:
        return None
    products = _products(moving, named, room)
    count = 1 + min(intervals - 1, (room - len(products)) // max(len(moving), 1))
    knots = tuple(_knots(x[:, i], count) for i in range(x.shape[1]))
    begun = AlternativeSpace(knots, (low + high) / 2, half, products, torch.empty(0))
    plain = begun.plain(x)
    size = plain.norm(dim=0).clamp_min(1e-300)
    _, values, right = torch.linalg.svd(plain / size, full_matrices=False)
    kept = values > MIN_SINGULAR_RATIO * values[0]
    return replace(begun, map=(right.T / size[:, None])[:, kept] / values[kept])


def _products(moving: list[int], named: Sequence[tuple[int, int]], room: int) -> tuple[Product, ...]:
    """Those of all pairs of inputs, or the plainest, or of those that are named: what there is room for."""
    inputs = set(moving)
    some = [pair for pair in named if inputs.issuperset(pair)]
    for pairs in (list(itertools.combinations(moving, 2)), some):
        for degrees in (PRODUCT_DEGREES, PRODUCT_DEGREES[:1]):
            if len(pairs) * len(degrees) <= room:
                return tuple((i, j, a, b) for i, j in pairs for a, b in degrees)
    return ()


def _knots(column: Tensor, intervals: int) -> Tensor:
    """Knots halfway between evenly spaced ones and quantiles: cells are neither empty nor very unequal."""
    share = torch.linspace(0, 1, intervals + 1, dtype=column.dtype)
    low, high = column.min(), column.max()
    inner = (torch.quantile(column, share) + low + (high - low) * share) / 2
    return torch.cat([inner[:1].expand(DEGREE), inner, inner[-1:].expand(DEGREE)])
