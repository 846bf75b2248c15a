"""What an axiom is: a frozen recipe that says what a function does, on which inputs, and how strongly.

Each has a text, `monotone('age')`, that `splinework.knowledge.axioms.language` reads back; so a model file, a certificate, a
configuration and a command line hold the same words.

One axiom is one file of `splinework.knowledge.axioms.kinds`: a subclass that brings all its mathematics, most of it in one method
each. Everything else asks through the methods here and knows no kind by name.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from splinework.errors import ConfigError
from splinework.knowledge.axioms.strength import Hard, Strength

if TYPE_CHECKING:
    from splinework.knowledge.axioms.interfaces import (
        AxiomPenalty,
        Claim,
        ClaimResult,
        Codes,
        DataEvidence,
        Draft,
        EdgeRules,
        Fact,
        LinearCondition,
        PenaltyContext,
        Subject,
        SuggestedAxiom,
    )
    from splinework.nn.frame import FramedKAN

Name = str | int
"""An input or an output, by its name or its number (from 0)."""
Ranges = tuple[tuple[Name, tuple[float, float]], ...]
Domain = str | Ranges
"""Where an axiom holds: `grid` (the box that the model's grids span), `all`, or ranges of some inputs inside the grid's box."""
Value = float | str
"""A number, or a formula in the inputs as text, such as `sin(pi*x)`."""
_INPUT_FIELDS: Final = frozenset({"input", "first", "second"})
_INPUT_LIST_FIELDS: Final = frozenset({"along", "among"})
_INPUT_PAIR_FIELDS: Final = frozenset({"of_inputs", "flow", "over"})
"""Names of fields that hold an input, several, or pairs of an input and something; others a member renames itself."""


@dataclass(frozen=True)
class Axiom(ABC):
    """What all axioms share.

    Attributes:
        strength: `Hard()`, `Soft(weight)` or `Verify()`.
        domain: `grid`, `all`, or ranges such as `{"age": (18, 65)}`.
        output: Which output it speaks of, by name or number; None speaks of all.
    """

    strength: Strength = field(default=Hard(), kw_only=True)
    domain: Domain = field(default="grid", kw_only=True)
    output: Name | None = field(default=None, kw_only=True)

    word: ClassVar[str]
    """What the language calls it."""
    gathers: ClassVar[int | None] = None
    """The number of the field that takes all further values of a text: with 0, `symmetric(a, b)` is `symmetric((a, b))`."""
    rank: ClassVar[int] = 100
    """Its place where people read a list of axioms; those of one rank come in alphabetical order."""
    inequality: ClassVar[bool] = False
    """Whether it says that something is not less than something else, so that a few points can refute it early."""
    of_outputs: ClassVar[bool] = False
    """Whether it speaks of several outputs at once."""
    of_all_inputs: ClassVar[bool] = False
    """Whether it speaks of all inputs in their order, or in formulas."""
    trivial_if_irrelevant: ClassVar[bool] = False
    """Whether it holds by itself along an input on which the function does not depend."""
    corrected: ClassVar[bool] = False
    """Whether its hard form is a correction (`corrections`) to a network with its numbers, made anew whenever these change."""
    built_by: ClassVar[frozenset[str]] = frozenset()
    """The constructions of its hard form, by which `realise.conflicts` tells what goes together; none without a hard form."""
    no_hard_form: ClassVar[str] = "no construction is known that makes it true"
    """Why there is none."""
    sign_invariant: ClassVar[bool] = False
    """Whether it holds for -f where it does for f."""
    max_classes_on_scores: ClassVar[float] = 0
    """The most classes for which it may be said of probabilities and holds for their log odds (of two) or scores as it is."""
    linear_inputs: ClassVar[bool] = False
    """Whether its hard form needs its inputs on linear scales."""
    linear_output: ClassVar[bool] = False
    """Whether its hard form needs the output on a linear scale."""

    def __post_init__(self) -> None:
        if not isinstance(self.strength, Strength):
            raise ConfigError(
                f"the strength of {self.word} is Hard(), Soft(weight) or Verify(), got {self.strength!r}."
            )
        if self.domain not in ("grid", "all"):
            expected = f"the domain of {self.word} is 'grid', 'all' or ranges such as {{'age': (18, 65)}}"
            object.__setattr__(self, "domain", ranges_of(self.domain, expected))
        for each in fields(self):
            if "check" in each.metadata:
                object.__setattr__(self, each.name, each.metadata["check"](getattr(self, each.name), self.word))

    @property
    def inputs(self) -> tuple[Name, ...]:
        """The inputs that it names, in order; none where it speaks of all."""
        found: list[Name] = []
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in _INPUT_FIELDS:
                found.append(value)
            elif each.name in _INPUT_LIST_FIELDS:
                found += value
            elif each.name in _INPUT_PAIR_FIELDS:
                found += [name for name, _ in value or ()]
        return tuple(found)

    @property
    def shared(self) -> dict[str, Any]:
        """The fields that all axioms have, for another one of the same strength in the same place."""
        return {"strength": self.strength, "domain": self.domain, "output": self.output}

    # ---------------------------------------------------------------------------------------------- what it says

    def facts(self) -> "Sequence[Fact]":
        """What it says, in the vocabulary of `facts.py`, from which conflicts with others are found."""
        return ()

    def follows(self) -> "Sequence[Axiom]":
        """What it says in other words."""
        return ()

    def times(self, sign: int) -> "Axiom | None":
        """What holds for `sign · f` where this holds for f, sign 1 or -1; None where nothing is known.

        An exchange of inputs hands on what this gives for its own sign, so None for 1 says that it cannot be handed on.
        """
        return self if self.sign_invariant else None

    def canonical(self) -> "Axiom":
        """The same axiom with names in one order, where their order says nothing."""
        if isinstance(self.domain, str):
            return self
        return replace(self, domain=tuple(sorted(self.domain, key=str)))

    def renamed(self, name: Callable[[Any], str]) -> "Axiom":
        """The axiom with its inputs renamed; texts of formulas stay."""
        changes: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in _INPUT_FIELDS:
                changes[each.name] = name(value)
            elif each.name in _INPUT_LIST_FIELDS:
                changes[each.name] = tuple(map(name, value))
            elif (each.name in _INPUT_PAIR_FIELDS and value is not None) or (
                each.name == "domain" and not isinstance(value, str)
            ):
                changes[each.name] = tuple((name(key), rest) for key, rest in value)
        return replace(self, **changes)

    # ------------------------------------------------------------------------------------ penalty, claims, evidence

    @abstractmethod
    def penalty(self, context: "PenaltyContext") -> "AxiomPenalty":
        """The function that vanishes where it holds: its soft form."""

    @abstractmethod
    def claims(self, subject: "Subject") -> "list[Claim]":
        """The claims that together are the axiom, for the verifier.

        Raises:
            ConfigError: If it names inputs or outputs that do not exist, or cannot be verified.
        """

    def integer_claims(self, codes: "Codes", output: int) -> "list[ClaimResult]":
        """What is known of it for one output of a network of integers.

        Raises:
            ConfigError: If it is of a kind that nothing is proved of.
        """
        raise ConfigError(f"nothing is known of {self.word} in an integer model; {codes.supported()}")

    def linear_conditions(self, context: "PenaltyContext", column: int) -> "list[LinearCondition]":
        """What it asks of one output at points, for the test of whether rows speak against it; none where they cannot.

        Args:
            context: Names, box and rows.
            column: Which of the values at points is meant, where there are several.
        """
        return []

    @classmethod
    def suggestions(cls, evidence: "DataEvidence") -> "Iterator[SuggestedAxiom]":
        """Axioms of this kind that rows speak for."""
        yield from ()

    # ------------------------------------------------------------------------------------------------- the hard form

    def draft_features(self, draft: "Draft") -> None:  # noqa: B027  (most env nothing)
        """Puts in what it asks of the features that a network sees; called in the order of `draft_order`."""

    draft_order: ClassVar[int] = 0
    """When it is called among others: 0 where inputs are replaced, 1 exchanged, 2 mirrored or wrapped, 3 clamped."""

    def draft_answers(self, draft: "Draft") -> None:  # noqa: B027  (most env nothing)
        """Puts in what it asks of the answers, once bounds are in, in the order in which axioms are given."""

    def edge_rules(self, draft: "Draft", rules: "EdgeRules") -> None:  # noqa: B027  (most env nothing)
        """Notes what it asks of the edges."""

    def corrections(self, model: "FramedKAN", box: Sequence[tuple[float, float]]) -> list[tuple[int, str, float]]:
        """Outputs, formulas and factors to be added to a model so that it holds; where `corrected`."""
        return []

    # --------------------------------------------------------------------------------------------- tables and classes

    def on_scores(self, classes: int) -> "tuple[Axiom, ...] | None":
        """The axioms on log odds (of two classes) or scores (of more) that say it of probabilities.

        Returns:
            Nothing where probabilities are so by themselves; None where there are no such axioms.

        Raises:
            ConfigError: If a number in it is no probability.
        """
        return (self,) if classes <= self.max_classes_on_scores else None

    def on_columns(self, words: "Mapping[Name, Sequence[str]]") -> "tuple[Axiom, ...]":
        """The axiom in the words of the inputs that columns have become; a column may be several inputs, the value first."""
        return (self.renamed(lambda name: words[name][0]),)

    def encoded(self, encode: "Callable[[Any], Any] | None", columns: int) -> "Axiom":
        """The axiom with rows of all columns as the network takes them.

        Args:
            encode: From rows of columns to rows of inputs; None where columns are not all numbers.
            columns: How many there are.

        Raises:
            ConfigError: If it holds rows that cannot be taken.
        """
        return self

    def text(self) -> str:
        """As the language writes it; `parse_axiom` gives an equal axiom back."""
        parts: list[str] = []
        first = next((each.name for each in fields(self) if not each.kw_only), "")
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in self.shared:
                continue
            if value != each.default:
                shown = repr(value)
                parts.append(shown if not parts and each.name == first else f"{each.name}={shown}")
        if self.domain != "grid":
            parts.append(f"domain={self.domain!r}")
        if self.output is not None:
            parts.append(f"output={self.output!r}")
        if self.strength != Hard():
            parts.append(f"strength={self.strength.text()!r}")
        return f"{self.word}({', '.join(parts)})"

    def __str__(self) -> str:
        return self.text()


@dataclass(frozen=True)
class SingleInputAxiom(Axiom):
    """An axiom along one input."""

    input: Name = field(metadata={"check": lambda name, word: name_of(name, word)})


def ranges_of(given: Any, expected: str) -> Ranges:
    """Ranges of inputs as a tuple of `(input, (low, high))`.

    Args:
        given: A mapping, or such a tuple already.
        expected: What to say when it is neither, without a full stop.

    Raises:
        ConfigError: If it is no such thing, or a range is empty.
    """
    pairs = list(given.items()) if isinstance(given, Mapping) else given
    sound = isinstance(pairs, Sequence) and not isinstance(pairs, str) and len(pairs) > 0
    found = []
    for pair in pairs if sound else ():
        try:
            name, (low, high) = pair
            low, high = float(low), float(high)
        except (TypeError, ValueError):
            sound = False
            break
        sound = sound and is_name(name) and -math.inf <= low < high <= math.inf
        found.append((name, (low, high)))
    if not sound:
        raise ConfigError(f"{expected}; got {given!r}.")
    return tuple(found)


def is_name(value: Any) -> bool:
    """Whether it can name an input or an output."""
    return (isinstance(value, str) and bool(value)) or (
        isinstance(value, int) and not isinstance(value, bool) and value >= 0
    )


def name_of(value: Any, word: str) -> Name:
    """The name of one input, checked.

    Raises:
        ConfigError: If it is none.
    """
    if not is_name(value):
        raise ConfigError(f"{word} takes an input by its name or its number from 0, got {value!r}.")
    return value  # type: ignore[no-any-return]


def place(name: Name, names: Sequence[str], word: str, kind: str = "input") -> int:
    """The number of an input or output.

    Raises:
        ConfigError: If there is none of that name or number.
    """
    if isinstance(name, int):
        if name < len(names):
            return name
    elif name in names:
        return list(names).index(name)
    raise ConfigError(
        f"{word} names the {kind} {name!r}, which does not exist; the {kind}s are {', '.join(map(repr, names))}."
    )


def outputs_of(axiom: Axiom, names: Sequence[str]) -> list[int]:
    """The numbers of the outputs that an axiom speaks of.

    Raises:
        ConfigError: If it names none of these.
    """
    if axiom.output is None:
        return list(range(len(names)))
    return [place(axiom.output, names, axiom.word, "output")]
