"""`symbolify`: a fitted model in, formulas out."""

import math
import time
from collections.abc import Sequence
from typing import Any

import sympy

from splinework.arrays import as_columns, check_finite
from splinework.network import KAN
from splinework.symbolic.constants import Target, Template, snap
from splinework.symbolic.expression import Units, build, compile_expression, count
from splinework.symbolic.library import LIBRARY, Function
from splinework.symbolic.net import SplineEdge, SymbolicNet
from splinework.symbolic.search import Search, edge_options
from splinework.symbolic.table import FormulaRow, FormulaTable

LONGEST = 90
"""Longer expressions than this many nodes are nobody's formula."""
NODE_COST = 1.5
"""Nats per node of a formula's tree: what it costs to write it down."""


def symbolify(
    model: KAN, x: Any, y: Any, *, library: Sequence[Function] = LIBRARY, rows: int = 8, seconds: float | None = None
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

    Returns:
        Formulas, best first; always at least one, a constant if nothing else.

    Raises:
        ShapeError: If x or y do not fit the model.
        DataError: If there are no finite rows.
    """
    model = _double(model)
    like = next(model.parameters())
    xs = as_columns(x, model.inputs, "x", model.config.input_names, like)
    ys = as_columns(y, model.outputs, "y", model.config.output_names, like)
    check_finite(xs, "x", model.config.input_names)
    check_finite(ys, "y", model.config.output_names)
    u, t = model.input_scaling(xs).numpy(), model.output_scaling(ys).numpy()
    deadline = math.inf if seconds is None else time.monotonic() + seconds
    nets = Search(model, u, t, edge_options(model, xs, library), deadline).run()
    inputs = _units(model.input_scaling, model.config.input_names)
    outputs = _units(model.output_scaling, model.config.output_names)
    table: list[FormulaRow] = []
    built = [build(net, inputs, outputs) for net in nets]
    for index, name in enumerate(model.config.output_names):
        target = Target(xs.numpy(), ys[:, index].numpy(), model.config.input_names, model.config.output_scales[index])
        found = [_constant_row(target, name)]
        for net, (expressions, splines) in zip(nets, built, strict=True):
            if len(found) > 1 and time.monotonic() > deadline:
                break
            found += _rows(expressions[index], splines, net, target, name)
        table += _ranked(found, rows)
    return FormulaTable(tuple(table))


def _double(model: KAN) -> KAN:
    import copy

    return copy.deepcopy(model).double().requires_grad_(False)


def _units(scaling: Any, names: tuple[str, ...]) -> Units:
    return Units(names, scaling.scales, tuple(scaling.shift.tolist()), tuple(scaling.scale.tolist()))


def _rows(expression: Any, splines: Any, net: SymbolicNet, target: Target, name: str) -> list[FormulaRow]:
    """The rows that one expression gives: as it is, and multiplied out where that makes another formula."""
    if splines:
        size = sum(e.layer.basis.size for e in net.edges.values() if isinstance(e, SplineEdge))
        note = f"{', '.join(splines)} stayed splines: no function of the library describes them"
        numbers = (size + len(expression.atoms(sympy.Float))) / 2 * math.log(len(target.y))
        row = _row(expression, target, name, numbers, (note,), splines)
        return [] if row is None else [row]
    if not net.edges:
        return []  # a constant; there is a row for it already
    found = []
    for variant in dict.fromkeys([expression, _multiplied_out(expression)]):
        if count(variant) > LONGEST:
            continue
        outcome = snap(Template(variant, target))
        if outcome is not None:
            tidied = _tidied(outcome[0])
            row = None if not tidied.free_symbols else _row(tidied, target, name, outcome[1], (), {})
            if row is not None:
                found.append(row)
    return found


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
