"""Wrong input: one line that says what came and the way out, exit code 2, and nothing written."""

import errno
import json
import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from splinework.nn import files
from tests.cli.stand_in import refused, tree

GOOD = "\n".join(["a,b,y", *(f"{i},{i * i % 7},{2 * i}" for i in range(20))]) + "\n"
COMMAND, OPTIONS = ("fit", "d.csv"), ("--target", "y")


@pytest.mark.parametrize(
    ("content", "fragments"),
    [
        pytest.param(None, ["no file d.csv"], id="missing"),
        pytest.param("", ["d.csv is empty"], id="empty"),
        pytest.param("Dear all,\nyes, we did, too.\n", ["not a regular CSV file"], id="prose"),
        pytest.param(b"\x89PNG\r\n\x1a\n\x00\x00", ["binary"], id="binary"),
        pytest.param("a,b,y\n", ["no rows"], id="header only"),
        pytest.param("a,b,y\n1,2,3\n", ["is 1 row", "at least 9", "8 to fit and 1 to test"], id="one row"),
        pytest.param("a,b,y\n1,2,3\n2,3,4\n3,4,4\n", ["3 rows", "at least 9"], id="few rows"),
        pytest.param("a,a,y\n1,2,3\n", ["two columns named 'a'", "rename"], id="duplicated names"),
        pytest.param("1,2,3\n4,5,6\n", ["no column 'y'", "only numbers"], id="no header"),
        pytest.param(GOOD.replace(",y", ",Y_total"), ["no column 'y'", "'Y_total'"], id="target missing"),
        pytest.param(GOOD.replace("3,2,6", "3,2,x"), ["target 'y'", "'x' (line 5)", "1 of 20"], id="text in target"),
        pytest.param("y\n1\n2\n", ["no column beside the target"], id="no feature"),
        pytest.param(GOOD.replace("3,2,6", "3,two,6"), ["'two' (line 5)", "--features a"], id="text in feature"),
        pytest.param(
            "day,a,y\n" + "".join(f"2024-01-{i:02},{i},{i}\n" for i in range(1, 20)),
            ["'day' has 19 of 19: '2024-01-01' (line 2)", "--features a"],
            id="dates",
        ),
        pytest.param(GOOD.replace("3,2,6", "3,'2,6'"), ['"6\'" (line 5)'], id="single quotes"),
        pytest.param(
            GOOD + ",1,1\nnan,-inf,2\n2,3,\n",
            ["a: 2 empty", "b: 1 infinite", "y: 1 empty", "--missing drop", "3 rows and keeps 20", "--missing mean"],
            id="missing cells",
        ),
        pytest.param(
            "a,y\n" + "".join(f"{i},5\n" for i in range(20)), ["'y' is 5 in all 18 rows"], id="constant target"
        ),
        pytest.param("a,y\n" + "".join(f"5,{i}\n" for i in range(20)), ["no feature varies"], id="constant features"),
        pytest.param(GOOD + "1e200,1,1\n", ["'a' reaches 1e+200", "rescale"], id="too large"),
        pytest.param('a,y\n"1,5",2\n"2,5",3\n', ["'1,5' (line 2)", "decimal point"], id="quoted decimal commas"),
        pytest.param("a;y\n1,500;2\n2,500;3\n", ["'1,500' (line 2)", "thousands"], id="thousands or decimals"),
    ],
)
def test_a_wrong_table_is_refused(refuse, content, fragments):
    refuse(content, [], *fragments)


