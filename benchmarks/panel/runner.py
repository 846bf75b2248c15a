"""Runs models on cases, one after another, in a process for each environment that is started anew after a failure."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.panel.cases import Case, Sample
from benchmarks.panel.models import KNOWN, Model
from benchmarks.panel.results import Key, Record
from benchmarks.panel.targets import RULES
from benchmarks.processes import ROOT, Worker, commit, duration, imports, say
from splinework.errors import ConfigError

RIVALS = ROOT / ".venv-rivals" / "bin" / "python"
DIGITS = 6


@dataclass(frozen=True)
class Entry:
    """A model that takes part, the interpreter that has it, and the name of its results."""

    model: Model
    python: str
    name: str


def chosen(names: Sequence[str], rivals_python: str | None, label: str = "") -> tuple[list[Entry], list[str]]:
    """Those that can take part, and a sentence on each that cannot.

    Raises:
        ConfigError: If a name is unknown, or the label is no plain word.
    """
    if label and not label.replace("-", "").replace("_", "").isalnum():
        raise ConfigError(f"--label is a word of letters, digits, - and _; got {label!r}.")
    present, absent = [], []
    for name in names:
        if name not in KNOWN:
            raise ConfigError(f"--models knows {', '.join(KNOWN)}; got {name!r}.")
        model = KNOWN[name]
        pythons = [sys.executable, *([rivals_python] if model.rival and rivals_python else [])]
        python = next((python for python in pythons if imports(python, model.modules)), None)
        if python is None:
            absent.append(f"{name} does not take part: no {model.modules[0]} here; pip install {model.package}")
        else:
            present.append(Entry(model, python, f"{name}@{label}" if label else name))
    return present, absent


def judge(sample: Sample, predicted: np.ndarray | None) -> tuple[float | None, str]:
    """The error of predictions, and what is wrong with them, or nothing."""
    if predicted is None:
        return None, ""
    if predicted.shape != sample.truth.shape:
        return None, f"its predictions have the shape {predicted.shape}, not {sample.truth.shape}"
    if not np.isfinite(predicted).all():
        return None, f"{int((~np.isfinite(predicted)).sum())} of its predictions are not finite"
    return sample.error(predicted), ""


def run(
    cases: Sequence[Case],
    entries: Sequence[Entry],
    *,
    limit: float,
    skip: Callable[[Key], bool] = lambda key: False,
) -> Iterator[Record]:
    """The results of all models on all cases, a case after the other; prints each one to stderr."""
    workers = {entry.python: Worker(entry.python) for entry in entries}
    tree, began, number = commit(), time.monotonic(), 0
    asked = [(case, [entry for entry in entries if not skip(Key(entry.name, case))]) for case in cases]
    count = sum(len(some) for _, some in asked)
    say(f"fits to run: {count}")
    try:
        for case, some in asked:
            sample = case.sample() if some else None
            for entry in some:
                assert sample is not None
                asked_of = {"module": "benchmarks.panel.models", "model": entry.model.name}
                facts, predicted = workers[entry.python].ask(asked_of, sample.write, limit)
                error, wrong = judge(sample, predicted)
                record: Record = {
                    "target": case.name,
                    "rows": case.rows,
                    "noise": case.noise,
                    "model": entry.name,
                    "error": None if error is None else _short(error),
                    "constant": _short(sample.constant),
                    "limit": limit,
                    "rules": RULES,
                    "commit": tree,
                    **facts,
                    "problem": facts["problem"] or wrong,
                }
                yield record
                number += 1
                left = (time.monotonic() - began) / number * (count - number)
                say(f"[{number}/{count}] {line(record)}; about {duration(left)} left")
    finally:
        for worker in workers.values():
            worker.close()


def line(record: Record) -> str:
    """A result in one line."""
    seconds = "–" if record["cpu_seconds"] is None else f"{record['cpu_seconds']:.1f} s"
    what = record["problem"] or format(record["error"], ".4g")
    return f"{record['target']} n={record['rows']} noise={record['noise']:g}: {record['model']} {what} ({seconds})"


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
