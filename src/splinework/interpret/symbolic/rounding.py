"""Simple numbers for several constants at once: integer least squares among numbers with short codes.

Constants that share an effect are uncertain one by one, and yet few simple numbers fit all of them together. One that is made
simple moves the others to their conditional means and leaves them less uncertain (the nearest plane of Babai 1986); of all
choices on the way the best few are followed, as by a K-best sphere decoder (Agrell, Eriksson, Vardy & Zeger 2002,
doi:10.1109/TIT.2002.800499).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.simple_numbers import SimpleNumber, simple_number, simple_numbers

MIN_SNAP_GAIN = 2.3
"""Nats that a snap must save: about one false snap per twenty random numbers known to three digits."""
ROUNDING_NATS = 0.5 - 0.5 * math.log(3)
"""Nats of a number rounded to its standard error, beyond the logarithm of its relative precision."""
WIDTH, N_CHOICES, N_JOINT, MAX_JOINT = 32, 5, 3, 12
"""Choices that are followed, simple numbers for a constant tried in each, those that are returned, and most constants."""
LATTICE_BOTTOMS, N_POINTS, REACH, MAX_SWAPS = (1, 2), 48, 2, 40
"""Common denominators of all constants, points that are followed, their reach on each side of the middle, and most steps of the
reduction of the basis, for each constant.
"""

Rounding = dict[int, SimpleNumber]
"""Constants that become simple numbers, by index."""
Nats = Callable[[int, SimpleNumber | None], float]
State = TypeVar("State")


def _claim(_: int, number: SimpleNumber | None) -> float:
    """Nats of a simple number as one of many constants at once, by a code that gives all of them a probability.

    Those of `simple_numbers` alone have more than 1 in all, which is what `MIN_SNAP_GAIN` of each makes up for; a fraction p/q
    has 1/(1 + |p|)² and 1/q² but for a constant, if that is more.
    """
    if number is None or not number.top:
        return 0.0
    alone = number.code + MIN_SNAP_GAIN
    return alone if number.unit else min(alone, 2 * math.log((1 + abs(number.top)) * number.bottom) + 0.75)


def is_worth(rounding: Rounding, loss: float, digits: tuple[Array, Array], rows: int) -> bool:
    """Whether simple numbers make a description shorter: each by `MIN_SNAP_GAIN`, or all of them together by as much.

    Args:
        rounding: The constants that become simple.
        loss: Nats of errors that they cost.
        digits: Nats of the digits of the free constants before and after.
        rows: Number of rows; a constant costs at least half its logarithm, which is no evidence against its digits, though.
    """
    each = sum(number.code + MIN_SNAP_GAIN for number in rounding.values() if number.top)
    before, after = (float(np.maximum(d, 0.5 * math.log(rows)).sum()) for d in digits)
    if loss + after + each <= before:
        return True
    together = sum(_claim(k, number) for k, number in rounding.items()) + MIN_SNAP_GAIN
    return loss + float(digits[1].sum()) + together <= float(digits[0].sum())


def _nats(squares: float, code: float, rows: int) -> float:
    """Nats of errors, of which the variance is estimated, and of numbers."""
    return rows / 2 * math.log1p(squares / rows) + code


@dataclass(frozen=True)
class _Choice:
    """Some constants made simple, others left free, and the means and covariance of all given the simple ones."""

    mean: Array
    covariance: Array
    squares: float
    code: float
    open: tuple[int, ...]
    simple: Rounding

    def continued(self, rows: int, nats: Nats) -> list["_Choice"]:
        """The best simple numbers for the constant that is known best, and none."""
        variances = self.covariance[self.open, self.open]
        i = self.open[int(np.argmin(variances))]
        mean, error = float(self.mean[i]), max(math.sqrt(max(float(min(variances)), 0.0)), 1e-9 * abs(self.mean[i]))
        rest = tuple(k for k in self.open if k != i)
        known = 0 < error**2 < math.inf
        digits = math.log(max(abs(mean) / error, 1.0)) + ROUNDING_NATS if known else 0.0
        code = self.code + max(digits, 0.5 * math.log(rows)) + nats(i, None)
        found = [_Choice(self.mean, self.covariance, self.squares, code, rest, self.simple)]
        if not known:
            return found
        options = [
            (self.squares + ((number.value - mean) / error) ** 2, self.code + nats(i, number), number)
            for number in simple_numbers(mean, error)
        ]
        options.sort(key=lambda option: _nats(option[0], option[1], rows))
        with np.errstate(all="ignore"):  # what is not finite is no choice
            slope = self.covariance[:, i] / error**2
            covariance = self.covariance - np.outer(slope, self.covariance[i])
            for squares, code, number in options[:N_CHOICES]:
                then = self.mean + slope * (number.value - mean)
                if np.isfinite(then).all():
                    found.append(_Choice(then, covariance, squares, code, rest, {**self.simple, i: number}))
        return found


def made_simple(
    state: State,
    propose: Callable[[State], list[Rounding]],
    attempt: Callable[[State, Rounding], State | None],
    rounds: int,
) -> State:
    """The state after roundings, the most promising first, as long as one of them is accepted.

    Args:
        state: Constants with what is known of them.
        propose: Function that gives the roundings that promise something.
        attempt: Function that gives the state after one of them; None where it is not worth it.
        rounds: Most roundings.
    """
    refused: set[Any] = set()
    for _ in range(rounds):
        for rounding in propose(state):
            key = frozenset(rounding.items())
            if key not in refused and (trial := attempt(state, rounding)) is not None:
                state = trial
                refused.clear()  # what shared its effect with another number may be worth its code now
                break
            refused.add(key)
        else:
            break
    return state


def roundings(constants: Array, covariance: Array, indices: Sequence[int], rows: int) -> list[Rounding]:
    """Simple numbers that promise a shorter description: for several constants at once, then for each alone.

    Args:
        constants: Estimates of the free constants, `(P,)`.
        covariance: Their covariance, `(P, P)`.
        indices: Their indices among all constants.
        rows: Number of rows.

    Returns:
        What promises most first; single ones after joint ones, which may fail where a formula is not linear in its constants.
    """
    singles = []
    for i in range(len(constants)):
        free, *others = _Choice(constants, covariance, 0.0, 0.0, (i,), {}).continued(rows, _claim)
        for each in others:
            number = each.simple[i]
            nats = _nats(each.squares, number.code + MIN_SNAP_GAIN, rows) if number.top else 0.0  # a fit decides
            if nats < free.code:
                singles.append((nats - free.code, each.simple))
    joint = joint_roundings(constants, covariance, rows) if 1 < len(constants) <= MAX_JOINT else []
    every = [*joint, *sorted(singles, key=lambda single: single[0])]
    return [{indices[k]: number for k, number in simple.items()} for _, simple in every]


def joint_roundings(
    constants: Array, covariance: Array, rows: int, nats: Nats = _claim
) -> list[tuple[float, Rounding]]:
    """Nats of errors and numbers, and simple numbers for several constants at once, the best first.

    Args:
        constants: Estimates of the free constants, `(P,)`.
        covariance: Their covariance, `(P, P)`.
        rows: Number of rows.
        nats: Nats of a constant by its index as a simple number, or beside its digits where it is none.
    """
    choices = [_Choice(constants, covariance, 0.0, 0.0, tuple(range(len(constants))), {})]
    for _ in constants:
        grown = [each for choice in choices for each in choice.continued(rows, nats)]
        choices = sorted(grown, key=lambda choice: _nats(choice.squares, choice.code, rows))[:WIDTH]
    found = [(_nats(choice.squares, choice.code, rows), choice.simple) for choice in choices if len(choice.simple) > 1]
    for bottom in LATTICE_BOTTOMS if np.isfinite(covariance).all() and np.diag(covariance).min() > 0 else ():
        squares, points = _nearest_points(bottom * constants, bottom**2 * covariance)
        for square, point in zip(squares.tolist(), points.tolist(), strict=True):
            simple = {k: simple_number(int(top), bottom) for k, top in enumerate(point)}
            found.append((_nats(square, sum(nats(k, number) for k, number in simple.items()), rows), simple))
    return sorted(found, key=lambda each: each[0])[:N_JOINT]


def _nearest_points(centre: Array, covariance: Array) -> tuple[Array, Array]:
    """The integer points nearest to a centre, with their squared distances in standard errors, `(K,)` and `(K, P)`.

    In a basis of short and nearly orthogonal vectors (Lenstra, Lenstra & Lovász 1982) the plane nearest to the centre is mostly
    the right one, so that following a few finds the nearest points (Agrell et al. 2002).
    """
    count = len(centre)
    scale = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    values, vectors = np.linalg.eigh(covariance / scale[:, None] / scale)
    basis = (vectors / np.sqrt(np.maximum(values, 1e-13 * values[-1]))).T / scale
    turn = _reduced(basis)
    triangle = np.linalg.qr(basis @ turn)[1]
    aim = np.linalg.solve(turn, centre)
    points, squares = np.zeros((1, count)), np.zeros(1)
    for i in reversed(range(count)):
        middle = aim[i] + (aim[i + 1 :] - points[:, i + 1 :]) @ triangle[i, i + 1 :] / triangle[i, i]
        tries = np.round(middle)[:, None] + np.arange(-REACH, REACH + 1)
        grown = squares[:, None] + (triangle[i, i] * (middle[:, None] - tries)) ** 2
        best = np.argsort(grown, axis=None, kind="stable")[:N_POINTS]
        which = best // tries.shape[1]
        points, squares = points[which], grown.ravel()[best]
        points[:, i] = tries.ravel()[best]
    points = np.round(points @ turn.T)
    usable = np.isfinite(points).all(1)
    return squares[usable], points[usable]


def _reduced(basis: Array) -> Array:
    """The integer matrix `(P, P)` that makes the columns of a basis short (with the constant 3/4 of Lovász's condition)."""
    count = basis.shape[1]
    turn = np.eye(count)
    k = 1
    for _ in range(MAX_SWAPS * count):
        if k == count:
            break
        triangle = np.linalg.qr(basis @ turn[:, : k + 1])[1]
        for j in reversed(range(k)):
            step = np.round(triangle[j, k] / triangle[j, j])
            triangle[: j + 1, k] -= step * triangle[: j + 1, j]
            turn[:, k] -= step * turn[:, j]
        if triangle[k, k] ** 2 >= 0.75 * triangle[k - 1, k - 1] ** 2 - triangle[k - 1, k] ** 2:
            k += 1
        else:
            turn[:, [k - 1, k]] = turn[:, [k, k - 1]]
            k = max(k - 1, 1)
    return turn
