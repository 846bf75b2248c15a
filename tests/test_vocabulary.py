"""Sources and documents speak the language of their field: standard terms, whole sentences (`tests/vocabulary.py`)."""

from pathlib import Path

import pytest

from tests.vocabulary import ROOT, fragments, offences, unusual

# The log and the changelog name things as they were called at the time.
HISTORY = {"log.md", "CHANGELOG.md"}
PARTS = sorted(path for path in (ROOT / "src" / "splinework").iterdir() if path.is_dir() and path.name != "__pycache__")
PAGES = [path for path in [*ROOT.glob("*.md"), *sorted((ROOT / "docs").glob("*.md"))] if path.name not in HISTORY]


def _files(place: Path) -> list[Path]:
    return sorted(place.rglob("*.py"))


@pytest.mark.parametrize("part", [*PARTS, ROOT / "docs", ROOT / "benchmarks"], ids=lambda part: part.name)
def test_sources_use_standard_terms_and_sentences(part):
    assert [line for path in _files(part) for line in offences(path)] == []


def test_top_level_modules_do_too():
    assert [line for path in sorted((ROOT / "src" / "splinework").glob("*.py")) for line in offences(path)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_documents_do_too(page):
    assert offences(page) == []


def test_what_offends_is_found():
    text = "fine\ntell_of_doubts\nclass Doubt:\nso many rows\nindoors, dearth"
    assert [number for number, _ in unusual(text)] == [2, 3, 4]
    source = (
        '"""What is here."""\ndef f(order):\n    """Slope.\n\n    Args:\n        order: Of the derivative.\n    """\n'
    )
    assert [number for number, _ in fragments(source)] == [1, 6]
