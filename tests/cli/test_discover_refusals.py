"""`splinework discover` on wrong input, and when it is interrupted: nothing is lost, nothing half is left."""

import json
import signal

import numpy as np
import pytest

from tests.cli.stand_in import refused, tree

HEAD = "a,b,y\n"
GOOD = HEAD + "".join(f"{i},{i * i % 7},{2 * i}\n" for i in range(1, 21))
COMMAND, OPTIONS = ("discover", "d.csv", "--target", "y"), ()


@pytest.mark.parametrize(
    ("content", "fragments"),
    [
        pytest.param(GOOD + "1,nan,2\n", ["not finite", "b: 1 empty", "--missing drop"], id="not a number"),
        pytest.param(GOOD + "1,inf,2\n", ["not finite", "b: 1 infinite"], id="infinite"),
        pytest.param(HEAD + "1,2,5\n2,3,5\n" * 10, ["'y' is 5 in all", "nothing to explain"], id="constant target"),
        pytest.param("a,y\n" + "".join(f"5,{i}\n" for i in range(20)), ["no feature varies"], id="constant features"),
        pytest.param(GOOD[:30], ["rows", "at least 9", "add rows"], id="few rows"),
        pytest.param(
            HEAD + "".join(f"{i * i},{i},{i}\n" for i in range(20)),
            ["the target 'y' equals 'b' in every row", "--features a"],
            id="a copy of the target",
        ),
        pytest.param(
            "b,y\n" + "".join(f"{i},{i}\n" for i in range(20)), ["equals 'b'", "give columns"], id="only a copy"
        ),
    ],
)
def test_a_wrong_table_is_refused(refuse, content, fragments):
    refuse(content, [], *fragments)


@pytest.mark.parametrize(
    ("options", "fragments"),
    [
        (["--units", "z=m"], ["--units", "'z'", "not a column"]),
        (["--units", "a"], ["--units", "such as 'x=m,t=s'"]),
        (["--units", "a=m,a=s"], ["two units"]),
        (["--units", "a=mm^"], ["the unit of 'a'"]),
        (["--units", "a=__import__('os').system('touch evil')"], ["--units"]),
        (["--noise-sd", "much"], ["--noise-sd", "'much'"]),
        (["--noise-sd", "-1"], ["--noise-sd is a standard deviation"]),
        (["--noise-sd", "nan"], ["--noise-sd is a standard deviation"]),
        (["--noise-sd", "inf"], ["--noise-sd is a standard deviation"]),
        (["--ode", "z"], ["--ode z", "'a'"]),
        (["--ode", "y"], ["--ode y is the target"]),
        (["--ode", "a", "--relation"], ["--ode and --relation", "one of them"]),
        (["--form", "?", "--ode", "a"], ["--form and --ode"]),
        (["--form", "?", "--units", "a=m"], ["--units cannot be used together with --form"]),
        (["--forbid", "sin", "--units", "a=m"], ["--units cannot be used together with --forbid"]),
        (
            ["--relation", "--noise-sd", "1", "--forbid", "sin"],
            ["--forbid and --noise-sd cannot be used together with --relation"],
        ),
        (["--ode", "a", "--classes"], ["--ode and --classes"]),
        (["--ode", "a", "--test-fraction", "0.5"], ["--test-fraction", "leave it out"]),
        (["--form", " "], ["--form is empty"]),
        (["--require", ""], ["--require is empty"]),
        (["--library", ","], ["--library is empty"]),
        (["--start", " "], ["--start is empty"]),
        (["--form", "?", "--library", "sin"], ["--library cannot be used together with --form"]),
        (["--classes", "--start", "a"], ["--start cannot be used together with --classes"]),
        (["--forbid", ","], ["--forbid is empty"]),
        (["--budget", "0"], ["above 0"]),
        (["--budget", "soon"], ["--budget", "splinework discover --help"]),
        (["--features", "a,z"], ["no column 'z'"]),
        (["--shape", "2,1"], ["--shape"]),
    ],
)
def test_a_wrong_option_is_refused(refuse, options, fragments):
    refuse(GOOD, options, *fragments)


def test_a_column_that_copies_the_target_where_it_has_cells_is_one(run, folder, pipeline):
    (folder / "d.csv").write_text(HEAD + "".join(f"{i * i},{'' if i == 3 else i},{i}\n" for i in range(20)))
    refused(run("discover", "d.csv", "--target", "y", "--missing", "mean"), "equals 'b'")


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_writes_what_was_found_so_far(run, folder, pipeline):
    (folder / "d.csv").write_text(GOOD)
    pipeline.hook = interrupt
    result = run("discover", "d.csv", "--target", "y", "--out", "o")
    assert result.exit_code == 130
    assert "stopping: the best result so far will be written; press Ctrl-C again to quit" in result.stderr
    assert "interrupted: what was found so far is in o" in result.stderr
    assert "formulas for y" in result.stdout
    assert "interrupted: the best so far" in result.stdout
    assert (folder / "o" / "equations.csv").exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_is_told_in_json(run, folder, pipeline):
    (folder / "d.csv").write_text(GOOD)
    pipeline.hook = interrupt
    result = run("discover", "d.csv", "--target", "y", "--json", "--quiet")
    assert result.exit_code == 130
    assert json.loads(result.stdout)["interrupted"] is True
    assert result.stderr == "interrupted: what was found so far is in splinework-d\n"


def test_ctrl_c_before_there_is_a_formula_says_so(run, folder, pipeline):
    def nothing_yet(table: object) -> None:
        raise KeyboardInterrupt

    (folder / "d.csv").write_text(GOOD)
    before = tree(folder)
    pipeline.alter = nothing_yet
    result = run("discover", "d.csv", "--target", "y")
    assert result.exit_code == 130
    assert "interrupted before there was a formula; nothing was written" in result.stderr
    assert tree(folder) == before


def test_ctrl_c_while_files_are_written_lets_them_be_written(run, folder, pipeline):
    def late(path) -> None:
        path.write_text("half")
        interrupt()
        path.write_text("<html>")

    (folder / "d.csv").write_text(GOOD)
    pipeline.report_hook = late
    result = run("discover", "d.csv", "--target", "y", "--out", "o")
    assert result.exit_code == 130
    assert (folder / "o" / "report.html").read_text() == "<html>"
    assert len(np.loadtxt(folder / "o" / "pareto.csv", dtype=str, delimiter=",")) > 1
