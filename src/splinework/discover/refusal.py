"""The sentence that says that there is no formula, or how much of what can be explained the best one catches."""

import math

import numpy as np

from splinework.discover.networks import NetworkTrial, SplitRows, predictor
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.residuals import MAX_PROCESS_ROWS, left_out_errors
from splinework.interpret.symbolic.table import FormulaRow

MAX_STANDARD_ERRORS, MIN_EXCESS = 2.0, 0.02
"""Standard errors, and the share of it, by which the squared error of a formula may exceed the network's."""
ENOUGH = 0.95
"""Share of the variance that the network explains from which there is no note on it."""


def refusal(best: FormulaRow, network: NetworkTrial | None, rows: SplitRows) -> str | None:
    """The sentence that says so if there is no formula, or none as good as the network.

    None as good: its squared errors on held-out rows exceed the network's by more than a few standard errors of the difference,
    or those on the rows that it was fitted to exceed a Gaussian process's, each row left out.

    Args:
        best: The formula.
        network: The best network, where one was fitted.
        rows: The data, some of them held out.
    """
    if not best.inputs:
        return f"no formula explains {best.target}: nothing predicts it better than a constant"
    if network is None:
        return None
    mine, theirs = (rows.squares(predict) for predict in (best.numpy(), predictor(network.model)))
    if _exceeds(mine, theirs):
        share = share_caught(best, network, rows)
        return (
            f"no formula of the library explains this as well as the spline model does (held-out error "
            f"{math.sqrt(mine.mean()):.3g} against {network.error:.3g} of the spread){'' if share is None else f'; {share}'}; "
            "the best attempt is given, and the spline model remains"
        )
    few = slice(None, None, -(-len(rows.y) // MAX_PROCESS_ROWS))
    x, y = rows.x[few], rows.flat(rows.y)[few]
    with np.errstate(all="ignore"):
        left = (rows.flat(best.numpy()(x)) - y) / (float(y.std()) or 1.0)
    if float(np.mean(left**2)) > 1e-12 and _exceeds(
        left**2, smooth := (left_out_errors(x, y) / (float(y.std()) or 1.0)) ** 2
    ):
        return (
            f"no formula of the library explains this as well as a smooth function does (error {math.sqrt(np.mean(left**2)):.3g} "
            f"against {math.sqrt(np.mean(smooth)):.3g} of the spread, of a Gaussian process on rows left out); the best attempt "
            "is given"
        )
    return None


def share_caught(best: FormulaRow, network: NetworkTrial, rows: SplitRows) -> str | None:
    """How much of the variance that the network explains on held-out rows the formula catches, with the standard error.

    None where that is nearly all of it beyond one standard error of the difference, or the network explains nothing.

    Args:
        best: The formula.
        network: The best network.
        rows: The data, some of them held out.
    """
    mine, theirs = (rows.squares(predict) for predict in (best.numpy(), predictor(network.model)))
    explained = rows.constant**2 - float(theirs.mean())
    if not explained > 0 or not np.isfinite(mine).all():
        return None
    share = 1 - float((mine - theirs).mean()) / explained
    error = float((mine - theirs).std()) / math.sqrt(len(mine)) / explained
    if share - error >= ENOUGH:
        return None
    return (
        f"the formula catches {max(share, 0.0):.0%} of the variance that the spline model explains on rows held out, with a "
        f"standard error of {error:.0%}"
    )


def _exceeds(mine: Array, theirs: Array) -> bool:
    """Whether squared errors are larger than others by some standard errors of the difference, and by a share of them."""
    beyond = mine - theirs
    tolerance = MAX_STANDARD_ERRORS * float(beyond.std()) / math.sqrt(len(beyond))
    return float(beyond.mean()) > tolerance + MIN_EXCESS * float(theirs.mean()) + 1e-12
