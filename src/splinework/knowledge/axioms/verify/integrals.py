"""Enclosures of integrals over a box: the midpoint rule with an error bound from second derivatives.

On a box X with centre c and widths w, `∫_X f = |X| (f(c) + E)` with E between the bounds of
`Σ_a H_aa w_a²/24 ± Σ_{a<b} r_ab w_a w_b/16`, H the second derivatives on X and r half the widths of their ranges; the
linear part and constant mixed derivatives vanish by symmetry.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from splinework.formula.intervals import Floats, Interval, add, exactly, gamma, intersect, multiply, total, up
from splinework.knowledge.axioms.verify.certificate import ClaimResult
from splinework.knowledge.axioms.verify.claim import Claim, JetEnvironment
from splinework.knowledge.axioms.verify.jets import Jet, JetSpace, variables
from splinework.knowledge.axioms.verify.network import Enclosure
from splinework.knowledge.axioms.verify.tree import Tree, halves
from splinework.knowledge.axioms.verify.work import WorkBudget

_BATCH_SIZE: Final = 8192
_TOLERANCE_SHARE: Final = 0.6
_MAX_BOXES: Final = 200_000
_24TH: Final = Interval(np.array(1 / 24 - 1e-17), np.array(1 / 24 + 1e-17))


def integral_result(
    claim: Claim, equals: float, enclosure: Enclosure, result: ClaimResult, work: WorkBudget
) -> ClaimResult:
    """The result of a claim about an integral, within its tolerance."""
    found, tree, boxes = integral(claim, enclosure, width=claim.tolerance / 4, work=work, equals=equals)
    low, high = float(found.lo - equals), float(found.hi - equals)
    worst = -max(abs(low), abs(high))
    nearest = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    # The slack is for the checker, whose arithmetic differs.
    result = replace(result, bound=2 * worst, boxes=boxes, least=-nearest, tree=tree.text())
    if worst >= -_TOLERANCE_SHARE * claim.tolerance:
        return replace(result, status="proved", method="bounds", bound=-claim.tolerance)
    if nearest > claim.tolerance:
        value = -max(nearest / 2, claim.tolerance * (1 + 1e-6))
        return replace(result, status="refuted", method="bounds", value=repr(value), bound=-np.inf)
    return result


def integral(
    claim: Claim, enclosure: Enclosure, *, width: float, work: WorkBudget, equals: float = np.nan
) -> tuple[Interval, Tree, int]:
    """An interval that contains `∫ f` over the box, of this width if the work suffices; the division; the number of boxes."""
    tree = Tree(claim.lo, claim.hi)
    lo, hi, node = claim.lo[None], claim.hi[None], np.array([0])
    part = _on_boxes(claim, enclosure, lo, hi)
    boxes = 1
    while True:
        whole = total(part, 0)
        uncertain = part.hi - part.lo
        away = max(float(whole.lo - equals), float(equals - whole.hi))
        decided = away > 8 * width and float(whole.hi - whole.lo) < away / 2
        if uncertain.sum() <= width or decided or not work.left or boxes > _MAX_BOXES:
            return whole, tree, boxes
        worst = np.argsort(-uncertain)[: min(_BATCH_SIZE, len(uncertain))]
        worst = worst[uncertain[worst] > 0.2 * uncertain.max()]
        kept = np.ones(len(uncertain), dtype=bool)
        kept[worst] = False
        axis = (hi[worst] - lo[worst]).argmax(1)
        new_lo, new_hi = halves(lo[worst], hi[worst], axis)
        children = tree.split(node[worst], axis)
        new = _on_boxes(claim, enclosure, new_lo, new_hi)
        boxes += len(new_lo)
        work.spend(enclosure, len(new_lo), 2)
        lo, hi = np.concatenate([lo[kept], new_lo]), np.concatenate([hi[kept], new_hi])
        node = np.concatenate([node[kept], children, children + 1])
        part = Interval(np.concatenate([part.lo[kept], new.lo]), np.concatenate([part.hi[kept], new.hi]))


def _on_boxes(claim: Claim, enclosure: Enclosure, lo: Floats, hi: Floats) -> Interval:
    """The integral over each box, `(B,)`."""
    n = lo.shape[1]
    pairs = tuple((a, b) for a in range(n) for b in range(a, n))
    jet = _jet(claim, enclosure, JetSpace(n, 2, pairs), lo, hi)
    # The centre is rounded by a part in 2⁵³; a box around it contains the true one.
    middle = lo / 2 + hi / 2
    rounding = gamma(4) * np.maximum(np.abs(lo), np.abs(hi)) * (hi > lo)
    centre = _jet(claim, enclosure, JetSpace(n), np.maximum(middle - rounding, lo), np.minimum(middle + rounding, hi)).v
    width = Interval(np.maximum((hi - lo) * (1 - gamma(4)), 0), (hi - lo) * (1 + gamma(4)))
    size = exactly(np.ones(len(lo)))
    for i in range(n):
        size = multiply(size, width.take(slice(None), i))
    value = Interval(np.broadcast_to(centre.lo[:, 0], len(lo)), np.broadcast_to(centre.hi[:, 0], len(lo)))
    for p, (a, b) in enumerate(pairs if jet.h is not None else ()):
        assert jet.h is not None
        bend = Interval(*(np.broadcast_to(end[:, p, 0], len(lo)) for end in jet.h))
        area = multiply(width.take(slice(None), a), width.take(slice(None), b))
        if a == b:
            value = add(value, multiply(multiply(bend, area), _24TH))
        else:
            most = multiply(multiply(exactly(up(bend.hi - bend.lo)), area), exactly(np.array(1 / 32)))
            value = add(value, Interval(-most.hi, most.hi))
    plain = Interval(*(np.broadcast_to(end[:, 0], len(lo)) for end in jet.v))
    return multiply(intersect(plain, value), size)


def _jet(claim: Claim, enclosure: Enclosure, space: JetSpace, lo: Floats, hi: Floats) -> Jet:
    found: Jet = claim.define(JetEnvironment(enclosure, variables(space, lo, hi), claim.inputs))
    return found.dense()
