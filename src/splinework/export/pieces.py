"""Every edge of a network as a formula: polynomials on cells, or sums of known functions, with tails.

The formulas are independent of the language; SymPy and LaTeX write them.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch

from splinework.errors import ConfigError
from splinework.export.frozen import FrozenLayer, FrozenNetwork
from splinework.export.recording import ExpressionNode, Recorder

MAX_CASES: Final = 4000
"""Maximum number of pieces of all edges together."""


@dataclass(frozen=True)
class EdgeTerm:
    """One term of a function of t: `factor · (t - a)^n`, or `factor · body(t)`."""

    factor: float
    n: int = 0
    a: float = 0.0
    body: ExpressionNode | None = None


Terms = tuple[EdgeTerm, ...]


@dataclass(frozen=True)
class EdgeFormula:
    """The function of an edge, piecewise in t.

    Attributes:
        layer: Number of its layer, from 1.
        input: Number of its input node, from 1.
        sum: Number of its sum, from 1.
        cases: Terms and the upper bound of t below which they hold; the last ones hold for all larger t.
        closed: Indices of the cases that include their bound.
        everywhere: Terms added in all cases.
        squash: Middle and half width of the domain into which t is squashed first, or None.
    """

    layer: int
    input: int
    sum: int
    cases: tuple[tuple[Terms, float], ...]
    closed: frozenset[int]
    everywhere: Terms
    squash: tuple[float, float] | None


def count_cases(network: FrozenNetwork) -> int:
    """Number of cases of all edges together."""
    return sum(int(layer.alive.sum()) * _cases_of(layer) for layer in network.layers)


def edges(network: FrozenNetwork) -> Iterator[EdgeFormula]:
    """All edges, layer by layer and sum by sum."""
    for number, layer in enumerate(network.layers, start=1):
        for j, i in torch.nonzero(layer.alive.T).tolist():
            yield _edge(layer, number, i, j)


def _cases_of(layer: FrozenLayer) -> int:
    if layer.basis.degree is None:
        return 1 if _endless(layer) else 3
    return 2 + layer.basis.resolution + (0 if layer.extrapolation in ("linear", "constant") else 2 * layer.basis.degree)


def _endless(layer: FrozenLayer) -> bool:
    """Whether one formula holds inside and outside the domain."""
    vanishes_outside = layer.extrapolation == "zero" and layer.basis.vanishes_outside
    return layer.basis.degree is None and (layer.extrapolation == "natural" or vanishes_outside)


def _edge(layer: FrozenLayer, number: int, i: int, j: int) -> EdgeFormula:
    low, high = (float(end[i]) for end in layer.basis.domain(layer.grid))
    base: Terms = ()
    if layer.base is not None:
        recorder = Recorder()
        body = recorder.lifted(layer.base.formula(recorder.name("t"), recorder))
        base = (_function(float(layer.base_weight[i, j]), body),)
    clamped = layer.extrapolation in ("linear", "constant")
    whole = layer.basis.degree is not None and not clamped
    inside = (
        _spline(layer, i, j, whole) if layer.basis.degree is not None else [(_smooth(layer, i, j, low, high), high)]
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
    return EdgeFormula(number, i + 1, j + 1, tuple(cases), closed, () if clamped else base, middle)


def _spline(layer: FrozenLayer, i: int, j: int, whole: bool) -> list[tuple[Terms, float]]:
    """The polynomials of the cells of positive width, with the right end of each."""
    basis = layer.basis
    k, size, knots = basis.degree or 0, basis.size, layer.grid[i]
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
        found.append((tuple(EdgeTerm(p / width**n, n, middle) for n, p in enumerate(powers)), right))
    return found


def _smooth(layer: FrozenLayer, i: int, j: int, low: float, high: float) -> Terms:
    """The sum of the functions of a basis with one formula everywhere."""
    recorder = Recorder()
    functions = layer.basis.readable(recorder.name("t"), low, high, recorder)
    values = layer.coefficients[i, :, j].tolist()
    return tuple(_function(c, recorder.lifted(body)) for c, body in zip(values, functions, strict=True))


def _function(factor: float, body: ExpressionNode) -> EdgeTerm:
    return EdgeTerm(factor * body.value) if body.kind == "number" else EdgeTerm(factor, body=body)


def _tails(layer: FrozenLayer, i: int, j: int) -> tuple[Terms, Terms]:
    """The linear tails left and right of the domain."""
    ends = torch.stack(layer.basis.domain(layer.grid))
    table = layer.table()
    c = layer.coefficients[i, :, j]
    if layer.base is not None:
        c = torch.cat([c, layer.base_weight[i, j][None]])
    value, slope = (table.rows(ends, order)[:, i] @ c for order in (0, 1))
    if layer.extrapolation == "constant":
        slope = torch.zeros_like(slope)
    before, after = ((EdgeTerm(float(value[n])), EdgeTerm(float(slope[n]), 1, float(ends[n, i]))) for n in (0, 1))
    return before, after


def check_size(network: FrozenNetwork) -> None:
    """Checks the length of the formulas.

    Raises:
        ConfigError: If there are more than `MAX_CASES` pieces.
    """
    count = count_cases(network)
    if count > MAX_CASES:
        raise ConfigError(
            f"the formulas of {network.edges} edges would have {count} pieces, at most {MAX_CASES} are allowed. Make the model "
            "smaller with prune or sparsify, find a formula with symbolify, or export to numpy, c or js."
        )
