"""Time marching from slab to slab, with adaptive knots and slab lengths.

A slab begins with exactly what the one before ends with: knots are only inserted, so its end is a spline on the next one's
knots. The remaining residual is decomposed by Legendre polynomials in time: the part beyond the slab's own is an error
of time resolution, which a shorter slab reduces; the rest is an error of the knots, and cells with more than their share are
halved.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor

from splinework.knowledge.teach.equations.slab import Collocation, Slab, SlabProblem
from splinework.splines import grid_points

MAX_ROUNDS, MAX_CELLS = 14, 400
"""How often knots are inserted for one slab, and up to how many cells."""
MIN_CELL_SHARE = 1 / 1500
"""Share of the range of x below which no cell is cut: a corner in what is given at the start would ask for knots without end."""
MIN_RESIDUAL_SHARE = 1e-2
"""A cell with less than this share of the mean of all is not halved."""
MIN_SLAB_SHARE = 1 / 16
"""Share of the first length below which no slab is cut."""
GROWTH_FACTOR, MAX_EASY_SHARE = 1.5, 0.05
"""How much longer the next slab is where time left less than this share of what is allowed."""


@final
@dataclass(frozen=True)
class MarchingResult:
    """A problem solved slab by slab.

    Attributes:
        slabs: In order of time.
        residual: Root mean square of the residual in each.
        size: Residual without the free functions, by which errors are measured, the largest of all slabs.
    """

    slabs: tuple[Slab, ...]
    residual: tuple[float, ...]
    size: float


def march_in_time(
    setting: SlabProblem,
    knots: Tensor,
    span: tuple[float, float],
    slabs: int,
    tolerance: float,
    tell: Callable[[Slab, float], None],
) -> MarchingResult:
    """Solves slab after slab.

    Args:
        setting: The problem.
        knots: Initial knots in x, `(K,)`.
        span: First and last time.
        slabs: Number of slabs if all were as long as the first.
        tolerance: Share of what the residual is where nothing moves that may be left of it.
        tell: Called with every slab and its residual.
    """
    first = (span[1] - span[0]) / slabs
    start, length, size = span[0], first, 0.0
    held = torch.zeros(setting.order, len(knots) - setting.degree - 1, dtype=torch.float64)
    done: list[Slab] = []
    left: list[float] = []
    while start < span[1] - 1e-9 * first:
        length = min(length, span[1] - start)
        last = start + 1.01 * length >= span[1]
        moved = held.new_zeros(setting.free, held.shape[1])
        slab = Slab(start, span[1] if last else start + length, knots, held, moved)
        size = max(size, Collocation(setting, slab).size())
        slab, value, by_time, short = _solved(setting, slab, tolerance * size, length > MIN_SLAB_SHARE * first)
        knots, held = slab.knots, slab.held
        if short:
            length /= 2
            continue
        done.append(slab)
        left.append(value)
        tell(slab, value)
        start, held = slab.end, slab.ends()
        if by_time < MAX_EASY_SHARE * tolerance * size:
            length *= GROWTH_FACTOR
    return MarchingResult(tuple(done), tuple(left), size)


def _solved(setting: SlabProblem, slab: Slab, allowed: float, divisible: bool) -> tuple[Slab, float, float, bool]:
    """The slab, the root mean square of its residual, what time has of it, and whether a shorter slab is needed instead."""
    turn = 0
    while True:
        here = Collocation(setting, slab)
        slab = replace(slab, moved=here.solve(slab.moved))
        by_time, by_cell = here.parted(slab.moved)
        in_space = float(by_cell.sum())
        value, late = (by_time + in_space) ** 0.5, by_time**0.5
        if value > allowed and divisible and by_time > in_space:
            return slab, value, late, True
        wanted = by_cell > max(allowed**2, MIN_RESIDUAL_SHARE * in_space) / len(by_cell)
        grid = grid_points(slab.knots[None], setting.degree)[0]
        wanted &= grid.diff() > 2 * MIN_CELL_SHARE * (grid[-1] - grid[0])
        full = len(by_cell) + int(wanted.sum()) > MAX_CELLS
        if value <= allowed or turn == MAX_ROUNDS or full or not bool(wanted.any()):
            return slab, value, late, False
        slab, turn = slab.finer(((grid[:-1] + grid[1:]) / 2)[wanted], setting.degree), turn + 1
