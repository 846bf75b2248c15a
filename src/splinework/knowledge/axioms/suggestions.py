"""Axioms that rows speak for, with the evidence; they are proposed and never switched on.

An axiom is proposed when the function behind the rows (`surrogate.py`) violates it by little, with all that is uncertain about
that function, and when it says something: an input without effect is monotone, even and periodic, and none of it is told.
Each kind of axiom knows what would speak for it (`Axiom.suggestions`).
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.knowledge.axioms.evidence import MIN_EFFECT, MIN_ROWS, DataEvidence, SuggestedAxiom
from splinework.knowledge.axioms.kinds import WORDS
from splinework.knowledge.axioms.surrogate import Floats, surrogate

MAX_UNCERTAINTY: Final = 0.4
"""Nothing is told of a function that is uncertain by more than this, in its spreads."""
MAX_ROWS: Final = 2000
"""Rows that are looked at, evenly spaced ones where there are more."""


def suggest_axioms(
    x: ArrayLike, y: ArrayLike, *, names: Sequence[str] | None = None, seed: int = 0
) -> list[SuggestedAxiom]:
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
    if len(rows) < MIN_ROWS or target.std() == 0 or not varies:
        return []
    rows, labels = rows[:, varies], [labels[i] for i in varies]
    evidence = DataEvidence(surrogate(rows, target, seed=seed), rows, target, labels, seed)
    if np.sqrt(evidence.values.var(axis=1).mean()) <= MAX_UNCERTAINTY:
        evidence.relevant = [i for i in range(len(varies)) if evidence.effect(i) > MIN_EFFECT]
    found = [each for kind in WORDS.values() for each in kind.suggestions(evidence)]
    return sorted(found, key=lambda each: _first_input(each, labels))


def _first_input(suggestion: SuggestedAxiom, labels: Sequence[str]) -> int:
    """What is about one input comes first, input by input."""
    inputs = suggestion.axiom.inputs
    return labels.index(str(inputs[0])) if len(inputs) == 1 else len(labels)


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
    chosen = np.linspace(0, len(rows) - 1, min(len(rows), MAX_ROWS)).astype(np.int64)
    return rows[chosen], target[chosen], labels
