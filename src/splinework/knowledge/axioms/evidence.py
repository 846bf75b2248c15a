"""What rows say of a function, for axioms that may be suggested: sizes of violations and effects, with their uncertainty.

The function behind the rows is that of `surrogate.py`. Every number is an upper end, or a lower one for effects, of what is
likely.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np

from splinework.knowledge.axioms.axiom import Axiom
from splinework.knowledge.axioms.surrogate import Floats, PosteriorSurrogate

MAX_VIOLATION: Final = 0.1
"""Largest violation, root mean square in spreads of the function, that the rows must leave possible at most."""
MIN_EFFECT: Final = 0.1
"""Least change of the function, in its spreads, that makes an input or a bend worth speaking of."""
PROBABILITY: Final = 0.95
"""With this probability a violation is smaller than what is sentence, and an effect larger."""
LONG_STEP: Final = 0.15
"""Distance, in ranges of the input, over which rises and bends are looked at."""
SHORT_STEP: Final = 0.05
"""Distance over which none may clearly go the other way: a ripple hides in a longer one."""
MIN_Z_SCORE: Final = 3.0
"""Standard deviations at which rows speak clearly against an axiom."""
MAX_VIOLATING_SHARE: Final = 0.01
"""The share of rows at which they may."""
MIN_ROWS: Final = 30
"""Fewer rows say nothing."""


@final
@dataclass(frozen=True)
class SuggestedAxiom:
    """An axiom that rows speak for.

    Attributes:
        axiom: The axiom.
        violation: With a probability of 95 % the function violates it by at most this, root mean square in its spreads.
        evidence: The same in a sentence.
    """

    axiom: Axiom
    violation: float
    evidence: str


class DataEvidence:
    """The function behind the rows at points, for draws from all that is likely of it.

    Attributes:
        x: The rows, `(N, I)`.
        target: The target, `(N,)`.
        names: Names of the inputs.
        values: The function at the rows, one column for each draw, in its spreads, `(N, S)`.
        relevant: Numbers of the inputs that have an effect; none where the function is too uncertain to tell anything.
    """

    def __init__(
        self, function: PosteriorSurrogate, x: Floats, target: Floats, names: Sequence[str], seed: int
    ) -> None:
        self.function, self.x, self.target, self.names = function, x, target, list(names)
        self.width = function.high - function.low
        self.values = function.drawn(x)
        self.order = np.random.default_rng(seed + 1).permutation(len(x))
        self.relevant: list[int] = []
        self._differences: dict[tuple[int, int, float], Floats] = {}
        self._exchanged: dict[tuple[int, int], tuple[Floats, Floats]] = {}

    def effect(self, i: int) -> float:
        """How much the function changes when one input takes values of other rows; the least that is likely."""
        other = self.x.copy()
        other[:, i] = self.x[self.order, i]
        return lower_rms(self.values - self.function.drawn(other))

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

    def differences(self, i: int, order: int, step: float) -> Floats:
        """Differences of the first or second order along an input, over a distance in its ranges."""
        key = (i, order, step)
        if key not in self._differences:
            far = step * self.width[i]
            at = self.moved(i, (0.0, far) if order == 1 else (-far, 0.0, far))
            self._differences[key] = at[1] - at[0] if order == 1 else at[0] - 2 * at[1] + at[2]
        return self._differences[key]

    def one_sign(
        self, axiom: Axiom, i: int, order: int, sign: float, share: float, description: str
    ) -> list[SuggestedAxiom]:
        """The axiom, if differences along an input have this sign but for a small share of their size.

        Args:
            axiom: What they would speak for.
            i: The input.
            order: Of the differences.
            sign: That they should have.
            share: The largest share of all of them that may have the other one.
            description: What they violate, for a sentence.
        """
        far, near = self.differences(i, order, LONG_STEP), self.differences(i, order, SHORT_STEP)
        wrong = np.maximum(-sign * far, 0)
        small = is_small(wrong, -sign * far) and upper_rms(wrong) < share * lower_rms(far)
        return [suggestion(axiom, wrong, description)] if small and not has_ripples(-sign * near) else []

    def reflected(self, i: int) -> tuple[Floats, Floats]:
        """The function at rows and with the sign of an input changed, where that is inside."""
        signs = np.where(np.arange(self.x.shape[1]) == i, -1.0, 1.0)
        return self.partners(lambda x: x * signs)

    def exchanged(self, i: int, j: int) -> tuple[Floats, Floats] | None:
        """The function at rows and with two inputs exchanged; None where their ranges or rows do not allow to tell."""
        overlap = min(self.function.high[[i, j]]) - max(self.function.low[[i, j]])
        if overlap < 0.8 * max(self.width[[i, j]]):
            return None
        if (i, j) not in self._exchanged:
            swapped = list(range(self.x.shape[1]))
            swapped[i], swapped[j] = j, i
            self._exchanged[(i, j)] = self.partners(lambda x: x[:, swapped])
        found = self._exchanged[(i, j)]
        return found if len(found[0]) >= MIN_ROWS / 2 else None


def is_small(violation: Floats, signed: Floats | None = None) -> bool:
    """Whether a violation is small on the whole, and clear hardly anywhere.

    Args:
        violation: At rows and for draws, `(N, S)`.
        signed: What must not be positive; the magnitude of the violation where it is None.
    """
    clear = _is_significant(violation) or _is_significant(-violation) if signed is None else _is_significant(signed)
    return upper_rms(violation) < MAX_VIOLATION and not clear


def _is_significant(against: Floats, least: float = MAX_VIOLATION / 10) -> bool:
    """Whether there are rows at which something is positive beyond doubt, and by more than the least that counts."""
    mean, error = against.mean(axis=1), against.std(axis=1)
    return bool((mean > MIN_Z_SCORE * error + least).mean() > MAX_VIOLATING_SHARE)


def has_ripples(against: Floats) -> bool:
    """The same for what is looked at over a short distance, where only its own size tells what is little."""
    return _is_significant(against, MAX_VIOLATION / 2 * float(np.sqrt(np.mean(against.mean(axis=1) ** 2))))


def suggestion(axiom: Axiom, violation: Floats, description: str) -> SuggestedAxiom:
    """The suggestion of an axiom, with how much it is violated at most and what that is, in words."""
    size = upper_rms(violation)
    sentence = f"{description} at most {100 * size:.2g} % of its spread, with a probability of {100 * PROBABILITY:g} %"
    return SuggestedAxiom(axiom, size, sentence)


def upper_rms(values: Floats) -> float:
    """The root mean square over rows, at most, over the draws."""
    return float(np.quantile(np.sqrt(np.mean(values**2, axis=0)), PROBABILITY)) if len(values) else np.inf


def lower_rms(values: Floats) -> float:
    """The root mean square over rows, at least, over the draws."""
    return float(np.quantile(np.sqrt(np.mean(values**2, axis=0)), 1 - PROBABILITY)) if len(values) else 0.0
