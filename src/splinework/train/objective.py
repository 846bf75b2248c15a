"""Objectives: a mean loss and penalties, as a number, with its gradient, and as a quadratic in the coefficients."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, final

import torch
from torch import Tensor
from typing_extensions import Self

from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.train.jacobian import ParameterVector, edge_blocks
from splinework.train.penalties import Penalty

MAX_CHEAP_WORK, PATIENCE, EXPENSIVE_PATIENCE = 2e9, 10, 3
"""Multiplications of a second-order step beyond which it is expensive; and the patience with cheap and expensive steps."""
MAX_SMALL_WORK = 1e10
"""Multiplications of a second-order step from which a second thread saves a third of the time; below, next to nothing."""


class Batches(Protocol):
    """Parts of the rows, one after the other; an objective makes them and knows what a part is."""

    @property
    def per_epoch(self) -> int:
        """Parts in one pass over the rows; 1 where each part is all rows."""

    def next(self) -> Any:
        """The next part, for `Objective.differentiate`; None stands for all rows."""

    def state(self) -> dict[str, Any]:
        """The state to resume from; the generator belongs to the caller and is not in it."""

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where `state` was taken."""


@final
class RowBatches:
    """Numbers of rows, shuffled anew for every epoch; the last part of an epoch takes what is left.

    Args:
        count: Number of rows.
        size: Rows per part; None, or as many as there are, takes all rows every time and draws nothing.
        generator: Draws one permutation at the first part of each epoch.
        device: Where the rows are.
    """

    def __init__(self, count: int, size: int | None, generator: torch.Generator, device: torch.device) -> None:
        self.count, self.generator, self.device = count, generator, device
        self.size = count if size is None else min(size, count)
        self.queue = torch.empty(0, dtype=torch.long, device=generator.device)

    @property
    def per_epoch(self) -> int:
        return -(-self.count // self.size)

    def next(self) -> Tensor | None:
        if self.size == self.count:
            return None
        if not len(self.queue):
            self.queue = torch.randperm(self.count, generator=self.generator, device=self.generator.device)
        rows, self.queue = self.queue[: self.size], self.queue[self.size :]
        return rows.to(self.device)

    def state(self) -> dict[str, Any]:
        return {"queue": self.queue.clone()}

    def restore(self, state: dict[str, Any]) -> None:
        self.queue = state["queue"].to(self.generator.device)


Curvatures = list[tuple[slice, Tensor, Tensor]]


@dataclass(frozen=True)
class Objective(ABC):
    """A mean loss of a model on something, and what is added to it.

    An optimiser moves the numbers of `model` in place; `on` gives the same objective for another model.
    """

    model: KAN
    penalties: tuple[Penalty, ...] = ()

    is_cheap: ClassVar[bool] = True
    """Whether all rows lie in memory, so that one more look at them takes next to no time."""
    evaluations_per_epoch: ClassVar[int] = 4
    """Looks at all rows per epoch of mini-batches."""

    def on(self, model: KAN) -> Self:
        """The same for another model."""
        return replace(self, model=model)

    def subsample(self) -> "Objective":
        """The objective for coarse work: itself, or a sample of the rows where all of them are expensive."""
        return self

    @property
    @abstractmethod
    def count(self) -> int:
        """Number of rows."""

    @property
    def n_values(self) -> int:
        """Number of values to fit: rows times outputs."""
        return self.count * self.model.outputs

    @property
    def work(self) -> float:
        """Multiplications of a second-order step: values times the square of the parameters."""
        return float(self.n_values * self.model.parameter_count(active=True) ** 2)

    @property
    def is_small(self) -> bool:
        """Whether the steps are too short for several threads: what these save they lose by waiting for each other."""
        return self.is_cheap and self.work <= MAX_SMALL_WORK

    @property
    def patience(self) -> int:
        """Steps of a second-order method that together must gain something, or a stage ends; fewer where steps are expensive."""
        return PATIENCE if self.is_cheap and self.work <= MAX_CHEAP_WORK else EXPENSIVE_PATIENCE

    @property
    @abstractmethod
    def spread(self) -> float:
        """The loss of the best constant (the null model)."""

    @property
    def order(self) -> int:
        """The highest derivative in the inputs that the loss takes of the model."""
        return 0

    @abstractmethod
    def loss(self, part: Any = None) -> Tensor:
        """The mean loss, differentiable, of all rows or of a mini-batch."""

    @abstractmethod
    def normal_equations(self, parameters: ParameterVector, max_entries: int) -> tuple[Tensor, Tensor]:
        """A and b, `(P, P)` and `(P,)`, with `loss(θ + δ) ≈ loss + 2 b·δ + δᵀAδ`, A positive semi-definite.

        At most `max_entries` entries of the Jacobian are held at once. Without the penalties.
        """

    @abstractmethod
    def curvature_operator(self, parameters: ParameterVector) -> "CurvatureOperator":
        """A as an operator, and b; A is never formed. With the penalties."""

    @property
    @abstractmethod
    def is_sum_of_squares(self) -> bool:
        """Whether `jacobian_blocks` can be used."""

    @abstractmethod
    def jacobian_blocks(self, parameters: ParameterVector, max_entries: int) -> Iterator[tuple[Tensor, Tensor]]:
        """J `(R, P)` and r `(R,)` in blocks of at most `max_entries` entries, with `loss = ‖r‖²` and `r(θ + δ) ≈ r + J δ`."""

    def geodesic_gradient(
        self, parameters: ParameterVector, start: Tensor, move: Tensor, share: float
    ) -> Tensor | None:
        """`JᵀH f''`, `(P,)`, with f'' the second derivative of the outputs along a step, by finite differences.

        The model is at `start`, and is left elsewhere. None where it is not known.
        """
        return None

    @abstractmethod
    def batches(self, size: int | None, generator: torch.Generator) -> Batches:
        """Mini-batches of `size` rows for `loss` and `differentiate`; None takes all rows every time."""

    @abstractmethod
    def activations(self, part: Any = None) -> Tensor:
        """Rows in network units, `(N, inputs)`, that stand for all, or for a mini-batch.

        Grids follow what these cause, and penalties are taken there.
        """

    @abstractmethod
    def rmse(self, loss: float | None = None) -> float:
        """Root mean squared error in the units of y; NaN where that means nothing. `loss` saves work where it is known."""

    def rmse_of(self, model: KAN) -> float:
        """The error of the model in its own dtype, where `self.model` has the same numbers in the dtype of the rows."""
        return self.rmse()

    def value(self, part: Any = None) -> Tensor:
        """Loss and penalties, differentiable."""
        loss = self.loss(part)
        return loss + self.penalty(part) if self.penalties else loss

    def penalty(self, part: Any = None) -> Tensor:
        """The penalties, differentiable."""
        some = next(self.model.parameters())
        total = torch.zeros((), dtype=some.dtype, device=some.device)
        for index, layer, seen in self._penalised(part):
            for penalty in self.penalties:
                total = total + penalty.of_layer(index).value(layer, seen)
        return total

    def _penalised(self, part: Any = None) -> Iterator[tuple[int, KANLayer, Tensor]]:
        """The layers with their numbers and activations, `(N, I)`; without rows where no penalty looks at them."""
        u = self.activations(part)
        u = u if any(penalty.sees_activations for penalty in self.penalties) else u[:0]
        for index, layer in enumerate(self.model.kan_layers):
            if index:
                u = self.model.config.nodes[index].combine(self.model.kan_layers[index - 1](u))
            yield index, layer, u

    def differentiate(self, part: Any = None) -> float:
        """The value, and its gradient in every parameter's `.grad`."""
        self.model.zero_grad()
        value = self.value(part)
        value.backward()
        return float(value.detach())

    @torch.no_grad()
    def value_on_all_rows(self) -> float:
        """The value on all rows, as a number."""
        loss = self.loss_value()
        return loss + float(self.penalty()) if self.penalties else loss

    @torch.no_grad()
    def loss_value(self) -> float:
        """The loss on all rows, without penalties."""
        return float(self.loss())

    @torch.no_grad()
    def quadratic(self, parameters: ParameterVector, max_entries: int) -> tuple[Tensor, Tensor]:
        """`normal_equations`, and the penalties: every edge's curvature in its block, and half of its gradient."""
        matrix, vector = self.normal_equations(parameters, max_entries)
        if not self.penalties:
            return matrix, vector
        for own, gradient, curvature in self.penalty_curvatures(parameters):
            vector[own] += gradient / 2
            for part, block in edge_blocks(own, curvature):
                matrix[part, part] += block
        return matrix, vector

    @torch.no_grad()
    def penalty_curvatures(self, parameters: ParameterVector) -> Curvatures:
        """Majorisers of the penalties: per layer and penalty the slice of parameters, its gradient, a curvature per edge."""
        found: Curvatures = []
        if not self.penalties:
            return found
        places = zip(self._penalised(), parameters.edges, parameters.spans(self.model), strict=True)
        for (index, layer, seen), (i, j), (own, _) in places:
            for gradient, curvature in (p.of_layer(index).quadratic(layer, seen) for p in self.penalties if len(i)):
                found.append((own, gradient[i, j].flatten(), curvature[i, j]))
        return found

    def noise(self, freedom: float) -> float:
        """The variance of the noise in the loss's own units, from the loss and the number of effective parameters."""
        return self.loss_value() * self.n_values / max(self.n_values - freedom, 0.05 * self.n_values)

    def unexplained_share(self) -> float:
        """Share of the spread that is left: 0 for a perfect model, 1 for a constant."""
        spread = self.spread
        return self.loss_value() / spread if spread > 0 else (math.inf if self.loss_value() > 0 else 0.0)


class CurvatureOperator(ABC):
    """A symmetric positive semi-definite operator A and a right-hand side b, of size P: the loss's, and the penalties'.

    Args:
        vector: b of the loss.
        diagonal: The diagonal of A of the loss.
        penalties: Curvatures of the penalties, which are added.
    """

    def __init__(self, vector: Tensor, diagonal: Tensor, penalties: Curvatures) -> None:
        self.vector, self.diagonal, self.penalties = vector, diagonal, penalties
        for own, gradient, curvature in penalties:
            vector[own] += gradient / 2
            diagonal[own] += torch.diagonal(curvature, dim1=-2, dim2=-1).flatten()

    def times(self, v: Tensor) -> Tensor:
        """`A v`."""
        result = self._loss_times(v)
        for own, _, curvature in self.penalties:
            part = v[own].unflatten(0, curvature.shape[:2])
            result[own] += (curvature @ part[..., None])[..., 0].flatten()
        return result

    def squares(self) -> list[tuple[slice, Tensor]]:
        """About the block of A that belongs to each edge: where a layer's are, and `(edges, size, size)`; none if not known."""
        found = self._loss_squares()
        for own, blocks in found:
            for place, _, curvature in self.penalties:
                if place == own:
                    blocks += curvature
        return found

    @abstractmethod
    def _loss_times(self, v: Tensor) -> Tensor:
        """`A v` of the loss alone, in a tensor of its own."""

    def _loss_squares(self) -> list[tuple[slice, Tensor]]:
        """Those of the loss alone."""
        return []
