"""The design matrix of the additive part: the curves of all inputs as columns, and its products by blocks of rows.

Every input has a column for its line and, where it has more than two values, columns for bends that are orthonormal in the
penalty. Cross products are summed over blocks of rows, so that beside the matrix itself no copy of its size is needed.

Throughout the package x, u `(n, p)` are inputs, raw and standardised, y, t `(n, q)` targets or class indicators, weights `(n,)`
those of the rows, of mean 1, fold `(n,)` the fold of each, owners `(p,)` the column of the table to which an input belongs,
columns the inputs of each, groups those that are levels of one category, and coefficients `(P, q)` those of the design matrix.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from splinework.nn.layer import KANLayer
from splinework.splines import greville
from splinework.train.mixed_model import PenalisedSolution

MAX_BLOCK_ENTRIES = 2**20
"""Entries of a block of rows: 8 MB in float64, which a processor's cache nearly holds."""
MAX_DOUBLE_ENTRIES = 2**24
"""Entries up to which the matrix is stored in float64 (128 MB). Beyond, float32 rounds far below what chance does; sums are in
float64 always."""
MAX_MOMENT_ROWS = 20_000
"""Rows, evenly thinned, by which bends are made orthogonal to constants and lines: nearly so they span the same curves. Of more
rows each column is about its mean over all of them in the end."""
MIN_BEND = 1e-9
"""Eigenvalues of a penalty below this share of the largest are those of constant and linear functions."""


class Product(NamedTuple):
    """The products of every one of some columns with every one of some others, less their means; they share one variance."""

    first: tuple[int, ...]
    second: tuple[int, ...]
    means: Tensor


