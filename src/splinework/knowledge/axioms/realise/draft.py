"""The draft of a frame: the features that a network receives, and the formulas of its outputs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, final

from splinework.errors import ConfigError
from splinework.knowledge.axioms.axiom import Axiom, Name, outputs_of, place
from splinework.knowledge.axioms.facts import Separability, ValueBounds, facts_of
from splinework.knowledge.axioms.realise.conflicts import no_hard_form
from splinework.knowledge.axioms.realise.formulas import ansatz, bounded
from splinework.nn.frame import Frame, hidden_names, identifiers

TRANSITION_WIDTH: Final = 0.25
"""The width of the transition at a bound, in standard deviations of the output; further inside, the output is the network's."""


@final
@dataclass
class Feature:
    """One input of the network.

    Attributes:
        text: A formula in the raw inputs.
        sources: Indices of the raw inputs on which it depends.
        plain: Whether it is a non-decreasing function of a single raw input.
        straight: Whether it is the raw input itself.
        even: Whether the network must be even in it.
        period: Its period, or 0.
        centre: The centre of its parity, and the middle of its period.
    """

    text: str
    sources: tuple[int, ...]
    plain: bool = False
    straight: bool = False
    even: bool = False
    period: float = 0.0
    centre: float = 0.0


@final
@dataclass
class Draft:
    """The features and output formulas required by the axioms so far.

    Attributes:
        inputs: Names of the raw inputs.
        ranges: Ranges of the raw inputs.
        spread: Standard deviation of each output.
        features: Inputs of the network.
        answers: Formulas of the outputs.
        axioms: All hard axioms.
        monomial: A common factor of all outputs.
        shares: Whether the outputs are shares, which are bounded by construction.
        fixed: For each output its prescribed values: pairs of a formula that vanishes there, and the value.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    ranges: tuple[tuple[float, float], ...]
    spread: tuple[float, ...]
    features: list[Feature] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    axioms: tuple[Axiom, ...] = ()
    monomial: str = "1"
    shares: bool = False

    def __post_init__(self) -> None:
        self.symbols = identifiers(self.inputs)
        self.fixed: list[list[tuple[str, str]]] = [[] for _ in self.outputs]
        self.hidden = hidden_names(self.symbols, len(self.outputs))
        self.features = [Feature(name, (i,), plain=True, straight=True) for i, name in enumerate(self.symbols)]
        self.answers = list(self.hidden)

    def frame(self) -> Frame | None:
        """The frame; None if a plain network suffices."""
        features = tuple(feature.text for feature in self.features)
        answers = tuple(self.answers)
        plain, free = features == self.symbols, answers == self.hidden
        if plain and free:
            return None
        return Frame(self.inputs, () if plain else features, self.outputs, () if free else answers, self.ranges)

    def add_axioms(self, axioms: Sequence[Axiom]) -> None:
        """Applies the axioms to features and answers; their order determines the nesting of the answers."""
        self.axioms = tuple(axioms)
        for axiom in sorted(axioms, key=lambda each: each.draft_order):
            axiom.draft_features(self)
        if not self.shares:
            self._bound()
        for axiom in axioms:
            axiom.draft_answers(self)
        if self.monomial != "1":
            self.answers = [f"({self.monomial})*({answer})" for answer in self.answers]
        for j, parts in enumerate(self.fixed):
            if parts:
                self.answers[j] = ansatz(parts, self.answers[j])

    @property
    def separate(self) -> bool:
        """Whether some inputs may not interact, which excludes features of several raw inputs."""
        return bool(facts_of(self.axioms, Separability))

    # ------------------------------------------------------------------------------------------------- features

    def place(self, name: Name, axiom: Axiom) -> int:
        """The index of a raw input."""
        return place(name, self.inputs, axiom.word)

    def at(self, axiom: Axiom) -> tuple[int, ...]:
        """Indices of the raw inputs that an axiom names."""
        return tuple(place(name, self.inputs, axiom.word) for name in axiom.inputs)

    def of(self, axiom: Axiom, i: int, *, straight: bool = False) -> int:
        """The index of the feature of the raw input i alone; raises ConfigError if another axiom has replaced it."""
        for number, feature in enumerate(self.features):
            if feature.sources == (i,) and feature.plain and (feature.straight or not straight):
                return number
        raise ConfigError(
            f"{axiom.text()} cannot be hard: another axiom has replaced the input {self.inputs[i]!r} by "
            f"{', '.join(f.text for f in self.features if i in f.sources) or 'nothing'}. Give one of them strength=Soft() or "
            "strength=Verify()."
        )

    def single_feature(self, axiom: Axiom, *, straight: bool = False) -> int:
        """The index of the feature of the input of an axiom that applies to all outputs; raises ConfigError as the others."""
        self.check_all_outputs(axiom)
        return self.of(axiom, self.at(axiom)[0], straight=straight)

    def check_all_outputs(self, axiom: Axiom) -> None:
        """Raises ConfigError if an axiom that constrains hidden nodes applies to one of several outputs."""
        if axiom.output is not None and len(self.outputs) > 1:
            raise self.no_form(
                axiom, "hidden nodes are shared by all outputs; name no output, or fit that output separately"
            )

    def no_form(self, axiom: Axiom, why: str) -> ConfigError:
        """The error for an axiom that cannot be hard here."""
        return no_hard_form(axiom, why)

    def feature(self, axiom: Axiom) -> "Feature":
        """The feature of the input of an axiom; raises ConfigError if another axiom has replaced it."""
        return self.features[self.of(axiom, self.at(axiom)[0])]

    def wrap(self, feature: "Feature", name: str) -> None:
        """Makes a feature of one input periodic, about its centre."""
        start = feature.centre - feature.period / 2
        shifted = name if start == 0 else f"({name}-({start!r}))"
        feature.text = f"{name}-{feature.period!r}*floor({shifted}/{feature.period!r})"
        feature.straight = False

    def replace(self, sources: Sequence[int], texts: Sequence[str]) -> None:
        """Replaces some inputs by features made of them; raises ConfigError if one was replaced before."""
        gone = set(sources)
        kept = [f for f in self.features if not gone & set(f.sources)]
        if len(kept) + len(gone) != len(self.features):
            names = ", ".join(self.inputs[i] for i in sorted(gone))
            raise ConfigError(f"two hard axioms replace {names} by features of their own; make one of them soft.")
        self.features = kept
        self.add_features([(text, sources) for text in texts])

    def add_features(self, found: Sequence[tuple[str, Sequence[int]]]) -> None:
        """Adds features: formulas, and the indices of the raw inputs of each."""
        self.features = self.features + [Feature(text, tuple(sources)) for text, sources in found]

    # -------------------------------------------------------------------------------------------------- answers

    def outputs_of(self, axiom: Axiom) -> list[int]:
        """Indices of the outputs that an axiom applies to."""
        return outputs_of(axiom, self.outputs)

    def times(self, axiom: Axiom, factor: str) -> None:
        """Multiplies the answers by a formula."""
        for j in self.outputs_of(axiom):
            self.answers[j] = f"{factor}*({self.answers[j]})"

    def _bound(self) -> None:
        """Applies the tightest bounds of each output."""
        bounds = facts_of(self.axioms, ValueBounds)
        for j in range(len(self.outputs)):
            own = [each for each in bounds if j in self.outputs_of(each.axiom)]
            low = max((each.low for each in own), default=-float("inf"))
            high = min((each.high for each in own), default=float("inf"))
            self.answers[j] = bounded(self.answers[j], low, high, TRANSITION_WIDTH * self.spread[j])
