"""A whole bench: the machine's peak, every job in turns, the memory; progress is shown and results are kept as they come."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from benchmarks.speed import machine
from benchmarks.speed.cases import Job
from benchmarks.speed.contenders import Contender
from benchmarks.speed.driver import Failed, Settings, Workers, measure, measure_memory
from benchmarks.speed.results import Case, Memory, Results
from splinework.cli.progress import PERIOD_SECONDS, Stages


def run(
    jobs: Sequence[Job],
    contenders: Sequence[Contender],
    settings: Settings,
    *,
    memory: bool = False,
    keep: Callable[[Results], None] = lambda results: None,
    show: Callable[[Case, Results], None] = lambda case, results: None,
    quiet: bool = False,
) -> Results:
    """Measures all jobs, every contender in the same rounds.

    Args:
        jobs: Jobs to time.
        contenders: Contenders that take part.
        settings: How carefully to measure.
        memory: Whether to measure the memory of forward + backward too, in the first dtype and with the first threads.
        keep: Given the results so far after every job.
        show: Given every case that is done, and the results so far.
        quiet: Shows no progress.
    """
    weighed = _memory_jobs(jobs) if memory else []
    results = Results(machine.facts(), contenders=tuple(c.facts() for c in contenders))
    with Workers(settings) as workers, Stages(quiet=quiet) as stages:
        for number, job in enumerate(jobs, start=1):
            title = f"{number}/{len(jobs) + len(weighed)}  {job.title}"
            stages.stage(f"{title} · peak of the machine")
            results = results.with_peak(_peak(contenders[0], job, workers))
            case = measure(job, contenders, workers, partial(_tell, stages, title)).judged()
            results = _named(replace(results, cases=(*results.cases, case)))
            keep(results)
            show(case, results)
        workers.end()
        for number, job in enumerate(weighed, start=len(jobs) + 1):
            title = f"{number}/{len(jobs) + len(weighed)}  memory: {job.title}"
            for contender in (c for c in contenders if not c.modes):
                _tell(stages, title, contender.name)
                taken, why = measure_memory(job, contender, workers)
                entry = Memory(job, contender.name, contender.family, contender.compiled, taken, why)
                results = replace(results, memory=(*results.memory, entry))
            keep(results)
    return results


def _tell(stages: Stages, title: str, text: str) -> None:
    stages.stage(f"{title} · {text}", after=PERIOD_SECONDS)


def _peak(contender: Contender, job: Job, workers: Workers) -> dict[str, Any]:
    """Taken anew before every case: the best of many is what the machine can do."""
    kind: dict[str, Any] = {"threads": job.threads, "dtype": job.dtype}
    try:
        answer = workers.ask(contender, job.threads, do="peak", dtype=job.dtype, seconds=2 * workers.settings.seconds)
    except Failed:
        answer = {"matmul": None, "loop": None}
    return {**kind, "matmul": answer["matmul"], "loop": answer["loop"]}


def _memory_jobs(jobs: Sequence[Job]) -> list[Job]:
    """One job for each configuration and grid that is timed forward + backward."""
    found: dict[tuple[str, int], Job] = {}
    for job in jobs:
        if job.mode == "backward" and not job.config.startswith("W"):
            found.setdefault((job.config, job.grid), job)
    return list(found.values())


def _named(results: Results) -> Results:
    """The results with the versions that the workers reported."""
    versions = {row.contender: row.version for case in results.cases for row in case.rows if row.version}
    contenders = ({**c, "version": versions.get(c["name"], c["version"])} for c in results.contenders)
    return replace(results, contenders=tuple(contenders))
