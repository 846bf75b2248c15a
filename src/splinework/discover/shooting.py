"""Constants of differential equations from the trajectories themselves: multiple shooting with forward sensitivities.

Trajectories are cut into segments, each with its own start; so neither chaos nor a poor first guess lets an error grow over
the whole record. For given constants the starts are fitted by Gauss–Newton, segment by segment; what is left is a
likelihood of the constants alone, with Schur's complement as Fisher's information.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinework.discover.derivatives import Trajectory
from splinework.discover.snapping import FreeConstants, derivative
from splinework.interpret.symbolic.clock import now
from splinework.interpret.symbolic.expression import compiled, symbol
from splinework.interpret.symbolic.library import Array

MIN_RELATIVE_ERROR = 1e-7
"""Errors below this share of a state's spread are neglected."""


@dataclass(frozen=True)
class Segments:
    """Pieces of trajectories side by side: times `(L, S)`, states `(L, n, S)`, which rows are real `(L, S)`.

    Shorter pieces are filled up with rows at their last time.
    """

    times: Array
    states: Array
    real: NDArray[np.bool_]

    @property
    def rows(self) -> int:
        """Number of measured rows."""
        return int(self.real.sum())


def cut(trajectories: Sequence[Trajectory], length: float) -> Segments:
    """Pieces of about this length in time, of 8 rows at least where a trajectory has as many."""
    pieces: list[tuple[Array, Array]] = []
    for one in trajectories:
        whole = float(one.t[-1] - one.t[0])
        count = int(np.clip(round(whole / length), 1, max(len(one.t) // 8, 1)))
        edges = np.linspace(0, len(one.t), count + 1).round().astype(int)
        pieces += [(one.t[a:b], one.x[a:b]) for a, b in pairwise(edges.tolist())]
    longest = max(len(t) for t, _ in pieces)
    kept = max(4000 // longest, 1)  # of more rows, whole segments are left out
    if len(pieces) > kept:
        pieces = [pieces[i] for i in np.linspace(0, len(pieces) - 1, kept).round().astype(int)]
    times = np.stack([np.pad(t, (0, longest - len(t)), mode="edge") for t, _ in pieces], 1)
    states = np.stack([np.pad(x, ((0, longest - len(x)), (0, 0)), mode="edge") for _, x in pieces], 2)
    real = np.stack([np.arange(longest) < len(t) for t, _ in pieces], 1)
    return Segments(times, states, real)


@dataclass(frozen=True)
class _RungeKuttaScheme:
    """A Runge–Kutta scheme of scipy's, and its number of steps from row to row."""

    a: Array
    b: Array
    c: Array
    substeps: int


def _schemes() -> list[_RungeKuttaScheme]:
    from scipy.integrate import DOP853, RK45

    cheap = _RungeKuttaScheme(np.asarray(RK45.A), np.asarray(RK45.B), np.asarray(RK45.C), 1)
    stages = DOP853.n_stages
    a, b, c = np.asarray(DOP853.A)[:stages, :stages], np.asarray(DOP853.B), np.asarray(DOP853.C)[:stages]
    return [cheap, *[_RungeKuttaScheme(a, b, c, substeps) for substeps in (1, 2, 4, 8, 16)]]


@dataclass(frozen=True)
class _ShootingFit:
    """A fit of the starts: nats, and their gradient and information in the constants.

    Beside these, better starts, the nats that they promise to save, and how they move with the constants, `(n, P, S)`.
    """

    constants: Array
    starts: Array
    loss: float
    gradient: Array
    information: Array
    better: Array
    promise: float
    effect: Array
    rmse: Array


class Shooting:
    """The likelihood of the constants of `dx/dt = f(x, t)`, given segments: an objective of `snapping`.

    Args:
        constants: Right-hand sides, one expression for each state, with their constants.
        names: Names of the states.
        clock: Name of time.
        segments: The data.
        starts: First guess of the segments' starts, `(n, S)`.
        noise: Guess of the noise of each state, `(n,)`: what the integration need not resolve.
        until: Time of the clock of searches, from which no constants are accepted, so that a fit ends with those it has.
    """

    def __init__(
        self,
        constants: FreeConstants,
        names: Sequence[str],
        clock: str,
        segments: Segments,
        starts: Array,
        noise: Array,
        until: float = math.inf,
    ) -> None:
        self.segments, self.starts, self.until = segments, starts.copy(), until
        measured = segments.states.transpose(1, 0, 2)[:, segments.real]
        self.spread = np.where(measured.std(axis=1) > 0, measured.std(axis=1), 1.0)
        self.reach = np.abs(measured).max(axis=1) + self.spread
        self.noise = np.maximum(noise, MIN_RELATIVE_ERROR * self.spread)
        self.states, self.size = len(names), len(constants.symbols)
        self.best: _ShootingFit | None = None
        columns = [symbol(name) for name in names]
        slopes = [derivative(e, s) for e in constants.expressions for s in columns]
        effects = [derivative(e, s) for e in constants.expressions for s in constants.symbols]
        arguments = [*constants.symbols, *columns, symbol(clock)]
        self._field = compiled(arguments, list(constants.expressions))
        self._linear = compiled(arguments, [*constants.expressions, *slopes, *effects])
        self.scheme = _schemes()[1]
        self._chosen = False

    def __call__(self, constants: Array) -> tuple[float, Array, Array] | None:
        """Nats, gradient and information; the starts fitted on the way."""
        if now() > self.until or not (self._chosen or self._choose(constants)):
            return None
        starts = self._predicted(constants)
        best: _ShootingFit | None = None
        for _ in range(8):
            fit = self._assess(constants, starts)
            if fit is None or (best is not None and fit.loss >= best.loss):
                break
            best = fit
            if fit.promise < 1e-4:  # nats
                break
            starts = fit.better
        if best is None:
            return None
        if self.best is None or best.loss < self.best.loss:
            self.best = best
        return best.loss, best.gradient, best.information

    def _predicted(self, constants: Array) -> Array:
        """The starts, moved as the best ones so far would move with the constants, to first order."""
        if self.best is None:
            return self.starts
        moved: Array = self.best.starts + np.einsum("nps,p->ns", self.best.effect, constants - self.best.constants)
        near = np.abs(moved - self.best.starts) < 0.2 * self.spread[:, None]
        return moved if bool(near.all()) else self.best.starts

    def _assess(self, constants: Array, starts: Array) -> "_ShootingFit | None":
        path = self.integrate(constants, starts, sensitive=True)
        if path is None:
            return None
        n = self.states
        error = np.where(self.segments.real[:, None, :], path[:, :, 0] - self.segments.states, 0.0)
        sensitivity = np.where(self.segments.real[:, None, None, :], path[:, :, 1:], 0.0)
        rows = self.segments.rows
        mean = np.maximum((error**2).sum(axis=(0, 2)) / rows, (MIN_RELATIVE_ERROR * self.spread) ** 2)
        root = sensitivity / np.sqrt(mean)[None, :, None, None]
        root = root.transpose(3, 0, 1, 2).reshape(starts.shape[1], -1, sensitivity.shape[2])
        gaps = (error / np.sqrt(mean)[None, :, None]).transpose(2, 0, 1).reshape(starts.shape[1], -1)
        slopes = np.einsum("sap,sa->sp", root, gaps)
        curvature = root.transpose(0, 2, 1) @ root
        if not np.isfinite(curvature).all():
            return None
        own, mixed = curvature[:, :n, :n], curvature[:, :n, n:]
        scale = np.sqrt(np.maximum(np.einsum("sii->si", own), 1e-300))
        inverse = np.linalg.pinv(own / (scale[:, :, None] * scale[:, None, :]), rcond=1e-13, hermitian=True)
        inverse = inverse / (scale[:, :, None] * scale[:, None, :])
        effect = -inverse @ mixed
        move = -np.einsum("sij,sj->si", inverse, slopes[:, :n])
        return _ShootingFit(
            constants=constants.copy(),
            starts=starts,
            loss=0.5 * rows * float(np.log(mean).sum()),
            # Taken where the starts would be best, to first order.
            gradient=slopes[:, n:].sum(axis=0) + np.einsum("sip,si->p", effect, slopes[:, :n]),
            information=curvature[:, n:, n:].sum(axis=0) + np.einsum("sip,siq->pq", effect, mixed),
            better=starts + move.T,
            promise=-0.5 * float((move * slopes[:, :n]).sum()),
            effect=effect.transpose(1, 2, 0),
            rmse=np.sqrt(mean),
        )

    def _choose(self, constants: Array) -> bool:
        """The cheapest scheme whose error does not matter beside the noise."""
        allowed = np.maximum(1e-2 * self.noise, 0.03 * MIN_RELATIVE_ERROR * self.spread)[None, :, None]
        coarse: tuple[_RungeKuttaScheme, Array] | None = None
        for scheme in _schemes():
            self.scheme = scheme
            path = self.integrate(constants, self.starts)
            settled = path is not None and coarse is not None and (np.abs(path - coarse[1])[:, :, 0] <= allowed).all()
            if settled and coarse is not None:
                self.scheme = coarse[0]
                break
            coarse = None if path is None else (scheme, path)
        if coarse is None:
            return False
        self._chosen = True
        return True

    def integrate(self, constants: Array, starts: Array, *, sensitive: bool = False) -> Array | None:
        """States at all rows, `(L, n, 1, S)`; with their derivatives in starts and constants `(L, n, 1 + n + P, S)`.

        None if a state diverges.
        """
        n, width = self.states, 1 + (self.states + self.size if sensitive else 0)
        value = np.zeros((n, width, starts.shape[1]))
        value[:, 0] = starts
        if sensitive:
            value[:, 1 : 1 + n] = np.eye(n)[:, :, None]
        times, scheme, numbers = self.segments.times, self.scheme, constants.tolist()
        path = np.empty((len(times), *value.shape))
        path[0] = value
        for row in range(1, len(times)):
            step = (times[row] - times[row - 1]) / scheme.substeps
            for k in range(scheme.substeps):
                value = self._advance(numbers, value, times[row - 1] + k * step, step)
            if not bool((np.abs(value[:, 0]) <= 1e3 * self.reach[:, None]).all()):
                return None
            path[row] = value
        return path if np.isfinite(path).all() else None

    def _advance(self, constants: list[float], value: Array, t: Array, step: Array) -> Array:
        scheme = self.scheme
        slopes = np.empty((len(scheme.b), *value.shape))
        flat = slopes.reshape(len(scheme.b), -1)
        for stage in range(len(scheme.b)):
            place = value
            if stage:
                place = value + step * (scheme.a[stage, :stage] @ flat[:stage]).reshape(value.shape)
            self._rate(constants, place, t + scheme.c[stage] * step, slopes[stage])
        return value + step * (scheme.b @ flat).reshape(value.shape)

    def _rate(self, constants: list[float], value: Array, t: Array, rate: Array) -> None:
        """Writes the rates of the states and of their sensitivities, `d/dt ∂x = f_x ∂x + f_θ`, into `rate`."""
        n = self.states
        if value.shape[1] == 1:
            for i, v in enumerate(self._field(*constants, *value[:, 0], t)):
                rate[i, 0] = v
            return
        parts = self._linear(*constants, *value[:, 0], t)
        changes = rate[:, 1:]
        changes[:] = 0.0
        for i in range(n):
            rate[i, 0] = parts[i]
            for j, slope in enumerate(parts[n + n * i : n + n * (i + 1)]):
                if not isinstance(slope, int) or slope:  # a derivative that is 0 everywhere is the integer
                    changes[i] += slope * value[j, 1:]
            for k, v in enumerate(parts[n + n * n + self.size * i : n + n * n + self.size * (i + 1)]):
                changes[i, n + k] += v


def solve_trajectory(
    expressions: Sequence[Any], names: Sequence[str], clock: str, one: Trajectory, start: Array
) -> Array:
    """The solution from one start over a whole trajectory, `(N, n)`; NaN from where it cannot be continued."""
    from scipy.integrate import solve_ivp

    function = compiled([*[symbol(name) for name in names], symbol(clock)], list(expressions))

    def rate(t: float, x: Array) -> list[float]:
        return [float(v) for v in function(*x, t)]

    path = np.full(one.x.shape, math.nan)
    with np.errstate(all="ignore"):
        try:
            outcome = solve_ivp(rate, (one.t[0], one.t[-1]), start, t_eval=one.t, method="LSODA", rtol=1e-9, atol=1e-12)
        except (ValueError, OverflowError, ZeroDivisionError, TypeError):
            return path  # the solution has left the domain of the right-hand sides
    path[: outcome.y.shape[1]] = outcome.y.T
    return path
