"""`discover_classes`: formulas for the log odds of classes.

A network fitted with the logistic loss gives smooth logits; formulas for these, and sparse sums of terms found by the
iteration of generalised linear models, are candidates; each is fitted by maximum likelihood, and the shortest description
of labels and formula wins.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy.core.function import AppliedUndef
from typing_extensions import Unpack

from splinework.discover.inner_search import InnerSearch, as_table, inner_search, pareto_front, run_search, target_name
from splinework.discover.logits import (
    RIDGE_STRENGTH,
    LogitObjective,
    area,
    base_rate,
    calibration_slope,
    logit_network,
    nats,
    probabilities,
)
from splinework.discover.options import InnerSearchKeywords, SearchOptions
from splinework.discover.right_sides import structure_key
from splinework.discover.snapping import FreeConstants, minimise, price, snap
from splinework.discover.terms import Terms, exponents, functions, monomials, supports
from splinework.errors import DataError, ShapeError
from splinework.interpret.symbolic.description_length import structure_cost
from splinework.interpret.symbolic.expression import compile_expression
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.simplification import simplified
from splinework.interpret.symbolic.table import FormulaRow, FormulaTable
from splinework.train.options import options_of, with_options

MIN_LOSS_PER_ROW = 1e-3
"""Loss per row, in nats, below which the classes are considered separable."""
MAX_CLASSES = 20
MIN_ROWS_PER_CLASS = 5
"""Number of rows that every class needs."""
MIN_GAIN_NATS = 1.5
"""Nats by which logits must improve on the base rate, beyond the description of the formulas."""


@with_options(InnerSearchKeywords, SearchOptions)
def discover_classes(
    x: Any,
    y: Any,
    *,
    names: Sequence[str] | None = None,
    target: str | None = None,
    reference: Any = None,
    options: SearchOptions | None = None,
    **keywords: Unpack[InnerSearchKeywords],
) -> FormulaTable:
    """Finds formulas for the probabilities of classes.

    For two classes they give the probability of the second one, `1/(1+exp(-(logit)))`; for K, those of all but the reference,
    `exp(logit_k)/(1+Σ exp(logit_j))`, each with the other logits of the best answer.

    Args:
        x: `(N, d)` array or frame.
        y: `(N,)` labels of any type that can be sorted.
        names: Names of the columns of x; by default those of the frame, or `x1`, `x2`, ….
        target: Name of y; by default that of the series, or `y`.
        reference: The label that log odds are relative to; the first in order by default.
        **keywords: Fields of `SearchOptions`.
        options: These as one object, which keywords override.

    Returns:
        Rows of targets such as `P(y=1)`, best first; log-loss, area under the curve and calibration on held-out rows, and a
        refusal where nothing beats the base rate, are in the notes.

    Raises:
        ShapeError: If rows and labels do not fit each other.
        DataError: For fewer than two classes, more than 20, or fewer than 5 rows of one.
        ConfigError: For an unknown option.

    Example:
        >>> import numpy as np, splinework as sw
        >>> random = np.random.default_rng(0)
        >>> x = random.uniform(-1, 1, (100, 1))
        >>> y = np.where(x[:, 0] + 0.3 * random.normal(size=100) > 0, "high", "low")
        >>> sw.discover_classes(x, y, target="kind", budget=1, progress=False).best.target
        'P(kind=low)'
    """
    chosen = options_of(discover_classes, options, keywords, SearchOptions)
    target = target_name(target, y)
    xs, columns = as_table(x, names, "discover_classes")
    seen = np.asarray(y).reshape(-1)
    if len(seen) != len(xs):
        raise ShapeError(f"discover_classes takes as many labels as rows, got {len(seen)} and {len(xs)}.")
    kinds, numbers = _ordered(seen, reference, target)
    targets = [f"P({target}={kind})" for kind in kinds[1:]]
    with inner_search(chosen, "discover_classes", xs, seen.tolist(), columns, reference) as inner:
        return run_search(_ClassSearch(xs, numbers, columns, targets, inner))


def _ordered(seen: NDArray[Any], reference: Any, target: str) -> tuple[list[Any], NDArray[np.intp]]:
    """Labels with the reference first, and each row's place among them."""
    kinds, numbers = np.unique(seen, return_inverse=True)
    numbers = numbers.reshape(-1)
    if not 2 <= len(kinds) <= MAX_CLASSES:
        raise DataError(
            f"{target} has {len(kinds)} distinct labels, and discover_classes takes 2 to {MAX_CLASSES}; for numbers use "
            "discover(x, y)."
        )
    counts = np.bincount(numbers)
    if counts.min() < MIN_ROWS_PER_CLASS:
        rare = kinds[int(counts.argmin())]
        raise DataError(
            f"the label {rare} of {target} has {counts.min()} rows, and a formula needs {MIN_ROWS_PER_CLASS}; merge or drop it."
        )
    names = [kind.item() if hasattr(kind, "item") else kind for kind in kinds]
    if reference is not None and reference not in names:
        raise DataError(f"the reference {reference!r} is not among the labels {', '.join(map(str, names))}.")
    first = 0 if reference is None else names.index(reference)
    order = [first, *[i for i in range(len(names)) if i != first]]
    return [names[i] for i in order], np.argsort(order)[numbers]


