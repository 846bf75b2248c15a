"""Laws of the framework: what is done stays, results of other versions are told apart, an interrupt loses one cell."""

import json
import signal
from dataclasses import replace
from pathlib import Path

import joblib
import pytest
from click.testing import CliRunner

import splinework as sw
from splinework.cli import main
from splinework.errors import ConfigError, FileError
from splinework.reproduce import ComparisonRow, experiment_names, recipe, registry, running, store
from splinework.reproduce.store import ResultStore, environment
from splinework.reproduce.tables import row_checks
from tests.reproduce.sample import Squares


class Record:
    """The registry with one experiment, and what it ran."""

    def __init__(self) -> None:
        self.ran: list[int] = []
        self.stop_at: int | None = None
        self.experiment = Squares(called=self.call)

    def call(self, number: int) -> None:
        if number == self.stop_at:
            signal.raise_signal(signal.SIGINT)
        self.ran.append(number)


@pytest.fixture
def record(monkeypatch):
    found = Record()
    monkeypatch.setattr(running, "recipe", lambda name: found.experiment)
    monkeypatch.setattr(running, "experiment_names", lambda: ("squares",))
    return found


def run(folder, **options):
    return running.run("squares", out=folder, progress=False, **options)[0]


def test_finished_cells_are_not_run_again(record, tmp_path):
    first = run(tmp_path)
    assert (record.ran, first.met, first.cells) == ([1, 2, 3], True, 3)
    assert [cell.result["square"] for cell in run(tmp_path).finished] == [1, 4, 9]
    assert record.ran == [1, 2, 3]


def test_cells_of_the_quick_recipe_count_for_the_full_one(record, tmp_path):
    assert len(run(tmp_path, quick=True).finished) == 2
    run(tmp_path)
    assert record.ran == [1, 2, 3]


@pytest.mark.parametrize("stop_at", [1, 2, 3])
def test_an_interrupt_keeps_what_is_done_and_the_rest_goes_on(record, tmp_path, stop_at):
    record.stop_at = stop_at
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    before = list(record.ran)
    assert before == list(range(1, stop_at))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    record.stop_at = None
    assert run(tmp_path).met
    assert record.ran == [1, 2, 3]


def test_an_interrupt_is_no_keyboard_interrupt_inside_a_cell(record, tmp_path, monkeypatch):
    """A fit would return its best state on a KeyboardInterrupt, and a cut-off result would be kept as a whole one."""
    seen = []

    def call(number):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            seen.append(number)

    record.experiment = Squares(called=call)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    assert (seen, list(tmp_path.rglob("*.json"))) == ([], [])


def test_results_of_another_package_version_are_told_apart(record, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "package_version", lambda: "0.0.1")
    old = run(tmp_path)
    texts = {path: path.read_text() for path in (tmp_path / "squares" / "cells").iterdir()}
    monkeypatch.setattr(store, "package_version", lambda: "0.0.2")
    new = run(tmp_path)
    assert record.ran == [1, 2, 3, 1, 2, 3]
    assert (old.foreign, new.foreign, old.version, new.version) == (0, 3, "0.0.1/1", "0.0.2/1")
    assert {path: path.read_text() for path in texts} == texts


def test_results_of_another_recipe_or_experiment_version_are_told_apart(record, tmp_path, monkeypatch):
    run(tmp_path)
    monkeypatch.setattr(Squares, "version", 2)
    assert run(tmp_path).foreign == 3
    record.experiment = replace(record.experiment, numbers=(1, 7))
    result = run(tmp_path)
    assert [cell.settings["number"] for cell in result.finished] == [1, 7]
    assert result.foreign == 5


def test_results_of_two_environments_name_both(record, tmp_path, monkeypatch):
    run(tmp_path, quick=True)
    monkeypatch.setattr(store, "environment", lambda: {**environment(), "processor": "another"})
    result = run(tmp_path)
    assert [each["processor"] == "another" for each in result.environments] == [False, True]
    assert (result.folder / "table.md").read_text().count("Environment:") == 2


def test_digests_depend_on_every_part_and_on_nothing_else():
    cell = Squares().cells("full")[0]
    other = Squares().cells("full")[1]
    digests = {cell.digest("a", "1"), cell.digest("b", "1"), cell.digest("a", "2"), other.digest("a", "1")}
    assert len(digests) == 4
    assert cell.digest("a", "1") == Squares(numbers=(1,)).cells("full")[0].digest("a", "1")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"digest": "0"}'])
def test_a_damaged_result_is_refused_by_name(record, tmp_path, text):
    run(tmp_path)
    place = ResultStore(tmp_path, record.experiment)
    path = place.path(record.experiment.cells("full")[1])
    path.write_text(text)
    with pytest.raises(FileError, match=path.stem):
        run(tmp_path)


def test_files_say_what_the_result_says(record, tmp_path):
    result = run(tmp_path)
    stored = json.loads((result.folder / "result.json").read_text())
    assert stored["cell_count"] == len(stored["cells"]) == 3
    assert [each["splinework"] for each in stored["environments"]] == [sw.__version__]
    table = (result.folder / "table.md").read_text()
    assert all(
        text in table for text in ("| 3 | square | 9 | 9 ✓ | 9 ✓ |", "| there is a result | 3 | met |", "Environment:")
    )
    assert (result.folder / "figure.svg").read_text().startswith("<?xml")


def test_figures_of_the_same_results_are_the_same(record, tmp_path):
    figure = run(tmp_path).folder / "figure.svg"
    first = figure.read_bytes()
    run(tmp_path)
    assert figure.read_bytes() == first


