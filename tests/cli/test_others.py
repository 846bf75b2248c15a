"""`demo`, `doctor` and the frame around the commands."""

import importlib
import json
import sys

from click.testing import CliRunner

from splinework.cli import main
from splinework.cli.options import split_list
from splinework.cli.terminal import share, shortened
from tests.cli.stand_in import refused

FILES = {"model.safetensors", "equations.csv", "metrics.json", "report.html"}


def test_demo_writes_data_and_results_and_says_what_next(run, folder, pipeline):
    result = run("demo", "--budget", "8")
    assert result.exit_code == 0, result.output
    out = folder / "splinework-demo"
    assert {path.name for path in out.iterdir()} == {"orbits", "orbits.csv", "diabetes", "diabetes.csv"}
    for name in ("orbits", "diabetes"):
        assert {path.name for path in (out / name).iterdir()} == FILES
    orbits, diabetes = pipeline.calls
    assert (orbits["target"], orbits["names"]) == ("period_days", ["central_mass_kg", "semi_major_axis_km"])
    assert (orbits["budget"], diabetes["budget"]) == (3.0, 5.0)
    assert len(orbits["y"]) == 54
    assert diabetes["x"].shape == (354, 10)
    for fragment in ("linear model", "multilayer perceptron", "gradient boosting", "splinework, the network"):
        assert fragment in result.stdout
    for fragment in ("open   splinework-demo/orbits/report.html", "next   splinework fit YOUR.csv --target COLUMN"):
        assert fragment in result.stdout


def test_demo_runs_again_over_itself_but_not_over_others(run, folder, pipeline):
    assert run("demo", "--quiet").output == ""
    assert run("demo", "--quiet").exit_code == 0
    (folder / "splinework-demo" / "mine.txt").write_text("mine")
    refused(run("demo"), "splinework-demo is not empty", "mine.txt", "--out")
    refused(run("demo", "--budget", "0"), "above 0")


def test_doctor_tells_versions_and_what_is_missing(run):
    text = run("doctor")
    facts = json.loads(run("doctor", "--json").stdout)
    assert text.exit_code == 0
    assert facts["kernels"] == sorted(facts["kernels"])
    assert "reference" in facts["kernels"]
    assert facts["missing"] == []
    assert facts["python"] == sys.version.split()[0]
    for package in ("torch", "numpy", "scipy", "scikit-learn", "sympy", "pandas"):
        assert facts["packages"][package] in text.stdout


def test_doctor_ends_with_2_where_something_needed_is_missing(run, monkeypatch):
    module = importlib.import_module("splinework.cli.doctor")
    monkeypatch.setattr(module, "installed", lambda package: None if package == "sympy" else "1")
    result = run("doctor")
    assert result.exit_code == 2
    assert "pip install sympy" in result.stdout


def test_nothing_to_do_shows_the_help(run):
    assert "Commands:" in run().stdout
    assert run().exit_code == 0
    assert run("fit").exit_code == 2
    assert "Usage: splinework discover" in run("discover").stderr


def test_version(run):
    assert run("--version").stdout.startswith("splinework ")


def test_embedding_without_standalone_mode_raises(folder):
    result = CliRunner().invoke(main, ["fit", "none.csv", "--target", "y"], standalone_mode=False)
    assert result.exception is not None
    assert type(result.exception).__name__ == "FileError"


def test_formulas_are_rounded_for_the_eye_only():
    assert shortened("2.123456789*x1**0.5 + x_1.5") == "2.1235*x1**0.5 + x_1.5"
    assert shortened("1.23456789e-20*a2**(3/2)") == "1.2346e-20*a2**(3/2)"
    assert shortened("sin(3.141592653589793*x)") == "sin(3.1416*x)"
    assert len(shortened("x + " * 1000)) == 300


def test_r2_near_one_is_shown_by_its_distance():
    assert [share(v) for v in (None, 0.5, -1.0, 1 - 1e-9, 1.0)] == ["–", "0.5000", "-1.0000", "1-1.0e-09", "1"]


def test_lists_of_names_may_be_quoted():
    assert split_list(' a, "b, c" ,d') == ["a", "b, c", "d"]
