"""Rows of the table from the pool: snapped constants, simplified forms, the Pareto front, and posterior probabilities."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import sympy

from splinework.formula.figures import rounded
from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.constants import FitTarget, Template, confidence_intervals, free_numbers, snap
from splinework.interpret.symbolic.description_length import description_length
from splinework.interpret.symbolic.expression import Splines, compile_expression, node_count
from splinework.interpret.symbolic.pool import Pool, PoolEntry, Proposal, usable
from splinework.interpret.symbolic.residuals import has_structure
from splinework.interpret.symbolic.shortening import (
    offer_without_small_parts,
    shortened,
    with_other_constants,
    with_other_powers,
    with_units_outside,
)
from splinework.interpret.symbolic.simplification import simplified, with_unit_constants
from splinework.interpret.symbolic.table import FormulaRow
from splinework.interpret.symbolic.time_limit import run_within

VERY_STRONG_EVIDENCE = 5.0
"""Nats by which a description must be shorter to be preferred to a simpler formula: a factor of 150."""
WIDER, MAX_BEYOND, UNSTEADY = 1.25, 10.0, 20.0
"""Width of the ranges on which formulas must not explode, the multiple of the data's that they may reach there, and the nats by
which one that does must be shorter than one that does not.
"""
SHOWN_DIGITS = 5
"""Digits of numbers in printed tables."""
MAX_NATS_BEHIND = 25.0
"""Description length, relative to the best entry, up to which entries are snapped and simplified: that may change the order."""
NEARLY_EXACT = 1e-5
"""Error, as a share of the spread, up to which a formula is a law if the longer ones only approximate what it leaves: so much a
solver, or a table of five to six digits, may be off."""
INDEPENDENT_ROWS = 16
"""Rows that judge whether the numbers of such a law are simple ones: what is no noise moves a constant for all rows alike."""
SHORTENING_SHARE = 0.4
"""Share of the time left in which rows are shortened; the rest is for their numbers."""
MAX_REWRITTEN, MAX_FORMS = 3, 6
"""Entries that are tried in forms which may need fewer constants, and forms of each in which numbers may be simple."""
MAX_FRONT = 6
"""Most rows of entries that are simpler, or more accurate, than the best ones."""
FEW_TERMS = 100
"""Terms up to which an expression is multiplied out in this process: that takes less than to start one for a time limit."""
STRONG_EVIDENCE = 3.0
"""Nats of errors that a part of a formula, or a longer one, must explain to be shown: a factor of 20 (Kass & Raftery 1995)."""
Found = TypeVar("Found")


def formula_rows(
    pool: Pool,
    name: str,
    *,
    rows: int = 8,
    everything: FitTarget | None = None,
    held: FitTarget | None = None,
    deadline: float = math.inf,
) -> list[FormulaRow]:
    """The table rows of one output, best first; at least a constant.

    Args:
        pool: Fitted proposals.
        name: Name of the output.
        rows: Maximum number of rows.
        everything: All data, to which the final constants are fitted; the pool's data by default.
        held: Held-out data, for the held-out error of the pool's fits.
        deadline: Time of `clock` after which only the best is given simple numbers and a short form.
    """
    target = everything or pool.target
    found = [constant_row(target, name, held)]
    if clock.now() <= deadline:
        offer_without_small_parts(pool)
    best = pool.entries[0].description if pool.entries else math.inf
    near = [e for n, e in enumerate(pool.entries[:6]) if n == 0 or e.description < best + MAX_NATS_BEHIND]
    most = len(pool.target.y) * (NEARLY_EXACT * pool.target.unit) ** 2
    laws = [e for e in pool.entries if e.solution.rss <= most]
    law = min(laws, key=lambda e: e.nodes, default=None)
    if law is not None and law not in near:
        near.append(law)
    shown = [*near, *(e for e in _front(pool.entries) if e not in near)]
    until = clock.now() + SHORTENING_SHARE * (deadline - clock.now())
    if not pool.exact:  # else numbers are exact too, and no others are as good
        forms = (
            form
            for e in near[:MAX_REWRITTEN]
            if not e.proposal.splines
            for form in (
                *with_other_constants(e.expression),
                *with_other_powers(e.expression, pool.target.names, pool.target.x),
            )
        )
        tried = (pool.offer(form) for form in forms if clock.now() < until)
        shown += [e for e in tried if e is not None and e.description < best + MAX_NATS_BEHIND]
    for entry in [shortened(pool, e, lambda: clock.now() > until, STRONG_EVIDENCE) for e in shown]:
        if entry is near[0] or clock.now() <= deadline:
            rough = entry is law and _approximates(
                law.proposal.whole(law.expression), law.proposal.splines, pool.target
            )
            found += _final_rows(entry, name, target, held, pool.allows, deadline, rough)
        else:
            found += _unsnapped_row(entry, name, target, held)
    return ranked(
        found,
        rows,
        steady=partial(is_steady, target=target),
        approximates=lambda row: _approximates(row.expression, row.splines, target),
        rounding=math.sqrt(target.rounding / len(target.y)) if target.scale == "linear" else 0.0,
    )


def _front(entries: Sequence[PoolEntry]) -> list[PoolEntry]:
    """The entries that no shorter one is as accurate as, from a constant on, without those that gain least."""
    kept: list[PoolEntry] = []
    for entry in sorted(entries, key=lambda e: (e.nodes, e.solution.rss)):
        if not kept or entry.errors < kept[-1].errors - STRONG_EVIDENCE:
            kept.append(entry)
    return _thinned(kept, MAX_FRONT, lambda entry: math.sqrt(entry.solution.rss))


def _thinned(front: Sequence[Found], most: int, error: Callable[[Found], float]) -> list[Found]:
    """A Pareto front, the simplest first, without those that gain least over the simpler one before them, until few are left."""
    kept = list(front)
    while len(kept) > most:
        gains = [error(a) / max(error(b), 1e-300) for a, b in pairwise(kept)]
        kept.pop(1 + int(np.argmin(gains)))
    return kept


def _final_rows(
    entry: PoolEntry,
    name: str,
    target: FitTarget,
    held: FitTarget | None,
    allows: Callable[[Any], bool] | None,
    deadline: float,
    rough: bool = False,
) -> list[FormulaRow]:
    """The rows of one entry in some forms, such as expanded, where these differ; `rough` where errors are no noise."""
    splines = entry.proposal.splines
    whole = entry.proposal.whole(entry.expression)
    outside = None if held is None else _error(whole, splines, held)
    proposal = Proposal.of(whole, splines, target)
    found: list[FormulaRow] = []
    forms = (with_unit_constants(proposal.bare), multiplied_out(proposal.bare), *with_units_outside(proposal.bare))
    for variant in list(dict.fromkeys(forms))[:MAX_FORMS]:
        if found and clock.now() > deadline:
            break
        outcome = snap(Template(variant, proposal.target), deadline=deadline) if usable(variant) else None
        if (
            rough
            and outcome is not None
            and (few := snap(Template(outcome[0], _some_rows(proposal.target)))) is not None
        ):
            again = Template(few[0], proposal.target)
            if (solution := again.fit(again.start, {})) is not None:
                outcome = again.put(solution.constants, {}), few[1]
        if outcome is None:
            continue
        short = simplified(outcome[0], proposal.target.names, proposal.target.x, allows=allows)
        made = formula_row(proposal.whole(short), target, name, outcome[1] + proposal.price, splines, outside)
        if made is not None and made.inputs:
            found.append(replace(made, constants=confidence_intervals(short, proposal.target)))
    return found


def _some_rows(target: FitTarget) -> FitTarget:
    """The target at a few rows, spread over all of them."""
    at = np.linspace(0, len(target.y) - 1, min(INDEPENDENT_ROWS, len(target.y))).astype(int)
    return replace(
        target, x=target.x[at], y=target.y[at], weights=None if target.weights is None else target.weights[at]
    )


def _unsnapped_row(entry: PoolEntry, name: str, target: FitTarget, held: FitTarget | None) -> list[FormulaRow]:
    """The row of an entry that cannot become the best one, without snapping."""
    proposal = entry.proposal
    whole = proposal.whole(entry.expression)
    numbers = entry.solution.rank * math.log(len(target.y)) / 2 + proposal.price
    outside = None if held is None else _error(whole, proposal.splines, held)
    made = formula_row(whole, target, name, numbers, proposal.splines, outside)
    return [made] if made is not None and made.inputs else []


def multiplied_out(expression: Any) -> Any:
    """Squares and products of sums expanded, where the result is short."""
    expand = partial(sympy.expand, power_exp=False, power_base=False, log=False, trig=False)
    short = most_terms(expression) <= FEW_TERMS
    expanded = expand(expression) if short else run_within(1.0, expand, expression, otherwise=expression)
    return expanded if node_count(expanded) <= 2 * node_count(expression) + 20 else expression


def most_terms(expression: Any) -> int:
    """A number of terms that no sum in the expression has more of when it is multiplied out."""
    terms = [most_terms(part) for part in expression.args]
    if expression.is_Add:
        return sum(terms)
    if expression.is_Mul:
        return math.prod(terms)
    if expression.is_Pow and expression.exp.is_Rational:
        return int(min(terms[0] ** math.ceil(abs(expression.exp)), FEW_TERMS + 1))
    return max(terms, default=1)


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
        expression: Expression over the symbols of the columns.
        target: The data.
        name: Name of the output.
        numbers: Code length of its constants in nats.
        splines: The splines in it.
        held_out: Held-out error.
        notes: Notes for the user.
    """
    prediction = compile_expression(expression, target.names, splines)(target.x)
    rss = target.rss(prediction)
    if not math.isfinite(rss):
        return None
    length = description_length(expression, rss, numbers, target)
    if target.scale == "log":  # density of y instead of ln y, so that both scales are comparable
        length += float(np.log(target.y).sum())
    if splines:
        notes = (*notes, f"{', '.join(splines)} remain splines: no library function fits them")
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
    """The row of the constant model."""
    level = float(target.flat.mean())
    value = sympy.Float(math.exp(level) if target.scale == "log" else level)
    outside = None if held is None else _error(value, {}, held)
    made = formula_row(value, target, name, math.log(len(target.y)) / 2, {}, outside)
    assert made is not None
    return made


