"""Sums over blocks of rows, in an order that the rows alone decide: one process or many give the same bits.

Many rows are cut into blocks, whose number depends on nothing but the rows. What an objective needs of all rows (its value,
its gradient, `JᵀJ` and `Jᵀr`, …) is worked out block by block, and neighbours are added in pairs, then pairs of pairs: a
binary tree. A process that has some of the blocks adds up whole subtrees, and what is left is added by the process that has both
halves. So where blocks are computed changes nothing, not even a rounding error, as long as the processors are of one kind.
"""

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar, final

import torch
from torch import Tensor

from splinework.nn.network import KAN
from splinework.train.jacobian import ParameterVector
from splinework.train.objective import CurvatureOperator, Curvatures, Objective

BLOCK_ROWS = 8192
"""Least rows of a block: fewer are worked out faster than a sum is sent."""

Result = TypeVar("Result")
Tensors = tuple[Tensor, ...]
Block = tuple[int, float, Objective]
"""Number of a block, its share of all rows, and its objective, without penalties. A block may come in several parts."""


class Blocked(Protocol):
    """An objective whose rows come in blocks."""

    @property
    def model(self) -> KAN:
        """The network."""

    @property
    def n_blocks(self) -> int:
        """How many."""

    def blocks(self, first: int, last: int) -> Iterator[Block]:
        """Those from number `first` up to, and without, `last`, in order."""


class Shares(Protocol):
    """Those who work out sums together; see `splinework.train.distributed`."""

    def total(self, objective: Blocked, task: str, arguments: tuple[Any, ...]) -> "list[Subtree] | None":
        """The subtrees of all blocks, or None where they do not have these rows."""

    def share_out(self, function: Callable[..., Result], tasks: Sequence[tuple[Any, ...]]) -> list[Result]:
        """`function(*task)` for every task, each of them by one."""


SHARED_BY: ContextVar[Shares | None] = ContextVar("SHARED_BY", default=None)
"""Those among whom the rows of the present fit are divided, or None."""


