"""The pages of experiments are those of the kept results, and the kept results are whole."""

from __future__ import annotations

import pytest

from docs import reproduce_pages
from splinework.reproduce import FinishedCell

KEPT = list(reproduce_pages.kept())


@pytest.mark.parametrize(("one", "result"), KEPT, ids=[one.name for one, _ in KEPT])
def test_kept_results_have_all_cells_of_a_quick_recipe_and_no_others_of_a_full_one(one, result):
    names = {cell["name"] for cell in result["cells"]}
    assert len(result["cells"]) == len(names)
    assert (len(names) == result["cell_count"]) or (result["scale"] == "full" and len(names) < result["cell_count"])
    assert names <= {cell.name for cell in one.cells(result["scale"])}
    assert [each for each in result["environments"] if not each["splinework"]] == []
    assert result["environments"]


@pytest.mark.parametrize(("one", "result"), KEPT, ids=[one.name for one, _ in KEPT])
def test_tables_and_checks_follow_from_the_kept_cells(one, result):
    finished = [FinishedCell(**cell) for cell in result["cells"]]
    rows = [{key: row[key] for key in ("name", "published", "paper", "ours", "rival")} for row in result["rows"]]
    assert [{key: getattr(row, key) for key in rows[0]} for row in one.rows(finished)] == rows
    own = {check.statement: check.met for check in one.checks(finished)}
    assert {check["statement"]: check["met"] for check in result["checks"] if check["statement"] in own} == own


@pytest.mark.parametrize(("one", "result"), KEPT, ids=[one.name for one, _ in KEPT])
def test_a_row_that_our_default_misses_says_why(one, result):
    for row in result["rows"]:
        known = [why for name, why in one.reasons.items() if row["name"].startswith(name)]
        assert (row["default_reached"] is not False) or (known and row["note"].endswith(known[0])), row["name"]


def test_the_pages_are_those_of_the_kept_results():
    texts = reproduce_pages.written()
    assert len(texts) == len(KEPT) + 1
    assert [path.name for path, text in texts.items() if not path.exists() or path.read_text("utf-8") != text] == []
    assert all((reproduce_pages.PAGES / f"{one.name}.svg").exists() for one, _ in KEPT)
