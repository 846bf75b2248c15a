"""`symbolify`: a fitted model in, formulas out."""

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy
import torch
from sympy.core.function import AppliedUndef

from splinework.arrays import as_columns, check_finite
from splinework.errors import DataError, ShapeError
from splinework.network import KAN
from splinework.symbolic.constants import Target, Template, snap
from splinework.symbolic.expression import Splines, Units, build, compile_expression, count, symbol
from splinework.symbolic.library import LIBRARY, Function
from splinework.symbolic.search import Search, edge_options
from splinework.symbolic.table import FormulaRow, FormulaTable

LUCK = 1.5
"""Nats beyond the logarithm of what was tried by which a formula must beat a constant."""
LONGEST = 90
"""Longer expressions than this many nodes are nobody's formula."""
NODE_COST = 0.3
"""Nats per node of a formula's tree: what it costs to write it down."""


def symbolify(
    model: KAN,
    x: Any,
    y: Any,
    *,
    library: Sequence[Function] = LIBRARY,
    rows: int = 8,
    seconds: float | None = None,
    scale: str | None = None,
) -> FormulaTable:
    """Turns the edges of a fitted model into known functions, and the model into formulas.

    Each living edge is compared with the library, the linear part in closed form; the best joint choices are fitted to the
    data as a whole, their numbers snapped to simple ones where the data agree, and ranked by description length. An edge
    that no function describes stays a spline, and the row says so.

    Args:
        model: A fitted and, best, pruned network; unchanged.
        x: Data in raw units, `(N, inputs)`.
        y: `(N, outputs)` or `(N,)`.
        library: Functions to choose from.
        rows: Most rows of the table for each output.
        seconds: After about this time no further choices are tried.
        scale: `linear` or `log`: the scale of y on which the errors of formulas count, and numbers are fitted at the end;
            None takes that of the model's outputs.

    Returns:
        Formulas, best first; always at least one, a constant if nothing else.

    Raises:
        ShapeError: If x or y do not fit the model or each other.
        DataError: If there are no rows, or values that are not finite.
    """
    model = _double(model)
    xs, ys = _checked(model, x, y)
    deadline = math.inf if seconds is None else time.monotonic() + seconds
    with np.errstate(all="ignore"):  # a search looks into every corner; what is not finite there is refused
        return _table(model, xs, ys, library, rows, deadline, scale)


