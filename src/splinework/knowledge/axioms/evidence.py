"""Evidence in data for axioms: sizes of violations and of effects, with their uncertainty.

All sizes are computed on draws from the posterior of a surrogate (`surrogate.py`): violations as upper, effects as lower ends of
one-sided 95 % credible intervals.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np

from splinework.knowledge.axioms.axiom import Axiom
from splinework.knowledge.axioms.surrogate import Floats, PosteriorSurrogate

MAX_VIOLATION: Final = 0.1
"""The largest violation that the data may leave possible: root mean square, in standard deviations of the function."""
MIN_EFFECT: Final = 0.1
"""The smallest change of the function, in its standard deviations, that counts as an effect."""
PROBABILITY: Final = 0.95
"""The posterior probability of every bound."""
LONG_STEP: Final = 0.15
"""The step of finite differences, as a share of the input's range."""
SHORT_STEP: Final = 0.05
"""The step over which no difference may significantly have the wrong sign: longer steps hide ripples."""
MIN_Z_SCORE: Final = 3.0
"""The z-score at which a row significantly contradicts an axiom."""
MAX_VIOLATING_SHARE: Final = 0.01
"""The largest share of rows that may do so."""
MIN_ROWS: Final = 30
"""The smallest number of rows for suggestions."""


@final
@dataclass(frozen=True)
class SuggestedAxiom:
    """An axiom that the data support.

    Attributes:
        violation: Upper end of the 95 % credible interval of its violation: root mean square, in standard deviations of the
            function.
        evidence: The same in a sentence.
    """

    axiom: Axiom
    violation: float
    evidence: str


class DataEvidence:
    """The surrogate at the rows and at transformed rows, for draws from its posterior.

    Attributes:
        x: The rows, `(N, I)`.
        target: The target, `(N,)`.
        names: Names of the inputs.
        values: The function at the rows, one column per draw, in its standard deviations, `(N, S)`.
        relevant: Indices of the inputs that have an effect; empty if the function is too uncertain.
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
        """The lower bound of the change of the function when one input is permuted among the rows."""
        other = self.x.copy()
        other[:, i] = self.x[self.order, i]
        return lower_rms(self.values - self.function.drawn(other))

    def moved(self, i: int, steps: Sequence[float]) -> list[Floats]:
        """The function at rows moved along an input by several distances within the box; rows near an end first move inward."""
        low, high = self.function.low[i] - min(steps), self.function.high[i] - max(steps)
        start = self.x[:, i].clip(low, high)
        moved = []
        for step in steps:
            other = self.x.copy()
            other[:, i] = start + step
            moved.append(self.function.drawn(other))
        return moved

    def partners(self, to: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
        """The function at rows and at their images under a map, for images within the box."""
        other = to(self.x)
        stays = ((other >= self.function.low) & (other <= self.function.high)).all(axis=1)
        return self.values[stays], self.function.drawn(other[stays])

    def differences(self, i: int, order: int, step: float) -> Floats:
        """First or second differences along an input; the step is a share of its range."""
        key = (i, order, step)
        if key not in self._differences:
            far = step * self.width[i]
            at = self.moved(i, (0.0, far) if order == 1 else (-far, 0.0, far))
            self._differences[key] = at[1] - at[0] if order == 1 else at[0] - 2 * at[1] + at[2]
        return self._differences[key]

    def one_sign(
        self, axiom: Axiom, i: int, order: int, sign: float, share: float, description: str
    ) -> list[SuggestedAxiom]:
        """The axiom if differences along an input have one sign, apart from a small share of their size."""
        far, near = self.differences(i, order, LONG_STEP), self.differences(i, order, SHORT_STEP)
        wrong = np.maximum(-sign * far, 0)
        small = is_small(wrong, -sign * far) and upper_rms(wrong) < share * lower_rms(far)
        return [suggestion(axiom, wrong, description)] if small and not has_ripples(-sign * near) else []

    def reflected(self, i: int) -> tuple[Floats, Floats]:
        """The function at rows and at rows with the sign of one input changed, within the box."""
        signs = np.where(np.arange(self.x.shape[1]) == i, -1.0, 1.0)
        return self.partners(lambda x: x * signs)

    def exchanged(self, i: int, j: int) -> tuple[Floats, Floats] | None:
        """The function at rows and at rows with two inputs exchanged; None if their ranges overlap too little."""
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
    """Whether a violation is small on average and significant at almost no row.

    Args:
        violation: The violation at rows and for draws, `(N, S)`.
        signed: The quantity that must not be positive; by default the magnitude of the violation.
    """
    clear = _is_significant(violation) or _is_significant(-violation) if signed is None else _is_significant(signed)
    return upper_rms(violation) < MAX_VIOLATION and not clear


def _is_significant(against: Floats, least: float = MAX_VIOLATION / 10) -> bool:
    """Whether a quantity is significantly positive, by more than `least`, at too many rows."""
    mean, error = against.mean(axis=1), against.std(axis=1)
    return bool((mean > MIN_Z_SCORE * error + least).mean() > MAX_VIOLATING_SHARE)


def has_ripples(against: Floats) -> bool:
    """The same for differences over a short step, relative to their own size."""
    return _is_significant(against, MAX_VIOLATION / 2 * float(np.sqrt(np.mean(against.mean(axis=1) ** 2))))


def suggestion(axiom: Axiom, violation: Floats, description: str) -> SuggestedAxiom:
    """The suggestion of an axiom with the upper bound of its violation."""
    size = upper_rms(violation)
    sentence = f"{description} at most {100 * size:.2g} % of the standard deviation ({100 * PROBABILITY:g} % credible interval)"
    return SuggestedAxiom(axiom, size, sentence)


def upper_rms(values: Floats) -> float:
    """The upper bound, over draws, of the root mean square over rows."""
    return float(np.quantile(np.sqrt(np.mean(values**2, axis=0)), PROBABILITY)) if len(values) else np.inf


def lower_rms(values: Floats) -> float:
    """The lower bound, over draws, of the root mean square over rows."""
    return float(np.quantile(np.sqrt(np.mean(values**2, axis=0)), 1 - PROBABILITY)) if len(values) else 0.0
