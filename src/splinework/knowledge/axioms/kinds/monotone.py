"""Monotonicity along an input."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final, final

import numpy as np

from splinework.errors.foreign import explained_record
from splinework.knowledge.axioms.axiom import SingleInputAxiom
from splinework.knowledge.axioms.evidence import DataEvidence, SuggestedAxiom
from splinework.knowledge.axioms.facts import SlopeSign
from splinework.knowledge.axioms.linear import LinearCondition, sign_along
from splinework.knowledge.axioms.penalties import AxiomPenalty, derivative_penalty, negative_part
from splinework.knowledge.axioms.sampling import PenaltyContext

if TYPE_CHECKING:
    from splinework.knowledge.axioms.interfaces import Claim, ClaimResult, Codes, Draft, EdgeRules, Subject

MAX_FALL_SHARE: Final = 0.12
"""The largest share of differences with the opposite sign for a suggestion."""


@explained_record
@final
@dataclass(frozen=True)
class Monotone(SingleInputAxiom):
    """The output never decreases as the input increases, the others fixed: `∂f/∂x ≥ 0`.

    Attributes:
        input: The input, by name or index.
        increasing: False if the output never increases instead: `∂f/∂x ≤ 0`.
        strength, domain, output: See `Axiom`.

    Example:
        >>> Monotone("age", increasing=False).text()
        "monotone('age', increasing=False)"
    """

    increasing: bool = True

    word: ClassVar[str] = "monotone"
    rank: ClassVar[int] = 0
    inequality: ClassVar[bool] = True
    trivial_if_irrelevant: ClassVar[bool] = True
    built_by: ClassVar[frozenset[str]] = frozenset({"shape", "growth"})
    max_classes_on_scores: ClassVar[float] = 2

    @property
    def sign(self) -> int:
        """The sign of the slope."""
        return 1 if self.increasing else -1

    def facts(self) -> Sequence[SlopeSign]:
        return (SlopeSign(self, self.input, self.sign),)

    def times(self, sign: int) -> "Monotone":
        return self if sign > 0 else replace(self, increasing=not self.increasing)

    def penalty(self, context: PenaltyContext) -> AxiomPenalty:
        return derivative_penalty(self, context, (self.input,), negative_part(self.sign))

    def claims(self, subject: "Subject") -> "list[Claim]":
        i = subject.input(self.input, self)
        sign = ">=" if self.increasing else "<="
        return subject.signed(self, lambda name: f"d {name}/d {subject.inputs[i]} {sign} 0", (i,), self.sign)

    def integer_claims(self, codes: "Codes", output: int) -> "list[ClaimResult]":
        i, j = codes.input(self.input, self), output
        sign = self.sign * int(np.sign(codes.step_ratio(i, j)))
        never = "falls" if self.increasing else "rises"
        result = codes.result(self, f"{codes.outputs[j]} never {never} with {codes.inputs[i]}, code by code")
        if int(codes.directions(i)[j]) in (0, sign):
            return [codes.decide(result, None, bound=0.0)]
        steps = codes.differences(i, j)
        return [codes.decide(result, None if steps is None else steps * sign)]

    def linear_conditions(self, context: PenaltyContext, column: int) -> list[LinearCondition]:
        return [sign_along(self.input, self, context, 1, self.sign)]

    @classmethod
    def suggestions(cls, evidence: DataEvidence) -> Iterator[SuggestedAxiom]:
        for i in evidence.relevant:
            for increasing in (True, False):
                axiom = cls(evidence.names[i], increasing)
                yield from evidence.one_sign(
                    axiom, i, 1, axiom.sign, MAX_FALL_SHARE, "it moves in the opposite direction by"
                )

    def edge_rules(self, draft: "Draft", rules: "EdgeRules") -> None:
        rules.rising[draft.single_feature(self)] = self.sign
