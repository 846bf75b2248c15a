"""One column explained by others: screening first, networks for what it leaves, one pool of formulas, one table."""

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from typing_extensions import Unpack

from splinework.discover.answer_model import network_of_answer
from splinework.discover.networks import NetworkSearch, SplitRows
from splinework.discover.options import SearchKeywords, SearchOptions
from splinework.discover.plans import Plan, check_rows, choose_scale, describe, names_of, plans, set_aside, weights_of
from splinework.discover.refusal import refusal, share_caught
from splinework.discover.search_space import EVERYTHING, SearchSpace, balanced, changes, with_parts
from splinework.errors import ConfigError, FileError
from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import symbol
from splinework.interpret.symbolic.pool import Pool
from splinework.interpret.symbolic.ranking import formula_rows
from splinework.interpret.symbolic.screening import Screen, initial_problem, inliers
from splinework.interpret.symbolic.screening.problem import LOGARITHM, ScreeningProblem, transformed
from splinework.interpret.symbolic.table import FormulaTable
from splinework.nn.arrays import numbers_of
from splinework.train.options import options_of, with_options
from splinework.train.threads import suited_to

MAX_SEEDS, SEEDS_APART = 6, 10_007
"""Most formulas that evolution begins from, and what is added to the seed when a search goes on."""
INTERRUPTED_NOTE = "interrupted: the formulas found so far"
"""Note of a search that was interrupted."""
MAX_NOISE_RATIO = 0.1
"""Error of a network, as a share of the noise that screening has estimated, below which screening begins anew."""
SCREENING_SHARE, NETWORKS_SHARE, EVOLUTION_SHARE = 0.45, 0.7, 0.88
"""Shares of the budget after which screening, networks, and evolution begin nothing new; the rest is for the selection."""
EARLY_SHARE, SHORTENING_SHARE, MIN_FIT_SHARE = 0.2, 0.05, 0.02
"""Shares of the budget for evolution in the midst of screening, for taking idle parts out, and for a network at the end."""


@with_options(SearchKeywords, SearchOptions)
def regress(
    x: Any,
    y: Any,
    *,
    names: Sequence[str] | None = None,
    target: str = "y",
    shape: Sequence[Any] | None = None,
    noise: float | None = None,
    weights: Any = None,
    space: SearchSpace = EVERYTHING,
    network: bool = True,
    question: str | None = None,
    options: SearchOptions | None = None,
    **keywords: Unpack[SearchKeywords],
) -> FormulaTable:
    """Formulas for one column, and a network beside them.

    Args:
        x: `(N, d)` array or frame.
        y: `(N,)`.
        names: Names of the columns of x; a frame brings its own.
        target: Name of y.
        shape: Try only a network of this shape.
        noise: Standard deviation of the errors of y, where it is known: nothing below it is explained.
        weights: `(N,)`, the weight of each squared error; all the same by default.
        space: The functions and groups that the search may use, and the formula that it begins from.
        network: Whether the table must have a network; it is faster without.
        question: Fingerprint of the question that this is one search of, where the checkpoint is that of the question.
        **keywords: Fields of `SearchOptions`.
        options: These as one object, which keywords override.

    Raises:
        ShapeError: If x and y do not fit each other.
        DataError: For fewer than 8 rows, values that are not finite, or weights that are none.
        ConfigError: If two columns have one name, or the noise is negative.
    """
    if names is None and hasattr(x, "columns"):
        names = [str(c) for c in x.columns]
    xs, ys = numbers_of(x, "x"), numbers_of(y, "y").reshape(-1)
    check_rows(xs, ys, "discover", noise)
    labels = names_of(names, xs.shape[1], "discover")
    chosen = options_of(regress, options, keywords, SearchOptions)
    scales = tuple(choose_scale(column) for column in xs.T)
    scale = choose_scale(ys) if noise is None else "linear"  # known noise is in the units of y
    data = FitTarget(xs, ys, labels, scale, weights_of(weights, len(ys), "discover"), noise or 0.0)
    chosen = replace(chosen, jobs=chosen.jobs or torch.get_num_threads())
    with suited_to(len(ys)), clock.counting_work() if chosen.effort is not None else nullcontext():
        return _answer(data, target, scales, chosen, noise, space, shape, network, question)


def _answer(
    data: FitTarget,
    target: str,
    scales: tuple[str, ...],
    chosen: SearchOptions,
    noise: float | None,
    space: SearchSpace,
    shape: Sequence[Any] | None,
    network: bool,
    question: str | None,
) -> FormulaTable:
    """The search, however it ends, and its table."""
    search = _RegressionSearch(
        data,
        target,
        scales,
        chosen,
        chosen.on_stage or (lambda text: None),
        chosen.effort or chosen.budget,
        noise,
        space,
        question,
    )
    search.notes += describe((*data.names, target), np.column_stack([data.x, data.y]), (*scales, data.scale))
    search.go_on()
    try:
        search.run(shape)
        search.keep()
        if network and not search.screen.settled:  # else the network is that of the formula, where it has one
            search.fit_quickly()
            network = False
    except KeyboardInterrupt:
        network = False
        search.notes.append(INTERRUPTED_NOTE)
        search.keep()
    except ConfigError as error:  # a function of the user's that fails where the search has come to
        if not search.pool.entries:
            raise
        network = False
        search.keep()
        search.notes.append(f"{error} The search ended there: the formulas found so far")
    return search.table(network)


