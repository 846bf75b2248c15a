"""The program as a user starts it: processes, the real pipeline, exit codes, signals."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import splinework
from tests.cli.stand_in import tree

COMMAND = [sys.executable, "-m", "splinework.cli"]
HERE = {**os.environ, "PYTHONPATH": str(Path(splinework.__file__).parents[1])}


def program(folder: Path, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    given: dict[str, object] = {"capture_output": True, "text": True, "timeout": 120, "env": HERE} | options
    return subprocess.run([*COMMAND, *arguments], cwd=folder, **given)  # type: ignore[call-overload,no-any-return]


def sample(rows: int, seed: int) -> pd.DataFrame:
    x = np.random.default_rng(seed).uniform(1, 3, (rows, 3))
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "idle": x[:, 2], "y": 2 * x[:, 0] / x[:, 1] ** 2})


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with d.csv and what the real pipeline makes of it."""
    folder = tmp_path_factory.mktemp("real")
    sample(150, 0).to_csv(folder / "d.csv", index=False)
    done = program(folder, "fit", "d.csv", "--target", "y", "--budget", "6", "--out", "o")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "o/report.html" in done.stdout
    return folder


def test_the_law_is_found_and_holds_on_fresh_rows(fitted):
    with (fitted / "o" / "equations.csv").open(newline="") as file:
        first = next(csv.DictReader(file))
    fresh = sample(1000, 1)
    found = eval(first["formula"], {**vars(np)}, {name: fresh[name].to_numpy() for name in fresh})
    assert np.sqrt(np.mean((found - fresh["y"]) ** 2)) / fresh["y"].std() < 1e-4
    assert "idle" not in first["formula"]
    metrics = json.loads((fitted / "o" / "metrics.json").read_text())
    assert (metrics["n_train"], metrics["n_test"]) == (120, 30)
    assert metrics["r2_test"] > 0.999


def test_the_report_is_one_page(fitted):
    text = (fitted / "o" / "report.html").read_text()
    assert text.lstrip().lower().startswith("<!doctype html")
    assert "y from d.csv" in text


def test_predictions_come_through_a_pipe(fitted):
    fresh = sample(50, 2)
    done = program(fitted, "predict", "o/model.safetensors", "-", "--out", "-", input=fresh.to_csv(index=False))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "a,b,idle,y,y_predicted"
    predicted = np.array([float(line.split(",")[-1]) for line in lines[1:]])
    assert np.sqrt(np.mean((predicted - fresh["y"]) ** 2)) / fresh["y"].std() < 0.05


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["fit", "none.csv", "--target", "y"], marks=pytest.mark.slow),
        pytest.param(["fit", "d.csv", "--target", "z"], marks=pytest.mark.slow),
        pytest.param(["fit", "d.csv", "--target", "y", "--out", "o"], marks=pytest.mark.slow),
        pytest.param(["predict", "o/model.safetensors", "d.csv", "--out", "/dev/full"], marks=pytest.mark.slow),
        ["nonsense"],
    ],
)
def test_a_refusal_is_one_line_and_exit_code_2(fitted, arguments):
    before = tree(fitted)
    done = program(fitted, *arguments)
    assert done.returncode == 2
    *progress, last = done.stderr.splitlines()
    assert last.startswith("error: ")
    assert all(re.match(r" *\d+\.\d s  \w", line) for line in progress)  # what took longer than a second
    assert done.stdout == ""
    assert tree(fitted) == before


@pytest.mark.slow
def test_discover_finds_the_law_and_its_files_say_the_same(fitted):
    done = program(fitted, "discover", "d.csv", "--target", "y", "--budget", "6", "--out", "found", "--json")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    found = json.loads(done.stdout)
    fresh = sample(1000, 1)
    columns = {name: fresh[name].to_numpy() for name in fresh}
    value = eval(found["formulas"][0]["formula"], {**vars(np)}, columns)
    assert np.sqrt(np.mean((value - fresh["y"]) ** 2)) / fresh["y"].std() < 1e-4
    pareto = pd.read_csv(fitted / "found" / "pareto.csv").sort_values("rank")
    equations = pd.read_csv(fitted / "found" / "equations.csv")
    assert list(pareto.formula) == list(equations.formula) == [row["formula"] for row in found["formulas"]]
    assert "<math" in (fitted / "found" / "report.html").read_text()


def interrupted(folder: Path, times: int) -> tuple[int, str]:
    """Exit code and words of a search that is interrupted so many times."""
    arguments = ["discover", "d.csv", "--target", "y", "--features", "idle,b", "--out", "half", "--budget", "20"]
    process = subprocess.Popen([*COMMAND, *arguments], cwd=folder, stderr=subprocess.PIPE, text=True, env=HERE)
    assert process.stderr is not None
    with process.stderr as stream:
        said = [stream.readline()]
        while "loading" in said[-1] or "reading" in said[-1]:  # until the search has begun
            said.append(stream.readline())
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            while "stopping" not in said[-1] and said[-1]:
                said.append(stream.readline())
        said.append(stream.read())
    return process.wait(60), "".join(said)


@pytest.mark.slow
def test_ctrl_c_ends_fit_with_the_best_model(fitted):
    frame = sample(300, 4)  # of which no short formula is found before networks are tried
    y = np.exp(np.sin(5 * frame.a * frame.b)) + frame.a * np.cos(3 * frame.b * frame.idle)
    frame.assign(y=y + np.random.default_rng(5).normal(0, 0.05, len(frame))).to_csv(fitted / "waves.csv", index=False)
    arguments = ["fit", "waves.csv", "--target", "y", "--out", "kept", "--budget", "60"]
    process = subprocess.Popen([*COMMAND, *arguments], cwd=fitted, stderr=subprocess.PIPE, text=True, env=HERE)
    assert process.stderr is not None
    with process.stderr as stream:
        networks = 0
        while networks < 2 and (line := stream.readline()):  # the second one: the first is fitted
            networks += "trying" in line
        assert networks == 2
        process.send_signal(signal.SIGINT)
        rest = stream.read()
    assert process.wait(60) == 130, rest
    assert "Traceback" not in rest
    assert rest.endswith("interrupted: what was found so far is in kept\n")
    assert {path.name for path in (fitted / "kept").iterdir()} == {
        "equations.csv", "metrics.json", "model.safetensors", "report.html"
    }  # fmt: skip
    done = program(fitted, "predict", "kept/model.safetensors", "waves.csv", "--out", "-", "--quiet")
    predicted = pd.read_csv(io.StringIO(done.stdout))
    assert np.sqrt(np.mean((predicted.y_predicted - predicted.y) ** 2)) < predicted.y.std()


@pytest.mark.slow
def test_ctrl_c_twice_ends_discover_at_once(fitted):
    before = tree(fitted)
    status, said = interrupted(fitted, 2)
    assert status == 130, said
    assert "Traceback" not in said
    assert said.endswith(("interrupted\n", "interrupted before there was a formula; nothing was written\n"))
    assert tree(fitted) == before


@pytest.mark.slow
def test_ctrl_c_ends_discover_with_what_it_has_found(fitted):
    status, said = interrupted(fitted, 1)
    assert status == 130, said
    assert "Traceback" not in said
    if said.endswith("interrupted before there was a formula; nothing was written\n"):
        assert not (fitted / "half").exists()
    else:
        assert said.endswith("interrupted: what was found so far is in half\n")
        assert (fitted / "half" / "equations.csv").exists()


@pytest.mark.slow
def test_a_terminal_that_knows_no_such_letters_is_no_reason_to_fail(fitted):
    done = program(fitted, "doctor", env={**HERE, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
