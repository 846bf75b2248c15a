"""Where to start the free constants of a formula: near the scale of what each stands beside."""

from typing import Any

import numpy as np
import sympy

from splinework.discover.holes import Outline, evaluator
from splinework.interpret.symbolic.constants import Target
from splinework.interpret.symbolic.library import Array

_DRAWS = 300
"""Starts of the constants that are compared."""
_SIZES = np.geomspace(0.02, 50, 20)
"""Constants to start from, relative to the scale of what they stand beside: fine enough for a frequency."""


def starts(outline: Outline, target: Target, seed: int) -> Array:
    """Where to start the constants of an outline: `(S, P)`, each near the scale of what it stands beside."""
    if not outline.constants:
        return np.zeros((1, 0))
    pools = [_pool(outline, constant, target) for constant in outline.constants]
    if len(pools) == 1:
        return pools[0][:, None]
    draw = np.random.default_rng(seed)
    return np.stack([draw.choice(pool, _DRAWS) for pool in pools], -1)


def _pool(outline: Outline, constant: Any, target: Target) -> Array:
    """Both signs of numbers over some orders of magnitude; exponents, the usual ones."""
    parent = next(node for node in sympy.preorder_traversal(outline.expression) if constant in node.args)
    if parent.is_Pow and parent.args[1] == constant:
        return np.array([2.0, 1.0, 0.5, 1.5, 3.0, -1.0, -0.5, -2.0, -1.5, -3.0, 0.25, 4.0])
    unit = 1.0
    others = [a for a in parent.args if a != constant and a.free_symbols and a.free_symbols <= _columns(outline)]
    if (parent.is_Mul or parent.is_Add) and others:
        beside = parent.func(*others)
        size = np.abs(evaluator(list(outline.symbols), [beside], len(target.y))(_ones(outline, target))[:, 0])
        typical = (float(np.median(size[np.isfinite(size)])) if np.isfinite(size).any() else 0.0) or 1.0
        unit = typical if parent.is_Add else 1 / typical
    sizes = _SIZES
    pool = [unit * sizes, -unit * sizes]
    if parent.is_Add and parent == outline.expression:
        low, reach = target.y.min(), np.ptp(target.y)
        pool += [low - reach * np.array([0.01, 0.1, 0.5, 2.0]), low + reach * np.array([0.5, 1.01, 1.1, 1.5, 3.0])]
    if outline.constants and parent == outline.expression and parent.is_Mul:
        pool += [target.unit * sizes, -target.unit * sizes]
    return np.concatenate(pool)


def _columns(outline: Outline) -> set[Any]:
    return set(outline.symbols[len(outline.constants) + len(outline.holes) :])


def _ones(outline: Outline, target: Target) -> list[Any]:
    return [1.0] * (len(outline.constants) + len(outline.holes)) + list(target.x.T)
