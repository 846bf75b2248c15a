"""Columns that are smooth functions of others, and those that depend on none: before any formula is looked for.

A relation tells rows from rows whose columns were shuffled independently (Liu et al. 2024, arXiv 2404.19756, §4.2). Here each
column in turn is fitted by all others: what the fit explains of rows left out, beyond what it explains of a shuffled column, is
the contrast. Columns that it does not need are eliminated, the column that is explained best is taken out, and the rest is
looked at again: so there are as many relations as columns less the dimension of what the rows lie on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from splinework.interpret.structure.nested_models import Problem, StructuredFit, evidence, linear_fit
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.screening.surrogate import fit_surrogate

N_SHUFFLES: Final = 5
MAX_CONTRAST: Final = 0.5
"""Largest ratio of the error of a column that others explain to that of the same column shuffled."""
LEVEL: Final = 0.01
"""Probability at which a column is kept that is not needed."""
MIN_EFFECT: Final = 0.02
"""Share of a column's spread that another must explain to be kept, beyond significance: noise in inputs leaks that much."""

MARGIN: Final = 3.0
"""Standard deviations of the noise at either end of an input's range whose rows are left out."""
MIN_INSIDE: Final = 0.5
"""Share of the rows that must be left."""


@dataclass(frozen=True)
class Dependence:
    """A column that is a smooth function of others.

    Attributes:
        target: Number of the column.
        inputs: Numbers of the columns that it is a function of, as few as explain it.
        error: Root mean square of the residuals of rows left out, in units of the column's spread.
        contrast: The ratio of the error to that of the shuffled column.
    """

    target: int
    inputs: tuple[int, ...]
    error: float
    contrast: float


def dependences(x: Array, *, most: float, seed: int = 0) -> tuple[list[Dependence], list[int]]:
    """The dependent columns, the one that is explained best first, and the columns that depend on none.

    Args:
        x: Columns `(N, d)`.
        most: Largest error of a dependence, in units of the column's spread.
        seed: Seed of the shuffles.

    >>> x = np.random.default_rng(0).uniform(-1, 1, (200, 3))
    >>> x[:, 1] = x[:, 0] ** 3
    >>> found, independent = dependences(x, most=0.25)
    >>> [(each.target, each.inputs) for each in found], independent
    ([(1, (0,))], [2])
    """
    draw = np.random.default_rng(seed)
    left = list(range(x.shape[1]))
    found: list[Dependence] = []
    while len(left) > 1:
        fits = {k: _fit(x, k, [i for i in left if i != k]) for k in left}
        ordered = sorted((fit.error, k) for k, fit in fits.items() if fit is not None)
        best = next((each for each in (_dependence(x, k, left, most, draw) for _, k in ordered) if each), None)
        if best is None:
            break
        found.append(best)
        left.remove(best.target)
    used = {i for each in found for i in (each.target, *each.inputs)}
    return found, [i for i in left if i not in used]


def _dependence(
    x: Array, target: int, left: Sequence[int], most: float, draw: np.random.Generator
) -> Dependence | None:
    """The column as a function of as few others as explain it, if it is explained well enough."""
    inputs = _needed(x, target, [i for i in left if i != target])
    fit = _fit(x, target, inputs) if inputs else None
    if fit is None or fit.error > most:
        return None
    problem = Problem.of(x[:, inputs], x[:, target])
    rivals = [Problem.of(problem.x, draw.permutation(problem.y)) for _ in range(N_SHUFFLES)]
    errors = [shuffled.error for each in rivals if (shuffled := linear_fit(each, each.x)) is not None]
    contrast = fit.error / max(min(errors, default=1.0), 1e-300)
    return Dependence(target, tuple(inputs), fit.error, contrast) if contrast < MAX_CONTRAST else None


def _fit(x: Array, target: int, inputs: Sequence[int]) -> StructuredFit | None:
    problem = Problem.of(x[:, list(inputs)], x[:, target])
    return linear_fit(problem, problem.x)


def _needed(x: Array, target: int, inputs: Sequence[int]) -> list[int]:
    """Backward elimination: the column that is missed least goes, while none is missed."""
    kept = list(inputs)
    while kept:
        problem = Problem.of(x[:, kept], x[:, target])
        tests = []
        for place in range(len(kept)):
            rest = np.delete(problem.x, place, axis=1) if len(kept) > 1 else np.zeros((len(x), 1))
            keep = None if len(kept) > 1 else (lambda powers: powers.sum(1) == 0)
            tests.append((evidence(problem, linear_fit(problem, rest, keep), LEVEL, MIN_EFFECT), place))
        found, place = min(tests, key=lambda each: (not each[0].holds, each[0].effect))
        if not found.holds:
            break
        kept.pop(place)
    return kept


def unbiased(x: Array, y: Array) -> tuple[NDArray[np.bool_], Array]:
    """Rows that noise in the inputs biases little, and their weights.

    Where an input is observed beyond its range, its true value is inside, and a regression on what is observed goes wrong at the
    ends of the range (Carroll et al. 2006, "Measurement Error in Nonlinear Models"): these rows are left out. Weights are the
    inverse variances of the target, to which the noise of the inputs adds by the slopes.

    Args:
        x: Inputs `(N, d)`, and
        y: target `(N,)`, in units in which the noise of all is alike.

    Returns:
        A mask `(N,)` and the weights of these rows.
    """
    smooth = fit_surrogate(x, y, np.ones(len(y)))
    weights = 1 / (1 + (smooth.gradient**2).sum(1))
    margin = MARGIN * np.sqrt(np.mean(weights * (smooth.values - y) ** 2))
    inside = ((x >= x.min(0) + margin) & (x <= x.max(0) - margin)).all(1)
    inside = inside if inside.mean() >= MIN_INSIDE else np.ones(len(x), bool)
    return inside, weights[inside]
