"""Dimensional homogeneity."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, final

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.errors.foreign import explained_record
from splinework.formula.units.buckingham import balance, power_text
from splinework.formula.units.parsing import parse_dimension, parse_units
from splinework.knowledge.axioms.axiom import Name
from splinework.knowledge.axioms.facts import UnitHomogeneity
from splinework.knowledge.axioms.fields import by_input
from splinework.knowledge.axioms.linear import LinearAxiom
from splinework.knowledge.axioms.penalties import AxiomPenalty, values
from splinework.knowledge.axioms.sampling import PenaltyContext, with_partners
from splinework.knowledge.axioms.statements import Model

if TYPE_CHECKING:
    from splinework.knowledge.axioms.interfaces import Claim, Draft, Environment, Subject

_MAX_RESCALING: Final = 2.0
"""The maximum factor by which base units are rescaled."""


@explained_record
@final
@dataclass(frozen=True)
class Units(LinearAxiom):
    """Dimensional homogeneity: the output scales with the base units as its own unit does (Buckingham 1914).

    Attributes:
        of_inputs: The unit of every input, such as `{"m": "kg", "v": "m/s"}`; `1` for a pure number.
        of_output: The unit of the output.
        strength, domain, output: See `Axiom`.

    Example:
        >>> Units({"m": "kg", "v": "m/s"}, "J").text()
        "units((('m', 'kg'), ('v', 'm/s')), of_output='J')"
    """

    of_inputs: tuple[tuple[Name, str], ...] = field(metadata=by_input("units takes {'m': 'kg', 'v': 'm/s'}, 'J'"))
    of_output: str = "1"

    word: ClassVar[str] = "units"
    of_all_inputs: ClassVar[bool] = True
    built_by: ClassVar[frozenset[str]] = frozenset({"monomial"})

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.of_output, str):
            raise ConfigError(f"the unit of the output is a text such as 'J', got {self.of_output!r}.")

    def facts(self) -> Sequence[UnitHomogeneity]:
        return (UnitHomogeneity(self, self.of_inputs, self.of_output),)

    def penalty(self, context: PenaltyContext) -> AxiomPenalty:
        """The difference of the values before and after rescaling the base units, both in the same units."""
        names = {context.input(name, self): context.read_unit(unit) for name, unit in self.of_inputs}
        output, outputs = context.read_unit(self.of_output), context.outputs(self)
        bases = sorted({base for powers in (*names.values(), output) for base in powers})
        inputs = len(context.input_names)
        every = [*(names.get(i, {}) for i in range(inputs)), output]
        powers = torch.tensor([[float(each.get(base, 0)) for each in every] for base in bases], dtype=torch.float64)
        powers = powers.reshape(len(bases), inputs + 1)

        def rescaled(x: Tensor, generator: torch.Generator) -> Tensor:
            draws = 2 * torch.rand(len(x), len(bases), generator=generator, dtype=x.dtype) - 1
            factors = (math.log(_MAX_RESCALING) * draws @ powers).exp()
            return torch.cat([x * factors[:, :-1], factors[:, -1:]], dim=-1)

        def apart(model: Model, x: Tensor, data: Tensor) -> Tensor:
            return values(model, data[:, :-1], outputs) / data[:, -1:] - values(model, x, outputs)

        return AxiomPenalty.of(context.spread[outputs], apart, *with_partners(context, rescaled))

    def claims(self, subject: "Subject") -> "list[Claim]":
        """The output scales as its own unit when base units are rescaled by 1/2 to 2."""
        powers = {subject.input(name, self): parse_dimension(unit) for name, unit in self.of_inputs}
        target = parse_dimension(self.of_output)
        inputs = len(subject.inputs)
        bases = sorted({unit for dimension in (*powers.values(), target) for unit, _ in dimension.exponents})

        def factor(env: "Environment", dimension: Any) -> Any:
            total = env.number(0.0)
            for number, base in enumerate(bases):
                total = env.apply("add", total, env.apply("mul", float(dimension[base]), env.x[inputs + number]))
            return env.apply("exp", total)

        def moved(env: "Environment") -> list[Any]:
            return [
                env.apply("mul", env.x[i], factor(env, powers[i])) if i in powers else env.x[i] for i in range(inputs)
            ]

        def off(j: int, env: "Environment") -> Any:
            return env.minus_distance(env.apply("mul", env.partial(j, ()), factor(env, target)), env.f(moved(env))[j])

        limit = math.log(_MAX_RESCALING)
        return subject.claims(
            self,
            lambda name: f"{name} scales as {self.of_output} when base units are rescaled by 1/2 to 2",
            off,
            equal=True,
            arguments=(moved,),
            extra=tuple((f"log of the scale of {unit}", (-limit, limit)) for unit in bases),
        )

    def draft_features(self, draft: "Draft") -> None:
        pairs = zip(draft.at(self), self.of_inputs, strict=True)
        units = parse_units({str(draft.inputs[i]): unit for i, (_, unit) in pairs})
        missing = [name for name in draft.inputs if name not in units]
        if missing:
            raise ConfigError(f"units needs the unit of every input; {missing[0]!r} has none ('1' for a pure number).")
        target = parse_units({"output": self.of_output})["output"]
        found = balance(units, target, name=draft.outputs[0] if len(draft.outputs) == 1 else "the output")
        spelt = dict(zip(draft.inputs, draft.symbols, strict=True))
        groups = [
            ({spelt[n]: p for n, p in group.items()}, [draft.inputs.index(n) for n in group]) for group in found.groups
        ]
        # Without groups the output is a constant times the product, and the network has a constant input.
        texts = [(power_text(powers), at) for powers, at in groups] or [(f"0*{draft.symbols[0]}", [0])]
        draft.features = []
        draft.add_features(texts)
        draft.monomial = power_text({spelt[n]: p for n, p in found.power.items()})
