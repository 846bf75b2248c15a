"""Rates of change of measured trajectories: smoothing splines, and the weak form, which needs no derivative."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from splinework.errors import DataError
from splinework.interpret.symbolic.library import Array

MIN_ROWS = 10
"""Number of rows that a trajectory needs."""
DIFFERENCE_ORDER = 6
"""Order of the divided differences that estimate the noise."""
EXACT_TOLERANCE = 1e-5
"""Noise below this share of the spread is neglected: the spline interpolates."""


@dataclass(frozen=True)
class Trajectory:
    """Times `(N,)`, strictly increasing, and states `(N, n)`."""

    t: Array
    x: Array


def split(t: Array, x: Array, ids: Any = None) -> list[Trajectory]:
    """One trajectory for each id; without ids a new one begins where time goes back.

    Raises:
        DataError: If a time occurs twice in a trajectory, or no trajectory has `MIN_ROWS` rows.
    """
    if ids is None:
        group = np.concatenate([[0], np.cumsum(np.diff(t) < 0)])
    else:
        group = np.unique(np.asarray(ids), return_inverse=True)[1].reshape(-1)
    found = []
    for number in range(int(group.max()) + 1):
        rows = np.flatnonzero(group == number)
        rows = rows[np.argsort(t[rows], kind="stable")]
        if bool((np.diff(t[rows]) <= 0).any()):
            twice = float(t[rows][1:][np.diff(t[rows]) <= 0][0])
            raise DataError(
                f"time {twice:g} occurs twice in one trajectory; give the column that distinguishes trajectories."
            )
        if len(rows) >= MIN_ROWS:
            found.append(Trajectory(t[rows], x[rows]))
    if not found:
        raise DataError(f"a trajectory needs at least {MIN_ROWS} rows to have a rate of change, and none has.")
    return found


def noise_of(trajectories: Sequence[Trajectory]) -> Array:
    """Standard deviation of the measurement noise of each state, `(n,)`, from divided differences of high order.

    They annihilate polynomials of degree 5, so that of a well sampled trajectory only the noise is left.
    """
    squares, count = np.zeros(trajectories[0].x.shape[1]), 0
    for one in trajectories:
        windows = np.lib.stride_tricks.sliding_window_view(one.t, DIFFERENCE_ORDER + 1)
        scaled = (windows - windows[:, :1]) / (windows[:, -1:] - windows[:, :1])
        gaps = scaled[:, :, None] - scaled[:, None, :] + np.eye(DIFFERENCE_ORDER + 1)
        weights = 1 / gaps.prod(axis=2)
        weights /= np.linalg.norm(weights, axis=1, keepdims=True)
        values = np.lib.stride_tricks.sliding_window_view(one.x, DIFFERENCE_ORDER + 1, axis=0)
        squares += (np.einsum("wk,wnk->wn", weights, values) ** 2).sum(axis=0)
        count += len(windows)
    return np.sqrt(squares / count)


@dataclass(frozen=True)
class SmoothedTrajectory:
    """A trajectory as a function of time: one spline for each state."""

    trajectory: Trajectory
    splines: tuple[Any, ...]
    trim: int

    def states(self, t: Array) -> Array:
        """States at times t, `(len(t), n)`."""
        return np.stack([np.asarray(spline(t)) for spline in self.splines], -1)

    def rates(self, t: Array) -> Array:
        """Rates of change at times t, `(len(t), n)`."""
        return np.stack([np.asarray(spline(t, 1)) for spline in self.splines], -1)

    @property
    def inner(self) -> Array:
        """The times without those at the ends, where derivatives are poor."""
        return self.trajectory.t[self.trim : -self.trim]


def smoothed(trajectories: Sequence[Trajectory], noise: Array) -> list[SmoothedTrajectory]:
    """Quintic interpolation where there is no noise, else cubic smoothing splines by generalised cross-validation."""
    from scipy.interpolate import make_interp_spline, make_smoothing_spline

    spread = np.concatenate([one.x for one in trajectories]).std(axis=0)
    found = []
    for one in trajectories:
        unit = float(np.median(np.diff(one.t)))
        splines = []
        for k in range(one.x.shape[1]):
            if noise[k] <= EXACT_TOLERANCE * spread[k]:
                splines.append(make_interp_spline(one.t, one.x[:, k], k=5))
            else:
                inner = make_smoothing_spline(one.t / unit, one.x[:, k])
                splines.append(type(inner)(inner.t * unit, inner.c, inner.k))
        noisy = bool((noise > EXACT_TOLERANCE * spread).any())
        found.append(SmoothedTrajectory(one, tuple(splines), max(2, round(0.05 * len(one.t))) if noisy else 2))
    return found


def time_scale(curves: Sequence[SmoothedTrajectory]) -> float:
    """Time in which a state changes by its spread: the shortest among the states that change at all."""
    states = np.concatenate([c.states(c.inner) for c in curves])
    rates = np.concatenate([c.rates(c.inner) for c in curves])
    speed = np.sqrt((rates**2).mean(axis=0)) / np.where(states.std(axis=0) > 0, states.std(axis=0), math.inf)
    longest = max(float(np.ptp(c.trajectory.t)) for c in curves)
    return min(1 / float(speed.max()), longest) if speed.max() > 0 else longest


@dataclass(frozen=True)
class WeakForm:
    """The weak form: over windows w, `-∫ φ' x dt = ∫ φ f(x, t) dt`, φ a bump that vanishes at both ends with its slopes.

    Attributes:
        left: The left-hand sides, `(windows, n)`.
        times: Times of the quadrature, `(points,)`.
        states: States at these times, `(points, n)`.
        weights: Sparse weights of the right-hand side's integrals, `(windows, points)`.
    """

    left: Array
    times: Array
    states: Array
    weights: Any

    def integrals(self, values: Array) -> Array:
        """`∫ φ v dt` for columns v `(points, M)`: `(windows, M)`."""
        return np.asarray(self.weights @ values)


def weak_form(curves: Sequence[SmoothedTrajectory], width: float) -> WeakForm:
    """Windows of about this width in time, overlapping, on a grid finer than the data.

    Bumps are `(1 - s²)⁴` (Messenger & Bortz 2021, Multiscale Modeling & Simulation 19(3)).
    """
    from scipy.sparse import block_diag, csr_array

    total = sum(len(c.inner) for c in curves)
    lefts, times, states, blocks = [], [], [], []
    for curve in curves:
        inner = curve.inner
        points = max(5 * len(inner), 400)
        fine = np.linspace(inner[0], inner[-1], points)
        step = fine[1] - fine[0]
        half = min(max(width / 2, 4 * float(np.median(np.diff(inner)))), 0.45 * float(fine[-1] - fine[0]))
        count = int(np.clip(round(300 * len(inner) / total), 4, max(len(inner) // 2, 4)))
        s = (fine[None, :] - np.linspace(fine[0] + half, fine[-1] - half, count)[:, None]) / half
        inside = np.abs(s) < 1
        bump = np.where(inside, (1 - s**2), 0.0)
        values = curve.states(fine)
        lefts.append((8 * s * bump**3 / half * step) @ values)
        times.append(fine)
        states.append(values)
        blocks.append(csr_array(bump**4 * step))
    return WeakForm(
        np.concatenate(lefts), np.concatenate(times), np.concatenate(states), block_diag(blocks, format="csr")
    )
