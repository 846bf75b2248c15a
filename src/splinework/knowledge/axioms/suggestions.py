"""Suggested axioms with the evidence for them; none is applied automatically.

An axiom is suggested if the surrogate of the data (`surrogate.py`) violates it little with high posterior probability, and if it
is informative: an input without effect is trivially monotone, even and periodic. Each kind implements its own test
(`Axiom.suggestions`).
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.errors.foreign import explained
from splinework.knowledge.axioms.evidence import MIN_EFFECT, MIN_ROWS, DataEvidence, SuggestedAxiom
from splinework.knowledge.axioms.kinds import WORDS
from splinework.knowledge.axioms.surrogate import Floats, surrogate
from splinework.nn.arrays import numbers_of

MAX_UNCERTAINTY: Final = 0.4
"""The largest posterior standard deviation of the function, relative to its own, for suggestions."""
MAX_ROWS: Final = 2000
"""The maximum number of rows used; evenly spaced ones if there are more."""


@explained
def suggest_axioms(
    x: ArrayLike, y: ArrayLike, *, names: Sequence[str] | None = None, seed: int = 0
) -> list[SuggestedAxiom]:
    """Axioms that the data support: monotone, convex, even, odd, periodic, symmetric, antisymmetric, additive, bounded.

    Args:
        x: Inputs, `(N, I)`.
        y: The target, `(N,)` or `(N, 1)`.
        names: Names of the inputs; by default `x1`, `x2`, ….
        seed: Seed of the random draws.

    Returns:
        The suggestions, those about single inputs first; empty if there are too few rows or too much noise. Inputs without an
        effect are skipped.

    Raises:
        ShapeError: If the sizes of `x` and `y` do not match.
        DataError: If a value is not finite.
        ConfigError: If the number of names is not the number of inputs.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).uniform(-1, 1, (300, 2))
        >>> found = suggest_axioms(x, np.exp(x[:, 0]) + x[:, 1] ** 2, names=["dose", "shift"])
        >>> [str(each.axiom) for each in found]
        ["monotone('dose')", "convex('dose')", "convex('shift')", "even('shift')", 'additive()']
    """
    rows, target, labels = _rows(x, y, names)
    varies = [i for i in range(rows.shape[1]) if np.ptp(rows[:, i]) > 0]
    if len(rows) < MIN_ROWS or target.std() == 0 or not varies:
        return []
    rows, labels = rows[:, varies], [labels[i] for i in varies]
    evidence = DataEvidence(surrogate(rows, target, seed=seed), rows, target, labels, seed)
    if np.sqrt(evidence.values.var(axis=1).mean()) <= MAX_UNCERTAINTY:
        evidence.relevant = [i for i in range(len(varies)) if evidence.effect(i) > MIN_EFFECT]
    found = [each for kind in WORDS.values() for each in kind.suggestions(evidence)]
    return sorted(found, key=lambda each: _first_input(each, labels))


def _first_input(suggestion: SuggestedAxiom, labels: Sequence[str]) -> int:
    """The sort key: axioms of single inputs first, input by input."""
    inputs = suggestion.axiom.inputs
    return labels.index(str(inputs[0])) if len(inputs) == 1 else len(labels)


def _rows(x: Any, y: Any, names: Sequence[str] | None) -> tuple[Floats, Floats, list[str]]:
    rows, target = numbers_of(x, "x"), numbers_of(y, "y")
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
    chosen = np.linspace(0, len(rows) - 1, min(len(rows), MAX_ROWS)).astype(np.int64)
    return rows[chosen], target[chosen], labels
