"""Runs models on cases, one after another, in a process for each environment that is started anew after a failure."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.panel.cases import Case, Sample
from benchmarks.panel.models import KNOWN, Model
from benchmarks.panel.results import Key, Record
from benchmarks.panel.targets import RULES
from benchmarks.processes import ROOT, commit, duration, environment, say, stop
from splinework.errors import ConfigError

RIVALS = ROOT / ".venv-rivals" / "bin" / "python"
LOADING = 300.0
"""Seconds for the packages of a model."""
BUSY = 5.0
"""Seconds on the wall for each second of processor time that a fit may use."""
SPENT = getattr(signal, "SIGXCPU", 0)
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
        python = next((python for python in pythons if _imports(python, model.modules)), None)
        if python is None:
            absent.append(f"{name} does not take part: no {model.modules[0]} here; pip install {model.package}")
        else:
            present.append(Entry(model, python, f"{name}@{label}" if label else name))
    return present, absent


@cache
def _imports(python: str, modules: tuple[str, ...]) -> bool:
    """Whether an interpreter finds these, without loading them."""
    tops = sorted({module.partition(".")[0] for module in modules})
    text = f"import importlib.util as u, sys; sys.exit(any(u.find_spec(name) is None for name in {tops!r}))"
    try:
        return subprocess.run([python, "-c", text], capture_output=True, env=environment(1)).returncode == 0
    except OSError:
        return False


class Worker:
    """A process that answers questions of one environment."""

    def __init__(self, python: str) -> None:
        self._python = python
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread()

    def ask(self, model: str, sample: Sample, limit: float) -> tuple[dict[str, Any], np.ndarray | None]:
        """Facts, and predictions of the fresh rows unless something went wrong."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            np.savez(folder / "rows.npz", x=sample.x, y=sample.y, fresh=sample.fresh)
            problem = self._wait(json.dumps({"model": model, "folder": name, "limit": limit}), limit)
            if problem:
                stopped = problem.startswith("stopped")
                return {"problem": problem, "seconds": None, "cpu_seconds": limit if stopped else None}, None
            facts = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
            return facts, None if facts["problem"] else np.load(folder / "predicted.npy")

    def close(self) -> None:
        """Ends the process."""
        process, self._process = self._process, None
        if process is not None:
            stop(process)
            self._reader.join()
            for pipe in filter(None, (process.stdin, process.stdout)):
                with suppress(OSError):
                    pipe.close()

    def _wait(self, question: str, limit: float) -> str:
        """Waits for the answer; the reason if none came, otherwise an empty text."""
        process = self._started()
        assert process.stdin is not None
        try:
            process.stdin.write(question.encode() + b"\n")
            process.stdin.flush()
            word = self._lines.get(timeout=LOADING)
            if word == "started":
                word = self._lines.get(timeout=BUSY * limit)
            if word == "done":
                return ""
            code = process.wait()
            self.close()
            return f"stopped after {limit:g} s" if code == -SPENT else f"its process ended with {code}"
        except queue.Empty:
            self.close()
            return f"stopped after {limit:g} s"
        except OSError:
            self.close()
            return "its process ended before the question"
        except BaseException:
            self.close()
            raise

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._lines = queue.Queue()
            self._process = subprocess.Popen(
                [self._python, str(Path(__file__).with_name("worker.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment(1),
                start_new_session=True,
            )
            self._reader = threading.Thread(target=_read, args=(self._process, self._lines), daemon=True)
            self._reader.start()
        return self._process


def _read(process: subprocess.Popen[bytes], found: queue.Queue[str | None]) -> None:
    """Passes on the lines of a process, then None."""
    assert process.stdout is not None
    for line in process.stdout:
        found.put(line.decode(errors="replace").strip())
    found.put(None)


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
                facts, predicted = workers[entry.python].ask(entry.model.name, sample, limit)
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
