"""Sets of terms of fractions of polynomials, and which of them may give a target.

What a fraction p/q leaves of y is at least `σ / max |q|`, σ the least singular value of the terms of `p - y q`, columns of unit
length: with fewer terms σ is no less, so that the largest sets speak for all. The bound is our own; no paper describes it.
"""

import itertools
import math

import numpy as np

from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.screening.surrogate import Exponents, exponents_up_to

MAX_FRACTION_TERMS = {1: 16, 2: 45, 3: 75}
"""Number of columns → most terms of a fraction before elimination, numerator and denominator together."""
MAX_ROUNDING = 1e-13
"""Least singular value of columns of unit length up to which rounding may be all of it."""

TermSets = list[tuple[Exponents, Exponents]]


def fraction_sets(d: int, rows: int, degree: int) -> TermSets:
    """Pairs of terms of the numerator and the denominator up to total degrees below `degree`, fewest terms first."""
    most = min(MAX_FRACTION_TERMS[d], rows // 3)
    found = []
    for m, n in itertools.product(range(degree), range(1, degree)):
        count = math.comb(d + m, d) + math.comb(d + n, d)
        if count <= most:
            found.append((count, n, exponents_up_to(d, m), exponents_up_to(d, n)))
    return [(above, below) for _, _, above, below in sorted(found, key=lambda entry: entry[:2])]


def possible_sets(sets: TermSets, monomials: Array, y: Array, root: Array, floor: float) -> TermSets:
    """The sets of terms of which a fraction may leave no more than a residual sum of squares.

    Args:
        sets: Pairs of terms, each of those of smaller degree a beginning of the others.
        monomials: The values of all terms of numerators and denominators, in their order, `(N, terms)`.
        y: Target `(N,)`.
        root: Roots of the weights of squared errors, `(N,)`.
        floor: The residual sum of squares.
    """
    counts = [(len(above), len(below)) for above, below in sets]
    left: list[tuple[int, int]] = []
    for m, k in counts:
        if any((m, k) != other and m <= other[0] and k <= other[1] for other in counts):
            continue
        both = np.hstack([monomials[:, :m], -y[:, None] * monomials[:, :k]]) * root[:, None]
        lengths = np.maximum(np.linalg.norm(both, axis=0), 1e-300)
        least = np.linalg.svd(np.linalg.qr(both / lengths, mode="r"), compute_uv=False)[-1]
        largest = np.linalg.norm(np.abs(monomials[:, :k]).max(0) / lengths[m:])
        if least <= MAX_ROUNDING + math.sqrt(floor) * largest:
            left.append((m, k))
    return [each for each, (m, k) in zip(sets, counts, strict=True) if any(m <= a and k <= b for a, b in left)]