@pytest.mark.parametrize(
    ("options", "fragments"),
    [
        (["--target", "z"], ["no column 'z'", "'a', 'b', 'y'"]),
        (["--target", "y", "--features", "a,bb"], ["no column 'bb'", "did you mean 'b'?"]),
        (["--target", "y", "--features", "a,y"], ["'y' is the target"]),
        (["--target", "y", "--features", "a,a"], ["more than once"]),
        (["--target", "y", "--features", " "], ["names no column"]),
        (["--target", "y", "--shape", "3,5,1"], ["begins with 3", "2 features", "'a', 'b'"]),
        (["--target", "y", "--shape", "2,5,2"], ["ends with 2", ",1"]),
        (["--target", "y", "--shape", "2"], ["such as 2,5,1", "'2'"]),
        (["--target", "y", "--shape", "2,x,1"], ["such as 2,5,1"]),
        (["--target", "y", "--shape", "2,0,1"], ["such as 2,5,1"]),
        (["--target", "y", "--shape", "2,-5,1"], ["such as 2,5,1"]),
        (["--target", "y", "--shape", "2,,1"], ["such as 2,5,1"]),
        (["--target", "y", "--shape", "(" * 200], ["such as 2,5,1"]),
        (["--target", "y", "--shape", "2,999999999,1"], ["edges"]),
        (["--target", "y", "--test-fraction", "1"], ["0 <= F < 1", "got 1"]),
        (["--target", "y", "--test-fraction", "-0.1"], ["0 <= F < 1"]),
        (["--target", "y", "--test-fraction", "nan"], ["0 <= F < 1"]),
        (["--target", "y", "--test-fraction", "0.9"], ["at least 26", "lower --test-fraction"]),
        (["--target", "y", "--budget", "0"], ["above 0", "got 0"]),
        (["--target", "y", "--budget", "-1"], ["above 0"]),
        (["--target", "y", "--budget", "nan"], ["above 0"]),
        (["--target", "y", "--budget", "inf"], ["above 0"]),
        (["--target", "y", "--seed", "-1"], ["--seed", "splinework fit --help"]),
        (["--target", "y", "--missing", "guess"], ["--missing", "drop"]),
        (["--features", "a"], ["--target"]),
        (["--target", "y", "--wrong"], ["--wrong"]),
    ],
)
def test_a_wrong_option_is_refused(refuse, options, fragments):
    refuse(GOOD, options, *fragments)


def test_a_constant_column_is_named_where_the_shape_does_not_fit(refuse):
    text = "\n".join(["a,b,y", *(f"{i},5,{2 * i}" for i in range(20))])
    refuse(
        text, ["--target", "y", "--shape", "2,5,1"], "begins with 2", "there is 1 feature", "'b' left out as constant"
    )


def test_a_folder_without_tables_is_refused(run, folder, pipeline):
    Path("empty").mkdir()
    refused(run("fit", "empty", "--target", "y"), "there is no Parquet or CSV file in empty")


def test_many_columns_of_text_make_no_endless_message(refuse):
    names = [f"t{i}" for i in range(50)]
    rows = [",".join([*names, "a", "y"]), *(",".join([f"x{i}"] * 50 + [str(i), str(i)]) for i in range(20))]
    refuse("\n".join(rows), [], "and 45 more columns", "--features a")


def test_columns_with_awkward_names_are_suggested_ready_for_the_shell(refuse):
    rows = ['text,"a, in kg",b $,y', *(f"x{i},{i},{i},{i}" for i in range(20))]
    refuse("\n".join(rows), [], "--features '\"a, in kg\",b $'")


def test_a_folder_that_has_files_is_refused(refuse, folder):
    (folder / "splinework-d").mkdir()
    (folder / "splinework-d" / "mine.txt").write_text("mine")
    refuse(GOOD, [], "splinework-d is not empty", "mine.txt", "--overwrite")


def test_places_that_are_no_folders_are_refused(refuse, folder):
    (folder / "file").write_text("mine")
    refuse(GOOD, ["--target", "y", "--out", "file"], "is a file")
    refuse(GOOD, ["--target", "y", "--out", "file/below"], "file")
    refuse(GOOD, ["--target", "y", "--out", "x" * 5000], "cannot use the folder")
    (folder / "o" / "metrics.json").mkdir(parents=True)
    refuse(GOOD, ["--target", "y", "--out", "o", "--overwrite"], "metrics.json is a folder")


@pytest.mark.parametrize(("command", "name"), [("fit", "equations.csv"), ("discover", "pareto.csv")])
def test_data_among_the_results_is_not_replaced(run, folder, pipeline, command, name):
    (folder / name).write_text(GOOD)
    refused(run(command, name, "--target", "y", "--out", ".", "--overwrite"), f"would replace {name}")
    assert (folder / name).read_text() == GOOD


