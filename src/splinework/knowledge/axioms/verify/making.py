"""What makers of claims share: tolerances, the box, and the outputs that are meant."""

from collections.abc import Callable
from typing import Any, Final

from splinework.knowledge.axioms.axiom import Axiom
from splinework.knowledge.axioms.verify.claim import Along, Asker, Claim, Define
from splinework.knowledge.axioms.verify.subject import Subject, box_of

INEQUALITY: Final = 1e-9
"""Share of the output's spread by which an inequality may fail and yet count as proved, for values."""
SLOPE: Final = 1e-6
"""The same for derivatives: of the spread per width of the box."""
EQUALITY: Final = 1e-6
"""The same for equations."""


def claim(axiom: Axiom, subject: Subject, text: str, define: Callable[[Asker], Any], **more: Any) -> Claim:
    """A claim on the box of an axiom."""
    lo, hi = box_of(axiom, subject)
    return Claim(text, subject.inputs, lo, hi, define, len(subject.inputs), **more)


def each(axiom: Axiom, subject: Subject) -> list[tuple[int, str, float]]:
    """Outputs by number and name, each with its spread."""
    return [(j, subject.outputs[j], float(subject.spread[j])) for j in subject.outputs_of(axiom)]


def output(j: int, along: Along = ()) -> Define:
    """An output, or a derivative of it."""
    return lambda ask: ask.partial(j, along)


def fixed(value: float) -> Define:
    """A number."""
    return lambda ask: ask.number(value)


def equal(left: Define, right: Define) -> Define:
    """Not negative where both are equal: `-|left - right|`."""
    return lambda ask: ask.off(left(ask), right(ask))


def above(greater: Define, less: Define) -> Define:
    """Not negative where the first is not less than the second."""
    return lambda ask: ask.do("sub", greater(ask), less(ask))
