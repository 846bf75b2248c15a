"""Branch and bound: whether a function is nowhere below a level on a box.

Boxes are processed in batches. The lower bound on each is the better of its interval and the mean-value form
`f(c) + Σ J_i (x_i - c_i)` at the optimal centre (Baumann 1988): an end if J_i has a sign, else `(J⁺ l - J⁻ u)/(J⁺ - J⁻)`. If J_i
has a sign, the minimum lies on a face, and only that face is divided further. The input with the largest width times `|J|` is
bisected.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from splinework.formula.intervals import Floats, Interval, down, gamma
from splinework.knowledge.axioms.verify.cells import MAX_ORDER
from splinework.knowledge.axioms.verify.claim import Bounds, Claim, enclose
from splinework.knowledge.axioms.verify.duals import COST
from splinework.knowledge.axioms.verify.network import Enclosure
from splinework.knowledge.axioms.verify.tree import Tree, halves
from splinework.knowledge.axioms.verify.work import WorkBudget

_BATCH_SIZES: Final = (8, 64, 256)
_MIN_RELATIVE_WIDTH: Final = 1e-13
_MIN_RELATIVE_SLOPE: Final = 1e-6
_ROOM: Final = 0.01
"""What a bound or a slope must exceed its level by, relative to the width of its enclosure: the checker's are a little wider."""
_WORTHWHILE, _PATIENCE = 1 / 16, 8
"""The share of open boxes that multipliers should close, and the rounds after which they are tried again all the same."""
_SINGULAR_WIDTH: Final = 1e-6
"""The relative width at which a box on which the function may have no value ends the search: division cannot help."""


@dataclass(frozen=True)
class BranchAndBoundResult:
    """The result of a search.

    Attributes:
        lower: The function is at least this on the whole box.
        upper: The smallest value found.
        point: The point of that value, `(n,)`.
        proved: Whether it is proved to be at least the target everywhere.
        tree: How the box was divided.
        boxes: Number of boxes processed.
        open: The worst remaining boxes, `(m, n)` lower and upper ends.
        singular: Corners of a small box `(2, n)` on which the function may have no value, which ends the search; else None.
    """

    lower: float
    upper: float
    point: Floats
    proved: bool
    tree: Tree
    boxes: int
    open: tuple[Floats, Floats]
    singular: Floats | None = None


@dataclass(frozen=True)
class BoxBounds:
    """Lower bounds over boxes.

    Attributes:
        lower: The bounds, `(B,)`.
        gradient: Enclosures of the gradient `(B, n)`, or None.
        points: A point of every box, `(B, n)`.
        values: Upper bounds of the function there, `(B,)`.
        undefined: A mask of boxes on which the function may have no value.
        room: The distance by which bounds must exceed a level, for the checker to confirm them, `(B,)`.
    """

    lower: Floats
    gradient: Interval | None
    points: Floats
    values: Floats
    undefined: np.ndarray
    room: Floats


def bound_below(claim: Claim, enclosure: Enclosure, lo: Floats, hi: Floats) -> BoxBounds:
    """Lower bounds of the function over boxes `(B, n)`."""
    first = enclose(claim, enclosure, lo, hi, gradient=True)
    lower = np.where(np.isnan(first.value.lo), -np.inf, first.value.lo)
    centre, change = (lo / 2 + hi / 2, None) if first.gradient is None else mean_value(first, lo, hi)
    there = enclose(claim, enclosure, centre, centre, gradient=False)
    value = np.where(there.inside, there.value.hi, np.inf)
    with np.errstate(invalid="ignore"):
        room = _ROOM * (first.value.hi - lower)
        if change is not None:
            form = down(there.value.lo + change)
            form = np.where(np.isnan(form) | first.undefined, -np.inf, form)
            room = np.where(form > lower, _ROOM * (value - form), room)
            lower = np.maximum(lower, form)
    lower = np.where(first.outside, np.inf, lower)
    return BoxBounds(lower, first.gradient, centre, value, first.undefined & ~first.outside, room)