def test_a_folder_without_permission_is_refused_before_the_work(refuse, monkeypatch):
    monkeypatch.setattr(files.os, "access", lambda path, mode: False)  # root may write anywhere
    refuse(GOOD, [], "no permission", "name another folder")


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), PermissionError(13, "Permission denied")]
)
def test_a_full_disk_or_a_sudden_refusal_leaves_everything_as_it_was(run, folder, pipeline, error, existing):
    def fail(path: Path) -> None:
        path.write_text("half of a rep")
        raise error

    (folder / "d.csv").write_text(GOOD)
    if existing:
        assert run("fit", "d.csv", "--target", "y", "--out", "p/o").exit_code == 0
        (folder / "p" / "o" / "mine.txt").write_text("mine")
    pipeline.report_hook = fail
    result = run("fit", "d.csv", "--target", "y", "--out", "p/o", "--overwrite", "--quiet")
    refused(result, "cannot write p/o", "No space left" if error.errno == errno.ENOSPC else "Permission denied")


def test_a_model_that_cannot_be_written_is_told_with_the_reason(run, folder, pipeline, monkeypatch):
    def full(source: object, target: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (folder / "d.csv").write_text(GOOD)
    monkeypatch.setattr("splinework.nn.files.os.replace", full)
    refused(run("fit", "d.csv", "--target", "y", "--quiet"), "cannot write splinework-d", "No space left")


def test_a_defect_is_told_in_a_line_with_what_to_do_and_writes_nothing(run, folder, pipeline):
    def fail(path: Path) -> None:
        raise ZeroDivisionError("a defect")

    (folder / "d.csv").write_text(GOOD)
    before = tree(folder)
    pipeline.report_hook = fail
    result = run("fit", "d.csv", "--target", "y", "--quiet")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    for fragment in ("error: an internal error of splinework", "ZeroDivisionError: a defect", "--debug", "report it"):
        assert fragment in result.stderr
    shown = run("fit", "d.csv", "--target", "y", "--quiet", "--debug")
    assert shown.exit_code == 1
    assert "Traceback (most recent call last)" in shown.stderr
    assert 'raise ZeroDivisionError("a defect")' in shown.stderr
    assert tree(folder) == before


def test_ctrl_c_ends_the_search_with_130_and_keeps_the_best_model(run, folder, pipeline):
    (folder / "d.csv").write_text(GOOD)
    pipeline.hook = lambda: signal.raise_signal(signal.SIGINT)
    result = run("fit", "d.csv", "--target", "y", "--json")
    assert result.exit_code == 130
    assert "stopping: the best result so far will be written" in result.stderr
    assert result.stderr.endswith("interrupted: what was found so far is in splinework-d\n")
    found = json.loads(result.stdout)
    assert found["interrupted"] is True
    assert all(Path(path).is_file() for path in found["files"].values())
    assert "model" in found["files"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("command", ["fit", "discover"])
def test_ctrl_c_twice_ends_at_once_and_writes_nothing(run, folder, pipeline, command):
    def twice():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            signal.raise_signal(signal.SIGINT)

    (folder / "d.csv").write_text(GOOD)
    before = tree(folder)
    pipeline.hook = twice
    result = run(command, "d.csv", "--target", "y")
    assert result.exit_code == 130
    assert result.stderr.endswith("interrupted\n")
    assert result.stdout == ""
    assert tree(folder) == before
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_in_the_middle_of_writing_lets_it_end_and_once_more_leaves_nothing(run, folder, pipeline, times):
    def interrupt(path: Path) -> None:
        path.write_text("half")
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)

    (folder / "d.csv").write_text(GOOD)
    before = tree(folder)
    pipeline.report_hook = interrupt
    assert run("fit", "d.csv", "--target", "y").exit_code == 130
    assert (tree(folder) == before) == (times == 2)
    assert (folder / "splinework-d" / "model.safetensors").exists() == (times == 1)


def test_errors_of_the_data_come_before_any_work(run, folder, pipeline):
    frame = pd.DataFrame({"a": np.arange(20.0), "y": pd.date_range("2024-01-01", periods=20)})
    frame.to_parquet("d.parquet")
    refused(run("fit", "d.parquet", "--target", "y"), "target 'y'", "(row 1)")
