"""Arithmetic of truncated Taylor series in several variables t (Griewank and Walther 2008, ch. 13).

A series holds one tensor per monomial in t. The monomial `t_0² t_2` is `(0, 0, 2)`, and `()` is the value at t = 0; missing
monomials are zero. The set `wanted` of monomials contains all divisors of its members.
"""

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import combinations

import torch
from torch import Tensor

from splinework.errors.foreign import explained

Monomial = tuple[int, ...]
Series = dict[Monomial, Tensor]


def divisors(monomials: Iterable[Monomial]) -> set[Monomial]:
    """The monomials and all their divisors, which have to be propagated with them."""
    return {tuple(part) for m in monomials for n in range(len(m) + 1) for part in combinations(m, n)}


def product(a: Series, b: Series, wanted: Collection[Monomial]) -> Series:
    """Product `a · b` (Leibniz' rule)."""
    result: Series = {}
    for m, left in a.items():
        for n, right in b.items():
            if tuple(sorted(m + n)) in wanted:
                add(result, {tuple(sorted(m + n)): left * right})
    return result


@explained
def powers(u: Series, wanted: Collection[Monomial]) -> list[Series]:
    """The powers `(u - u_0)^r` for r = 1, 2, …, until they vanish by truncation.

    Args:
        u: The series.
        wanted: Monomials to keep.

    Returns:
        One series per power.

    Raises:
        RuntimeError: If shapes do not match.

    >>> len(powers({(): torch.zeros(1), (0,): torch.ones(1)}, {(), (0,), (0, 0)}))
    2
    """
    rest = {m: part for m, part in u.items() if m}
    powers = []
    power = rest
    while power:
        powers.append(power)
        power = product(power, rest, wanted)
    return powers


def compose(function: Callable[[Tensor, int], Tensor], u: Series, wanted: Collection[Monomial]) -> Series:
    """Elementwise composition `f(u)`, where `function(u_0, r)` is the r-th derivative of f."""
    result: Series = {(): function(u[()], 0)}
    for r, power in enumerate(powers(u, wanted), start=1):
        rate = function(u[()], r) / math.factorial(r)
        add(result, {m: rate * part for m, part in power.items()})
    return result


def add(total: Series, more: Series) -> None:
    """Adds to a series in place of the dictionary; the tensors are not changed in place."""
    for m, part in more.items():
        total[m] = total[m] + part if m in total else part


def columns_of(u: Series) -> list[Series]:
    """The columns of a series of matrices, `(…, 1)` each."""
    return [{m: part[..., j : j + 1] for m, part in u.items()} for j in range(u[()].shape[-1])]


def side_by_side(columns: Sequence[Series]) -> Series:
    """One series with the columns of several; missing monomials are zero."""
    monomials = list(dict.fromkeys(m for series in columns for m in series))
    return {m: torch.cat([s[m] if m in s else torch.zeros_like(s[()]) for s in columns], dim=-1) for m in monomials}


def derivative(series: Series, m: Monomial) -> Tensor:
    """The derivative for a monomial `t^α`: its coefficient times α!; zero if the monomial is missing."""
    if m not in series:
        return torch.zeros_like(series[()])
    # Not m.count(i), which older versions of torch.compile cannot trace.
    factor = math.prod([math.factorial(len([j for j in m if j == i])) for i in dict.fromkeys(m)])
    return series[m] if factor == 1 else factor * series[m]