@dataclass
class _RegressionSearch:
    data: FitTarget
    name: str
    scales: tuple[str, ...]
    options: SearchOptions
    on_stage: Callable[[str], None]
    budget: float
    noise: float | None
    space: SearchSpace
    question: str | None
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.began = clock.now()
        self.rows = SplitRows.of(self.data, self.options.seed)
        rows = self.rows
        self.pool = Pool(replace(self.data, x=rows.x, y=rows.y, weights=rows.weights), self.space.allows)
        self.screen = self._screen(self.pool, self._at(SCREENING_SHARE))
        self.networks = NetworkSearch(
            rows,
            self.data.names,
            self.name,
            self.options,
            self.on_stage,
            self._at(NETWORKS_SHARE),
            self.pool.offer,
            lambda: self.pool.exact,
            tuple(
                f for f in self.space.library if self.space.allows is None or self.space.admits(f.build(symbol("z")))
            ),
        )
        self.evolution: Any = None
        self.kept: Any = None
        self.plain: list[ScreeningProblem] = []

    def _screen(self, pool: Pool, deadline: float) -> Screen:
        return Screen(pool, (initial_problem(pool.target),), deadline, self.space.library)

    def go_on(self) -> None:
        """Takes the formulas of an earlier search from its checkpoint, where there is one."""
        if self.options.checkpoint is None:
            return
        from splinework.discover.checkpoint import KeptSearch, search_of

        search = search_of(self.data, [each.name for each in self.space.library], self.noise)
        self.kept = KeptSearch.read(self.options.checkpoint, search, self.question)
        for expression in self.kept.found.expressions(self.data.names):
            self.pool.offer(expression)
        if self.kept.found.runs:
            self.notes.append(f"it went on from {len(self.kept.found.formulas)} formulas of {self.options.checkpoint}")

    def keep(self) -> None:
        """Writes the formulas so far to the checkpoint, where there is one."""
        if self.kept is not None:
            found = [entry.expression for entry in self.pool.entries if not entry.proposal.splines]
            try:
                self.kept.write(found, self.data.names)
            except FileError as error:
                self.notes.append(f"no checkpoint was written: {error}")

    def _at(self, share: float) -> float:
        return self.began + share * self.budget

    def run(self, shape: Sequence[Any] | None) -> None:
        """The formula to start from, screening, then networks where that leaves something to explain."""
        if shape is not None:
            self.networks.run([Plan(tuple(shape), self.scales, self.data.scale, 1)], 0.5 * self.budget)
            return
        problem = self.screen.starts[-1]
        if self.space.balance is not None:
            self.screen.starts = (balanced(problem, self.space.balance), problem)
        if self.space.start is not None:
            self.on_stage("fitting the formula to start from")
            entry = self.pool.offer(self.space.start)
            if entry is None:
                self.notes.append(
                    "the formula to start from is not finite on all rows, or may not be used: it was left out"
                )
            elif self.pool.exact:
                return
            else:
                self.screen.starts = (*changes(problem, entry.expression), *self.screen.starts)
        if self.pool.categories:
            from splinework.interpret.symbolic.screening.level_effects import without_categories

            self.on_stage("taking out effects of levels")
            self.plain = without_categories(problem, self.pool.categories, deadline=self._at(SCREENING_SHARE / 2))
            self.screen.starts = (*self.plain, *self.screen.starts)
        self.on_stage("screening: symmetries, factors, sums of products")
        self.screen.further = lambda share: self._evolve(clock.now() + share * EARLY_SHARE * self.budget)
        self.screen.run()
        if self.pool.exact or self._robust() or self.screen.settled:
            self.notes += ["screening: " + "; ".join(self.screen.path)] if self.screen.path else []
            return
        left = self._at(NETWORKS_SHARE) - clock.now()
        if not self.screen.settled and left > 0:
            self.networks.run(plans(self.data.x, self.data.y, self.scales, self.data.scale), 0.6 * left)
            self._screen_again()
        self._evolve(self._at(EVOLUTION_SHARE))
        self.notes += self.networks.notes

    def _evolve(self, deadline: float) -> bool:
        """Evolution, seeded by what was found; True where nothing is left to explain."""
        from splinework.interpret.symbolic import evolution
        from splinework.interpret.symbolic.screening import populations

        if not populations.available():
            return False
        if self.evolution is None:
            first, ends = self.screen.starts[-1], [end.problem for end in self.screen.ends[:1] if end.problem.steps]
            if self.data.scale == "log":
                ends = [*transformed(first, LOGARITHM), *ends]
            ends = [end for end in ends if 0 < end.size <= first.size]
            names = [n for n, (_, f) in populations.FUNCTIONS.items() if self.space.admits(f(symbol("z")))]
            self.evolution = evolution.FormulaEvolution(
                (first, *with_parts(first, self.space.parts, self.pool.target), *self.plain, *ends),
                names,
                self.options.seed + SEEDS_APART * (0 if self.kept is None else self.kept.found.runs),
                clean=self.screen.is_clean,
                threads=self.options.jobs or 1,  # set by `regress`
                powers=[p for p in populations.POWERS if self.space.admits(symbol("z") ** p)],
                own=evolution.called_back(self.space.library),
            )
        self.on_stage("varying and joining formulas")
        for entry in (each for each in self.pool.entries[:MAX_SEEDS] if not each.proposal.splines):
            self.evolution.begin_from(entry.expression)
        late = deadline + SHORTENING_SHARE * self.budget

        def settled() -> bool:
            self.screen.shorten(late)
            return self.screen.settled

        self.evolution.run(self.pool.offer, settled, lambda: self.screen.leaves_noise, deadline=deadline)
        self.screen.shorten(late, always=True)
        return self.screen.settled

    def _screen_again(self) -> None:
        """Screening with what the networks have shown of the noise, where this is far less than polynomials could tell."""
        best, unit = self.networks.best, self.screen.starts[-1].spread
        if self.pool.exact or best is None or not best.error * unit < MAX_NOISE_RATIO * self.screen.noise:
            return
        self.on_stage("screening again, as the data have less noise than they seemed to")
        self.screen.noise, self.screen.deadline = best.error * unit, self._at(NETWORKS_SHARE)
        self.screen.run()

    def _robust(self) -> bool:
        """Screening again without the rows that are gross errors; True where that settles it."""
        target = self.pool.target
        if clock.now() > self._at(SCREENING_SHARE):
            return False
        kept = inliers(target.x, target.y, initial_problem(target).weights)
        if kept is None:
            return False
        self.on_stage("screening without gross errors")
        pool = Pool(set_aside(target, kept), self.space.allows)
        screen = self._screen(pool, self._at(SCREENING_SHARE) + 0.5 * SCREENING_SHARE * self.budget)
        screen.run()
        if not screen.settled:
            return False
        self.pool, self.screen = pool, screen
        self.networks.rows = replace(self.rows, weights=pool.target.weights)
        self.notes.append(
            f"{int(len(kept) - kept.sum())} of {len(kept)} rows are gross errors, far from any smooth function: set aside"
        )
        everything = inliers(self.data.x, self.data.y, initial_problem(self.data).weights)
        if everything is not None:
            self.data = set_aside(self.data, everything)
        return True

    def fit_quickly(self) -> None:
        """A network of the data where none was fitted yet, within what is left of the budget."""
        if self.networks.trials:
            return
        for plan in plans(self.data.x, self.data.y, self.scales, self.data.scale)[:3]:
            left = max(self._at(1.0) - clock.now(), MIN_FIT_SHARE * self.budget)
            if self.networks.only(plan, budget=min(2.0, 0.1 * self.budget, left)).error < 0.02:
                return

    def table(self, network: bool) -> FormulaTable:
        """The answer, with a network where one is asked for."""
        self.on_stage("choosing among the formulas")
        held = replace(self.data, x=self.rows.held_x, y=self.rows.held_y, weights=None)
        found = formula_rows(self.pool, self.name, rows=10, everything=self.data, held=held, deadline=self._at(1.0))
        model, which = network_of_answer(found[0], self.networks.best, self.rows, self.data.x)
        if network and model is None:
            self.fit_quickly()
            model, which = network_of_answer(found[0], self.networks.best, self.rows, self.data.x)
        best = self.networks.best
        refused = refusal(found[0], best, self.rows)
        stated = refused or (None if best is None else share_caught(found[0], best, self.rows))
        if best is not None:
            self.notes.append(f"network: {best.plan}, held-out error {best.error:.3g} of the spread")
        self.notes += filter(None, [which])
        noise = self.noise if self.noise is not None else self.screen.noise
        if clock.now() - self.began > self.budget:
            of = f"budget of {self.budget:g} s" if self.options.effort is None else f"effort of {self.budget:g} units"
            self.notes.append(f"the {of} was used up: the best so far")
        return FormulaTable(
            tuple(found),
            (*([stated] if stated else []), *dict.fromkeys(self.notes)),
            model,
            None if best is None else best.history,
            noise if math.isfinite(noise) else None,
            refused,
        )
