"""The parent: one process per contender, and only one of them works at a time, round after round."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, final

import splinework
from benchmarks.speed.cases import Job
from benchmarks.speed.contenders import Contender
from benchmarks.speed.results import Case, Row, row_of

ROOT = str(Path(__file__).resolve().parents[2])
"""The folder in which a worker finds `benchmarks`."""


@final
@dataclass(frozen=True)
class Settings:
    """How carefully to measure.

    Attributes:
        rounds: Times that each contender has its turn.
        seconds: Length of a turn, at least one call.
        budget: Seconds for all turns of one contender at one job; a slow one has fewer turns, at least three.
        cap: A contender that needs longer for one call is not timed.
        patience: Seconds to wait for building, compiling and checking.
        compile_mode: Mode of `torch.compile`.
    """

    rounds: int = 15
    seconds: float = 0.2
    budget: float = 30.0
    cap: float = 10.0
    patience: float = 300.0
    compile_mode: str = "default"


class Failed(Exception):
    """A worker has ended or does not answer; the text says why."""


class Workers:
    """The processes of all contenders; a context manager that ends them.

    A process is started when it is first needed, and again after it has failed. `torch.compile` keeps its work for the time of
    one bench and no longer, so that the seconds it takes are those of a first time.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._alive: dict[str, _Worker] = {}
        self._cache = tempfile.TemporaryDirectory(prefix="splinework-bench-", ignore_cleanup_errors=True)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._cache.cleanup()

    def end(self, contender: Contender | None = None) -> None:
        """Ends the process of one contender, or all."""
        for name in [contender.name] if contender else list(self._alive):
            if (worker := self._alive.pop(name, None)) is not None:
                worker.close()

    def ask(self, contender: Contender, threads: int, **request: Any) -> dict[str, Any]:
        """Sends a request and waits for the answer.

        Raises:
            Failed: If the process ends or does not answer in time; it is gone then.
        """
        worker = self._alive.get(contender.name)
        if worker is not None and worker.threads != threads:
            self.end(contender)
            worker = None
        try:
            if worker is None:
                worker = self._alive[contender.name] = _Worker(contender, threads, self._cache.name)
                worker.version = worker.receive(self.settings.patience)["version"]
            worker.send(request)
            return {**worker.receive(self.settings.patience), "version": worker.version}
        except Failed:
            self.end(contender)
            raise


def measure(job: Job, contenders: Sequence[Contender], workers: Workers, tell: Callable[[str], None]) -> Case:
    """Times all contenders at one job, in turns."""
    settings, load = workers.settings, _load()
    contenders = [c for c in contenders if not c.modes or job.mode in c.modes]
    rows = {c.name: _prepare(job, c, workers, tell) for c in contenders}
    racing = [c for c in contenders if rows[c.name].status == "ok"]
    rounds: dict[str, list[dict[str, float]]] = {c.name: [] for c in racing}
    spent = dict.fromkeys(rounds, 0.0)
    for turn in range(settings.rounds):
        tell(f"round {turn + 1} of {settings.rounds}")
        shift = turn % max(len(racing), 1)
        for contender in racing[shift:] + racing[:shift]:  # nobody always follows the same one
            name = contender.name
            if rows[name].status != "ok" or (len(rounds[name]) >= 3 and spent[name] > settings.budget):
                continue
            try:
                answer = workers.ask(contender, job.threads, do="round", seconds=settings.seconds)
            except Failed as failure:
                rows[name] = row_of(contender, status="failed", why=str(failure))
                continue
            rounds[name].append(answer)
            spent[name] += answer["calls"] * answer["median"]
    for contender in racing:
        name = contender.name
        if rows[name].status == "ok":
            rows[name] = rows[name].with_rounds(rounds[name])
            with contextlib.suppress(Failed):  # it has its times
                workers.ask(contender, job.threads, do="drop")
    return Case(job, tuple(rows.values()), load_before=load, load_after=_load())


def measure_memory(job: Job, contender: Contender, workers: Workers) -> tuple[int | None, str]:
    """Bytes that a forward + backward takes in a fresh process; or None, and why there is no such number."""
    workers.end(contender)
    try:
        answer = workers.ask(
            contender, job.threads, do="memory", job=job.to_dict(), compile_mode=workers.settings.compile_mode
        )
    except Failed as failure:
        return None, str(failure)
    workers.end(contender)
    return int(answer["bytes"]), ""


def _prepare(job: Job, contender: Contender, workers: Workers, tell: Callable[[str], None]) -> Row:
    tell(contender.name)
    settings = workers.settings
    request = {"job": job.to_dict(), "cap": settings.cap, "compile_mode": settings.compile_mode}
    try:
        answer = workers.ask(contender, job.threads, do="prepare", **request)
    except Failed as failure:
        return row_of(contender, status="failed", why=str(failure))
    if answer["seconds"] > settings.cap:
        workers.ask(contender, job.threads, do="drop")
        why = f"one call takes {answer['seconds']:.3g} s, more than {settings.cap:g} s"
        return row_of(contender, status="skipped", why=why, answer=answer)
    return row_of(contender, status="ok", answer=answer)


class _Worker:
    """One process, and a thread that reads its answers: so one can wait for them with a limit, on every system."""

    def __init__(self, contender: Contender, threads: int, cache: str) -> None:
        self.threads, self.version = threads, ""
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the worker
        roots = [ROOT, str(Path(splinework.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
        count = str(threads)
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, roots)),
            "OMP_NUM_THREADS": count,
            "MKL_NUM_THREADS": count,
            "OPENBLAS_NUM_THREADS": count,
            "OMP_WAIT_POLICY": "PASSIVE",  # one contender's idle threads must not spin while another one is timed
            "KMP_BLOCKTIME": "0",
            "MPLBACKEND": "Agg",
            "TORCHINDUCTOR_CACHE_DIR": cache,
            "TORCHINDUCTOR_COMPILE_THREADS": "1",  # no pool of compiling processes that stays
        }
        order = json.dumps({"contender": contender.to_dict(), "threads": threads})
        self._process = subprocess.Popen(
            [contender.python, "-m", "benchmarks.speed.worker", order],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
            cwd=cache,  # what a contender leaves behind goes with it
            text=True,
            encoding="utf-8",
        )
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def send(self, request: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # `receive` says why
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()

    def receive(self, patience: float) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=patience)
        except queue.Empty:
            raise Failed(f"no answer within {patience:g} s") from None
        if not line:
            raise Failed(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(timeout=5)
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):  # a request that was never read
                    stream.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")

    def _last_words(self) -> str:
        status = self._process.wait()
        self._errors.seek(0)
        return reason(self._errors.read().decode(errors="replace")) or f"its process ended with status {status}"


def reason(errors: str) -> str:
    """The message of a traceback, in one line and without the places of this machine.

    >>> reason("Traceback ...\\n  ...\\nRuntimeError: no /home/me/file.so here\\n\\nYou may set X\\n")
    'RuntimeError: no file.so here'
    """
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    named = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Unsupported|Interrupt|Exit)\b", line)]
    if not lines:
        return ""
    text = re.sub(r"^(\w+\.)+(?=\w+:)", "", (named or lines)[-1])
    text = re.sub(r"(?<![\w:/])/(?:[\w.+~-]+/)+([\w.+~-]+)", r"\1", text)
    return text if len(text) <= 200 else text[:199] + "…"


def _load() -> list[float]:
    """The load averages over 1, 5 and 15 minutes."""
    with contextlib.suppress(OSError, AttributeError):
        return [round(value, 2) for value in os.getloadavg()]
    return []
