"""Search for counterexamples: Sobol points, projected gradient descent, and confirmation in 60 digits.

A counterexample is rounded to the fewest decimals that still refute the claim.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from splinework.formula.intervals import Floats
from splinework.knowledge.axioms.sampling import sobol
from splinework.knowledge.axioms.verify.claim import Claim, enclose
from splinework.knowledge.axioms.verify.exact import ExactEnvironment, ExactModel, shown
from splinework.knowledge.axioms.verify.network import Enclosure

N_POINTS: Final = 1024
_N_STARTS: Final = 24
_N_STEPS: Final = 10
_MAX_TRIED: Final = 8


@dataclass(frozen=True)
class Counterexample:
    """A point at which a claim does not hold.

    Attributes:
        point: Values of the variables, by name, in the fewest decimals.
        value: The claim's function there, as a decimal text.
    """

    point: dict[str, float]
    value: str


def candidates(claim: Claim, enclosure: Enclosure, near: Floats, *, points: int = N_POINTS) -> tuple[Floats, Floats]:
    """Points where the function may be smallest, worst first, `(m, n)`, and upper bounds of its values."""
    spread = sobol(points, np.stack([claim.lo, claim.hi], 1), 1).numpy()
    x = np.concatenate([spread, np.clip(near, claim.lo, claim.hi)])
    value = _values(claim, enclosure, x)
    best = np.argsort(value)[:_N_STARTS]
    x, value = x[best], value[best]
    step = np.full(len(x), 0.1)
    width = claim.hi - claim.lo
    for _ in range(_N_STEPS):
        found = enclose(claim, enclosure, x, x, gradient=True)
        if found.gradient is None:
            moved = x + step[:, None] * width * _pattern(x.shape)
        else:
            with np.errstate(over="ignore", invalid="ignore"):
                slope = np.nan_to_num(found.gradient.lo / 2 + found.gradient.hi / 2, posinf=0.0, neginf=0.0) * width
                size = np.abs(slope).max(1, keepdims=True)
                direction = np.nan_to_num(slope / np.where(size > 0, size, 1.0))
            moved = x - step[:, None] * width * direction
        moved = np.clip(moved, claim.lo, claim.hi)
        after = _values(claim, enclosure, moved)
        better = after < value
        x, value = np.where(better[:, None], moved, x), np.where(better, after, value)
        step = np.where(better, step * 1.5, step / 3)
    order = np.argsort(value)
    return x[order], value[order]


def _pattern(shape: tuple[int, ...]) -> Floats:
    """Deterministic directions for functions without a gradient."""
    rows, columns = np.indices(shape)
    pattern: Floats = np.sin(1.0 + 12.9898 * rows + 78.233 * columns)
    return pattern


def _values(claim: Claim, enclosure: Enclosure, x: Floats) -> Floats:
    found = enclose(claim, enclosure, x, x, gradient=False)
    value = np.where(np.isnan(found.value.hi) | ~found.inside, np.inf, found.value.hi)
    return np.where(found.undefined & found.inside, -np.inf, value)  # where the model is not a number, nothing holds


def refute(claim: Claim, model: ExactModel, points: Floats, values: Floats) -> Counterexample | None:
    """The first point at which the function is below `-tolerance`, in the fewest decimals; None if there is none."""
    for point, value in zip(points[:_MAX_TRIED], values[:_MAX_TRIED], strict=True):
        if not value < -claim.tolerance:
            return None
        if exact_value(claim, model, point) is None:
            continue
        for digits in range(1, 18):
            short = np.clip([float(f"{v:.{digits}g}") for v in point], claim.lo, claim.hi).tolist()
            found = exact_value(claim, model, short)
            if found is not None:
                named = dict(zip(claim.names, short, strict=True))
                return Counterexample(named, str(found))
    return None


def exact_value(claim: Claim, model: ExactModel, point: Any) -> Any:
    """The function at a point, computed in 60 digits and shown with 20; None if the claim holds or makes no statement there.

    Where the model has no value, it is `nan`, and the claim does not hold.
    """
    env = ExactEnvironment(model, point, claim.inputs)
    if any(low(env) > high(env) for low, high in claim.conditions):
        return None
    value = claim.define(env)
    if value >= -env.number(claim.tolerance):
        return None
    return shown(value)
