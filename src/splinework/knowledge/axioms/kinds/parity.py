"""Even and odd functions of an input, about a centre."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from splinework.errors.foreign import explained_record
from splinework.knowledge.axioms.axiom import SingleInputAxiom
from splinework.knowledge.axioms.evidence import DataEvidence, SuggestedAxiom, is_small, suggestion
from splinework.knowledge.axioms.facts import Parity
from splinework.knowledge.axioms.fields import number
from splinework.knowledge.axioms.linear import LinearCondition, from_penalty
from splinework.knowledge.axioms.penalties import AxiomPenalty, moved, paired_penalty
from splinework.knowledge.axioms.sampling import PenaltyContext, with_partners

if TYPE_CHECKING:
    from splinework.knowledge.axioms.interfaces import Claim, ClaimResult, Codes, Draft, EdgeRules, Subject


@dataclass(frozen=True)
class _ParityAxiom(SingleInputAxiom):
    """The base class: `f(centre - d) = sign f(centre + d)`."""

    centre: float = field(default=0.0, metadata=number("the centre"))

    sign: ClassVar[int]
    linear_inputs: ClassVar[bool] = True
    sign_invariant: ClassVar[bool] = True

    def facts(self) -> Sequence[Parity]:
        return (Parity(self, self.input, self.centre, self.sign),)

    def penalty(self, context: PenaltyContext) -> AxiomPenalty:
        i = context.input(self.input, self)
        points, partner = with_partners(context, lambda x, _: moved(x, i, 2 * self.centre - x[:, i]))
        return paired_penalty(self, context, points, partner, self.sign)

    def claims(self, subject: "Subject") -> "list[Claim]":
        i = subject.input(self.input, self)
        name, twice = subject.inputs[i], 2 * self.centre
        move = subject.replaced(i, lambda env: env.apply("sub", twice, env.x[i]))
        sign = "-" if self.sign < 0 else ""
        return subject.transformed(self, f"f({name}) == {sign}f({twice!r} - {name})", move, self.sign)

    def linear_conditions(self, context: PenaltyContext, column: int) -> list[LinearCondition]:
        low, high = map(float, context.box[context.input(self.input, self)])
        reach = min(high - self.centre, self.centre - low)
        return [from_penalty(self, context)] if reach > 0.1 * (high - low) else []

    @classmethod
    def suggestions(cls, evidence: DataEvidence) -> Iterator[SuggestedAxiom]:
        """Parity about zero, if the rows lie on both sides of it."""
        for i in evidence.relevant:
            low, high = evidence.function.low[i], evidence.function.high[i]
            if not min(-low, high) > 0.5 * max(-low, high):
                continue
            here, there = evidence.reflected(i)
            apart = here - cls.sign * there
            if is_small(apart):
                yield suggestion(cls(evidence.names[i]), apart, "the two sides differ by")


@explained_record
@final
@dataclass(frozen=True)
class Even(_ParityAxiom):
    """Even along an input: `f(centre - d) = f(centre + d)`.

    Attributes:
        input: The input, by name or index.
        centre: The centre of the reflection.
        strength, domain, output: See `Axiom`.

    Example:
        >>> Even("x", 1).text()
        "even('x', centre=1.0)"
    """

    word: ClassVar[str] = "even"
    rank: ClassVar[int] = 3
    sign: ClassVar[int] = 1
    trivial_if_irrelevant: ClassVar[bool] = True
    built_by: ClassVar[frozenset[str]] = frozenset({"mirror"})
    draft_order: ClassVar[int] = 2
    max_classes_on_scores: ClassVar[float] = math.inf

    def integer_claims(self, codes: "Codes", output: int) -> "list[ClaimResult]":
        i, j = codes.input(self.input, self), output
        wire, (lo, hi) = codes.model.inputs[i], codes.codes[i]
        what = f"{codes.outputs[j]} is even in {codes.inputs[i]} about {self.centre!r}, code by code"
        result = codes.result(self, what)
        twice = 2 * (self.centre - float(np.asarray(wire.decode(np.array([0])))[0])) / wire.step
        if abs(twice - round(twice)) > 1e-6:
            return [replace(result, reason="the centre is neither a code nor half way between two codes")]
        # The codes whose mirror images are codes, too.
        first, last = max(lo, round(twice) - hi), min(hi, round(twice) - lo)
        inside = np.arange(first, last + 1) - lo
        table = codes.model.layers[0].tables[i][codes.rows(i)]
        same = bool((table[inside] == table[inside[::-1]]).all())
        slack = None
        if codes.enumerable and len(inside):
            values = np.moveaxis(codes.values[..., j], i, 0)
            slack = np.moveaxis(-np.abs(values[inside] - values[inside[::-1]]), 0, i)
        return [codes.decide(result, slack, bound=0.0 if same else None, start=(i, first - lo))]

    def draft_features(self, draft: "Draft") -> None:
        feature = draft.feature(self)
        feature.even, feature.centre = True, self.centre
        if feature.period:
            draft.wrap(feature, draft.symbols[draft.at(self)[0]])


@explained_record
@final
@dataclass(frozen=True)
class Odd(_ParityAxiom):
    """Odd along an input: `f(centre - d) = -f(centre + d)`.

    Attributes:
        input: The input, by name or index.
        centre: The centre of the reflection.
        strength, domain, output: See `Axiom`.

    Example:
        >>> Odd("x", 1).text()
        "odd('x', centre=1.0)"
    """

    word: ClassVar[str] = "odd"
    rank: ClassVar[int] = 4
    sign: ClassVar[int] = -1
    built_by: ClassVar[frozenset[str]] = frozenset({"factor"})
    max_classes_on_scores: ClassVar[float] = 2

    def draft_answers(self, draft: "Draft") -> None:
        """An even function times the distance from the centre; with a single input, odd edges instead."""
        feature = draft.feature(self)
        if feature.period:
            raise draft.no_form(self, "the required factor is not periodic")
        if len(draft.inputs) > 1:
            feature.even, feature.centre = True, self.centre
            draft.times(self, f"({draft.symbols[draft.at(self)[0]]}-({self.centre!r}))")

    def edge_rules(self, draft: "Draft", rules: "EdgeRules") -> None:
        rules.odd = rules.odd or len(draft.inputs) == 1
