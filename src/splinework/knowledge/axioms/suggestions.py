"""Axioms that rows speak for, with the evidence; they are proposed and never switched on.

An axiom is proposed when the function behind the rows (`surrogate.py`) violates it by little, with all that is uncertain about
that function, and when it says something: an input without effect is monotone, even and periodic, and none of it is told.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import ArrayLike

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.knowledge.axioms.axiom import Axiom
from splinework.knowledge.axioms.shapes import Bounded, Concave, Convex, Even, Monotone, Odd, Periodic, Positive
from splinework.knowledge.axioms.structure import Additive, Antisymmetric, NoInteraction, Symmetric
from splinework.knowledge.axioms.surrogate import Floats, Surrogate, surrogate

LITTLE: Final = 0.1
"""Largest violation, root mean square in spreads of the function, that the rows must leave possible at most."""
VAGUE: Final = 0.4
"""Nothing is told of a function that is uncertain by more than this, in its spreads."""
EFFECT: Final = 0.1
"""Least change of the function, in its spreads, that makes an input or a bend worth speaking of."""
SURE: Final = 0.95
"""With this probability a violation is smaller than what is told, and an effect larger."""
STEP: Final = 0.15
"""Distance, in ranges of the input, over which rises and bends are looked at."""
SHORT: Final = 0.05
"""Distance over which none may clearly go the other way: a ripple hides in a longer one."""
FALLS, BENDS = 0.12, 0.16
"""Largest share of all rises, and of all bends, that may go the other way."""
CLEAR, ANYWHERE = 3.0, 0.01
"""Standard deviations at which rows speak clearly against an axiom, and the share of rows at which they may."""
MOST_ROWS, LEAST_ROWS = 2000, 30
"""Rows that are looked at, evenly spaced ones where there are more; and how few say nothing."""
_FARTHEST: Final = 0.67
_PERIODS: Final = np.geomspace(0.1, _FARTHEST, 120)
"""Periods that are tried, in ranges of the input."""


@final
@dataclass(frozen=True)
class Suggestion:
    """An axiom that rows speak for.

    Attributes:
        axiom: The axiom.
        violation: With a probability of 95 % the function violates it by at most this, root mean square in its spreads.
        evidence: The same in a sentence.
    """

    axiom: Axiom
    violation: float
    evidence: str


def suggest_axioms(
    x: ArrayLike, y: ArrayLike, *, names: Sequence[str] | None = None, seed: int = 0
) -> list[Suggestion]:
    """Axioms that the rows speak for: monotone, convex, even, odd, periodic, symmetric, antisymmetric, additive, bounded.

    Args:
        x: Inputs, `(N, I)`.
        y: The target, `(N,)` or `(N, 1)`.
        names: Names of the inputs; `x1`, `x2`, … where there are none.
        seed: Of what is drawn.

    Returns:
        Suggestions, on single inputs first. None where the rows are too few or too noisy to tell, and none about an input that
        does not matter.

    Raises:
        ShapeError: If sizes do not fit.
        DataError: If numbers are not finite.
        ConfigError: If there are other numbers of names than inputs.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).uniform(-1, 1, (300, 2))
        >>> found = suggest_axioms(x, np.exp(x[:, 0]) + x[:, 1] ** 2, names=["dose", "shift"])
        >>> [str(each.axiom) for each in found]
        ["monotone('dose')", "convex('dose')", "convex('shift')", "even('shift')", 'additive()']
    """
    rows, target, labels = _rows(x, y, names)
    varies = [i for i in range(rows.shape[1]) if np.ptp(rows[:, i]) > 0]
    if len(rows) < LEAST_ROWS or target.std() == 0 or not varies:
        return []
    judge = _Judge(surrogate(rows[:, varies], target, seed=seed), rows[:, varies], seed)
    if np.sqrt(judge.values.var(axis=1).mean()) > VAGUE:
        return _bounds(target)
    names_ = [labels[i] for i in varies]
    matters = [i for i in range(len(varies)) if judge.effect(i) > EFFECT]
    found = [each for i in matters for each in _along(judge, i, names_[i])]
    found += _exchanges(judge, matters, names_)
    found += _apart(judge, matters, names_, len(varies))
    return found + _bounds(target)


# ----------------------------------------------------------------------------------------------------------- rules


class _Judge:
    """Sizes of violations with their uncertainty: every number is an upper end, or a lower one for effects."""

    def __init__(self, function: Surrogate, x: Floats, seed: int) -> None:
        self.function, self.x = function, x
        self.width = function.high - function.low
        self.values = function.drawn(x)
        self.order = np.random.default_rng(seed + 1).permutation(len(x))

    def effect(self, i: int) -> float:
        """How much the function changes when one input takes values of other rows; the least that is likely."""
        other = self.x.copy()
        other[:, i] = self.x[self.order, i]
        return _lower(self.values - self.function.drawn(other))

    def moved(self, i: int, steps: Sequence[float]) -> list[Floats]:
        """The function at points moved along an input by several distances, all inside; rows near an end first move away."""
        low, high = self.function.low[i] - min(steps), self.function.high[i] - max(steps)
        start = self.x[:, i].clip(low, high)
        moved = []
        for step in steps:
            other = self.x.copy()
            other[:, i] = start + step
            moved.append(self.function.drawn(other))
        return moved

    def partners(self, to: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
        """The function at rows and at their partners, where these are inside."""
        other = to(self.x)
        stays = ((other >= self.function.low) & (other <= self.function.high)).all(axis=1)
        return self.values[stays], self.function.drawn(other[stays])


def _along(judge: _Judge, i: int, name: str) -> list[Suggestion]:
    """On one input."""
    found = []
    far, near = _rise(judge, i, STEP), _rise(judge, i, SHORT)
    for increasing, sign in ((True, 1.0), (False, -1.0)):
        falls = np.maximum(-sign * far, 0)
        little = _small(falls, -sign * far) and _upper(falls) < FALLS * _lower(far)
        if little and not _ripples(-sign * near):
            found.append(_suggest(Monotone(name, increasing=increasing), falls, "it goes the other way by"))
    far, near = _bend(judge, i, STEP), _bend(judge, i, SHORT)
    for kind, sign in ((Convex, 1.0), (Concave, -1.0)):
        wrong = np.maximum(-sign * far, 0)
        little = _small(wrong, -sign * far) and _upper(wrong) < BENDS * _lower(far)
        if little and _lower(far) > EFFECT / 2 and not _ripples(-sign * near):
            found.append(_suggest(kind(name), wrong, "it bends the other way by"))
    return found + _mirrored(judge, i, name) + _periodic(judge, i, name)


def _rise(judge: _Judge, i: int, step: float) -> Floats:
    here, there = judge.moved(i, (0.0, step * judge.width[i]))
    return there - here


def _bend(judge: _Judge, i: int, step: float) -> Floats:
    before, here, after = judge.moved(i, (-step * judge.width[i], 0.0, step * judge.width[i]))
    return before - 2 * here + after


def _mirrored(judge: _Judge, i: int, name: str) -> list[Suggestion]:
    """About zero, where the rows have both sides of it."""
    low, high = judge.function.low[i], judge.function.high[i]
    if not min(-low, high) > 0.5 * max(-low, high):
        return []

    def flipped(x: Floats) -> Floats:
        other = x.copy()
        other[:, i] *= -1
        return other

    here, there = judge.partners(flipped)
    found: list[Suggestion] = []
    for axiom, sign in ((Even(name), 1.0), (Odd(name), -1.0)):
        apart = here - sign * there
        if _small(apart):
            found.append(_suggest(axiom, apart, "the two sides differ by"))
    return found


def _periodic(judge: _Judge, i: int, name: str) -> list[Suggestion]:
    """The smallest period at which the function is the same again, and not so at half of it."""
    width = float(judge.width[i])

    def apart(period: float) -> Floats:
        return np.asarray(np.subtract(*judge.moved(i, (0.0, period * width))))

    def far(period: float) -> float:
        # After many periods a wrong one shows most.
        return _upper(apart(period)) + _upper(apart(max(int(_FARTHEST / period), 1) * period))

    sizes = np.array([_upper(apart(period)) for period in _PERIODS])
    for k in range(1, len(_PERIODS) - 1):
        if sizes[k] <= min(sizes[k - 1], sizes[k + 1]) and sizes[k] < 6 * LITTLE:
            from scipy.optimize import minimize_scalar  # only here: it takes long to load

            best = float(minimize_scalar(far, bounds=(_PERIODS[k - 1], _PERIODS[k + 1]), method="bounded").x)
            if _upper(apart(best)) < 2 * LITTLE and _upper(apart(best / 2)) > 5 * max(_upper(apart(best)), EFFECT):
                axiom = Periodic(name, float(f"{best * width:.3g}"))
                return [_suggest(axiom, apart(best), "after a period it differs by")]
    return []


def _exchanges(judge: _Judge, matters: Sequence[int], names: Sequence[str]) -> list[Suggestion]:
    """Inputs that may change places, in groups where all pairs of them may."""
    pairs: dict[tuple[int, int], Floats] = {}
    found = []
    for i, j in itertools.combinations(matters, 2):
        overlap = min(judge.function.high[[i, j]]) - max(judge.function.low[[i, j]])
        if overlap < 0.8 * max(judge.width[[i, j]]):
            continue

        def swapped(x: Floats, i: int = i, j: int = j) -> Floats:
            other = x.copy()
            other[:, [i, j]] = x[:, [j, i]]
            return other

        here, there = judge.partners(swapped)
        if len(here) < LEAST_ROWS / 2:
            continue
        if _small(here - there):
            pairs[(i, j)] = here - there
        if _small(here + there):
            axiom = Antisymmetric((names[i], names[j]))
            found.append(_suggest(axiom, here + there, "values after the exchange are opposite up to"))
    groups: list[list[int]] = []
    for i in matters:
        group = next((g for g in groups if all((k, i) in pairs for k in g)), None)
        if group is None:
            groups.append([i])
        else:
            group.append(i)
    for group in groups:
        if len(group) > 1:
            worst = max((pairs[pair] for pair in itertools.combinations(group, 2)), key=_upper)
            found.append(_suggest(Symmetric(tuple(names[i] for i in group)), worst, "an exchange changes it by"))
    return found


def _apart(judge: _Judge, matters: Sequence[int], names: Sequence[str], inputs: int) -> list[Suggestion]:
    """Inputs that do not act on each other; additive where none do."""
    if len(matters) < 2:
        return []
    other = judge.x[judge.order]

    def mixed(group: Sequence[int]) -> Floats:
        first, second = judge.x.copy(), other.copy()
        first[:, group], second[:, group] = other[:, group], judge.x[:, group]
        drawn = [judge.function.drawn(p) for p in (other, first, second)]
        return (judge.values + drawn[0] - drawn[1] - drawn[2]) / 2

    alone = max((mixed([i]) for i in range(inputs)), key=_upper)
    if _small(alone):
        return [_suggest(Additive(), alone, "inputs act on each other by")]
    found = []
    for i, j in itertools.combinations(matters, 2):
        places = [judge.x.copy() for _ in range(4)]
        for place, (a, b) in zip(places, itertools.product((False, True), repeat=2), strict=True):
            place[:, i] = other[:, i] if a else judge.x[:, i]
            place[:, j] = other[:, j] if b else judge.x[:, j]
        drawn = [judge.function.drawn(place) for place in places]
        size = (drawn[0] - drawn[1] - drawn[2] + drawn[3]) / 2
        if _small(size):
            found.append(_suggest(NoInteraction(names[i], names[j]), size, "they act on each other by"))
    return found


def _bounds(y: Floats) -> list[Suggestion]:
    """Values that come near zero, or zero and one, and never pass them."""
    few = f"none of {len(y)} rows lies outside, so with a probability of 95 % fewer than {300 / len(y):.2g} % do"
    near = 0.05 * float(y.std())
    if y.min() >= 0 and y.max() <= 1 and y.min() < 0.02 and y.max() > 0.98:
        return [Suggestion(Bounded(0.0, 1.0), 0.0, few)]
    return [Suggestion(Positive(), 0.0, few)] if 0 <= y.min() < near else []


# ----------------------------------------------------------------------------------------------------------- parts


def _small(violation: Floats, signed: Floats | None = None) -> bool:
    """Whether a violation is small on the whole, and clear hardly anywhere.

    Args:
        violation: At rows and for draws, `(N, S)`.
        signed: What must not be positive; the magnitude of the violation where it is None.
    """
    clear = _clear(violation) or _clear(-violation) if signed is None else _clear(signed)
    return _upper(violation) < LITTLE and not clear


def _clear(against: Floats, least: float = LITTLE / 10) -> bool:
    """Whether there are rows at which something is positive beyond doubt, and by more than the least that counts."""
    mean, error = against.mean(axis=1), against.std(axis=1)
    return bool((mean > CLEAR * error + least).mean() > ANYWHERE)


def _ripples(against: Floats) -> bool:
    """The same for what is looked at over a short distance, where only its own size tells what is little."""
    return _clear(against, LITTLE / 2 * float(np.sqrt(np.mean(against.mean(axis=1) ** 2))))


def _suggest(axiom: Axiom, violation: Floats, said: str) -> Suggestion:
    size = _upper(violation)
    told = f"{said} at most {100 * size:.2g} % of its spread, with a probability of {100 * SURE:g} %"
    return Suggestion(axiom, size, told)


def _upper(values: Floats) -> float:
    """The root mean square over rows, at most, over the draws."""
    return float(np.quantile(np.sqrt(np.mean(values**2, axis=0)), SURE)) if len(values) else np.inf


def _lower(values: Floats) -> float:
    return float(np.quantile(np.sqrt(np.mean(values**2, axis=0)), 1 - SURE)) if len(values) else 0.0


def _rows(x: Any, y: Any, names: Sequence[str] | None) -> tuple[Floats, Floats, list[str]]:
    rows, target = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    target = target[:, 0] if target.ndim == 2 and target.shape[1] == 1 else target
    if rows.ndim != 2 or target.ndim != 1 or len(rows) != len(target):
        raise ShapeError(
            f"x is (N, I) and y (N,), got {np.shape(x)} and {np.shape(y)}; suggest for one output at a time."
        )
    if not (np.isfinite(rows).all() and np.isfinite(target).all()):
        raise DataError("x or y has values that are not finite numbers; drop or fill those rows first.")
    labels = [f"x{i + 1}" for i in range(rows.shape[1])] if names is None else list(map(str, names))
    if len(labels) != rows.shape[1]:
        raise ConfigError(f"x has {rows.shape[1]} columns, got {len(labels)} names.")
    chosen = np.linspace(0, len(rows) - 1, min(len(rows), MOST_ROWS)).astype(np.int64)
    return rows[chosen], target[chosen], labels
