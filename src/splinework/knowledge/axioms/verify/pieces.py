"""A layer's edges and their first two derivatives on cells, including tails, over the reachable range of inputs."""

from dataclasses import dataclass, replace

import numpy as np

from splinework.errors import ConfigError
from splinework.formula.intervals import Floats, Interval, gamma
from splinework.knowledge.axioms.verify.cells import (
    MAX_ORDER,
    Cells,
    Polynomials,
    derivative_splines,
    padded,
    polar,
    powers_of,
)
from splinework.knowledge.axioms.verify.numbers import LayerNumbers
from splinework.knowledge.axioms.verify.smooth import (
    N_NODES,
    base_error,
    base_values,
    basis_error,
    interpolated,
    nodes,
    rows_of,
    straight,
    widest,
)
from splinework.splines.bases import activation
from splinework.splines.bases.activations import ASYMPTOTE_DISTANCE

_MAX_CELLS = 4096
_ANALYTIC_ORDER = 99


@dataclass(frozen=True)
class EdgePieces:
    """All edges of a layer as polynomials.

    Attributes:
        cells: The cells, `(I, C)`.
        orders: Values, first and second derivatives, and further ones if asked for.
        smoothness: Number of continuous derivatives at every inner bound, `(I, C - 1)`; -1 if values may jump.
    """

    cells: Cells
    orders: tuple[Polynomials, ...]
    smoothness: np.ndarray


@dataclass(frozen=True)
class _Section:
    """Adjacent cells of every input: ends `(I, C)`, and the knot interval of each (-1 for none)."""

    start: Floats
    stop: Floats
    interval: np.ndarray


def pieces_of(numbers: LayerNumbers, reach: Interval, highest: int = MAX_ORDER) -> EdgePieces:
    """The edges of a layer as polynomials.

    Args:
        numbers: The layer.
        reach: Ranges of its inputs, `(I,)`, possibly infinite.
        highest: The highest order of derivatives.

    Raises:
        ConfigError: If the basis has no known bounds on the ranges of its inputs.
    """
    main = _split(_main(numbers), numbers)
    tails = numbers.extrapolation in ("linear", "constant")
    sides = [_Section(main.start[:, :0], main.start[:, :0], main.interval[:, :0])] * 2
    if not tails:
        sides = [_outer(numbers, main, reach, side) for side in (-1, 1)]
    parts = (sides[0], main, sides[1])
    body = _Section(
        np.concatenate([part.start for part in parts], 1),
        np.concatenate([part.stop for part in parts], 1),
        np.concatenate([part.interval for part in parts], 1),
    )
    inner = [_inside(numbers, body, order) for order in range(highest + 1)]
    ends = [_beyond(numbers, body, inner, reach, side) for side in (-1, 1)]
    orders = tuple(_joined([left, middle, right]) for left, middle, right in zip(ends[0], inner, ends[1], strict=True))
    return EdgePieces(_cells(body, reach, tails), orders, _smoothness(numbers, body))


def _main(numbers: LayerNumbers) -> _Section:
    """The knot intervals of the domain, or all of them if splines decay beyond it; one cell for a smooth basis."""
    t = numbers.knots
    if numbers.basis.degree is not None:
        k = numbers.basis.degree
        inside = numbers.extrapolation in ("linear", "constant")
        first, last = (k, t.shape[1] - 1 - k) if inside else (0, t.shape[1] - 1)
        index = np.broadcast_to(np.arange(first, last), (t.shape[0], last - first))
        return _Section(t[:, first:last], t[:, first + 1 : last + 1], index)
    low, high = numbers.domain
    return _Section(low[:, None], high[:, None], np.zeros((t.shape[0], 1), dtype=np.intp))


def _is_smooth(numbers: LayerNumbers) -> bool:
    return numbers.base != "none" or numbers.basis.degree is None


def _width_wanted(numbers: LayerNumbers) -> float:
    """The width of cells for an interpolation error of about 1e-10."""
    base = activation(numbers.base)
    wanted = np.inf if base is None else widest(base)
    if numbers.basis.degree is None:
        low, high = numbers.domain
        weight = np.abs(numbers.c)
        width = float((high - low).max())
        for _ in range(9):
            error = basis_error(numbers.basis, numbers.knots, weight, np.full((len(low), 1), width), MAX_ORDER)
            if width <= wanted and error.max() <= 1e-9 * (1 + weight.sum(1).max()):
                break
            width /= 2
        wanted = min(wanted, width)
    return wanted


