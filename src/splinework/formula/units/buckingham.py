"""Buckingham's π theorem: a law between dimensional quantities is one between dimensionless groups.

With D the matrix of the inputs' exponents (base units × inputs) and u those of the target, `D p = u` gives a product of powers
with the target's dimension, and the integer null space of D the groups: `y = Π x_i^{p_i} · f(groups)`. All in rationals.

Reference: Buckingham, "On physically similar systems", Physical Review 4 (1914) 345.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, final

from splinework.errors import DataError
from splinework.formula.units.dimensions import Dimension, base_units, product

_MAX_CHOICES: Final = 5000
"""Number of sets of inputs up to which all are tried; beyond, elimination uses the first inputs."""
_MAX_COMBINED_GROUPS: Final = 7
"""Number of groups up to which all small combinations are searched for simpler ones; beyond, only pairs."""
_MAX_PAIRED_GROUPS: Final = 30
"""Number of groups up to which pairs are combined."""

Powers = dict[str, Fraction]


@final
@dataclass(frozen=True)
class Balance:
    """The dimensional analysis of a target.

    Attributes:
        power: Exponents of the inputs in a product with the target's dimension; zeros are omitted.
        groups: Integer exponents of the inputs in each dimensionless group; the groups generate all others.
    """

    power: Mapping[str, Fraction]
    groups: tuple[Mapping[str, int], ...]


def power_text(powers: Mapping[str, Any]) -> str:
    """A product of powers as a formula, `m*v**2` or `length**(1/2)/g**(1/2)`; `1` where it has no factor."""

    def factor(name: str, power: Fraction) -> str:
        size = abs(power)
        return name if size == 1 else f"{name}**{size}" if size.denominator == 1 else f"{name}**({size})"

    fractions = {name: Fraction(power) for name, power in powers.items() if Fraction(power) != 0}
    above = "*".join(factor(name, power) for name, power in fractions.items() if power > 0) or "1"
    below = [factor(name, power) for name, power in fractions.items() if power < 0]
    return above + "".join(f"/{text}" for text in below)


def balance(dimensions: Mapping[str, Dimension], target: Dimension, *, name: str = "y") -> Balance:
    """The simplest product of inputs with the target's dimension, and the simplest groups.

    Args:
        dimensions: Dimension of every input.
        target: Dimension of the target.
        name: Name of the target, for messages.

    Returns:
        The product and the groups with few inputs and small exponents; the number of groups is that of the inputs minus the rank
        of their dimensions.

    Raises:
        DataError: If no product has the target's dimension; the message names the missing unit and the inputs that have it.

    Example:
        >>> from splinework.formula.units.parsing import parse_units
        >>> pendulum = balance(parse_units("length=m,g=m/s^2,mass=kg"), parse_units("T=s")["T"])
        >>> {name: str(power) for name, power in pendulum.power.items()}, pendulum.groups
        ({'length': '1/2', 'g': '-1/2'}, ())
    """
    power = _simplest_product(dimensions, target)
    if power is None:
        raise DataError(_missing(dimensions, target, name))
    return Balance(power, _groups(dimensions))


def _simplest_product(dimensions: Mapping[str, Dimension], target: Dimension) -> Powers | None:
    """The cheapest product of independent inputs; ties go to earlier inputs."""
    if target.pure:
        return {}
    found: list[tuple[int, Powers]] = []
    for inputs in _choices(dimensions):
        powers = _solved(dimensions, inputs, target)
        if powers is not None:
            found.append((_cost(powers), powers))
    return min(found, key=lambda pair: pair[0])[1] if found else None


def _choices(dimensions: Mapping[str, Dimension]) -> Iterator[tuple[str, ...]]:
    """Sets of inputs to try; one input represents all of its dimension."""
    first: dict[Dimension, str] = {}
    for name, dimension in dimensions.items():
        if not dimension.pure:
            first.setdefault(dimension, name)
    names = tuple(first.values())
    most = len(base_units(first))
    for size in range(1, min(most, len(names)) + 1):
        if math.comb(len(names), size) > _MAX_CHOICES:
            yield names
            return
        yield from itertools.combinations(names, size)


def _solved(dimensions: Mapping[str, Dimension], inputs: Sequence[str], target: Dimension) -> Powers | None:
    """Exponents of these inputs in a product with the target's dimension, free ones 0; None if there are none."""
    units = base_units([*(dimensions[name] for name in inputs), target])
    rows = [[*(dimensions[name][unit] for name in inputs), target[unit]] for unit in units]
    reduced, pivots = echelon(rows)
    if len(inputs) in pivots:
        return None
    values = {inputs[column]: reduced[row][-1] for row, column in enumerate(pivots)}
    return {name: value for name, value in values.items() if value != 0}


