"""Contenders for formulas."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from benchmarks import campaign


@dataclass(frozen=True)
class Contender(campaign.Contender):
    """A contender."""

    folder: ClassVar[Path] = Path(__file__).resolve().parent / "peers"


KNOWN = {
    found.name: found
    for found in (
        Contender("splinework", "ours.py", "splinework", "splinework"),
        Contender("operon", "operon.py", "pyoperon.sklearn", "pyoperon==0.6.2"),
        Contender("gplearn", "gp_learn.py", "gplearn.genetic", "gplearn==0.4.3"),
    )
}
