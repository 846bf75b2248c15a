"""Calls of the Triton programs with plain tensors: sizes of tiles, parts of sums, memory.

Each function has the arguments of its namesake in `splinework.kernels.native`; gradients, vmap and torch.compile are for
`splinework.kernels.triton.operators`.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Final

import torch
import triton
from torch import Tensor

from splinework.kernels.addresses import TABULATED, TAILS, Spline, base_kind, check_operands, to_kind, working
from splinework.kernels.table import base_with_tails
from splinework.kernels.triton import programs
from splinework.kernels.triton.memory import empty
from splinework.splines.bases import activation

ENOUGH: Final = 512
"""Number of programs that keep a large GPU busy; sums are split into parts where there are fewer."""
MOST_PARTS: Final = 32
_ROWS: Final = 64
_SPLINES: Final = 16
_MOST_COLUMNS: Final = 64
_FINE: Final = 48
"""Number of table rows from which the points are sorted by cell before `scatter`."""


def contract(x: Tensor, s: Tensor | None, c: Tensor, spline: Spline, order: int) -> Tensor:
    """`reference.contract`: `(B, J)`."""
    check_operands(x, spline, c, s=s, device=x.device.type)
    (batch, inputs), outputs = x.shape, c.shape[2]
    columns = _columns(outputs)
    tiles = (triton.cdiv(batch, _ROWS), triton.cdiv(outputs, columns))
    parts = _parts(tiles[0] * tiles[1], triton.cdiv(inputs, 4))
    share = triton.cdiv(inputs, parts)
    parts = triton.cdiv(inputs, share)
    out = empty((parts, batch, outputs), x, _partial(x, parts))
    if out.numel():
        _launch(
            x.device, programs.contract, (*tiles, parts), _with_strides(x), _with_strides(s, x), _with_strides(c),
            _given(x, spline, order), _tables(spline, x), out, (batch, inputs, spline.size, outputs), share,
            FORM=_form(spline, order), SCALED=s is not None, TILE=(_ROWS, columns),
        )  # fmt: skip
    return _summed(out, x)


def probe(x: Tensor, c: Tensor, g: Tensor, spline: Spline, order: int) -> Tensor:
    """`reference.probe`: `(B, I)`."""
    check_operands(x, spline, c, g=g, device=x.device.type)
    (batch, inputs), outputs = x.shape, c.shape[2]
    out = empty((batch, inputs), x, x.dtype)
    if out.numel():
        _launch(
            x.device, programs.probe, (triton.cdiv(batch, _ROWS), inputs), _with_strides(x), _with_strides(c), _with_strides(g),
            _given(x, spline, order), _tables(spline, x), out, (batch, inputs, spline.size, outputs),
            FORM=_form(spline, order), TILE=(_ROWS, _columns(outputs)),
        )  # fmt: skip
    return out


def scatter(x: Tensor, s: Tensor | None, g: Tensor, spline: Spline, order: int) -> Tensor:
    """`reference.scatter`: `(I, M, J)`."""
    check_operands(x, spline, s=s, g=g, device=x.device.type)
    (batch, inputs), outputs, rows = x.shape, g.shape[1], spline.rows
    if not batch:
        return x.new_zeros((inputs, rows, outputs))
    columns, tiles = _columns(outputs), triton.cdiv(rows, _SPLINES)
    grid = (inputs * tiles, triton.cdiv(outputs, columns))
    parts = _parts(grid[0] * grid[1], triton.cdiv(batch, 4 * _ROWS))
    out = empty((parts, inputs, rows, outputs), x, _partial(x, parts))
    if out.numel():
        tables = _tables(spline, x)
        by_cell = _by_cell(x, tables[0], spline, tiles) if rows >= _FINE else ()
        _launch(
            x.device, programs.scatter, (*grid, parts), _with_strides(x), _with_strides(s, x), _with_strides(g),
            _given(x, spline, order), tables, by_cell, out, (batch, inputs, spline.size, outputs), parts,
            FORM=_form(spline, order), SCALED=s is not None, TILE=(_SPLINES, columns, _ROWS), num_stages=1,
        )  # fmt: skip
    return _summed(out, x)


def _launch(device: torch.device, program: Any, grid: tuple[int, ...], *operands: Any, **options: Any) -> None:
    """Runs a program on a device."""
    with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        program[grid](*operands, **options)


def _by_cell(x: Tensor, knots: Tensor, spline: Spline, tiles: int) -> tuple[Tensor, Tensor]:
    """The points of each input sorted by cell, `(I, B)`, and which of them each tile of rows needs, `(I, tiles, 2)`."""
    batch, inputs = x.shape
    found = torch.empty((inputs, batch), dtype=torch.int32, device=x.device)
    _launch(
        x.device, programs.cells, (triton.cdiv(batch, _ROWS), inputs), _with_strides(x), knots, found, batch, spline.size,
        FORM=_form(spline, 0), ROWS=_ROWS,
    )  # fmt: skip
    cells, order = found.sort(dim=1, stable=True)
    # Cell c has the splines c - k … c, so the rows m … m + 15 need the cells m … m + 15 + k.
    first = _SPLINES * torch.arange(tiles, dtype=torch.int32, device=x.device)
    ends = torch.stack([first, first + _SPLINES + spline.degree]).expand(inputs, 2, tiles)
    ranges = torch.searchsorted(cells, ends.reshape(inputs, -1).contiguous()).reshape(inputs, 2, tiles)
    if spline.base != "none":  # the tile with the base function's row needs all points
        ranges[:, 0, -1], ranges[:, 1, -1] = 0, batch
    return order, ranges.transpose(1, 2).contiguous()


def _columns(outputs: int) -> int:
    """Outputs of one program: a power of two, at least 16 for matrix products."""
    return int(min(max(triton.next_power_of_2(outputs), 16), _MOST_COLUMNS))


def _parts(programs_there: int, most: int) -> int:
    """Number of parts of a sum, by its sizes alone."""
    return max(1, min(ENOUGH // max(programs_there, 1), most, MOST_PARTS))


def _partial(x: Tensor, parts: int) -> torch.dtype:
    """The dtype of parts of a sum: that of the result only if there is one part."""
    return x.dtype if parts == 1 else working(x.dtype)


def _summed(out: Tensor, x: Tensor) -> Tensor:
    return out[0] if out.shape[0] == 1 else to_kind(out.sum(0), x.dtype)


def _tables(spline: Spline, x: Tensor) -> tuple[Tensor, Tensor]:
    kind = working(x.dtype)
    return to_kind(spline.grid, kind).contiguous(), to_kind(spline.pieces, kind).contiguous()


def _with_strides(t: Tensor | None, absent: Tensor | None = None) -> tuple[Any, ...]:
    """A tensor and its strides, as an argument of a program; any tensor in place of an absent one."""
    return (absent, 0, 0) if t is None else (t, *t.stride())


def _form(spline: Spline, order: int) -> tuple[int, ...]:
    steps = int(spline.grid.shape[1]).bit_length() + 1
    return spline.degree, order, spline.tail, base_kind(spline, order), steps


def _given(x: Tensor, spline: Spline, order: int) -> Tensor:
    """Values of a base function that the programs do not know, `(B, I)`; x itself otherwise."""
    if base_kind(spline, order) != TABULATED:
        return x
    base, kind = activation(spline.base), working(x.dtype)
    assert base is not None
    grid = to_kind(spline.grid, kind)
    name = next(key for key, number in TAILS.items() if number == spline.tail)
    low, high = grid[:, spline.degree], grid[:, spline.size]
    return base_with_tails(base, to_kind(x, kind), low, high, name, order).contiguous()
