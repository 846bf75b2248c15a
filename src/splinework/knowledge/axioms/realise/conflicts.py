"""Which hard axioms cannot be built into one model together, although a function may fulfil both."""

import itertools
from collections.abc import Sequence

from splinework.errors import ConfigError
from splinework.knowledge.axioms.axiom import Axiom
from splinework.knowledge.axioms.shapes import Bounded, Concave, Convex, Positive

_ANSATZ = {"boundary", "initial"}
_FACTOR = {"odd", "antisymmetric"}
_LINK = {"bounded", "positive", "sum_to_one", "ordered"}
_BENT = {"convex", "concave"}
_MIRRORED = {"symmetric", "even", "periodic", "invariant"}
_SHAPE = {"monotone", "lipschitz", *_BENT}
_APART = {"no_interaction", "additive"}

TOGETHER_NOT: tuple[tuple[set[str], set[str], str], ...] = (
    (
        _ANSATZ,
        {*_LINK, *_SHAPE, *_APART, *_FACTOR, "units", "symmetric", "even", "invariant", "asymptote"},
        "values at given places are held by an ansatz g + ω N, which the other one does not survive",
    ),
    (
        {"through"},
        {*_LINK, *_SHAPE, *_APART, *_FACTOR, *_ANSATZ, *_MIRRORED, "units", "asymptote", "integral"},
        "points are met by bumps added to the function, which the other one does not survive",
    ),
    (
        {"integral"},
        {*_LINK, *_FACTOR, *_ANSATZ, "units", "asymptote"},
        "an integral is met by a constant added to the function, which the other one does not survive",
    ),
    (_FACTOR, {*_LINK, *_SHAPE, *_APART, "units", "asymptote"}, "a sign that changes is held by a factor"),
    (_LINK, _APART, "bounds are held by a bent function of the sum, in which inputs interact"),
    (
        {"units"},
        {"bounded", "sum_to_one", "ordered", *_APART, "asymptote"},
        "the output is a product of powers times a network",
    ),
    ({"lipschitz"}, {*_BENT, "periodic", "units", "invariant"}, "slopes and bends are bounds on different coordinates"),
    ({"asymptote"}, {*_BENT, "lipschitz"}, "tails are held by clamped inputs or a fading factor"),
    ({"sum_to_one"}, {*_SHAPE, "ordered"}, "shares are held by a function of all outputs"),
    ({"ordered"}, {*_SHAPE, "bounded", "positive"}, "an order is held by adding positive steps"),
)
"""Words, words, and why."""
ON_ONE_INPUT_NOT: tuple[tuple[set[str], set[str], str], ...] = (
    ({"periodic"}, {"monotone", *_BENT}, "edges that do both everywhere are constant"),
    ({"even"}, {"monotone"}, "edges that do both everywhere are constant"),
    ({"asymptote"}, {"periodic", "even"}, "an input is clamped or wrapped, not both"),
)
"""The same for axioms on one input; on two they go together."""


def check_together(axioms: Sequence[Axiom]) -> None:
    """Raises where two hard axioms cannot be built in together.

    Raises:
        ConfigError: With both, the reason and the way out.
    """
    for first, second in itertools.combinations(axioms, 2):
        for one, other in ((first, second), (second, first)):
            if _bends_back(one, other):
                raise _conflict(one, other, "a bend at that bound would bend the other way")
        rules = (*TOGETHER_NOT, *ON_ONE_INPUT_NOT) if set(first.inputs) & set(second.inputs) else TOGETHER_NOT
        for some, others, why in rules:
            a, b = first.word, second.word
            if (a in some and b in others) or (b in some and a in others):
                raise _conflict(first, second, why)


def _bends_back(bent: Axiom, bound: Axiom) -> bool:
    """Whether the bend that holds a bound is of the other sign than the axiom asks for."""
    if isinstance(bent, Convex):
        return isinstance(bound, Bounded) and bound.upper is not None
    if isinstance(bent, Concave):
        return isinstance(bound, Positive) or (isinstance(bound, Bounded) and bound.lower is not None)
    return False


def _conflict(first: Axiom, second: Axiom, why: str) -> ConfigError:
    return ConfigError(
        f"{first.text()} and {second.text()} cannot both be hard: {why}. Give one of them strength=Soft() or strength=Verify()."
    )


def no_hard_form(axiom: Axiom, why: str) -> ConfigError:
    """The error for an axiom that cannot be hard at all."""
    return ConfigError(f"{axiom.text()} cannot be hard: {why}. Give it strength=Soft() or strength=Verify().")
