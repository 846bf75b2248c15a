"""Periodicity along an input."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final, final

import numpy as np
import torch
from torch import Tensor

from splinework.errors.foreign import explained_record
from splinework.knowledge.axioms.axiom import SingleInputAxiom
from splinework.knowledge.axioms.evidence import (
    MAX_VIOLATION,
    MIN_EFFECT,
    DataEvidence,
    SuggestedAxiom,
    suggestion,
    upper_rms,
)
from splinework.knowledge.axioms.facts import Floats, Periodicity
from splinework.knowledge.axioms.fields import number
from splinework.knowledge.axioms.linear import LinearCondition, from_penalty
from splinework.knowledge.axioms.penalties import AxiomPenalty, moved, paired_penalty
from splinework.knowledge.axioms.sampling import PenaltyContext, with_partners

if TYPE_CHECKING:
    from splinework.knowledge.axioms.interfaces import Claim, Draft, Subject

_MAX_SHIFT: Final = 0.67
_PERIODS: Final = np.geomspace(0.1, _MAX_SHIFT, 120)
"""Candidate periods, as shares of the input's range."""


@explained_record
@final
@dataclass(frozen=True)
class Periodic(SingleInputAxiom):
    """Periodic along an input, for all of its values: `f(x + period) = f(x)`.

    Attributes:
        input: The input, by name or index.
        period: The period, positive; by default 2π.
        strength, domain, output: See `Axiom`.

    Example:
        >>> Periodic("hour", 24).text()
        "periodic('hour', period=24.0)"
    """

    period: float = field(default=2 * math.pi, metadata=number("the period", positive=True))

    word: ClassVar[str] = "periodic"
    rank: ClassVar[int] = 5
    trivial_if_irrelevant: ClassVar[bool] = True
    built_by: ClassVar[frozenset[str]] = frozenset({"wrap"})
    linear_inputs: ClassVar[bool] = True
    draft_order: ClassVar[int] = 2
    max_classes_on_scores: ClassVar[float] = math.inf
    sign_invariant: ClassVar[bool] = True

    def facts(self) -> Sequence[Periodicity]:
        return (Periodicity(self, self.input, self.period),)

    def penalty(self, context: PenaltyContext) -> AxiomPenalty:
        i = context.input(self.input, self)
        width = float(context.width[i])

        def shifted(x: Tensor, _: torch.Generator) -> Tensor:
            # Towards the middle of the box; beyond the box if it is shorter than a period.
            sign = torch.where(x[:, i] > context.box[i].mean(), -1.0, 1.0)
            return moved(x, i, x[:, i] + sign * self.period)

        if width <= self.period:
            edge = moved(context.points, i, context.box[i, 0].expand(len(context.points)))
            return paired_penalty(self, context, edge, moved(edge, i, edge[:, i] + self.period))
        return paired_penalty(self, context, *with_partners(context, shifted))

    def claims(self, subject: "Subject") -> "list[Claim]":
        i = subject.input(self.input, self)
        name = subject.inputs[i]
        move = subject.replaced(i, lambda env: env.apply("add", env.x[i], self.period))
        return subject.transformed(self, f"f({name}) == f({name} + {self.period!r})", move)

    def linear_conditions(self, context: PenaltyContext, column: int) -> list[LinearCondition]:
        width = float(context.width[context.input(self.input, self)])
        return [] if width < 1.1 * self.period else [from_penalty(self, context)]

    @classmethod
    def suggestions(cls, evidence: DataEvidence) -> Iterator[SuggestedAxiom]:
        for i in evidence.relevant:
            yield from _smallest_period(evidence, i)

    def draft_features(self, draft: "Draft") -> None:
        feature = draft.feature(self)
        feature.period = self.period
        if not feature.even:
            feature.centre = self.period / 2
        draft.wrap(feature, draft.symbols[draft.at(self)[0]])


def _smallest_period(evidence: DataEvidence, i: int) -> list[SuggestedAxiom]:
    """The smallest period of the function of which half is not a period."""
    width = float(evidence.width[i])

    def apart(period: float) -> Floats:
        return np.asarray(np.subtract(*evidence.moved(i, (0.0, period * width))))

    def far(period: float) -> float:
        # An error in the period accumulates over many periods.
        return upper_rms(apart(period)) + upper_rms(apart(max(int(_MAX_SHIFT / period), 1) * period))

    sizes = np.array([upper_rms(apart(period)) for period in _PERIODS])
    for k in range(1, len(_PERIODS) - 1):
        if sizes[k] <= min(sizes[k - 1], sizes[k + 1]) and sizes[k] < 6 * MAX_VIOLATION:
            from scipy.optimize import minimize_scalar  # only here: it takes long to load

            best = float(minimize_scalar(far, bounds=(_PERIODS[k - 1], _PERIODS[k + 1]), method="bounded").x)
            if upper_rms(apart(best)) < 2 * MAX_VIOLATION and upper_rms(apart(best / 2)) > 5 * max(
                upper_rms(apart(best)), MIN_EFFECT
            ):
                axiom = Periodic(evidence.names[i], float(f"{best * width:.3g}"))
                return [suggestion(axiom, apart(best), "after one period it differs by")]
    return []
