"""Tests of structure by rows: a smooth model that has the structure against one that need not have it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from splinework.interpret.structure.fields import Array
from splinework.interpret.structure.findings import Evidence, FindingKind
from splinework.interpret.structure.nested_models import (
    Problem,
    StructuredFit,
    evidence,
    linear_fit,
    paired,
    without_others,
)
from splinework.interpret.structure.nonlinear_models import composite_fit, product_fit
from splinework.interpret.structure.tree import INVARIANCES, Group, StructureTests
from splinework.interpret.symbolic.screening.surrogate import fit_surrogate

N_REFERENCES: Final = 3
"""Points of the other inputs at which a module's values are read off the smooth stand-in, to begin with."""
MAX_ERROR_RATIO: Final = 0.7
"""Ratio of the error of a module's model to those of all that contradict it, below which the module holds."""
MAX_MISSED: Final = 0.1
"""Share of the spread that a model may miss of what a process predicts: all but a hundredth of the variance is followed then."""
MIN_OVERLAP: Final = 0.5
"""Share of two inputs' ranges that they must have in common to be exchanged, and of a range that must mirror itself."""


@dataclass
class RowTests(StructureTests):
    """Tests of rows.

    Attributes:
        names: Names of the columns.
        level: The probability at which a structure that holds is rejected.
        tolerance: The largest effect that counts as none.
        least: The least error of all models so far, on rows left out.
    """

    names: tuple[str, ...]
    problem: Problem
    level: float
    tolerance: float
    least: float = math.inf

    @property
    def unexplained(self) -> float:
        """Share of the spread that no model explains on rows left out."""
        own = min(self.least, self.problem.unstructured.error)
        return own if own <= self.tolerance else min(own, float(np.sqrt(np.mean(self.problem.process**2))))

    @staticmethod
    def of(x: Array, y: Array, names: tuple[str, ...], level: float, tolerance: float) -> RowTests:
        """The tests of rows; columns that do not vary stay without an effect."""
        return RowTests(names, Problem.of(x, y), level, tolerance)

    def _test(self, fit: StructuredFit | None) -> Evidence:
        """The test of a model, the noise beside which must be no more than the errors of a Gaussian process.

        Polynomials may be too few to follow a function, and what they leave looks like noise to more of them.
        """
        found = evidence(self.problem, fit, self.level, self.tolerance)
        self.least = self.least if fit is None else min(self.least, fit.error)
        if not found.holds or fit is None or fit.error <= self.tolerance:
            return found
        missed = self.problem.missed(fit)
        if missed <= MAX_MISSED:
            return found
        return replace(found, effect=missed, holds=False, resolved=False)

    def _without(self, i: int) -> Array:
        return np.delete(self.problem.x, i, axis=1)

    def idle(self, i: int) -> Evidence:
        if self.problem.x.shape[1] == 1 or np.ptp(self.problem.x[:, i]) == 0:
            constant = np.zeros((len(self.problem.y), 1))
            return self._test(linear_fit(self.problem, constant, lambda p: p.sum(1) == 0))
        return self._test(linear_fit(self.problem, self._without(i)))

    def additive(self, i: int, j: int) -> Evidence:
        return self._test(linear_fit(self.problem, self.problem.x, lambda p: p[:, i] * p[:, j] == 0))

    def product(self, left: Group, right: Group) -> Evidence:
        return self._test(product_fit(self.problem, left, right))

    def modules(self, groups: Sequence[Group]) -> list[Evidence]:
        """The tests of all groups; a rejected one holds if its model is better by far than all that contradict it.

        Where polynomials of this size cannot follow the function, what a true structure leaves is no noise, and is explained in
        part by other polynomials: then models with different structures can only be compared with each other.
        """
        fits = {group: composite_fit(self.problem, [group], self._starts([group])) for group in groups}
        tests = {group: self._test(fit) for group, fit in fits.items()}
        accepted = [group for group, test in tests.items() if test.holds]
        for group, fit in fits.items():
            against = [other for other in groups if _overlap(group, other)]
            rivals = [self.problem.unstructured, *(each for other in against if (each := fits[other]) is not None)]
            best = min(rivals, key=lambda each: each.error)
            contradicted = any(other in accepted for other in against) or not tests[group].resolved
            if fit is not None and not contradicted and fit.error < MAX_ERROR_RATIO * best.error:
                p_value = max(tests[group].p_value or 0.0, paired(fit.left_out, best.left_out))
                tests[group] = replace(tests[group], p_value=p_value, holds=True)
        return [tests[group] for group in groups]

    def composite(self, parts: Sequence[Group]) -> Evidence:
        test = self._test(composite_fit(self.problem, parts, self._starts(parts)))
        return test if test.holds or max(map(len, parts)) == 1 else self._composite_of_values(parts, test)

    def _composite_of_values(self, parts: Sequence[Group], rejected: Evidence) -> Evidence:
        """The test with the values of each part as one column: polynomials of fewer columns follow a function further."""
        own, x = [part for part in parts if len(part) > 1], self.problem.x
        fits = [composite_fit(self.problem, [part], self._starts([part])) for part in own]
        inside = {i for part in own for i in part}
        outside = [i for i in range(x.shape[1]) if i not in inside]
        if any(fit is None for fit in fits):
            return rejected
        columns = [x[:, outside], *(fit.values["inner"][:, None] for fit in fits if fit is not None)]
        problem = Problem.of(np.hstack(columns), self.problem.y, self.problem.root)
        single = [outside.index(part[0]) for part in parts if len(part) == 1]
        summed = [(k,) for k in [*single, *range(len(outside), problem.x.shape[1])]]
        tests = replace(self, names=tuple(map(str, range(problem.x.shape[1]))), problem=problem)
        test = tests._test(composite_fit(problem, summed, tests._starts(summed)))
        return test if test.holds else rejected

    def _starts(self, parts: Sequence[Group]) -> list[Array]:
        """Values near a function of the group's inputs: the smooth stand-in with the others held, or the target itself."""
        inside = [i for part in parts for i in part]
        outside = [i for i in range(len(self.names)) if i not in inside]
        if not outside:
            return [self.problem.y]
        draw = np.random.default_rng(0).choice(len(self.problem.y), N_REFERENCES, replace=False)
        return [self._held(outside, self.problem.x[row]) for row in draw]

    def _held(self, outside: Sequence[int], at: Array) -> Array:
        """Values of the stand-in at the rows with some inputs held."""
        x = self.problem.x.copy()
        x[:, list(outside)] = at[list(outside)]
        rows = np.vstack([self.problem.x, x])
        count = len(self.problem.y)
        weights = np.concatenate([self.problem.root**2, np.full(count, 1e-12)])
        y = np.concatenate([self.problem.y, self.problem.y])
        surrogate = fit_surrogate(rows, y, weights, terms=120, kind=(False, False))
        return surrogate.values[count:]

    def invariance(self, text: str, i: int, j: int) -> Evidence | None:
        a, b = self.problem.x[:, i], self.problem.x[:, j]
        if "/" in text and np.abs(b).min() <= 1e-2 * np.abs(b).max():
            return None
        merged = np.column_stack([np.delete(self.problem.x, (i, j), axis=1), INVARIANCES[text](a, b)])
        return self._test(linear_fit(self.problem, merged))

    def exchange(self, i: int, j: int) -> Evidence | None:
        x = self.problem.x
        low, high = np.maximum(x[:, i].min(), x[:, j].min()), np.minimum(x[:, i].max(), x[:, j].max())
        if high - low < MIN_OVERLAP * max(np.ptp(x[:, i]), np.ptp(x[:, j])):
            return None
        a, b = x[:, i], x[:, j]
        symmetric = np.column_stack([np.delete(x, (i, j), axis=1), a + b, (a - b) ** 2])
        return self._test(linear_fit(self.problem, symmetric))

    def parity(self, i: int, odd: bool) -> Evidence | None:
        x, own = self.problem.x.copy(), self.problem.x[:, i]
        if min(-own.min(), own.max()) < MIN_OVERLAP * np.abs(own).max():
            return None
        x[:, i] = own**2
        if not odd:
            return self._test(linear_fit(self.problem, x))
        about_zero = replace(self.problem, y=self.problem.y + self.problem.centre)
        return self._test(linear_fit(about_zero, x, factor=own))

    def without(self, idle: Iterable[int]) -> StructureTests:
        gone = set(idle)
        keep = [i for i in range(len(self.names)) if i not in gone]
        return self._part(keep, self.problem.y, self.problem.root)

    def part(self, kind: FindingKind, parts: Sequence[Group], k: int) -> StructureTests:
        """The part's own values: the target without the other parts, as a smooth model of all parts has them."""
        own, problem = list(parts[k]), self.problem
        others = [i for i in range(len(self.names)) if i not in own]
        if kind == "sum":
            return self._part(own, without_others(problem, own, others), problem.root)
        fit = product_fit(problem, own, others)
        assert fit is not None
        factor = fit.values["right"]
        size = np.maximum(np.abs(factor), 1e-3 * np.abs(factor).max())
        values = (problem.y - fit.values["level"]) / (np.sign(factor) * size)
        return self._part(own, values, problem.root * size)

    def _part(self, columns: list[int], y: Array, root: Array) -> RowTests:
        problem = Problem.of(self.problem.x[:, columns], y, root)
        return RowTests(tuple(self.names[i] for i in columns), problem, self.level, self.tolerance)


def _overlap(one: Group, two: Group) -> bool:
    """Whether two groups share columns and neither contains the other."""
    a, b = set(one), set(two)
    return bool(a & b) and not a <= b and not b <= a
