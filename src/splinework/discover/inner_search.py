"""Common parts of the searches beyond one column: the search that they call inside, its deadline, interruption."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from splinework.discover.options import RegressionSearch, SearchOptions
from splinework.discover.plans import names_of
from splinework.discover.regression import INTERRUPTED_NOTE, regress
from splinework.discover.search_space import EVERYTHING, SearchSpace
from splinework.errors import DataError, ShapeError
from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.table import FormulaRow, FormulaTable
from splinework.nn.arrays import numbers_of
from splinework.train.progress_line import stage_callback


@dataclass(frozen=True)
class InnerSearch:
    """A search for formulas of one column, with the arguments that all calls have in common, and a deadline.

    Attributes:
        search: The search, with the arguments of `regress`.
        seed: Seed of everything random.
        deadline: Time of `clock`.
        on_stage: Function called with a text at the beginning of each stage.
        checkpoint: A file for the formulas of all searches, and the fingerprint of the question that they belong to.
        halted: Targets whose search was interrupted.
    """

    search: RegressionSearch
    seed: int
    deadline: float
    on_stage: Callable[[str], None]
    checkpoint: tuple[Path, str] | None = None
    halted: list[str] = field(default_factory=list)

    @property
    def left(self) -> float:
        """Seconds left, or units of work where these are counted, not below 0."""
        return max(self.deadline - clock.now(), 0.0)

    def __call__(
        self,
        x: Array,
        y: Array,
        names: Sequence[str],
        target: str,
        share: float,
        *,
        weights: Array | None = None,
        network: bool = False,
        space: SearchSpace = EVERYTHING,
    ) -> FormulaTable:
        """Searches y(x) for this share of what is left, and at least one second or unit of work.

        For a search without weights, rows are drawn in proportion to them. No network is fitted unless it is asked for.

        Raises:
            KeyboardInterrupt: If an earlier search was interrupted, according to its notes.
        """
        if self.halted:
            raise KeyboardInterrupt
        known = inspect.signature(self.search).parameters
        if weights is not None and "weights" not in known:
            kept = _drawn(weights, self.seed)
            x, y = x[kept], y[kept]
        amount = max(share * self.left, 1.0)
        place, question = self.checkpoint or (None, None)
        options = {
            "weights": weights,
            "network": network,
            "progress": False,
            "checkpoint": place,
            "question": question,
            "effort": amount if clock.counts_work() else None,
            **({} if space is EVERYTHING else {"space": space}),
        }
        table = self.search(
            x,
            y,
            names=list(names),
            target=target,
            budget=amount,
            seed=self.seed,
            on_stage=lambda text: self.on_stage(f"{target}: {text}"),
            **{name: value for name, value in options.items() if name in known},
        )
        if INTERRUPTED_NOTE in table.notes:
            self.halted.append(target)
        return table


@contextmanager
def inner_search(options: SearchOptions, *question: Any) -> Iterator[InnerSearch]:
    """An inner search whose time begins now, while a line on the terminal shows its stages where that is wanted.

    Args:
        options: The options of the question.
        question: Arrays and texts that say what is asked; a checkpoint of another question is refused.

    Raises:
        ConfigError: For a checkpoint of another question.
        FileError: For a checkpoint that cannot be read.
    """
    checkpoint = None
    if options.checkpoint is not None:
        from splinework.discover.checkpoint import fingerprint, read_checkpoint

        checkpoint = Path(options.checkpoint), fingerprint(*question)
        read_checkpoint(*checkpoint)
    counting = clock.counting_work() if options.effort is not None else nullcontext()
    with stage_callback(options.progress, options.on_stage) as on_stage, counting:
        search = options.search or partial(regress, callbacks=options.callbacks, jobs=options.jobs)
        deadline = clock.now() + (options.effort or options.budget)
        yield InnerSearch(search, options.seed, deadline, on_stage, checkpoint)


class InterruptibleSearch(Protocol):
    """A search that can be interrupted and has a result at any time."""

    notes: list[str]

    def run(self) -> None:
        """Searches until the deadline."""

    def table(self) -> FormulaTable:
        """The formulas found so far."""


def run_search(work: InterruptibleSearch) -> FormulaTable:
    """Runs a search and returns its result; Ctrl-C ends it with what it has found, and a note says so."""
    try:
        work.run()
    except KeyboardInterrupt:
        work.notes.append(INTERRUPTED_NOTE)
    return work.table()


def pareto_front(rows: Iterable[FormulaRow]) -> list[FormulaRow]:
    """The first row, and every later one that is simpler than all rows before it."""
    kept: list[FormulaRow] = []
    for row in rows:
        if all(row.complexity < other.complexity for other in kept):
            kept.append(row)
    return kept


def _drawn(weights: Array, seed: int) -> NDArray[np.intp]:
    """Indices of rows, each kept with a probability in proportion to its weight; at least half of them."""
    level = weights / max(float(np.quantile(weights, 0.5)), 1e-300)
    kept = np.random.default_rng(seed).uniform(size=len(weights)) < level
    return np.flatnonzero(kept)


def as_table(values: Any, names: Sequence[str] | None, what: str, prefix: str = "x") -> tuple[Array, tuple[str, ...]]:
    """Numbers `(N, d)` and the names of their columns, by default those of a frame.

    Raises:
        ShapeError: If it is not a table, or there are not as many names as columns.
        ConfigError: If two columns have one name.
        DataError: For values that are not numbers, or not finite.
    """
    if names is None and hasattr(values, "columns"):
        names = [str(c) for c in values.columns]
    array = numbers_of(values, f"{prefix} of {what}")
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or 0 in array.shape:
        raise ShapeError(f"{what} takes a table of shape (rows, columns) with some of each, got {array.shape}.")
    labels = names_of(names, array.shape[1], what, prefix)
    bad = int((~np.isfinite(array)).sum())
    if bad:
        raise DataError(f"{what} got {bad} values that are not finite numbers; drop or fill those rows first.")
    return array, labels


def target_name(target: str | None, y: Any) -> str:
    """The name given, by default that of a series, or `y`."""
    name = getattr(y, "name", None) if target is None else target
    return name if isinstance(name, str) else "y"
