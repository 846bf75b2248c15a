"""Building blocks of penalties: functions that vanish where an axiom holds.

Values are divided by the standard deviation of the output, derivatives also multiplied by the range of the input, so that 1
always is one standard deviation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from torch import Tensor

from splinework.errors import ConfigError
from splinework.knowledge.axioms.axiom import Axiom, Name, place
from splinework.knowledge.axioms.sampling import PenaltyContext
from splinework.knowledge.axioms.statements import Model
from splinework.nn.derivatives import partials

Function = Callable[..., Tensor]
"""`function(model, x)`, or `function(model, x, data)` where there are data: the violation `(B, columns)` at rows `(B, I)`."""


@final
@dataclass(frozen=True, eq=False)
class AxiomPenalty:
    """A violation as a function, its points `(N, I)`, data at the points `(N, …)`, and whether all rows give a single value."""

    function: Function
    points: Tensor
    data: Tensor | None = None
    coupled: bool = False

    @classmethod
    def of(
        cls, size: Tensor, wrong: Function, points: Tensor, data: Tensor | None = None, *, coupled: bool = False
    ) -> "AxiomPenalty":
        """The penalty of a violation divided by its scale `(columns,)`."""
        return cls(lambda *given: scaled(wrong(*given), size), points, data, coupled)


def derivative_penalty(
    axiom: Axiom, context: PenaltyContext, along: tuple[Name, ...], violation: Callable[[Tensor], Tensor]
) -> AxiomPenalty:
    """The penalty on a derivative of the outputs.

    Args:
        axiom: The axiom.
        context: Names, box and points.
        along: The inputs of the derivative, each as often as it is taken.
        violation: Maps the derivative, `(B, J)`, to a quantity that vanishes where the axiom holds.
    """
    inputs, outputs = tuple(context.input(name, axiom) for name in along), context.outputs(axiom)
    size = context.spread[outputs] / context.width[list(inputs)].prod()
    return AxiomPenalty.of(size, lambda model, x: violation(slopes(model, x, outputs, inputs)[0]), context.points)


def negative_part(sign: float) -> Callable[[Tensor], Tensor]:
    """The violation of `sign · value >= 0`."""
    return lambda value: (-sign * value).clamp_min(0)


def paired_penalty(
    axiom: Axiom, context: PenaltyContext, points: Tensor, partner: Tensor, sign: float = 1.0
) -> AxiomPenalty:
    """The penalty `f(x) - sign f(partner of x)`."""
    outputs = context.outputs(axiom)

    def apart(model: Model, x: Tensor, other: Tensor) -> Tensor:
        return values(model, x, outputs) - sign * values(model, other, outputs)

    return AxiomPenalty.of(context.spread[outputs], apart, points, partner)


def matched_penalty(context: PenaltyContext, outputs: list[int], points: Tensor, wanted: Tensor) -> AxiomPenalty:
    """The penalty on the difference to given values, `(N, 1)` or `(N, len(outputs))`."""
    spread = context.spread[outputs]
    return AxiomPenalty.of(spread, lambda model, x, data: values(model, x, outputs) - data, points, wanted)


def outputs_together(axiom: Axiom, names: tuple[Name, ...], context: PenaltyContext) -> tuple[list[int], Tensor]:
    """The outputs of an axiom that relates several, and the root mean square of their standard deviations."""
    outputs = several(names, context.output_names, axiom.word)
    return outputs, context.spread[outputs].square().mean().sqrt()


def several(names: tuple[Name, ...], known: tuple[str, ...], word: str) -> list[int]:
    """Indices of the named outputs, or of all; raises ConfigError if there are fewer than two, or one does not exist."""
    found = [place(name, known, word, "output") for name in names or known]
    if len(found) < 2:
        raise ConfigError(f"{word} relates several outputs, but the model has only {', '.join(known)}.")
    return found


def values(model: Model, x: Tensor, outputs: list[int]) -> Tensor:
    """Some of the model's outputs, `(B, len(outputs))`."""
    found: Tensor = model(x)
    return found[:, outputs]


def slopes(model: Model, x: Tensor, outputs: list[int], *wanted: tuple[int, ...]) -> list[Tensor]:
    """Derivatives of some outputs, `(B, len(outputs))` each."""
    return [each[:, outputs] for each in partials(model, x, *wanted)]


def scaled(value: Tensor, size: Tensor) -> Tensor:
    """A value divided by its scale."""
    return value / size.to(value)


def moved(x: Tensor, i: int, value: Tensor) -> Tensor:
    """Points with one input replaced."""
    result = x.clone()
    result[:, i] = value
    return result