def _error(expression: Any, splines: Splines, held: FitTarget) -> float:
    """Root mean squared error; infinite where the expression is undefined on a row."""
    values = compile_expression(expression, held.names, splines)(held.x)
    with np.errstate(all="ignore"):
        error = float(np.sqrt(np.mean((values - held.y) ** 2)))
    return error if math.isfinite(error) else math.inf


def is_steady(row: FormulaRow, target: FitTarget) -> bool:
    """Whether a formula stays within a multiple of the data where the ranges are a little wider; columns keep their sign."""
    low, high = target.x.min(0), target.x.max(0)
    wide = (low + high) / 2 + WIDER * (target.x - (low + high) / 2)
    wide = np.where(low > 0, np.maximum(wide, low / 2), np.where(high < 0, np.minimum(wide, high / 2), wide))
    values = compile_expression(row.expression, target.names, row.splines)(wide)
    centre = float(np.median(target.y))
    most = MAX_BEYOND * float(np.abs(target.y - centre).max())
    return not bool((np.abs(values - centre) > most).any())


def _approximates(expression: Any, splines: Splines, target: FitTarget) -> bool:
    """Whether a formula that is exact to five digits leaves more than rounding and noise."""
    values = compile_expression(expression, target.names, splines)(target.x)
    rss = target.rss(values)
    if not target.rounding < rss <= len(values) * (NEARLY_EXACT * target.unit) ** 2:
        return False
    flat = np.log(values) if target.scale == "log" else values
    return has_structure(target.x, flat, (flat - target.flat) * target.root)


