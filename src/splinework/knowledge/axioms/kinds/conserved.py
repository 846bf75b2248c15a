"""Conservation along a flow."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, final

import torch
from torch import Tensor

from splinework.errors.foreign import explained_record
from splinework.knowledge.axioms.axiom import Axiom, Name
from splinework.knowledge.axioms.fields import by_input
from splinework.knowledge.axioms.penalties import AxiomPenalty, slopes
from splinework.knowledge.axioms.sampling import PenaltyContext, formula
from splinework.knowledge.axioms.statements import Model
from splinework.nn.frame import Expression

if TYPE_CHECKING:
    from splinework.knowledge.axioms.interfaces import Claim, Environment, Subject


@explained_record
@final
@dataclass(frozen=True)
class Conserved(Axiom):
    """The output is constant along trajectories of a flow: `Σ_i ∂f/∂x_i dx_i/dt = 0`.

    Attributes:
        flow: The rate of every input as a formula in the inputs, such as `{"q": "p", "p": "-sin(q)"}`; inputs not named
            do not change.
        strength, domain, output: See `Axiom`.

    Example:
        >>> Conserved({"q": "p", "p": "-sin(q)"}).text()
        "conserved((('q', 'p'), ('p', '-sin(q)')))"
    """

    flow: tuple[tuple[Name, str], ...] = field(
        metadata=by_input("conserved takes a flow such as {'q': 'p', 'p': '-q'}")
    )

    word: ClassVar[str] = "conserved"
    no_hard_form: ClassVar[str] = "no construction conserves an arbitrary flow"

    def penalty(self, context: PenaltyContext) -> AxiomPenalty:
        """The rate along the flow, in standard deviations of the output per typical time to cross the box."""
        inputs = [context.input(name, self) for name, _ in self.flow]
        outputs = context.outputs(self)
        flow = torch.stack([formula(text, context.input_names)(context.points) for _, text in self.flow], dim=-1)
        pace = (flow / context.width[inputs]).square().sum(dim=-1).mean().sqrt().clamp_min(1e-300)

        def rate(model: Model, x: Tensor, data: Tensor) -> Tensor:
            found = torch.stack(slopes(model, x, outputs, *((i,) for i in inputs)), dim=-1)
            return (found * data[:, None, :]).sum(dim=-1)

        return AxiomPenalty.of(context.spread[outputs] * pace, rate, context.points, flow)

    def claims(self, subject: "Subject") -> "list[Claim]":
        """The rate along the flow."""
        flow = [(subject.input(name, self), Expression(text, subject.inputs)) for name, text in self.flow]

        def rate(j: int, env: "Environment") -> Any:
            total = env.number(0.0)
            for i, pace in flow:
                total = env.apply("add", total, env.apply("mul", env.partial(j, (i,)), env.run(pace, env.x)))
            return env.minus_distance(total, 0.0)

        slowest = min((i for i, _ in flow), key=subject.width)
        along = tuple((i,) for i, _ in flow)
        return subject.claims(
            self, lambda name: f"d {name}/dt == 0 along the flow", rate, along=(slowest,), equal=True, derivatives=along
        )
