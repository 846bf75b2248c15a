"""Runs what is not there yet: a process a cell, some at once, each stopped after its time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.campaign import Processes
from benchmarks.processes import Worker, commit
from benchmarks.tabular.contenders import Contender
from benchmarks.tabular.judge import judge
from benchmarks.tabular.results import Key, Record, Results
from benchmarks.tabular.sets import SEED, TabularSet


@dataclass(frozen=True)
class Cell:
    """One contender on one fold of one set."""

    set: TabularSet
    fold: int
    contender: Contender

    @property
    def key(self) -> Key:
        """The key of its result."""
        return Key(self.contender.name, self.set.name, self.fold)


@dataclass(frozen=True)
class Question:
    """The question to a process: rows to learn from, and rows to predict."""

    train: pd.DataFrame
    y: np.ndarray
    test: pd.DataFrame
    truth: np.ndarray
    classes: int

    @classmethod
    def of(cls, cell: Cell) -> Question:
        """The question of a cell; classes become their numbers in sorted order."""
        x, y = cell.set.load()
        names = np.unique(y) if cell.set.kind == "classification" else np.empty(0)
        y = np.searchsorted(names, y) if len(names) else y
        train, test = list(cell.set.folds())[cell.fold]
        return cls(x.iloc[train], y[train], x.iloc[test], y[test], len(names))

    def write(self, folder: Path) -> None:
        """Writes the rows for a process."""
        self.train.reset_index(drop=True).to_parquet(folder / "train.parquet")
        self.test.reset_index(drop=True).to_parquet(folder / "test.parquet")
        np.save(folder / "y.npy", self.y)


class Runner:
    """Some cells at once, each with some threads and a limit of seconds."""

    def __init__(self, results: Results, *, limit: float, slots: int, threads: int) -> None:
        self.results, self.limit, self.threads = results, limit, threads
        self.commit = commit()
        self._processes = Processes(slots)

    def run(self, cells: Sequence[Cell]) -> None:
        """Runs all of them, in order; prints each result to stderr, and how long the rest may take."""
        self._processes.run(cells, self._one, line)

    def _one(self, cell: Cell) -> Record:
        question = Question.of(cell)
        facts, predicted = self.ask(cell.contender, question)
        judged, wrong = judge(predicted, question.truth, question.classes)
        problem = facts.pop("problem")
        record: Record = {
            "set": cell.set.name,
            "kind": cell.set.kind,
            "fold": cell.fold,
            "contender": cell.contender.name,
            **judged,
            "rows": len(question.y),
            "columns": question.train.shape[1],
            "limit": self.limit,
            "threads": self.threads,
            "commit": self.commit,
            **facts,
            "error": problem or wrong,
        }
        if not self._processes.is_stopped:
            self.results.add(record)
        return record

    def ask(self, contender: Contender, question: Question) -> tuple[dict[str, Any], np.ndarray | None]:
        """Its facts and its predictions, None if there are none; a process of its own for every question."""
        worker = Worker(contender.python, self.threads)
        asked = {"contender": str(contender.path), "classes": question.classes, "seed": SEED}
        with self._processes.stoppable(worker.close):
            return worker.ask({"module": "benchmarks.tabular.part", **asked}, question.write, self.limit)


def line(record: Record) -> str:
    """A result in one line."""
    what = f"{record['set']} fold {record['fold']}: {record['contender']}"
    seconds = "–" if record["seconds"] is None else f"{record['seconds']:.1f} s"
    return f"{what} {record['error'] or format(record['score'], '.4g')} ({seconds})"
