"""A process that has loaded what is slow to load, and forks for each mutant a child that runs pytest on it."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Literal

import pytest

from tests.loop.imports import module_of

LOADED = (
    "torch",
    "torch.func",
    "numpy",
    "scipy.stats",
    "scipy.optimize",
    "sympy",
    "mpmath",
    "hypothesis",
    "safetensors.torch",
)
"""What tests import that is not ours; splinework itself is loaded in the child, with the mutant in it."""

Outcome = Literal["found", "survived", "timeout"]


class Server:
    """Forks a child per mutant."""

    def __init__(self, root: Path) -> None:
        self.root = root
        os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", MPLBACKEND="Agg")
        for name in LOADED:
            importlib.import_module(name)
        if any(name.partition(".")[0] == "splinework" for name in sys.modules):
            raise RuntimeError("splinework is loaded already, so a mutant would not be")

    def outcome(self, file: str, source: str, tests: Sequence[str], seconds: float) -> Outcome:
        """Whether some test fails with this text in the place of a file; no answer in time counts as found, too."""
        sys.stdout.flush()
        child = os.fork()
        if not child:
            os._exit(self._run(file, source, tests))
        code = _wait(child, seconds)
        return "timeout" if code is None else "survived" if code == 0 else "found"

    def _run(self, file: str, source: str, tests: Sequence[str]) -> int:
        os.setsid()  # so that what a test starts dies with it
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        sys.path.insert(0, str(self.root / "src"))
        sys.meta_path.insert(0, _Finder(module_of(file), self.root / file, source))
        sys.dont_write_bytecode = True
        return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--tb=no", "--assert=plain", *tests]))


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module another text."""

    def __init__(self, name: str, path: Path, source: str) -> None:
        self.name, self.path, self.source = name, path, source

    def find_spec(self, name: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if name != self.name:
            return None
        return importlib.machinery.ModuleSpec(name, self, origin=str(self.path))

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = str(self.path)
        exec(compile(self.source, str(self.path), "exec"), module.__dict__)

    def get_source(self, name: str) -> str:
        return self.source


def _wait(child: int, seconds: float) -> int | None:
    """The child's exit code, or None where it was ended for taking too long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None