def mean_value(bounds: Bounds, lo: Floats, hi: Floats) -> tuple[Floats, Floats]:
    """The optimal centres `(B, n)`, and a lower bound of `Σ J_i (x_i - c_i)` over each box, `(B,)`."""
    assert bounds.gradient is not None
    low, high = bounds.gradient
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        mixed = (high * lo - low * hi) / (high - low)
        mixed = np.where(np.isfinite(mixed), np.clip(mixed, lo, hi), lo / 2 + hi / 2)
        centre = np.where(low >= 0, lo, np.where(high <= 0, hi, mixed))
        left, right = np.minimum(lo - centre, 0), np.maximum(hi - centre, 0)
        parts = np.minimum(np.where(right == 0, 0.0, low * right), np.where(left == 0, 0.0, high * left))
        parts = np.minimum(parts, 0.0)
        change = parts.sum(1) * (1 + gamma(4 * lo.shape[1] + 16)) - 1e-300
    return centre, np.where(np.isnan(change), -np.inf, change)


def search(
    claim: Claim, enclosure: Enclosure, *, target: float, work: WorkBudget, gap: float = 0.0, most: int = 4_000_000
) -> BranchAndBoundResult:
    """Searches for a proof that the function is at least `target`, or for a point where it is less.

    Args:
        claim: The function and its box.
        enclosure: The model.
        target: The level.
        work: The work that may be done, from which what is done is taken.
        gap: The search also stops when the bounds of the minimum differ by at most this.
        most: The maximum number of boxes.
    """
    state = _OpenBoxes(claim, enclosure, target, gap)
    while state.count and state.undecided() and state.singular is None and work.left and state.boxes < most:
        before, sharp = state.boxes, state.sharp
        state.step()
        work.spend(enclosure, state.boxes - before, min(claim.order + 1, MAX_ORDER))
        work.spend(enclosure, COST * (state.sharp - sharp), claim.order)
    return state.outcome()


