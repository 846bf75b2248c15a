"""Results of a bench: how rounds become figures, what counts, the file, the targets and the page of the documentation."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.speed.driver import reason
from benchmarks.speed.results import Case, load
from splinework.errors import ConfigError, FileError
from tests.benchmarks.speed_values import job_of, results, row, whole


def test_the_minimum_of_rounds_is_the_least_and_the_median_is_theirs():
    found = row("a", "ours", 1.0).with_rounds([{"minimum": m, "median": m + 1, "calls": 2} for m in (3.0, 1.0, 2.0)])
    assert (found.minimum, found.median, found.rounds, found.calls) == (1.0, 3.0, 3, 6)


def test_a_fast_wrong_kernel_counts_for_nothing():
    case = Case(job_of("A"), (row("right", "spline", 2.0), row("wrong", "spline", 1.0, error=0.5))).judged()
    assert [r.status for r in case.rows] == ["ok", "wrong"]
    assert case.fastest("spline").contender == "right"
    assert Case(job_of("A"), (row("r", "rbf", 1.0, gradient_error=float("inf")),)).judged().seconds("rbf") is None


def test_results_come_back_from_their_file(tmp_path):
    kept = results(Case(job_of("A"), (row("a", "ours", 1.0, error=float("inf"), settings={"k": 3}),), [0.5], [0.6]))
    path = tmp_path / "r.json"
    path.write_text(json.dumps(kept.to_dict(), allow_nan=False))
    assert load(path) == kept
    path.write_text('{"format": 1}')
    with pytest.raises(FileError, match="does not hold"):
        load(path)
    with pytest.raises(FileError, match="cannot read"):
        load(tmp_path / "nothing.json")


def test_of_joined_results_the_newer_counts():
    old = results(Case(job_of("A"), (row("a", "ours", 1.0),)), Case(job_of("C"), (row("a", "ours", 5.0),)))
    new = results(Case(job_of("A"), (row("a", "ours", 2.0),)))
    joined = old.joined(new)
    assert joined.case(config="A").seconds("ours") == 2.0
    assert joined.case(config="C").seconds("ours") == 5.0
    assert len(joined.contenders) == len(old.contenders)
    with pytest.raises(ConfigError, match="processor"):
        old.joined(replace(new, machine={**new.machine, "processor": "Q"}))


def test_the_best_peak_counts():
    job, slow = job_of("A"), {"threads": 1, "dtype": "float32", "matmul": 1e9, "loop": 2e9}
    assert results().with_peak(slow).peak(job) == 1e11
    assert results().with_peak(slow).with_peak({**slow, "loop": 5e11}).peak(job) == 5e11
    assert results().peak(replace(job, dtype="float64")) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('Traceback:\n  File "/a/b.py"\ntorch._dynamo.exc.Unsupported: no\n\nSet X=1\n', "Unsupported: no"),
        ("ValueError: cannot open /home/u/x/y.so", "ValueError: cannot open y.so"),
        ("Killed\n", "Killed"),
        ("", ""),
        ("RuntimeError: see https://pytorch.org/docs/a", "RuntimeError: see https://pytorch.org/docs/a"),
    ],
)
def test_the_last_words_of_a_process_are_one_line_without_places(text, said):
    assert reason(text) == said


# ------------------------------------------------------------------------------------ the documentation's page


def test_targets_compare_with_the_fastest_rival_that_is_no_polyline():
    from benchmarks.kernels.targets import targets

    found = {target.what.split(":")[0] + target.wanted: target for target in targets(whole())}
    first = found["A, G=5≥ 2.5×"]
    assert (first.measured, first.status) == ("3× (inkan, compiled)", "met")
    assert found["A, G=100≥ 25×"].status == "**missed**"
    assert found["B, G=5≥ 2.4×"].status == "–"
    assert found["A, G=5≤ 6×"].status == "**missed**"
    assert found["A≤ 1.5×"].measured == "1×"
    share = 100 * job_of("C", mode="forward").multiply_adds() / 1e-3 / 1e11
    assert found["C, G=5≥ 40 %"].measured == f"{share:.3g} %"


def test_the_page_tells_all_and_the_pictures_are_drawn(tmp_path):
    from benchmarks.kernels import pictures, tables

    folder = tmp_path / "performance"
    folder.mkdir()
    drawn = pictures.draw(whole(), folder)
    assert [Path(path).name for path, _ in drawn] == [
        "time_against_grid.svg",
        "time_against_width.svg",
        "share_of_peak.svg",
    ]
    assert all((tmp_path / path).stat().st_size > 1000 for path, _ in drawn)
    page = tables.page(whole(), drawn)
    for fragment in (
        "| A: forward + backward at G=1000 against G=5 | ≤ 1.5× | 1× | met |",
        "kanditioned (linear)",
        "1.00 ms (1.10 ms)",
        "- pykan, skipped: too slow (A G=5",
        *(path for path, _ in drawn),
    ):
        assert fragment in page
    assert tables.page(results(), []).startswith("# ")