def _cost(powers: Mapping[str, Any]) -> int:
    """Complexity: a node for every input, plus the size of its exponent."""
    return sum(abs(Fraction(p).numerator) + Fraction(p).denominator for p in powers.values())


def _groups(dimensions: Mapping[str, Dimension]) -> tuple[dict[str, int], ...]:
    """A basis of simple vectors of the lattice of dimensionless integer exponents.

    Pure numbers and ratios of inputs of equal dimension are groups; the others involve one input of each dimension.
    """
    first: dict[Dimension, str] = {}
    simple: list[dict[str, int]] = []
    for name, dimension in dimensions.items():
        if dimension.pure:
            simple.append({name: 1})
        elif dimension in first:
            simple.append({first[dimension]: 1, name: -1})
        else:
            first[dimension] = name
    names = list(first.values())
    basis = _kernel({name: dimension for dimension, name in first.items()})
    chosen: list[list[int]] = []
    weights: list[tuple[int, ...]] = []
    for weight, vector in sorted(_combinations(basis), key=lambda pair: _order(names, pair[1])):
        if len(chosen) == len(basis):
            break
        if _primitive([*weights, weight]):
            weights.append(weight)
            chosen.append(vector)
    rest = [{name: power for name, power in zip(names, vector, strict=True) if power} for vector in chosen]
    return tuple(sorted([*simple, *rest], key=_cost))


def _kernel(dimensions: Mapping[str, Dimension]) -> list[list[int]]:
    """Short integer vectors that span the kernel of D over the integers, by LLL reduction.

    The rows `(e_i, w D_i)` span a lattice whose short vectors, for a large weight w, vanish in the second part.
    """
    from sympy import ZZ
    from sympy.polys.matrices import DomainMatrix

    names, units = list(dimensions), base_units(dimensions.values())
    if not names:
        return []
    scale = math.lcm(*(power.denominator for d in dimensions.values() for _, power in d.exponents))
    largest = max((abs(power * scale) for d in dimensions.values() for _, power in d.exponents), default=1)
    weight = scale * int(largest + 2) ** (len(units) + 1) * 4 ** len(names)
    rows = [
        [*(int(i == j) for j in range(len(names))), *(int(dimensions[name][unit] * weight) for unit in units)]
        for i, name in enumerate(names)
    ]
    shape = (len(rows), len(rows[0]))
    reduced = DomainMatrix([[ZZ(value) for value in row] for row in rows], shape, ZZ).lll().to_list()
    return [[int(v) for v in row[: len(names)]] for row in reduced if not any(row[len(names) :])]


def _combinations(basis: list[list[int]]) -> Iterator[tuple[tuple[int, ...], list[int]]]:
    """Small integer combinations of the basis, up to sign: weights and vectors."""
    count = len(basis)
    if count <= _MAX_COMBINED_GROUPS:
        reach = 2 if count <= 4 else 1
        weights: Iterator[tuple[int, ...]] = itertools.product(range(-reach, reach + 1), repeat=count)
    elif count <= _MAX_PAIRED_GROUPS:
        weights = _pairs(count)
    else:
        weights = (tuple(int(n == i) for n in range(count)) for i in range(count))
    for weight in weights:
        if next((w for w in weight if w), -1) > 0:
            yield weight, [sum(w * row[j] for w, row in zip(weight, basis, strict=True)) for j in range(len(basis[0]))]


