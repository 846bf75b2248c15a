"""`symbolify` for models with axioms: formulas in the raw inputs, of which only those are offered that fulfil the hard ones."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import Any, Final, final

import numpy as np

from splinework.errors import ConfigError
from splinework.errors.foreign import explained
from splinework.interpret.symbolic import LIBRARY, FormulaRow, FormulaTable, LibraryFunction, clock
from splinework.interpret.symbolic import symbolify as of_network
from splinework.interpret.symbolic.own_functions import functions_of
from splinework.interpret.symbolic.pool import Pool, PoolEntry
from splinework.interpret.symbolic.ranking import formula_row, formula_rows, ranked
from splinework.knowledge.axioms.language import axioms_of
from splinework.knowledge.teach.axiom_checks import AxiomChecker, CheckedFormulas
from splinework.knowledge.teach.composed import Composed, Proposed, compose
from splinework.nn.frame import FramedKAN
from splinework.nn.network import KAN

PROOF_SECONDS: Final = 20.0
"""Most seconds for proofs about all formulas together."""
FORMULA_PROOF_SECONDS: Final = 2.0
"""Most seconds for proofs about one formula."""
MAX_COMBINATIONS: Final = 27
"""Most combinations of formulas of several outputs that are checked."""


@explained
def symbolify(
    model: KAN | FramedKAN,
    x: Any,
    y: Any,
    *,
    library: Sequence[str | LibraryFunction] = LIBRARY,
    rows: int = 8,
    budget: float | None = None,
    effort: float | None = None,
    scale: str | None = None,
) -> FormulaTable:
    """Turns a model into formulas. For models without axioms this is `splinework.interpret.symbolic.symbolify`.

    Of a model with hard axioms only formulas are offered that fulfil them too: once its numbers are fitted, each is proved (by
    normal forms, signs, and interval arithmetic with branch and bound), or else looked at on a dense set of points. The notes of
    a row say which, and those of the table how many formulas were left out, and why. What a frame does before and after the
    network is part of the formulas, and its numbers are not fitted. Where no formula of known functions is left, the network
    itself is given, its edges splines.

    Args:
        model: A fitted and, best, pruned network, in a frame or not; unchanged.
        x: Data in raw units, `(N, inputs)`.
        y: `(N, outputs)` or `(N,)`.
        library: Functions to choose from: their names, such as `sin`, formulas over `z`, or `LibraryFunction` objects.
        rows: Most rows of the table for each output.
        budget: Seconds after which no further choices are tried, and nothing more is proved.
        effort: Work instead of time, in units of about a second on one core, so that the same is tried on a busy machine; proofs
            of axioms are limited in seconds all the same.
        scale: `linear` or `log`: the scale of y on which the errors of formulas count; None takes that of the model's outputs,
            and `linear` where a frame has answers.

    Returns:
        Formulas, best first.

    Raises:
        ShapeError: If x or y do not fit the model or each other.
        DataError: If there are no rows, or values that are not finite.
        ConfigError: If the library names an unknown function, or for an effort that is not above 0.

    Example:
        >>> import torch
        >>> import splinework as sw
        >>> x = torch.linspace(0, 1, 400, dtype=torch.float64)[:, None]
        >>> result = sw.fit(sw.KAN([1, 1]), x, torch.exp(x), axioms=["monotone(x1)"], validation=None, progress=False)
        >>> best = sw.symbolify(result.model, x, torch.exp(x)).best
        >>> print(best, "|", best.notes[-1])
        y = exp(x1) | proved: monotone('x1')
    """
    if effort is not None:
        if not effort > 0:
            raise ConfigError(f"effort is a number of units of work above 0, got {effort!r}.")
        with clock.counting_work():
            return symbolify(model, x, y, library=library, rows=rows, budget=effort, scale=scale)
    if isinstance(model, KAN) and not model.config.axioms:
        return of_network(model, x, y, library=library, rows=rows, budget=budget, scale=scale)
    functions = functions_of(library)
    until = math.inf if budget is None else clock.now() + budget
    with np.errstate(all="ignore"):  # a search looks into every corner; what is not finite there is refused
        case = compose(model, x, y, scale)
        built = case.proposals(functions, until)
        axioms = axioms_of(list(case.network.config.axioms))
        proofs = time.monotonic() + min(until - clock.now(), PROOF_SECONDS)
        search = _Choice(case, AxiomChecker(case.subject(), axioms, proofs), rows, until)
        found = [search.rows_of(built, j) for j in range(len(case.outputs))]
        if search.judge.joint:
            found = search.together(found)
    missing = [name for name, rows_ in zip(case.outputs, found, strict=True) if not rows_]
    refusal = f"No formula for {', '.join(missing)} fulfils the axioms." if missing else None
    chosen = tuple(each for rows_ in found for each in rows_)
    return FormulaTable(chosen, notes=_notes(search.judge), refusal=refusal)


@final
@dataclass
class _Choice:
    """The choice of rows: what is fitted, kept and judged.

    Attributes:
        case: The model and its data.
        judge: Checks axioms.
        most: Rows of each output at most.
        until: Time of the clock of searches; after it no further proposals are fitted.
    """

    case: Composed
    judge: AxiomChecker
    most: int
    until: float

    def rows_of(self, built: Sequence[Proposed], output: int) -> list[FormulaRow]:
        """The formulas of one output that fulfil the axioms about it alone, best first; the network if there is none."""
        case, name = self.case, self.case.outputs[output]
        pool = Pool(case.target(output))
        for expressions, splines in built:
            if pool.entries and clock.now() > self.until:
                break
            if expressions[output].free_symbols:
                pool.offer(expressions[output], splines)
        pool.entries = [entry for entry in pool.entries if self._plausible(entry, output)]
        found = [case.finished(each, output) for each in formula_rows(pool, name, rows=self.most)]
        kept = self._judged([each for each in found if each is not None], output)
        if not any(each.inputs for each in kept):
            kept += self._judged(self._itself(output), output, counted=False) or self._itself(output)
        return ranked(kept, self.most) if kept else []

    def _plausible(self, entry: PoolEntry, output: int) -> bool:
        """Whether a fitted proposal may be finished at all; what cannot is counted."""
        if self.case.corrects:  # at the end; until then it meets no point
            return True
        expression = self.case.raw(entry.proposal.whole(entry.expression))
        spoken = CheckedFormulas((output,), (expression,), (entry.proposal.splines,))
        return self.judge.plausible(spoken, self.judge.of(output))

    def _judged(self, found: Sequence[FormulaRow], output: int, *, counted: bool = True) -> list[FormulaRow]:
        """The rows that fulfil the axioms, with what is known in their notes."""
        kept = []
        for each in found:
            spoken = CheckedFormulas((output,), (each.expression,), (each.splines,))
            statuses = self.judge.statuses(spoken, self.judge.of(output), FORMULA_PROOF_SECONDS, counted=counted)
            if statuses is not None:
                kept.append(replace(each, notes=(*each.notes, *_statements(statuses))))
        return kept

    def _itself(self, output: int) -> list[FormulaRow]:
        """The network with splines for edges; by construction it is what the axioms say."""
        expressions, splines = self.case.itself()
        expression, target = self.case.raw(expressions[output]), self.case.raw_target(output)
        used = {name: spline for name, spline in splines.items() if expression.has(_function(name))}
        numbers = sum(spline.size for spline in used.values()) / 2 * math.log(len(target.y))
        made = formula_row(expression, target, self.case.outputs[output], numbers, used)
        return [] if made is None else [made]

    def together(self, found: Sequence[list[FormulaRow]]) -> list[list[FormulaRow]]:
        """One row of every output, that together fulfil the axioms of several outputs; else the network itself."""
        for rows in self._combinations(found):
            outputs = tuple(range(len(rows)))
            spoken = CheckedFormulas(outputs, tuple(r.expression for r in rows), tuple(r.splines for r in rows))
            statuses = self.judge.statuses(spoken, self.judge.joint, FORMULA_PROOF_SECONDS)
            if statuses is not None:
                return [[replace(r, notes=(*r.notes, *_statements(statuses)), probability=1.0)] for r in rows]
        return [self._itself(output) for output in range(len(found))]

    def _combinations(self, found: Sequence[list[FormulaRow]]) -> Iterator[tuple[FormulaRow, ...]]:
        """Rows of all outputs, the best of each first."""
        ranks = sorted(product(*(range(len(rows)) for rows in found)), key=sum)
        return (tuple(rows[n] for rows, n in zip(found, rank, strict=True)) for rank in islice(ranks, MAX_COMBINATIONS))


def _function(name: str) -> Any:
    import sympy

    return sympy.Function(name)


def _statements(statuses: Mapping[str, str]) -> tuple[str, ...]:
    """The status of a formula's axioms, a sentence for each kind of status."""
    kinds = list(dict.fromkeys(statuses.values()))
    return tuple(f"{kind}: {', '.join(axiom for axiom, own in statuses.items() if own == kind)}" for kind in kinds)


def _notes(judge: AxiomChecker) -> tuple[str, ...]:
    """How formulas were judged, and what was left out."""
    notes = []
    for axiom, statuses in judge.known.items():
        parts = [f"{status} of {count} formula{'s' * (count > 1)}" for status, count in statuses.items()]
        notes.append(f"{axiom}: {', '.join(parts)}.")
    if judge.undefined:
        many = judge.undefined > 1
        notes.append(
            f"{judge.undefined} formula{'s' * many} {'are' if many else 'is'} not defined in the whole box and left out."
        )
    for axiom, count in judge.broken.items():
        many = count > 1
        notes.append(f"{count} formula{'s' * many} broke {axiom} and {'were' if many else 'was'} left out.")
    return tuple(notes)