def _split(section: _Section, numbers: LayerNumbers) -> _Section:
    """Cells divided evenly until interpolation is accurate."""
    if not _is_smooth(numbers):
        return section
    count = int(np.ceil(float((section.stop - section.start).max()) / _width_wanted(numbers)))
    count = min(max(count, 1), _MAX_CELLS)
    share = np.arange(count + 1) / count
    points = section.start[:, :, None] * (1 - share) + section.stop[:, :, None] * share
    points[:, :, 0], points[:, :, -1] = section.start, section.stop
    shape = (points.shape[0], -1)
    return _Section(
        points[:, :, :-1].reshape(shape), points[:, :, 1:].reshape(shape), np.repeat(section.interval, count, 1)
    )


def _outer(numbers: LayerNumbers, main: _Section, reach: Interval, side: int) -> _Section:
    """Cells between the grid and the end of the reach, for a base function or an analytic basis."""
    rim = main.start[:, 0] if side < 0 else main.stop[:, -1]
    far = reach.lo if side < 0 else reach.hi
    alone = numbers.basis.degree is not None or _cut_off(numbers)
    if alone:  # the base function only: far out it is straight
        far = np.clip(far, -ASYMPTOTE_DISTANCE, ASYMPTOTE_DISTANCE)
    distance = np.maximum((rim - far) * -side, 0.0)
    empty = not distance.max() > 0 or (alone and numbers.base == "none")
    if not alone and (not numbers.basis.globally_bounded or not np.isfinite(distance).all()) and not empty:
        raise ConfigError(
            f"a {numbers.basis.name} basis with extrapolation={numbers.extrapolation!r} has no bounds as far out as its inputs "
            "reach; use extrapolation='linear'."
        )
    count = 0 if empty else min(int(np.ceil(float(distance.max()) / _width_wanted(numbers))), _MAX_CELLS)
    # The last bound lies beyond the reach, so that rounding leaves no gap.
    points = rim[:, None] + side * (distance * (1 + 1e-9) + 1e-9)[:, None] * (np.arange(count + 1) / max(count, 1))
    points[:, 0] = rim
    points = np.sort(points, 1)
    return _Section(points[:, :-1], points[:, 1:], np.full((len(rim), count), -1))


def _cut_off(numbers: LayerNumbers) -> bool:
    """Whether the basis is set to zero outside its domain."""
    return numbers.extrapolation == "zero" and not numbers.basis.vanishes_outside


def _inside(numbers: LayerNumbers, body: _Section, order: int) -> Polynomials:
    """The polynomials of a derivative on the bounded cells."""
    found = _basis_part(numbers, body, order)
    base = activation(numbers.base)
    if base is None or numbers.base_weight is None:
        return found
    points = (body.start + body.stop)[:, :, None] / 2 + (body.stop - body.start)[:, :, None] * nodes()[0]
    values = base_values(base, points, order)
    powers, rounding = interpolated(values[..., None] * numbers.base_weight[:, None, None, :])
    far = np.maximum(np.abs(body.start), np.abs(body.stop))
    error = base_error(base, body.stop - body.start, far, order)[:, :, None] * np.abs(numbers.base_weight)[:, None]
    return _sum(found, Polynomials(powers, error + rounding))


def _basis_part(numbers: LayerNumbers, body: _Section, order: int) -> Polynomials:
    inputs, cells = body.start.shape
    outputs = numbers.c.shape[2]
    outside = (body.interval < 0)[:, :, None]
    if numbers.basis.degree is not None:
        splines = derivative_splines(numbers.knots, numbers.c, numbers.basis.degree)
        if order >= len(splines):
            return Polynomials(np.zeros((inputs, cells, 1, outputs)), np.zeros((inputs, cells, outputs)))
        c, error, degree = splines[order]
        index = np.maximum(body.interval, 0)
        bernstein, bound = polar(numbers.knots, c, error, degree, index, (body.start, body.stop))
        bernstein = np.where(outside[:, :, None], 0.0, bernstein)
        weight = numbers.weight[:, None, :]
        bound = np.abs(weight) * bound * (1 + gamma(8)) + gamma(4) * np.abs(bernstein * weight[:, :, None]).max(2)
        return powers_of(bernstein * weight[:, :, None], np.where(outside, 0.0, bound))
    points = (body.start + body.stop)[:, :, None] / 2 + (body.stop - body.start)[:, :, None] * nodes()[0]
    rows = rows_of(numbers.basis, numbers.knots, points.reshape(inputs, -1), order)
    c = numbers.c * numbers.weight[:, None, :]
    values = np.einsum("inm,imj->inj", rows, c).reshape(inputs, cells, N_NODES, outputs)
    powers, rounding = interpolated(values)
    error = basis_error(numbers.basis, numbers.knots, np.abs(c), body.stop - body.start, order)
    cut = outside & _cut_off(numbers)
    return Polynomials(np.where(cut[:, :, None], 0.0, powers), np.where(cut, 0.0, error + rounding))


