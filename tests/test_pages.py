"""Every Python block of README and the pages of the documentation runs as it is printed, in order, in an empty folder."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

from splinework.splines.bases import ACTIVATIONS, BASES

ROOT = Path(__file__).parent.parent
SLOW = {
    "README", "axioms", "concept-certificates", "concept-edges", "concept-grids", "concept-smoothing", "concept-sparsity",
    "data", "defaults", "editing", "editor", "equations", "estimators", "formulas", "from-formula", "from-pysr", "gallery",
    "hardware", "hardware_analog", "hardware_fpga", "hardware_mcu", "howto-axioms", "howto-big-data", "howto-categories",
    "howto-certificate", "howto-classification", "howto-csv", "howto-deploy", "howto-equations", "howto-extend",
    "howto-formula", "howto-noise", "howto-shape", "howto-torch", "howto-units", "index", "learning-from-simulators", "pde",
    "reading", "structure-of-functions", "training", "tutorial",
}  # fmt: skip
"""Pages whose blocks take more than a second of a processor; `make test-all` runs them."""


GIVEN = {"from-pykan": {"model/0.3": "tests/nn/data/pykan/plain"}}
"""Files that a page's reader has, with what stands in for them: beginnings of names."""
PROMISED = {
    "concept-certificates": 1, "concept-sparsity": 1, "howto-axioms": 1, "structure-of-functions": 5, "tutorial": 3,
}  # fmt: skip
"""Pages that say in a comment behind `print(…)` what is printed, and how often."""


def blocks(page: Path) -> list:
    return list(Sybil(parsers=[PythonCodeBlockParser()], path=str(page.parent)).parse(page).examples())


@contextmanager
def _registries() -> Iterator[None]:
    """Puts back what a page registers, such as a basis of its own."""
    before = [(table, dict(table)) for table in (BASES, ACTIVATIONS)]
    yield
    for table, content in before:
        table.clear()
        table.update(content)


PAGES = [
    page for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if "```python" in page.read_text()
]


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    "page", [pytest.param(p, id=p.stem, marks=[pytest.mark.slow] * (p.stem in SLOW)) for p in PAGES]
)
def test_every_python_block_runs_as_printed(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(ROOT)  # for the block about the benchmarks
    for here, source in GIVEN.get(page.stem, {}).items():
        (tmp_path / here).parent.mkdir()
        for file in (ROOT / source).parent.glob(f"{Path(source).name}_*"):
            shutil.copy(file, f"{tmp_path / here}{file.name.removeprefix(Path(source).name)}")
    found = blocks(page)
    assert len(found) == page.read_text(encoding="utf-8").count("```python")
    with _registries():
        for block in found:
            block.evaluate()
    if page.stem == "README":
        drawn, kept = (imread(folder / "network.png") for folder in (tmp_path, ROOT / "docs" / "images"))
        assert drawn.shape == kept.shape
        assert np.abs(drawn - kept).mean() < 0.02, "python docs/figures.py --readme draws it again"
    printed = capsys.readouterr().out
    promised = re.findall(r"^print\(.*\)  # (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    if page.stem in PROMISED:
        assert len(promised) == PROMISED[page.stem]
        assert [line for line in promised if line not in printed] == []


def test_every_slow_page_has_blocks():
    assert {page.stem for page in PAGES} >= SLOW


def test_a_block_that_fails_is_seen(tmp_path):
    (tmp_path / "page.md").write_text("```python\nx = 1\n```\n\ntext\n\n```python\nassert x == 2\n```\n")
    first, second = blocks(tmp_path / "page.md")
    first.evaluate()
    with pytest.raises(AssertionError):
        second.evaluate()
