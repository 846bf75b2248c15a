"""The run of `fit` and `discover`: search, measure, write; Ctrl-C stops the search and keeps its best result."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from splinework.cli.artefacts import write_artefacts
from splinework.cli.interrupts import InterruptHandler, answering
from splinework.train.parallel import with_jobs

if TYPE_CHECKING:
    from splinework.cli.job import FitOutcome, FitSettings
    from splinework.cli.progress import Stages
    from splinework.cli.request import FitRequest
    from splinework.cli.sample import TableSample
    from splinework.tabular.tables import FileTable

Found = TypeVar("Found")


@dataclass(frozen=True)
class FitRun(Generic[Found]):
    """Result of a run."""

    outcome: Found
    files: dict[str, str]
    stopped: bool


def run_fit(
    request: FitRequest,
    table: FileTable,
    settings: FitSettings,
    stages: Stages,
    folder: Path,
    files: Sequence[str],
    *,
    beside: str | None = None,
    check: Callable[[TableSample], None] = lambda sample: None,
) -> FitRun[FitOutcome] | None:
    """Runs a fit and writes its files; None if it was interrupted before there was a result.

    Args:
        request: The options.
        table: The data.
        settings: Settings of the fit.
        stages: Display of the progress.
        folder: Folder for the results.
        files: Names of the files to write.
        beside: A column that is required whatever --features contains.
        check: Function that refuses unsuitable rows.
    """
    from splinework.cli.job import FitCallbacks, measure, prepare, search
    from splinework.cli.levels import as_indicators
    from splinework.cli.sample import take_sample

    chosen = request.chosen(table, beside)
    table, chosen, levels = as_indicators(table, request.target, chosen, missing=request.missing)
    sample = take_sample(table, request.target, chosen, missing=request.missing, classes=settings.constraints.classes)
    sample = replace(sample, levels=levels)
    check(sample)
    prepared = prepare(sample, settings)
    stages.stage("loading torch", after=0.5)
    settings.constraints.keywords(prepared.columns)  # refuses now, and not in the middle of the work
    stop = InterruptHandler(stages.say)
    with answering(stop.interrupt):
        began = time.monotonic()
        try:
            with stop.searching(), stages.within(request.budget), with_jobs(request.jobs):
                found = search(prepared, settings, FitCallbacks(stages.stage, stages.step))
        except KeyboardInterrupt:
            stages.insist("interrupted before there was a formula; nothing was written")
            return None
        stages.stage("measuring")
        outcome = measure(found, prepared, settings, began=began)
        stages.stage("writing the report")
        title = f"{request.target} from {table.name}"
        written = write_artefacts(outcome, folder, title=title, files=files, tell=stages.share)
    if stop.asked:
        stages.insist(f"interrupted: what was found so far is in {folder}")
    return FitRun(outcome, written, stop.asked)