def _checked(model: KAN, x: Any, y: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """The data as columns in raw units, finite in the model's units too."""
    like, config = next(model.parameters()), model.config
    xs = as_columns(x, model.inputs, "x", config.input_names, like)
    ys = as_columns(y, model.outputs, "y", config.output_names, like)
    if len(xs) != len(ys):
        raise ShapeError(f"x and y need the same number of rows, got {len(xs)} and {len(ys)}.")
    if len(xs) == 0:
        raise DataError("there are no rows in x; a formula needs some.")
    for values, what, names, scaling in (
        (xs, "x", config.input_names, model.input_scaling),
        (ys, "y", config.output_names, model.output_scaling),
    ):
        check_finite(values, what, names)
        check_finite(scaling(values), what, names, scales=scaling.scales)
    return xs, ys


def _table(
    model: KAN,
    xs: torch.Tensor,
    ys: torch.Tensor,
    library: Sequence[Function],
    rows: int,
    deadline: float,
    scale: str | None,
) -> FormulaTable:
    u, t = model.input_scaling(xs).numpy(), model.output_scaling(ys).numpy()
    nets = Search(model, u, t, *edge_options(model, xs, library), deadline).run()
    inputs = _units(model.input_scaling, model.config.input_names)
    outputs = _units(model.output_scaling, model.config.output_names)
    table: list[FormulaRow] = []
    built = [build(net, inputs, outputs) for net in nets]
    for index, name in enumerate(model.config.output_names):
        own = scale or model.config.output_scales[index]
        target = Target(xs.numpy(), ys[:, index].numpy(), model.config.input_names, own)
        found = [_constant_row(target, name)]
        for expressions, splines in built:
            if len(found) > 1 and time.monotonic() > deadline:
                break
            found += _rows(expressions[index], splines, target, name)
        table += _ranked(found, rows)
    return FormulaTable(tuple(table))


def _double(model: KAN) -> KAN:
    import copy

    return copy.deepcopy(model).double().requires_grad_(False)


def _units(scaling: Any, names: tuple[str, ...]) -> Units:
    return Units(names, scaling.scales, tuple(scaling.shift.tolist()), tuple(scaling.scale.tolist()))


def _rows(expression: Any, splines: Splines, target: Target, name: str) -> list[FormulaRow]:
    """The rows that one expression gives: as it is, and multiplied out where that makes another formula."""
    if not expression.free_symbols or expression.has(sympy.nan, sympy.oo, -sympy.oo, sympy.zoo):
        return []  # a constant, for which there is a row already; or numbers that have run away
    applied = _outermost_splines(expression)
    used = {n: splines[n] for n in splines if any(_is_spline(e, n) for e in sympy.preorder_traversal(expression))}
    notes = (f"{', '.join(used)} stayed splines: no function of the library describes them",) if used else ()
    if expression.has(sympy.erf, sympy.besselj):
        notes = (*notes, "erf and j0 are functions of scipy.special")
    coefficients = sum(spline.size for spline in used.values()) / 2 * math.log(len(target.y))
    columns = [compile_expression(e, target.names, used)(target.x) for e in applied]
    dummies = {e: symbol(f"s({n})") for n, e in enumerate(applied)}  # splines are columns, while numbers are fitted
    names = (*target.names, *(s.name for s in dummies.values()))
    wider = Target(np.column_stack([target.x, *columns]), target.y, names, target.scale)
    bare = expression.xreplace(dummies)
    found = []
    for variant in dict.fromkeys([bare, _multiplied_out(bare)]):
        outcome = snap(Template(variant, wider)) if count(variant) <= LONGEST else None
        if outcome is not None:
            tidied = _tidied(outcome[0]).xreplace({s: e for e, s in dummies.items()})
            row = (
                None if not tidied.free_symbols else _row(tidied, target, name, outcome[1] + coefficients, notes, used)
            )
            if row is not None:
                found.append(row)
    return found


def _is_spline(expression: Any, name: str) -> bool:
    return isinstance(expression, AppliedUndef) and expression.func.__name__ == name


def _outermost_splines(expression: Any) -> list[Any]:
    """The splines in an expression, with their arguments; not those in the arguments of others."""
    found, walk = [], sympy.preorder_traversal(expression)
    for part in walk:
        if isinstance(part, AppliedUndef):
            walk.skip()
            found.append(part)
    return list(dict.fromkeys(found))


def _multiplied_out(expression: Any) -> Any:
    """Squares of sums and products of sums written as sums, where they are short."""
    expanded = sympy.expand(expression, power_exp=False, power_base=False, log=False, trig=False)
    return expanded if count(expanded) <= 2 * count(expression) + 20 else expression


def _tidied(expression: Any) -> Any:
    """The shortest of a few equal forms."""
    forms = [expression, sympy.expand(expression, power_exp=False, log=False), sympy.factor_terms(expression)]
    forms += [sympy.powsimp(f) for f in forms[:1]]
    return min(forms, key=count)


def _row(
    expression: Any, target: Target, name: str, numbers: float, notes: tuple[str, ...], splines: Any
) -> FormulaRow | None:
    prediction = compile_expression(expression, target.names, splines)(target.x)
    rss = target.rss(prediction)
    if not math.isfinite(rss):
        return None
    n = len(target.y)
    description = n / 2 * math.log(max(rss, target.floor) / n) + numbers + NODE_COST * count(expression)
    if target.scale == "log":  # errors of ln y, as errors of y: then both kinds of noise can be compared
        description += float(np.log(target.y).sum())
    if expression.free_symbols:  # so many things were tried that one of them may fit by luck
        description += math.log(len(target.names) * len(LIBRARY)) + LUCK
    error = float(((prediction - target.y) ** 2).mean())
    variance = float(target.y.var())
    r2 = 1 - error / variance if variance > 0 else 0.0
    return FormulaRow(name, expression, target.names, math.sqrt(error), r2, description, notes, splines)


def _constant_row(target: Target, name: str) -> FormulaRow:
    level = float(target.flat.mean())
    row = _row(
        sympy.Float(math.exp(level) if target.scale == "log" else level),
        target,
        name,
        math.log(len(target.y)) / 2,
        (),
        {},
    )
    assert row is not None
    return row


def _ranked(found: list[FormulaRow], most: int) -> list[FormulaRow]:
    """Rows that no other beats in both complexity and error, the shortest description first."""
    best: list[FormulaRow] = []
    for row in sorted(found, key=lambda r: (r.complexity, r.rmse)):
        if not best or row.rmse < 0.999 * min(b.rmse for b in best):
            best.append(row)
    winner = min(found, key=lambda r: r.description)
    if all(winner.text != row.text for row in best):
        best.append(winner)
    return sorted(best, key=lambda r: r.description)[:most]
