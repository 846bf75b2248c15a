"""Claims over boxes: whether a bound or the signs of slopes hold on all of them, in the checker's ranges."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np

from splinework.knowledge.axioms.checker.claims import BoxClaim, View
from splinework.knowledge.axioms.checker.divisions import Division
from splinework.knowledge.axioms.checker.formulas import Unreadable
from splinework.knowledge.axioms.checker.functions import BUNDLES
from splinework.knowledge.axioms.checker.models import ModelRanges, Sharpening
from splinework.knowledge.axioms.checker.ranges import Bundle, Floats, Mask, Range, beside, constant, exact, variables

_BATCH: Final = 256
_WORTHWHILE, _PATIENCE = 1 / 16, 8
"""The share of boxes that multipliers should confirm, and after how many batches they are tried again all the same."""
_MOST_HALVINGS: Final = 48
_MOST_BOXES: Final = 1_000
_BOXES_PER_BOX: Final = 4


class BoxView(View):
    """A claim's variables over boxes `(B, n)`; without a model, arguments of the model are recorded only."""

    algebra = BUNDLES

    def __init__(
        self, model: ModelRanges | None, whole: Bundle, inputs: int, outputs: int, sharp: Sharpening | None = None
    ) -> None:
        self.model, self.whole, self.inputs, self.outputs, self.sharp = model, whole, inputs, outputs, sharp
        self.x = whole.parts()
        self.asked: list[Range] = []

    def number(self, value: float) -> Bundle:
        return constant(self.whole, value)

    def f(self, arguments: Sequence[Bundle]) -> list[Bundle]:
        joined = beside(arguments)
        self.asked.append(joined.v)
        return self._columns(joined)

    def _columns(self, x: Bundle, sharp: Sharpening | None = None) -> list[Bundle]:
        if self.model is None:
            size = np.full((len(x.sound), self.outputs), np.inf)
            found = Bundle((), Range(-size, size), None, None, x.sound)
        else:
            found = self.model.run(x, sharp)
        return [found.part(j) for j in range(self.outputs)]

    @cached_property
    def _here(self) -> list[Bundle]:
        alone = self.inputs == self.whole.v.lo.shape[1]
        return self._columns(self.whole if alone else beside(self.x[: self.inputs]), self.sharp)

    def partial(self, output: int, along: tuple[int, ...]) -> Bundle:
        found = self._here[output]
        if not along or self.model is None:
            return found
        return found.slope(along[0]) if len(along) == 1 else found.bend(along[0], along[1])


def reach_of(claim: BoxClaim, inputs: int, outputs: int) -> Range:
    """All inputs at which a claim asks the model, `(I,)`."""
    view = BoxView(None, variables(claim.lo[None], claim.hi[None], 0, ()), inputs, outputs)
    for function in (claim.function, *(side for pair in claim.conditions for side in pair)):
        function(view)
    asked = [Range(claim.lo[:inputs], claim.hi[:inputs]), *(each[0] for each in view.asked)]
    return Range(np.min([r.lo for r in asked], 0), np.max([r.hi for r in asked], 0))


