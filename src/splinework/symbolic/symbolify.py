"""`symbolify`: a fitted model in, formulas out."""

import heapq
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
import torch

from splinework.arrays import as_columns, check_finite
from splinework.network import KAN
from splinework.symbolic.constants import Target, Template, snap
from splinework.symbolic.edges import Candidate, candidates, score
from splinework.symbolic.expression import Units, build, compile_expression, count
from splinework.symbolic.library import IDENTITY, LIBRARY, Array, Function
from splinework.symbolic.net import Edge, Place, SplineEdge, SymbolicEdge, SymbolicNet, places
from splinework.symbolic.table import FormulaRow, FormulaTable
from splinework.trace import trace

POINTS = 256
"""Quantiles of an edge's input at which functions are compared with it."""
TRIED = 24
"""Joint choices of functions that are fitted as a whole."""
NODE_COST = 1.5
"""Nats per node of a formula's tree: what it costs to write it down."""


def symbolify(
    model: KAN, x: Any, y: Any, *, library: Sequence[Function] = LIBRARY, tried: int = TRIED, rows: int = 8
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
        tried: Number of joint choices to fit as a whole.
        rows: Most rows of the table for each output.

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
    nets = _search(model, xs, u, t, library, tried)
    inputs = _units(model.input_scaling, model.config.input_names)
    outputs = _units(model.output_scaling, model.config.output_names)
    table: list[FormulaRow] = []
    built = [build(net, inputs, outputs) for net in nets]
    for index, name in enumerate(model.config.output_names):
        target = Target(xs.numpy(), ys[:, index].numpy(), model.config.input_names, model.config.output_scales[index])
        found = [_constant_row(target, name)]
        for net, (expressions, splines) in zip(nets, built, strict=True):
            found += _rows(expressions[index], splines, net, target, name)
        table += _ranked(found, rows)
    return FormulaTable(tuple(table))


def _double(model: KAN) -> KAN:
    import copy

    return copy.deepcopy(model).double().requires_grad_(False)


def _units(scaling: Any, names: tuple[str, ...]) -> Units:
    return Units(names, scaling.scales, tuple(scaling.shift.tolist()), tuple(scaling.scale.tolist()))


@dataclass(frozen=True)
class _Dropped:
    """The choice to do without an edge: what it gave on average goes to its sum."""

    mean: float


Option = Candidate | SplineEdge | _Dropped


def _named(edge: Edge) -> str:
    return edge.function.name if isinstance(edge, SymbolicEdge) else "spline"


def _search(
    model: KAN, xs: torch.Tensor, u: Array, t: Array, library: Sequence[Function], tried: int
) -> list[SymbolicNet]:
    """Joint choices of functions, fitted as a whole: the best by BIC first."""
    options = _options(model, xs, library)
    if not options:
        return []
    n = t.size
    floor = n * 1e-20
    scored: dict[tuple[str, ...], tuple[float, SymbolicNet]] = {}

    def consider(choice: tuple[int, ...]) -> float:
        edges: dict[Place, Edge] = {}
        offsets: dict[Place, float] = {}
        for place, index in zip(options, choice, strict=True):
            option = options[place][index]
            if isinstance(option, _Dropped):
                offsets[place] = option.mean
            elif isinstance(option, Candidate):
                edges[place], offsets[place] = SymbolicEdge.of(option), option.d
            else:
                edges[place] = option
        key = tuple(f"{place}{_named(edge)}" for place, edge in edges.items())
        if key in scored:
            return scored[key][0]
        outcome = SymbolicNet.of(model, edges, offsets).refitted(u, t)
        if outcome is None:
            scored[key] = (math.inf, SymbolicNet.of(model, edges, offsets))
            return math.inf
        net, solution = outcome
        size = sum(e.layer.basis.size for e in edges.values() if isinstance(e, SplineEdge))
        bic = n * math.log(max(solution.rss, floor) / n) + (solution.rank + size) * math.log(n) + 2 * net.cost
        scored[key] = (bic, net)
        return bic

    best_choice, best = None, math.inf
    for choice in itertools.islice(_best_first(options), tried):
        value = consider(choice)
        if value < best:
            best_choice, best = choice, value
    for _ in range(3):  # exchange one function at a time, from the best choice on
        if best_choice is None:
            break
        start = best_choice
        for position, place in enumerate(options):
            for index in range(len(options[place])):
                choice = (*best_choice[:position], index, *best_choice[position + 1 :])
                value = consider(choice)
                if value < best - 1e-9:
                    best_choice, best = choice, value
        if best_choice == start:
            break
    ordered = sorted((entry for entry in scored.values() if math.isfinite(entry[0])), key=lambda entry: entry[0])
    return [net for _, net in ordered[:4]] + _simpler([net for _, net in ordered[4:]], ordered[:4])


def _simpler(rest: list[SymbolicNet], best: Sequence[tuple[float, SymbolicNet]]) -> list[SymbolicNet]:
    """For the simple end of the table: the best choice with each lower cost."""
    kept, least = [], min((net.cost for _, net in best), default=0.0)
    for net in rest:
        if net.cost < least - 0.5 and not net.splines:
            kept.append(net)
            least = net.cost
    return kept[:3]


def _options(model: KAN, xs: torch.Tensor, library: Sequence[Function], kept: int = 5) -> dict[Place, list[Option]]:
    """For every living edge its best functions, a line, and the spline that it is where no function is close."""
    record = trace(model, xs)
    weights = _sensitivities(model, xs)
    options: dict[Place, list[Option]] = {}
    for layer, i, j in places(model):
        inputs, values = (v.numpy() for v in record.edge(layer, i, j))
        at = np.unique(np.argsort(inputs, kind="stable")[np.linspace(0, len(inputs) - 1, POINTS).round().astype(int)])
        weight = weights[layer][:, j].numpy()[at]
        weight = weight + 1e-3 * weight.mean() + 1e-300
        found = candidates(inputs[at], values[at], weight, library)
        if not found:
            found = [_line(inputs[at], values[at])]
        chosen: list[Option] = list(found[:kept])
        if all(isinstance(c, Candidate) and c.function.name != IDENTITY.name for c in chosen):
            chosen.append(_line(inputs[at], values[at]))
        if found[0].left > 1e-4:
            chosen.append(SplineEdge(model.kan_layers[layer], i, j))
        chosen.append(_Dropped(float(values.mean())))
        options[layer, i, j] = chosen
    return options


def _line(x: Array, y: Array) -> Candidate:
    slope, level = np.polyfit(x, y, 1) if np.ptp(x) > 0 else (0.0, float(y.mean()))
    variance = float(y.var())
    left = float(((y - slope * x - level) ** 2).mean()) / variance if variance > 0 else 0.0
    return Candidate(IDENTITY, 1.0, 0.0, float(slope), float(level), left)


def _sensitivities(model: KAN, xs: torch.Tensor) -> list[torch.Tensor]:
    """Per layer `(N, J)`: the squared derivative of the outputs, summed over them, with respect to every sum."""
    u = model.input_scaling(xs)
    sums = []
    for layer, nodes in zip(model.kan_layers, model.config.nodes[1:], strict=True):
        total = layer(u)
        sums.append(total.detach().requires_grad_() if not sums else total)
        sums[-1].retain_grad()
        u = nodes.combine(sums[-1])
    squares = [torch.zeros_like(s) for s in sums]
    for column in u.unbind(1):
        for square, g in zip(squares, torch.autograd.grad(column.sum(), sums, retain_graph=True), strict=True):
            square += g**2
    return [s.detach() for s in squares]


def _best_first(options: dict[Place, list[Option]]) -> Any:
    """Joint choices as index tuples, in order of the summed description lengths of their edges."""
    costs = []
    for entries in options.values():
        values = [score(e, POINTS, 1e-12) if isinstance(e, Candidate) else math.nan for e in entries]
        best = min((v for v in values if not math.isnan(v)), default=0.0)
        costs.append([v - best if not math.isnan(v) else 20.0 for v in values])
    start = tuple(int(np.argmin(c)) for c in costs)
    ranked = [sorted(range(len(c)), key=c.__getitem__) for c in costs]
    heap = [(0.0, (0,) * len(start))]
    seen = {heap[0][1]}
    while heap:
        total, position = heapq.heappop(heap)
        yield tuple(order[p] for order, p in zip(ranked, position, strict=True))
        for at in range(len(position)):
            if position[at] + 1 < len(ranked[at]):
                step = (*position[:at], position[at] + 1, *position[at + 1 :])
                if step not in seen:
                    seen.add(step)
                    cost = costs[at][ranked[at][step[at]]] - costs[at][ranked[at][position[at]]]
                    heapq.heappush(heap, (total + cost, step))


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
        if count(variant) > 150:
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