def _sum(a: Polynomials, b: Polynomials) -> Polynomials:
    degree = max(a.powers.shape[2], b.powers.shape[2]) - 1
    powers = padded(a.powers, degree) + padded(b.powers, degree)
    halves = 0.5 ** np.arange(degree + 1)
    return Polynomials(powers, a.error + b.error + gamma(4) * np.einsum("p,icpj->icj", halves, np.abs(powers)))


def _joined(parts: list[Polynomials]) -> Polynomials:
    degree = max(part.powers.shape[2] for part in parts) - 1
    powers = np.concatenate([padded(part.powers, degree) for part in parts], 1)
    return Polynomials(powers, np.concatenate([part.error for part in parts], 1))


def _beyond(
    numbers: LayerNumbers, body: _Section, inner: list[Polynomials], reach: Interval, side: int
) -> list[Polynomials]:
    """The tail on one side, for every order, as polynomials in the distance from its end."""
    inputs, outputs = numbers.weight.shape
    column = 0 if side < 0 else -1
    end = (body.start if side < 0 else body.stop)[:, column]
    found = [Polynomials(np.zeros((inputs, 1, 2, outputs)), np.zeros((inputs, 1, outputs))) for _ in inner]
    if numbers.extrapolation in ("linear", "constant"):
        kept = inner[: 2 if numbers.extrapolation == "linear" else 1]
        at = [_at_end(part, column, side / 2) for part in kept]
        distance = np.maximum((reach.lo if side < 0 else reach.hi) * side - end * side, 0.0)[:, None]
        for order in range(len(at)):
            for power, (value, error) in enumerate(at[order:]):
                found[order].powers[:, 0, power] = value
                with np.errstate(invalid="ignore"):
                    more = error * distance**power
                found[order].error[:, 0] += np.where(error == 0, 0.0, more)
        return found
    base = activation(numbers.base)
    if base is not None and numbers.base_weight is not None:
        slope, constant, off = straight(base, side)
        w = numbers.base_weight
        found[0].powers[:, 0, 0], found[0].powers[:, 0, 1] = w * (constant + slope * end[:, None]), w * slope
        found[1].powers[:, 0, 0] = w * slope
        for order in range(len(found)):
            bound = off + (gamma(8) * np.abs(end[:, None]) if order == 0 and slope else 0.0)
            found[order].error[:, 0] = np.abs(w) * bound
    return found


def _at_end(part: Polynomials, column: int, v: float) -> tuple[Floats, Floats]:
    """Value and error at an end of the body, `(I, J)` each."""
    weights = v ** np.arange(part.powers.shape[2], dtype=np.float64)
    powers = part.powers[:, column]
    value = np.einsum("p,ipj->ij", weights, powers)
    rounding = gamma(2 * len(weights) + 4) * np.einsum("p,ipj->ij", np.abs(weights), np.abs(powers))
    return value, part.error[:, column] + rounding


def _cells(body: _Section, reach: Interval, tails: bool) -> Cells:
    inputs = body.start.shape[0]
    edge = np.full((inputs, 1), np.inf)
    first, last = body.start[:, :1], body.stop[:, -1:]
    width = body.stop - body.start
    one, half = np.ones((inputs, 1)), np.full_like(width, 0.5)
    left = np.maximum(first[:, 0] - reach.lo, 0.0)[:, None] * (1 + 1e-12)
    right = np.maximum(reach.hi - last[:, 0], 0.0)[:, None] * (1 + 1e-12)
    cells = Cells(
        bounds=np.concatenate([-edge, body.start, last, edge], 1),
        origin=np.concatenate([first, body.start, last], 1),
        width=np.concatenate([one, np.where(width > 0, width, 1.0), one], 1),
        offset=np.concatenate([0 * one, half, 0 * one], 1),
        reach=np.concatenate([left, half, right], 1),
    )
    return cells if tails else replace(cells, reach=np.where(np.isnan(cells.reach), 0.0, cells.reach))


def _smoothness(numbers: LayerNumbers, body: _Section) -> np.ndarray:
    """How many derivatives are surely continuous where two cells meet, `(I, C - 1)` with the tails as cells."""
    inputs, count = body.start.shape
    found = np.full((inputs, count + 1), _ANALYTIC_ORDER)
    points = np.concatenate([body.start, body.stop[:, -1:]], 1)
    if numbers.basis.degree is not None:
        repeated = (points[:, :, None] == numbers.knots[:, None, :]).sum(2)
        found = np.where(repeated > 0, numbers.basis.degree - repeated, found)
    if numbers.extrapolation in ("linear", "constant"):
        found[:, [0, -1]] = 1 if numbers.extrapolation == "linear" else 0
    elif _cut_off(numbers):
        low, high = numbers.domain
        found = np.where((points == low[:, None]) | (points == high[:, None]), -1, found)
    return found
