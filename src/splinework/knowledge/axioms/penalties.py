"""What soft forms of axioms are made of: functions that vanish where the axiom holds.

Derivatives are counted per range of the input, values in spreads of the output, so that 1 is one standard deviation of the output
everywhere.
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
    """A function with its points `(N, I)`, what is known at them `(N, …)`, and whether all rows make one value."""

    function: Function
    points: Tensor
    data: Tensor | None = None
    coupled: bool = False

    @classmethod
    def of(
        cls, size: Tensor, wrong: Function, points: Tensor, data: Tensor | None = None, *, coupled: bool = False
    ) -> "AxiomPenalty":
        """What is wrong, a function as `function`, in units of a size, `(columns,)`."""
        return cls(lambda *given: scaled(wrong(*given), size), points, data, coupled)


def derivative_penalty(
    axiom: Axiom, context: PenaltyContext, along: tuple[Name, ...], violation: Callable[[Tensor], Tensor]
) -> AxiomPenalty:
    """What a derivative of the outputs violates.

    Args:
        axiom: The axiom.
        context: Where.
        along: The inputs of the derivative, each as often as it is taken.
        violation: From the derivative, `(B, J)`, to what vanishes where the axiom holds.
    """
    inputs, outputs = tuple(context.input(name, axiom) for name in along), context.outputs(axiom)
    size = context.spread[outputs] / context.width[list(inputs)].prod()
    return AxiomPenalty.of(size, lambda model, x: violation(slopes(model, x, outputs, inputs)[0]), context.points)


def negative_part(sign: float) -> Callable[[Tensor], Tensor]:
    """What is wrong with numbers that times the sign are not negative."""
    return lambda value: (-sign * value).clamp_min(0)


def paired_penalty(
    axiom: Axiom, context: PenaltyContext, points: Tensor, partner: Tensor, sign: float = 1.0
) -> AxiomPenalty:
    """The values at points less (plus, for a negative sign) those at their partners."""
    outputs = context.outputs(axiom)

    def apart(model: Model, x: Tensor, other: Tensor) -> Tensor:
        return values(model, x, outputs) - sign * values(model, other, outputs)

    return AxiomPenalty.of(context.spread[outputs], apart, points, partner)


def matched_penalty(context: PenaltyContext, outputs: list[int], points: Tensor, wanted: Tensor) -> AxiomPenalty:
    """The values at points less those that are wanted, `(N, 1)` or `(N, len(outputs))`."""
    spread = context.spread[outputs]
    return AxiomPenalty.of(spread, lambda model, x, data: values(model, x, outputs) - data, points, wanted)


def outputs_together(axiom: Axiom, names: tuple[Name, ...], context: PenaltyContext) -> tuple[list[int], Tensor]:
    """The outputs that an axiom on several speaks of, and the root mean square of their spreads.

    Raises:
        ConfigError: If there are fewer than two, or one does not exist.
    """
    outputs = several(names, context.output_names, axiom.word)
    return outputs, context.spread[outputs].square().mean().sqrt()


def several(names: tuple[Name, ...], known: tuple[str, ...], word: str) -> list[int]:
    """Numbers of the named outputs, all where none is named.

    Raises:
        ConfigError: If they are fewer than two, or one does not exist.
    """
    found = [place(name, known, word, "output") for name in names or known]
    if len(found) < 2:
        raise ConfigError(f"{word} speaks of several outputs, the model has {', '.join(known)} only.")
    return found


def values(model: Model, x: Tensor, outputs: list[int]) -> Tensor:
    """Some of the model's outputs, `(B, len(outputs))`."""
    found: Tensor = model(x)
    return found[:, outputs]


def slopes(model: Model, x: Tensor, outputs: list[int], *wanted: tuple[int, ...]) -> list[Tensor]:
    """Derivatives of some outputs, `(B, len(outputs))` each."""
    return [each[:, outputs] for each in partials(model, x, *wanted)]


def scaled(value: Tensor, size: Tensor) -> Tensor:
    """In units of a size."""
    return value / size.to(value)


def moved(x: Tensor, i: int, value: Tensor) -> Tensor:
    """Points with another value of one input."""
    result = x.clone()
    result[:, i] = value
    return result
