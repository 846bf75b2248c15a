"""Contenders for formulas."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from benchmarks import campaign
from benchmarks.formulas.tasks import Task


@dataclass(frozen=True)
class Contender(campaign.Contender):
    """A contender; `wanted` is the only kind of task that it takes, None for every kind."""

    wanted: str | None = None
    folder: ClassVar[Path] = Path(__file__).resolve().parent / "peers"

    def takes(self, task: Task) -> bool:
        """Whether it may be asked."""
        return self.wanted in (None, task.wanted)


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
