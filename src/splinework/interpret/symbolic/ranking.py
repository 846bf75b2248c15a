"""From the pool to the table: numbers made simple, forms made short, rows that no other beats, and their probabilities."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import sympy

from splinework.interpret.symbolic.constants import FitTarget, Template, confidence_intervals, snap
from splinework.interpret.symbolic.description_length import description_length
from splinework.interpret.symbolic.expression import Splines, compile_expression, node_count
from splinework.interpret.symbolic.pool import Pool, PoolEntry, Proposal, usable
from splinework.interpret.symbolic.simplification import run_within, simplified
from splinework.interpret.symbolic.table import FormulaRow

CLOSE = 25.0
"""Nats behind the best within which entries are brought into their final form: simple numbers may turn the order."""


def formula_rows(
    pool: Pool, name: str, *, rows: int = 8, everything: FitTarget | None = None, held: FitTarget | None = None
) -> list[FormulaRow]:
    """Rows for one output, best first; always at least a constant.

    Args:
        pool: Of proposals, fitted to its target.
        name: Of the output.
        rows: Most rows.
        everything: All rows of the data, to which the final numbers are fitted; the pool's target by default.
        held: Rows that the pool's target lacks: the error that its fits have there goes into the table.
    """
    target = everything or pool.target
    found = [constant_row(target, name, held)]
    best = pool.entries[0].description if pool.entries else math.inf
    near = [e for n, e in enumerate(pool.entries[:6]) if n == 0 or e.description < best + CLOSE]
    for entry in near:
        found += _finished(entry, name, target, held)
    for entry in _simple([e for e in pool.entries if e not in near]):
        found += _plain(entry, name, target, held)
    return ranked(found, rows)


def _simple(entries: Sequence[PoolEntry]) -> list[PoolEntry]:
    """For the simple end of the table: shorter and shorter ones, the best of each length."""
    kept: list[PoolEntry] = []
    for entry in entries:
        if not kept or node_count(entry.expression) < node_count(kept[-1].expression):
            kept.append(entry)
    return kept[:4]


def _finished(entry: PoolEntry, name: str, target: FitTarget, held: FitTarget | None) -> list[FormulaRow]:
    """The rows that one entry gives: as it is, and multiplied out where that makes another formula."""
    splines = entry.proposal.splines
    whole = entry.proposal.whole(entry.expression)
    outside = None if held is None else _error(whole, splines, held)
    proposal = Proposal.of(whole, splines, target)
    found = []
    for variant in dict.fromkeys([proposal.bare, _multiplied_out(proposal.bare)]):
        outcome = snap(Template(variant, proposal.target)) if usable(variant) else None
        if outcome is None:
            continue
        short = simplified(outcome[0], proposal.target.names, proposal.target.x)
        made = formula_row(proposal.whole(short), target, name, outcome[1] + proposal.price, splines, outside)
        if made is not None and made.inputs:
            found.append(replace(made, constants=confidence_intervals(short, proposal.target)))
    return found


def _plain(entry: PoolEntry, name: str, target: FitTarget, held: FitTarget | None) -> list[FormulaRow]:
    """The row of an entry that will not be the best: with the numbers that it has."""
    proposal = entry.proposal
    whole = proposal.whole(entry.expression)
    numbers = entry.solution.rank * math.log(len(target.y)) / 2 + proposal.price
    outside = None if held is None else _error(whole, proposal.splines, held)
    made = formula_row(whole, target, name, numbers, proposal.splines, outside)
    return [made] if made is not None and made.inputs else []


def _multiplied_out(expression: Any) -> Any:
    """Squares of sums and products of sums written as sums, where they are short."""
    expand = partial(sympy.expand, power_exp=False, power_base=False, log=False, trig=False)
    expanded = run_within(1.0, expand, expression, otherwise=expression)
    return expanded if node_count(expanded) <= 2 * node_count(expression) + 20 else expression


def formula_row(
    expression: Any,
    target: FitTarget,
    name: str,
    numbers: float,
    splines: Splines,
    held_out: float | None = None,
    notes: tuple[str, ...] = (),
) -> FormulaRow | None:
    """One row of the table; None where the expression is undefined on the data.

    Args:
        expression: Over the symbols of the columns.
        target: The data.
        name: Of the output.
        numbers: Nats of its numbers.
        splines: Those that occur.
        held_out: Its error on rows that it was not fitted to.
        notes: What one should know.
    """
    prediction = compile_expression(expression, target.names, splines)(target.x)
    rss = target.rss(prediction)
    if not math.isfinite(rss):
        return None
    length = description_length(expression, rss, numbers, target)
    if target.scale == "log":  # errors of ln y, as errors of y: then both kinds of noise can be compared
        length += float(np.log(target.y).sum())
    if splines:
        notes = (*notes, f"{', '.join(splines)} stayed splines: no function of the library describes them")
    if expression.has(sympy.erf, sympy.besselj):
        notes = (*notes, "erf and j0 are functions of scipy.special")
    error = float(((prediction - target.y) ** 2).mean())
    variance = float(target.y.var())
    present = {s.name for s in expression.free_symbols}
    valid = {
        n: (float(column.min()), float(column.max()))
        for n, column in zip(target.names, target.x.T, strict=True)
        if n in present
    }
    return FormulaRow(
        target=name,
        expression=expression,
        names=target.names,
        rmse=math.sqrt(error),
        r2=1 - error / variance if variance > 0 else 0.0,
        description=length,
        notes=notes,
        splines=splines,
        held_out=held_out,
        valid=valid,
    )


def constant_row(target: FitTarget, name: str, held: FitTarget | None = None) -> FormulaRow:
    """The row that explains nothing: a constant."""
    level = float(target.flat.mean())
    value = sympy.Float(math.exp(level) if target.scale == "log" else level)
    outside = None if held is None else _error(value, {}, held)
    made = formula_row(value, target, name, math.log(len(target.y)) / 2, {}, outside)
    assert made is not None
    return made


def _error(expression: Any, splines: Splines, held: FitTarget) -> float:
    """Root mean squared error on some rows; infinite where the expression is undefined on one of them."""
    values = compile_expression(expression, held.names, splines)(held.x)
    with np.errstate(all="ignore"):
        error = float(np.sqrt(np.mean((values - held.y) ** 2)))
    return error if math.isfinite(error) else math.inf


def ranked(found: Sequence[FormulaRow], most: int) -> list[FormulaRow]:
    """Rows that no other beats in both complexity and error, the shortest description first, with their probabilities."""
    best: list[FormulaRow] = []
    for candidate in sorted(found, key=lambda r: (r.complexity, r.rmse)):
        if not best or candidate.rmse < 0.999 * min(b.rmse for b in best):
            best.append(candidate)
    winner = min(found, key=lambda r: r.description)
    if all(winner.text != candidate.text for candidate in best):
        best.append(winner)
    ordered = sorted(best, key=lambda r: r.description)[:most]
    weights = np.exp([min(ordered[0].description - r.description, 0.0) for r in ordered])
    return [replace(r, probability=float(w)) for r, w in zip(ordered, weights / weights.sum(), strict=True)]
