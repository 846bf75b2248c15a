"""Shared parts of benchmarks that run each contender in a process: its end, cores, output to the terminal, versions."""

from __future__ import annotations

import math
import os
import platform
import re
import signal
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

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


def environment(threads: int) -> dict[str, str]:
    """The environment of a contender's process: its number of threads, and this tree's splinework."""
    counts = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    paths = [str(ROOT / "src"), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, **counts, "PYTHONPATH": os.pathsep.join(paths), "PYTHONWARNINGS": "ignore"}


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
