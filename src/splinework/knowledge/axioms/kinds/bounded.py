"""Values between bounds."""

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, final

import numpy as np
import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.errors.foreign import explained_record
from splinework.knowledge.axioms.axiom import Axiom
from splinework.knowledge.axioms.evidence import DataEvidence, SuggestedAxiom
from splinework.knowledge.axioms.facts import Range, ValueBounds
from splinework.knowledge.axioms.fields import log_odds, number
from splinework.knowledge.axioms.linear import N_ROWS, N_STEPS, LinearCondition, spaced_rows
from splinework.knowledge.axioms.penalties import AxiomPenalty, values
from splinework.knowledge.axioms.sampling import PenaltyContext
from splinework.knowledge.axioms.statements import Model

if TYPE_CHECKING:
    from splinework.knowledge.axioms.interfaces import Claim, ClaimResult, Codes, Environment, Subject

MAX_DISTANCE_TO_ZERO: Final = 0.05
"""The largest minimum of a target that counts as close to zero, in its standard deviations."""


@dataclass(frozen=True)
class _BoundedAxiom(Axiom):
    """The base class of axioms that bound values."""

    inequality: ClassVar[bool] = True

    @property
    @abstractmethod
    def limits(self) -> Range:
        """The bounds, possibly infinite."""

    @property
    def _ends(self) -> list[tuple[float, int, str]]:
        """Each finite bound with its direction and its sign as text."""
        low, high = self.limits
        return [end for end in ((low, 1, ">="), (high, -1, "<=")) if math.isfinite(end[0])]

    def facts(self) -> Sequence[ValueBounds]:
        return (ValueBounds(self, *self.limits),)

    def times(self, sign: int) -> "_BoundedAxiom":
        low, high = (0.0 - end if math.isfinite(end) else None for end in self.limits)
        return self if sign > 0 else Bounded(high, low, **self.shared)

    def penalty(self, context: PenaltyContext) -> AxiomPenalty:
        outputs = context.outputs(self)

        def outside(model: Model, x: Tensor) -> Tensor:
            y = values(model, x, outputs)
            return sum(((sign * (end - y)).clamp_min(0) for end, sign, _ in self._ends), torch.zeros_like(y))

        return AxiomPenalty.of(context.spread[outputs], outside, context.points)

    def claims(self, subject: "Subject") -> "list[Claim]":
        def claims_at(end: float, sign: int, shown: str) -> "list[Claim]":
            def room(j: int, env: "Environment") -> Any:
                return (
                    env.apply("sub", env.partial(j, ()), end) if sign > 0 else env.apply("sub", end, env.partial(j, ()))
                )

            return subject.claims(self, lambda name: f"{name} {shown} {end!r}", room)

        by_end = [claims_at(*each) for each in self._ends]
        return [claim for claims in zip(*by_end, strict=True) for claim in claims]

    def integer_claims(self, codes: "Codes", output: int) -> "list[ClaimResult]":
        j = output
        low, high = np.sort(codes.decoded(j, np.array(codes.range()[j]))).tolist()
        every = codes.decoded(j, codes.values[..., j]) if codes.enumerable else None
        found = []
        for end, sign, shown in self._ends:
            result = codes.result(self, f"{codes.outputs[j]} {shown} {end!r}")
            slack = None if every is None else sign * (every - end)
            found.append(codes.decide(result, slack, bound=low - end if sign > 0 else end - high))
        return found

    def linear_conditions(self, context: PenaltyContext, column: int) -> list[LinearCondition]:
        rows = spaced_rows(context, N_STEPS * N_ROWS)

        def condition(end: float, sign: int) -> LinearCondition:
            offset = torch.full((len(rows),), -sign * end, dtype=torch.float64)
            return LinearCondition(lambda f, _: sign * f(rows), offset, False)

        return [condition(end, sign) for end, sign, _ in self._ends]


@explained_record
@final
@dataclass(frozen=True)
class Bounded(_BoundedAxiom):
    """Values lie between bounds: `lower ≤ f ≤ upper`.

    Attributes:
        lower: The lower bound, or None.
        upper: The upper bound, or None; at least one of the two is given.
        strength, domain, output: See `Axiom`.

    Example:
        >>> Bounded(0, 1).text()
        'bounded(0.0, upper=1.0)'
    """

    lower: float | None = field(default=None, metadata=number("lower of bounded", optional=True))
    upper: float | None = field(default=None, metadata=number("upper of bounded", optional=True))

    word: ClassVar[str] = "bounded"
    built_by: ClassVar[frozenset[str]] = frozenset({"link", "bounds"})

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lower is None and self.upper is None:
            raise ConfigError("bounded takes lower=, upper= or both, got neither.")
        if self.lower is not None and self.upper is not None and not self.lower < self.upper:
            raise ConfigError(f"bounded takes lower < upper, got {self.lower} and {self.upper}.")

    @property
    def limits(self) -> Range:
        return -math.inf if self.lower is None else self.lower, math.inf if self.upper is None else self.upper

    def on_scores(self, classes: int) -> "tuple[Bounded, ...] | None":
        low, high = self.limits
        if low <= 0 and high >= 1:
            return ()
        if classes > 2:
            return None
        lower = None if low <= 0 else log_odds(low, self.text())
        upper = None if high >= 1 else log_odds(high, self.text())
        return (replace(self, lower=lower, upper=upper),)

    @classmethod
    def suggestions(cls, evidence: DataEvidence) -> Iterator[SuggestedAxiom]:
        """Bounds 0, or 0 and 1, that the target approaches but never exceeds."""
        y = evidence.target
        few = f"none of {len(y)} rows lies outside, so fewer than {300 / len(y):.2g} % do (95 % confidence)"
        if y.min() >= 0 and y.max() <= 1 and y.min() < 0.02 and y.max() > 0.98:
            yield SuggestedAxiom(cls(0.0, 1.0), 0.0, few)
        elif 0 <= y.min() < MAX_DISTANCE_TO_ZERO * float(y.std()):
            yield SuggestedAxiom(Positive(), 0.0, few)


@explained_record
@final
@dataclass(frozen=True)
class Positive(_BoundedAxiom):
    """Values are not negative: `f ≥ 0`.

    Attributes:
        strength, domain, output: See `Axiom`.

    Example:
        >>> Positive(output="mass").text()
        "positive(output='mass')"
    """

    word: ClassVar[str] = "positive"
    built_by: ClassVar[frozenset[str]] = frozenset({"link", "sign"})

    @property
    def limits(self) -> Range:
        return 0.0, math.inf

    def on_scores(self, classes: int) -> "tuple[Axiom, ...]":
        return ()
