"""The base class of axioms: a frozen recipe that states a property of a function, where it holds, and how strictly.

Each axiom has a text, `monotone('age')`, that `splinework.knowledge.axioms.language` parses; model files, certificates,
configurations and command lines all use it.

Each kind of axiom is one file of `splinework.knowledge.axioms.kinds`: a subclass with all its mathematics, most of it in one
method each. All other code uses the methods defined here and names no kind.
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
"""Where an axiom holds: `grid` (the box spanned by the model's grids), `all`, or ranges of some inputs within that box."""
Value = float | str
"""A number, or a formula in the inputs as text, such as `sin(pi*x)`."""
_INPUT_FIELDS: Final = frozenset({"input", "first", "second"})
_INPUT_LIST_FIELDS: Final = frozenset({"along", "among"})
_INPUT_PAIR_FIELDS: Final = frozenset({"of_inputs", "flow", "over"})
"""Names of fields that hold one input, several inputs, or pairs of an input and a value; a kind renames others itself."""


@dataclass(frozen=True)
class Axiom(ABC):
    """The fields and methods common to all axioms.

    Attributes:
        strength: `Hard()`, `Soft(weight)` or `Verify()`.
        domain: `grid`, `all`, or ranges such as `{"age": (18, 65)}`.
        output: The output that the axiom applies to, by name or number; None for all outputs.

    Example:
        >>> from splinework.knowledge.axioms import Monotone, Soft
        >>> Monotone("age", strength=Soft(), domain={"age": (18, 65)}, output="risk").text()
        "monotone('age', domain=(('age', (18.0, 65.0)),), output='risk', strength='soft')"
    """

    strength: Strength = field(default=Hard(), kw_only=True)
    domain: Domain = field(default="grid", kw_only=True)
    output: Name | None = field(default=None, kw_only=True)

    word: ClassVar[str]
    """Its name in the axiom language."""
    gathers: ClassVar[int | None] = None
    """The index of the field that collects all remaining positional values: with 0, `symmetric(a, b)` is `symmetric((a, b))`."""
    rank: ClassVar[int] = 100
    """Its position in lists of axioms; equal ranks are sorted alphabetically."""
    inequality: ClassVar[bool] = False
    """Whether it is an inequality, which a few points can refute early."""
    of_outputs: ClassVar[bool] = False
    """Whether it relates several outputs to each other."""
    of_all_inputs: ClassVar[bool] = False
    """Whether it refers to all inputs, by their order or in formulas."""
    trivial_if_irrelevant: ClassVar[bool] = False
    """Whether it holds trivially along an input on which the function does not depend."""
    corrected: ClassVar[bool] = False
    """Whether its hard form is a correction (`corrections`) that depends on the network's parameters."""
    built_by: ClassVar[frozenset[str]] = frozenset()
    """The constructions of its hard form, by which `realise.conflicts` decides compatibility; empty without a hard form."""
    no_hard_form: ClassVar[str] = "no construction is known that makes it true"
    """Why it has no hard form."""
    sign_invariant: ClassVar[bool] = False
    """Whether it holds for -f whenever it holds for f."""
    max_classes_on_scores: ClassVar[float] = 0
    """The largest number of classes for which it carries over unchanged from probabilities to log odds or scores."""
    linear_inputs: ClassVar[bool] = False
    """Whether its hard form requires its inputs to have linear scales."""
    linear_output: ClassVar[bool] = False
    """Whether its hard form requires the output to have a linear scale."""

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
        """The inputs that it names, in order; empty if it applies to all."""
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
        """The common fields, for deriving another axiom with the same strength, domain and output."""
        return {"strength": self.strength, "domain": self.domain, "output": self.output}

    # ------------------------------------------------------------------------------------------------- its meaning

    def facts(self) -> "Sequence[Fact]":
        """The facts (`facts.py`) that it states, from which conflicts with other axioms are found."""
        return ()

    def follows(self) -> "Sequence[Axiom]":
        """Axioms that are equivalent to it, or follow from it alone."""
        return ()

    def times(self, sign: int) -> "Axiom | None":
        """The axiom that holds for `sign · f` if this one holds for f, sign 1 or -1; None if unknown.

        An exchange of inputs transfers the axiom that this returns for its sign; None for 1 means that it cannot be transferred.
        """
        return self if self.sign_invariant else None

    def canonical(self) -> "Axiom":
        """The same axiom with names sorted where their order has no meaning."""
        if isinstance(self.domain, str):
            return self
        return replace(self, domain=tuple(sorted(self.domain, key=str)))

    def renamed(self, name: Callable[[Any], str]) -> "Axiom":
        """The axiom with its inputs renamed; formulas are left unchanged."""
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
        """The function that vanishes where the axiom holds: its soft form."""

    @abstractmethod
    def claims(self, subject: "Subject") -> "list[Claim]":
        """The claims that together are equivalent to the axiom, for the verifier.

        Raises:
            ConfigError: If it names inputs or outputs that do not exist, or cannot be verified.
        """

    def integer_claims(self, codes: "Codes", output: int) -> "list[ClaimResult]":
        """The results for one output of an integer network.

        Raises:
            ConfigError: If this kind cannot be verified for integer networks.
        """
        raise ConfigError(f"{self.word} cannot be verified for an integer model; {codes.supported()}")

    def linear_conditions(self, context: "PenaltyContext", column: int) -> "list[LinearCondition]":
        """Its linear conditions on the values of one output, for testing it against data; empty if data cannot contradict it.

        Args:
            context: Names, box and rows.
            column: The column of the values at points that is tested, if there are several.
        """
        return []

    @classmethod
    def suggestions(cls, evidence: "DataEvidence") -> "Iterator[SuggestedAxiom]":
        """Axioms of this kind that the data support."""
        yield from ()

    # ------------------------------------------------------------------------------------------------- the hard form

    def draft_features(self, draft: "Draft") -> None:  # noqa: B027  (most kinds leave them as they are)
        """Changes the features that the network receives; called in the order of `draft_order`."""

    draft_order: ClassVar[int] = 0
    """The order of `draft_features`: 0 if inputs are replaced, 1 exchanged, 2 mirrored or wrapped, 3 clamped."""

    def draft_answers(self, draft: "Draft") -> None:  # noqa: B027  (most kinds leave them as they are)
        """Changes the formulas of the outputs, after bounds are applied, in the order in which axioms are given."""

    def edge_rules(self, draft: "Draft", rules: "EdgeRules") -> None:  # noqa: B027  (most kinds leave them as they are)
        """Adds its constraints on the edges to `rules`."""

    def corrections(self, model: "FramedKAN", box: Sequence[tuple[float, float]]) -> list[tuple[int, str, float]]:
        """The terms (output, formula, factor) that make a model fulfil it; for kinds that are `corrected`."""
        return []

    # --------------------------------------------------------------------------------------------- tables and classes

    def on_scores(self, classes: int) -> "tuple[Axiom, ...] | None":
        """The axioms on log odds (two classes) or scores (more classes) that are equivalent to it for probabilities.

        Returns:
            An empty tuple if all probabilities fulfil it; None if there are no such axioms.

        Raises:
            ConfigError: If a number in it is not a probability.
        """
        return (self,) if classes <= self.max_classes_on_scores else None

    def on_columns(self, words: "Mapping[Name, Sequence[str]]") -> "tuple[Axiom, ...]":
        """The axiom in terms of the inputs that encode the columns; a column may have several inputs, its value first."""
        return (self.renamed(lambda name: words[name][0]),)

    def encoded(self, encode: "Callable[[Any], Any] | None", columns: int) -> "Axiom":
        """The axiom with its rows of columns encoded as rows of inputs.

        Args:
            encode: Maps rows of columns to rows of inputs; None if some column is not numeric.
            columns: Number of columns.

        Raises:
            ConfigError: If it contains rows that cannot be encoded.
        """
        return self

    def text(self) -> str:
        """Its text in the axiom language; `parse_axiom` returns an equal axiom."""
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
    """Ranges of inputs as a tuple of `(input, (low, high))`, from a mapping or such a tuple.

    Raises:
        ConfigError: If it is neither, or a range is empty; the message begins with `expected`.
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
    """Whether a value can name an input or an output."""
    return (isinstance(value, str) and bool(value)) or (
        isinstance(value, int) and not isinstance(value, bool) and value >= 0
    )


def name_of(value: Any, word: str) -> Name:
    """Returns the name of one input; raises ConfigError for any other value."""
    if not is_name(value):
        raise ConfigError(f"{word} takes an input by its name or its number from 0, got {value!r}.")
    return value  # type: ignore[no-any-return]


def place(name: Name, names: Sequence[str], word: str, kind: str = "input") -> int:
    """The index of an input or output by name or number; raises ConfigError if it does not exist."""
    if isinstance(name, int):
        if name < len(names):
            return name
    elif name in names:
        return list(names).index(name)
    raise ConfigError(
        f"{word} names the {kind} {name!r}, which does not exist; the {kind}s are {', '.join(map(repr, names))}."
    )


def outputs_of(axiom: Axiom, names: Sequence[str]) -> list[int]:
    """The indices of the outputs that an axiom applies to; raises ConfigError if its output does not exist."""
    if axiom.output is None:
        return list(range(len(names)))
    return [place(axiom.output, names, axiom.word, "output")]