@dataclass(frozen=True)
class DesignMatrix:
    """The design matrix: `values @ coefficients` are the sums of curves at the rows, where each curve has mean zero.

    Attributes:
        values: `(n, P)`, in float32 where it is large; use `times`, `moments` and `about_mean` for products in float64.
        blocks: Block number of each column, `(P,)`; the columns of a block share one variance.
        lift: Per input a matrix `(size, m)` from the coefficients of its columns to spline coefficients.
        spans: Columns of each input, and then of each set of products.
        products: Sets of products of the inputs' columns: of all of a set with one column of the second kind, then the next.
    """

    values: Tensor
    blocks: Tensor
    lift: tuple[Tensor, ...]
    spans: tuple[slice, ...]
    products: tuple[Product, ...] = ()

    @property
    def width(self) -> int:
        """Number of columns P."""
        return self.values.shape[1]

    def spline_coefficients(self, coefficients: Tensor) -> Tensor:
        """Spline coefficients `(I, size, q)` of the curves with these coefficients `(P, q)`."""
        return torch.stack([lift @ coefficients[span] for lift, span in zip(self.lift, self.spans, strict=False)])

    def with_products(self, pairs: Sequence[tuple[Sequence[int], Sequence[int]]], weights: Tensor) -> DesignMatrix:
        """The design matrix with the products of these pairs of sets of columns besides, each pair a block of its own."""
        parts, blocks, spans, products = [self.values], [self.blocks], list(self.spans), list(self.products)
        for first, second in pairs:
            columns = (self.values[:, list(second), None] * self.values[:, None, list(first)]).flatten(1)
            means = (weights / weights.sum()) @ columns.to(weights.dtype)
            parts.append(columns - means.to(columns.dtype))
            blocks.append(torch.full_like(means, int(self.blocks.max()) + len(blocks), dtype=torch.long))
            spans.append(slice(spans[-1].stop, spans[-1].stop + len(means)))
            products.append(Product(tuple(first), tuple(second), means))
        return DesignMatrix(torch.cat(parts, 1), torch.cat(blocks), self.lift, tuple(spans), tuple(products))

    def of_inputs(self, inputs: Tensor, straight: Collection[int] = ()) -> tuple[DesignMatrix, Tensor]:
        """The design matrix of the curves of some inputs only, and the places of its columns in this one.

        Args:
            inputs: Indices of the inputs, ascending.
            straight: Inputs whose curves are lines: of their columns there is only the first.
        """
        chosen = inputs.tolist()
        spans = [slice(s.start, s.start + 1 if i in straight else s.stop) for i in chosen for s in (self.spans[i],)]
        columns = torch.cat([torch.arange(span.start, span.stop) for span in spans])
        blocks = torch.unique(self.blocks[columns], return_inverse=True)[1]
        widths = [span.stop - span.start for span in spans]
        ends = torch.tensor(widths).cumsum(0).tolist()
        own = tuple(slice(start, stop) for start, stop in zip([0, *ends[:-1]], ends, strict=True))
        lifts = tuple(self.lift[i][:, :width] for i, width in zip(chosen, widths, strict=True))
        return DesignMatrix(self.values[:, columns], blocks, lifts, own), columns

    def inputs_of(self, columns: Tensor) -> Tensor:
        """The inputs, ascending, to which these columns belong."""
        starts = torch.tensor([span.start for span in self.spans])
        found: Tensor = torch.unique(torch.searchsorted(starts, columns, right=True) - 1)
        return found

    def times(self, coefficients: Tensor) -> Tensor:
        """The product `(n, q)` with coefficients `(P, q)` or `(P,)`."""
        found: Tensor = torch.cat([part.to(coefficients.dtype) @ coefficients for _, part in self._parts()])
        return found

    def moments(self, rows: Tensor) -> Tensor:
        """The transposed product `(P, q)` with numbers `(n, q)` or `(n,)` of the rows."""
        found: Tensor = rows.new_zeros(self.width, *rows.shape[1:])
        for at, part in self._parts():
            found += part.to(rows.dtype).T @ rows[at]
        return found

    def pulled(
        self, coefficients: Tensor, bias: Tensor, slope: Callable[[slice, Tensor], Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The outputs `(n, q)`, and by their `slope` at some rows the `moments` `(P, q)` and its sums `(q,)`: in one pass.

        Products of a block of rows are as precise as the matrix is stored, their sums over the blocks are in float64.
        """
        outputs, slopes = list[Tensor](), list[Tensor]()
        moments, own = torch.zeros_like(coefficients), coefficients.to(self.values.dtype).T.contiguous()
        for at, part in self._parts():
            outputs.append(
                (own @ part.T).T.to(bias.dtype) + bias
            )  # few outputs: so much faster than the other way round
            slopes.append(slope(at, outputs[-1]))
            moments += (slopes[-1].T.to(part.dtype) @ part).T
        return torch.cat(outputs), moments, torch.cat(slopes).sum(0)

    def squares(self, weights: Tensor) -> Tensor:
        """Weighted sums of squares of the columns, `(P,)`."""
        found: Tensor = weights.new_zeros(self.width)
        for at, part in self._parts():
            found += weights[at] @ part.to(weights.dtype).square()
        return found

    def about_mean(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Weighted means of the columns `(P,)` and their cross products about them `(P, P)`."""
        centre = self.moments(weights) / weights.sum()
        return centre, self._cross_products(weights, centre)[1]

    def with_constant(self, weights: Tensor) -> Tensor:
        """Weighted cross products of the columns and a constant, `(P + 1, P + 1)`; as precise as `pulled`."""
        sums, found = weights.new_zeros(self.width), weights.new_zeros(self.width, self.width)
        for at, part in self._parts():
            weighted = weights[at, None].to(part.dtype) * part
            sums += weighted.sum(0)
            found += part.T @ weighted
        border = torch.cat([sums, weights.sum()[None]])
        return torch.cat([torch.cat([found, sums[None]]), border[:, None]], 1)

    def deviations(self, solution: PenalisedSolution) -> Tensor:
        """`zᵀ A⁻¹ z` with the penalised matrix A of a solution, for every row z about the means: `(n,)`."""
        centre = solution.equations.centre
        return torch.cat([solution.deviations(part.to(centre.dtype) - centre) for _, part in self._parts()])

    def without(self, whole: tuple[Tensor, Tensor], weights: Tensor, held: Tensor) -> tuple[Tensor, Tensor]:
        """Means and cross products without held-out rows, from those of all rows; costs the products of the held-out rows only.

        Args:
            whole: Means and cross products of all rows, from `about_mean`.
            weights: Weights of all rows, `(n,)`.
            held: Mask of the held-out rows, `(n,)`.
        """
        centre, gram = whole
        out = weights * held
        left = weights.sum() - out.sum()
        sums, products = self._cross_products(out, centre)
        shift = -sums / left  # of the mean, by Steiner's theorem taken off below
        return centre + shift, gram - products - left * torch.outer(shift, shift)

    def _cross_products(self, weights: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
        """Weighted sums `(P,)` and cross products `(P, P)` of the columns less `centre`, over the rows that have a weight."""
        sums, found = torch.zeros_like(centre), centre.new_zeros(self.width, self.width)
        for at, part in self._parts():
            own = weights[at]
            used = own > 0
            if not bool(used.all()):
                part, own = part[used], own[used]
            centred = part.to(centre.dtype) - centre
            weighted = own[:, None] * centred
            sums += weighted.sum(0)
            found.addmm_(centred.T, weighted)
        return sums, found

    def _parts(self) -> Iterator[tuple[slice, Tensor]]:
        for at in row_blocks(len(self.values), self.width):
            yield at, self.values[at]


def row_blocks(rows: int, width: int) -> Iterator[slice]:
    """Slices of at most `MAX_BLOCK_ENTRIES` entries that cover all rows of a matrix of this width."""
    step = max(1, MAX_BLOCK_ENTRIES // max(width, 1))
    for start in range(0, rows, step):
        yield slice(start, start + step)


def make_design(layer: KANLayer, u: Tensor, weights: Tensor, groups: Sequence[Sequence[int]]) -> DesignMatrix:
    """The design matrix of every input's curves on the layer's grid.

    An input with two values has one column, its step. Inputs of one group (the levels of a category) share one variance and one
    scale, so that a level in few rows, which tell little of it, is shrunk by more.

    Args:
        layer: The layer whose grid is used; its coefficients are ignored.
        u: Inputs `(n, I)` in the layer's units.
        weights: Row weights `(n,)`.
        groups: Inputs that share a variance; all others have their own.
    """
    share = weights / weights.sum()
    table = layer.table()
    basis = partial(
        table.basis.rows, grid=table.grid, prepared=table.prepared, derivative=0
    )  # no row is beyond the grid
    size = layer.basis.size
    mean, second = u.new_zeros(layer.inputs, size), u.new_zeros(layer.inputs, size, size)
    some = slice(None, None, math.ceil(len(u) / MAX_MOMENT_ROWS))
    few, sizes = u[some], share[some] / share[some].sum()
    for at in row_blocks(len(few), layer.inputs * size):
        rows = basis(few[at]).transpose(0, 1)
        weighted = sizes[at, None] * rows
        mean += weighted.sum(1)
        second += weighted.transpose(1, 2) @ rows
    lines = identities(layer) - (share @ u)[:, None]
    spread = torch.sqrt(share @ (u - share @ u) ** 2)[:, None]
    for members in map(list, groups):
        reach = u[:, members].amax(0) - u[:, members].amin(0)  # of a level 1 in other units
        if len(members) > 1 and bool((reach > 0).all()):
            variances = (spread[members, 0] / reach).square()
            spread[members, 0] = reach * variances.mean().sqrt()
    lines = torch.where(spread > 0, lines / torch.where(spread > 0, spread, 1.0), 0.0)
    bends = _bends(layer)
    several = many_valued(u).tolist()
    group = {i: number for number, members in enumerate(groups) if len(members) > 1 for i in members}
    bent = _bent(mean, second, lines, bends) if any(several) else ()
    blocks, lifts, spans, at_column = [], [], [], 0
    names: dict[object, int] = {}
    for i in range(layer.inputs):
        lift = lines[i][:, None]
        keys: list[object] = [("group", group[i]) if i in group else ("straight", i)]
        if several[i]:
            lift = torch.cat([lift, bent[i]], dim=1)
            keys += [("bent", i)] * bent[i].shape[1]
        blocks += [names.setdefault(key, len(names)) for key in keys]
        lifts.append(lift)
        spans.append(slice(at_column, at_column + lift.shape[1]))
        at_column += lift.shape[1]
    dtype = u.dtype if len(u) * at_column <= MAX_DOUBLE_ENTRIES else torch.float32
    values = torch.empty(len(u), at_column, dtype=dtype)
    starts, widths = torch.tensor([span.start for span in spans]), torch.tensor([lift.shape[1] for lift in lifts])
    alike = [torch.nonzero(widths == width)[:, 0] for width in torch.unique(widths)]
    stacks = [torch.stack([lifts[int(i)] for i in inputs]) for inputs in alike]
    for at in row_blocks(len(u), layer.inputs * size):
        rows = basis(u[at]).transpose(0, 1)
        for inputs, stack in zip(alike, stacks, strict=True):
            columns = (rows[inputs] @ stack).transpose(0, 1).to(dtype)
            if len(alike) == 1:
                values[at] = columns.flatten(1)
            else:
                values[at, starts[inputs, None] + torch.arange(stack.shape[2])] = columns
    if len(few) < len(u):
        centre = share.to(dtype) @ values
        values -= centre  # a constant is a sum of all splines
        lifts = [lift - centre[span] for lift, span in zip(lifts, spans, strict=True)]
    return DesignMatrix(values, torch.tensor(blocks), tuple(lifts), tuple(spans))


def many_valued(u: Tensor) -> Tensor:
    """A mask `(I,)` of the columns of `(n, I)` that have more than two values."""
    return ((u != u.amin(0)) & (u != u.amax(0))).any(0)


def identities(layer: KANLayer) -> Tensor:
    """Coefficients of the identity of each input, `(I, size)`: the Greville abscissae."""
    return greville(layer.grid, layer.basis.size - layer.basis.resolution)


def _bends(layer: KANLayer) -> Tensor:
    """The penalty matrix `(I, size, size)`: squared changes of slope between coefficients, times their distance.

    The penalty is relative to the local knot distance, so with quantile knots a curve may bend where the data are dense.
    """
    at = identities(layer)
    apart = torch.diff(at, dim=1)
    slopes = torch.diff(torch.eye(at.shape[1], dtype=at.dtype), dim=0) / apart[:, :, None]
    second = torch.diff(slopes, dim=1) * (apart[:, 1:] + apart[:, :-1])[:, :, None] / 2
    return second.transpose(1, 2) @ second


def _bent(mean: Tensor, second: Tensor, lines: Tensor, bends: Tensor) -> list[Tensor]:
    """Per input coefficients of functions orthonormal in the penalty and orthogonal to constant and linear ones at the rows.

    Args:
        mean: Means of the basis functions at the rows, `(I, size)`.
        second: Their second moments `(I, size, size)`.
        lines: Coefficients of the standardised lines, `(I, size)`; they have mean zero.
        bends: The penalty matrices `(I, size, size)`.
    """
    values, vectors = torch.linalg.eigh(bends)
    functions = vectors / values.clamp_min(MIN_BEND * values[:, -1:]).sqrt()[:, None]
    constant = mean[:, None] @ functions
    linear = (lines[:, None] @ second) @ functions
    bent = functions - constant - lines[:, :, None] * linear
    kept = values > MIN_BEND * values[:, -1:]
    return [each[:, own] for each, own in zip(bent, kept, strict=True)]
