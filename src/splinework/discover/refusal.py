"""The sentence that says that there is no formula, or how much of what can be explained the best one catches."""

import math

from splinework.discover.networks import NetworkTrial, SplitRows, predictor
from splinework.interpret.symbolic.table import FormulaRow

MAX_STANDARD_ERRORS, MIN_EXCESS = 2.0, 0.02
"""Standard errors, and the share of it, by which the squared error of a formula may exceed the network's."""


def refusal(best: FormulaRow, network: NetworkTrial | None, rows: SplitRows) -> str | None:
    """The sentence that says so if there is no formula, or none as good as the network.

    None as good: its squared errors on held-out rows exceed the network's by more than a few standard errors of the difference.

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
    beyond = mine - theirs
    tolerance = MAX_STANDARD_ERRORS * float(beyond.std()) / math.sqrt(len(beyond))
    if float(beyond.mean()) > tolerance + MIN_EXCESS * float(theirs.mean()) + 1e-12:
        explained = [max(1 - float(squares.mean()) / rows.constant**2, 0.0) for squares in (mine, theirs)]
        share = f"; it catches {explained[0] / explained[1]:.0%} of the variance that the spline model explains"
        return (
            f"no formula of the library explains this as well as the spline model does (held-out error "
            f"{math.sqrt(mine.mean()):.3g} against {network.error:.3g} of the spread){share if explained[1] > 0 else ''}; "
            "the best attempt is given, and the spline model remains"
        )
    return None
