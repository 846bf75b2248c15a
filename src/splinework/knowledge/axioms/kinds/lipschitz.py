"""Lipschitz bounds."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import torch
from torch import Tensor

from splinework.errors.foreign import explained_record
from splinework.knowledge.axioms.axiom import Axiom, Name
from splinework.knowledge.axioms.facts import SlopeBound
from splinework.knowledge.axioms.fields import number, several
from splinework.knowledge.axioms.linear import LinearCondition, sign_along
from splinework.knowledge.axioms.penalties import AxiomPenalty, slopes
from splinework.knowledge.axioms.sampling import PenaltyContext
from splinework.knowledge.axioms.statements import Model

if TYPE_CHECKING:
    from splinework.knowledge.axioms.interfaces import Claim, ClaimResult, Codes, Draft, EdgeRules, Environment, Subject


@explained_record
@final
@dataclass(frozen=True)
class Lipschitz(Axiom):
    """The slope along each of the inputs is bounded, in raw units: `|∂f/∂x| ≤ constant`.

    Attributes:
        constant: The bound, positive.
        along: The inputs, by name or index; empty for all.
        strength, domain, output: See `Axiom`.

    Example:
        >>> Lipschitz(2, ("x",)).text()
        "lipschitz(2.0, along=('x',))"
    """

    constant: float = field(metadata=number("the constant of lipschitz", positive=True))
    along: tuple[Name, ...] = field(default=(), metadata=several(empty=True))

    word: ClassVar[str] = "lipschitz"
    gathers: ClassVar[int] = 1
    inequality: ClassVar[bool] = True
    trivial_if_irrelevant: ClassVar[bool] = True
    built_by: ClassVar[frozenset[str]] = frozenset({"shape", "steepness"})
    linear_inputs: ClassVar[bool] = True
    max_classes_on_scores: ClassVar[float] = 2
    sign_invariant: ClassVar[bool] = True

    def facts(self) -> Sequence[SlopeBound]:
        return (SlopeBound(self, self.along, self.constant),)

    def canonical(self) -> Axiom:
        return replace(super().canonical(), along=tuple(sorted(self.along, key=str)))  # type: ignore[call-arg]

    def penalty(self, context: PenaltyContext) -> AxiomPenalty:
        inputs = [context.input(name, self) for name in self.along] or list(range(len(context.input_names)))
        outputs = context.outputs(self)
        size = torch.cat([context.spread[outputs] / context.width[i] for i in inputs])

        def beyond(model: Model, x: Tensor) -> Tensor:
            found = torch.cat(slopes(model, x, outputs, *((i,) for i in inputs)), dim=-1)
            return (found.abs() - self.constant).clamp_min(0)

        return AxiomPenalty.of(size, beyond, context.points)

    def claims(self, subject: "Subject") -> "list[Claim]":
        def claims_along(i: int) -> "list[Claim]":
            def room(j: int, env: "Environment") -> Any:
                return env.apply("sub", self.constant, env.apply("abs", env.partial(j, (i,))))

            x, most = subject.inputs[i], self.constant
            return subject.claims(self, lambda name: f"|d {name}/d {x}| <= {most!r}", room, along=(i,), scale=most)

        along = [subject.input(name, self) for name in self.along] or list(range(len(subject.inputs)))
        by_input = [claims_along(i) for i in along]
        return [claim for claims in zip(*by_input, strict=True) for claim in claims]

    def integer_claims(self, codes: "Codes", output: int) -> "list[ClaimResult]":
        j, found = output, []
        for i in [codes.input(name, self) for name in self.along] or range(len(codes.inputs)):
            what = (
                f"{codes.outputs[j]} changes by at most {self.constant!r} per unit of {codes.inputs[i]}, code by code"
            )
            ratio, steps = abs(codes.step_ratio(i, j)), codes.differences(i, j)
            slack = None if steps is None else self.constant - ratio * np.abs(steps)
            bound = self.constant - ratio * float(codes.steps(i)[j])
            found.append(codes.decide(codes.result(self, what), slack, bound=bound))
        return found

    def linear_conditions(self, context: PenaltyContext, column: int) -> list[LinearCondition]:
        along = self.along or range(len(context.input_names))
        return [sign_along(name, self, context, 1, sign, self.constant) for name in along for sign in (1.0, -1.0)]

    def edge_rules(self, draft: "Draft", rules: "EdgeRules") -> None:
        draft.check_all_outputs(self)
        rules.steep |= {draft.of(self, i) for i in draft.at(self) or range(len(draft.inputs))}
