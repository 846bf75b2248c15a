"""Repeated reductions of a problem, each verified by a fit with one column less, until nothing more can be taken away.

A solution g of a smaller problem gives `f = wrap(g)`, as in the recursion of AI Feynman (Udrescu & Tegmark 2020).
"""

from collections.abc import Callable, Iterator

from splinework.interpret.symbolic.screening.problem import IrreducibleProblem, ScreeningProblem
from splinework.interpret.symbolic.screening.reductions import common_reductions, distinct, suggested_reductions
from splinework.interpret.symbolic.screening.surrogate import PolynomialSurrogate, fit_surrogate

BEAM_WIDTH, MAX_VERIFIED = 3, 8
"""Problems of each size that are reduced further, and reductions of each that are verified by a fit."""
MAX_ERROR_RATIO, MAX_ERROR_RATIO_NOISY = 1.1, 1.02
"""Tolerated increase of the leave-one-out error by a reduction."""
MIN_NOISE = 1e-3
"""Relative error of the surrogate from which the data count as noisy, and the second factor applies."""
CLEAR_ERROR_RATIO, MAX_CLEAR = 0.5, 2
"""Error ratio below which a reduction or separation is clear, and the number of clear ones after which the verification ends."""
MIN_BLIND_NOISE, MAX_BLIND_COLUMNS = 0.03, 4
"""Common reductions are tried without the gradient for fewer columns than this if the data are noisy, and for exactly this many
from this relative error on."""


def irreducible_problems(problem: ScreeningProblem, late: Callable[[], bool]) -> tuple[list[IrreducibleProblem], float]:
    """The irreducible problems of a problem, the smallest first, and the least error of all polynomials that stood in for them.

    Args:
        problem: A problem of any number of columns.
        late: Says whether time is up.
    """
    scale = problem.spread
    level = [(problem.surrogate, problem)]
    least = level[0][0].error
    noisy = level[0][0].error > MIN_NOISE * scale
    ends: list[IrreducibleProblem] = []
    while level and not late():
        following: list[tuple[PolynomialSurrogate, ScreeningProblem]] = []
        for surrogate, at in level:
            smaller = list(_verified(at, surrogate, scale, late)) if at.size else []
            if not smaller:
                ends.append(IrreducibleProblem(at, surrogate.error))
            following += smaller
        level = [(at.surrogate, at) for _, at in distinct(following)[: BEAM_WIDTH if noisy else MAX_CLEAR]]
        least = min(least, *(surrogate.error for surrogate, _ in level)) if level else least
    ends += [IrreducibleProblem(at, surrogate.error) for surrogate, at in level]
    return sorted(ends, key=lambda end: (end.problem.size, end.error)), least


def _verified(
    problem: ScreeningProblem, surrogate: PolynomialSurrogate, scale: float, late: Callable[[], bool]
) -> Iterator[tuple[PolynomialSurrogate, ScreeningProblem]]:
    """Verified reductions: smaller problems with no larger error; it ends after some clear ones."""
    rough = surrogate.error / scale if scale > 0 else 0.0
    allowed = (MAX_ERROR_RATIO if rough < MIN_NOISE else MAX_ERROR_RATIO_NOISY) * surrogate.error + 1e-10 * scale
    clear = 0
    d = problem.size
    few = (d < MAX_BLIND_COLUMNS and rough > MIN_NOISE) or (d == MAX_BLIND_COLUMNS and rough > MIN_BLIND_NOISE)
    for proposal in (
        *suggested_reductions(problem, surrogate, rough, MAX_VERIFIED, late),
        *(common_reductions(problem) if few else ()),
    ):
        if late() or clear >= MAX_CLEAR:
            return
        small = proposal.problem
        if small.length > 45:  # too long a formula
            continue
        kind = surrogate.kind if small.size > 1 else None
        smaller = fit_surrogate(small.columns, small.y, small.weights, kind=kind)
        if smaller.error <= allowed:
            clear += smaller.error <= max(CLEAR_ERROR_RATIO * surrogate.error, 1e-9 * scale)
            yield smaller, small
