"""Tests of structure by the derivatives of a function, which vanish in a combination where the structure holds.

`f_ij = 0` for a sum; `(f - c) f_ij = f_i f_j` for a product plus c; `f_i/f_j` does not depend on what is outside of a module, and
is a product over the parts of a sum inside a function; `ξ·∇f = 0` along the direction ξ in which an expression is constant (Liu
et al. 2024b, arXiv 2408.10205, §4; Udrescu et al. 2020, AI Feynman 2.0). All effects are free of units.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch

from splinework.interpret.structure.fields import Array, Field
from splinework.interpret.structure.findings import Evidence, FindingKind
from splinework.interpret.structure.tree import INVARIANCES, Group, StructureTests

CLIP: Final = 0.95
"""Quantile at which violations are cut, so that a singular point does not outweigh all others."""
MIN_SHARED_RANGE: Final = 0.5
"""Share of the rows that must stay inside the ranges when inputs are exchanged or mirrored."""


@dataclass
class DerivativeTests(StructureTests):
    """Tests of a callable at points.

    Attributes:
        names: Names of the columns.
        field: The function with its derivatives at the points.
        tolerance: The largest effect that counts as none.
        size: Spread of the whole function that this is a part of.
    """

    names: tuple[str, ...]
    field: Field
    tolerance: float
    size: float

    def _evidence(self, left: Array, scale: float) -> Evidence:
        """The root mean square of what should vanish, relative to a scale."""
        absolute = np.abs(left[np.isfinite(left)])
        if not len(absolute) or scale == 0:
            return Evidence(0.0, 0.0, None, True)
        squares = np.minimum(absolute, np.quantile(absolute, CLIP)) ** 2 / scale**2
        effect = float(np.sqrt(squares.mean()))
        error = float(squares.std()) / np.sqrt(len(squares)) / (2 * effect) if effect > 0 else 0.0
        return Evidence(effect, float(error), None, effect <= self.tolerance)

    def _rms(self, values: Array) -> float:
        """The root mean square without the largest values."""
        absolute = np.abs(values[np.isfinite(values)])
        if not len(absolute):
            return 0.0
        return float(np.sqrt(np.mean(np.minimum(absolute, np.quantile(absolute, CLIP)) ** 2)))

    def idle(self, i: int) -> Evidence:
        return self._evidence(self.field.gradient[:, i] * self.field.spread[i], self.size)

    def additive(self, i: int, j: int) -> Evidence:
        s = self.field.spread
        return self._evidence(self.field.hessian[:, i, j] * s[i] * s[j], self.size)

    def product(self, left: Group, right: Group) -> Evidence:
        f, g, h, s = self.field.f, self.field.gradient, self.field.hessian, self.field.spread
        pairs = [(i, j) for i in left for j in right]
        mixed = np.stack([h[:, i, j] * s[i] * s[j] for i, j in pairs], 1)
        slopes = np.stack([g[:, i] * s[i] * g[:, j] * s[j] for i, j in pairs], 1)
        usable = np.isfinite(mixed).all(1) & np.isfinite(slopes).all(1) & np.isfinite(f)
        mixed, slopes, f = mixed[usable], slopes[usable], f[usable, None]
        level = float(np.sum(mixed * (f * mixed - slopes)) / max(float(np.sum(mixed**2)), 1e-300))
        against = (f - level) * mixed
        return self._evidence((against - slopes).ravel(), max(self._rms(against), self._rms(slopes)))

    def modules(self, groups: Sequence[Group]) -> list[Evidence]:
        return [self._module(group) for group in groups]

    def _module(self, group: Group) -> Evidence:
        g, h, s = self.field.gradient, self.field.hessian, self.field.spread
        outside = [k for k in range(len(self.names)) if k not in group]
        worst = Evidence(0.0, 0.0, None, True)
        for a, i in enumerate(group):
            for j in group[a + 1 :]:
                scale = self._rms(g[:, i]) * self._rms(g[:, j])
                for k in outside:
                    left = (h[:, i, k] * g[:, j] - h[:, j, k] * g[:, i]) * s[k]
                    worst = max(worst, self._evidence(left, scale), key=lambda e: e.effect)
        return worst

    def composite(self, parts: Sequence[Group]) -> Evidence:
        worst = Evidence(0.0, 0.0, None, True)
        for one, left in enumerate(parts):
            for right in parts[one + 1 :]:
                for i in left:
                    for j in right:
                        for a in left:
                            for b in right:
                                worst = max(worst, self._ratio(i, j, a, b), key=lambda e: e.effect)
        return worst

    def _ratio(self, i: int, j: int, a: int, b: int) -> Evidence:
        """`∂_a ∂_b ln(f_i/f_j) = 0`, times the squares of both slopes."""
        g, h, t, s = self.field.gradient, self.field.hessian, self.field.third, self.field.spread
        upper = t[:, i, a, b] * g[:, i] - h[:, i, a] * h[:, i, b]
        lower = t[:, j, a, b] * g[:, j] - h[:, j, a] * h[:, j, b]
        left = (upper * g[:, j] ** 2 - lower * g[:, i] ** 2) * s[a] * s[b]
        return self._evidence(left, self._rms(g[:, i]) ** 2 * self._rms(g[:, j]) ** 2)

    def invariance(self, text: str, i: int, j: int) -> Evidence | None:
        a, b = self.field.x[:, i], self.field.x[:, j]
        if "/" in text and np.abs(b).min() <= 1e-2 * np.abs(b).max():
            return None
        one, two = (torch.from_numpy(c.copy()).requires_grad_(True) for c in (a, b))
        by_a, by_b = torch.autograd.grad(INVARIANCES[text](one, two).sum(), (one, two))
        along = by_b.numpy() * self.field.gradient[:, i], by_a.numpy() * self.field.gradient[:, j]
        return self._evidence(along[0] - along[1], max(self._rms(along[0]), self._rms(along[1])))

    def exchange(self, i: int, j: int) -> Evidence | None:
        swapped = self.field.x.copy()
        swapped[:, [i, j]] = swapped[:, [j, i]]
        return self._mirrored(swapped, [i, j], 1.0)

    def parity(self, i: int, odd: bool) -> Evidence | None:
        mirrored = self.field.x.copy()
        mirrored[:, i] *= -1
        return self._mirrored(mirrored, [i], -1.0 if odd else 1.0)

    def _mirrored(self, moved: Array, columns: Sequence[int], sign: float) -> Evidence | None:
        """`f(moved) = ±f(x)`, where the moved rows are inside the ranges."""
        x = self.field.x
        low, high = x.min(0), x.max(0)
        inside = ((moved >= low) & (moved <= high)).all(1)
        if inside.mean() < MIN_SHARED_RANGE:
            return None
        moving = self._rms(np.linalg.norm(self.field.gradient[:, columns] * self.field.spread[columns], axis=1))
        return self._evidence(self.field.value(moved[inside]) - sign * self.field.f[inside], min(moving, self.size))

    def without(self, idle: Iterable[int]) -> StructureTests:
        gone = set(idle)
        return self._restricted([i for i in range(len(self.names)) if i not in gone], self._centre())

    def part(self, kind: FindingKind, parts: Sequence[Group], k: int) -> StructureTests:
        """The function of the part's own columns, the others where its effect is largest (of a product), or in the middle."""
        others = [i for i in range(len(self.names)) if i not in parts[k]]
        at = self._centre()
        if kind == "product":
            steep = np.linalg.norm((self.field.gradient * self.field.spread)[:, list(parts[k])], axis=1)
            order = np.argsort(np.where(np.isfinite(steep), steep, -1.0))
            at = np.where(np.isin(np.arange(len(at)), others), self.field.x[order[int(0.8 * len(order))]], at)
        part = self._restricted(list(parts[k]), at)
        return replace(part, size=float(np.nanstd(part.field.f))) if kind == "product" else part

    def _centre(self) -> Array:
        """The row nearest to the median."""
        away = (self.field.x - np.median(self.field.x, axis=0)) / np.maximum(self.field.spread, 1e-300)
        return np.asarray(self.field.x[int(np.argmin(np.linalg.norm(away, axis=1)))])

    def _restricted(self, columns: list[int], at: Array) -> DerivativeTests:
        field = self.field.restricted(columns, at)
        return DerivativeTests(tuple(self.names[i] for i in columns), field, self.tolerance, self.size)
