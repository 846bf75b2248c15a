"""The process that starts and ends the processes to be killed, and what their folders look like before and after."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from splinework.data import temporary
from tests.faults.long_tasks import ALL_TASKS
from tests.loop.parts import ROOT


class Server:
    """The process that forks the processes to be killed; see server.py.

    Args:
        folder: Where the shim is compiled to.
    """

    def __init__(self, folder: Path) -> None:
        shim = folder / "shim.so"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", shim, ROOT / "tests/faults/shim.c", "-ldl"], check=True)
        program = (
            "import sys, types; tests = types.ModuleType('tests'); tests.__path__ = [sys.argv[1]]; sys.modules['tests'] = tests\n"
            "import runpy; runpy.run_module('tests.faults.server', run_name='__main__')"
        )
        environment = {**os.environ, "LD_PRELOAD": str(shim), "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", program, str(ROOT / "tests")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT,
        )  # fmt: skip

    def run(self, task: str, folder: Path, **fault: Any) -> dict[str, Any]:
        """Runs a task under a fault; gives its code, its seconds and what it wrote to the streams."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"task": task, "folder": str(folder), **fault}) + "\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()


def prepared(task: str, place: Path) -> Path:
    """The folder with the old state of a task."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    ALL_TASKS[task].old(place)
    return place


def leftovers(place: Path) -> list[Path]:
    """Temporary folders that are still there."""
    return list(place.rglob(f"{temporary.PREFIX}*"))


def sweep(place: Path) -> None:
    """What the next run does where it writes."""
    for folder in {path.parent for path in leftovers(place)}:
        temporary.sweep(folder)


def calls(server: Server, task: str, place: Path) -> int:
    """Number of calls by which a task changes its folder."""
    found = server.run(task, prepared(task, place), count=True)
    assert found["code"] == 0, found
    ALL_TASKS[task].check(place)
    assert leftovers(place) == []
    return int(found["streams"].split()[-1])


def state(fitted: Any) -> dict[str, torch.Tensor]:
    """The tensors of a fitted model."""
    return dict(fitted.model.state_dict())


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    """Whether two models are equal to the bit."""
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)
