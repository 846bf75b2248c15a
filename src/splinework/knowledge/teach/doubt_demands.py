"""What an axiom demands of a function, as linear equations or inequalities in its values at some points."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor

from splinework.knowledge.axioms import (
    Additive,
    Antisymmetric,
    Axiom,
    Boundary,
    Bounded,
    Concave,
    Convex,
    Even,
    Initial,
    Integral,
    Invariant,
    Lipschitz,
    Monotone,
    NoInteraction,
    Odd,
    Periodic,
    Positive,
    Symmetric,
    Through,
    Units,
)
from splinework.knowledge.axioms.setting import Setting
from splinework.knowledge.axioms.terms import penalty_of

Function = Callable[[Tensor], Tensor]
"""Points `(N, I)` to the values of several functions there, `(N, k)`."""
CUTS = 16
"""Steps along an input in which slopes and bends are looked at."""
PLACES = 6
"""Rows whose other inputs they are looked at with."""


@final
@dataclass(frozen=True, eq=False)
class Demand:
    """`values(f) + offset = 0`, or `≥ 0`.

    Attributes:
        values: Takes functions, and how many they are, to a linear functional of each, `(M, k)`.
        offset: `(M,)`.
        equal: Whether they are equations.
    """

    values: Callable[[Function, int], Tensor]
    offset: Tensor
    equal: bool


def demands(axiom: Axiom, setting: Setting, column: int = 0) -> list[Demand]:
    """What an axiom demands of one output within the box of the rows; nothing where nothing in it can speak against it.

    Args:
        axiom: The axiom.
        setting: Names, box and rows.
        column: Which of the values of `through` are meant.
    """
    if isinstance(axiom, Monotone):
        return [_slopes(axiom.input, axiom, setting, 1.0 if axiom.increasing else -1.0)]
    if isinstance(axiom, (Convex, Concave)):
        return [_bends(axiom, setting)]
    if isinstance(axiom, (Bounded, Positive)):
        return _bounds(axiom, setting)
    if isinstance(axiom, Lipschitz):
        along = axiom.along or range(len(setting.input_names))
        return [_slopes(name, axiom, setting, sign, axiom.constant) for name in along for sign in (1.0, -1.0)]
    if isinstance(axiom, NoInteraction):
        return [_mixed(axiom, setting)]
    if isinstance(axiom, Through):
        points, wanted = (torch.tensor(each, dtype=torch.float64) for each in (axiom.points, axiom.values))
        return [Demand(lambda f, _: f(points), -wanted[:, column], True)]
    if isinstance(axiom, Initial):
        return [_translated(replace(axiom, rate=None), setting)]
    if isinstance(axiom, (Even, Odd)) and not _overlaps(axiom, setting):
        return []
    if isinstance(axiom, Periodic) and float(setting.width[setting.input(axiom.input, axiom)]) < 1.1 * axiom.period:
        return []
    if isinstance(
        axiom, (Even, Odd, Periodic, Symmetric, Antisymmetric, Invariant, Additive, Boundary, Integral, Units)
    ):
        return [_translated(axiom, setting)]
    return []


def _translated(axiom: Axiom, setting: Setting) -> Demand:
    """From what is a penalty, for axioms that are equations in values: it takes a basis for a model of many outputs."""

    def values(f: Function, count: int) -> Tensor:
        wide = replace(setting, output_names=("",) * count, spread=torch.ones(count, dtype=torch.float64))
        penalty = penalty_of(replace(axiom, output=None), wide)
        if penalty.data is None:
            return penalty.function(f, penalty.points)
        return penalty.function(f, penalty.points, penalty.data)

    offset = values(lambda x: torch.zeros(len(x), 1, dtype=x.dtype), 1)
    return Demand(lambda f, count: values(f, count) - offset, offset[:, 0], True)


def _overlaps(axiom: Even | Odd, setting: Setting) -> bool:
    i = setting.input(axiom.input, axiom)
    low, high = setting.box[i]
    reach = min(float(high) - axiom.centre, axiom.centre - float(low))
    return reach > 0.1 * float(high - low)


def _lines(name: object, axiom: Axiom, setting: Setting, count: int) -> Tensor:
    """Rows moved to places along an input, `(rows, count, I)`."""
    i = setting.input(name, axiom)  # type: ignore[arg-type]
    rows = setting.points
    if rows.shape[1] == 1:
        rows, count = rows[:1], 2 * count
    else:
        rows = rows[torch.linspace(0, len(rows) - 1, min(PLACES, len(rows))).long()]
    low, high = setting.box[i]
    places = torch.linspace(0, 1, count + 1, dtype=rows.dtype) * (high - low) + low
    lines = rows[:, None].repeat(1, count + 1, 1)
    lines[:, :, i] = places
    return lines


def _along(f: Function, lines: Tensor) -> Tensor:
    found: Tensor = f(lines.flatten(0, 1)).unflatten(0, lines.shape[:2])
    return found


def _slopes(name: object, axiom: Axiom, setting: Setting, sign: float, limit: float = 0.0) -> Demand:
    """`sign · slope + limit ≥ 0`, times the step."""
    lines = _lines(name, axiom, setting, CUTS)
    step = (lines[0, 1] - lines[0, 0]).sum()
    count = len(lines) * (lines.shape[1] - 1)
    return Demand(
        lambda f, _: sign * _along(f, lines).diff(dim=1).flatten(0, 1),
        (limit * step).expand(count),
        False,
    )


def _bends(axiom: Convex | Concave, setting: Setting) -> Demand:
    lines = _lines(axiom.input, axiom, setting, CUTS)
    sign = 1.0 if isinstance(axiom, Convex) else -1.0
    count = len(lines) * (lines.shape[1] - 2)
    return Demand(
        lambda f, _: sign * _along(f, lines).diff(n=2, dim=1).flatten(0, 1),
        torch.zeros(count, dtype=torch.float64),
        False,
    )


def _bounds(axiom: Bounded | Positive, setting: Setting) -> list[Demand]:
    lower, upper = (0.0, None) if isinstance(axiom, Positive) else (axiom.lower, axiom.upper)
    rows = setting.points
    rows = rows[torch.linspace(0, len(rows) - 1, min(CUTS * PLACES, len(rows))).long()]
    found = []
    for bound, sign in ((lower, 1.0), (upper, -1.0)):
        if bound is not None:
            offset = torch.full((len(rows),), -sign * bound, dtype=torch.float64)
            found.append(Demand(lambda f, _, sign=sign: sign * f(rows), offset, False))  # type: ignore[misc]
    return found


def _mixed(axiom: NoInteraction, setting: Setting) -> Demand:
    """`f(a, b) - f(a, b') - f(a', b) + f(a', b')` for the rows, in turn with each other."""
    i, j = setting.input(axiom.first, axiom), setting.input(axiom.second, axiom)
    rows = setting.points
    other = rows[torch.randperm(len(rows), generator=setting.generator)]
    first, second, both = rows.clone(), rows.clone(), rows.clone()
    first[:, i], second[:, j] = other[:, i], other[:, j]
    both[:, [i, j]] = other[:, [i, j]]
    return Demand(
        lambda f, _: f(rows) - f(first) - f(second) + f(both), torch.zeros(len(rows), dtype=torch.float64), True
    )
