"""Contradictions: axioms that no function, or only a constant one, fulfils together; found before training."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any, Final, final

from splinework.errors import ConfigError
from splinework.errors.foreign import explained
from splinework.knowledge.axioms.axiom import Axiom
from splinework.knowledge.axioms.conflict import NOTE, Conflict, ConflictContext
from splinework.knowledge.axioms.face_conflicts import FACE_RULES
from splinework.knowledge.axioms.facts import ValueBounds
from splinework.knowledge.axioms.implications import Derived, derive
from splinework.knowledge.axioms.joint_conflicts import JOINT_RULES, leaving_bounds
from splinework.knowledge.axioms.point_conflicts import POINT_RULES
from splinework.knowledge.axioms.sampling import UnitReader, box_of, read_unit
from splinework.knowledge.axioms.shape_conflicts import SHAPE_RULES
from splinework.knowledge.axioms.strength import Verify
from splinework.knowledge.axioms.value_conflicts import VALUE_RULES

PAIR_RULES: Final = {**SHAPE_RULES, **VALUE_RULES}
RULES: Final[Sequence[Mapping[Any, Any]]] = (JOINT_RULES, FACE_RULES, POINT_RULES)
_MAX_CHARACTERS: Final = 160
"""The maximum length of an axiom's text in a message."""
_MAX_LISTED: Final = 5
"""The maximum number of contradictions in one error message."""


@final
@dataclass(frozen=True)
class Contradiction:
    """A set of axioms that are incompatible.

    Attributes:
        first: An axiom.
        second: Another one, or the option of the model that is incompatible with it; None if the first contradicts itself.
        why: The reason.
        way_out: How to resolve it.
        severity: `impossible`, `constant` (only constant functions fulfil them) or `note` (little freedom remains, which may be
            intended).
        others: Further axioms that are involved.

    Example:
        >>> from splinework.knowledge.axioms import Even, Monotone
        >>> find_contradictions([Monotone("a"), Even("a")], ["a"])[0].severity
        'constant'
    """

    first: Axiom
    second: Axiom | str | None
    why: str
    way_out: str
    severity: str
    others: tuple[Axiom, ...] = ()

    def __str__(self) -> str:
        parts = [_brief(str(part)) for part in (self.first, self.second, *self.others) if part is not None]
        listed = f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]
        return f"{listed}: {self.why}. {self.way_out}"


@explained
def find_contradictions(
    axioms: Sequence[Axiom],
    input_names: Sequence[str],
    output_names: Sequence[str] = ("y",),
    *,
    extrapolation: str = "linear",
    box: Any = None,
    read_unit: UnitReader = read_unit,
) -> list[Contradiction]:
    """Finds contradictions between axioms, pairwise and in a few larger sets; notes are included.

    Axioms of strength `Verify` are ignored.

    Args:
        axioms: Hard and soft axioms.
        input_names: Names of the inputs.
        output_names: Names of the outputs.
        extrapolation: How edges continue outside their grid.
        box: Ranges of the inputs that the grids cover, `(I, 2)`; if unknown, the grids are assumed to be as large as needed.
        read_unit: Maps the text of a unit to the exponents of its base units.

    Returns:
        The contradictions, each set of axioms once.

    Raises:
        ConfigError: If an axiom names an input or output that does not exist.
        FormulaError: If a formula of an axiom cannot be parsed.

    Example:
        >>> from splinework.knowledge.axioms import axioms_of
        >>> found = find_contradictions(axioms_of(["monotone(a)", "periodic(a, 24)"]), ["a", "b"])
        >>> print(found[0].severity, "|", found[0])
        constant | monotone('a') and periodic('a', period=24.0): a function that never falls along a and is the same after 24 does
        not depend on it. Keep one of them, or let monotone hold on a part of the period, domain={'a': (low, high)}.
    """
    known = None if box is None else tuple((float(a), float(b)) for a, b in box_of(box, len(input_names)).tolist())
    context = ConflictContext(tuple(input_names), tuple(output_names), extrapolation, known, read_unit)
    given = [axiom for axiom in axioms if not isinstance(axiom.strength, Verify)]
    derived = derive(given, input_names, output_names)
    found: dict[frozenset[Any], Contradiction] = {}
    for parts, obstacle, conflict in [*_pairs(derived, context), *_sets(derived, context)]:
        contradiction = _contradiction(parts, obstacle, conflict)
        key = frozenset((contradiction.first, contradiction.second, *contradiction.others))
        found.setdefault(key, contradiction)
    return list(found.values())


