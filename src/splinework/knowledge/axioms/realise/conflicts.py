"""Hard axioms that cannot be built into one model together, although a function may fulfil both."""

import itertools
import math
from collections.abc import Sequence
from typing import Final

from splinework.errors import ConfigError
from splinework.knowledge.axioms.axiom import Axiom
from splinework.knowledge.axioms.facts import CurvatureSign, ValueBounds, facts_of

NOT_TOGETHER: Final = (
    (
        "ansatz",
        "link shape apart factor monomial exchange mirror group tail",
        "values at given places are imposed by an ansatz g + ω N, which the other construction breaks",
    ),
    (
        "bumps",
        "link shape apart factor ansatz exchange mirror wrap group monomial tail offset",
        "points are imposed by adding bumps to the function, which breaks the other construction",
    ),
    (
        "offset",
        "link factor ansatz monomial tail",
        "an integral is imposed by adding a constant to the function, which breaks the other construction",
    ),
    ("factor", "link shape apart monomial tail", "a change of sign is imposed by a factor"),
    ("link", "apart", "bounds are imposed by a nonlinear function of the sum, in which inputs interact"),
    ("monomial", "bounds shares steps apart tail", "the output is a product of powers times a network"),
    ("steepness", "bend wrap monomial group", "slopes and curvatures constrain different coordinates"),
    ("tail", "bend steepness", "tails are imposed by clamped inputs or a decaying factor"),
    ("shares", "shape steps", "shares are imposed by a function of all outputs"),
    ("steps", "shape bounds sign", "an order is imposed by adding positive steps"),
)
"""Constructions (`Axiom.built_by`), constructions incompatible with them, and the reason."""
NOT_ON_ONE_INPUT: Final = (
    ("wrap", "growth bend", "edges that do both everywhere are constant"),
    ("mirror", "growth", "edges that do both everywhere are constant"),
    ("tail", "wrap mirror", "an input is clamped or wrapped, not both"),
)
"""The same for axioms on one input; on different inputs they are compatible."""


def check_together(axioms: Sequence[Axiom]) -> None:
    """Raises ConfigError if two hard axioms cannot be built into one model."""
    for first, second in itertools.combinations(axioms, 2):
        for one, other in ((first, second), (second, first)):
            if _bends_back(one, other):
                raise _conflict(one, other, "the transition at that bound has the opposite curvature")
        rules = (*NOT_TOGETHER, *NOT_ON_ONE_INPUT) if set(first.inputs) & set(second.inputs) else NOT_TOGETHER
        a, b = first.built_by, second.built_by
        for *pair, why in rules:
            some, others = (set(names.split()) for names in pair)
            if (a & some and b & others) or (b & some and a & others):
                raise _conflict(first, second, why)


def _bends_back(bent: Axiom, bound: Axiom) -> bool:
    """Whether the transition at a bound has the opposite curvature of the axiom."""
    pairs = itertools.product(facts_of([bent], CurvatureSign), facts_of([bound], ValueBounds))
    return any(math.isfinite(values.high if bend.sign > 0 else values.low) for bend, values in pairs)


def _conflict(first: Axiom, second: Axiom, why: str) -> ConfigError:
    return ConfigError(
        f"{first.text()} and {second.text()} cannot both be hard: {why}. Give one of them strength=Soft() or strength=Verify()."
    )


def no_hard_form(axiom: Axiom, why: str) -> ConfigError:
    """The error for an axiom that cannot be hard at all."""
    return ConfigError(f"{axiom.text()} cannot be hard: {why}. Give it strength=Soft() or strength=Verify().")
