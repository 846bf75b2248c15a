"""The objective of a fit to rows that are not in memory: sums over chunks, each of which is a `DataObjective`."""

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from splinework.nn.network import KAN
from splinework.train.data_objective import DataObjective, row_total
from splinework.train.data_split import Samples
from splinework.train.jacobian import ParameterVector
from splinework.train.losses import Loss, Squared
from splinework.train.objective import Batches, CurvatureOperator, Objective, RowBatches
from splinework.train.stream import Stream, join_chunks

MAX_BUFFER_VALUES, MAX_BUFFER_ROWS = 2**22, 2**18
"""Most values and most rows of the buffer that mini-batches are drawn from."""


@dataclass
class _Memo:
    """Results of the last pass, and the state of the model that they belong to."""

    state: list[Any] = field(default_factory=list)
    loss: float = math.nan
    rmse: float = math.nan


@dataclass(frozen=True)
class StreamObjective(Objective):
    """A mean loss over all rows of a stream, one pass for each value, gradient or quadratic.

    Args:
        stream: The rows.
        sample: Some of them in memory, drawn at random: penalties are taken there, coarse work is done on them, and `spread`
            is theirs.
        extremes: Rows, in network units, with the least and greatest inputs, which the grids must reach too; none where
            the sample is all rows.
    """

    stream: Stream = field(kw_only=True)
    sample: Samples = field(kw_only=True)
    extremes: Tensor = field(kw_only=True)
    is_cheap: ClassVar[bool] = False
    evaluations_per_epoch: ClassVar[int] = 1
    memo: _Memo = field(default_factory=_Memo, compare=False, repr=False)

    def on(self, model: KAN) -> "StreamObjective":
        return replace(self, model=model, memo=_Memo())

    @property
    def criterion(self) -> Loss:
        """The loss."""
        return self.stream.criterion

    @property
    def count(self) -> int:
        return self.stream.count

    @property
    def spread(self) -> float:
        return self.subsample().spread

    def subsample(self) -> DataObjective:
        return self._of(self.sample, self.model, *self.penalties)

    def activations(self, part: Samples | None = None) -> Tensor:
        if part is not None:
            return part.u
        return torch.cat([self.sample.u, self.extremes]) if len(self.extremes) else self.sample.u

    def loss(self, part: Samples | None = None) -> Tensor:
        """The mean loss; that of all rows is a number with a slope, and can be differentiated once."""
        if part is not None:
            return self._of(part, self.model).loss()
        value = replace(self, penalties=()).differentiate()
        slope = torch.tensor(value, dtype=self.sample.u.dtype, device=self.sample.u.device)
        for parameter in self.model.parameters():
            if parameter.grad is not None:
                slope = slope + (parameter.grad.clone() * (parameter - parameter.detach())).sum()
        self.model.zero_grad()
        return slope

    def differentiate(self, part: Samples | None = None) -> float:
        if part is not None:
            return self._of(part, self.model, *self.penalties).differentiate()
        from splinework.train.row_blocks import descend

        return descend(self)

    @torch.no_grad()
    def loss_value(self) -> float:
        return self._looked().loss

    @torch.no_grad()
    def rmse(self, loss: float | None = None) -> float:
        return self._looked().rmse

    @property
    def n_blocks(self) -> int:
        """Blocks of rows that sums are made of."""
        return self.stream.n_blocks

    def blocks(self, first: int, last: int) -> Iterator[tuple[int, float, DataObjective]]:
        """Objectives of the chunks, without penalties: the number of the block, the share of all rows, the objective."""
        for index, part in self.stream.blocks(self.model, first, last):
            yield index, len(part.u) / self.count, self._of(part, self.model)

    @torch.no_grad()
    def normal_equations(self, parameters: ParameterVector, max_entries: int) -> tuple[Tensor, Tensor]:
        matrix, vector = row_total(self, "normal", parameters, max_entries)
        return matrix, vector

    @torch.no_grad()
    def curvature_operator(self, parameters: ParameterVector) -> CurvatureOperator:
        from splinework.train.row_blocks import BlockCurvature

        return BlockCurvature(self, parameters, self.penalty_curvatures(parameters))

    @property
    def is_sum_of_squares(self) -> bool:
        return isinstance(self.criterion, Squared) and not self.penalties

    @torch.no_grad()
    def jacobian_blocks(self, parameters: ParameterVector, max_entries: int) -> Iterator[tuple[Tensor, Tensor]]:
        (triangle,) = row_total(self, "triangle", parameters, max_entries)
        yield triangle[:, :-1], triangle[:, -1]

    @torch.no_grad()
    def geodesic_gradient(
        self, parameters: ParameterVector, start: Tensor, move: Tensor, share: float
    ) -> Tensor | None:
        return row_total(self, "geodesic", parameters, start, move, share)[0]

    def batches(self, size: int | None, generator: torch.Generator) -> Batches:
        if size is None or size >= self.count:
            return RowBatches(self.count, None, generator, self.sample.u.device)
        return StreamBatches(self.stream, self.model, size, generator)

    def _of(self, part: Samples, model: KAN, *penalties: Any) -> DataObjective:
        return DataObjective(model, penalties, u=part.u, t=part.t, criterion=self.criterion, weights=part.weights)

    def _looked(self) -> _Memo:
        """Loss and error on all rows: from a pass, unless the model is as it was in the last one."""
        state = [layer.basis for layer in self.model.kan_layers], [*self.model.parameters(), *self.model.buffers()]
        known, memo = self.memo.state, self.memo
        if known and known[0] == state[0] and all(map(torch.equal, known[1], state[1])):
            return memo
        loss, squares = row_total(self, "value", True)[0].tolist()
        memo.state = [state[0], [tensor.detach().clone() for tensor in state[1]]]
        memo.loss, memo.rmse = loss, math.sqrt(squares)
        return memo


