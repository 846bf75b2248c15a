"""The page on formulas names every function of the language, and its example says what happens."""

import re
from pathlib import Path

from splinework.formula import NAMES, Expression

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "formulas.md").read_text(encoding="utf-8")


def test_every_function_is_on_the_page():
    section = PAGE[PAGE.index("## The language of formulas") : PAGE.index("## In Python")]
    words = set(re.findall(r"\w+", section))
    inverse = {f"arc{name}" for name in ("cos", "tan", "sinh", "cosh")}  # arcsin … arctanh
    assert set(NAMES) - words - inverse == set()


def test_the_example_is_right():
    radius = Expression("hypot(x, y)", ("x", "y"))
    assert radius([[3.0, 4.0]])[0] == 5.0
    assert radius.derivative("x").text == "x / hypot(x, y)"
