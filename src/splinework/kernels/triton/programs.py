"""The programs of the three primitives in Triton: what one block of threads of a GPU does.

No array of batch × basis is written: a program finds the cell of a point, evaluates the k + 1 splines there from the
polynomials of the cell, and multiplies at once. `contract` and `probe` fetch the k + 1 rows of coefficients of a point, so that
their cost does not depend on the grid. `scatter` owns 16 rows of the result, reads only the points that reach them (they are
sorted by cell where the grid is fine) and adds them in registers by a matrix product of the splines' values, made on the spot,
and the cotangent: no atomics, so a result is the same on every run.

The cell of a point, its local variable and the tails are those of `splinework.splines.bspline` and `splinework.kernels.table`.
Half precision is widened as it is loaded; grids are float32 or float64, in which all is computed.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _last(
    knots: tl.tensor,
    at: tl.tensor,
    low: tl.tensor,
    high: tl.tensor,
    bound: tl.tensor,
    STRICT: tl.constexpr,
    STEPS: tl.constexpr,
) -> tl.tensor:
    """The last c of `low - 1 … high` with `knots[c] <= bound` (strictly below with STRICT), by bisection; `low - 1` if none."""
    c = at + (low - 1)
    top = at + high
    for _ in range(STEPS):
        middle = tl.maximum((c + top + 1) // 2, 0)
        t = tl.load(knots + middle)
        below = t < bound if STRICT else t <= bound
        open_ = c < top
        c, top = tl.where(open_ & below, middle, c), tl.where(open_ & (below == 0), middle - 1, top)
    return c


@triton.jit
def _cells(
    x: tl.tensor, knots: tl.tensor, size: tl.tensor, K: tl.constexpr, TAIL: tl.constexpr, STEPS: tl.constexpr
) -> tl.tensor:
    """The cell of points of one input, x clamped to the domain, the local variable v, 1 / width, distance beyond, and a factor.

    The factor is 0 where the splines vanish, 1 elsewhere.
    """
    low = tl.load(knots + K)
    high = tl.load(knots + size)
    near = x
    if TAIL < 2:
        near = tl.where(x < low, low, tl.where(x > high, high, x))
    none = tl.zeros_like(near).to(tl.int32)
    c = _last(knots, none, 0, size + K, near, False, STEPS)
    c = tl.where(near == high, _last(knots, size * 0, K, size - 1, high, True, STEPS), c)
    end = tl.load(knots + size + K)
    c = tl.minimum(tl.maximum(c, 0), tl.maximum(_last(knots, size * 0, 0, size + K - 1, end, True, STEPS), 0))
    left = tl.load(knots + c)
    right = tl.load(knots + c + 1)
    width = tl.where(right > left, right - left, 1.0)
    v = ((near - left) - (right - near)) / (2.0 * width)
    outside = (near < tl.load(knots)) | (near > end)
    v = tl.where(outside, 0.0, v)
    return c, near, v, 1.0 / width, x - near, tl.where(outside, 0.0, 1.0).to(x.dtype)


@triton.jit
def _horner(piece: tl.tensor, v: tl.tensor, K: tl.constexpr, R: tl.constexpr) -> tl.tensor:
    """The R-th derivative by v of the polynomial whose coefficient of `v^p` is at `piece + p (K + 1)`."""
    value = v * 0.0
    for q in tl.static_range(K - R + 1):
        factor = 1.0
        for t in tl.static_range(R):
            factor = factor * (K - q - t)
        value = value * v + factor * tl.load(piece + (K - q) * (K + 1))
    return value


@triton.jit
def _spline(
    pieces: tl.tensor,
    c: tl.tensor,
    a: tl.tensor,
    v: tl.tensor,
    rate: tl.tensor,
    beyond: tl.tensor,
    there: tl.tensor,
    K: tl.constexpr,
    R: tl.constexpr,
    TAIL: tl.constexpr,
) -> tl.tensor:
    """The R-th derivative of the active spline a of cell c, with its tail."""
    piece = pieces + c * ((K + 1) * (K + 1)) + a
    value = _horner(piece, v, K, R) * there
    for _ in tl.static_range(R):
        value = value * rate
    if TAIL == 0 and R == 0:
        value += _horner(piece, v, K, 1) * rate * beyond
    if (TAIL == 0 and R > 1) or (TAIL == 1 and R > 0):
        value = value * tl.where(beyond == 0.0, 1.0, 0.0).to(v.dtype)
    return value


@triton.jit
def _sigmoid_linear(x: tl.tensor, R: tl.constexpr) -> tl.tensor:
    """The R-th derivative of `x σ(x)`, R = 0 … 4: `x σ^(R) + R σ^(R-1)`."""
    sigma = 1.0 / (1.0 + tl.exp(-x))
    bell = sigma * (1.0 - sigma)
    if R == 0:
        value = x * sigma
    elif R == 1:
        value = sigma + x * bell
    elif R == 2:
        value = bell * (2.0 + x * (1.0 - 2.0 * sigma))
    elif R == 3:
        value = bell * (3.0 * (1.0 - 2.0 * sigma) + x * (1.0 - 6.0 * bell))
    else:
        value = bell * (4.0 * (1.0 - 6.0 * bell) + x * (1.0 - 2.0 * sigma) * (1.0 - 12.0 * bell))
    return value


@triton.jit
def _base(
    near: tl.tensor,
    beyond: tl.tensor,
    given: tl.tensor,
    live: tl.tensor,
    R: tl.constexpr,
    TAIL: tl.constexpr,
    BASE: tl.constexpr,
) -> tl.tensor:
    """The R-th derivative of the base function with its tail: `x σ(x)`, or values that are `given`."""
    if BASE == 2:
        value = tl.load(given, mask=live, other=0.0).to(near.dtype)
    else:
        value = _sigmoid_linear(near, R)
        if TAIL == 0 and R == 0:
            value += _sigmoid_linear(near, 1) * beyond
        if (TAIL == 0 and R > 1) or (TAIL == 1 and R > 0):
            value = value * tl.where(beyond == 0.0, 1.0, 0.0).to(near.dtype)
    return value


@triton.jit
def _place(t: tl.tuple, b: tl.tensor, i: tl.tensor) -> tl.tensor:
    """Address of element (b, i) of a matrix, which is its address and strides."""
    return t[0] + b * t[1] + i * t[2]


@triton.jit
def _located(
    x: tl.tuple, knots: tl.tensor, b: tl.tensor, i: tl.tensor, live: tl.tensor, size: tl.tensor, FORM: tl.constexpr
) -> tl.tensor:
    """`_cells` of rows b of input i, 0 in place of points that are not `live`."""
    at = tl.load(_place(x, b, i), mask=live, other=0.0).to(knots.dtype.element_ty)
    return _cells(at, knots + i * (size + FORM[0] + 1), size, FORM[0], FORM[2], FORM[4])


@triton.jit
def contract(
    x: tl.tuple,
    s: tl.tuple,
    c: tl.tuple,
    given: tl.tensor,
    table: tl.tuple,
    out: tl.tensor,
    sizes: tl.tuple,
    share: tl.tensor,
    FORM: tl.constexpr,
    SCALED: tl.constexpr,
    TILE: tl.constexpr,
) -> None:
    """The sums of a tile of rows and outputs over `share` inputs; `out` is `(parts, batch, outputs)`.

    Args:
        x: Points, with their strides.
        s: Factors, with their strides.
        c: Coefficients, with their strides.
        given: Values of the base function `(batch, inputs)`.
        table: Knots and pieces.
        out: Where the sums go.
        sizes: Rows, inputs, splines and outputs.
        share: Number of inputs of a program.
        FORM: Degree, order, code of the tails, code of the base function, steps of a bisection.
        SCALED: Whether there are factors.
        TILE: Rows and outputs of a program.
    """
    K: tl.constexpr = FORM[0]
    R: tl.constexpr = FORM[1]
    TAIL: tl.constexpr = FORM[2]
    BASE: tl.constexpr = FORM[3]
    knots, pieces = table
    batch, inputs, size, outputs = sizes
    b = tl.program_id(0).to(tl.int64) * TILE[0] + tl.arange(0, TILE[0])
    j = tl.program_id(1).to(tl.int64) * TILE[1] + tl.arange(0, TILE[1])
    start = tl.program_id(2).to(tl.int64) * share
    live, there = b < batch, j < outputs
    kind = knots.dtype.element_ty
    sums = tl.zeros([TILE[0], TILE[1]], dtype=kind)
    for i in range(start, tl.minimum(start + share, inputs)):
        own = pieces + i * (size + K) * ((K + 1) * (K + 1))
        cell, near, v, rate, beyond, inside = _located(x, knots, b, i, live, size, FORM)
        factor = tl.full([TILE[0]], 1.0, dtype=kind)
        if SCALED:
            factor = tl.load(_place(s, b, i), mask=live, other=0.0).to(kind)
        for a in tl.static_range(K + 1):
            w = _spline(own, cell, a, v, rate, beyond, inside, K, R, TAIL) * factor
            m = cell - K + a
            known = ((m >= 0) & (m < size) & live)[:, None] & there[None, :]
            rows = tl.load(_place(c, i, m.to(tl.int64)[:, None]) + j[None, :] * c[3], mask=known, other=0.0)
            sums += w[:, None] * rows.to(kind)
        if BASE > 0:
            w = _base(near, beyond, given + b * inputs + i, live, R, TAIL, BASE) * factor
            row = tl.load(_place(c, i, size.to(tl.int64)) + j * c[3], mask=there, other=0.0)
            sums += w[:, None] * row.to(kind)[None, :]
    place = out + (tl.program_id(2).to(tl.int64) * batch + b)[:, None] * outputs + j[None, :]
    tl.store(place, sums.to(out.dtype.element_ty), mask=live[:, None] & there[None, :])


@triton.jit
def probe(
    x: tl.tuple,
    c: tl.tuple,
    g: tl.tuple,
    given: tl.tensor,
    table: tl.tuple,
    out: tl.tensor,
    sizes: tl.tuple,
    FORM: tl.constexpr,
    TILE: tl.constexpr,
) -> None:
    """The sums of a tile of rows over the outputs, for one input; the arguments are those of `contract`, g the cotangent."""
    K: tl.constexpr = FORM[0]
    R: tl.constexpr = FORM[1]
    TAIL: tl.constexpr = FORM[2]
    BASE: tl.constexpr = FORM[3]
    knots, pieces = table
    batch, inputs, size, outputs = sizes
    b = tl.program_id(0).to(tl.int64) * TILE[0] + tl.arange(0, TILE[0])
    i = tl.program_id(1).to(tl.int64)
    live = b < batch
    kind = knots.dtype.element_ty
    own = pieces + i * (size + K) * ((K + 1) * (K + 1))
    cell, near, v, rate, beyond, inside = _located(x, knots, b, i, live, size, FORM)
    sums = tl.zeros([TILE[0]], dtype=kind)
    for start in range(0, outputs, TILE[1]):
        j = start + tl.arange(0, TILE[1]).to(tl.int64)
        there = j < outputs
        pull = tl.load(_place(g, b[:, None], j[None, :]), mask=live[:, None] & there[None, :], other=0.0).to(kind)
        for a in tl.static_range(K + 1):
            w = _spline(own, cell, a, v, rate, beyond, inside, K, R, TAIL)
            m = cell - K + a
            known = ((m >= 0) & (m < size) & live)[:, None] & there[None, :]
            rows = tl.load(_place(c, i, m.to(tl.int64)[:, None]) + j[None, :] * c[3], mask=known, other=0.0)
            sums += w * tl.sum(pull * rows.to(kind), axis=1)
        if BASE > 0:
            w = _base(near, beyond, given + b * inputs + i, live, R, TAIL, BASE)
            row = tl.load(_place(c, i, size.to(tl.int64)) + j * c[3], mask=there, other=0.0)
            sums += w * tl.sum(pull * row.to(kind)[None, :], axis=1)
    tl.store(out + b * inputs + i, sums.to(out.dtype.element_ty), mask=live)


@triton.jit
def cells(
    x: tl.tuple,
    knots: tl.tensor,
    out: tl.tensor,
    batch: tl.tensor,
    size: tl.tensor,
    FORM: tl.constexpr,
    ROWS: tl.constexpr,
) -> None:
    """The cell of every point, `(inputs, batch)`: what `scatter` sorts by."""
    b = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    i = tl.program_id(1).to(tl.int64)
    live = b < batch
    found = _located(x, knots, b, i, live, size, FORM)
    tl.store(out + i * batch + b, found[0], mask=live)


@triton.jit
def scatter(
    x: tl.tuple,
    s: tl.tuple,
    g: tl.tuple,
    given: tl.tensor,
    table: tl.tuple,
    by_cell: tl.tuple,
    out: tl.tensor,
    sizes: tl.tuple,
    parts: tl.tensor,
    FORM: tl.constexpr,
    SCALED: tl.constexpr,
    TILE: tl.constexpr,
) -> None:
    """The sums of a tile of table rows and outputs over one part of the points; `out` is `(parts, inputs, rows, outputs)`.

    With sorted points, `by_cell` has their order by cell `(inputs, batch)`, and which of them each tile needs `(inputs, tiles,
    2)`; otherwise it is empty. The tile is table rows, outputs, and points of a step; the other arguments are those of
    `contract`.
    """
    K: tl.constexpr = FORM[0]
    R: tl.constexpr = FORM[1]
    TAIL: tl.constexpr = FORM[2]
    BASE: tl.constexpr = FORM[3]
    knots, pieces = table
    batch, inputs, size, outputs = sizes
    rows = size + (BASE > 0)
    tiles = tl.cdiv(rows, TILE[0])
    i = (tl.program_id(0) // tiles).to(tl.int64)
    tile = tl.program_id(0) % tiles
    j = tl.program_id(1).to(tl.int64) * TILE[1] + tl.arange(0, TILE[1])
    there = j < outputs
    m = tile * TILE[0] + tl.arange(0, TILE[0])
    kind = knots.dtype.element_ty
    own = pieces + i * (size + K) * ((K + 1) * (K + 1))
    start, stop = batch * 0, batch
    if len(by_cell) > 0:
        start = tl.load(by_cell[1] + (i * tiles + tile) * 2)
        stop = tl.load(by_cell[1] + (i * tiles + tile) * 2 + 1)
    share = tl.cdiv(stop - start, parts)
    start += tl.program_id(2) * share
    stop = tl.minimum(start + share, stop)
    sums = tl.zeros([TILE[0], TILE[1]], dtype=kind)
    for first in range(start, stop, TILE[2]):
        b = first + tl.arange(0, TILE[2]).to(tl.int64)
        live = b < stop
        if len(by_cell) > 0:
            b = tl.load(by_cell[0] + i * batch + b, mask=live, other=0)
        cell, near, v, rate, beyond, inside = _located(x, knots, b, i, live, size, FORM)
        factor = tl.where(live, 1.0, 0.0).to(kind)
        if SCALED:
            factor = tl.load(_place(s, b, i), mask=live, other=0.0).to(kind)
        values = tl.zeros([TILE[0], TILE[2]], dtype=kind)
        for a in tl.static_range(K + 1):
            w = _spline(own, cell, a, v, rate, beyond, inside, K, R, TAIL) * factor
            hit = (m[:, None] == (cell - K + a)[None, :]) & (m < size)[:, None]
            values = tl.where(hit, w[None, :], values)
        if BASE > 0:
            w = _base(near, beyond, given + b * inputs + i, live, R, TAIL, BASE) * factor
            values = tl.where((m == size)[:, None], w[None, :], values)
        pull = tl.load(_place(g, b[:, None], j[None, :]), mask=live[:, None] & there[None, :], other=0.0)
        sums += tl.dot(values, pull.to(kind), input_precision="ieee", out_dtype=kind)
    place = out + ((tl.program_id(2).to(tl.int64) * inputs + i) * rows + m)[:, None] * outputs + j[None, :]
    tl.store(place, sums.to(out.dtype.element_ty), mask=(m < rows)[:, None] & there[None, :])