class _OpenBoxes:
    """Boxes that are open, worst first."""

    def __init__(self, claim: Claim, enclosure: Enclosure, target: float, gap: float) -> None:
        self.claim, self.enclosure, self.target, self.gap = claim, enclosure, target, gap
        self.tree = Tree(claim.lo, claim.hi)
        self.lo, self.hi = claim.lo[None].copy(), claim.hi[None].copy()
        self.bound = np.array([-np.inf])
        self.node = np.array([0])
        self.root_width = np.where(claim.hi > claim.lo, claim.hi - claim.lo, 1.0)
        self.upper, self.point = np.inf, claim.lo / 2 + claim.hi / 2
        self.closed = np.inf
        self.boxes = 0
        self.rounds = 0
        slopes = {along[0] for along in claim.derivatives if along}
        self.sides: tuple[int, ...] = (
            (1, -1) if claim.order < 2 and len(slopes) < 2 and len(enclosure.chain) > 1 else ()
        )
        self.gain, self.sharp = 1.0, 0
        self.singular: Floats | None = None

    @property
    def count(self) -> int:
        return len(self.bound)

    def undecided(self) -> bool:
        if self.upper < self.target:
            return False
        lower = min(float(self.bound.min(initial=np.inf)), self.closed)
        return not (self.gap > 0 and self.upper - lower <= self.gap)

    def step(self) -> None:
        """Bounds the worst boxes and divides those that are still open."""
        size = min(_BATCH_SIZES[min(self.rounds, len(_BATCH_SIZES) - 1)], self.count)
        self.rounds += 1
        worst = np.argpartition(self.bound, size - 1)[:size] if size < self.count else np.arange(self.count)
        lo, hi, node, before = self.lo[worst], self.hi[worst], self.node[worst], self.bound[worst]
        kept = np.ones(self.count, dtype=bool)
        kept[worst] = False
        found = bound_below(self.claim, self.enclosure, lo, hi)
        gradient = found.gradient
        self.boxes += size
        self._note(found.points, found.values)
        small = found.undefined & ((hi - lo) <= _SINGULAR_WIDTH * self.root_width).all(1)
        if small.any():
            self.singular = np.stack([lo[small][0], hi[small][0]])
        lower = np.maximum(self._with_multipliers(found, lo, hi), before)
        with np.errstate(invalid="ignore"):
            room = np.where(lower > found.lower, _ROOM * (found.values - lower), found.room)
        done = lower >= self._level() + np.where(np.isfinite(room), room, 0.0)
        self.closed = min(self.closed, float(lower[done].min(initial=np.inf)))
        lo, hi, node, lower = lo[~done], hi[~done], node[~done], lower[~done]
        weight = np.ones_like(lo)
        if gradient is not None:
            slope = Interval(gradient.lo[~done], gradient.hi[~done])
            if not self.claim.conditions:  # the minimum may lie where nothing is claimed
                lo, hi = self._to_faces(node, lo, hi, slope)
            weight = slope.magnitude
            weight = np.where(np.isfinite(weight), weight, np.where(np.isinf(weight), 1e30, 1.0))
        effect = (hi - lo) * weight
        relative = (hi - lo) / self.root_width
        effect = np.where(effect.max(1, keepdims=True) > 0, effect, relative)
        effect = np.where(relative > _MIN_RELATIVE_WIDTH, effect, -1.0)
        axis = effect.argmax(1)
        stuck = effect.max(1, initial=-1.0) <= 0
        lower, children = self._divide(node, lo, hi, lower, axis, stuck)
        self.lo = np.concatenate([self.lo[kept], children[0]])
        self.hi = np.concatenate([self.hi[kept], children[1]])
        self.node = np.concatenate([self.node[kept], children[2]])
        self.bound = np.concatenate([self.bound[kept], lower])

    def _with_multipliers(self, found: BoxBounds, lo: Floats, hi: Floats) -> Floats:
        """Lower bounds, better ones where boxes are open; not in every round if they have closed few boxes."""
        lower, level = found.lower.copy(), self._level()
        rows = np.flatnonzero((lower < level) & ~found.undefined)
        if not (self.sides and len(rows)) or (self.gain < _WORTHWHILE and self.rounds % _PATIENCE):
            return lower

        def bound(sides: tuple[int, ...]) -> Floats:
            self.sharp += len(rows) * len(sides) * self.enclosure.chain[-1][1].numbers.weight.shape[1]
            return enclose(self.claim, self.enclosure, lo[rows], hi[rows], gradient=False, sides=sides).value.lo

        better = bound(self.sides)
        if len(self.sides) == 2:  # most claims depend on one side of one output
            alone = next((one for one in ((1,), (-1,)) if (bound(one) >= better).all()), None)
            self.sides = self.sides if alone is None else alone
        lower[rows] = np.fmax(lower[rows], better)
        self.gain = float((lower[rows] >= level).mean())
        return lower

    def _level(self) -> float:
        """The bound at which a box is closed: the target, or within `gap` of the smallest value found."""
        return max(self.target, self.upper - self.gap) if self.gap > 0 else self.target

    def _note(self, centre: Floats, value: Floats) -> None:
        value = np.where(np.isnan(value), np.inf, value)
        best = int(value.argmin())
        if value[best] < self.upper:
            self.upper, self.point = float(value[best]), centre[best].copy()

    def _to_faces(self, node: np.ndarray, lo: Floats, hi: Floats, slope: Interval) -> tuple[Floats, Floats]:
        """Boxes reduced to the faces on which the function is smallest; the tree records the reason."""
        # The sign must be clear enough for the checker, whose arithmetic differs, and not come from a kink.
        clear = (hi > lo) & np.isfinite(slope.lo) & np.isfinite(slope.hi)
        with np.errstate(invalid="ignore"):
            least = _ROOM * (slope.hi - slope.lo) + (_MIN_RELATIVE_SLOPE * slope.magnitude if self.claim.order else 0.0)
        exact = clear & (self.claim.order == 0)  # by the signs of coefficients
        at_low = clear & (slope.lo >= least) | (exact & (slope.lo == 0))
        at_high = clear & (slope.hi <= -least) | (exact & (slope.hi == 0))
        at_high &= ~at_low
        self.tree.face(node, at_low, at_high)
        return np.where(at_high, hi, lo), np.where(at_low, lo, hi)

    def _divide(
        self, node: np.ndarray, lo: Floats, hi: Floats, lower: Floats, axis: np.ndarray, stuck: np.ndarray
    ) -> tuple[Floats, tuple[Floats, Floats, np.ndarray]]:
        """Halves of the boxes; a box that is too narrow to divide stays open."""
        if stuck.any():
            self.closed = min(self.closed, float(lower[stuck].min()))
            self.tree.give_up()
        lo, hi, node, lower, axis = lo[~stuck], hi[~stuck], node[~stuck], lower[~stuck], axis[~stuck]
        children = self.tree.split(node, axis)
        return np.concatenate([lower, lower]), (*halves(lo, hi, axis), np.concatenate([children, children + 1]))

    def outcome(self) -> BranchAndBoundResult:
        """The result so far."""
        lower = min(float(self.bound.min(initial=np.inf)), self.closed)
        worst = np.argsort(self.bound)[:64]
        return BranchAndBoundResult(
            lower=lower,
            upper=self.upper,
            point=self.point,
            proved=not self.count and lower >= self.target and self.tree.whole,
            tree=self.tree,
            boxes=self.boxes,
            open=(self.lo[worst], self.hi[worst]),
            singular=self.singular,
        )
