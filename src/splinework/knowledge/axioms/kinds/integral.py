"""Integrals and moments."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.errors.foreign import explained_record
from splinework.knowledge.axioms.axiom import Ranges, outputs_of, place, ranges_of
from splinework.knowledge.axioms.facts import IntegralValue
from splinework.knowledge.axioms.fields import number, text
from splinework.knowledge.axioms.linear import LinearAxiom
from splinework.knowledge.axioms.penalties import AxiomPenalty, values
from splinework.knowledge.axioms.quadrature import cells, gauss
from splinework.knowledge.axioms.sampling import PenaltyContext, formula
from splinework.knowledge.axioms.statements import Model
from splinework.nn.frame import Expression

if TYPE_CHECKING:
    from splinework.knowledge.axioms.interfaces import Claim, Define, Subject
    from splinework.nn.frame import FramedKAN


@explained_record
@final
@dataclass(frozen=True)
class Integral(LinearAxiom):
    """An integral over a box, or with a weight w a moment: `∫ w f dx = equals`.

    Attributes:
        equals: The value.
        over: Ranges of all inputs; None for the box of the grids.
        weight: The weight w, a formula in the inputs.
        strength, domain, output: See `Axiom`.

    Example:
        >>> Integral(1, over={"x": (0, 2)}, weight="x").text()
        "integral(1.0, over=(('x', (0.0, 2.0)),), weight='x')"
    """

    equals: float = field(metadata=number("the value of an integral"))
    over: Ranges | None = field(default=None, metadata={"check": lambda over, _: None if over is None else _box(over)})
    weight: str = field(default="1", metadata=text("the weight of an integral is a formula in the inputs"))

    word: ClassVar[str] = "integral"
    corrected: ClassVar[bool] = True
    of_all_inputs: ClassVar[bool] = True
    built_by: ClassVar[frozenset[str]] = frozenset({"offset"})

    def facts(self) -> Sequence[IntegralValue]:
        return (IntegralValue(self, self.equals, self.over, self.weight),)

    def penalty(self, context: PenaltyContext) -> AxiomPenalty:
        """The difference to the integral divided by that of the weight: a single row for all points."""
        outputs = context.outputs(self)
        box = context.box.clone()
        if self.over is not None:
            ranges = {context.input(name, self): ends for name, ends in self.over}
            if len(ranges) < len(box) or not all(math.isfinite(end) for ends in ranges.values() for end in ends):
                raise ConfigError(
                    f"{self} needs a finite range for every input, {', '.join(context.input_names)}; omit over for the box of "
                    "the grids."
                )
            for i, ends in ranges.items():
                box[i] = torch.tensor(ends, dtype=torch.float64)
        points, weights = cells(box, context.seed)
        weights = weights * formula(self.weight, context.input_names)(points)
        size = context.spread[outputs] * weights.abs().sum()

        def off(model: Model, x: Tensor, data: Tensor) -> Tensor:
            return (data * values(model, x, outputs)).sum(dim=0, keepdim=True) - self.equals

        return AxiomPenalty.of(size, off, points, weights[:, None], coupled=True)

    def claims(self, subject: "Subject") -> "list[Claim]":
        """The integrand; its integral is enclosed by `verify.integrals`."""
        weight = Expression(self.weight, subject.inputs)
        lo, hi = subject.lo.copy(), subject.hi.copy()
        for name, (low, high) in self.over or ():
            i = place(name, subject.inputs, self.word)
            lo[i], hi[i] = low, high

        def define(j: int) -> "Define":
            return lambda env: env.apply("mul", env.run(weight, env.x), env.partial(j, ()))

        found = []
        for j in subject.outputs_of(self):
            spread = float(subject.spread[j]) * float(np.prod(hi - lo))
            text = f"the integral of {self.weight} * {subject.outputs[j]} == {self.equals!r}"
            tolerance = subject.tolerance(max(spread, abs(self.equals)), equal=True)
            claim = subject.claim(self, text, define(j), tolerance=tolerance, scale=spread, total=self.equals)
            claim.lo[:], claim.hi[:] = lo, hi
            found.append(claim)
        return found

    def corrections(self, model: "FramedKAN", box: Sequence[tuple[float, float]]) -> list[tuple[int, str, float]]:
        """A constant that makes the model fulfil the integral."""
        found = list(box)
        for name, ends in self.over or ():
            found[place(name, model.input_names, self.word)] = ends
        if not all(math.isfinite(low) and math.isfinite(high) for low, high in found):
            raise ConfigError(f"{self.text()} needs a finite range of every input.")
        x, weights = (torch.from_numpy(each).to(model.network.kan_layers[0].coefficients) for each in gauss(found))
        density = Expression(self.weight, model.frame.symbols).of(x) * weights
        total = float(density.sum())
        if total == 0:
            raise ConfigError(
                f"the weight of {self.text()} has the integral 0, so no constant can meet it; make it soft."
            )
        value = density @ model(x)
        return [(j, "1", (self.equals - float(value[j])) / total) for j in outputs_of(self, model.output_names)]


def _box(given: Any) -> Ranges:
    return ranges_of(given, "integral takes over={'x': (0, 1)}, a finite range for every input")
