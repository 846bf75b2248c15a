"""The ansatz `u = g + ω N`: g has the values that are given at boundaries, ω vanishes there, N is the network.

Faces of inputs are joined by transfinite interpolation (Coons 1967; Gordon 1971): one input after the other, g gets what is
missing at its faces, blended between them, `g ← g + P_i (f_i - g)`, which leaves what is right at earlier faces as it is where
values agree at the corners. Boundaries of regions come first; several are joined by the squares of their distance functions
(Rvachev et al. 2001). Formulas are texts: the model says what was built in.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.knowledge.axioms.sampling import sobol
from splinework.knowledge.teach.equations.conditions import BoundaryConditions, Box, Sides
from splinework.knowledge.teach.equations.domain import Domain
from splinework.knowledge.teach.equations.formula_text import (
    ZERO,
    before,
    beyond,
    minus,
    names_in,
    number,
    restricted,
    times,
    total,
)
from splinework.nn.derivatives.propagation import formula_series
from splinework.nn.derivatives.series import Monomial, Series, columns_of, derivative, divisors
from splinework.nn.frame import Expression, Frame
from splinework.nn.frame.framed import hidden_names

ROUNDING_TOLERANCE, AGREEMENT_TOLERANCE = 1e-15, 1e-10
"""Shares of the size of g up to which a correction is rounding, and up to which two values at a corner are the same."""
N_SAMPLES = 256


def frame_of(
    conditions: Sequence[BoundaryConditions],
    periods: Mapping[str, float],
    inputs: Sequence[str],
    outputs: Sequence[str],
    unknowns: Sequence[str],
    box: Box,
) -> Frame | None:
    """The frame that builds conditions in; None where there are none.

    Args:
        conditions: Per output.
        periods: Periods of inputs, which the network then sees as a cosine and a sine.
        inputs: Names.
        outputs: Names.
        unknowns: Names of further outputs, which are passed through.
        box: Ranges in which agreement at corners is looked at.

    Raises:
        ConfigError: If values do not agree at a corner, or cannot be joined.
        FormulaError: If a value cannot be read.
    """
    answers = []
    hidden = hidden_names(inputs, len(outputs) + len(unknowns))
    for name, each in zip(hidden, conditions, strict=False):
        g, omega = joined(each, inputs, box)
        answers.append(total(g, times(omega, name)))
    answers += hidden[len(outputs) :]
    if not periods and all(each.nothing for each in conditions):
        return None
    features: list[str] = []
    if periods:
        for name in inputs:
            features += features_of(name, periods.get(name))
    ranges = tuple(box[name] for name in inputs)
    return Frame(tuple(inputs), tuple(features), (*outputs, *unknowns), tuple(answers), ranges)


def features_of(name: str, period: float | None) -> list[str]:
    """Inputs of the network for a raw input."""
    if period is None:
        return [name]
    angle = f"{name}*{number(2 * math.pi / period)}"
    return [f"cos({angle})", f"sin({angle})"]


def joined(
    conditions: BoundaryConditions, inputs: Sequence[str], box: Box, *, free: str | None = None
) -> tuple[str, str]:
    """The texts of g and ω; with `free`, ω need not vanish at the faces of that input.

    Raises:
        ConfigError: If values do not agree at a corner, or cannot be joined.
        FormulaError: If a value cannot be read.
    """
    if conditions.nothing:
        return ZERO, "1"
    points = sample(box, inputs)
    common = _common(conditions, inputs, points)
    if common is not None:
        vanishing = [_vanishing(name, sides) for name, sides in conditions.sides.items() if name != free]
        return common, times(*vanishing, *(each.region.formula() for each in conditions.edges))
    g, factors = _of_edges(conditions)
    # A rate needs the slope of what is there already: it comes before all other faces.
    order = sorted(conditions.sides, key=lambda name: conditions.sides[name].faces[0].rate is None)
    for name in order:
        g = _corrected(g, name, conditions.sides[name], inputs, points)
        if name != free:
            factors.append(_vanishing(name, conditions.sides[name]))
    _check_corners(g, conditions, inputs, points, box)
    return g, times(*factors)


def sample(box: Box, inputs: Sequence[str], count: int = N_SAMPLES) -> Tensor:
    """Points all over the box, the same every time, `(count, inputs)`."""
    return sobol(count, [box[name] for name in inputs], 0)


def _common(conditions: BoundaryConditions, inputs: Sequence[str], points: Tensor) -> str | None:
    """The formula that gives all values, if it is one, without rates, and finite inside: it is g as it stands."""
    faces = [face for sides in conditions.sides.values() for face in sides.faces]
    values = {face.value for face in faces} | {edge.value for edge in conditions.edges}
    if len(values) > 1 or any(face.rate is not None for face in faces):
        return None
    (text,) = values
    return text if bool(Expression(text, tuple(inputs)).of(points).isfinite().all()) else None


def _of_edges(conditions: BoundaryConditions) -> tuple[str, list[str]]:
    """The part of g from regions alone, and their distance functions."""
    edges = conditions.edges
    distances = [each.region.formula() for each in edges]
    if not edges:
        return ZERO, []
    if len({each.value for each in edges}) == 1:
        return edges[0].value, distances
    shares = [times(*(f"({d})**2" for d in distances[:n] + distances[n + 1 :])) for n in range(len(edges))]
    above = total(*(times(each.value, share) for each, share in zip(edges, shares, strict=True)))
    return f"{above}/({total(*shares)})", distances


def _corrected(g: str, name: str, sides: Sides, inputs: Sequence[str], points: Tensor) -> str:
    """The text of g with what is missing at the faces of one input."""
    missing = []
    for face in sides.faces:
        there = {name: face.at}
        gap = minus(restricted(face.value, there), restricted(g, there))
        nothing = gap == ZERO or bool(Expression(gap, tuple(inputs)).of(points).abs().max() <= ROUNDING_TOLERANCE)
        missing.append(ZERO if nothing else gap)
    first = sides.faces[0]
    if len(missing) == 2:
        a, b = (face.at for face in sides.faces)
        left, right = times(before(name, b), missing[0]), times(beyond(name, a), missing[1])
        both = total(left, right)
        return g if both == ZERO else total(g, both if b - a == 1 else f"{_in_parentheses(both)}/{number(b - a)}")
    g = total(g, missing[0])
    if first.rate is None:
        return g
    if name in names_in(g):
        raise ConfigError(
            f"{first.source} fixes a rate in {name}, and the value on a region's boundary changes with it; make one of them "
            "soft."
        )
    rate = restricted(first.rate, {name: first.at})
    return total(g, times(beyond(name, first.at), rate))


def _in_parentheses(text: str) -> str:
    return text if text.startswith("(") and text.endswith(")") and " + " in text else f"({text})"


def _vanishing(name: str, sides: Sides) -> str:
    """A function that vanishes at the faces of one input, and is about the distance near them."""
    low = sides.faces[0]
    near = beyond(name, low.at)
    if sides.high is not None:
        length = sides.high.at - low.at
        both = f"{near}*{before(name, sides.high.at)}"
        return f"({both})" if length == 1 else f"({both}/{number(length)})"
    return near if low.rate is None else f"{near}**2"


def _check_corners(g: str, conditions: BoundaryConditions, inputs: Sequence[str], points: Tensor, box: Box) -> None:
    """Raises ConfigError where g misses a value or a rate: then two of the conditions contradict each other there."""
    sources = [(name, face.source) for name, sides in conditions.sides.items() for face in sides.faces]
    sources += [(each.source, each.source) for each in conditions.edges]
    for name, sides in conditions.sides.items():
        column = list(inputs).index(name)
        others = [source for key, source in sources if key != name]
        for face in sides.faces:
            there = points.clone()
            there[:, column] = face.at
            wanted = [((), face.value, "value")] + ([] if face.rate is None else [((column,), face.rate, "rate")])
            for monomial, text, what in wanted:
                (found,) = derivatives_of(g, inputs, there, [monomial])
                _check(found, text, what, face.source, others, inputs, there)
    for each in conditions.edges:
        there = Domain(tuple(inputs), dict(box)).edge(each.region, len(points), 0)
        others = [source for _, source in sources if source != each.source]
        _check(Expression(g, tuple(inputs)).of(there), each.value, "value", each.source, others, inputs, there)


def _check(
    found: Tensor, text: str, what: str, source: str, others: Sequence[str], inputs: Sequence[str], there: Tensor
) -> None:
    truth = Expression(text, tuple(inputs)).of(there)
    gap = (found - truth).abs()
    if bool(gap.max() <= AGREEMENT_TOLERANCE * (1 + truth.abs().max())):
        return
    worst = int(gap.nan_to_num(math.inf).argmax())
    where = ", ".join(f"{n} = {v:.3g}" for n, v in zip(inputs, there[worst].tolist(), strict=True))
    raise ConfigError(
        f"the {what} that {source} gives cannot be built in together with {' and '.join(dict.fromkeys(others)) or 'the rest'}: "
        f"they do not agree where they meet, and it would be missed by {float(gap[worst]):.2g} at {where}. Let them agree there, "
        "or make one soft with strength=Soft()."
    )


def derivatives_of(text: str, inputs: Sequence[str], x: Tensor, monomials: Sequence[Monomial]) -> list[Tensor]:
    """Derivatives of a formula at points `(B, inputs)`, `(B,)` each."""
    eye = torch.eye(x.shape[1], dtype=x.dtype)
    moved: Series = {(i,): eye[i].expand_as(x) for i in sorted({i for m in monomials for i in m})}
    series = formula_series(Expression(text, tuple(inputs)), columns_of({(): x, **moved}), divisors(monomials))
    return [derivative(series, m)[:, 0] for m in monomials]
