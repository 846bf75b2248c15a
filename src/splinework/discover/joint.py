"""Several formulas over the same rows: their likelihood in shared constants, and the parts that they have in common."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from splinework.discover.snapping import ExpressionsWithGradients, FreeConstants
from splinework.interpret.symbolic.expression import node_count
from splinework.interpret.symbolic.library import Array

MIN_RELATIVE_ERROR = 1e-10
"""Errors below this share of a target's size are neglected."""


class JointLikelihood:
    """Negative log-likelihood of formulas with Gaussian errors of unknown size, one for each target; an objective of `snapping`.

    Args:
        constants: One expression for each target; further ones are ignored.
        x: Inputs, `(N, d)`.
        y: Targets, `(N, K)`.
        names: Names of the columns of x.
        scales: Scale of each target's errors, `linear` or `log`.
    """

    def __init__(
        self, constants: FreeConstants, x: Array, y: Array, names: Sequence[str], scales: Sequence[str]
    ) -> None:
        self.scales = tuple(scales)
        self.flat = np.column_stack([np.log(c) if s == "log" else c for c, s in zip(y.T, scales, strict=True)])
        size = np.maximum(self.flat.std(axis=0), 1e-3 * np.abs(self.flat).max(axis=0))
        self.floor = (MIN_RELATIVE_ERROR * np.where(size > 0, size, 1.0)) ** 2
        self._at = ExpressionsWithGradients(constants, y.shape[1], x, names)

    def __call__(self, constants: Array) -> tuple[float, Array, Array] | None:
        """Loss in nats, gradient and Fisher information."""
        found = self._at(constants)
        if found is None:
            return None
        rows, size = len(self.flat), len(constants)
        loss, gradient, information = 0.0, np.zeros(size), np.zeros((size, size))
        for k in range(self.flat.shape[1]):
            value, slope = found[0][:, k], found[1][:, k]
            with np.errstate(all="ignore"):
                if self.scales[k] == "log":
                    value, slope = np.log(value), slope / value[:, None]
                gap = value - self.flat[:, k]
                mean = max(float((gap**2).mean()), self.floor[k])
            if not math.isfinite(mean):
                return None
            loss += 0.5 * rows * math.log(mean)
            gradient += slope.T @ gap / mean
            information += slope.T @ slope / mean
        return loss, gradient, information


@dataclass(frozen=True)
class CommonPart:
    """A part that occurs in several expressions.

    Attributes:
        expression: The part, with the constants of its first occurrence.
        places: Indices of the expressions that contain it.
        groups: For each of its constants, the indices of that constant in all occurrences.
    """

    expression: Any
    places: tuple[int, ...]
    groups: tuple[tuple[int, ...], ...]


def common_parts(constants: FreeConstants) -> list[CommonPart]:
    """Parts with the same structure in two expressions or more, large ones first, none inside another one."""
    number = {s: n for n, s in enumerate(constants.symbols)}
    seen: dict[str, list[tuple[int, Any, tuple[int, ...]]]] = {}
    for place, expression in enumerate(constants.expressions):
        for part in _parts(expression, number):
            key, order = _canonical(part, number, constants.start)
            seen.setdefault(key, []).append((place, part, order))
    shared = [hits for hits in seen.values() if len({place for place, _, _ in hits}) > 1]
    shared.sort(key=lambda hits: -node_count(hits[0][1]))
    found: list[CommonPart] = []
    covered: set[tuple[int, Any]] = set()
    for hits in shared:
        if all((place, part) in covered for place, part, _ in hits):
            continue
        groups = tuple(tuple(sorted(set(group))) for group in zip(*[order for _, _, order in hits], strict=True))
        found.append(CommonPart(hits[0][1], tuple(sorted({place for place, _, _ in hits})), groups))
        for place, part, _ in hits:
            covered |= {(place, inner) for p in sympy.preorder_traversal(part) for inner in (p, _bare(p, number))}
    return found


def _parts(expression: Any, number: dict[Any, int]) -> list[Any]:
    """Subexpressions worth a name, without their factors and summands that are constants; each once."""
    found = []
    for node in sympy.preorder_traversal(expression):
        part = _bare(node, number)
        if part.free_symbols - number.keys() and node_count(part) > 3:
            found.append(part)
    return list(dict.fromkeys(found))


def _bare(node: Any, number: dict[Any, int]) -> Any:
    if node.is_Add or node.is_Mul:
        return node.func(*[e for e in node.args if e not in number])
    return node


def _canonical(part: Any, number: dict[Any, int], values: Array) -> tuple[str, tuple[int, ...]]:
    """Structure without the values of constants, and the constants in an order that only structure and values decide."""
    if part in number:
        return "c", (number[part],)
    if not part.args:
        return sympy.srepr(part), ()
    inner = [_canonical(e, number, values) for e in part.args]
    if part.is_Add or part.is_Mul:
        inner.sort(key=lambda pair: (pair[0], [float(values[n]) for n in pair[1]]))
    key = f"{part.func.__name__}({','.join(k for k, _ in inner)})"
    return key, tuple(n for _, order in inner for n in order)