def ranked(
    found: Sequence[FormulaRow],
    most: int,
    *,
    steady: Callable[[FormulaRow], bool] = lambda row: True,
    approximates: Callable[[FormulaRow], bool] = lambda row: False,
    rounding: float = 0.0,
) -> list[FormulaRow]:
    """The Pareto front of complexity and error, by description length, with posterior probabilities.

    The simplest of those that evidence does not tell from the shortest description comes first: that of the fewest fitted
    constants, then nodes. Of many forms that were tried one with a constant more is always a little better. A factor of 150 is
    very strong evidence (Kass & Raftery 1995); with less there is no formula but a constant. One that is not `steady` beyond the
    data loses against one that is and whose description is not much longer. One that `approximates` loses against the simplest
    that is exact to as many digits as a law needs: each digit more of what that leaves has a shorter code than the digit itself,
    but no end. Errors up to `rounding` are equal.
    """
    best: list[FormulaRow] = []
    for candidate in sorted(found, key=lambda r: (r.complexity, max(r.rmse, rounding), r.description)):
        if not best or candidate.rmse < 0.999 * min(b.rmse for b in best) > rounding:
            best.append(candidate)
    winner = min(found, key=lambda r: r.description)
    if winner not in best:  # instead of what is no shorter, nor visibly more accurate
        best = [r for r in best if r.complexity < winner.complexity or r.rmse < 0.999 * winner.rmse > rounding]
        best.append(winner)
    shown: dict[str, FormulaRow] = {}
    for row in sorted(best, key=lambda r: r.description):
        shown.setdefault(rounded(row.text, SHOWN_DIGITS), row)  # no two rows that a reader could not tell apart
    front = sorted(shown.values(), key=lambda r: (r.complexity, -r.rmse))
    ordered = sorted(_thinned(front, most, lambda r: r.rmse), key=lambda r: r.description)
    first = ordered[0]
    if not steady(first):
        near = (r for r in ordered if r.description <= first.description + UNSTEADY and r.inputs and steady(r))
        first = next(near, first)
    alike = [r for r in ordered if r.description <= first.description + VERY_STRONG_EVIDENCE]
    alike = [r for r in alike if r is first or first is ordered[0] or steady(r)]
    if len(laws := [r for r in front if r.inputs and r.r2 >= 1 - NEARLY_EXACT**2]) > 1 and approximates(first):
        alike = laws[:1]
    simplest = min(alike, key=lambda r: (len(free_numbers(r.expression)), r.complexity))
    constants = sorted((r for r in found if not r.inputs), key=lambda r: r.description)
    if constants and constants[0].description <= first.description + VERY_STRONG_EVIDENCE:
        simplest = constants[0]
        ordered = sorted([*(r for r in ordered if r is not simplest), simplest], key=lambda r: r.description)
    weights = np.exp([min(ordered[0].description - r.description, 0.0) for r in ordered])
    rated = [(r, replace(r, probability=float(w))) for r, w in zip(ordered, weights / weights.sum(), strict=True)]
    return [own for _, own in sorted(rated, key=lambda pair: pair[0] is not simplest)]
