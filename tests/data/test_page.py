"""The page on synthetic data: the names on it exist."""

import re
from pathlib import Path

from splinework.data import data_names, data_set
from tests.families import every

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text(encoding="utf-8")


def test_the_names_exist():
    table = PAGE.split("## Sets by name")[1].split("## Designs")[0]
    first = [row.split("|")[1] for row in table.splitlines() if row.startswith("|")]
    plain = [name for cell in first for name in re.findall(r"`([a-z_]+)`", cell)]
    toys = {"product", "mean_sine_100", "exp_sine_4", "monomial", "idle_sum", "ratio"}  # "…" on the page
    assert set(data_names(formulas=False)) - set(plain) == toys
    assert set(plain) <= set(data_names())
    for name in re.findall(r"`([a-z_]+:[A-Z][0-9]+)`", table):
        assert data_set(name).name == name


@every("kind", ["feynman", "feynman-si", "special", "nguyen", "keijzer", "korns", "strogatz", "structure"])
def test_the_kinds_exist(kind):
    assert f"`{kind}:" in PAGE
    assert any(name.startswith(f"{kind}:") for name in data_names())
