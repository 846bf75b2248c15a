"""Interpolation conditions.

`f(x_n) = y_n` at some points.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, final

import numpy as np
import torch

from splinework.errors import ConfigError
from splinework.errors.foreign import explained_record
from splinework.knowledge.axioms.axiom import Axiom, outputs_of
from splinework.knowledge.axioms.facts import PointValues
from splinework.knowledge.axioms.fields import log_odds, number_of
from splinework.knowledge.axioms.linear import LinearCondition
from splinework.knowledge.axioms.penalties import AxiomPenalty, matched_penalty
from splinework.knowledge.axioms.sampling import PenaltyContext
from splinework.nn.frame import Expression

if TYPE_CHECKING:
    from splinework.knowledge.axioms.interfaces import Claim, Subject
    from splinework.nn.frame import FramedKAN

MAX_BUMP_WIDTH: Final = 0.25
"""The maximum width of a bump as a share of an input's range; narrower if points are close to each other."""


@explained_record
@final
@dataclass(frozen=True)
class Through(Axiom):
    """The function takes given values at given points.

    Attributes:
        points: Rows of all inputs, in raw units, in the order of the model's inputs.
        values: One number, or one row of all outputs, per point.
        strength, domain, output: See `Axiom`.

    Example:
        >>> Through([(0, 0)], [1]).text()
        'through(((0.0, 0.0),), values=((1.0,),))'
    """

    points: tuple[tuple[float, ...], ...]
    values: tuple[tuple[float, ...], ...] = ()

    word: ClassVar[str] = "through"
    corrected: ClassVar[bool] = True
    built_by: ClassVar[frozenset[str]] = frozenset({"bumps"})

    def __post_init__(self) -> None:
        super().__post_init__()
        points, values = _rows(self.points, "points"), _rows(self.values, "values")
        if len(points) != len(values) or not points:
            raise ConfigError(
                f"through takes as many values as points, at least one; got {len(points)} points and {len(values)} values."
            )
        if len(set(map(len, points))) > 1 or len(set(map(len, values))) > 1:
            raise ConfigError("all points of through have as many inputs, and all values as many outputs.")
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "values", values)

    def facts(self) -> Sequence[PointValues]:
        return (PointValues(self, self.points, self.values),)

    def on_scores(self, classes: int) -> "tuple[Through, ...] | None":
        if classes > 2:
            return None
        odds = tuple(tuple(log_odds(value, self.text()) for value in row) for row in self.values)
        return (replace(self, values=odds),)

    def encoded(self, encode: Callable[[Any], Any] | None, columns: int) -> "Through":
        if encode is None or len(self.points[0]) != columns:
            raise ConfigError(
                f"the points of through are rows of all {columns} columns, which must be numbers without gaps; leave out other "
                "columns, or the axiom."
            )
        return replace(self, points=encode(np.asarray(self.points, dtype=np.float64)).tolist())

    def penalty(self, context: PenaltyContext) -> AxiomPenalty:
        outputs = context.outputs(self)
        points = torch.tensor(self.points, dtype=torch.float64)
        wanted = torch.tensor(self.values, dtype=torch.float64)
        if points.shape[1] != len(context.input_names) or wanted.shape[1] != len(outputs):
            raise self._misfit(len(context.input_names), len(outputs))
        return matched_penalty(context, outputs, points, wanted)

    def linear_conditions(self, context: PenaltyContext, column: int) -> list[LinearCondition]:
        points, wanted = (torch.tensor(each, dtype=torch.float64) for each in (self.points, self.values))
        return [LinearCondition(lambda f, _: f(points), -wanted[:, column], True)]

    def claims(self, subject: "Subject") -> "list[Claim]":
        """The difference to the value at every point."""
        outputs, inputs = subject.outputs_of(self), len(subject.inputs)
        if len(self.points[0]) != inputs or len(self.values[0]) not in (1, len(outputs)):
            raise self._misfit(inputs, len(outputs))

        def claims_at(point: tuple[float, ...], row: tuple[float, ...]) -> "list[Claim]":
            values = dict(zip(outputs, row * len(outputs) if len(row) == 1 else row, strict=True))
            named = {subject.outputs[j]: value for j, value in values.items()}
            shown = ", ".join(f"{v:g}" for v in point)

            claims = subject.equal(self, lambda name: f"{name}({shown}) == {named[name]!r}", lambda j, env: values[j])
            return [replace(claim, lo=np.array(point), hi=np.array(point)) for claim in claims]

        pairs = zip(self.points, self.values, strict=True)
        return [claim for point, row in pairs for claim in claims_at(point, row)]

    def corrections(self, model: "FramedKAN", box: Sequence[tuple[float, float]]) -> list[tuple[int, str, float]]:
        """Bumps around the points, with factors that make the model take the values."""
        names, outputs = model.frame.symbols, model.outputs
        if len(self.points[0]) != len(names) or len(self.values[0]) not in (1, outputs):
            raise ConfigError(
                f"points of through have {len(names)} inputs and values 1 or {outputs} outputs, got {len(self.points[0])} and "
                f"{len(self.values[0])}."
            )
        points = np.array(self.points)
        scaled = points / np.array([high - low for low, high in box])
        apart = [float(np.linalg.norm(a - b)) for a, b in itertools.combinations(scaled, 2)]
        if apart and min(apart) == 0:
            raise ConfigError(f"two points of {self.word} coincide; give each once.")
        width = min([MAX_BUMP_WIDTH, *(0.5 * gap for gap in apart)])
        texts = [
            "exp(-("
            + "+".join(
                f"(({name}-({p!r}))/{width * (high - low)!r})**2"
                for name, p, (low, high) in zip(names, row, box, strict=True)
            )
            + "))"
            for row in points.tolist()
        ]
        at = torch.from_numpy(points).to(model.network.kan_layers[0].coefficients)
        bumps = torch.stack([Expression(text, names).of(at) for text in texts], dim=1)
        values = torch.tensor([list(row) * (outputs if len(row) == 1 else 1) for row in self.values]).to(at)
        factors = torch.linalg.solve(bumps, values - model(at))
        wanted = outputs_of(self, model.output_names)
        return [(j, text, float(factors[n, j])) for j in wanted for n, text in enumerate(texts)]

    def _misfit(self, inputs: int, outputs: int) -> ConfigError:
        return ConfigError(
            f"through has points of {len(self.points[0])} numbers with {len(self.values[0])} values each; the model has "
            f"{inputs} inputs, and the axiom applies to {outputs} outputs."
        )


def _rows(given: Any, what: str) -> tuple[tuple[float, ...], ...]:
    given = given.tolist() if hasattr(given, "tolist") else given
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise ConfigError(f"{what} of through are rows of numbers, such as [(0, 1)], got {type(given).__name__}.")
    rows = []
    for row in given:
        listed = row if isinstance(row, Sequence) and not isinstance(row, str) else (row,)
        rows.append(tuple(number_of(value, f"a number in the {what} of through") for value in listed))
    return tuple(rows)
