"""The benchmark of tabular sets, continued: ranks, tables and the picture."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.tabular import contenders, pictures, ranks, tables
from benchmarks.tabular.results import Key, Results
from benchmarks.tabular.sets import FOLDS, SETS
from splinework.errors import ConfigError


def record(contender: str, name: str, fold: int, score: float | None, **facts):
    kept = {"contender": contender, "set": name, "fold": fold, "kind": SETS[name].kind, "score": score, "error": ""}
    return {**kept, "cpu_seconds": 2.0, "last_cpu_seconds": 1.0, "tried": {}, "rows": 9, **facts}


def filled(folder: Path, scores: dict[str, float | None]) -> Results:
    """Cells of all sets and folds, the same score everywhere."""
    folder.mkdir(exist_ok=True)
    for contender, score in scores.items():
        cells = [record(contender, name, fold, score) for name, fold in itertools.product(SETS, range(FOLDS))]
        (folder / f"{contender}.jsonl").write_text("".join(json.dumps(cell) + "\n" for cell in cells))
    return Results(folder)


def test_ranks_are_those_of_scipy():
    from scipy.stats import rankdata

    scores = np.random.default_rng(0).integers(0, 4, size=(50, 6)).astype(float)
    scores[0, 0] = scores[1, 0] = scores[1, 1] = np.inf
    np.testing.assert_array_equal(ranks.ranked(scores), rankdata(scores, axis=1))


def test_mean_ranks_lie_in_their_interval_and_sum_to_what_ranks_do(tmp_path):
    random = np.random.default_rng(1)
    found = {
        Key(c, s, k): record(c, s, k, float(random.uniform()) + "abc".index(c) / 4)
        for c, s, k in itertools.product("abc", SETS, range(FOLDS))
    }
    made = ranks.of(found, tuple(SETS), "abc")
    assert made.mean.sum() == pytest.approx(6)
    assert (made.low <= made.mean).all()
    assert (made.mean <= made.high).all()
    again = ranks.of(found, tuple(SETS), "abc")
    assert (again.low == made.low).all()


def test_only_sets_that_all_have_been_asked_on_are_ranked():
    found = {Key(c, s, k): record(c, s, k, 1.0) for c, s, k in itertools.product("ab", ("wine", "chile"), range(FOLDS))}
    del found[Key("b", "chile", 4)]
    assert ranks.of(found, tuple(SETS), "ab").sets == ("wine",)
    assert ranks.of({}, tuple(SETS), "ab") is None


def test_a_failed_cell_is_worse_than_any(tmp_path):
    store = filled(tmp_path, {"kan": None, "linear": 5.0, "mlp": 4.0})
    shown = tables.shown(store, None, None)
    assert list(shown.ranks("regression").mean) == [3.0, 2.0, 1.0]
    assert "Without a result, which counts as the worst one:\n\n- KAN, ames, fold 0" in tables.page(store, None, None)


def test_the_status_of_the_target_needs_ours_and_all_sets(tmp_path):
    scores = {name: float(k) for k, name in enumerate(n for n, one in contenders.KNOWN.items() if one.ranked)}
    rivals = {name: score for name, score in scores.items() if name != contenders.OURS}
    assert "Target" not in tables.page(filled(tmp_path / "rivals", rivals), None, None)
    assert "Target" not in tables.page(filled(tmp_path / "few", scores), ["wine"], None)
    five = tables.page(filled(tmp_path / "five", dict(list(scores.items())[:5])), None, None)
    assert "a mean rank of at most 2.2 among 5. Reached: 1.00, met." in five
    page = tables.page(filled(tmp_path / "all", scores), None, None)
    among = len(scores)
    assert f"Target for the KAN, regression: a mean rank of at most 2.5 among {among}. Reached: 1.00, met." in page
    assert "**mean rank** (90 % of draws of folds) | **1.00** (1.00 to 1.00) | **2.00**" in page
    assert "| wine | **0** (1) | 1 (2) |" in page
    worse = tables.page(filled(tmp_path / "worse", {**scores, "kan": 2.5}), None, None)
    assert f"Target for the KAN, classification: a mean rank of at most 3 among {among}. Reached: 3.00, met." in worse
    assert "Reached: 3.00, missed." in worse


def test_edges_of_both_of_ours_are_compared_on_the_folds_that_both_have(tmp_path):
    for name, edges, score in ((contenders.OURS, 100, 1.0), (contenders.SIMPLE, 4, 1.5)):
        cells = [record(name, "wine", k, score + 0.5 * (k % 2), edges=edges + k) for k in range(3)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(cell) + "\n" for cell in cells))
    page = tables.page(Results(tmp_path), None, None)
    assert "| wine | 101 | 5 | 1.167 | 1.667 | 1.73 |" in page
    assert "| **median** | **101** | **5** |" in page
    assert "KAN, simplest" not in page


def test_tables_go_between_the_marks_and_nothing_else_changes(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table: begin -->\nold\n<!-- table: end -->\nafter\n")
    tables.write("new", page, "table")
    text = "before\n<!-- table: begin -->\n\nnew\n\n<!-- table: end -->\nafter\n"
    assert page.read_text() == text
    tables.write("new", page, "table")
    assert page.read_text() == text
    with pytest.raises(ConfigError, match="has no place for the tables"):
        tables.write("new", page, "speed")


def test_the_page_of_the_documentation_has_the_marks_and_every_set():
    text = tables.PAGE.read_text(encoding="utf-8")
    for mark in ("table", "speed", "checks"):
        assert text.index(f"<!-- {mark}: begin -->") < text.index(f"<!-- {mark}: end -->")
    assert all(f"| {name} |" in text for name in SETS)


def test_the_picture_is_drawn_from_what_there_is(tmp_path):
    assert pictures.draw(tables.shown(Results(tmp_path), None, None), tmp_path) == []
    store = filled(tmp_path, {"kan": 1.0, "linear": 2.0})
    drawn = pictures.draw(tables.shown(store, None, None), tmp_path / "pictures")
    assert [path.name for path in drawn] == [pictures.NAME]
    assert drawn[0].read_text().lstrip().startswith("<?xml")