@explained
def check_axioms(
    axioms: Sequence[Axiom],
    input_names: Sequence[str],
    output_names: Sequence[str] = ("y",),
    *,
    extrapolation: str = "linear",
    box: Any = None,
    read_unit: UnitReader = read_unit,
) -> tuple[Contradiction, ...]:
    """Raises an error if axioms contradict each other.

    Args:
        axioms: Hard and soft axioms.
        input_names: Names of the inputs.
        output_names: Names of the outputs.
        extrapolation: How edges continue outside their grid.
        box: Ranges of the inputs that the grids cover, `(I, 2)`.
        read_unit: Maps the text of a unit to the exponents of its base units.

    Returns:
        The contradictions of severity `note`, which may be intended.

    Raises:
        ConfigError: If there is a contradiction, or an axiom names an input or output that does not exist.
        FormulaError: If a formula of an axiom cannot be parsed.

    Example:
        >>> from splinework.knowledge.axioms import Concave, Convex
        >>> check_axioms([Convex("a"), Concave("a")], ["a"])[0].why
        'a function that is convex and concave along a must be linear in it'
    """
    found = find_contradictions(
        axioms, input_names, output_names, extrapolation=extrapolation, box=box, read_unit=read_unit
    )
    fatal = [each for each in found if each.severity != NOTE]
    if fatal:
        listed = " ".join(map(str, fatal[:_MAX_LISTED]))
        more = f" There are {len(fatal) - _MAX_LISTED} more." if len(fatal) > _MAX_LISTED else ""
        raise ConfigError(f"the axioms contradict each other. {listed}{more}")
    return tuple(each for each in found if each.severity == NOTE)


def _brief(text: str) -> str:
    return text if len(text) <= _MAX_CHARACTERS else f"{text[: _MAX_CHARACTERS - 1]}…"


Parts = tuple[list[Derived], str | None, Conflict]


def _pairs(derived: Sequence[Derived], context: ConflictContext) -> Iterator[Parts]:
    """Conflicts of two axioms by the tables of rules: for each pair the first one, preferring those that are not notes."""
    stated = [(each, tuple(each.axiom.facts())) for each in derived]
    for one, other in combinations(stated, 2):
        found = []
        for a, b in product(one[1], other[1]):
            parts = [one[0], other[0]]
            if (type(a), type(b)) not in PAIR_RULES:
                a, b, parts = b, a, parts[::-1]
            rule = PAIR_RULES.get((type(a), type(b)))
            conflict = rule(a, b, context) if rule is not None and context.together(a, b) else None
            if conflict is not None:
                found.append((parts, None, conflict))
        yield from sorted(found, key=lambda each: each[2].severity == NOTE)[:1]


def _sets(derived: Sequence[Derived], context: ConflictContext) -> Iterator[Parts]:
    """Conflicts of one fact with all others, or with an option of the model."""
    by_axiom = {each.axiom: each for each in derived}
    for each in derived:
        others = tuple(fact for other in derived if other is not each for fact in other.axiom.facts())
        for fact in each.axiom.facts():
            outside = leaving_bounds(fact, others, context) if isinstance(fact, ValueBounds) else None
            if outside is not None:
                yield [each], f"extrapolation={context.extrapolation!r}", outside
            for rules in RULES:
                joint = rules[type(fact)](fact, others, context) if type(fact) in rules else None
                if joint is not None:
                    taking = dict.fromkeys(by_axiom[other.axiom] for other in joint[1])
                    yield [each, *taking], None, joint[0]


def _contradiction(parts: Sequence[Derived], obstacle: str | None, conflict: Conflict) -> Contradiction:
    """A conflict expressed in terms of the axioms that the user gave."""
    sources = list(dict.fromkeys(source for part in parts for source in part.sources))
    steps = [
        f"{' and '.join(map(str, part.sources))} {'give' if len(part.sources) > 1 else 'means'} {part.axiom}"
        for part in parts
        if len(part.sources) > 1 or (len(part.sources) == 1 and type(part.axiom) is not type(part.sources[0]))
    ]
    why = "; ".join([*steps, conflict.why])
    second = obstacle or (sources[1] if len(sources) > 1 else None)
    return Contradiction(sources[0], second, why, conflict.way_out, conflict.severity, tuple(sources[2:]))
