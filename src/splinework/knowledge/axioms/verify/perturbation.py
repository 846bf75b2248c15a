"""Bounds of the difference of two networks of the same shape, edge by edge: for refined, rounded or fine-tuned models.

Networks with nearly equal edges differ little, which enclosures of each do not show. Here the edges are subtracted: on every cell
within one knot interval of each, both are polynomials, and the differences of their Bernstein coefficients are small. The
contribution of a layer, `Σ_i |φ_ij - ψ_ij|`, is propagated by the largest slopes: `e' = Σ_i (|φ_ij - ψ_ij| + |ψ'_ij| e_i)`.
"""

from dataclasses import replace

import numpy as np

from splinework.formula.intervals import Floats, Interval, U, gamma, up
from splinework.knowledge.axioms.verify.cells import derivative_splines, polar
from splinework.knowledge.axioms.verify.edges import EdgeTable
from splinework.knowledge.axioms.verify.jets import Jet, JetSpace
from splinework.knowledge.axioms.verify.network import Enclosure
from splinework.knowledge.axioms.verify.numbers import LayerNumbers, Model, array, layer_numbers, network_of
from splinework.nn.frame import FramedKAN

_ROUNDING_FACTOR = 1 + 1e-12


def apart(a: Model, b: Model, reach: Interval) -> Floats | None:
    """An upper bound of `|a - b|` of every output over a box `(I,)`, or None if the models are not comparable.

    Comparable are networks (plain, or with the same frame without output formulas) with the same nodes and scales, and B-splines
    of the same degree, on the same grid range, with the same tails.
    """
    one, other = network_of(a), network_of(b)
    if not _alike(a, b):
        return None
    first, second = Enclosure(a, reach), Enclosure(b, reach)
    jets = [Jet(JetSpace(len(reach.lo)), Interval(reach.lo[None], reach.hi[None])) for _ in range(2)]
    stages = len(first.stages) - len(one.kan_layers) - 1
    for number in range(stages):
        jets = [e.stages[number](jet) for e, jet in zip((first, second), jets, strict=True)]
    error = np.zeros(one.kan_layers[0].inputs)
    for number, (mine, yours) in enumerate(zip(one.kan_layers, other.kan_layers, strict=True)):
        p, q = layer_numbers(mine), layer_numbers(yours)
        both = Interval(np.minimum(jets[0].v.lo[0], jets[1].v.lo[0]), np.maximum(jets[0].v.hi[0], jets[1].v.hi[0]))
        between = _edges_apart(p, q, both)
        if between is None:
            return None
        slope = EdgeTable(q, both).ranges(Interval(both.lo[None], both.hi[None]), 1)[1].magnitude[0]
        with np.errstate(invalid="ignore"):
            carried = np.where(error[:, None] == 0, 0.0, slope * error[:, None])
        error = (between + carried).sum(0) * _ROUNDING_FACTOR + np.abs(p.bias - q.bias)
        jets = [e.stages[stages + number](jet) for e, jet in zip((first, second), jets, strict=True)]
    return np.asarray(up(error * np.abs(array(one.output_scaling.scale)) * _ROUNDING_FACTOR))


def _alike(a: Model, b: Model) -> bool:
    """Whether two models differ only in the parameters of their edges."""
    one, other = network_of(a), network_of(b)
    frames = [m.frame if isinstance(m, FramedKAN) else None for m in (a, b)]
    if frames[0] != frames[1] or (frames[0] is not None and frames[0].after):
        return False
    mine, yours = one.config, other.config
    if mine.nodes != yours.nodes or any(node.products for node in mine.nodes):
        return False
    if (
        "log" in mine.output_scales
        or mine.input_scales != yours.input_scales
        or mine.output_scales != yours.output_scales
    ):
        return False
    scalings = [(one.input_scaling, other.input_scaling), (one.output_scaling, other.output_scaling)]
    return all(bool((p.shift == q.shift).all() and (p.scale == q.scale).all()) for p, q in scalings)


def _edges_apart(p: LayerNumbers, q: LayerNumbers, reach: Interval) -> Floats | None:
    """The largest difference of every edge `(I, J)` over the reach, including tails; None if not comparable."""
    same = p.basis.degree == q.basis.degree and p.extrapolation == q.extrapolation and p.base == q.base
    if p.basis.degree is None or not same or p.extrapolation not in ("linear", "constant") or p.squashed or q.squashed:
        return None
    if not all(np.array_equal(x, y) for x, y in zip(p.domain, q.domain, strict=True)):
        return None
    found = np.zeros(p.weight.shape)
    for i in range(len(p.knots)):
        found[i] = _input_apart(p, q, i, float(reach.lo[i]), float(reach.hi[i]))
    if p.base_weight is not None and q.base_weight is not None:
        table = EdgeTable(_base_only(p), reach)
        base = table.ranges(Interval(reach.lo[None], reach.hi[None]), 0)[0].magnitude[0]
        found += np.abs(p.base_weight - q.base_weight) * base * _ROUNDING_FACTOR
    return found * _ROUNDING_FACTOR


def _base_only(n: LayerNumbers) -> LayerNumbers:
    """The layer with the base function only, with weight 1 on every edge."""
    ones = np.ones_like(n.weight)
    return replace(n, c=np.zeros_like(n.c), base_weight=ones, bias=np.zeros_like(n.bias))


def _input_apart(p: LayerNumbers, q: LayerNumbers, i: int, low: float, high: float) -> Floats:
    """The largest difference of the splines of one input, `(J,)`."""
    k = p.basis.degree or 0
    start, stop = p.knots[i, k], p.knots[i, -1 - k]
    inner = [n.knots[i][(n.knots[i] >= start) & (n.knots[i] <= stop)] for n in (p, q)]
    points = np.unique(np.concatenate(inner))
    values, slopes = [], []
    for n in (p, q):
        splines = derivative_splines(n.knots[i : i + 1], n.c[i : i + 1], k)
        parts = []
        for c, error, degree in splines[:2]:
            index = np.searchsorted(n.knots[i], points[:-1], side="right") - 1
            bernstein, bound = polar(
                n.knots[i : i + 1], c, error, degree, index[None], (points[None, :-1], points[None, 1:])
            )
            weight = n.weight[i]
            size = np.abs(bernstein * weight).max(2)
            parts.append((bernstein[0] * weight, bound[0] * np.abs(weight) * (1 + gamma(8)) + 4 * U * size[0]))
        values.append(parts[0])
        slopes.append(parts[1] if len(parts) > 1 else (np.zeros_like(parts[0][0]), 0.0 * parts[0][1]))
    inside = np.abs(values[0][0] - values[1][0]).max(1) * (1 + gamma(4)) + values[0][1] + values[1][1]
    found = inside.max(0)
    if p.extrapolation != "linear":
        return np.asarray(found)
    for distance, cell, end in ((max(start - low, 0.0), 0, 0), (max(high - stop, 0.0), -1, -1)):
        if distance > 0:
            at_end = np.abs(values[0][0][cell, end] - values[1][0][cell, end])
            steep = np.abs(slopes[0][0][cell, end] - slopes[1][0][cell, end])
            rounding = values[0][1][cell] + values[1][1][cell] + (slopes[0][1][cell] + slopes[1][1][cell]) * distance
            found = np.maximum(found, (at_end + steep * distance + rounding) * _ROUNDING_FACTOR)
    return np.asarray(found)
