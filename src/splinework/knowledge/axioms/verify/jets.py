"""Values, gradients and second derivatives of functions of n variables, as intervals over many boxes at once.

`Jet` is an array of W functions; its operations are the rules of calculus, its numbers intervals with outward rounding. `ALGEBRA`
makes formulas of jets.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np

from splinework.formula.elementary import Jet3, of_order, power
from splinework.formula.enclosures import ELEMENTARY, LOGIC, IntervalCondition, chosen, compared
from splinework.formula.functions import COMPARISONS, FUNCTIONS
from splinework.formula.intervals import (
    Floats,
    Interval,
    add,
    everything,
    exactly,
    multiply,
    negative,
    squared,
    stack,
    zeros,
)
from splinework.formula.program import Algebra
from splinework.knowledge.axioms.verify.domains import Mask, either, undefined

Pair = tuple[int, int]


@dataclass(frozen=True)
class JetSpace:
    """The derivatives that are computed.

    Attributes:
        variables: Number of variables, n.
        order: The highest order of derivatives: 0, 1 or 2.
        pairs: The second derivatives computed, each `(a, b)` with a <= b.
    """

    variables: int
    order: int = 0
    pairs: tuple[Pair, ...] = ()


@dataclass(frozen=True)
class Jet:
    """W functions over B boxes.

    Attributes:
        space: The derivatives that are computed.
        v: Values, `(B, W)`; B may be 1 for constants.
        d: First derivatives `(B, n, W)`; None where they are zero. Of a diagonal jet, where function w depends on variable w
            only, `(B, W)`.
        h: Second derivatives `(B, P, W)`, by the pairs of the space; None if they are zero. Of a diagonal jet `(B, W)`.
        diagonal: Whether function w depends on variable w only.
        undefined: A mask `(B,)` of the boxes on which one of the functions may have no value; None where all have one.
    """

    space: JetSpace
    v: Interval
    d: Interval | None = None
    h: Interval | None = None
    diagonal: bool = False
    undefined: Mask | None = None

    def dense(self) -> "Jet":
        """The same jet with derivatives by every variable."""
        if not self.diagonal:
            return self
        n, width = self.space.variables, self.v.shape[1]
        d = h = None
        if self.d is not None:
            d = zeros(self.d.shape[0], n, width)
            every = np.arange(width)
            d.lo[:, every, every], d.hi[:, every, every] = self.d
        if self.h is not None:
            h = zeros(self.h.shape[0], len(self.space.pairs), width)
            for p, (a, b) in enumerate(self.space.pairs):
                if a == b < width:
                    h.lo[:, p, a], h.hi[:, p, a] = self.h.lo[:, a], self.h.hi[:, a]
        return replace(self, d=d, h=h, diagonal=False)

    def column(self, w: int) -> "Jet":
        """One of the functions, with W = 1."""
        full = self.dense()
        part = (Ellipsis, slice(w, w + 1))
        d = None if full.d is None else full.d.take(*part)
        h = None if full.h is None else full.h.take(*part)
        return Jet(self.space, full.v.take(*part), d, h, undefined=full.undefined)

    def columns(self) -> list["Jet"]:
        """The functions one by one."""
        full = self.dense()
        return [full.column(w) for w in range(self.v.shape[1])]

    def slope(self, a: int) -> "Jet":
        """The derivative by variable a, with a gradient if the space has the pairs for it."""
        full, n = self.dense(), self.space.variables
        pairs = [(min(a, i), max(a, i)) for i in range(n)]
        shape = full.v.shape
        value = zeros(*shape) if full.d is None else full.d.take(slice(None), a)
        known = self.space.order == 2 and all(pair in self.space.pairs for pair in pairs)
        lower = replace(self.space, order=1 if known else 0)
        if not known or full.h is None:
            return Jet(lower, value, undefined=full.undefined)
        rows = [self.space.pairs.index(pair) for pair in pairs]
        return Jet(lower, value, full.h.take(slice(None), rows), undefined=full.undefined)

    def bend(self, a: int, b: int) -> "Jet":
        """The second derivative by a and b."""
        full = self.dense()
        lower = replace(self.space, order=0)
        if full.h is None:
            return Jet(lower, zeros(*full.v.shape), undefined=full.undefined)
        value = full.h.take(slice(None), self.space.pairs.index((min(a, b), max(a, b))))
        return Jet(lower, value, undefined=full.undefined)


def joined(parts: list[Jet]) -> Jet:
    """Functions side by side."""
    space = replace(parts[0].space, order=min(part.space.order for part in parts))
    parts = [part.dense() for part in parts]
    batch = max(part.v.shape[0] for part in parts)

    def together(intervals: list[Interval | None], middle: tuple[int, ...]) -> Interval | None:
        if all(interval is None for interval in intervals):
            return None
        full = []
        for interval, part in zip(intervals, parts, strict=True):
            shape = (batch, *middle, part.v.shape[1])
            held = zeros(*shape) if interval is None else interval
            full.append((np.broadcast_to(held.lo, shape), np.broadcast_to(held.hi, shape)))
        return Interval(np.concatenate([lo for lo, _ in full], -1), np.concatenate([hi for _, hi in full], -1))

    v = together([part.v for part in parts], ())
    assert v is not None
    d = together([part.d for part in parts], (space.variables,)) if space.order >= 1 else None
    h = together([part.h for part in parts], (len(space.pairs),)) if space.order >= 2 else None
    return Jet(space, v, d, h, undefined=either(*(part.undefined for part in parts)))


def variables(space: JetSpace, lo: Floats, hi: Floats) -> Jet:
    """The variables themselves over boxes `(B, n)`, diagonal."""
    ones = exactly(np.ones(lo.shape)) if space.order >= 1 else None
    return Jet(space, Interval(lo, hi), ones, None, diagonal=True)


def constant(space: JetSpace, value: Floats | float) -> Jet:
    """Constants `(W,)`, or a single one."""
    array = np.atleast_1d(np.asarray(value, dtype=np.float64))[None]
    return Jet(space, exactly(array))


def _plus(a: Interval | None, b: Interval | None) -> Interval | None:
    if a is None or b is None:
        return b if a is None else a
    return add(a, b)


def _space(a: Jet, b: Jet) -> JetSpace:
    return a.space if a.space.order <= b.space.order else b.space


def jet_add(a: Jet, b: Jet) -> Jet:
    """`a + b`."""
    space, v, nowhere = _space(a, b), add(a.v, b.v), either(a.undefined, b.undefined)
    if a.diagonal and b.d is None:
        return Jet(space, v, a.d, a.h, True, nowhere)
    a, b = a.dense(), b.dense()
    d = _plus(a.d, b.d) if space.order >= 1 else None
    return Jet(space, v, d, _plus(a.h, b.h) if space.order >= 2 else None, undefined=nowhere)


def jet_negative(a: Jet) -> Jet:
    """`-a`."""
    d = None if a.d is None else negative(a.d)
    return Jet(a.space, negative(a.v), d, None if a.h is None else negative(a.h), a.diagonal, a.undefined)


def jet_scaled(a: Jet, factor: Interval) -> Jet:
    """`a` times numbers `(W,)` enclosed by intervals."""
    d, h = (None if part is None else multiply(part, factor) for part in (a.d, a.h))
    return Jet(a.space, multiply(a.v, factor), d, h, a.diagonal, a.undefined)


def products(d: Interval, pairs: tuple[Pair, ...]) -> Interval:
    """`d_a d_b` for all pairs, `(B, P, …)`; squares where a is b."""
    by = [d.take(slice(None), a) for a in range(d.shape[1])]
    return stack([squared(by[a]) if a == b else multiply(by[a], by[b]) for a, b in pairs], 1)


def jet_multiply(a: Jet, b: Jet) -> Jet:
    """`a b`, by the product rule."""
    if a is b:
        return apply(power(2.0), a)
    space = _space(a, b)
    a, b = a.dense(), b.dense()
    d = h = None
    rows = (slice(None), None)
    if space.order >= 1:
        d = _plus(
            None if a.d is None else multiply(a.d, b.v.take(*rows)),
            None if b.d is None else multiply(b.d, a.v.take(*rows)),
        )
    if space.order >= 2 and space.pairs:
        h = _plus(
            None if a.h is None else multiply(a.h, b.v.take(*rows)),
            None if b.h is None else multiply(b.h, a.v.take(*rows)),
        )
        if a.d is not None and b.d is not None:
            p, q = ([each.take(slice(None), i) for i in range(space.variables)] for each in (a.d, b.d))
            cross = [add(multiply(p[i], q[j]), multiply(p[j], q[i])) for i, j in space.pairs]
            h = _plus(h, stack(cross, 1))
    return Jet(space, multiply(a.v, b.v), d, h, undefined=either(a.undefined, b.undefined))


def apply(function: Callable[[Interval], Jet3], a: Jet) -> Jet:
    """A function of one variable of every function of the jet, by the chain rule."""
    value, first, second = function(a.v)
    if a.d is None or a.space.order == 0:
        return Jet(a.space, value, undefined=a.undefined)
    if a.diagonal:
        d = multiply(first, a.d)
        h = None
        if a.space.order >= 2:
            h = multiply(second, squared(a.d))
            h = h if a.h is None else add(h, multiply(first, a.h))
        return Jet(a.space, value, d, h, True, a.undefined)
    rows = (slice(None), None)
    d, h = multiply(a.d, first.take(*rows)), None
    if a.space.order >= 2 and a.space.pairs:
        h = multiply(products(a.d, a.space.pairs), second.take(*rows))
        h = h if a.h is None else add(h, multiply(a.h, first.take(*rows)))
    return Jet(a.space, value, d, h, undefined=a.undefined)


def _subtracted(a: Jet, b: Jet) -> Jet:
    return jet_add(a, jet_negative(b))


def _powered(a: Jet, b: Jet) -> Jet:
    if b.d is None and b.v.lo.size == 1 and b.v.lo.item() == b.v.hi.item():
        return apply(power(b.v.lo.item()), a)
    return apply(ELEMENTARY["exp"], jet_multiply(b, apply(ELEMENTARY["log"], a)))


def _extreme(sign: float) -> Callable[[Jet, Jet], Jet]:
    """`max` (sign 1) and `min` (sign -1): `(a + b ± |a - b|)/2`."""

    def of(a: Jet, b: Jet) -> Jet:
        spread = apply(ELEMENTARY["abs"], _subtracted(a, b))
        both = jet_add(a, b)
        found = jet_scaled(jet_add(both, jet_scaled(spread, exactly(sign))), exactly(0.5))
        choose = np.maximum if sign > 0 else np.minimum
        return replace(found, v=Interval(choose(a.v.lo, b.v.lo), choose(a.v.hi, b.v.hi)))

    return of


def _ordered(name: str) -> Callable[[int, Jet], Jet]:
    return lambda order, a: apply(partial(of_order(name), order), a)


def _selected(condition: IntervalCondition, a: Jet, b: Jet) -> Jet:
    """One of two by a condition; if that is undecided, the function may jump, and its slopes are unbounded."""
    space, (a, b) = _space(a, b), (a.dense(), b.dense())
    sides = ((a, condition.never.any(-1)), (b, condition.always.any(-1)))  # W is 1
    value = chosen(condition, a.v, b.v)
    decided = bool((condition.always | condition.never).all())
    batch, width = value.shape
    rows = IntervalCondition(condition.always[:, None], condition.never[:, None])

    def part(x: Interval | None, y: Interval | None, count: int) -> Interval | None:
        if decided and x is None and y is None:
            return None
        left, right = (zeros(batch, count, width) if z is None else z for z in (x, y))
        return chosen(rows, left, right, everything(batch, count, width))

    d = part(a.d, b.d, space.variables) if space.order >= 1 else None
    h = part(a.h, b.h, len(space.pairs)) if space.order >= 2 and space.pairs else None
    met, missed = (None if each.undefined is None else each.undefined & ~never for each, never in sides)
    return Jet(space, value, d, h, undefined=either(met, missed))


_OPERATIONS: Final[Algebra] = {
    "add": jet_add,
    "sub": _subtracted,
    "mul": jet_multiply,
    "div": lambda a, b: jet_multiply(a, apply(ELEMENTARY["reciprocal"], b)),
    "pow": _powered,
    "neg": jet_negative,
    "pos": lambda a: a,
    "min": _extreme(-1.0),
    "max": _extreme(1.0),
    "where": _selected,
    **{name: (lambda a, b, name=name: compared(name, a.v, b.v)) for name in COMPARISONS},
    **LOGIC,
    **{name: partial(apply, function) for name, function in ELEMENTARY.items()},
    **{each.name: _ordered(each.name) for each in FUNCTIONS.values() if each.order},
}


def _noted(name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
    """An operation that notes the boxes on which it may have no value."""

    def of(*arguments: Any) -> Any:
        found = operation(*arguments)
        if not isinstance(found, Jet):
            return found
        outside = undefined(name, *(each.v for each in arguments if isinstance(each, Jet)))
        return replace(found, undefined=either(found.undefined, outside))

    return of


ALGEBRA: Final[Algebra] = {name: _noted(name, operation) for name, operation in _OPERATIONS.items()}
"""Operations of formulas on jets; see `splinework.nn.frame.Expression.run`."""

__all__ = ["ALGEBRA", "Jet", "JetSpace", "Pair", "apply", "constant", "joined", "variables"]
