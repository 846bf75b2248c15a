"""The families of targets: each is a rule, in its docstring, that draws a function of given columns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.panel import curves
from benchmarks.panel.expressions import Draws, Expression, balanced, column, linear, product, rounded, total


@dataclass(frozen=True)
class Family:
    """A rule.

    Attributes:
        name: Name on the command line and in tables.
        fewest: Least number of columns that a target of it depends on.
        most: Greatest number.
        draw: Draws a function of all given columns.
    """

    name: str
    fewest: int
    most: int
    draw: Callable[[Draws, Sequence[int]], Expression]

    @property
    def rule(self) -> str:
        """The rule in words, in one line."""
        return " ".join((self.draw.__doc__ or "").split())


def smooth(draws: Draws, columns: Sequence[int]) -> Expression:
    """A sum of smooth curves, one a column: cubic, less than 1.5 waves, exponential, square root or logarithm."""
    return balanced(draws, [curves.smooth(draws, j) for j in columns])


def wavy(draws: Draws, columns: Sequence[int]) -> Expression:
    """One column with 1 to 30 waves (the logarithm uniform): even, chirp, fading, fading from the middle, two frequencies; the
    others add a smooth curve each or change the height of the waves.
    """
    term = curves.wave(draws, columns[0], draws.ratio(1.0, 30.0))
    if len(columns) > 1 and draws.chance(0.4):
        term = column(columns[1]).times(draws.signed(0.5, 0.9)).plus(1.0) * term
        columns = columns[1:]
    return balanced(draws, [term, *(curves.smooth(draws, j) for j in columns[1:])])


def peaked(draws: Draws, columns: Sequence[int]) -> Expression:
    """One or two narrow bumps for each group of one or two columns, width 0.03 to 0.2 in one and 0.12 to 0.4 in two; in half
    of the cases a plane beside them.
    """
    groups = draws.groups(columns, 1, 2)
    terms = [curves.bump(draws, group) for group in groups for _ in range(draws.whole(1, 2))]
    return balanced(draws, [*terms, linear(draws, columns)] if draws.chance(0.5) else terms)


def kinked(draws: Draws, columns: Sequence[int]) -> Expression:
    """A sum over groups of one or two columns of |x - b|, max(0, x - b), x held within bounds, |a·x + b| or the larger one of
    two planes.
    """
    return balanced(draws, [curves.kink(draws, group) for group in draws.groups(columns, 1, 2)])


def stepped(draws: Draws, columns: Sequence[int]) -> Expression:
    """A sum over groups of one or two columns of a step, stairs, a box, an oblique step, a corner or a chequered pattern; in
    half of the cases a plane beside them.
    """
    terms = [curves.step(draws, group) for group in draws.groups(columns, 1, 2)]
    return balanced(draws, [*terms, linear(draws, columns)] if draws.chance(0.5) else terms)


def products(draws: Draws, columns: Sequence[int]) -> Expression:
    """A sum of products of two to four columns, each as it is, shifted by up to 0.5 or squared; in half of the cases another
    product that shares columns.
    """
    groups = draws.groups(columns, 2, 3)
    if len(columns) > 2 and draws.chance(0.5):
        groups.append(draws.some(columns, 2))
    return balanced(draws, [product([_factor(draws, j) for j in group]) for group in groups])


def _factor(draws: Draws, j: int) -> Expression:
    kind = draws.choice(("plain", "plain", "shifted", "squared"))
    if kind == "shifted":
        return column(j).plus(draws.between(-0.5, 0.5))
    return column(j).into("{}²", np.square) if kind == "squared" else column(j)


def compositions(draws: Draws, columns: Sequence[int]) -> Expression:
    """A sum over groups of two to five columns of h(s): s a weighted sum, a sum of squares, a product of two plus the rest, or
    a sum of curves; h = sin, exp, tanh, sqrt(0.1 + s²), ln(1 + a·s²) or a cubic.
    """
    return balanced(draws, [_outer(draws, _inner(draws, group)) for group in draws.groups(columns, 2, 4)])


def _inner(draws: Draws, columns: list[int]) -> Expression:
    kind = draws.choice(("linear", "squares", "product", "curves"))
    if kind == "squares":
        return total([column(j).into("{}²", np.square).times(draws.signed(0.5, 1.0)) for j in columns])
    if kind == "product":
        pair = column(columns[0]) * column(columns[1])
        return pair + linear(draws, columns[2:]) if len(columns) > 2 else pair
    if kind == "curves":
        return balanced(draws, [curves.smooth(draws, j) for j in columns])
    return linear(draws, columns)


def _outer(draws: Draws, inner: Expression) -> Expression:
    kind = draws.choice(("sin", "exp", "tanh", "sqrt", "ln", "cubic"))
    a = draws.between(1.0, 4.0)
    if kind == "sin":
        return inner.times(a).plus(draws.between(-1.5, 1.5)).into("sin({})", np.sin)
    if kind == "exp":
        return inner.times(rounded(a / 3)).into("exp({})", np.exp)
    if kind == "tanh":
        return inner.times(a).into("tanh({})", np.tanh)
    if kind == "sqrt":
        return inner.into("(0.1 + {}²)^0.5", lambda s: np.sqrt(0.1 + s**2))
    if kind == "ln":
        return inner.into(f"ln(1 + {a:g}·{{}}²)", lambda s: np.log1p(a * s**2))
    b = draws.signed(0.2, 1.0)
    return inner.into(f"({{}}³ + {b:g}·{{}})", lambda s: s**3 + b * s)


def rational(draws: Draws, columns: Sequence[int]) -> Expression:
    """A sum over groups of one to four columns of p/q: p a plane or a product of other columns, or 1 + a·x; q = c + a sum of
    a·x² or c + (x + 1), c from 0.15 to 1, so that there is no pole.
    """
    return balanced(draws, [_ratio(draws, group) for group in draws.groups(columns, 1, 4)])


def _ratio(draws: Draws, columns: list[int]) -> Expression:
    below = columns if len(columns) == 1 else columns[: draws.whole(1, len(columns) - 1)]
    above = columns[len(below) :]
    c = draws.ratio(0.15, 1.0)
    if len(below) == 1 and draws.chance(0.4):
        denominator = column(below[0]).plus(rounded(1.0 + c))
    else:
        denominator = total([column(j).into("{}²", np.square).times(draws.between(0.5, 2.0)) for j in below]).plus(c)
    if not above:
        numerator = column(below[0]).times(draws.signed(0.3, 1.0)).plus(1.0)
    elif len(above) > 1 and draws.chance(0.6):
        numerator = product([column(j) for j in above])
    else:
        numerator = linear(draws, above)
    return numerator / denominator


def saturating(draws: Draws, columns: Sequence[int]) -> Expression:
    """A sum over groups of one or two columns of a curve that rises and levels off (t/(K + t), 1 - exp, Hill, tanh, ln), or of
    the product of two of them; monotone in each column.
    """
    groups = draws.groups(columns, 1, 2)
    return balanced(draws, [product([curves.rising(draws, j) for j in group]) for group in groups])


def mixed(draws: Draws, columns: Sequence[int]) -> Expression:
    """A sum of two to four functions of groups of one to five columns, of families above: no family twice in a row, no column in
    two groups.
    """
    groups: list[list[int]] = draws.groups(columns, 2, 4)
    if len(groups) == 1:
        groups = [groups[0][:1], groups[0][1:]]
    terms, last = [], ""
    for group in groups:
        kinds = [name for name, family in _SINGLE.items() if family.fewest <= len(group) and name != last]
        last = draws.choice(kinds)
        terms.append(_SINGLE[last].draw(draws, group))
    return balanced(draws, terms)


_SINGLE = {
    family.name: family
    for family in (
        Family("smooth", 1, 8, smooth),
        Family("wavy", 1, 3, wavy),
        Family("peaked", 1, 3, peaked),
        Family("kinked", 1, 5, kinked),
        Family("stepped", 1, 4, stepped),
        Family("products", 2, 6, products),
        Family("compositions", 2, 6, compositions),
        Family("rational", 1, 5, rational),
        Family("saturating", 1, 6, saturating),
    )
}
FAMILIES = {**_SINGLE, "mixed": Family("mixed", 3, 8, mixed)}
