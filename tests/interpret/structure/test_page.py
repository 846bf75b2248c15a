"""The page on structure runs as it stands, and prints what it says."""

import contextlib
import io
import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "structure-of-functions.md"


def test_the_page_prints_what_it_says():
    blocks = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(blocks, str(PAGE), "exec"), {})
    promised = re.findall(r"^print\(.*\)  # (.*)$", blocks, re.MULTILINE)
    assert len(promised) == 5
    assert [line for line in promised if line not in printed.getvalue()] == []
