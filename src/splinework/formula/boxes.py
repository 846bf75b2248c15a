"""Rows that fill a box of ranges, and the check that a formula is finite on it."""

import ast
from collections.abc import Mapping, Sequence
from itertools import islice, product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from splinework.errors import FormulaError
from splinework.formula.arrays import array_operations
from splinework.formula.enclosures import enclose
from splinework.formula.expression import Expression
from splinework.formula.program import program_of
from splinework.formula.reading import parse, shortened

Floats = NDArray[np.float64]
Ranges = Mapping[str, tuple[float, float]]
_MAX_CORNERS: Final = 256
_KEPT_BOXES, _HALVINGS = 64, 40
"""Boxes that the search for a pole keeps, and how often each side is halved: to 1e-12 of its length."""
_ASIDE: Final = 1e-3
"""Step aside from a row where a formula is undefined, as a share of the way to another one."""
_POLE: Final = 1e6
"""Value near a pole relative to the largest one in the sample."""


def rows_in(ranges: Ranges, count: int = 2048) -> Floats:
    """Rows `(n, columns)`: the middle, corners, and an additive recurrence with low discrepancy.

    References:
        Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018.
    """
    low, high = np.array(list(ranges.values()), dtype=np.float64).reshape(-1, 2).T
    size = len(low)
    ratio = 1.5
    for _ in range(64):  # the root of x^(size + 1) = x + 1
        ratio = (1 + ratio) ** (1 / (size + 1))
    steps = np.arange(1, count + 1)[:, None] * ratio ** -np.arange(1.0, size + 1)
    corners = np.array(list(islice(product((0.0, 1.0), repeat=size), _MAX_CORNERS)))
    shares = np.concatenate([np.full((1, size), 0.5), corners, np.mod(0.5 + steps, 1.0)])
    return low + shares * (high - low)


def check_finite_on(text: str, ranges: Ranges) -> None:
    """Checks that a formula is finite at rows of the box, and that no pole hides between them.

    Single rows where it is undefined are admitted, such as that of `sin(x)/x` at 0.

    Raises:
        FormulaError: If it is not, with the place and the part of the formula.

    Example:
        >>> check_finite_on("log(x)", {"x": (0.5, 2.0)})
    """
    formula, x = Expression(text, tuple(ranges)), rows_in(ranges)
    values = formula(x)
    gaps = np.isnan(values)
    bad = np.isinf(values)
    bad[gaps] = ~np.isfinite(formula(x[gaps] + _ASIDE * (x[-1] - x[gaps])))
    if bad.any():
        row = x[int(np.argmax(bad))]
    else:
        pole = _pole(formula, ranges, float(np.abs(values[~gaps]).max()))
        if pole is None:
            return
        row = pole
    place = ", ".join(f"{name} = {value:g}" for name, value in zip(ranges, row, strict=True))
    part = _undefined_part(parse(text), tuple(ranges), row) or parse(text)
    shown = "" if ast.unparse(part) == ast.unparse(parse(text)) else f", where {ast.unparse(part)} is not"
    raise FormulaError(
        f"the formula {shortened(text)} is not finite at {place}{shown}; narrow the range, or write where(…) for it."
    )


def _pole(formula: Expression, ranges: Ranges, largest: float) -> Floats | None:
    """A row next to a pole, found by halving the boxes on which the formula is not provably bounded; None if there is none."""
    low, high = (np.array([[ends[n] for ends in ranges.values()]], dtype=np.float64) for n in (0, 1))
    for turn in range(_HALVINGS * len(ranges) + 1):
        lo, hi = enclose(formula.text, {name: (low[:, k], high[:, k]) for k, name in enumerate(ranges)})
        suspect = ~(np.isfinite(lo) & np.isfinite(hi))
        low, high = low[suspect], high[suspect]
        if not len(low):
            return None
        sizes = np.abs(np.stack([formula(low), formula(high), formula((low + high) / 2)]))
        sizes = np.where(np.isnan(sizes), 0.0, sizes).max(axis=0)
        best = np.argsort(-sizes, kind="stable")[:_KEPT_BOXES]
        if sizes[best[0]] > _POLE * (1 + largest):
            return np.asarray((low + high)[best[0]] / 2)
        low, high, side = low[best], high[best], turn % len(ranges)
        middle = (low[:, side] + high[:, side]) / 2
        upper, lower = low.copy(), high.copy()
        upper[:, side], lower[:, side] = middle, middle
        low, high = np.concatenate([low, upper]), np.concatenate([lower, high])
    return None


def _undefined_part(node: ast.expr, names: Sequence[str], row: Floats) -> ast.expr | None:
    """The smallest part that is not finite at a row though its own parts are; None if the node is finite."""
    if isinstance(node, ast.Compare) or np.isfinite(_value(node, names, row)):
        return None
    inner: list[Any] = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    if isinstance(node, ast.Call):
        inner = node.args
        if isinstance(node.func, ast.Name) and node.func.id == "where":
            chosen = ast.Call(node.func, [node.args[0], ast.Constant(1), ast.Constant(0)], [])
            inner = [node.args[1 if _value(chosen, names, row) else 2]]
    found = (_undefined_part(child, names, row) for child in inner)
    return next((part for part in found if part is not None), node)


def _value(node: ast.expr, names: Sequence[str], row: Floats) -> float:
    program = program_of(node, {name: n for n, name in enumerate(names)}, ast.unparse(node))
    with np.errstate(all="ignore"):
        return float(program.run([np.float64(v) for v in row], array_operations(), np.float64))
