"""Results on disk: one file a cell, written atomically and identified by a digest of recipe and version.

`OUT/NAME/cells/DIGEST.json` is a cell, `OUT/NAME/quick` and `OUT/NAME/full` hold what was made of them. Files of another recipe
or version have other digests: they are counted, never read as results, and never changed.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, final

from splinework.errors import FileError
from splinework.nn.files import write_whole
from splinework.reproduce.experiment import Experiment, ExperimentCell, FinishedCell

FORMAT: Final = 1
"""Number of the format of a cell's file."""


@final
@dataclass(frozen=True)
class ResultStore:
    """The results of one experiment in a folder."""

    folder: Path
    experiment: Experiment

    @property
    def version(self) -> str:
        """The version that digests depend on: that of the package and that of the experiment."""
        return f"{package_version()}/{self.experiment.version}"

    @property
    def cells_folder(self) -> Path:
        """The folder of the cells' files."""
        return self.folder / self.experiment.name / "cells"

    def digest(self, cell: ExperimentCell) -> str:
        """The identity of a cell's result."""
        return cell.digest(self.experiment.name, self.version)

    def path(self, cell: ExperimentCell) -> Path:
        """The file of a cell."""
        return self.cells_folder / f"{self.digest(cell)}.json"

    def read(self, cell: ExperimentCell) -> FinishedCell | None:
        """The result of a cell; None if it has not been run.

        Raises:
            FileError: If its file is damaged.
        """
        path = self.path(cell)
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise FileError(f"{path} is no result of a cell: {error}; remove it, and the cell is run again.") from None
        if not isinstance(values, dict) or values.get("digest") != self.digest(cell) or "result" not in values:
            raise FileError(f"{path} is not the result of {cell.name!r}; remove it, and the cell is run again.")
        return FinishedCell(cell.name, cell.settings, values["result"], float(values["seconds"]))

    def write(self, cell: ExperimentCell, result: Mapping[str, Any], seconds: float) -> FinishedCell:
        """Keeps a result."""
        values: dict[str, Any] = {
            "format": FORMAT,
            "experiment": self.experiment.name,
            "version": self.version,
            "digest": self.digest(cell),
            "cell": cell.name,
            "settings": dict(cell.settings),
            "result": dict(result),
            "seconds": round(seconds, 3),
            "environment": environment(),
        }
        path = self.path(cell)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, (json.dumps(values, indent=1) + "\n").encode())
        return FinishedCell(cell.name, cell.settings, values["result"], values["seconds"])

    def finished(self, cells: Sequence[ExperimentCell]) -> list[FinishedCell]:
        """The results that there are, in the order of the cells."""
        found = [self.read(cell) for cell in cells]
        return [each for each in found if each is not None]

    def environments(self, cells: Sequence[ExperimentCell]) -> list[dict[str, Any]]:
        """The distinct environments that the results came from."""
        found: list[dict[str, Any]] = []
        for cell in cells:
            if self.path(cell).exists():
                own = json.loads(self.path(cell).read_text(encoding="utf-8"))["environment"]
                found += [own] if own not in found else []
        return found

    def foreign(self, cells: Sequence[ExperimentCell]) -> int:
        """The number of result files of another recipe or version."""
        own = {self.path(cell).name for cell in cells}
        return sum(path.name not in own for path in self.cells_folder.glob("*.json"))


PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "sympy")


def environment() -> dict[str, Any]:
    """Versions, processor and threads as plain values.

    >>> sorted(environment())[:3]
    ['cores', 'packages', 'platform']
    """
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "splinework": package_version(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": cores,
        "threads": torch.get_num_threads(),
        "packages": {name: version(name) for name in PACKAGES},
    }


@cache
def package_version() -> str:
    """The version of this package, read once: a list of all experiments asks for it thousands of times."""
    return version("splinework")


def _processor() -> str:
    """The name of the processor; empty if the system does not state it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
