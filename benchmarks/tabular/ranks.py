"""Ranks of the contenders: on each set by the mean over folds, then their mean over sets, with its spread by the bootstrap."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.tabular.results import Key, Record
from benchmarks.tabular.sets import FOLDS

DRAWS = 2000
INTERVAL = (5, 95)
"""Percentiles that are shown."""


@dataclass(frozen=True)
class Ranks:
    """The ranks on one kind of sets.

    Attributes:
        sets: Those that every contender has been asked on, in order.
        contenders: Their names, in order.
        scores: Scores (sets, contenders), the means over folds; infinite where a fold failed.
        each: Ranks (sets, contenders), 1 the best.
        mean: Mean rank of each contender.
        low: 5th percentile of the mean rank when folds are redrawn.
        high: 95th percentile.
    """

    sets: tuple[str, ...]
    contenders: tuple[str, ...]
    scores: np.ndarray
    each: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def of(found: Mapping[Key, Record], sets: Sequence[str], contenders: Sequence[str]) -> Ranks | None:
    """The ranks on those sets that all the contenders have been asked on, every fold; None if there is none."""
    whole = [name for name in sets if all(Key(c, name, k) in found for c in contenders for k in range(FOLDS))]
    if not whole or not contenders:
        return None
    folds = np.asarray([[[_score(found[Key(c, s, k)]) for k in range(FOLDS)] for c in contenders] for s in whole])
    scores = folds.mean(axis=2)
    each = ranked(scores)
    generator = np.random.default_rng(0)
    draws = generator.integers(FOLDS, size=(DRAWS, len(whole), 1, FOLDS))  # every contender gets the same folds
    drawn = np.take_along_axis(folds[None], draws, axis=3).mean(axis=3)
    means = ranked(drawn.reshape(-1, len(contenders))).reshape(drawn.shape).mean(axis=1)
    low, high = np.percentile(means, INTERVAL, axis=0)
    return Ranks(tuple(whole), tuple(contenders), scores, each, each.mean(axis=0), low, high)


def ranked(scores: np.ndarray) -> np.ndarray:
    """Ranks within each row (sets, contenders), 1 the least; equal ones share their mean."""
    less = (scores[:, None, :] < scores[:, :, None]).sum(axis=2)
    equal = (scores[:, None, :] == scores[:, :, None]).sum(axis=2)
    return less + (equal + 1) / 2


def _score(record: Record) -> float:
    """Infinite for a cell without a result: it is worse than any other."""
    return float("inf") if record["score"] is None else float(record["score"])
