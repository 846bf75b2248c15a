"""A frame in the making: which features a network sees, and what becomes of its outputs."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

from splinework.errors import ConfigError
from splinework.formula.units.buckingham import balance, power_text
from splinework.formula.units.parsing import parse_units
from splinework.knowledge.axioms.axiom import Axiom, place
from splinework.knowledge.axioms.physics import Units
from splinework.knowledge.axioms.realise.conflicts import no_hard_form
from splinework.knowledge.axioms.realise.formulas import ansatz, as_formula, bounded
from splinework.knowledge.axioms.shapes import Asymptote, Bounded, Even, Odd, Periodic, Positive
from splinework.knowledge.axioms.structure import Additive, Antisymmetric, Invariant, NoInteraction, Symmetric
from splinework.knowledge.axioms.values import Boundary, Initial, Ordered, SumToOne
from splinework.nn.frame import Box, Frame, Region, hidden_names, identifiers

SOFTNESS = 0.25
"""How wide the bend of a bound is, as a share of the output's spread: far from it, the output is the network's own."""


MOMENTS = 4
"""So many inputs at most are exchanged by moments."""


@final
@dataclass
class Feature:
    """One input of the network.

    Attributes:
        text: A formula in the raw inputs.
        sources: Numbers of the raw inputs that it is made of.
        plain: Whether it rises with its one raw input wherever it changes with it, and has no other.
        straight: Whether it is that raw input itself.
        even: Whether the network must be even in it.
        period: Its period, or 0.
        centre: About which it is even, and in the middle of its period.
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
    """What is known so far.

    Attributes:
        inputs: Names of the raw inputs.
        outputs: Names of the outputs.
        ranges: Of each raw input.
        spread: Typical size of each output's changes.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    ranges: tuple[tuple[float, float], ...]
    spread: tuple[float, ...]
    features: list[Feature] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.symbols = identifiers(self.inputs)
        self._monomial = "1"
        self.hidden = hidden_names(self.symbols, len(self.outputs))
        self.features = [Feature(name, (i,), plain=True, straight=True) for i, name in enumerate(self.symbols)]
        self.answers = list(self.hidden)

    def frame(self) -> Frame | None:
        """The frame; None where a plain network will do."""
        features = tuple(feature.text for feature in self.features)
        answers = tuple(self.answers)
        plain, free = features == self.symbols, answers == self.hidden
        if plain and free:
            return None
        return Frame(self.inputs, () if plain else features, self.outputs, () if free else answers, self.ranges)

    def take(self, axioms: Sequence[Axiom]) -> None:
        """Puts in what these axioms ask of features and answers; the order of the kinds is that of the answers' nesting."""
        for axiom in axioms:
            if isinstance(axiom, Units):
                self._units(axiom)
            elif isinstance(axiom, Invariant):
                self._invariant(axiom)
        named = {i for a in axioms if not isinstance(a, (Symmetric, Antisymmetric)) for i in self.at(a)}
        for axiom in axioms:
            if isinstance(axiom, (Symmetric, Antisymmetric)) and not additive(axioms):
                self._exchangeable(axiom, named)
        for axiom in axioms:
            if isinstance(axiom, (Periodic, Even)):
                self._mirrored(axiom)
        for axiom in axioms:
            if isinstance(axiom, Asymptote):
                self._tail(axiom)
        self._bound(axioms)
        for axiom in axioms:
            if isinstance(axiom, SumToOne):
                self._shares(axiom, axioms)
            elif isinstance(axiom, Ordered):
                self._ordered(axiom)
            elif isinstance(axiom, Antisymmetric):
                self._times(axiom, self._differences(axiom))
            elif isinstance(axiom, Odd):
                self._odd(axiom)
        self._units_of_output()
        self._ansatz([a for a in axioms if isinstance(a, (Boundary, Initial))])

    # ------------------------------------------------------------------------------------------------- features

    def at(self, axiom: Axiom) -> tuple[int, ...]:
        """Numbers of the raw inputs that an axiom names."""
        return tuple(place(name, self.inputs, axiom.word) for name in axiom.inputs)

    def of(self, axiom: Axiom, i: int, *, straight: bool = False) -> int:
        """The number of the feature that is the raw input i.

        Raises:
            ConfigError: If another axiom has put it into a group, so that none is.
        """
        for number, feature in enumerate(self.features):
            if feature.sources == (i,) and feature.plain and (feature.straight or not straight):
                return number
        raise ConfigError(
            f"{axiom.text()} cannot be hard: another axiom has replaced the input {self.inputs[i]!r} by "
            f"{', '.join(f.text for f in self.features if i in f.sources) or 'nothing'}. Give one of them strength=Soft() or "
            "strength=Verify()."
        )

    def _replace(self, sources: Sequence[int], texts: Sequence[str], **what: bool) -> None:
        gone = set(sources)
        kept = [f for f in self.features if not gone & set(f.sources)]
        if len(kept) + len(gone) != len(self.features):
            names = ", ".join(self.inputs[i] for i in sorted(gone))
            raise ConfigError(f"two hard axioms put {names} into groups of their own; make one of them soft.")
        self.features = kept + [Feature(text, tuple(sources), **what) for text in texts]

    def _units(self, axiom: Units) -> None:
        units = parse_units(
            {str(self.inputs[i]): unit for i, (_, unit) in zip(self.at(axiom), axiom.of_inputs, strict=True)}
        )
        missing = [name for name in self.inputs if name not in units]
        if missing:
            raise ConfigError(f"units needs the unit of every input; {missing[0]!r} has none ('1' for a pure number).")
        target = parse_units({"output": axiom.of_output})["output"]
        found = balance(units, target, name=self.outputs[0] if len(self.outputs) == 1 else "the output")
        spelt = dict(zip(self.inputs, self.symbols, strict=True))
        texts = [power_text({spelt[n]: p for n, p in group.items()}) for group in found.groups]
        self.features = [
            Feature(text, tuple(self.inputs.index(name) for name in group), plain=False)
            for text, group in zip(texts, found.groups, strict=True)
        ]
        if not self.features:  # a constant times the product: the network sees nothing that changes
            self.features = [Feature(f"0*{self.symbols[0]}", (0,))]
        self._monomial = power_text({spelt[n]: p for n, p in found.power.items()})

    def _units_of_output(self) -> None:
        if self._monomial != "1":
            self.answers = [f"({self._monomial})*({answer})" for answer in self.answers]

    def _invariant(self, axiom: Invariant) -> None:
        vectors = [[place(name, self.inputs, axiom.word) for name in vector] for vector in axiom.vectors]
        names = [[self.symbols[i] for i in vector] for vector in vectors]
        flat = [i for vector in vectors for i in vector]
        if axiom.group == "sign" and len(flat) == 1:
            self.features[self.of(axiom, flat[0])].even = True
            return
        if axiom.group == "sign":
            pairs = itertools.combinations_with_replacement(names[0], 2)
            texts = [f"{a}**2" if a == b else f"{a}*{b}" for a, b in pairs]
        elif axiom.group == "translation":
            texts = [f"{b}-{a}" for a, b in itertools.pairwise(names[0])]
        elif axiom.group == "scale":
            size = "+".join(f"{name}**2" for name in names[0])
            texts = [f"{name}/sqrt({size})" for name in names[0]]
        else:
            texts = []
            for one, other in itertools.combinations_with_replacement(range(len(names)), 2):
                product = "+".join(f"{a}*{b}" for a, b in zip(names[one], names[other], strict=True))
                texts.append(f"sqrt({product})" if one == other else product)
        self._replace(flat, texts)

    def _exchangeable(self, axiom: Symmetric | Antisymmetric, named: set[int]) -> None:
        """Few inputs that may be exchanged become their sum and their central moments, of which all such functions are made.

        Where another axiom needs the inputs themselves, or they are many, they share their edges instead (`rules.py`).
        """
        at = self.at(axiom)
        others = [f for f in self.features if set(f.sources) & set(at)]
        if len(at) > MOMENTS or named & set(at) or not all(f.straight for f in others):
            return
        names = [self.symbols[i] for i in at]
        if len(names) == 2:
            texts = ["+".join(names), f"({names[0]}-{names[1]})**2"]
        else:
            total = "+".join(names)
            texts = [total]
            for power in range(2, len(names) + 1):
                texts.append("+".join(f"({name}-({total})/{len(names)})**{power}" for name in names))
        self._replace(at, texts)

    def _mirrored(self, axiom: Periodic | Even) -> None:
        i = self.at(axiom)[0]
        feature = self.features[self.of(axiom, i)]
        name = self.symbols[i]
        if isinstance(axiom, Even):
            feature.even, feature.centre = True, axiom.centre
            if feature.period:
                self._wrap(feature, name)
        else:
            feature.period = axiom.period
            if not feature.even:
                feature.centre = axiom.period / 2
            self._wrap(feature, name)

    def _wrap(self, feature: Feature, name: str) -> None:
        start = feature.centre - feature.period / 2
        shifted = name if start == 0 else f"({name}-({start!r}))"
        feature.text = f"{name}-{feature.period!r}*floor({shifted}/{feature.period!r})"
        feature.straight = False

    def _tail(self, axiom: Asymptote) -> None:
        i = self.at(axiom)[0]
        low, high = self.ranges[i]
        left, right = axiom.side in ("left", "both"), axiom.side in ("right", "both")
        if axiom.kind == "linear":
            raise no_hard_form(axiom, "only a sum of edges has linear tails, and then it has them anyway; verify it")
        if axiom.kind == "constant":
            feature = self.features[self.of(axiom, i, straight=True)]
            text = f"max({feature.text},{low!r})" if left else feature.text
            feature.text = f"min({text},{high!r})" if right else text
            feature.straight = False
            return
        beyond = []
        if left:
            beyond.append(f"max({low!r}-{self.symbols[i]},0)")
        if right:
            beyond.append(f"max({self.symbols[i]}-({high!r}),0)")
        fade = f"exp(-({'+'.join(beyond)})/{(high - low) / 4!r})"
        self.answers = [f"({axiom.value!r})+{fade}*({answer}-({axiom.value!r}))" for answer in self.answers]

    # -------------------------------------------------------------------------------------------------- answers

    def _outputs(self, axiom: Axiom) -> list[int]:
        if axiom.output is None:
            return list(range(len(self.outputs)))
        return [place(axiom.output, self.outputs, axiom.word, "output")]

    def _bound(self, axioms: Sequence[Axiom]) -> None:
        """One bend for all bounds of an output."""
        for j in range(len(self.outputs)):
            lower, upper = -float("inf"), float("inf")
            for axiom in axioms:
                if isinstance(axiom, (Bounded, Positive)) and j in self._outputs(axiom):
                    below = 0.0 if isinstance(axiom, Positive) else axiom.lower
                    above = None if isinstance(axiom, Positive) else axiom.upper
                    lower = max(lower, -float("inf") if below is None else below)
                    upper = min(upper, float("inf") if above is None else above)
            if any(isinstance(a, SumToOne) for a in axioms):
                continue  # shares have their own
            self.answers[j] = bounded(self.answers[j], lower, upper, SOFTNESS * self.spread[j])

    def _shares(self, axiom: SumToOne, axioms: Sequence[Axiom]) -> None:
        among = self._among(axiom)
        z = [self.answers[j] for j in among]
        positive = any(isinstance(a, Positive) or (isinstance(a, Bounded) and a.lower is not None) for a in axioms)
        bounds = [a for a in axioms if isinstance(a, Bounded)]
        if any(a.lower not in (None, 0.0) or (a.upper is not None and a.upper < 1) for a in bounds):
            raise ConfigError("shares are hard with lower=0 and upper=1 or more only; make other bounds soft.")
        for place_, j in enumerate(among):
            if positive:
                ratios = [f"exp({other}-({z[place_]}))" for other in z if other != z[place_]]
                self.answers[j] = f"1/(1+{'+'.join(ratios)})"
            else:
                self.answers[j] = f"{z[place_]}+(1-({'+'.join(z)}))/{len(z)}"

    def _ordered(self, axiom: Ordered) -> None:
        among = self._among(axiom)
        for before, j in itertools.pairwise(among):
            width = SOFTNESS * self.spread[j]
            self.answers[j] = f"{self.answers[before]}+{width!r}*softplus({self.answers[j]}/{width!r})"

    def _among(self, axiom: SumToOne | Ordered) -> list[int]:
        given = axiom.outputs or self.outputs
        if len(given) < 2:
            raise ConfigError(f"{axiom.word} is about several outputs, the model has {len(self.outputs)}.")
        return [place(name, self.outputs, axiom.word, "output") for name in given]

    def _differences(self, axiom: Antisymmetric) -> str:
        names = [self.symbols[i] for i in self.at(axiom)]
        return "*".join(f"({a}-{b})" for a, b in itertools.combinations(names, 2))

    def _odd(self, axiom: Odd) -> None:
        feature = self.features[self.of(axiom, self.at(axiom)[0])]
        if len(self.inputs) > 1 or feature.period:
            feature.even, feature.centre = True, axiom.centre
            if feature.period:
                raise no_hard_form(axiom, "with a period, the factor that it needs is not periodic")
            self._times(axiom, f"({self.symbols[self.at(axiom)[0]]}-({axiom.centre!r}))")

    def _times(self, axiom: Axiom, factor: str) -> None:
        for j in self._outputs(axiom):
            self.answers[j] = f"{factor}*({self.answers[j]})"

    def _ansatz(self, axioms: Sequence[Boundary | Initial]) -> None:
        """`u = g + ω N`; with several parts, g is blended by how near each is: `Σ g_i Π_{k≠i} ω_k / Σ Π_{k≠i} ω_k`."""
        if not axioms:
            return
        for j in range(len(self.outputs)):
            parts = [part for a in axioms if j in self._outputs(a) for part in self._parts(a)]
            if parts:
                self.answers[j] = ansatz(parts, self.answers[j])

    def _parts(self, axiom: Boundary | Initial) -> list[tuple[str, str]]:
        """The functions that vanish where values are given, and these values, as formulas."""
        if isinstance(axiom, Boundary):
            region = axiom.face if isinstance(axiom.face, Region) else Box(self._faces(axiom))
            for name in region.inputs:
                place(name, self.symbols, axiom.word)
            return [(region.formula(), as_formula(axiom.value))]
        name = self.symbols[place(axiom.input, self.inputs, axiom.word)]
        since = f"({name}-({axiom.at!r}))"
        if axiom.rate is None:
            return [(since, as_formula(axiom.value))]
        return [(f"{since}**2", f"{as_formula(axiom.value)}+({as_formula(axiom.rate)})*{since}")]

    def _faces(self, axiom: Boundary) -> tuple[tuple[str, tuple[float, float]], ...]:
        assert not isinstance(axiom.face, Region)
        return tuple((self.symbols[place(n, self.inputs, axiom.word)], ends) for n, ends in axiom.face)


def additive(axioms: Sequence[Axiom]) -> bool:
    """Whether inputs must be kept apart, so that features of several raw inputs are in the way."""
    return any(isinstance(axiom, (Additive, NoInteraction)) for axiom in axioms)
