"""Implied axioms: if a and b may be exchanged, a property along a also holds along b."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, final

from splinework.errors.foreign import explained
from splinework.knowledge.axioms.axiom import Axiom, place
from splinework.knowledge.axioms.facts import ExchangeSymmetry, facts_of
from splinework.knowledge.axioms.strength import Hard, Strength, Verify

MAX_DERIVED: Final = 400
"""The maximum number of derived axioms; lists written by hand stay far below."""


@final
@dataclass(frozen=True)
class Derived:
    """An axiom and the given axioms from which it follows; a given axiom follows from itself."""

    axiom: Axiom
    sources: tuple[Axiom, ...]


@explained
def implied(
    axioms: Sequence[Axiom], input_names: Sequence[str], output_names: Sequence[str] = ("y",)
) -> tuple[Axiom, ...]:
    """The axioms and those that follow from them, with inputs and outputs by name, without duplicates.

    An exchange of inputs transfers properties between them: with `symmetric(a, b)`, `monotone(a)` implies `monotone(b)`; with
    `antisymmetric(a, b)` it implies `monotone(b, increasing=False)`. `invariant(rotation, x, y)` implies `symmetric(x, y)`,
    `even(x)` and `even(y)`. An implied axiom is as strong as the weakest axiom that it follows from.

    Args:
        axioms: The axioms.
        input_names: Names of the inputs.
        output_names: Names of the outputs.

    Returns:
        The given axioms, then the implied ones.

    Raises:
        ConfigError: If an axiom names an input or output that does not exist.

    Example:
        >>> from splinework.knowledge.axioms import axioms_of
        >>> [str(axiom) for axiom in implied(axioms_of(["monotone(0)", "symmetric(a, b)"]), ["a", "b"])]
        ["monotone('a')", "symmetric(('a', 'b'))", "monotone('b')"]
    """
    return tuple(each.axiom for each in derive(axioms, input_names, output_names))


def derive(axioms: Sequence[Axiom], input_names: Sequence[str], output_names: Sequence[str]) -> list[Derived]:
    """Like `implied`, with the sources of each axiom."""
    found: dict[Axiom, Derived] = {}
    for axiom in axioms:
        found.setdefault(
            named(axiom, input_names, output_names), Derived(named(axiom, input_names, output_names), (axiom,))
        )
    pending = list(found.values())
    while pending and len(found) < MAX_DERIVED:
        new = pending.pop(0)
        follows = [Derived(axiom, new.sources) for axiom in new.axiom.follows()]
        for other in list(found.values()):
            follows += [*_by_exchange(new, other), *_by_exchange(other, new)]
        for each in follows:
            if each.axiom not in found:
                found[each.axiom] = each
                pending.append(each)
    return list(found.values())


def named(axiom: Axiom, input_names: Sequence[str], output_names: Sequence[str]) -> Axiom:
    """The axiom with every input and output given by name; raises ConfigError if one does not exist."""

    def name(given: Any) -> str:
        return input_names[place(given, input_names, axiom.word)]

    result = axiom.renamed(name)
    if axiom.output is not None:
        result = replace(result, output=output_names[place(axiom.output, output_names, axiom.word, "output")])
    outputs = getattr(axiom, "outputs", ())
    if outputs:
        known = [output_names[place(each, output_names, axiom.word, "output")] for each in outputs]
        changes: dict[str, Any] = {"outputs": tuple(known)}
        result = replace(result, **changes)
    return result


def _by_exchange(exchange: Derived, given: Derived) -> list[Derived]:
    """The axioms that another axiom becomes under an exchange of inputs."""
    swap, axiom = exchange.axiom, given.axiom
    if swap.domain not in ("grid", "all") or (swap.output is not None and axiom.output != swap.output):
        return []
    sources = tuple(dict.fromkeys((*given.sources, *exchange.sources)))
    strength = _weaker(swap.strength, axiom.strength)
    ranges = () if isinstance(axiom.domain, str) else axiom.domain
    names = {*axiom.inputs, *(name for name, _ in ranges)}
    result = []
    for fact in facts_of([swap], ExchangeSymmetry):
        changed = axiom.times(fact.sign)
        if changed is None:
            continue
        among = [str(name) for name in fact.among]
        # An axiom that names none of the exchanged inputs holds unchanged.
        pairs = [(here, there) for here in among for there in among if here != there and here in names] or [("", "")]
        for here, there in pairs:
            places = {here: there, there: here}
            moved = changed.renamed(lambda name, to=places: to.get(name, name))  # type: ignore[misc]
            result.append(Derived(replace(moved, strength=strength), sources))
    return [each for each in result if not _says(axiom, each.axiom)]


def _says(axiom: Axiom, other: Axiom) -> bool:
    """Whether two axioms are the same apart from strength and the order of names."""
    one, two = axiom.canonical(), other.canonical()
    return one.domain == two.domain and replace(two, strength=one.strength) == one


def _weaker(first: Strength, second: Strength) -> Strength:
    if isinstance(first, Verify) or isinstance(second, Hard):
        return first
    return second
