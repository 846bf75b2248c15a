"""The tables of the panel: their arithmetic on a few made results."""

import sys

import numpy as np
import pytest

from benchmarks import bench_panel
from benchmarks.panel import tables
from benchmarks.panel.cases import Case
from benchmarks.panel.results import Key, Results
from benchmarks.panel.targets import RULES

CASES = [Case("wavy-0", 40, 0.0), Case("wavy-2", 300, 0.2), Case("smooth-0", 300, 0.0)]
ERRORS = {
    "linear": [1.0, 0.4, 1e-9],
    "gp": [0.01, None, 1e-7],
    "fit": [0.011, 0.1, 9e-6],
}
"""By model and case; None for a fit that was stopped."""


def record(model: str, case: Case, error: float | None, **others: object) -> dict[str, object]:
    problem = "stopped after 120 s" if error is None else ""
    made = {"model": model, "target": case.name, "rows": case.rows, "noise": case.noise, "error": error}
    facts = {
        "constant": 1.01,
        "rules": RULES,
        "limit": 120.0,
        "problem": problem,
        "commit": "abc",
        "seconds": 9.0,
        "cpu_seconds": 2.0,
    }
    return {**made, **facts, **others}


@pytest.fixture
def store(tmp_path):
    made = Results(tmp_path)
    for model, errors in ERRORS.items():
        for case, error in zip(CASES, errors, strict=True):
            made.add(record(model, case, error))
    return made


def test_ratios_are_to_the_least_error_with_a_floor_and_a_failure_is_the_constant(store):
    what = tables.shown(store, CASES, None)
    assert what.models == ("linear", "gp", "fit")
    np.testing.assert_allclose(what.ratios, [[100, 1, 1.1], [4, 10.1, 1], [1, 1, 9]])
    assert what.problems == {Key("gp", CASES[1]): "stopped after 120 s"}
    np.testing.assert_allclose(tables.shown(store, CASES, None, 1e-9).ratios[2], [1, 100, 9e3])
    np.testing.assert_allclose(tables.geometric(what.ratios), [400 ** (1 / 3), 10.1 ** (1 / 3), 9.9 ** (1 / 3)])


def test_the_summary_is_what_the_ratios_say(store):
    what = tables.shown(store, CASES, None)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in tables.summary(what).splitlines()[2:]]
    assert rows[0] == ["linear", "7.37", "1e+02", "33 %", "0.4", "0", "0", "2", "2"]
    assert rows[1] == ["Gaussian process", "2.16", "10", "67 %", "0.01", "0", "1", "2", "2"]
    assert rows[2] == ["fit", "2.15", "9", "67 %", "0.011", "0", "0", "2", "2"]
    assert "mean at most 1.4: 2.15, missed; worst at most 10: 9, met; within 1.2 at least 60 %: 67 %, met" in (
        tables.target_status(what, "fit")
    )


def test_worse_than_the_constant_counts_beyond_two_per_cent(store):
    for number, error in enumerate((1.02, 1.04, 0.9)):
        store.add(record("linear", CASES[number], error))
    text = tables.summary(tables.shown(store, CASES, ["linear"]))
    assert text.splitlines()[-1].split("|")[6].strip() == "1"


def test_groups_are_in_order_and_the_best_is_bold(store):
    text = tables.page(tables.shown(store, CASES, None), "development")
    assert text.startswith("Cases of the development half: 3. fit: commit abc.")
    starts = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|")]
    for order in (["smooth (1)", "wavy (2)"], ["40 (1)", "300 (2)"], ["0 % (2)", "20 % (1)"]):
        assert [start for start in starts if start in order] == order
    assert "| smooth (1) | **1 (100 %)** | 1 (100 %) | 9 (0 %) |" in text
    assert "- Gaussian process, wavy-2 n=300 noise=0.2: stopped after 120 s" in text


def test_results_of_several_commits_are_named(store):
    store.add(record("fit", CASES[0], 0.5, commit="def"))
    assert "fit: commit abc, def (mixed; --again" in tables.page(tables.shown(store, CASES, None), "report")


def test_only_cases_that_all_models_have_count_and_other_rules_do_not(store):
    store.add(record("linear@new", CASES[0], 0.5))
    store.add(record("linear@new", CASES[1], 0.5, rules=RULES + 1))
    what = tables.shown(store, CASES, ["linear", "linear@new"])
    assert what.cases == (CASES[0],)
    assert tables.page(what, "report").startswith("Cases of the report half: 1 of 3; all models")
    assert "| linear @new | 1 |" in tables.summary(what)
    assert tables.shown(store, CASES, None).models == ("linear", "gp", "fit")


def test_the_worst_cases_name_the_best_model(store):
    first = tables.worst(tables.shown(store, CASES, ["gp", "fit"]), 1).splitlines()
    assert [line.split() for line in first] == [
        ["gp", "10.1", "times:", "wavy-2", "n=300", "noise=0.2:", "1.01,", "fit", "0.1"],
        ["fit", "9", "times:", "smooth-0", "n=300", "noise=0:", "9e-06,", "gp", "1e-06"],
    ]


def test_tables_go_between_the_lines_of_a_page(store, tmp_path, monkeypatch, capsys):
    page = tmp_path / "page.md"
    page.write_text(
        "# A page\n<!-- development: begin -->\nold\n<!-- development: end -->\n<!-- rules: begin --><!-- rules: end -->"
    )

    def called(*words: str) -> str:
        monkeypatch.setattr(
            sys, "argv", ["bench_panel.py", *words, "--results", str(store.folder), "--page", str(page)]
        )
        assert bench_panel.main() == 0
        return capsys.readouterr().out

    called("table", "--markdown")
    called("list", "--markdown")
    text = page.read_text()
    assert "old" not in text
    assert "| Gaussian process |" in text
    assert "| saturating | 1 to 6 |" in text
    assert "wavy-0: 3 columns" in called("list", "--families", "wavy")
    assert "No case" in called("table", "--half", "report")
    with pytest.raises(SystemExit, match="2"):
        called("table", "--models", "forest")
    assert "--models knows constant, linear" in capsys.readouterr().err
