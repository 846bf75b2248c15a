"""Relations between outputs: shares of one, or an order.

`Σ_j f_j(x) = 1`, or `f_1(x) ≤ f_2(x) ≤ …`.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, final

from splinework.errors import ConfigError
from splinework.errors.foreign import explained_record
from splinework.knowledge.axioms.axiom import Axiom, Name, is_name, place
from splinework.knowledge.axioms.facts import OutputRelation, ValueBounds, facts_of
from splinework.knowledge.axioms.fields import several
from splinework.knowledge.axioms.penalties import AxiomPenalty, outputs_together, values
from splinework.knowledge.axioms.realise.draft import TRANSITION_WIDTH
from splinework.knowledge.axioms.sampling import PenaltyContext

if TYPE_CHECKING:
    from splinework.knowledge.axioms.interfaces import Claim, Define, Draft, Environment, Subject


@dataclass(frozen=True)
class _OutputsAxiom(Axiom):
    """The base class of axioms that relate several outputs."""

    outputs: tuple[Name, ...] = field(default=(), metadata=several(least=2, empty=True))

    gathers: ClassVar[int] = 0
    of_outputs: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.output is not None or not all(map(is_name, self.outputs)):
            raise ConfigError(f"{self.word} takes outputs=(…), got output={self.output!r}.")

    def among(self, known: Sequence[str]) -> list[int]:
        """Indices of the outputs."""
        return [place(name, known, self.word, "output") for name in self.outputs or known]

    def _drafted(self, draft: "Draft") -> list[int]:
        among = self.among(draft.outputs)
        if len(among) < 2:
            raise ConfigError(f"{self.word} relates several outputs, but the model has {len(draft.outputs)}.")
        return among


@explained_record
@final
@dataclass(frozen=True)
class SumToOne(_OutputsAxiom):
    """The outputs add up to one; if they are also positive, they are shares.

    Attributes:
        outputs: The outputs, by name or index; empty for all.
        strength, domain, output: See `Axiom`; `output` is not used.

    Example:
        >>> SumToOne().text()
        'sum_to_one()'
    """

    word: ClassVar[str] = "sum_to_one"
    built_by: ClassVar[frozenset[str]] = frozenset({"link", "shares"})

    def facts(self) -> Sequence[OutputRelation]:
        return (OutputRelation(self, self.outputs, shares=True),)

    def on_scores(self, classes: int) -> tuple[Axiom, ...]:
        return ()

    def penalty(self, context: PenaltyContext) -> AxiomPenalty:
        outputs, size = outputs_together(self, self.outputs, context)
        return AxiomPenalty.of(
            size, lambda model, x: values(model, x, outputs).sum(-1, keepdim=True) - 1, context.points
        )

    def claims(self, subject: "Subject") -> "list[Claim]":
        among = self.among(subject.outputs)

        def define(env: "Environment") -> Any:
            total = env.partial(among[0], ())
            for j in among[1:]:
                total = env.apply("add", total, env.partial(j, ()))
            return env.minus_distance(total, 1.0)

        text = " + ".join(subject.outputs[j] for j in among) + " == 1"
        return [subject.claim(self, text, define, tolerance=subject.tolerance(1.0, equal=True), scale=1.0)]

    def draft_features(self, draft: "Draft") -> None:
        draft.shares = True

    def draft_answers(self, draft: "Draft") -> None:
        among = self._drafted(draft)
        z = [draft.answers[j] for j in among]
        bounds = facts_of(draft.axioms, ValueBounds)
        if any(each.low not in (-math.inf, 0.0) or each.high < 1 for each in bounds):
            raise ConfigError("shares are hard with lower=0 and upper=1 or more only; make other bounds soft.")
        for number, j in enumerate(among):
            if any(math.isfinite(each.low) for each in bounds):
                ratios = [f"exp({other}-({z[number]}))" for other in z if other != z[number]]
                draft.answers[j] = f"1/(1+{'+'.join(ratios)})"
            else:
                draft.answers[j] = f"{z[number]}+(1-({'+'.join(z)}))/{len(z)}"


@explained_record
@final
@dataclass(frozen=True)
class Ordered(_OutputsAxiom):
    """Each output is at least as large as the one before, as for quantiles.

    Attributes:
        outputs: The outputs, by name or index; empty for all.
        strength, domain, output: See `Axiom`; `output` is not used.

    Example:
        >>> Ordered(("q10", "q50", "q90")).text()
        "ordered(('q10', 'q50', 'q90'))"
    """

    word: ClassVar[str] = "ordered"
    built_by: ClassVar[frozenset[str]] = frozenset({"link", "steps"})

    def facts(self) -> Sequence[OutputRelation]:
        return (OutputRelation(self, self.outputs, shares=False),)

    def penalty(self, context: PenaltyContext) -> AxiomPenalty:
        outputs, size = outputs_together(self, self.outputs, context)
        return AxiomPenalty.of(size, lambda model, x: (-values(model, x, outputs).diff()).clamp_min(0), context.points)

    def claims(self, subject: "Subject") -> "list[Claim]":
        def define(less: int, more: int) -> "Define":
            return lambda env: env.apply("sub", env.partial(more, ()), env.partial(less, ()))

        found = []
        for one, other in itertools.pairwise(self.among(subject.outputs)):
            spread = float(max(subject.spread[one], subject.spread[other]))
            text = f"{subject.outputs[one]} <= {subject.outputs[other]}"
            found.append(
                subject.claim(self, text, define(one, other), tolerance=subject.tolerance(spread), scale=spread)
            )
        return found

    def draft_answers(self, draft: "Draft") -> None:
        for before, j in itertools.pairwise(self._drafted(draft)):
            width = TRANSITION_WIDTH * draft.spread[j]
            draft.answers[j] = f"{draft.answers[before]}+{width!r}*softplus({draft.answers[j]}/{width!r})"