def block_count(rows: int) -> int:
    """Number of blocks of these rows, a power of two; 1 where they are too few.

    >>> [block_count(rows) for rows in (10, 20_000, 1_000_000)]
    [1, 2, 64]
    """
    return 1 << max(rows // BLOCK_ROWS, 1).bit_length() - 1


def block_range(n_blocks: int, part: int, parts: int) -> tuple[int, int]:
    """The blocks that part number `part` of `parts` has.

    >>> [block_range(8, part, 3) for part in range(3)]
    [(0, 2), (2, 5), (5, 8)]
    """
    return n_blocks * part // parts, n_blocks * (part + 1) // parts


# ---------------------------------------------------------------------------------------------------------- the tree


@final
@dataclass(frozen=True)
class Subtree:
    """The sum over blocks `start … start + 2^level - 1`."""

    start: int
    level: int
    tensors: Tensors


def grow(stack: list[Subtree], node: Subtree, merge: Callable[[Tensors, Tensors], Tensors]) -> None:
    """Adds the node that follows the last one of the stack, and joins what are two halves of one subtree."""
    while stack and stack[-1].level == node.level and stack[-1].start % 2 ** (node.level + 1) == 0:
        before = stack.pop()
        node = Subtree(before.start, node.level + 1, merge(before.tensors, node.tensors))
    stack.append(node)


def partial(objective: Blocked, first: int, last: int, task: str, arguments: tuple[Any, ...]) -> list[Subtree]:
    """The subtrees of some blocks."""
    work = TASKS[task]
    stack: list[Subtree] = []
    number, waiting = -1, None
    with torch.no_grad():
        for index, share, block in work.parts(objective, first, last, arguments):
            found = work.of(block, share, *arguments)
            if index == number and waiting is not None:
                waiting = work.merge(waiting, found)
                continue
            if waiting is not None:
                grow(stack, Subtree(number, 0, waiting), work.merge)
            number, waiting = index, found
    if waiting is not None:
        grow(stack, Subtree(number, 0, waiting), work.merge)
    return stack


def total(objective: Blocked, task: str, *arguments: Any) -> Tensors:
    """The sum over all blocks, worked out by all who share the rows."""
    together = SHARED_BY.get()
    nodes = None if together is None else together.total(objective, task, arguments)
    if nodes is None:
        nodes = partial(objective, 0, objective.n_blocks, task, arguments)
    *rest, last = nodes
    result = last.tensors
    for node in reversed(rest):
        result = TASKS[task].merge(node.tensors, result)
    return result


def sums(first: Tensors, second: Tensors) -> Tensors:
    """Tensor by tensor, in the memory of the first ones."""
    return tuple(a.add_(b) for a, b in zip(first, second, strict=True))


def triangles(first: Tensors, second: Tensors) -> Tensors:
    """The triangle of both triangles below each other: a QR factorisation of tall matrices (Demmel et al. 2012)."""
    stacked = torch.cat([first[0], second[0]])
    return (torch.linalg.qr(stacked, mode="r").R if len(stacked) > stacked.shape[1] else stacked,)


# --------------------------------------------------------------------------------------------------------- the tasks


@dataclass(frozen=True)
class BlockTask:
    """A piece of work on a block, and how two results become one.

    Attributes:
        of: `of(block, share, *arguments)`.
        merge: The result of two neighbours.
    """

    of: Callable[..., Tensors]
    merge: Callable[[Tensors, Tensors], Tensors] = sums

    def parts(
        self, objective: Blocked, first: int, last: int, arguments: tuple[Any, ...]
    ) -> Iterable[tuple[int, float, Any]]:
        """The blocks that `of` takes."""
        return objective.blocks(first, last)


class _OperatorTask(BlockTask):
    """One on the operators of the blocks, which are kept where rows lie in memory."""

    def parts(
        self, objective: Blocked, first: int, last: int, arguments: tuple[Any, ...]
    ) -> Iterable[tuple[int, float, Any]]:
        token, parameters = arguments[:2]
        if not getattr(objective, "is_cheap", False):
            return _operators(objective, first, last, parameters)
        if token not in _KEPT:
            _KEPT.clear()
            _KEPT[token] = list(_operators(objective, first, last, parameters))
        return _KEPT[token]


_KEPT: dict[int, list[tuple[int, float, CurvatureOperator]]] = {}
"""Operators of this process's blocks, of the last one that was made."""


def _operators(
    objective: Blocked, first: int, last: int, parameters: ParameterVector
) -> Iterator[tuple[int, float, CurvatureOperator]]:
    for index, share, block in objective.blocks(first, last):
        yield index, share, block.curvature_operator(parameters)


def _value(block: Objective, share: float, error: bool) -> Tensors:
    loss = block.loss_value()
    square = block.rmse(loss) ** 2 if error else 0.0
    return (torch.tensor([share * loss, share * square], dtype=torch.float64),)


def _gradient(block: Objective, share: float) -> Tensors:
    with torch.enable_grad():
        value = block.differentiate()
    gradients = [
        torch.zeros_like(p) if p.grad is None else share * p.grad for p in block.model.parameters() if p.requires_grad
    ]
    return torch.tensor([share * value], dtype=torch.float64), *gradients


def _normal(block: Objective, share: float, parameters: ParameterVector, max_entries: int) -> Tensors:
    matrix, vector = block.normal_equations(parameters, max_entries)
    return matrix.mul_(share), vector.mul_(share)


def _triangle(block: Objective, share: float, parameters: ParameterVector, max_entries: int) -> Tensors:
    factor: Tensors | None = None
    for jacobian, residual in block.jacobian_blocks(parameters, max_entries):
        part = (torch.cat([jacobian, residual[:, None]], dim=1) * math.sqrt(share),)
        factor = part if factor is None else triangles(factor, part)
    assert factor is not None
    return triangles(factor, (factor[0][:0],))


def _geodesic(
    block: Objective, share: float, parameters: ParameterVector, start: Tensor, move: Tensor, step: float
) -> Tensors:
    parameters.write(block.model, start)
    bent = block.geodesic_gradient(parameters, start, move, step)
    assert bent is not None
    return (bent.mul_(share),)


def _begin(here: CurvatureOperator, share: float, token: int, parameters: ParameterVector) -> Tensors:
    return share * here.vector, share * here.diagonal


def _times(here: CurvatureOperator, share: float, token: int, parameters: ParameterVector, v: Tensor) -> Tensors:
    return (here.times(v).mul_(share),)


def _squares(here: CurvatureOperator, share: float, token: int, parameters: ParameterVector) -> Tensors:
    return tuple(blocks * share for _, blocks in here.squares())


TASKS: dict[str, BlockTask] = {
    "value": BlockTask(_value),
    "gradient": BlockTask(_gradient),
    "normal": BlockTask(_normal),
    "triangle": BlockTask(_triangle, triangles),
    "geodesic": BlockTask(_geodesic),
    "begin": _OperatorTask(_begin),
    "times": _OperatorTask(_times),
    "squares": _OperatorTask(_squares),
}
"""What can be asked of all rows, by name: all that passes between processes."""


# -------------------------------------------------------------------------------------------------- what it is used for


def descend(objective: Any) -> float:
    """The value, and its gradient in the `.grad` of every parameter; penalties are added to the sum over blocks."""
    value, *gradients = total(objective, "gradient")
    moving = [p for p in objective.model.parameters() if p.requires_grad]
    objective.model.zero_grad()
    for parameter, gradient in zip(moving, gradients, strict=True):
        parameter.grad = gradient.to(parameter)
    if not objective.penalties:
        return float(value)
    penalty = objective.penalty()
    penalty.backward()
    return float(value) + float(penalty.detach())


@final
class BlockCurvature(CurvatureOperator):
    """`JᵀHJ` as a sum over blocks."""

    made = 0

    def __init__(self, objective: Any, parameters: ParameterVector, penalties: Curvatures) -> None:
        BlockCurvature.made += 1
        # What is changed afterwards does not change this.
        self.objective = replace(objective, model=copy.deepcopy(objective.model), penalties=())
        self.arguments = (BlockCurvature.made, parameters)
        vector, diagonal = total(self.objective, "begin", *self.arguments)
        super().__init__(vector, diagonal, penalties)

    def _loss_times(self, v: Tensor) -> Tensor:
        return total(self.objective, "times", *self.arguments, v)[0]

    def _loss_squares(self) -> list[tuple[slice, Tensor]]:
        if not self.objective.is_cheap:
            return []
        parameters = self.arguments[1]
        spans = zip(parameters.edges, parameters.spans(self.objective.model), strict=True)
        places = [own for (i, _), (own, _) in spans if len(i)]
        return list(zip(places, total(self.objective, "squares", *self.arguments), strict=True))