@dataclass(frozen=True)
class _ClassAnswer:
    """Logits of all classes but the reference, and their description length."""

    expressions: tuple[Any, ...]
    description: float


@dataclass
class _ClassSearch:
    """The search, and its results so far."""

    x: Array
    labels: NDArray[np.intp]
    names: tuple[str, ...]
    targets: list[str]
    inner: InnerSearch
    notes: list[str] = field(default_factory=list)
    answers: dict[str, _ClassAnswer] = field(default_factory=dict)
    model: Any = None
    history: Any = None
    ridge: float = 0.0

    def __post_init__(self) -> None:
        order = np.random.default_rng(self.inner.seed).permutation(len(self.x))
        held = order[: round(0.2 * len(order))]  # rows on which the answer is judged
        self.held = np.isin(np.arange(len(order)), held)
        self.base = tuple(sympy.Float(v) for v in base_rate(self.labels))
        self._offer(self.base)

    @property
    def best(self) -> _ClassAnswer:
        """The shortest description so far."""
        return min(self.answers.values(), key=lambda a: a.description)

    def run(self) -> None:
        """Sums of terms for each logit, then formulas for the network's logits; the likelihood chooses."""
        for k in range(len(self.targets)):
            self.inner.on_stage(f"{self.targets[k]}: sums of terms")
            self._try(k, self._sums(k))
        self.inner.on_stage("fitting a network to the labels")
        budget = max(0.2 * self.inner.left, 2.0)
        logits, self.model, self.history = logit_network(
            self.x, self.labels, self.held, seed=self.inner.seed, budget=budget
        )
        for k in range(len(self.targets)):
            rows = (self.labels == 0) | (self.labels == k + 1)
            p = 1 / (1 + np.exp(-np.clip(logits[:, k], -30, 30)))
            weights = np.maximum(p * (1 - p), 1e-6)
            share = 0.8 / (len(self.targets) - k)
            table = self.inner(self.x[rows], logits[rows, k], self.names, self.targets[k], share, weights=weights[rows])
            self._try(k, [row.expression for row in table.rows])
        self._snap()

    def _sums(self, k: int) -> list[Any]:
        """Sparse sums for the working response `z = η + (y - p)/w` with weights `w = p(1 - p)` (iteratively reweighted)."""
        rows = (self.labels == 0) | (self.labels == k + 1)
        x, y = self.x[rows], (self.labels[rows] == k + 1).astype(float)
        low = monomials(self.names, exponents(len(self.names), 2))
        return [e for terms in (low, low.joined(functions(self.names, x))) for e in self._reweighted(terms, x, y)]

    def _reweighted(self, terms: Terms, x: Array, y: Array) -> list[Any]:
        """The sums found in the rounds of reweighting."""
        terms, values = terms.defined(x)
        chosen_ones: dict[tuple[int, ...], Any] = {}
        eta = np.full(len(y), math.log(y.mean() / (1 - y.mean())))
        for _ in range(6):
            p = 1 / (1 + np.exp(-eta))
            root = np.sqrt(np.maximum(p * (1 - p), 1e-4))
            working = eta + (y - p) / root**2
            design = values * root[:, None]
            shortest = math.inf
            for chosen in supports(design, working * root, most=6):
                part = design[:, list(chosen)]
                coefficients = np.linalg.lstsq(part, working * root, rcond=None)[0]
                chosen_ones[chosen] = terms.combination(chosen, coefficients)
                length = 0.5 * float(((working * root - part @ coefficients) ** 2).sum())
                length += structure_cost(chosen_ones[chosen], len(self.names)) + len(chosen) * 0.5 * math.log(len(y))
                if length < shortest:
                    shortest, following = length, values[:, list(chosen)] @ coefficients
            eta = np.clip(following, -8.0, 8.0)
        return list(chosen_ones.values())

    def _try(self, k: int, candidates: Sequence[Any]) -> None:
        """Tries each candidate as the k-th logit of the best answer."""
        for candidate in dict.fromkeys(candidates):
            together = list(self.best.expressions)
            together[k] = candidate
            self._offer(together)

    def _offer(self, expressions: Sequence[Any]) -> None:
        """Fits logits by maximum likelihood, each structure once."""
        unfit = any(e.atoms(AppliedUndef) or e.has(sympy.nan, sympy.oo, sympy.zoo) for e in expressions)
        key = "" if unfit else structure_key(expressions)
        if unfit or key in self.answers or (self.answers and self.inner.left <= 0):
            return
        constants = FreeConstants.of(expressions)
        objective = LogitObjective(constants, self.x, self.labels, self.names, self.ridge)
        optimum = minimise(objective, constants.start, gain=1e-4)
        if optimum is not None and not self.ridge and optimum.loss < MIN_LOSS_PER_ROW * len(self.x):
            self.ridge = RIDGE_STRENGTH
            self.notes.append(
                "the classes are separated: any steeper boundary fits as well, so the constants are held back by a ridge of "
                f"{RIDGE_STRENGTH:g} and the probabilities near the boundary are not determined"
            )
            before, self.answers = list(self.answers.values()), {}
            for again in [*[answer.expressions for answer in before], expressions]:
                self._offer(again)
            return
        if optimum is None:
            return
        numbers = price(optimum, range(len(constants.symbols)), len(self.x))
        self.answers[key] = _ClassAnswer(
            constants.put(optimum.constants, {}), optimum.loss + numbers + self._structure(expressions)
        )

    def _structure(self, expressions: Sequence[Any]) -> float:
        return sum(structure_cost(e, len(self.names)) + (MIN_GAIN_NATS if e.free_symbols else 0.0) for e in expressions)

    def _snap(self) -> None:
        """Simple numbers for the best answer."""
        best = self.best
        constants = FreeConstants.of(best.expressions)
        outcome = snap(constants, LogitObjective(constants, self.x, self.labels, self.names, self.ridge), len(self.x))
        if outcome is None:
            return
        expressions = tuple(simplified(e, self.names, self.x) for e in outcome.expressions)
        description = outcome.loss + outcome.numbers + self._structure(expressions)
        if description < best.description:
            self.answers[structure_key(best.expressions)] = _ClassAnswer(expressions, description)

    def table(self) -> FormulaTable:
        """Rows of each class: of the best answer, then simpler ones."""
        best = self.best
        rows: list[FormulaRow] = []
        answers = sorted(self.answers.values(), key=lambda a: a.description)
        for k in range(len(self.targets)):
            first, last = best.expressions[:k], best.expressions[k + 1 :]
            rows += pareto_front(self._row(k, [*first, a.expressions[k], *last], a.description) for a in answers)
        return FormulaTable(tuple(rows), (*self.notes, *self._assessment(best)), self.model, self.history)

    def _row(self, k: int, logits: Sequence[Any], description: float) -> FormulaRow:
        """The probability of a class; error and R² are those of probabilities against what was seen (Brier's score)."""
        if len(logits) == 1:
            probability = 1 / (1 + sympy.exp(-logits[0]))
        else:
            probability = sympy.exp(logits[k]) / (1 + sympy.Add(*[sympy.exp(e) for e in logits]))
        truth = (self.labels == k + 1).astype(float)
        gap = compile_expression(probability, self.names)(self.x) - truth
        brier = float((gap**2).mean())
        return FormulaRow(
            self.targets[k], probability, self.names, math.sqrt(brier), 1 - brier / float(truth.var()), description
        )

    def _assessment(self, best: _ClassAnswer) -> list[str]:
        """Notes on classes without a formula, and on held-out rows, with the logits fitted again without them."""
        idle = [t for t, e in zip(self.targets, best.expressions, strict=True) if not e.free_symbols]
        notes = [f"no formula explains {t}: nothing predicts it better than the base rate" for t in idle]
        if len(idle) == len(self.targets):
            return notes
        constants = FreeConstants.of(best.expressions)
        used, held = ~self.held, self.held
        fitted = minimise(
            LogitObjective(constants, self.x[used], self.labels[used], self.names, self.ridge), constants.start
        )
        if fitted is None:
            return notes
        expressions = constants.put(fitted.constants, {})
        logits = np.column_stack([compile_expression(e, self.names)(self.x[held]) for e in expressions])
        truth = np.eye(len(self.targets) + 1)[self.labels[held]][:, 1:]
        base = np.broadcast_to(base_rate(self.labels[used]), logits.shape)
        loss, rate = nats(logits, truth) / len(logits), nats(base, truth) / len(logits)
        notes.append(f"held-out rows: log-loss {loss:.3f}, that of the base rate {rate:.3f}")
        p = probabilities(logits)
        for k, name in enumerate(self.targets):
            positive = truth[:, k] == 1
            logit = np.log(np.clip(p[:, k], 1e-12, 1 - 1e-12) / np.clip(1 - p[:, k], 1e-12, 1))
            notes.append(
                f"{name} on held-out rows: area under the curve {area(logit, positive):.3f}, calibration slope "
                f"{calibration_slope(logit, positive):.2f}"
            )
        return notes
