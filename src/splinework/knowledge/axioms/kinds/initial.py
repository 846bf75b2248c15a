"""Initial conditions.

`f(x, t₀) = g(x)`, and `∂f/∂t = h(x)` there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, final

import torch
from torch import Tensor

from splinework.errors.foreign import explained_record
from splinework.knowledge.axioms.axiom import SingleInputAxiom, Value
from splinework.knowledge.axioms.facts import FaceValue
from splinework.knowledge.axioms.fields import FORMULA, number, value_of
from splinework.knowledge.axioms.linear import LinearCondition, from_penalty
from splinework.knowledge.axioms.penalties import AxiomPenalty, matched_penalty, slopes
from splinework.knowledge.axioms.realise.formulas import as_formula
from splinework.knowledge.axioms.sampling import PenaltyContext, formula, on_faces
from splinework.knowledge.axioms.statements import Model

if TYPE_CHECKING:
    from splinework.knowledge.axioms.interfaces import Claim, Draft, Subject


@explained_record
@final
@dataclass(frozen=True)
class Initial(SingleInputAxiom):
    """An initial condition: given values at the first value of the time.

    Attributes:
        input: The time, by name or index.
        at: Its first value.
        value: A number, or a formula in the other inputs.
        rate: The first derivative in time there, or None.
        strength, domain, output: See `Axiom`.

    Example:
        >>> Initial("t", 0, "sin(pi*x)").text()
        "initial('t', value='sin(pi*x)')"
    """

    at: float = field(default=0.0, metadata=number("the start of initial"))
    value: Value = field(default=0.0, metadata=FORMULA)
    rate: Value | None = field(
        default=None, metadata={"check": lambda rate, word: None if rate is None else value_of(rate, f"{word} (rate)")}
    )

    word: ClassVar[str] = "initial"
    built_by: ClassVar[frozenset[str]] = frozenset({"ansatz"})

    def facts(self) -> Sequence[FaceValue]:
        return (FaceValue(self, self.input, self.at, self.value, self.rate, start=True),)

    def times(self, sign: int) -> "Initial | None":
        """None for formulas, which name inputs."""
        if isinstance(self.value, str) or isinstance(self.rate, str):
            return None
        return replace(self, value=sign * self.value, rate=None if self.rate is None else sign * self.rate)

    def penalty(self, context: PenaltyContext) -> AxiomPenalty:
        i, outputs = context.input(self.input, self), context.outputs(self)
        points = on_faces(context.points, [(i, self.at)])
        value = formula(self.value, context.input_names)(points)[:, None]
        if self.rate is None:
            return matched_penalty(context, outputs, points, value)
        rate = formula(self.rate, context.input_names)(points)[:, None]
        size = context.spread[outputs]

        def apart(model: Model, x: Tensor, data: Tensor) -> Tensor:
            y, slope = slopes(model, x, outputs, (), (i,))
            return torch.cat([y - data[:, :1], slope - data[:, 1:]], dim=-1)

        sizes = torch.cat([size, size / context.width[i]])
        return AxiomPenalty.of(sizes, apart, points, torch.cat([value, rate], dim=-1))

    def linear_conditions(self, context: PenaltyContext, column: int) -> list[LinearCondition]:
        return [from_penalty(replace(self, rate=None), context)]

    def claims(self, subject: "Subject") -> "list[Claim]":
        i = subject.input(self.input, self)
        found = subject.on_face(self, i, self.at, self.value)
        return found if self.rate is None else found + subject.on_face(self, i, self.at, self.rate, (i,))

    def draft_answers(self, draft: "Draft") -> None:
        since = f"({draft.symbols[draft.place(self.input, self)]}-({self.at!r}))"
        part = (since, as_formula(self.value))
        if self.rate is not None:
            part = (f"{since}**2", f"{as_formula(self.value)}+({as_formula(self.rate)})*{since}")
        for j in draft.outputs_of(self):
            draft.fixed[j].append(part)
