"""One report for every artefact: `report.html`, a page that needs nothing else, and `report.json` with the same figures.

What it says is in `report_facts`, what its sections look like in `report_sections`; pictures of networks and fronts are in
`report_pictures`.
"""

import os
from pathlib import Path

from splinework.errors import FileError
from splinework.hardware import report_sections
from splinework.hardware.report_facts import ArtefactReport, Check, Picture, Power, Table
from splinework.nn.checkpoint import own_version
from splinework.nn.files import write_whole
from splinework.report.page import page

__all__ = ["ArtefactReport", "Check", "Picture", "Power", "Table", "report_html", "write_report"]


def write_report(folder: str | os.PathLike[str], report: ArtefactReport) -> Path:
    """Writes `report.html` and `report.json`, each whole or not at all.

    The same report gives the same bytes.

    Args:
        folder: Where; it must be there.
        report: What is known.

    Returns:
        The path of the page.

    Raises:
        FileError: If a file cannot be written.

    Example:
        >>> import tempfile
        >>> facts = {"vectors": 100000, "mismatches": 0, "tools": {"gcc": "gcc 12"}}
        >>> checks = (Check("gcc", "0 of 100 000 vectors differ", True),)
        >>> write_report(tempfile.mkdtemp(), ArtefactReport("Wine in C", "mcu", facts, checks=checks)).name
        'report.html'
    """
    place = Path(folder)
    if not place.is_dir():
        raise FileError(f"there is no folder {place} to write a report to; make it, or name another one.")
    written = report.to_json(), report_html(report)
    for name, content in zip(("report.json", "report.html"), written, strict=True):
        write_whole(place / name, content.encode())
    return place / "report.html"


def report_html(report: ArtefactReport) -> str:
    """The page."""
    parts = (
        ("figures", "Key figures", report_sections.figures(report.figures)),
        ("verification", "Verification", report_sections.verification(report.checks)),
        ("warnings", "Warnings", report_sections.sentences(report.warnings)),
        ("resources", "Resources and speed", report_sections.resources(report.figures)),
        ("power", "Power", report_sections.power(report.power)),
        ("pictures", "Pictures", report_sections.pictures(report.pictures)),
        ("tables", "In detail", report_sections.tables(report.tables)),
        ("use", "How to use it", report_sections.usage(report.usage)),
        ("notes", "Notes", report_sections.sentences(report.notes)),
        ("versions", "Versions", report_sections.versions(report.figures, own_version())),
    )
    return page(report.title, report_sections.lead(report.lead, report.checks), parts)
