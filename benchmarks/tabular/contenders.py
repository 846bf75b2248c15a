"""Contenders on tables."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from benchmarks import campaign

OURS, SIMPLE = "kan", "kan-simple"
ON_PAGE = [OURS, "linear", "boosting", "mlp", "gam", "ebm", SIMPLE]
"""Those in the tables of docs/tabular.md."""


@dataclass(frozen=True)
class Contender(campaign.Contender):
    """A contender.

    Attributes:
        title: Title in tables.
        ranked: Whether it takes part in the ranks.
    """

    title: str = ""
    ranked: bool = True
    folder: ClassVar[Path] = Path(__file__).resolve().parent / "peers"
    beside: ClassVar[tuple[str, ...]] = ("pandas", "pyarrow")


KNOWN = {
    found.name: found
    for found in (
        Contender(OURS, "ours.py", "splinework.tabular", "splinework", title="KAN"),
        Contender(SIMPLE, "simple.py", "splinework.tabular", "splinework", title="KAN, simplest", ranked=False),
        Contender("linear", "linear.py", "sklearn", "scikit-learn", title="linear"),
        Contender("boosting", "boosting.py", "sklearn", "scikit-learn", title="gradient boosting"),
        Contender("mlp", "mlp.py", "sklearn", "scikit-learn", title="MLP"),
        Contender("gam", "additive.py", "pygam", "pygam", title="pyGAM"),
        Contender("ebm", "ebm.py", "interpret.glassbox", "interpret-core", title="EBM"),
        Contender("realmlp", "realmlp.py", "pytabkit", "pytabkit[models]", title="RealMLP"),
        Contender("tabm", "tabm.py", "pytabkit", "pytabkit[models]", title="TabM"),
    )
}
