"""The objective of a fit to rows in memory: the mean loss of a network's outputs, in network units; with residuals besides."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, final

import torch
from torch import Tensor

from splinework.nn.network import KAN
from splinework.train.data_split import Samples
from splinework.train.gradient import error_in_one_call
from splinework.train.jacobian import Linearisation, ParameterVector
from splinework.train.losses import Loss, Squared, best_constant
from splinework.train.objective import Batches, CurvatureOperator, Curvatures, Objective, RowBatches
from splinework.train.residual import ResidualObjective, ResidualTerm

MAX_PRECONDITIONER_ROWS = 4000
"""Rows from which the preconditioner estimates an edge's block of the curvature."""
MIN_BLOCKED_ROWS = 16_384
"""Rows from which sums over all of them are sums over blocks (`splinework.train.row_blocks`)."""
MIN_SAMPLE_ROWS, SAMPLE_VALUES_PER_PARAMETER, MIN_SAVING = 1000, 3, 1.5
"""Size of a sample for coarse work, with enough values a parameter for a fit that generalises; and how many times as many rows
there must be for a sample to be worth while."""


@dataclass(frozen=True)
class DataObjective(Objective):
    """Rows in network units `u (N, inputs)`, targets `t (N, …)` as the loss takes them, and weights `(N,)` of mean 1.

    Attributes:
        seed: Seed of the sample that `subsample` draws.
        preconditioned: Rows that the preconditioner is estimated from, together with those of other blocks.
    """

    u: Tensor = field(default_factory=lambda: torch.empty(0))
    t: Tensor = field(default_factory=lambda: torch.empty(0))
    criterion: Loss = field(default_factory=Squared)
    weights: Tensor | None = None
    seed: int = 0
    preconditioned: int = MAX_PRECONDITIONER_ROWS

    @property
    def count(self) -> int:
        return self.u.shape[0]

    @property
    def samples(self) -> Samples:
        """The rows."""
        return Samples(self.u, self.t, self.weights)

    @property
    def n_blocks(self) -> int:
        """Blocks that sums over all rows are made of; 1 where they are few."""
        if self.count < MIN_BLOCKED_ROWS:
            return 1
        from splinework.train.row_blocks import block_count  # loaded where rows are many

        return block_count(self.count)

    def blocks(self, first: int, last: int) -> "Iterator[tuple[int, float, DataObjective]]":
        """Blocks of rows: the number of each, its share of all rows, and its objective, without penalties."""
        of, count = self.n_blocks, self.count
        for index in range(first, last):
            start, end = count * index // of, count * (index + 1) // of
            u, t, w = self._rows(slice(start, end))
            how, preconditioned = self.criterion, max(self.preconditioned // of, 1)
            part = DataObjective(self.model, u=u, t=t, criterion=how, weights=w, preconditioned=preconditioned)
            yield index, (end - start) / count, part

    def subsample(self) -> "DataObjective":
        """A random sample where rows are many for the numbers of the model, else the objective itself.

        A larger sample, for a richer model, has all rows of a smaller one.
        """
        values = SAMPLE_VALUES_PER_PARAMETER * self.model.parameter_count(active=True)
        count = max(-(-values // self.model.outputs), MIN_SAMPLE_ROWS)
        if MIN_SAVING * count > self.count:
            return self
        rows = torch.randperm(self.count, generator=torch.Generator().manual_seed(self.seed))[:count].to(self.u.device)
        u, t, w = self._rows(rows)
        return replace(self, u=u, t=t, weights=None if w is None else w / w.mean())

    def with_points(self, u: Tensor, t: Tensor, weights: Tensor) -> "DataObjective":
        """The same with weighed points beside the rows, which have a mean weight of 1."""
        both = torch.cat([self.samples.all_weights, weights])
        return replace(self, u=torch.cat([self.u, u]), t=torch.cat([self.t, t]), weights=both)

    @property
    def _unit(self) -> Tensor:
        """The size of one unit of the criterion's inputs in units of y, `(outputs,)`."""
        scale = self.model.output_scaling.scale
        return scale if self.criterion.regression else torch.ones_like(scale)

    def _seen(self, f: Tensor) -> Tensor:
        """The inputs of the criterion: outputs in network units for a regression, else raw ones (logits, log rates)."""
        if self.criterion.regression:
            return f
        return f * self.model.output_scaling.scale + self.model.output_scaling.shift

    def _mean(self, seen: Tensor, t: Tensor, w: Tensor | None) -> Tensor:
        rows = self.criterion.rows(seen, t, self._unit)
        return rows.mean() if w is None else (rows * w).mean()

    @property
    def spread(self) -> float:
        if self._plain():
            return float(self.t.var(0, unbiased=False).mean())
        best = best_constant(self.criterion, self.t, self._unit, self.weights)
        return float(self._mean(best.expand(self.count, -1), self.t, self.weights))

    def _plain(self) -> bool:
        return isinstance(self.criterion, Squared) and self.weights is None

    def _rows(self, part: Tensor | slice | None) -> tuple[Tensor, Tensor, Tensor | None]:
        if part is None:
            return self.u, self.t, self.weights
        return self.u[part], self.t[part], None if self.weights is None else self.weights[part]

    def loss(self, part: Tensor | None = None) -> Tensor:
        u, t, w = self._rows(part)
        f = self.model.unit_forward(u)
        if isinstance(self.criterion, Squared) and w is None:
            return (f - t).square().mean()
        return self._mean(self._seen(f), t, w)

    def differentiate(self, part: Tensor | None = None) -> float:
        if part is None and self.n_blocks > 1:
            from splinework.train.row_blocks import descend

            return descend(self)
        if self._plain() and not self.penalties:
            u, t, _ = self._rows(part)
            error = error_in_one_call(self.model, u, t, gradient=True)
            if error is not None:
                return error
        return super().differentiate(part)

    @torch.no_grad()
    def loss_value(self) -> float:
        if self.n_blocks > 1:
            return float(row_total(self, "value", False)[0][0])
        error = error_in_one_call(self.model, self.u, self.t, gradient=False) if self._plain() else None
        return float(self.loss()) if error is None else error

    @torch.no_grad()
    def normal_equations(self, parameters: ParameterVector, max_entries: int) -> tuple[Tensor, Tensor]:
        if self.n_blocks > 1:
            a, b = row_total(self, "normal", parameters, max_entries)
            return a, b
        size = parameters.read(self.model).numel()
        matrix, vector = self.u.new_zeros(size, size), self.u.new_zeros(size)
        step = max(max_entries // max(size * self.model.outputs, 1), 1)
        for start in range(0, self.count, step):
            rows = slice(start, start + step)
            here, half_gradient, root = self._expanded(parameters, rows)
            if root.dim() == 2 and here.add_squares(matrix, vector, root, half_gradient):
                continue
            vector += here.transposed(half_gradient)
            here = here.weighed(root)
            here.gram(matrix, here.dense())
        return matrix, vector

    @torch.no_grad()
    def curvature_operator(self, parameters: ParameterVector) -> CurvatureOperator:
        if self.n_blocks > 1:
            from splinework.train.row_blocks import BlockCurvature

            return BlockCurvature(self, parameters, self.penalty_curvatures(parameters))
        every = max(self.count // self.preconditioned, 1)
        return _DataCurvature(*self._expanded(parameters, slice(None)), self.penalty_curvatures(parameters), every)

    @property
    def is_sum_of_squares(self) -> bool:
        return isinstance(self.criterion, Squared) and not self.penalties

    @torch.no_grad()
    def jacobian_blocks(self, parameters: ParameterVector, max_entries: int) -> Iterator[tuple[Tensor, Tensor]]:
        if self.n_blocks > 1:  # a triangle has the same least squares as the rows that it is made of
            (triangle,) = row_total(self, "triangle", parameters, max_entries)
            yield triangle[:, :-1], triangle[:, -1]
            return
        size = parameters.read(self.model).numel()
        step = max(max_entries // max(size * self.model.outputs, 1), size)
        for start in range(0, self.count, step):
            rows = slice(start, start + step)
            here = self._linearised(parameters, rows)
            scale = torch.full_like(here.outputs, 1 / math.sqrt(self.n_values))
            if self.weights is not None:
                scale = scale * self.weights[rows, None].sqrt()
            yield here.weighed(scale).dense().flatten(0, 1), ((here.outputs - self.t[rows]) * scale).flatten()

    @torch.no_grad()
    def geodesic_gradient(
        self, parameters: ParameterVector, start: Tensor, move: Tensor, share: float
    ) -> Tensor | None:
        if self.n_blocks > 1:
            return row_total(self, "geodesic", parameters, start, move, share)[0]
        here, _, root = self._expanded(parameters, slice(None))
        tangent = here.times(move)
        parameters.write(self.model, start + share * move)
        there = self.model.unit_forward(self.u)
        second = 2 / share * ((there - here.outputs) / share - tangent)
        return here.transposed(_squared(root, second))

    def noise(self, freedom: float) -> float:
        # Minus the logarithm of a probability needs no scale: its curvature is the information itself.
        return super().noise(freedom) if self.criterion.dispersed else 0.5

    def batches(self, size: int | None, generator: torch.Generator) -> Batches:
        return RowBatches(self.count, size, generator, self.u.device)

    def activations(self, part: Tensor | None = None) -> Tensor:
        return self.u if part is None else self.u[part]

    @torch.no_grad()
    def rmse(self, loss: float | None = None) -> float:
        if loss is not None and self._plain() and self.t.shape[1] == 1:
            return math.sqrt(loss) * float(self._unit[0])
        if self.n_blocks > 1:
            return math.sqrt(float(row_total(self, "value", True)[0][1]))
        return self.error(self._seen(self.model.unit_forward(self.u)))

    @torch.no_grad()
    def rmse_of(self, model: KAN) -> float:
        dtype = model.kan_layers[0].coefficients.dtype
        if dtype == self.u.dtype:
            return self.rmse()
        raw = model(self.model.input_scaling.inverse(self.u).to(dtype)).to(self.u.dtype)
        return self.error(self.model.output_scaling(raw) if self.criterion.regression else raw)

    def error(self, seen: Tensor) -> float:
        """`rmse` of outputs `(N, outputs)` as the criterion sees them."""
        response = self.criterion.response(seen)
        if response.shape != self.t.shape:
            return math.nan
        return float(((response - self.t) * self._unit).square().mean().sqrt())

    def _linearised(self, parameters: ParameterVector, rows: slice) -> Linearisation:
        from splinework.train.native_linearisation import linearised  # loaded by the first second-order step

        return linearised(self.model, parameters, self.u[rows])

    def _expanded(self, parameters: ParameterVector, rows: slice) -> tuple[Linearisation, Tensor, Tensor]:
        """Some rows linearised, half the gradient in their outputs, and the root of half the curvature; means of all rows."""
        here = self._linearised(parameters, rows)
        gradient, curvature = self.criterion.expand(self._seen(here.outputs), self.t[rows], self._unit)
        if not self.criterion.regression:
            scale = self.model.output_scaling.scale
            gradient = gradient * scale
            curvature = curvature * (scale.square() if curvature.dim() == 2 else scale[:, None] * scale)
        weight = here.outputs.new_full((len(here.outputs), 1), 0.5 / self.count)
        if self.weights is not None:
            weight = weight * self.weights[rows, None]
        if curvature.dim() == 2:
            return here, gradient * weight, (curvature * weight).sqrt()
        values, vectors = torch.linalg.eigh(curvature * weight[..., None])
        return here, gradient * weight, values.clamp_min(0).sqrt()[..., None] * vectors.mT


class _DataCurvature(CurvatureOperator):
    """`JᵀHJ` by a tangent and a backward pass."""

    def __init__(
        self, here: Linearisation, half_gradient: Tensor, root: Tensor, penalties: Curvatures, every: int
    ) -> None:
        self.here, self.root, self.weighed, self.every = here, root, here.weighed(root), every
        super().__init__(here.transposed(half_gradient), self.weighed.squared_lengths(), penalties)

    def _loss_times(self, v: Tensor) -> Tensor:
        return self.here.transposed(_squared(self.root, self.here.times(v)))

    def _loss_squares(self) -> list[tuple[slice, Tensor]]:
        return self.weighed.squares(self.every)


def _squared(root: Tensor, v: Tensor) -> Tensor:
    """`RᵀR v` for every row, R given by its diagonals or whole."""
    return root.square() * v if root.dim() == 2 else (root.mT @ (root @ v[..., None]))[..., 0]


@final
@dataclass(frozen=True)
class JointObjective(DataObjective):
    """The mean loss of the rows, and `Σ weight · mean(residual²)`.

    Attributes:
        terms: Residuals, in units of the standardised outputs.
    """

    terms: tuple[ResidualTerm, ...] = ()

    @property
    def n_blocks(self) -> int:
        return 1

    @property
    def _rest(self) -> ResidualObjective:
        return ResidualObjective(self.model, (), terms=self.terms)

    def _plain(self) -> bool:
        return False  # there is more to it than the squared error of rows

    def loss(self, part: Tensor | None = None) -> Tensor:
        return super().loss(part) + self._rest.loss()

    @torch.no_grad()
    def normal_equations(self, parameters: ParameterVector, max_entries: int) -> tuple[Tensor, Tensor]:
        matrix, vector = super().normal_equations(parameters, max_entries)
        more, gradient = self._rest.normal_equations(parameters, max_entries)
        return matrix + more, vector + gradient

    @torch.no_grad()
    def curvature_operator(self, parameters: ParameterVector) -> CurvatureOperator:
        return _SumOfCurvatures(super().curvature_operator(parameters), self._rest.curvature_operator(parameters))

    @torch.no_grad()
    def jacobian_blocks(self, parameters: ParameterVector, max_entries: int) -> Iterator[tuple[Tensor, Tensor]]:
        yield from super().jacobian_blocks(parameters, max_entries)
        yield from self._rest.jacobian_blocks(parameters, max_entries)

    @torch.no_grad()
    def geodesic_gradient(
        self, parameters: ParameterVector, start: Tensor, move: Tensor, share: float
    ) -> Tensor | None:
        rows = super().geodesic_gradient(parameters, start, move, share)
        parameters.write(self.model, start)
        rest = self._rest.geodesic_gradient(parameters, start, move, share)
        return None if rows is None or rest is None else rows + rest


class _SumOfCurvatures(CurvatureOperator):
    """The sum of two operators."""

    def __init__(self, first: CurvatureOperator, second: CurvatureOperator) -> None:
        self.first, self.second = first, second
        super().__init__(first.vector + second.vector, first.diagonal + second.diagonal, [])

    def _loss_times(self, v: Tensor) -> Tensor:
        return self.first.times(v) + self.second.times(v)


def row_total(objective: Any, task: str, *arguments: Any) -> tuple[Tensor, ...]:
    """A sum over all rows of an objective whose rows come in blocks; `splinework.train.row_blocks` has the tasks."""
    from splinework.train.row_blocks import total  # loaded where rows are many

    return total(objective, task, *arguments)
