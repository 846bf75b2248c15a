"""Every edge of a network as a formula: polynomials on cells, or sums of known functions, with its tails.

Neutral: numbers and kinds of terms. How sympy and LaTeX say them is not here.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch

from splinework.errors import ConfigError
from splinework.export.frozen import FrozenLayer, FrozenNetwork
from splinework.splines.bases import BSpline, Chebyshev, Fourier, GaussianRBF

MOST_CASES: Final = 4000
"""Pieces of all edges together, up to which formulas are written."""


@dataclass(frozen=True)
class Term:
    """One term of a function of t.

    Attributes:
        factor: What it is multiplied with.
        kind: `power`: `(t - a)^n`; `cosine`, `sine`: of `a (t - b)`; `chebyshev`: `T_n((t - a) / b)`; `bump`:
            `exp(-((t - a) / b)²)`; otherwise the name of a base function of t.
        n: See there.
        a: See there.
        b: See there.
    """

    factor: float
    kind: str
    n: int = 0
    a: float = 0.0
    b: float = 0.0


Terms = tuple[Term, ...]


@dataclass(frozen=True)
class Edge:
    """A function of t.

    Attributes:
        layer: Number of its layer, from 1.
        input: Number of the node that it comes from, from 1.
        sum: Number of the sum that it goes to, from 1.
        cases: Terms, and the t below which they hold; the last ones hold for all others. Of neighbours that are equal in
            value the bound may go to either, so `<` is meant everywhere but in `closed`.
        closed: Numbers of the cases that hold at their bound, too.
        everywhere: Terms that are added in all cases.
        squash: Middle and half width of the domain that t is bent into first, or None.
    """

    layer: int
    input: int
    sum: int
    cases: tuple[tuple[Terms, float], ...]
    closed: frozenset[int]
    everywhere: Terms
    squash: tuple[float, float] | None


def count_cases(network: FrozenNetwork) -> int:
    """How many cases all edges together have."""
    return sum(int(layer.alive.sum()) * _cases_of(layer) for layer in network.layers)


def edges(network: FrozenNetwork) -> Iterator[Edge]:
    """All living edges, layer by layer and sum by sum.

    Raises:
        ConfigError: If a basis is not known here.
    """
    for number, layer in enumerate(network.layers, start=1):
        for j, i in torch.nonzero(layer.alive.T).tolist():
            yield _edge(layer, number, i, j)


def _cases_of(layer: FrozenLayer) -> int:
    if not isinstance(layer.basis, BSpline):
        return 1 if _endless(layer) else 3
    return 2 + layer.basis.grid + (0 if layer.extrapolation in ("linear", "constant") else 2 * layer.basis.degree)


def _endless(layer: FrozenLayer) -> bool:
    """Whether the functions go on beyond the domain as they are, one formula everywhere."""
    dies_out = layer.extrapolation == "zero" and layer.basis.dies_out
    return not isinstance(layer.basis, BSpline) and (layer.extrapolation == "natural" or dies_out)


def _edge(layer: FrozenLayer, number: int, i: int, j: int) -> Edge:
    low, high = (float(end[i]) for end in layer.basis.domain(layer.grid))
    base: Terms = ()
    if layer.base is not None:
        base = (Term(float(layer.base_weight[i, j]), layer.base.name),)
    clamped = layer.extrapolation in ("linear", "constant")
    whole = isinstance(layer.basis, BSpline) and not clamped
    inside = (
        _spline(layer, i, j, whole) if isinstance(layer.basis, BSpline) else [(_smooth(layer, i, j, low, high), high)]
    )
    if clamped:
        before, after = _tails(layer, i, j)
        cases = [(before, low), *((terms + base, bound) for terms, bound in inside), (after, math.inf)]
    elif _endless(layer):
        cases = [(inside[0][0], math.inf)]
    else:
        first = float(layer.grid[i, 0]) if whole else low
        cases = [((), first), *inside, ((), math.inf)]
    middle = ((low + high) / 2, (high - low) / 2) if layer.squashed else None
    closed = frozenset([len(cases) - 2]) if len(cases) > 1 else frozenset()
    return Edge(number, i + 1, j + 1, tuple(cases), closed, () if clamped else base, middle)


def _spline(layer: FrozenLayer, i: int, j: int, whole: bool) -> list[tuple[Terms, float]]:
    """The polynomials of the cells that have a width, with the right end of each."""
    basis = layer.basis
    assert isinstance(basis, BSpline)
    k, size, knots = basis.degree, basis.size, layer.grid[i]
    pieces = basis.prepare(layer.grid[i : i + 1])[0]
    c = torch.zeros(size + 2 * k, dtype=torch.float64)
    c[k : k + size] = layer.coefficients[i, :, j]
    found: list[tuple[Terms, float]] = []
    for cell in range(0 if whole else k, size + k if whole else size):
        left, right = float(knots[cell]), float(knots[cell + 1])
        if right <= left:
            continue
        powers = (pieces[cell] @ c[cell : cell + k + 1]).tolist()
        middle, width = (left + right) / 2, right - left
        found.append((tuple(Term(p / width**n, "power", n, middle) for n, p in enumerate(powers)), right))
    return found


def _smooth(layer: FrozenLayer, i: int, j: int, low: float, high: float) -> Terms:
    """The sum of the functions of a family that is one formula everywhere."""
    basis, c = layer.basis, layer.coefficients[i, :, j].tolist()
    if isinstance(basis, Chebyshev):
        middle, half = (low + high) / 2, (high - low) / 2
        return tuple(Term(value, "chebyshev", n, middle, half) for n, value in enumerate(c))
    if isinstance(basis, Fourier):
        rate = 2 * math.pi / (high - low)
        waves = [Term(v, "sine" if m % 2 else "cosine", 0, rate * (m // 2 + 1), low) for m, v in enumerate(c[1:])]
        return (Term(c[0], "power"), *waves)
    if isinstance(basis, GaussianRBF):
        step = (high - low) / (basis.centres - 1)
        return tuple(Term(value, "bump", 0, low + m * step, basis.width * step) for m, value in enumerate(c))
    raise ConfigError(f"there is no formula for the basis {basis.name!r} here; export to onnx or torch.")


def _tails(layer: FrozenLayer, i: int, j: int) -> tuple[Terms, Terms]:
    """The straight lines before and behind the domain."""
    ends = torch.stack(layer.basis.domain(layer.grid))
    table = layer.table()
    c = layer.coefficients[i, :, j]
    if layer.base is not None:
        c = torch.cat([c, layer.base_weight[i, j][None]])
    value, slope = (table.rows(ends, order)[:, i] @ c for order in (0, 1))
    if layer.extrapolation == "constant":
        slope = torch.zeros_like(slope)
    before, after = (
        (Term(float(value[n]), "power"), Term(float(slope[n]), "power", 1, float(ends[n, i]))) for n in (0, 1)
    )
    return before, after


def check_size(network: FrozenNetwork) -> None:
    """Raises if formulas would be too long to be of use.

    Raises:
        ConfigError: If there are more than `MOST_CASES` pieces.
    """
    count = count_cases(network)
    if count > MOST_CASES:
        raise ConfigError(
            f"the formulas of {network.edges} edges would have {count} pieces, at most {MOST_CASES} are written. Make the model "
            "smaller with prune or sparsify, ask symbolify for a formula, or export to numpy, c or js."
        )
