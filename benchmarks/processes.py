"""Shared parts of benchmarks that run each contender in a process: its end, cores, output to the terminal, versions."""

import json
import math
import os
import platform
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {
    "numpy": "numpy",
    "pandas": "pandas",
    "sklearn": "scikit-learn",
    "torch": "torch",
    "interpret": "interpret-core",
    "pygam": "pygam",
    "splinework": "splinework",
}
"""Module -> package: the versions of those that a contender loads are kept."""
LOADING = 300.0
"""Seconds for the packages of a model."""
BUSY = 5.0
"""Seconds on the wall for each second of processor time that a fit may use."""
SPENT = getattr(signal, "SIGXCPU", 0)


def environment(threads: int, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a contender's process: its number of threads, this tree's splinework, and variables besides."""
    counts = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    paths = [str(ROOT / "src"), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        **counts,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONWARNINGS": "ignore",
        **(variables or {}),
    }


def loaded_versions() -> dict[str, str]:
    """The versions of Python and of those packages that this process has loaded."""
    found = {"python": platform.python_version()}
    for module, package in PACKAGES.items():
        if module in sys.modules:
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                found[package] = "from its sources"
    return found


def cores(slots: int, threads: int) -> list[list[int]]:
    """Processors of each slot; none are named where the machine has too few, or does not say."""
    present = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(present) < slots * threads:
        return [[] for _ in range(slots)]
    return [present[slot * threads : (slot + 1) * threads] for slot in range(slots)]


def stop(process: subprocess.Popen[bytes]) -> None:
    """Kills a process, with all that it has started where the system can do that."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def duration(seconds: float) -> str:
    """A duration in words, such as `1 h 3 min`; begun minutes count."""
    minutes = math.ceil(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def say(text: str) -> None:
    """Prints a line to the error stream, at once."""
    print(text, file=sys.stderr, flush=True)


def package_version() -> str:
    """The version of splinework, empty where it runs from its sources without being installed."""
    try:
        return version("splinework")
    except PackageNotFoundError:
        return ""


def commit() -> str:
    """The commit of this tree, with a plus where its files differ."""
    try:
        command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--exclude=*"]
        ended = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return ""
    return ended.stdout.strip()


def without_folders(text: str) -> str:
    """A message with the names of files instead of their whole paths, which are of one machine.

    >>> without_folders("cannot import 'x' from 'y' (/home/me/src/y.py)")
    "cannot import 'x' from 'y' (y.py)"
    """
    return re.sub(r"(?<![\w.])(?:[A-Za-z]:)?[/\\](?:[^\s/\\]+[/\\])+", "", text)


class Stopwatch:
    """Runs from its making on: on the wall, and on the processor, of this process and of those that it has ended."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), _processor()

    def facts(self, prefix: str = "") -> dict[str, float]:
        """Both in seconds, as results have them: `seconds` and `cpu_seconds`."""
        wall, cpu = time.perf_counter() - self._wall, _processor() - self._cpu
        return {f"{prefix}seconds": round(wall, 3), f"{prefix}cpu_seconds": round(cpu, 3)}


def _processor() -> float:
    return sum(os.times()[:4])


@cache
def imports(python: str, modules: Sequence[str]) -> bool:
    """Whether an interpreter finds these, without loading them."""
    tops = sorted({module.partition(".")[0] for module in modules})
    text = f"import importlib.util as u, sys; sys.exit(any(u.find_spec(name) is None for name in {tops!r}))"
    try:
        return subprocess.run([python, "-c", text], capture_output=True, env=environment(1)).returncode == 0
    except OSError:
        return False


class Worker:
    """A process that answers questions of one environment."""

    def __init__(self, python: str, threads: int = 1, variables: Mapping[str, str] | None = None) -> None:
        self._python, self._threads, self._variables = python, threads, variables
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread()

    def ask(self, question: dict[str, Any], write: Callable[[Path], None], limit: float) -> tuple[dict[str, Any], Any]:
        """Facts, and predictions of the fresh rows unless something went wrong.

        Args:
            question: The `module` whose `ready` answers, and what it needs to know.
            write: Writes the rows into a folder.
            limit: Seconds of processor time.
        """
        import numpy as np

        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write(folder)
            problem = self._wait(json.dumps({**question, "folder": name, "limit": limit}), limit)
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
                env=environment(self._threads, self._variables),
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
