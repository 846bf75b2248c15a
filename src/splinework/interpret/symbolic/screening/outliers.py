"""Gross errors: rows that no smooth function reaches, found by a surrogate that learns to leave them aside."""

import numpy as np

from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.screening.surrogate import surrogate

FAR = 6.0
"""Rows further from the surrogate than this many times the typical distance are set aside."""
MOST = 0.15
"""More rows than this share are no exceptions."""
SHARPER = 0.3
"""Without them the error must fall to less than this share: else they are but the tail of the errors."""
GROSS = 1e-5
"""Nothing below this share of the spread between the quartiles is a gross error."""
STIFF = (30, 60, 120, 300)
"""Most terms of the surrogate: a stiff one is not pulled to the errors, a supple one tells the rest apart."""
PLAIN = (False, False)
"""No logarithms: of the target they would follow the large errors and let go of the rest."""
ROUNDS = 3


def trusted(columns: Array, y: Array, weights: Array) -> Array | None:
    """Which rows to trust, `(N,)` of bool; None where there are no gross errors.

    Iterated reweighting: of the rows that are left, those beyond `FAR` robust standard deviations (1.4826 times the median
    distance; Huber 1981) are set aside, at most `MOST` of them at a time, by surrogates that become more supple.

    Args:
        columns: `(N, d)`.
        y: `(N,)`.
        weights: What each squared error counts, `(N,)`.
    """
    kept = np.ones(len(y), bool)
    spread = float(np.subtract(*np.quantile(y * np.sqrt(weights), [0.75, 0.25])))
    first = error = surrogate(columns, y, weights, kind=PLAIN).error
    for terms in STIFF:
        for _ in range(ROUNDS):
            counts = np.where(kept, weights, 1e-20 * weights.mean())
            stand_in = surrogate(columns, y, counts, terms=terms, kind=PLAIN)
            distance = np.abs(y - stand_in.values) * np.sqrt(weights)
            typical = 1.4826 * float(np.median(distance[kept]))
            error = stand_in.error
            far = distance > FAR * max(typical, GROSS * spread)
            if far.sum() > MOST * len(y):  # still pulled away, or too stiff: only the worst of them this time
                far = distance >= np.quantile(distance, 1 - MOST)
            settled = bool((far == ~kept).all())
            kept = ~far
            if settled:
                break
    gone = int((~kept).sum())
    return kept if 0 < gone <= MOST * len(y) + 1 and error < SHARPER * first else None