def _pairs(count: int) -> Iterator[tuple[int, ...]]:
    for i, j in itertools.combinations_with_replacement(range(count), 2):
        for sign in (1, -1):
            yield tuple(int(n == i) + (sign * int(n == j) if i != j else 0) for n in range(count))


def _order(names: Sequence[str], vector: list[int]) -> tuple[int, tuple[int, ...]]:
    """Sort key by complexity, then by input order; normalises the sign to mostly positive exponents."""
    if (sum(vector), next((v for v in vector if v), 0)) < (0, 0):
        vector[:] = [-v for v in vector]
    occurring = tuple(i for i, v in enumerate(vector) if v)
    return _cost(dict(zip(names, vector, strict=True))) - (len(vector) - len(occurring)), occurring


def _primitive(rows: list[tuple[int, ...]]) -> bool:
    """Whether integer vectors extend to a basis of the integer lattice: the gcd of their maximal minors is 1.

    Computed by Euclid's algorithm on columns, which gives a triangular form with that gcd as the product of its diagonal.
    """
    columns = [list(column) for column in zip(*rows, strict=True)]
    for at in range(len(rows)):
        while True:
            rest = [column for column in columns[at:] if column[at]]
            if not rest:
                return False
            least = min(rest, key=lambda column: abs(column[at]))
            if len(rest) == 1:
                break
            for column in rest:
                if column is not least:
                    ratio = column[at] // least[at]
                    column[:] = [c - ratio * p for c, p in zip(column, least, strict=True)]
        if abs(least[at]) != 1:
            return False
        place = next(i for i, column in enumerate(columns) if column is least)
        columns[at], columns[place] = columns[place], columns[at]
    return True


def echelon(rows: Sequence[Sequence[Fraction]]) -> tuple[list[list[Fraction]], list[int]]:
    """The reduced row echelon form without its zero rows, and the columns of its pivots."""
    matrix, pivots = [list(row) for row in rows], list[int]()
    for column in range(len(matrix[0]) if matrix else 0):
        at = len(pivots)
        source = next((i for i in range(at, len(matrix)) if matrix[i][column] != 0), None)
        if source is None:
            continue
        matrix[at], matrix[source] = matrix[source], matrix[at]
        lead = matrix[at][column]
        matrix[at] = [value / lead for value in matrix[at]]
        for i, row in enumerate(matrix):
            if i != at and row[column] != 0:
                factor = row[column]
                matrix[i] = [value - factor * p for value, p in zip(row, matrix[at], strict=True)]
        pivots.append(column)
    return matrix[: len(pivots)], pivots


def _missing(dimensions: Mapping[str, Dimension], target: Dimension, name: str) -> str:
    """The error message: the missing unit, and the inputs that have it."""
    listing = ", ".join(f"{column} ({dimension})" for column, dimension in dimensions.items()) or "no inputs"
    powers, unit = _nearest(dimensions, target)
    lack = target / product(dimensions, powers)
    best = power_text(powers) if powers else ""
    short = f"{best} misses {lack}" if best else f"{unit} cannot be made"
    holders = [column for column, dimension in dimensions.items() if dimension[unit] != 0]
    verb = "have" if len(holders) > 1 else "has"
    together = f"{', '.join(holders)} {verb} {unit}, but only together with other units"
    where = together if holders else f"no input has {unit}"
    return (
        f"no product of powers of {listing} has the unit of {name} ({target}): {short}, and {where}. Check the units, add "
        f"a column or constant with {unit}, or leave the units out."
    )


def _nearest(dimensions: Mapping[str, Dimension], target: Dimension) -> tuple[Powers, str]:
    """A product that lacks as few base units as possible, and the first missing unit."""
    units = base_units([target, *dimensions.values()])
    own = [unit for unit in units if target[unit] != 0]
    ordered = own + [unit for unit in units if target[unit] == 0]
    for size in range(1, len(ordered) + 1):
        for lacking in itertools.combinations(ordered, size):
            spare = {f" {unit}": Dimension.of({unit: 1}) for unit in lacking}
            powers = _simplest_product({**dimensions, **spare}, target)
            if powers is not None:
                return {column: p for column, p in powers.items() if column in dimensions}, lacking[0]
    return {}, own[0]
