"""Contenders on tables: the file that runs each, the module it needs, and the interpreter that has it."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.processes import imports
from splinework.errors import ConfigError

PEERS = Path(__file__).resolve().parent / "peers"
OURS, SIMPLE = "kan", "kan-simple"
ON_PAGE = [OURS, "linear", "boosting", "mlp", "gam", "ebm", SIMPLE]
"""Those in the tables of docs/tabular.md."""


@dataclass(frozen=True)
class Contender:
    """A contender.

    Attributes:
        name: Name on the command line.
        title: Title in tables.
        file: Name of its file in `peers/`.
        module: Module that must be importable.
        package: Package to install, as pip calls it.
        python: The interpreter that has it.
        ranked: Whether it takes part in the ranks.
    """

    name: str
    title: str
    file: str
    module: str
    package: str
    python: str = sys.executable
    ranked: bool = True

    @property
    def path(self) -> Path:
        """The file."""
        return PEERS / self.file


KNOWN = {
    found.name: found
    for found in (
        Contender(OURS, "KAN", "ours.py", "splinework.tabular", "splinework"),
        Contender(SIMPLE, "KAN, simplest", "simple.py", "splinework.tabular", "splinework", ranked=False),
        Contender("linear", "linear", "linear.py", "sklearn", "scikit-learn"),
        Contender("boosting", "gradient boosting", "boosting.py", "sklearn", "scikit-learn"),
        Contender("mlp", "MLP", "mlp.py", "sklearn", "scikit-learn"),
        Contender("gam", "pyGAM", "additive.py", "pygam", "pygam"),
        Contender("ebm", "EBM", "ebm.py", "interpret.glassbox", "interpret-core"),
        Contender("realmlp", "RealMLP", "realmlp.py", "pytabkit", "pytabkit[models]"),
        Contender("tabm", "TabM", "tabm.py", "pytabkit", "pytabkit[models]"),
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
        if name not in (OURS, SIMPLE) and rivals_python:
            found = replace(found, python=rivals_python)
        if imports(found.python, ("pandas", "pyarrow", found.module)):
            present.append(found)
        else:
            absent.append(
                f"{name} does not take part: {found.python} has no {found.module}; pip install {found.package}"
            )
    return present, absent
