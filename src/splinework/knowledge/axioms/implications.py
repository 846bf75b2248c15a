"""What follows from axioms together: where a and b may be exchanged, what holds along a holds along b."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, final

from splinework.knowledge.axioms.axiom import Axiom, place
from splinework.knowledge.axioms.shapes import (
    Asymptote,
    Bounded,
    Concave,
    Convex,
    Even,
    Lipschitz,
    Monotone,
    Odd,
    Periodic,
    Positive,
)
from splinework.knowledge.axioms.strength import Hard, Strength, Verify
from splinework.knowledge.axioms.structure import Antisymmetric, Invariant, NoInteraction, Symmetric
from splinework.knowledge.axioms.values import Boundary, Initial

MOST: Final = 400
"""Most axioms that are derived; no list that a person writes comes near."""
_ONE: Final = frozenset({"input", "first", "second"})
_SEVERAL: Final = frozenset({"along", "among"})
_PAIRS: Final = frozenset({"of_inputs", "flow", "over"})
_CARRIED: Final = (
    *(Monotone, Convex, Concave, Periodic, Even, Odd, Asymptote, Lipschitz, NoInteraction, Bounded, Positive),
    *(Boundary, Initial),
)
"""What is said of some inputs, and so of others that may change places with them."""


@final
@dataclass(frozen=True)
class Derived:
    """An axiom, and which of those that were given it comes from; from itself, where it was given."""

    axiom: Axiom
    sources: tuple[Axiom, ...]


def implied(
    axioms: Sequence[Axiom], input_names: Sequence[str], output_names: Sequence[str] = ("y",)
) -> tuple[Axiom, ...]:
    """The axioms and what follows from them, with inputs and outputs by name, none twice.

    An exchange of inputs carries over what is said of one of them: with `symmetric(a, b)`, `monotone(a)` gives `monotone(b)`;
    with `antisymmetric(a, b)` it gives `monotone(b, increasing=False)`. `invariant(rotation, x, y)` gives `symmetric(x, y)` and
    that both are even. What follows is no stronger than what it follows from.

    Raises:
        ConfigError: If an axiom names an input or output that does not exist.

    Example:
        >>> [str(axiom) for axiom in implied([Monotone(0), Symmetric(("a", "b"))], ["a", "b"])]
        ["monotone('a')", "symmetric(('a', 'b'))", "monotone('b')"]
    """
    return tuple(each.axiom for each in derive(axioms, input_names, output_names))


def derive(axioms: Sequence[Axiom], input_names: Sequence[str], output_names: Sequence[str]) -> list[Derived]:
    """As `implied`, with the sources of each.

    Raises:
        ConfigError: If an axiom names an input or output that does not exist.
    """
    found: dict[Axiom, Derived] = {}
    for axiom in axioms:
        found.setdefault(
            named(axiom, input_names, output_names), Derived(named(axiom, input_names, output_names), (axiom,))
        )
    pending = list(found.values())
    while pending and len(found) < MOST:
        new = pending.pop(0)
        follows = [*_alone(new)]
        for other in list(found.values()):
            follows += [*_by_exchange(new, other), *_by_exchange(other, new)]
        for each in follows:
            if each.axiom not in found:
                found[each.axiom] = each
                pending.append(each)
    return list(found.values())


def named(axiom: Axiom, input_names: Sequence[str], output_names: Sequence[str]) -> Axiom:
    """The axiom with every input and output by its name.

    Raises:
        ConfigError: If there is no such input or output.
    """

    def name(given: Any) -> str:
        return input_names[place(given, input_names, axiom.word)]

    result = renamed(axiom, name)
    if axiom.output is not None:
        result = replace(result, output=output_names[place(axiom.output, output_names, axiom.word, "output")])
    outputs = getattr(axiom, "outputs", ())
    if outputs:
        known = [output_names[place(each, output_names, axiom.word, "output")] for each in outputs]
        changes: dict[str, Any] = {"outputs": tuple(known)}
        result = replace(result, **changes)
    return result


def renamed(axiom: Axiom, name: Callable[[Any], str]) -> Axiom:
    """The axiom with its inputs renamed; texts of formulas and regions stay, and their names are looked up only."""
    changes: dict[str, Any] = {}
    for each in fields(axiom):
        value = getattr(axiom, each.name)
        if each.name in _ONE:
            changes[each.name] = name(value)
        elif each.name in _SEVERAL:
            changes[each.name] = tuple(map(name, value))
        elif each.name in _PAIRS and value is not None:
            changes[each.name] = tuple((name(key), rest) for key, rest in value)
        elif (each.name == "domain" and not isinstance(value, str)) or (
            each.name == "face" and isinstance(value, tuple)
        ):
            changes[each.name] = tuple((name(key), ends) for key, ends in value)
        elif each.name == "groups":
            changes[each.name] = tuple(tuple(map(name, group)) for group in value)
        elif each.name == "acts_on" and isinstance(axiom, Invariant):
            vectors = tuple(tuple(map(name, vector)) for vector in axiom.vectors)
            changes[each.name] = vectors if len(vectors) > 1 else vectors[0]
        elif each.name == "face":
            for part in value.inputs:
                name(part)
    return replace(axiom, **changes)


def _alone(given: Derived) -> list[Derived]:
    """What one axiom says in other words."""
    axiom = given.axiom
    if not isinstance(axiom, Invariant):
        return []
    options: dict[str, Any] = {"strength": axiom.strength, "domain": axiom.domain, "output": axiom.output}
    vectors = axiom.vectors
    follows: list[Axiom] = []
    if len(vectors) == 1 and (axiom.group == "rotation" or (axiom.group == "sign" and len(vectors[0]) == 1)):
        follows += [Even(name, **options) for name in vectors[0]]
    if len(vectors) == 1 and axiom.group == "rotation":
        follows.append(Symmetric(vectors[0], **options))
    return [Derived(each, given.sources) for each in follows]


def _by_exchange(exchange: Derived, given: Derived) -> list[Derived]:
    """What an exchange of inputs makes of another axiom."""
    swap, axiom = exchange.axiom, given.axiom
    if not isinstance(swap, (Symmetric, Antisymmetric)) or swap.domain not in ("grid", "all"):
        return []
    if swap.output is not None and axiom.output != swap.output:
        return []
    changed = axiom if isinstance(swap, Symmetric) else _negated(axiom)
    if changed is None:
        return []
    strength = _weaker(swap.strength, axiom.strength)
    sources = tuple(dict.fromkeys((*given.sources, *exchange.sources)))
    if not isinstance(axiom, _CARRIED) or not _plain(axiom):
        return []
    ranges = () if isinstance(axiom.domain, str) else axiom.domain
    names = {*axiom.inputs, *(name for name, _ in ranges)}
    among = [str(name) for name in swap.among]
    # What names none of the inputs that change places holds after the exchange as it is.
    pairs = [(here, there) for here in among for there in among if here != there and here in names] or [("", "")]
    result = []
    for here, there in pairs:
        places = {here: there, there: here}
        moved = renamed(changed, lambda name, to=places: to.get(name, name))  # type: ignore[misc]
        result.append(Derived(replace(moved, strength=strength), sources))
    return [each for each in result if not _says(axiom, each.axiom)]


def _says(axiom: Axiom, other: Axiom) -> bool:
    """Whether the second says what the first does, but for its strength and the order of names."""
    if isinstance(axiom, NoInteraction) and isinstance(other, NoInteraction):
        return {axiom.first, axiom.second} == {other.first, other.second}
    if isinstance(axiom, Lipschitz) and isinstance(other, Lipschitz) and set(axiom.along) == set(other.along):
        return axiom.constant == other.constant
    # The order of ranges does not matter.
    ordered = [
        each.domain if isinstance(each.domain, str) else tuple(sorted(each.domain, key=str)) for each in (axiom, other)
    ]
    return ordered[0] == ordered[1] and replace(other, strength=axiom.strength, domain=axiom.domain) == axiom


def _plain(axiom: Axiom) -> bool:
    """Whether no formula and no region in it names inputs."""
    if isinstance(axiom, Boundary):
        return isinstance(axiom.face, tuple) and not isinstance(axiom.value, str)
    return not (isinstance(axiom, Initial) and (isinstance(axiom.value, str) or isinstance(axiom.rate, str)))


def _negated(axiom: Axiom) -> Axiom | None:
    """What holds for -f where the axiom holds for f; None where nothing is known."""
    options: Mapping[str, Any] = {"strength": axiom.strength, "domain": axiom.domain, "output": axiom.output}
    if isinstance(axiom, Monotone):
        return replace(axiom, increasing=not axiom.increasing)
    if isinstance(axiom, (Convex, Concave)):
        return (Concave if isinstance(axiom, Convex) else Convex)(axiom.input, **options)
    if isinstance(axiom, Positive):
        return Bounded(upper=0.0, **options)
    if isinstance(axiom, Bounded):
        low, high = axiom.lower, axiom.upper
        return replace(axiom, lower=None if high is None else -high, upper=None if low is None else -low)
    if isinstance(axiom, Asymptote):
        return replace(axiom, value=-axiom.value)
    if isinstance(axiom, (Boundary, Initial)):
        if not _plain(axiom):
            return None
        changed = replace(axiom, value=-float(axiom.value))
        if isinstance(changed, Initial) and changed.rate is not None:
            changed = replace(changed, rate=-float(changed.rate))
        return changed
    return axiom if isinstance(axiom, (Periodic, Even, Odd, Lipschitz, NoInteraction)) else None


def _weaker(first: Strength, second: Strength) -> Strength:
    if isinstance(first, Verify) or isinstance(second, Hard):
        return first
    return second
