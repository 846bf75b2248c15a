"""The code of the page about reading a network runs as it stands."""

import re
import warnings
from pathlib import Path

from splinework.errors import FitWarning

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reading.md"


def test_the_page_runs(capsys):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 5
    space: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        for block in blocks:
            exec(block, space)
    printed = capsys.readouterr().out
    assert "acts through interactions" in printed
    assert "rows leave the grids" in printed
