"""Convexity and concavity along an input."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, final

from splinework.errors.foreign import explained_record
from splinework.knowledge.axioms.axiom import SingleInputAxiom
from splinework.knowledge.axioms.evidence import LONG_STEP, MIN_EFFECT, DataEvidence, SuggestedAxiom, lower_rms
from splinework.knowledge.axioms.facts import CurvatureSign
from splinework.knowledge.axioms.linear import LinearCondition, sign_along
from splinework.knowledge.axioms.penalties import AxiomPenalty, derivative_penalty, negative_part
from splinework.knowledge.axioms.sampling import PenaltyContext

if TYPE_CHECKING:
    from splinework.knowledge.axioms.interfaces import Claim, Draft, EdgeRules, Subject

MAX_BEND_SHARE: Final = 0.16
"""The largest share of second differences with the opposite sign for a suggestion."""


@dataclass(frozen=True)
class _CurvatureAxiom(SingleInputAxiom):
    """The second derivative along an input has one sign."""

    sign: ClassVar[int]
    inequality: ClassVar[bool] = True
    trivial_if_irrelevant: ClassVar[bool] = True
    built_by: ClassVar[frozenset[str]] = frozenset({"shape", "bend"})
    linear_inputs: ClassVar[bool] = True
    max_classes_on_scores: ClassVar[float] = 2

    def facts(self) -> Sequence[CurvatureSign]:
        return (CurvatureSign(self, self.input, self.sign),)

    def times(self, sign: int) -> "_CurvatureAxiom":
        return (Convex if self.sign * sign > 0 else Concave)(self.input, **self.shared)

    def penalty(self, context: PenaltyContext) -> AxiomPenalty:
        return derivative_penalty(self, context, (self.input, self.input), negative_part(self.sign))

    def claims(self, subject: "Subject") -> "list[Claim]":
        i = subject.input(self.input, self)
        x, sign = subject.inputs[i], ">=" if self.sign > 0 else "<="
        return subject.signed(self, lambda name: f"d² {name}/d {x}² {sign} 0", (i, i), self.sign)

    def linear_conditions(self, context: PenaltyContext, column: int) -> list[LinearCondition]:
        return [sign_along(self.input, self, context, 2, self.sign)]

    @classmethod
    def suggestions(cls, evidence: DataEvidence) -> Iterator[SuggestedAxiom]:
        for i in evidence.relevant:
            if lower_rms(evidence.differences(i, 2, LONG_STEP)) > MIN_EFFECT / 2:
                axiom = cls(evidence.names[i])
                yield from evidence.one_sign(
                    axiom, i, 2, cls.sign, MAX_BEND_SHARE, "its curvature has the opposite sign by"
                )

    def edge_rules(self, draft: "Draft", rules: "EdgeRules") -> None:
        (rules.convex if self.sign > 0 else rules.concave).add(draft.single_feature(self, straight=True))


@explained_record
@final
@dataclass(frozen=True)
class Convex(_CurvatureAxiom):
    """Convex along an input, the others fixed: `f(½(a + b)) ≤ ½(f(a) + f(b))`, `∂²f/∂x² ≥ 0`.

    Attributes:
        input: The input, by name or index.
        strength, domain, output: See `Axiom`.

    Example:
        >>> Convex("dose").text()
        "convex('dose')"
    """

    word: ClassVar[str] = "convex"
    rank: ClassVar[int] = 1
    sign: ClassVar[int] = 1


@explained_record
@final
@dataclass(frozen=True)
class Concave(_CurvatureAxiom):
    """Concave along an input, the others fixed: `f(½(a + b)) ≥ ½(f(a) + f(b))`, `∂²f/∂x² ≤ 0`.

    Attributes:
        input: The input, by name or index.
        strength, domain, output: See `Axiom`.

    Example:
        >>> Concave("dose").text()
        "concave('dose')"
    """

    word: ClassVar[str] = "concave"
    rank: ClassVar[int] = 2
    sign: ClassVar[int] = -1
    linear_output: ClassVar[bool] = True
