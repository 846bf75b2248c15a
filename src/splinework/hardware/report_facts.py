"""What a report of an artefact says, as plain values: figures, checks, power, tables, pictures, words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from matplotlib.figure import Figure

from splinework.errors import ConfigError
from splinework.hardware.folders import KINDS, Kind

REQUIRED: Final[dict[Kind, tuple[str, ...]]] = {
    "fpga": (
        "METRIC_float",
        "METRIC_quantised",
        "vectors",
        "mismatches",
        "neurons",
        "neurons_proven",
        "luts",
        "luts_estimated",
        "flipflops",
        "latency_cycles",
        "fmax_mhz",
        "tools",
    ),
    "mcu": ("vectors", "mismatches", "tools"),
    "analog": ("vectors", "tools"),
}
"""Figures that a report must have; `METRIC` is `accuracy` or `rmse`. None says that a figure could not be had."""


@dataclass(frozen=True)
class ReportCheck:
    """Something that was verified.

    Attributes:
        what: Such as `simulation in iverilog`.
        result: Such as `0 of 100 000 vectors differ`.
        passed: Whether that is as it should be.
    """

    what: str
    result: str
    passed: bool


@dataclass(frozen=True)
class PowerEstimate:
    """An estimate of the power drawn.

    Attributes:
        watts: In all.
        formula: How it was worked out, with the numbers that went in.
    """

    watts: float
    formula: str


@dataclass(frozen=True)
class ReportTable:
    """Rows of numbers and words.

    Attributes:
        caption: What they are.
        head: Headings of the columns.
        rows: Texts and numbers; None is a dash.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str | float | None, ...], ...]


@dataclass(frozen=True, eq=False)
class ReportPicture:
    """A figure.

    Attributes:
        figure: Of matplotlib; `axes.figure` of what a plot function returns.
        description: For those who do not see it.
        caption: What stands below.
    """

    figure: Figure
    description: str
    caption: str = ""


@dataclass(frozen=True, eq=False)
class ArtefactReport:
    """What is known of an artefact.

    Attributes:
        title: Heading of the page.
        kind: `fpga`, `mcu` or `analog`.
        figures: JSON values by the names of `REQUIRED` and `report_page.WORDS`; others go to the JSON only.
        lead: A sentence or two on what it is.
        checks: What was verified.
        power: An estimate, if there is one.
        tables: Such as the same figures over temperatures.
        pictures: Such as those of `report_pictures`.
        usage: How to use it: a sentence and code for each step.
        warnings: What a user must know: values that saturated, codes that were taken as impossible, no vendor's run.
        notes: What was decided, and why.

    Raises:
        ConfigError: If a figure is missing, or no JSON value.
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
                f"a report of the kind {self.kind} has {', '.join(names)}; missing: {', '.join(missing)}."
            )
        if taken := [name for name in ("checks", "power", "warnings", "notes") if name in self.figures]:
            raise ConfigError(f"{', '.join(taken)} of a report are no figures; give them by their own names.")
        if self.passed and self.figures.get("mismatches"):
            raise ConfigError(
                f"{self.figures['mismatches']} mismatches, and all checks passed; say which of them did not."
            )
        for table in self.tables:
            if any(len(row) != len(table.head) for row in table.rows):
                raise ConfigError(f"the table {table.caption!r} has {len(table.head)} columns, but not in every row.")
        self.to_json()

    @property
    def passed(self) -> bool:
        """Whether something was verified and all of it is as it should be."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    def to_json(self) -> str:
        """The figures as JSON, and `checks`, `power`, `warnings` and `notes` where there are any.

        Raises:
            ConfigError: If a figure is no JSON value.
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
                f"figures of a report are JSON values ({error}); give plain finite numbers, None for those that are missing."
            ) from error