class BoxCheck:
    """A claim of a model, over any boxes within its own."""

    def __init__(self, claim: BoxClaim, model: ModelRanges) -> None:
        self.claim, self.model = claim, model
        n = len(claim.lo)
        self.finite = bool(np.isfinite(claim.lo).all() and np.isfinite(claim.hi).all())
        pairs: set[tuple[int, int]] = set()
        for along in claim.along:
            if len(along) == 2:
                pairs.add((min(along), max(along)))
            elif len(along) == 1:
                pairs |= {(min(along[0], i), max(along[0], i)) for i in range(n)}
        self.pairs = tuple(sorted(pairs))
        self.gain, self.asked = 1.0, 0
        self.signs: list[tuple[int, ...]] = [(1,), (-1,), (1, -1)]
        self.width = np.where(claim.hi > claim.lo, claim.hi - claim.lo, 1.0)

    def values(self, lo: Floats, hi: Floats, order: int, sharp: Sharpening | None = None) -> tuple[Bundle, Mask]:
        """The function over boxes with derivatives up to an order, and a mask of the boxes on which nothing is claimed."""
        order = min(self.claim.order + order, 2)
        reading = self.model.reading
        with np.errstate(invalid="ignore", over="ignore", divide="ignore", under="ignore"):
            whole = variables(lo, hi, order, self.pairs if order == 2 else ())
            view = BoxView(self.model, whole, len(reading.inputs), len(reading.outputs), sharp)
            found = self.claim.function(view)
            outside = np.zeros(len(lo), dtype=bool)
            for low, high in self.claim.conditions:
                a, b = low(view), high(view)
                outside |= (a.v.lo > b.v.hi)[:, 0] & a.sound & b.sound
        return found, outside

    def holds(self, lo: Floats, hi: Floats, bound: float) -> tuple[Mask, Floats | None]:
        """A mask of the boxes on which the function is at least a bound, and the sizes of its slopes."""
        slopes = self.finite and self.claim.order < 2
        found, outside = self.values(lo, hi, int(slopes))
        good = outside | (found.sound & (found.v.lo[:, 0] >= bound))
        if not slopes or found.d is None:
            return good, None
        d = found.d[..., 0]
        size = d.size
        rows = np.flatnonzero(~good & found.sound)
        if len(rows):
            good[rows] |= self._by_slopes(lo[rows], hi[rows], d[rows], bound)
            rows = rows[~good[rows]]
        slopes_of = {along[0] for along in self.claim.along if along}
        self.asked += 1
        if len(rows) and len(slopes_of) < 2 and (self.gain >= _WORTHWHILE or self.asked % _PATIENCE == 0):
            held = [self.values(lo[rows], hi[rows], 0, (min(slopes_of, default=-1), signs))[0].v.lo[:, 0] >= bound
                    for signs in self.signs]  # fmt: skip
            # Most claims depend on one side of an output: the first that confirms all that both do.
            if held[-1].any():
                self.signs = [self.signs[next(n for n, each in enumerate(held) if (each >= held[-1]).all())]]
            good[rows], self.gain = held[-1], float(held[-1].mean())
        return good, size

    def _by_slopes(self, lo: Floats, hi: Floats, d: Range, bound: float) -> Mask:
        """The mean value theorem about the best point: an end where a slope has a sign."""
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            between = (d.hi * lo - d.lo * hi) / (d.hi - d.lo)
            between = np.clip(np.where(np.isfinite(between), between, lo / 2 + hi / 2), lo, hi)
            centre = np.where(d.lo >= 0, lo, np.where(d.hi <= 0, hi, between))
            away = Range(np.minimum(lo - centre, 0) * (1 + 1e-15), np.maximum(hi - centre, 0) * (1 + 1e-15))
        there, outside = self.values(centre, centre, 0)
        if not self.claim.conditions and bool((there.sound & (there.v.hi[:, 0] < bound)).any()):
            raise Unreadable(f"the function at a point is below the bound {bound:.6g}")
        change = d * away
        total = there.v[:, 0]
        for i in range(lo.shape[1]):
            total = total + change[:, i]
        return (total.lo >= bound) & there.sound & ~outside

    def signed(self, lo: Floats, hi: Floats, signs: np.ndarray) -> tuple[Mask, Floats | None]:
        """A mask of the boxes on which slopes have the stated signs, and their sizes."""
        found, _ = self.values(lo, hi, 1)
        if found.d is None or self.claim.order == 2:
            return np.zeros(len(lo), dtype=bool), None
        d = found.d[..., 0]
        wrong = ((signs > 0) & ~(d.lo >= 0)) | ((signs < 0) & ~(d.hi <= 0))
        return found.sound & ~wrong.any(1), d.size

    def everywhere(self, boxes: Division, bound: float) -> str:
        """Why a bound is not confirmed by a division; empty if it is."""
        if len(boxes.signs) and self.claim.conditions:
            return "only a face of a box is looked at, although the claim is made on a part of it"
        if not self._all(lambda a, b, _: self.holds(a, b, bound), boxes.lo, boxes.hi, np.empty((len(boxes.lo), 0))):
            return f"the bound {bound:.6g} could not be confirmed on one of its boxes"
        if len(boxes.signs) and not self._all(self.signed, boxes.face_lo, boxes.face_hi, boxes.signs):
            return "a slope does not have the sign that its boxes state"
        return ""

    def _all(self, good: Callable[..., tuple[Mask, Any]], lo: Floats, hi: Floats, rest: np.ndarray) -> bool:
        """Whether a property holds on all boxes; where it is not confirmed, on their halves."""
        looked, most = 0, _MOST_BOXES + _BOXES_PER_BOX * len(lo)
        for _ in range(_MOST_HALVINGS):
            open_, weights = [], []
            for first in range(0, len(lo), _BATCH):
                part = slice(first, first + _BATCH)
                held, size = good(lo[part], hi[part], rest[part])
                rows = np.flatnonzero(~held)
                open_.append(first + rows)
                weights.append(np.ones((len(rows), lo.shape[1])) if size is None else size[rows])
            looked += len(lo)
            rows, weight = np.concatenate(open_), np.concatenate(weights)
            if not len(rows):
                return True
            lo, hi, rest = lo[rows], hi[rows], rest[rows]
            if looked > most or not self.finite:
                return False
            relative = (hi - lo) / self.width
            effect = (hi - lo) * np.where(np.isfinite(weight), weight, 1e30)
            effect = np.where(effect.max(1, keepdims=True) > 0, effect, relative)
            axis, every = np.where(relative > 1e-15, effect, -1.0).argmax(1), np.arange(len(lo))
            middle = lo[every, axis] / 2 + hi[every, axis] / 2
            left, right = hi.copy(), lo.copy()
            left[every, axis] = right[every, axis] = middle
            lo, hi, rest = np.concatenate([lo, right]), np.concatenate([left, hi]), np.concatenate([rest, rest])
        return False

    def integral(self, boxes: Division) -> Range:
        """The integral over the boxes: the midpoint rule, its error bounded by second derivatives."""
        n = len(self.claim.lo)
        self.pairs = tuple((a, b) for a in range(n) for b in range(a, n))
        total = Range(np.zeros(1), np.zeros(1))
        for first in range(0, len(boxes.lo), _BATCH):
            part = self._midpoint(boxes.lo[first : first + _BATCH], boxes.hi[first : first + _BATCH])
            low, high = float(part.lo.sum()), float(part.hi.sum())
            rounding = 1e-12 * float(np.abs(part.lo).sum() + np.abs(part.hi).sum())
            total = total + Range(np.array([low - rounding]), np.array([high + rounding]))
        return total

    def _midpoint(self, lo: Floats, hi: Floats) -> Range:
        found, _ = self.values(lo, hi, 2)
        middle = lo / 2 + hi / 2
        slack = 4e-16 * np.maximum(np.abs(lo), np.abs(hi)) * (hi > lo)
        at, _ = self.values(np.maximum(middle - slack, lo), np.minimum(middle + slack, hi), 0)
        total, width = at.v[:, 0], exact(hi) - exact(lo)
        size = exact(np.ones(len(lo)))
        for a in range(lo.shape[1]):
            size = size * width[:, a]
        assert found.h is not None
        for p, (a, b) in enumerate(self.pairs):
            area, bend = width[:, a] * width[:, b], found.h[:, p, 0]
            if a == b:
                total = total + bend * area * exact(24.0).inverse()
            else:
                off = (exact(bend.hi) - exact(bend.lo)) * area * exact(1 / 32)
                total = total + Range(-off.hi, off.hi)
        lower, upper = np.maximum(total.lo, found.v.lo[:, 0]), np.minimum(total.hi, found.v.hi[:, 0])
        lower, upper = np.where(found.sound, lower, -np.inf), np.where(found.sound, upper, np.inf)
        return Range(lower, np.maximum(lower, upper)) * size
