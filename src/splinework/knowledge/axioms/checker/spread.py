"""The range of every output on fixed points of a box, which tolerances refer to; part of the meaning of a certificate."""

from typing import Final

import numpy as np

from splinework.errors import ConfigError
from splinework.knowledge.axioms.checker.models import ModelRanges, variables
from splinework.knowledge.axioms.checker.ranges import Floats

N_POINTS: Final = 256


def spread_of(model: ModelRanges) -> Floats:
    """The range of every output, `(J,)`, never 0: on the points `lo + (hi - lo) frac(n φ^-i)`, n = 1 … 256, i = 1 … I.

    φ is the root of `φ^(I+1) = φ + 1` (Roberts 2018). Points at which the model has no value are left out.

    Raises:
        ConfigError: If it is beyond float64.
    """
    lo, hi = model.reach.lo, model.reach.hi
    root = 1.5
    for _ in range(64):
        root = (1 + root) ** (1 / (len(lo) + 1))
    share = np.mod(np.arange(1, N_POINTS + 1)[:, None] * root ** -np.arange(1.0, len(lo) + 1), 1.0)
    x = lo + (hi - lo) * share
    with np.errstate(all="ignore"):
        found = model.run(variables(x, x, 0, ()))
        values = found.v.lo / 2 + found.v.hi / 2
        held = values[np.isfinite(values).all(1) & found.sound]
        spread: Floats = np.ptp(held, axis=0) if len(held) else np.ones(values.shape[1])
        size = np.abs(held).max(0, initial=0.0)
    if not np.isfinite(spread).all():
        raise ConfigError(
            "the outputs of the model on the box differ by more than float64 can hold, so that no tolerance is finite; give a "
            "smaller box, or rescale the outputs."
        )
    return np.where(spread > 1e-9 * size, spread, np.where(size > 0, size, 1.0))