def test_an_incomplete_result_is_not_met(record, tmp_path):
    record.stop_at = 3
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    partial = running.evaluate(record.experiment, "full", tmp_path)
    assert (partial.met, len(partial.finished), partial.rows[2].ours) == (False, 2, None)


def test_rows_are_held_to_the_published_value_and_to_twice_its_error():
    rows = [ComparisonRow("a", "RMSE", 1.0, 2.0, 1.0), ComparisonRow("b", "RMSE", 1.0, 2.1, 1.1)]
    assert [row.default_reached for row in rows] == [True, False]
    assert [row.own_method_reached for row in rows] == [True, False]
    accuracy = [
        ComparisonRow("c", "accuracy", 0.9, 0.89, 0.9, better="higher"),
        ComparisonRow("d", "accuracy", 0.9, 0.88, 0.89, better="higher"),
    ]
    assert [row.default_reached for row in accuracy] == [True, False]
    assert [row.own_method_reached for row in accuracy] == [True, False]
    assert [check.value for check in row_checks([*rows, *accuracy])] == ["2 of 4", "2 of 4"]
    texts = ComparisonRow("e", "formula", "x*y", "x*y", "x*y", ours_reached=True)
    assert (texts.default_reached, texts.own_method_reached) == (True, None)
    unpublished = [
        ComparisonRow("f", "RMSE"),
        ComparisonRow("g", "RMSE", ours=1.0, ours_reached=False, paper_reached=True),
    ]
    assert [check.met for check in row_checks(unpublished)] == [None, None]


@pytest.mark.parametrize(
    ("name", "near"), [("toy", "toys"), ("grid_extension", "grid-extension"), ("Poisson", "poisson")]
)
def test_an_unknown_name_gets_the_nearest_and_the_list(name, near):
    with pytest.raises(ConfigError, match=f"did you mean '{near}'") as caught:
        sw.reproduce.run(name)
    assert all(other in str(caught.value) for other in experiment_names())


@pytest.mark.parametrize("jobs", [0, -1, 1.5, "2"])
def test_jobs_that_make_no_sense_are_refused(record, tmp_path, jobs):
    with pytest.raises(ConfigError, match="jobs is the number of processes"):
        run(tmp_path, jobs=jobs)
    assert record.ran == []


@pytest.mark.quick(2)
@pytest.mark.parametrize(("only", "expected"), [(["2"], [2]), ("3", [3]), (["1", "3"], [1, 3]), ([], [1, 2, 3])])
def test_cells_with_a_text_in_their_names_alone_are_run_and_the_rest_goes_on(record, tmp_path, only, expected):
    part = run(tmp_path, only=only)
    assert record.ran == expected
    assert (len(part.finished), part.met) == (len(expected), len(expected) == 3)
    assert run(tmp_path).met
    assert sorted(record.ran) == [1, 2, 3]


@pytest.mark.parametrize("only", [["nothing has this"], [""]])
def test_a_text_that_no_name_has_is_refused_with_examples(record, tmp_path, only):
    with pytest.raises(ConfigError, match=r"no cell has .* in its name; the first are 'square of 1'"):
        run(tmp_path / "new", only=only)
    assert (record.ran, (tmp_path / "new").exists()) == ([], False)


def invoke(*arguments: str):
    return CliRunner().invoke(main, ["reproduce", *arguments], prog_name="splinework")


def test_the_command_lists_runs_and_goes_on(record, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "recipe", lambda name: record.experiment)
    out = ("--out", str(tmp_path))
    shown = invoke("--list", *out)
    assert shown.exit_code == 0, shown.output
    assert "0 of 3" in shown.output
    ran = invoke("squares", *out)
    assert ran.exit_code == 0, ran.output
    assert "all checks met" in ran.output
    listed = json.loads(invoke("--list", "--json", *out).stdout)["experiments"][0]
    assert (listed["done"], listed["cells"], listed["foreign"]) == ([2, 3], [2, 3], 0)
    assert json.loads(invoke("squares", "--json", "--quiet", *out).stdout)["results"][0]["met"] is True
    assert record.ran == [1, 2, 3]


def test_the_interrupted_command_says_what_is_kept_and_goes_on(record, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "recipe", lambda name: record.experiment)
    record.stop_at = 2
    stopped = invoke("squares", "--out", str(tmp_path))
    assert stopped.exit_code == 130
    assert f"finished cells are kept in {tmp_path}" in stopped.output
    assert record.ran == [1]
    record.stop_at = None
    assert invoke("squares", "--out", str(tmp_path)).exit_code == 0
    assert record.ran == [1, 2, 3]


def test_the_command_refuses_an_unknown_name(tmp_path):
    ended = invoke("toyz", "--out", str(tmp_path / "new"))
    assert ended.exit_code == 2
    assert "did you mean 'toys'" in ended.output
    assert not (tmp_path / "new").exists()


def test_cells_run_where_joblib_is_configured_to_run_them(record, tmp_path):
    with joblib.parallel_config("threading", n_jobs=3):
        found = run(tmp_path)
    assert sorted(record.ran) == [1, 2, 3]
    assert [cell.result["square"] for cell in found.finished] == [1, 4, 9]


@pytest.mark.slow
def test_processes_give_the_same_results_as_one(tmp_path):
    results = []
    one = recipe("grid-extension")
    cells = [cell for cell in one.cells("quick") if cell.settings["method"] == "rates"]
    for jobs in (1, 2):
        folder = tmp_path / str(jobs)
        assert list(running._completed([one], {one.name: cells}, folder, jobs, str)) == [one]
        results.append({path.name: json.loads(path.read_text())["result"] for path in Path(folder).rglob("*.json")})
    assert len(results[0]) == 3
    assert results[0] == results[1]
