"""`run`: runs the cells of experiments that have no result yet, and makes table, figure and checks of all results."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final, final

from splinework.errors import ConfigError
from splinework.errors.foreign import explained
from splinework.formula.figures import plural
from splinework.nn.files import check_writable, write_into
from splinework.reproduce.experiment import (
    SCALES,
    BoundCheck,
    ComparisonRow,
    Experiment,
    ExperimentCell,
    FinishedCell,
    Scale,
    row_values,
)
from splinework.reproduce.figures import save_figure
from splinework.reproduce.registry import experiment_names, recipe
from splinework.reproduce.store import ResultStore
from splinework.reproduce.tables import result_text, row_checks
from splinework.train.parallel import one_by_one, with_jobs
from splinework.train.progress_line import jobs as at_once
from splinework.train.progress_line import stage_callback

DEFAULT_FOLDER: Final = "splinework-reproduce"
EXAMPLES: Final = 3
"""Names of cells that a message shows."""


@final
@dataclass(frozen=True)
class ExperimentResult:
    """The table, the checks and the results of an experiment.

    Attributes:
        scale: `quick` or `full`.
        version: Version of the package and of the experiment.
        rows: The table.
        checks: Statements with their bounds, and whether they hold.
        finished: Results of all cells.
        cells: Number of cells of the recipe.
        foreign: Number of results of another recipe or version in the folder, which were not used.
        environments: Versions, processor and threads that the results came from, each once.
        folder: Folder of `table.md`, `figure.svg` and `result.json`.
    """

    name: str
    scale: Scale
    version: str
    rows: tuple[ComparisonRow, ...]
    checks: tuple[BoundCheck, ...]
    finished: tuple[FinishedCell, ...]
    cells: int
    foreign: int
    environments: tuple[dict[str, Any], ...]
    folder: Path

    @property
    def met(self) -> bool:
        """Whether all cells were run and every check that could be made holds."""
        return len(self.finished) == self.cells and all(check.met is not False for check in self.checks)

    @property
    def seconds(self) -> float:
        """Process time of all cells."""
        return sum(cell.seconds for cell in self.finished)

    def to_dict(self) -> dict[str, Any]:
        """Plain values of JSON, with the results of all cells."""
        return {
            "experiment": self.name,
            "scale": self.scale,
            "version": self.version,
            "met": self.met,
            "seconds": round(self.seconds, 1),
            "rows": [row_values(row) for row in self.rows],
            "checks": [vars(check) for check in self.checks],
            "environments": list(self.environments),
            "cells": [vars(cell) for cell in self.finished],
            "cell_count": self.cells,
        }


@dataclass(frozen=True)
class ExperimentStatus:
    """How far an experiment is in a folder.

    Attributes:
        title: Title with the place in the paper.
        minutes: Process time in minutes, quick and full.
        done: Cells that have a result, quick and full.
        cells: Cells of the recipe, quick and full.
        foreign: Number of results of another recipe or version in the folder.
    """

    name: str
    title: str
    minutes: tuple[float, float]
    done: tuple[int, int]
    cells: tuple[int, int]
    foreign: int


class _Stopped(BaseException):
    """Ctrl-C. Not a KeyboardInterrupt, on which a fit would return its best state so far as if it were its result."""


@explained
def run(
    *names: str,
    quick: bool = False,
    out: str | os.PathLike[str] = DEFAULT_FOLDER,
    jobs: int = 1,
    only: Sequence[str] = (),
    progress: bool = True,
    on_stage: Callable[[str], None] | None = None,
) -> list[ExperimentResult]:
    """Runs experiments of the literature and compares with the published values.

    Cells that have a result in the folder are not run again. After an interrupt the same call goes on where it was stopped;
    only the cell that was being run is lost.

    Args:
        names: Names of experiments (`experiment_names()`); all without any.
        quick: Whether to run the short recipes, with fewer seeds, sizes or functions.
        out: Folder of the results.
        jobs: Number of local processes that run cells; 1 leaves it to `joblib.parallel_config`, so that clusters of Dask and Ray
            serve. A cell in a process beside others computes with one thread.
        only: Texts; of the cells without a result, those whose names have one of them in it are run, such as `("I.6.2",)` for
            a row of a table, or `("default", "sparsify")` for a method. All by default.
        progress: Whether to show progress on a terminal.
        on_stage: Function that is called with the name of every cell instead.

    Returns:
        A result for each experiment, in the order of the names.

    Raises:
        ConfigError: If a name is unknown, jobs is not positive, or no cell has one of the texts in its name.
        FileError: If the folder cannot be written, or a file of a result is damaged.

    Example:
        >>> import splinework as sw
        >>> sw.reproduce.run("no-such-experiment")
        Traceback (most recent call last):
        splinework.errors.ConfigError: there is no experiment 'no-such-experiment'; ...
    """
    wanted = [recipe(name) for name in dict.fromkeys(names or experiment_names())]
    if not isinstance(jobs, int) or jobs < 1:
        raise ConfigError(f"jobs is the number of processes, at least 1, got {jobs!r}.")
    folder, scale = Path(out), SCALES[0] if quick else SCALES[1]
    texts = [only] if isinstance(only, str) else list(only)
    chosen = {each.name: _chosen(each.cells(scale), texts) for each in wanted}
    if not any(chosen.values()):
        some = ", ".join(repr(cell.name) for cell in wanted[0].cells(scale)[:EXAMPLES])
        raise ConfigError(f"no cell has {' or '.join(map(repr, texts))} in its name; the first are {some}.")
    check_writable(folder)
    with stage_callback(progress, on_stage) as say, _interrupts():
        return [evaluate(each, scale, folder) for each in _completed(wanted, chosen, folder, jobs, say)]


def status(folder: str | os.PathLike[str] = DEFAULT_FOLDER) -> list[ExperimentStatus]:
    """How far every experiment is in a folder, quick and full.

    Args:
        folder: Folder of the results; it need not exist.

    >>> [each.done for each in status("no-such-folder")][0]
    (0, 0)
    """
    found = []
    for name in experiment_names():
        each = recipe(name)
        store, scales = ResultStore(Path(folder), each), [each.cells(scale) for scale in SCALES]
        done = [sum(store.path(cell).exists() for cell in cells) for cells in scales]
        foreign = store.foreign([cell for cells in scales for cell in cells])
        counts = len(scales[0]), len(scales[1])
        found.append(ExperimentStatus(name, each.title, each.minutes, (done[0], done[1]), counts, foreign))
    return found


def evaluate(each: Experiment, scale: Scale, folder: Path) -> ExperimentResult:
    """Makes table, figure and checks of the results that there are, and writes them.

    Raises:
        FileError: If a file cannot be read or written.
    """
    store, cells = ResultStore(folder, each), each.cells(scale)
    finished = store.finished(cells)
    rows = each.table(finished)
    checks = [*row_checks(rows), *each.checks(finished)]
    both = [cell for one in SCALES for cell in each.cells(one)]
    result = ExperimentResult(
        name=each.name,
        scale=scale,
        version=store.version,
        rows=tuple(rows),
        checks=tuple(checks),
        finished=tuple(finished),
        cells=len(cells),
        foreign=store.foreign(both),
        environments=tuple(store.environments(cells)),
        folder=folder / each.name / scale,
    )
    texts = {
        "table.md": result_text(each, result.to_dict()),
        "result.json": json.dumps(result.to_dict(), indent=1) + "\n",
    }
    writers: dict[str, Callable[[Path], Any]] = {name: partial(_write_text, text) for name, text in texts.items()}
    if finished:
        writers["figure.svg"] = partial(save_figure, each, finished)
    write_into(result.folder, writers)
    return result


def _write_text(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8")


def _chosen(cells: Sequence[ExperimentCell], texts: Sequence[str]) -> list[ExperimentCell]:
    """The cells with one of some texts in their names; all without any."""
    return [cell for cell in cells if not texts or any(text and text in cell.name for text in texts)]


def _completed(
    wanted: Sequence[Experiment],
    chosen: Mapping[str, Sequence[ExperimentCell]],
    folder: Path,
    jobs: int,
    say: Callable[[str], None],
) -> Iterator[Experiment]:
    """Runs the cells without a result, those of all experiments in one row; yields an experiment when its own are done.

    Says the name of a cell before it is run, or with several processes of the one that is waited for.
    """
    stores = {each.name: ResultStore(folder, each) for each in wanted}
    missing = {name: [cell for cell in cells if stores[name].read(cell) is None] for name, cells in chosen.items()}
    with with_jobs(jobs):
        work = [(name, cell, folder) for name, cells in missing.items() for cell in cells]
        results = one_by_one(run_cell if at_once() == 1 else _run_apart, work)
        for each in wanted:
            cells, own = chosen[each.name], missing[each.name]
            for done, cell in enumerate(own, start=len(cells) - len(own)):
                say(f"{each.name}: {done} of {plural(len(cells), 'cell')} done; {cell.name}")
                next(results)
            yield each


def _run_apart(name: str, cell: ExperimentCell, folder: Path) -> FinishedCell:
    """Runs one cell beside others: in a process of its own by one thread, and Ctrl-C is left to the parent."""
    if threading.current_thread() is not threading.main_thread():  # of a process whose threads are not ours to set
        return run_cell(name, cell, folder)
    import torch

    threads, answer = torch.get_num_threads(), signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    try:
        return run_cell(name, cell, folder)
    finally:
        torch.set_num_threads(threads)
        signal.signal(signal.SIGINT, answer)


def run_cell(name: str, cell: ExperimentCell, folder: Path) -> FinishedCell:
    """Runs one cell and keeps its result."""
    each, began = recipe(name), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fits of published settings are what they are: the results show it
        result = each.run(cell.settings)
    return ResultStore(folder, each).write(cell, result, time.process_time() - began)


@contextmanager
def _interrupts() -> Iterator[None]:
    """Inside, Ctrl-C ends the cell that is being run instead of its fit; it is a KeyboardInterrupt again outside.

    A handler that somebody else has installed stays, as that of the command line.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def answer(number: int, frame: FrameType | None) -> None:
        raise _Stopped

    signal.signal(signal.SIGINT, answer)
    try:
        yield
    except _Stopped:
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
