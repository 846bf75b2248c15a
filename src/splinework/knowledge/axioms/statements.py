"""Relations about a model: their violation at points, differentiable in the model's parameters.

Each side is a formula over columns: inputs, free variables, coefficients, and model terms: an output, a derivative of it, or an
output at other inputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from splinework.errors import ShapeError
from splinework.formula.expression import Expression
from splinework.formula.reading import shortened
from splinework.formula.tensors import TENSORS
from splinework.nn.derivatives import partials
from splinework.nn.frame.framed import FramedKAN
from splinework.nn.network import KAN

Model = KAN | FramedKAN


@final
@dataclass(frozen=True)
class ModelTerm:
    """A term evaluated by the model: the derivative of an output along inputs, or (with arguments) the output at other inputs.

    Attributes:
        output: The index of the output.
        along: Indices of the inputs, sorted; empty for the value.
        arguments: One formula per input, over the columns and the preceding terms; empty for the point itself.
    """

    output: int
    along: tuple[int, ...] = ()
    arguments: tuple[Expression, ...] = ()


@final
@dataclass(frozen=True)
class Statement:
    """A relation with its names resolved.

    Attributes:
        text: The source text.
        inputs: Number of inputs of the model.
        free: Names of free variables, which range over the interval of an input.
        ranges: For each free variable the index of that input.
        unknowns: Names of coefficients.
        columns: Positions and names of the columns used: inputs, then free variables and coefficients.
        atoms: The model terms, in an order in which they can be evaluated.
        sides: The sides of the claim.
        signs: The signs between the sides.
        conditions: Pairs `(low, high)` of formulas; the claim is made where `low <= high` for all of them.
    """

    text: str
    inputs: int
    free: tuple[str, ...]
    ranges: tuple[int, ...]
    unknowns: tuple[str, ...]
    columns: tuple[tuple[int, str], ...]
    atoms: tuple[ModelTerm, ...]
    sides: tuple[Expression, ...]
    signs: tuple[str, ...]
    conditions: tuple[tuple[Expression, Expression], ...]

    def violation(
        self, model: Model, x: Tensor, free: Tensor | None = None, unknowns: Tensor | Sequence[float] = ()
    ) -> Tensor:
        """The violation of the relation at points.

        Args:
            model: The model.
            x: Points in raw units, `(B, inputs)`.
            free: Values of the free variables, `(B, free)`.
            unknowns: Values of the coefficients, in order.

        Returns:
            Left minus right of an equation, or the negative part of an inequality (summed over a chain), `(B,)`; 0 where a
            condition does not hold.

        Raises:
            ShapeError: If the numbers of free variables or coefficients do not match.
        """
        columns = self.column_values(x, free, unknowns)
        return self.violation_from(columns, self.values(model, x, columns))

    def column_values(
        self, x: Tensor, free: Tensor | None = None, unknowns: Tensor | Sequence[float] = ()
    ) -> list[Tensor]:
        """The columns of the formulas, `(B,)` each; raises ShapeError as `violation`."""
        extra = () if free is None else free.unbind(-1)
        coefficients = unknowns.unbind() if isinstance(unknowns, Tensor) else [x.new_tensor(v) for v in unknowns]
        if len(extra) != len(self.free) or len(coefficients) != len(self.unknowns):
            raise ShapeError(
                f"{shortened(self.text)} takes columns for the free variables {list(self.free)} and numbers for "
                f"{list(self.unknowns)}, got {len(extra)} and {len(coefficients)}."
            )
        every = [*x.unbind(-1), *extra, *(value.expand(x.shape[0]) for value in coefficients)]
        return [every[position] for position, _ in self.columns]

    def values(self, model: Model, x: Tensor, columns: Sequence[Tensor]) -> list[Tensor]:
        """The values of the model terms, `(B,)` each."""
        here = list(dict.fromkeys(atom.along for atom in self.atoms if not atom.arguments))
        derivatives: dict[tuple[int, ...], Tensor] = {}
        if here == [()]:
            derivatives[()] = model(x)
        elif here:
            derivatives = dict(zip(here, partials(model, x, *here), strict=True))
        values: list[Tensor] = []
        for atom in self.atoms:
            if atom.arguments:
                points = torch.stack([_of(side, [*columns, *values], columns[0]) for side in atom.arguments], dim=-1)
                values.append(model(points)[:, atom.output])
            else:
                values.append(derivatives[atom.along][:, atom.output])
        return values

    def violation_from(self, columns: Sequence[Tensor], values: Sequence[Tensor]) -> Tensor:
        """The violation `(B,)` for given columns and values of the model terms."""
        parts = self.differences(columns, values)
        equation = not self.signs or self.signs[0] in ("=", "==")
        result = parts[0] if equation else torch.stack([part.clamp_min(0) for part in parts]).sum(0)
        if not self.conditions:
            return result
        return torch.where(self.holds(columns, values), result, torch.zeros_like(result))

    def differences(self, columns: Sequence[Tensor], values: Sequence[Tensor]) -> list[Tensor]:
        """The differences that must vanish, or not be positive, one per sign, `(B,)` each."""
        known = [*columns, *values]
        sides = [_of(side, known, known[0]) for side in self.sides]
        pairs = zip(self.signs, sides[:-1], sides[1:], strict=True)
        return [right - left if sign[0] == ">" else left - right for sign, left, right in pairs] or sides

    def holds(self, columns: Sequence[Tensor], values: Sequence[Tensor]) -> Tensor:
        """A mask of the points at which all conditions hold, `(B,)`."""
        known = [*columns, *values]
        mask = torch.ones_like(known[0], dtype=torch.bool)
        for low, high in self.conditions:
            mask = mask & (_of(low, known, known[0]) <= _of(high, known, known[0]))
        return mask

    @property
    def conditions_on_inputs(self) -> bool:
        """Whether the conditions depend on the point only, and not on the model."""
        return all(self._plain(side) for pair in self.conditions for side in pair)

    def arguments(self, columns: Sequence[Tensor]) -> list[Tensor]:
        """The arguments `(B, inputs)` of every call that do not depend on the model."""
        calls = [atom.arguments for atom in self.atoms if atom.arguments and all(map(self._plain, atom.arguments))]
        return [torch.stack([_of(side, columns, columns[0]) for side in call], dim=-1) for call in calls]

    def _plain(self, side: Expression) -> bool:
        return all(column < len(self.columns) for column in side.columns)


def _of(side: Expression, known: Sequence[Tensor], like: Tensor) -> Tensor:
    value = side.run(known, TENSORS)
    return value if isinstance(value, Tensor) else torch.full_like(like, float(value))
