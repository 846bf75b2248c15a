"""Residuals at points, such as those of a differential equation, and the objective that sums their squares."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, final

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.errors.foreign import explained_record
from splinework.nn.frame import Frame, FramedKAN
from splinework.nn.network import KAN
from splinework.train.jacobian import ParameterVector
from splinework.train.objective import Batches, CurvatureOperator, Curvatures, Objective, RowBatches

if TYPE_CHECKING:  # loaded where there are residuals
    from splinework.train.residual_jacobian import ResidualExpansion

Function = Callable[..., Tensor]


@explained_record
@final
@dataclass(frozen=True, eq=False)
class Residual:
    """A function of the model that should be zero at some points: an equation, a boundary or initial value, a measurement.

    Attributes:
        function: `function(model, x)`, or `function(model, x, data)`: what should vanish, `(B, columns)` or `(B,)`, for the
            rows x `(B, inputs)` of the points, in raw units. It is called with some of the points at a time, in float64,
            and must use the model that it is handed. Derivatives of the model come from `sw.derivatives`.
        points: Where, `(N, inputs)`: a tensor, an array or a frame.
        weight: Weight of the mean of its squares.
        data: Known values at the points, `(N, …)`, passed to the function row by row with them.
        name: For messages; the function's own name, where there is none.

    >>> decay = Residual(lambda model, x: model(x) - 1, [[0.0]], weight=10.0, name="start")
    """

    function: Function
    points: Any
    weight: float = 1.0
    data: Any = None
    name: str = ""


def as_list(residuals: Any) -> list[Residual]:
    """One residual or several, as a list."""
    listed = [residuals] if isinstance(residuals, Residual) else residuals
    sound = isinstance(listed, Sequence) and len(listed) > 0 and all(isinstance(each, Residual) for each in listed)
    if not sound:
        raise ConfigError(f"residuals are a list such as [sw.Residual(function, points)], got {residuals!r}.")
    return list(listed)


@final
@dataclass(frozen=True, eq=False)
class ResidualTerm:
    """A residual that was checked: points `(N, inputs)` in raw units, data with as many rows, and what its values are.

    Attributes:
        columns: Values per point; where rows are coupled, values in all.
        coupled: Whether a row may depend on several points: then all points are always taken together.
        differentiates: Whether the function takes gradients itself, and so needs a graph even for numbers.
        frame: The frame around the network that the function is given, or None.
    """

    function: Function
    x: Tensor
    data: Tensor | None
    weight: float
    name: str
    columns: int = 1
    coupled: bool = False
    differentiates: bool = False
    frame: Frame | None = None

    @property
    def n_values(self) -> int:
        """How many values it has."""
        return self.columns if self.coupled else self.columns * len(self.x)

    def values(self, model: KAN, rows: Any = None) -> Tensor:
        """The residual at all points or at some, `(B, columns)`."""
        x, data = self.x, self.data
        if rows is not None and not self.coupled:
            x, data = x[rows], None if data is None else data[rows]
        with torch.set_grad_enabled(self.differentiates or torch.is_grad_enabled()):
            found = self.called(model, x, data)
        found = found if torch.is_grad_enabled() else found.detach()
        return found.reshape(-1, 1) if found.dim() < 2 else found

    def called(self, model: KAN, x: Tensor, data: Tensor | None) -> Tensor:
        """The function's value for a network in its frame, at some points."""
        whole = model if self.frame is None else FramedKAN(model, self.frame)
        return self.function(whole, x) if data is None else self.function(whole, x, data)

    def seen(self, rows: Any = None) -> Tensor:
        """Inputs of the network at all points or at some, in raw units: `(N, features)`."""
        x = self.x if rows is None else self.x[rows]
        return x if self.frame is None else self.frame.features_of(x)

    def take(self, rows: Tensor) -> "ResidualTerm":
        """The term at some of its points."""
        data = None if self.data is None else self.data[rows]
        return replace(self, x=self.x[rows], data=data)


