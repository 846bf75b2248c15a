"""Runs what is not there yet: a process an answer, some at once, each stopped a little after its time."""

import json
import math
import queue
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.campaign import Processes, last_words
from benchmarks.formulas.contenders import Contender
from benchmarks.formulas.judge import Answer, Evaluation, judge
from benchmarks.formulas.results import Key, Record, Results
from benchmarks.formulas.tasks import Task
from benchmarks.processes import commit, cores, package_version, say
from splinework.errors import FormulaError
from splinework.formula.parse import parse_formula
from splinework.interpret.symbolic.expression import python, symbol

GRACE = 20.0
"""Seconds after the budget, start of the process and import included, at which a process is stopped."""
BUSY = 12
"""Seconds that a unit of work may take on a busy machine."""
NOTES = 6
"""Most notes that are kept."""


@dataclass(frozen=True)
class Job:
    """One answer to get."""

    task: Task
    level: float
    seed: int
    contender: Contender

    @property
    def key(self) -> Key:
        """The key of its result."""
        return Key(self.task.suite, self.task.name, self.level, self.seed, self.contender.name)


class Runner:
    """Some slots of some cores each."""

    def __init__(self, results: Results, *, budget: float, slots: int, threads: int, effort: bool = False) -> None:
        self.effort = effort
        self.results, self.budget, self.threads = results, budget, threads
        self.commit = commit()
        self._judging = threading.Lock()  # sympy keeps caches
        self._processes = Processes(slots)
        self._free: queue.Queue[list[int]] = queue.Queue()
        for processors in cores(slots, threads):
            self._free.put(processors)

    def run(self, jobs: Sequence[Job]) -> None:
        """Runs all of them, in order; prints each result to stderr, and how long the rest may take."""
        self._processes.run(jobs, self._one, _line)

    def _one(self, job: Job) -> Record:
        processors = self._free.get()
        try:
            with tempfile.TemporaryDirectory() as name:
                answer = self._ask(job, Path(name), processors)
        finally:
            self._free.put(processors)
        task = job.task
        record: Record = {
            "suite": task.suite,
            "problem": task.name,
            "level": job.level,
            "seed": job.seed,
            "contender": job.contender.name,
            **self._evaluation(job, answer),
            "seconds": None if math.isnan(answer.seconds) else round(answer.seconds, 3),
            "budget": self.budget,
            "effort": self.effort,
            "threads": self.threads,
            "formula": answer.formula,
            "splines": answer.splines,
            "notes": answer.notes[:NOTES],
            "error": answer.error,
            "version": package_version(),
            "commit": self.commit,
        }
        if not self._processes.is_stopped:
            self.results.add(record)
        return record

    def _evaluation(self, job: Job, answer: Answer) -> dict[str, Any]:
        task = job.task
        with self._judging:
            nodes = self.results.truth_nodes(task.truth, task.inputs) if task.truth is not None else None
            try:
                return judge(task, job.level, job.seed, answer, nodes).facts()
            except Exception as reason:  # noqa: BLE001 - a formula at which sympy or numpy give up is not solved
                say(f"{job.key} cannot be judged, {type(reason).__name__}: {reason}; {answer.formula[:300]}")
                return Evaluation(truth_nodes=nodes).facts()

    def _ask(self, job: Job, folder: Path, processors: list[int]) -> Answer:
        """Runs the process."""
        task, contender = job.task, job.contender
        x, y = task.training(job.level, job.seed)
        np.savez(folder / "rows.npz", x=x, y=y, fresh=task.fresh(job.seed)[0], wide=task.wide(job.seed)[0])
        request = {
            "names": task.inputs,
            "budget": self.budget,
            "effort": self.effort,
            "seed": job.seed,
            "threads": self.threads,
            "processors": processors,
        }
        (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
        limit = self.budget * (BUSY if self.effort else 1) + GRACE
        worker = Path(__file__).with_name("worker.py")
        code = self._processes.wait(contender, worker, folder, seconds=limit, threads=self.threads)
        ended = "it was stopped after its time" if code is None else f"its process ended with {code}" if code else ""
        return _read(folder, task, ended)


def _read(folder: Path, task: Task, ended: str) -> Answer:
    """The last answer that the process wrote."""
    path = folder / "answer.json"
    facts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    formula, error = facts.get("formula", ""), facts.get("error", "") or ended
    if formula and facts.get("columns"):
        try:
            formula = _renamed(formula, facts["columns"], task.inputs)
        except (FormulaError, RecursionError) as reason:
            formula, error = "", f"unreadable: {reason}"
    if not facts:
        error = ": ".join([error or "no answer", *last_words(folder)])[:300]
    values = folder / "values.npz"
    arrays = dict(np.load(values)) if values.exists() else {}
    splines = facts.get("splines")
    return Answer(
        formula,
        facts.get("seconds", math.nan),
        facts.get("nodes", 0),
        arrays.get("fresh"),
        arrays.get("wide"),
        None if splines is None else tuple(splines),
        error,
        tuple(facts.get("notes", ())),
    )


def _renamed(formula: str, columns: Sequence[str], names: tuple[str, ...]) -> str:
    """A formula over a contender's own names of the columns as one over ours."""
    given = parse_formula(formula, columns)
    return python(given.xreplace({symbol(c): symbol(n) for c, n in zip(columns, names, strict=True)}), names)


def _line(record: Record) -> str:
    """A result in one line."""
    size = "no value" if record["nrmse"] is None else f"NRMSE {record['nrmse']:.1e}, {record['nodes']} nodes"
    seconds = "–" if record["seconds"] is None else f"{record['seconds']:.1f}"
    status = "solved" if record["solved"] else record["error"] or "not solved"
    what = f"{record['suite']} {record['problem']}, noise {record['level']:g}, seed {record['seed']}"
    return f"{what}: {record['contender']} {status} ({size}, {seconds} s)"
