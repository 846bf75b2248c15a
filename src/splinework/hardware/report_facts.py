"""The content of an artefact's report as plain values: figures, checks, power, tables, pictures, text."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from matplotlib.figure import Figure

from splinework.errors import ConfigError
from splinework.hardware.folders import KINDS, Kind

REQUIRED: Final[dict[Kind, tuple[str, ...]]] = {
    "fpga": (
        "METRIC_float", "METRIC_quantised", "vectors", "mismatches", "neurons", "neurons_proven", "luts",
        "luts_estimated", "flipflops", "latency_cycles", "fmax_mhz", "tools",
    ),
    "mcu": ("vectors", "mismatches", "tools"),
    "analog": ("vectors", "tools"),
}  # fmt: skip
"""Figures that a report must have; `METRIC` is `accuracy` or `rmse`. None means that a figure is not available."""


@dataclass(frozen=True)
class ReportCheck:
    """One check of an artefact.

    Attributes:
        what: Name of the check, such as `simulation in iverilog`.
        result: Result in words, such as `0 of 100 000 vectors differ`.
    """

    what: str
    result: str
    passed: bool


@dataclass(frozen=True)
class PowerEstimate:
    """An estimate of the power drawn."""

    watts: float
    formula: str


@dataclass(frozen=True)
class ReportTable:
    """A table of numbers and text.

    Attributes:
        head: Headings of the columns.
        rows: Texts and numbers; None is a dash.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str | float | None, ...], ...]


@dataclass(frozen=True, eq=False)
class ReportPicture:
    """A picture."""

    figure: Figure
    description: str
    caption: str = ""


@dataclass(frozen=True, eq=False)
class ArtefactReport:
    """The content of an artefact's report.

    Attributes:
        title: Heading of the page.
        kind: `fpga`, `mcu` or `analog`.
        figures: JSON values by the names of `REQUIRED` and `report_page.WORDS`; others only appear in the JSON.
        lead: One or two sentences on the artefact.
        checks: The checks and their results.
        power: The power estimate, if there is one.
        tables: Further tables, such as figures over temperature.
        pictures: Pictures, such as those of `report_pictures`.
        usage: A sentence and code for each step of using the artefact.
        warnings: Warnings to the user: saturated values, codes assumed impossible, missing vendor tools.
        notes: Decisions and their reasons.

    Raises:
        ConfigError: If a figure is missing or not a JSON value.
    """

    title: str
    kind: Kind
    figures: Mapping[str, Any]
    lead: str = ""
    checks: tuple[ReportCheck, ...] = ()
    power: PowerEstimate | None = None
    tables: tuple[ReportTable, ...] = ()
    pictures: tuple[ReportPicture, ...] = ()
    usage: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"an artefact is of the kind {', '.join(KINDS)}, got {self.kind!r}.")
        metric = "rmse" if "rmse_float" in self.figures else "accuracy"
        names = [name.replace("METRIC", metric) for name in REQUIRED[self.kind]]
        if missing := [name for name in names if name not in self.figures]:
            raise ConfigError(
                f"a report of the kind {self.kind} needs {', '.join(names)}; missing: {', '.join(missing)}."
            )
        if taken := [name for name in ("checks", "power", "warnings", "notes") if name in self.figures]:
            raise ConfigError(f"{', '.join(taken)} are not figures; pass them as the arguments of these names.")
        if self.passed and self.figures.get("mismatches"):
            raise ConfigError(
                f"{self.figures['mismatches']} mismatches, but all checks passed; mark the check that failed."
            )
        for table in self.tables:
            if any(len(row) != len(table.head) for row in table.rows):
                raise ConfigError(f"the table {table.caption!r} has {len(table.head)} columns, but not in every row.")
        self.to_json()

    @property
    def passed(self) -> bool:
        """Whether there are checks and all of them passed."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    def to_json(self) -> str:
        """The figures as JSON, with `checks`, `power`, `warnings` and `notes` if there are any.

        Raises:
            ConfigError: If a figure is not a JSON value.
        """
        content: dict[str, Any] = dict(self.figures)
        if self.power is not None:
            content["power"] = vars(self.power)
        if self.checks:
            content["checks"] = [vars(check) for check in self.checks]
        for name, sentences in (("warnings", self.warnings), ("notes", self.notes)):
            if sentences:
                content[name] = list(sentences)
        try:
            return json.dumps(content, indent=1, allow_nan=False) + "\n"
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"figures of a report must be JSON values ({error}); give finite numbers, or None if not available."
            ) from error
