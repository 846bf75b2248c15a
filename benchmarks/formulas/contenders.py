"""Contenders for formulas: the file that runs each, the package it needs, and the interpreter that has it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import splinework
from benchmarks.formulas.tasks import Task
from splinework.errors import ConfigError

PEERS = Path(__file__).resolve().parent / "peers"
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Contender:
    """A contender.

    Attributes:
        name: Name in tables.
        file: Name of its file in `peers/`.
        module: Module that must be importable.
        package: Package to install, as pip calls it.
        wanted: The only kind of task that it takes; None for every kind.
        python: The interpreter that has it.
    """

    name: str
    file: str
    module: str
    package: str
    wanted: str | None = None
    python: str = sys.executable

    def takes(self, task: Task) -> bool:
        """Whether it may be asked."""
        return self.wanted in (None, task.wanted)

    def environment(self, threads: int) -> dict[str, str]:
        """The environment of its processes: the number of threads, and this tree's splinework."""
        counts = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
        source = str(Path(splinework.__file__).resolve().parents[1])
        paths = [source, str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {**os.environ, **counts, "PYTHONPATH": os.pathsep.join(paths), "PYTHONWARNINGS": "ignore"}

    @property
    def path(self) -> Path:
        """The file."""
        return PEERS / self.file


KNOWN = {
    found.name: found
    for found in (
        Contender("splinework", "ours.py", "splinework", "splinework"),
        Contender("operon", "operon.py", "pyoperon.sklearn", "pyoperon==0.6.2"),
        Contender("gplearn", "gp_learn.py", "gplearn.genetic", "gplearn==0.4.3"),
        Contender("pykan", "pykan.py", "kan", "pykan==0.2.8"),
        Contender("pygam", "additive.py", "pygam", "pygam", wanted="prediction"),
    )
}


def chosen(names: list[str], rivals_python: str | None) -> tuple[list[Contender], list[str]]:
    """Those that can take part, and a sentence on each that cannot.

    Raises:
        ConfigError: If a name is unknown.
    """
    present, absent = [], []
    for name in names:
        if name not in KNOWN:
            raise ConfigError(f"--contenders knows {', '.join(KNOWN)}; got {name!r}.")
        found = KNOWN[name]
        if name != "splinework" and rivals_python:
            found = replace(found, python=rivals_python)
        if _imports(found.python, found.module):
            present.append(found)
        else:
            absent.append(
                f"{name} does not take part: {found.python} has no {found.module}; pip install {found.package}"
            )
    return present, absent


@cache
def _imports(python: str, module: str) -> bool:
    try:
        return subprocess.run([python, "-c", f"import {module}"], capture_output=True, timeout=120).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