@final
class StreamBatches:
    """Parts of `size` rows: pieces in random order, several read in turns into a buffer, which is shuffled.

    A source with batches of its own has these taken as they come. The last part of an epoch takes what is left.

    Args:
        stream: The rows.
        model: Has the units.
        size: Rows per part.
        generator: Draws one number per epoch, which decides on its whole order.
    """

    def __init__(self, stream: Stream, model: KAN, size: int, generator: torch.Generator) -> None:
        self.stream, self.model, self.generator = stream, model, generator
        self.own = stream.source.rows is None
        self.size, self.epoch, self.taken = size, 0, 0
        self.queue: Iterator[Samples] = iter(())

    @property
    def per_epoch(self) -> int:
        return self.stream.steps if self.own else -(-self.stream.count // self.size)

    def next(self) -> Samples:
        part = next(self.queue, None)
        if part is None:
            self.epoch = int(torch.randint(2**62, (), generator=self.generator, device=self.generator.device))
            self.queue, self.taken = self._parts(), 0
            part = next(self.queue)
        self.taken += 1
        return part

    def state(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "taken": self.taken}

    def restore(self, state: dict[str, Any]) -> None:
        self.epoch, self.taken = state["epoch"], state["taken"]
        self.queue = self._parts() if self.taken else iter(())
        for _ in range(self.taken):
            next(self.queue)

    def _parts(self) -> Iterator[Samples]:
        """One epoch."""
        generator = torch.Generator().manual_seed(self.epoch)
        rows = self.stream.shuffled(self.model, generator)
        if self.own:
            yield from rows
            return
        width = self.model.inputs + self.model.outputs
        least = max(min(MAX_BUFFER_VALUES // width, MAX_BUFFER_ROWS), 4 * self.size)
        waiting, waiting_rows = list[Samples](), 0
        for part in rows:
            waiting.append(part)
            waiting_rows += len(part.u)
            if waiting_rows >= least:
                rest = yield from self._cut(join_chunks(waiting), generator, last=False)
                waiting, waiting_rows = [rest], len(rest.u)
        if waiting_rows:
            yield from self._cut(join_chunks(waiting), generator, last=True)

    def _cut(self, buffer: Samples, generator: torch.Generator, *, last: bool) -> Generator[Samples, None, Samples]:
        """Shuffled parts of a buffer; returns half of it, to be mixed with what comes, unless it is the last."""
        count = len(buffer.u)
        order = torch.randperm(count, generator=generator).to(buffer.u.device)
        taken = count if last else count // 2 // self.size * self.size
        for start in range(0, taken, self.size):
            yield _pick(buffer, order[start : min(start + self.size, taken)])
        return _pick(buffer, order[taken:])


def _pick(part: Samples, rows: Tensor) -> Samples:
    """Some rows, with the weights that they have among all."""
    return Samples(part.u[rows], part.t[rows], None if part.weights is None else part.weights[rows])
