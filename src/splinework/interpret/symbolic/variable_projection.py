"""Variable projection of many functions at once: rates, shifts and shapes by damped least squares, c and d eliminated.

For each function the residual of `c F(a t + b) + d` with the best c and d is minimised over (a, b, shape), with the Jacobian of
Kaufman (BIT 15, 49, 1975). The linear algebra is batched over the functions, which have few points and three constants each.
Arguments stay inside the domain: a step covers at most the share `MAX_DOMAIN_STEP` of the distance to its boundary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from splinework.interpret.symbolic.library_function import BOTH, RATE, SHIFT, Array, LibraryFunction, unwrapped

MAX_DOMAIN_STEP = 0.95
MIN_UNEXPLAINED = 1e-30
"""Unexplained share of variance at the level of rounding errors."""
INITIAL_DAMPING, DAMPING_DECREASE, DAMPING_INCREASE = 0.01, 8.0, 8.0
"""Initial damping, its divisor after an accepted step, and its factor after a rejected one."""
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class FunctionStart:
    """A function with parameters `place` = (a, b, shape), for inputs in [0, 1], and its unexplained share of variance.

    c and d are the optimal factor and constant, 0 where not computed.
    """

    function: LibraryFunction
    place: Array
    unexplained: float
    c: float = 0.0
    d: float = 0.0


class Curve:
    """The curve to fit, with its values centred and scaled to norm 1.

    Args:
        t: Inputs in [0, 1], `(N,)`.
        y: Values, `(N,)`.
        weights: Weights with sum 1, `(N,)`.
    """

    def __init__(self, t: Array, y: Array, weights: Array) -> None:
        self.t = t
        self.root = np.sqrt(weights)
        self.mean = float(weights @ y)
        target = self.root * (y - self.mean)
        self.norm = float(np.linalg.norm(target))
        self.target = target / self.norm

    def centre(self, rows: Array) -> Array:
        """Weights and centres rows `(…, N)` in place; returns their means `(…)`."""
        rows *= self.root
        means = rows @ self.root
        rows -= means[..., None] * self.root
        return np.asarray(means)


class BatchProjection:
    """Functions fitted to a curve as a batch.

    Args:
        starts: Functions with initial parameters.
        curve: The curve.
    """

    def __init__(self, starts: Sequence[FunctionStart], curve: Curve) -> None:
        self._curve = curve
        self._functions = [start.function for start in starts]
        self._places = np.array([start.place for start in starts])
        self._free = np.array([_free(f) for f in self._functions])
        self._pivot = np.array([0.5 if f.free == RATE else 0.0 for f in self._functions])
        self._bounds = np.array([f.bounds for f in self._functions])
        self._bounded = np.isfinite(self._bounds).any(1)
        self._damping = np.full(len(starts), INITIAL_DAMPING)
        every = np.arange(len(starts))
        self._values, self._scale, self._unexplained = self._valued(every, self._places)
        self._systems = np.zeros((len(starts), 3, 3))
        self._slopes = np.zeros((len(starts), 3))
        self._active = np.isfinite(self._unexplained) & self._free.any(1)
        self._stale = self._active.copy()

    def run(self, steps: int, gain: float) -> list[FunctionStart]:
        """Iterates; a function is done when its unexplained share decreases by less than the relative `gain`."""
        for _ in range(steps):
            rows = np.flatnonzero(self._active)
            if not len(rows):
                break
            self._linearise(np.flatnonzero(self._stale))
            self._step(rows, gain)
        c = (self._values @ self._curve.target) * self._curve.norm / self._scale[:, 0]
        d = self._curve.mean - c * self._scale[:, 1]
        found = zip(self._functions, self._places, self._unexplained.tolist(), c.tolist(), d.tolist(), strict=True)
        return [FunctionStart(*one) for one in found]

    def narrow(self, kept: Sequence[int]) -> None:
        """Keeps only these functions."""
        rows = np.array(kept, dtype=np.int64)
        self._functions = [self._functions[n] for n in kept]
        for name in _PER_FUNCTION:
            setattr(self, name, getattr(self, name)[rows])

    def _step(self, rows: Indices, gain: float) -> None:
        trial = self._places[rows] + self._moves(rows)
        values, scale, unexplained = self._valued(rows, trial)
        before = self._unexplained[rows]
        better = unexplained < before
        done = (np.abs(before - unexplained) <= gain * before) | (unexplained < MIN_UNEXPLAINED)
        taken, refused = rows[better], rows[~better]
        self._places[taken], self._values[taken] = trial[better], values[better]
        self._scale[taken], self._unexplained[taken] = scale[better], unexplained[better]
        self._damping[taken] = np.maximum(self._damping[taken] / DAMPING_DECREASE, 1e-13)
        self._damping[refused] *= DAMPING_INCREASE
        self._stale[rows] = better & ~done
        self._active[rows] = ~done & (better | (self._damping[rows] < 1e4))

    def _valued(self, rows: Indices, places: Array) -> tuple[Array, Array, Array]:
        """Centred curves of norm 1, their norms and means `(K, 2)`, and the unexplained shares of variance."""
        values = places[:, :1] * self._curve.t + places[:, 1:2]
        for n, (row, shape) in enumerate(zip(rows.tolist(), places[:, 2].tolist(), strict=True)):
            values[n] = unwrapped(self._functions[row].at(shape).value)(values[n])
        means = self._curve.centre(values)
        size = np.sqrt(np.einsum("kt,kt->k", values, values))
        values /= size[:, None]
        residual = (values @ self._curve.target)[:, None] * values
        residual -= self._curve.target
        unexplained = np.einsum("kt,kt->k", residual, residual)
        return values, np.stack([size, means], 1), np.where(np.isfinite(unexplained), unexplained, np.inf)

    def _linearise(self, rows: Indices) -> None:
        """Normal equations of the projected problem in the free parameters."""
        if not len(rows):
            return
        t, places = self._curve.t, self._places[rows]
        shaped = self._free[rows, 2].any()
        z = places[:, :1] * t + places[:, 1:2]
        columns = np.zeros((len(rows), 3 if shaped else 2, len(t)))
        for n, (row, shape) in enumerate(zip(rows.tolist(), places[:, 2].tolist(), strict=True)):
            function = self._functions[row].at(shape)
            columns[n, 1] = unwrapped(function.slope)(z[n])
            if function.by_shape is not None:
                columns[n, 2] = function.by_shape(z[n])
        np.multiply(columns[:, 1], t - self._pivot[rows, None], out=columns[:, 0])
        self._curve.centre(columns)
        values = self._values[rows]
        columns -= (columns @ values[..., None]) * values[:, None]
        m = columns.shape[1]
        scale = ((values @ self._curve.target) / self._scale[rows, 0])[:, None] * self._free[rows, :m]
        system = columns @ columns.transpose(0, 2, 1)
        slopes = columns @ self._curve.target
        infinite = ~np.isfinite(slopes)  # an infinite derivative is uninformative
        if infinite.any():
            scale[infinite] = slopes[infinite] = 0.0
            system[infinite] = system.transpose(0, 2, 1)[infinite] = 0.0
        self._systems[rows, :m, :m] = scale[:, :, None] * scale[:, None] * system
        self._slopes[rows, :m] = -scale * slopes

    def _moves(self, rows: Indices) -> Array:
        """Steps in (a, b, shape) inside the domains: `(K, 3)`."""
        system, places = self._systems[rows], self._places[rows]
        length = np.sqrt(system[:, _DIAGONAL, _DIAGONAL])
        inverse = np.where(length > 0, 1 / length, 0.0)
        system *= inverse[:, :, None] * inverse[:, None]
        system[:, _DIAGONAL, _DIAGONAL] += self._damping[rows, None]
        move = np.linalg.solve(system, (-self._slopes[rows] * inverse)[..., None])[..., 0] * inverse
        move[:, 1] -= self._pivot[rows] * move[:, 0]
        ways = move[:, :1] * _ENDS + move[:, 1:2]
        if self._bounded[rows].any():
            ends = places[:, :1] * _ENDS + places[:, 1:2]
            room = (np.where(ways < 0, self._bounds[rows, :1], self._bounds[rows, 1:]) - ends) / ways
            move *= np.minimum(1.0, MAX_DOMAIN_STEP * np.where(ways == 0, np.inf, room).min(1))[:, None]
        return np.asarray(move, dtype=float)


_PER_FUNCTION = (
    *("_places", "_free", "_pivot", "_bounds", "_bounded", "_damping", "_values", "_scale", "_unexplained"),
    *("_systems", "_slopes", "_active", "_stale"),
)
_DIAGONAL = np.arange(3)
_ENDS = np.array([0.0, 1.0])


def _free(function: LibraryFunction) -> tuple[bool, bool, bool]:
    """Whether rate, shift and shape are free."""
    return function.free in (RATE, BOTH), function.free in (SHIFT, BOTH), function.shape is not None