@final
@dataclass(frozen=True)
class ResidualObjective(Objective):
    """`Σ weight · mean(residual²)` over several residuals.

    Attributes:
        terms: The residuals.
        size: The value for a model that is zero, by which errors are measured.
        order: The highest derivative in the inputs that a residual takes.
    """

    terms: tuple[ResidualTerm, ...] = ()
    size: float = 1.0
    order: int = 0

    @property
    def count(self) -> int:
        return sum(len(term.x) for term in self.terms)

    @property
    def n_values(self) -> int:
        return sum(term.n_values for term in self.terms)

    @property
    def spread(self) -> float:
        return self.size

    def loss(self, part: Sequence[Tensor | None] | None = None) -> Tensor:
        parts = [None] * len(self.terms) if part is None else part
        means = [
            t.weight * t.values(self.model, rows).square().mean() for t, rows in zip(self.terms, parts, strict=True)
        ]
        return torch.stack(means).sum()

    @torch.no_grad()
    def normal_equations(self, parameters: ParameterVector, max_entries: int) -> tuple[Tensor, Tensor]:
        values = parameters.read(self.model)
        matrix, vector = values.new_zeros(values.numel(), values.numel()), torch.zeros_like(values)
        for jacobian, residual in self.jacobian_blocks(parameters, max_entries):
            matrix.addmm_(jacobian.T, jacobian)
            vector.addmv_(jacobian.T, residual)
        return matrix, vector

    @torch.no_grad()
    def curvature_operator(self, parameters: ParameterVector) -> CurvatureOperator:
        return _ResidualCurvature(self._expanded(parameters), self.penalty_curvatures(parameters))

    @property
    def is_sum_of_squares(self) -> bool:
        return not self.penalties

    @torch.no_grad()
    def jacobian_blocks(self, parameters: ParameterVector, max_entries: int) -> Iterator[tuple[Tensor, Tensor]]:
        size = parameters.read(self.model).numel()
        for term in self.terms:
            root = math.sqrt(term.weight / term.n_values)
            step = len(term.x) if term.coupled else max(max_entries // max(size * term.columns, 1), 1)
            for start in range(0, len(term.x), step):
                here = self._expansion(term, parameters, slice(start, start + step))
                yield root * here.dense().flatten(0, 1), root * here.values.flatten()

    @torch.no_grad()
    def geodesic_gradient(
        self, parameters: ParameterVector, start: Tensor, move: Tensor, share: float
    ) -> Tensor | None:
        expanded = self._expanded(parameters)
        parameters.write(self.model, start + share * move)
        total = torch.zeros_like(start)
        for (factor, here), term in zip(expanded, self.terms, strict=True):
            second = 2 / share * ((term.values(self.model) - here.values) / share - here.times(move))
            total += here.transposed(factor * second)
        return total

    def batches(self, size: int | None, generator: torch.Generator) -> Batches:
        return ResidualBatches(self.terms, size, generator)

    @torch.no_grad()
    def activations(self, part: Sequence[Tensor | None] | None = None) -> Tensor:
        parts = [None] * len(self.terms) if part is None else part
        x = [term.seen(rows) for term, rows in zip(self.terms, parts, strict=True)]
        u: Tensor = self.model.input_scaling(torch.cat(x))
        return u

    @torch.no_grad()
    def rmse(self, loss: float | None = None) -> float:
        """Root of the weighted mean square of the residuals: y has no targets here."""
        return math.sqrt(self.loss_value() if loss is None else loss)

    def _expansion(
        self, term: ResidualTerm, parameters: ParameterVector, rows: slice | None = None
    ) -> "ResidualExpansion":
        from splinework.train.residual_jacobian import expand  # loaded where there are residuals

        return expand(self.model, parameters, lambda: term.values(self.model, rows), coupled=term.coupled)

    def _expanded(self, parameters: ParameterVector) -> "list[tuple[float, ResidualExpansion]]":
        """All terms, each with what the square of one of its values counts."""
        return [(term.weight / term.n_values, self._expansion(term, parameters)) for term in self.terms]


class _ResidualCurvature(CurvatureOperator):
    """`JᵀJ` by one pass forward and one backward through every layer's series."""

    def __init__(self, terms: "list[tuple[float, ResidualExpansion]]", penalties: Curvatures) -> None:
        self.terms = terms
        vectors = [here.transposed(factor * here.values) for factor, here in terms]
        squares = [factor * here.dense().flatten(0, 1).square().sum(0) for factor, here in terms]
        super().__init__(torch.stack(vectors).sum(0), torch.stack(squares).sum(0), penalties)

    def _loss_times(self, v: Tensor) -> Tensor:
        return torch.stack([here.transposed(factor * here.times(v)) for factor, here in self.terms]).sum(0)


@final
class ResidualBatches:
    """Rows of every residual at once, each in its share of `size`; coupled rows are never parted."""

    def __init__(self, terms: Sequence[ResidualTerm], size: int | None, generator: torch.Generator) -> None:
        count = sum(len(term.x) for term in terms)
        self.whole = size is None or size >= count
        self.each = [
            RowBatches(
                n, None if size is None or term.coupled else max(round(size * n / count), 1), generator, term.x.device
            )
            for term in terms
            for n in [len(term.x)]
        ]

    @property
    def per_epoch(self) -> int:
        return max(batches.per_epoch for batches in self.each)

    def next(self) -> list[Tensor | None] | None:
        return None if self.whole else [batches.next() for batches in self.each]

    def state(self) -> dict[str, Any]:
        return {str(index): batches.state() for index, batches in enumerate(self.each)}

    def restore(self, state: dict[str, Any]) -> None:
        for index, batches in enumerate(self.each):
            batches.restore(state[str(index)])
