"""Every Python block of README and the pages of the documentation runs as it is printed, in order, in an empty folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

ROOT = Path(__file__).parent.parent
SLOW = {
    "README", "defaults", "equations", "estimators", "hardware", "hardware_analog", "hardware_fpga", "hardware_mcu", "index",
    "learning-from-simulators", "formulas", "training", "axioms", "pde",
}  # fmt: skip
"""Pages whose blocks take more than five seconds of a processor; `make test-all` runs them."""


def blocks(page: Path) -> list:
    return list(Sybil(parsers=[PythonCodeBlockParser()], path=str(page.parent)).parse(page).examples())


PAGES = [
    page for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if "```python" in page.read_text()
]


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    "page", [pytest.param(p, id=p.stem, marks=[pytest.mark.slow] * (p.stem in SLOW)) for p in PAGES]
)
def test_every_python_block_runs_as_printed(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(ROOT)  # for the block about the benchmarks
    found = blocks(page)
    assert len(found) == page.read_text(encoding="utf-8").count("```python")
    for block in found:
        block.evaluate()


def test_every_slow_page_has_blocks():
    assert {page.stem for page in PAGES} >= SLOW


def test_a_block_that_fails_is_seen(tmp_path):
    (tmp_path / "page.md").write_text("```python\nx = 1\n```\n\ntext\n\n```python\nassert x == 2\n```\n")
    first, second = blocks(tmp_path / "page.md")
    first.evaluate()
    with pytest.raises(AssertionError):
        second.evaluate()
