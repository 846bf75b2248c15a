"""Sources and documents speak the language of their field: standard terms, whole sentences (`tests/vocabulary.py`)."""

from pathlib import Path

import pytest

from tests.families import every
from tests.vocabulary import PAGES, PHRASES, ROOT, draw, fragments, offences, phrases, unusual

PARTS = sorted(path for path in (ROOT / "src" / "splinework").iterdir() if path.is_dir() and path.name != "__pycache__")


def _files(place: Path) -> list[Path]:
    return sorted(place.rglob("*.py"))


@pytest.mark.parametrize("part", [*PARTS, ROOT / "docs", ROOT / "benchmarks"], ids=lambda part: part.name)
def test_sources_use_standard_terms_and_sentences(part):
    assert [line for path in _files(part) for line in offences(path)] == []


def test_top_level_modules_do_too():
    assert [line for path in sorted((ROOT / "src" / "splinework").glob("*.py")) for line in offences(path)] == []


@every("page", PAGES)
def test_documents_do_too(page):
    assert offences(page) == []


def test_what_offends_is_found():
    text = "fine\ntell_of_doubts\nclass Doubt:\nso many rows\nindoors, dearth"
    assert [number for number, _ in unusual(text)] == [2, 3, 4]
    source = (
        '"""What is here."""\ndef f(order):\n    """Slope.\n\n    Args:\n        order: Of the derivative.\n    """\n'
    )
    assert [number for number, _ in fragments(source)] == [1, 6]


REVIEWED = """
failed, and not for what was typed
whoever read the output went away
Numbers or classes; as the target looks.
Skip who needs more seconds for one call.
by name or its beginning, parted by semicolons
those are taken that the model was built with
checkpoints that go on to the same bits
what rows can tell at all
Bits are those that formula and errors take to write down
a smaller error would follow it.
second order, as it pays for 42 parameters
rows that nothing has seen
`weights=` counts rows.
Numbers of rows are no inputs
it goes the other way by at most
as scikit-learn has it
all is there
"""
"""Sentences of an earlier state that a native speaker stumbled over."""


@every("sentence", REVIEWED.strip().splitlines())
def test_sentences_that_were_reworded_stay_away(sentence):
    assert list(phrases(sentence)) or list(unusual(sentence))


def test_a_phrase_is_found_across_the_end_of_a_line():
    assert [number for number, _ in phrases("one\nwords parted\nby commas")] == [2]
    assert "parted by" in PHRASES


def test_random_sentences_are_drawn_from_a_seed():
    pages = [ROOT / "README.md", ROOT / "src" / "splinework" / "cli" / "fit.py"]
    assert draw(pages, 5, 1) == draw(pages, 5, 1) != draw(pages, 5, 2)
    assert len(draw(pages, 5, 1)) == 5
