"""The page on networks from formulas: its blocks of code run one after the other, and what they assert is so."""

import re
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "from-formula.md").read_text(encoding="utf-8")


def test_the_page_runs_as_it_stands():
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 5
    exec("\n".join(blocks), {"__name__": "page"})
