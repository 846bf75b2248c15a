"""The report of an artefact: `report.html`, a self-contained page, and `report.json` with the same figures.

The content is in `report_facts`; each function here renders one section, or nothing. Pictures of networks and fronts are in
`report_pictures`.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from splinework.errors import FileError
from splinework.hardware.report_facts import ArtefactReport, PowerEstimate, ReportCheck, ReportPicture, ReportTable
from splinework.nn.checkpoint import own_version
from splinework.nn.files import write_whole
from splinework.report.html import (
    NOTHING,
    Html,
    bullets,
    cards,
    code,
    element,
    join,
    number,
    paragraph,
    picture,
    table,
    text,
)
from splinework.report.page import page

__all__ = [
    "WORDS", "ArtefactReport", "PowerEstimate", "ReportCheck", "ReportPicture", "ReportTable", "report_html",
    "shown", "write_report",
]  # fmt: skip


def write_report(folder: str | os.PathLike[str], report: ArtefactReport) -> Path:
    """Writes `report.html` and `report.json` into an existing folder, each atomically.

    The same report gives the same bytes.

    Returns:
        The path of the page.

    Example:
        >>> import tempfile
        >>> facts = {"vectors": 100000, "mismatches": 0, "tools": {"gcc": "gcc 12"}}
        >>> checks = (ReportCheck("gcc", "0 of 100 000 vectors differ", True),)
        >>> write_report(tempfile.mkdtemp(), ArtefactReport("Wine in C", "mcu", facts, checks=checks)).name
        'report.html'
    """
    place = Path(folder)
    if not place.is_dir():
        raise FileError(f"there is no folder {place} to write a report to; create it, or name another one.")
    written = report.to_json(), report_html(report)
    for name, content in zip(("report.json", "report.html"), written, strict=True):
        write_whole(place / name, content.encode())
    return place / "report.html"


def report_html(report: ArtefactReport) -> str:
    """The page as HTML."""
    parts = (
        ("figures", "Key figures", figures(report.figures)),
        ("verification", "Verification", verification(report.checks)),
        ("warnings", "Warnings", bullets(report.warnings)),
        ("resources", "Resources and speed", resources(report.figures)),
        ("power", "Power", power(report.power)),
        ("pictures", "Pictures", pictures(report.pictures)),
        ("tables", "In detail", tables(report.tables)),
        ("use", "How to use it", usage(report.usage)),
        ("notes", "Notes", bullets(report.notes)),
        ("versions", "Versions", versions(report.figures, own_version())),
    )
    return page(report.title, lead(report.lead, report.checks), parts)


@dataclass(frozen=True)
class FigureFormat:
    """The presentation of a figure.

    Attributes:
        unit: Unit behind the number; `%` shows a share, SI units get a prefix.
        how: How the figure was obtained.
        card: Whether it is a key figure.
    """

    label: str
    unit: str = ""
    how: str = ""
    card: bool = False


WORDS: Final = {
    "accuracy_float": FigureFormat("accuracy, float", "%", "held-out rows", card=True),
    "accuracy_quantised": FigureFormat("accuracy, quantised", "%", "held-out rows", card=True),
    "accuracy_circuits": FigureFormat("accuracy, circuits", "%", "held-out rows", card=True),
    "accuracy_noisy": FigureFormat("accuracy, imperfect devices", "%", "mean over drawn chips", card=True),
    "accuracy_noisy_before_training": FigureFormat(
        "accuracy before noise-aware training", "%", "mean over drawn chips"
    ),
    "rmse_float": FigureFormat("RMSE, float", "", "held-out rows", card=True),
    "rmse_quantised": FigureFormat("RMSE, quantised", "", "held-out rows", card=True),
    "rmse_circuits": FigureFormat("RMSE, circuits", "", "held-out rows", card=True),
    "rmse_noisy": FigureFormat("RMSE, imperfect devices", "", "mean over drawn chips", card=True),
    "rmse_noisy_before_training": FigureFormat("RMSE before noise-aware training", "", "mean over drawn chips"),
    "rows_held_back": FigureFormat("held-out rows"),
    "vectors": FigureFormat("vectors compared", "", "on each simulator or processor", card=True),
    "mismatches": FigureFormat("mismatches", "", "with the golden model", card=True),
    "neurons": FigureFormat("neurons"),
    "neurons_proven": FigureFormat("neurons proven", "", "equivalent to the golden model", card=True),
    "luts": FigureFormat("LUTs", "", "cells after synthesis", card=True),
    "luts_estimated": FigureFormat("LUTs, estimated", "", "before synthesis"),
    "flipflops": FigureFormat("flip-flops", "", "after synthesis"),
    "latency_cycles": FigureFormat("latency", "cycles", "one result per cycle", card=True),
    "fmax_mhz": FigureFormat("maximum clock", "MHz", "after place and route", card=True),
    "tables": FigureFormat("tables", "", "one for each edge"),
    "edges": FigureFormat("edges"),
    "elements": FigureFormat("circuit elements"),
    "cells": FigureFormat("floating-gate cells"),
    "edge_error_median": FigureFormat("error of an edge, median", "%", "rms, of its span"),
    "edge_error_largest": FigureFormat("error of an edge, largest", "%", "rms, of its span"),
    "instructions": FigureFormat("instructions per inference", "", "counted, not cycles"),
    "quantise_instructions": FigureFormat("instructions of the quantiser", "", "from floats to codes"),
    "flash": FigureFormat("flash", "bytes", "code and tables"),
    "ram": FigureFormat("RAM", "bytes", "static variables"),
    "stack": FigureFormat("stack", "bytes", "deepest chain of calls"),
    "power_watts": FigureFormat("power", "W", "estimate", card=True),
    "settling_seconds": FigureFormat("settling time", "s", "estimate", card=True),
    "energy_joules": FigureFormat("energy per inference", "J", "estimate"),
    "area_square_micrometres": FigureFormat("area", "µm²", "estimate", card=True),
}
"""Presentation of each figure by its name in JSON, in the order of the page."""

_SI: Final = {"W", "s", "J"}
_PREFIXES: Final = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"), (1e-15, "f"))


def lead(sentence: str, checks: Sequence[ReportCheck]) -> Html:
    """The lead paragraph: the artefact and the outcome of its verification."""
    failed = [check.what for check in checks if not check.passed]
    first = paragraph(sentence, "lead") if sentence else NOTHING
    if checks and not failed:
        return join(first, paragraph(f"Verified: {'; '.join(c.what for c in checks)}.", "lead"))
    warning = f"Failed: {', '.join(failed)}." if failed else "Nothing was verified."
    return join(first, element("p", element("strong", text(warning)), class_="refusal"))


def figures(values: Mapping[str, Any]) -> Html:
    """The key figures as cards."""
    return cards(
        [
            (word.label, shown(values[name], word.unit))
            for name, word in WORDS.items()
            if word.card and _is_plain(values.get(name))
        ]
    )


def resources(values: Mapping[str, Any]) -> Html:
    """All figures and their origin, and a table of the figures of each processor."""
    plain = [
        (text(word.label), shown(values[name], word.unit), text(word.how))
        for name, word in WORDS.items()
        if _is_plain(values.get(name))
    ]
    several = [name for name in WORDS if isinstance(values.get(name), Mapping) and values[name]]
    parts = [table("Figures", ["what", "value", "how"], plain, words=(0, 2))] if plain else []
    if several:
        places = list(dict.fromkeys(place for name in several for place in values[name]))
        rows = [
            (text(place), *(shown(values[name].get(place), WORDS[name].unit) for name in several)) for place in places
        ]
        parts.append(table("By processor", ["processor", *(WORDS[name].label for name in several)], rows))
    return join(*parts)


def shown(value: Any, unit: str = "") -> Html:
    """A number with its unit; a dash for None.

    >>> shown(0.9815, "%"), shown(0.0000042, "W"), shown(100000), shown(None)
    ('98.15 %', '4.2 µW', '100 000', '–')
    """
    if value is None or isinstance(value, str):
        return Html("–") if value is None else text(value)
    if unit == "%":
        return Html(f"{number(100 * value)} %")
    if unit in _SI and value > 0:
        size, prefix = next((p for p in _PREFIXES if value >= p[0]), _PREFIXES[-1])
        return Html(f"{number(value / size, 3)} {prefix}{unit}")
    whole = isinstance(value, int) or (float(value).is_integer() and abs(value) < 1e15) or 1e3 <= abs(value) < 1e15
    written = Html(f"{round(value):,}".replace(",", " ").replace("-", "−")) if whole else number(value)
    return Html(f"{written} {text(unit)}") if unit else written


def verification(checks: Sequence[ReportCheck]) -> Html:
    """The table of checks and their results."""
    if not checks:
        return NOTHING
    rows = [(text(c.what), text(c.result), text("passed" if c.passed else "FAILED")) for c in checks]
    return table("Comparison with the golden model", ["check", "result", "status"], rows, words=(0, 1, 2))


def power(estimate: PowerEstimate | None) -> Html:
    """The power estimate and its formula."""
    if estimate is None:
        return NOTHING
    value = shown(estimate.watts, "W")
    return join(
        element("p", Html(f"About {value}; an estimate, not a measurement:")),
        code(estimate.formula, "Formula of the estimate"),
    )


def pictures(drawn: Sequence[ReportPicture]) -> Html:
    """The pictures, one after the other."""
    return join(*(picture(p.figure, f"p{k}", p.description, p.caption) for k, p in enumerate(drawn)))


def tables(given: Sequence[ReportTable]) -> Html:
    """Tables of numbers; columns with text are aligned to the left."""
    made = []
    for one in given:
        words = [k for k in range(len(one.head)) if k == 0 or any(isinstance(row[k], str) for row in one.rows)]
        made.append(table(one.caption, one.head, [[shown(cell) for cell in row] for row in one.rows], words=words))
    return join(*made)


def usage(steps: Sequence[tuple[str, str]]) -> Html:
    """A sentence and code for each step."""
    return join(*(join(paragraph(sentence), code(lines, sentence)) for sentence, lines in steps))


def versions(values: Mapping[str, Any], own: str) -> Html:
    """The programs that made and checked the artefact."""
    used = values.get("tools")
    others = [f"{name}: {version}" for name, version in used.items()] if isinstance(used, Mapping) else []
    return bullets([f"splinework {own}", *others])


def _is_plain(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
