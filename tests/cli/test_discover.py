"""`splinework discover`: what it writes, says and hands on."""

import csv
import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import sympy

from splinework.cli.interrupts import Interrupted, InterruptHandler
from splinework.cli.splines import named_apart
from splinework.interpret.symbolic import FormulaRow, FormulaTable
from splinework.interpret.symbolic.constants import FittedConstant
from splinework.interpret.symbolic.expression import symbol
from tests.cli.stand_in import refused

FILES = {"model.safetensors", "equations.csv", "metrics.json", "report.html", "pareto.csv"}


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


class Spline:
    """A spline that is left: `factor` times the square."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, raw):
        return self.factor * np.asarray(raw) ** 2

    def table(self):
        places = np.array([-100.0, 1.0, 1.5, 2.0, 100.0])
        return places, self(places)


def known(table):
    """The table of the stand-in, with everything known."""
    intervals = (FittedConstant(2.0, 1.99, 2.01), FittedConstant(0.5, 0.4, float("inf")))
    rows = [replace(row, held_out=0.25, probability=0.875, valid={"a": (1.0, 2.0)}) for row in table.rows]
    rows = (replace(rows[0], constants=intervals), replace(rows[1], probability=0.0001))
    return replace(table, rows=rows, refusal="no formula of the library explains y; that is all", noise=0.125)


def with_splines(table):
    """The table of the stand-in, with two formulas that hold different splines of the same name."""
    function, a = sympy.Function("s1"), symbol("a")
    best = replace(
        table.best, expression=function(a) + 1, splines={"s1": Spline(2.0)}, notes=("s1 stayed a spline, not s11",)
    )
    other = replace(table.best, expression=function(a) * 2, splines={"s1": Spline(3.0)})
    return replace(table, rows=(best, other, *table.rows[1:]))


def test_the_files_are_written(run, data, pipeline):
    result = run("discover", "data.csv", "--target", "y", "--out", "p/o")
    assert result.exit_code == 0, result.output
    folder = data.parent / "p" / "o"
    assert {path.name for path in folder.iterdir()} == FILES
    assert {path.name for path in data.parent.iterdir()} == {"data.csv", "p"}
    run("fit", "data.csv", "--target", "y", "--out", "f")
    assert (folder / "equations.csv").read_text() == (data.parent / "f" / "equations.csv").read_text()
    assert "data.csv" in pipeline.reports[0]["title"]


def test_the_pareto_table_goes_from_simple_to_accurate(run, data, pipeline):
    pipeline.alter = known
    assert run("discover", "data.csv", "--target", "y", "--out", "o").exit_code == 0
    rows = rows_of(data.parent / "o" / "pareto.csv")
    assert list(rows[0]) == [
        "complexity", "constants", "rmse_train", "rmse_held_out", "bits", "probability", "rank", "target", "formula"
    ]  # fmt: skip
    assert [row["rank"] for row in rows] == ["2", "1"]
    simple, accurate = ({name: float(row[name]) for name in list(row)[:6]} for row in rows)
    assert simple["complexity"] < accurate["complexity"]
    assert simple["rmse_train"] > accurate["rmse_train"]
    assert simple["bits"] != accurate["bits"]
    assert (accurate["probability"], simple["probability"]) == (0.875, 0.0001)
    assert simple["constants"] == 1
    assert accurate["rmse_held_out"] < 1e-12  # on the rows of the test, not those of the search
    assert run("discover", "data.csv", "--target", "y", "--out", "q", "--test-fraction", "0").exit_code == 0
    assert {row["rmse_held_out"] for row in rows_of(data.parent / "q" / "pareto.csv")} == {"0.25"}


def test_what_is_said(run, data, pipeline):
    pipeline.alter = known
    result = run("discover", "data.csv", "--target", "y", "--out", "o")
    assert [re.split(r"s  (?: *\d+%  )?|; at most", line)[1] for line in result.stderr.splitlines()] == [
        "screening", "fitting [1]", "measuring", "writing the report"
    ]  # fmt: skip
    assert "\x1b" not in result.output
    for fragment in (
        "no formula of the library explains y; that is all",
        "complexity",
        "held out",
        "87.5 %",
        "< 0.1 %",
        "2 fitted numbers of the first formula, with 95 % intervals",
        "  2  (1.99 to 2.01)",
        "  0.5  (0.4 to inf)",
        "seen for a from 1 to 2",
        "a note of the pipeline",
        "o/report.html",
        "splinework predict o/model.safetensors data.csv --out predictions.csv",
    ):
        assert fragment in result.stdout, fragment
    assert result.stdout.index("no formula of the library") < result.stdout.index("complexity")


def test_what_is_not_known_is_not_shown(run, data, pipeline):
    result = run("discover", "data.csv", "--target", "y", "--test-fraction", "0")
    for word in ("rmse held out", "refus", "None", "nan", "intervals", "seen for"):
        assert word not in result.stdout


def test_json_is_one_object_and_nothing_else(run, data, pipeline):
    def refuse(text: str) -> None:
        raise AssertionError(text)

    pipeline.alter = known
    result = run("discover", "data.csv", "--target", "y", "--json")
    found = json.loads(result.stdout, parse_constant=refuse)
    assert set(found) == {"metrics", "formulas", "refusal", "noise", "notes", "interrupted", "files"}
    assert (found["noise"], found["interrupted"]) == (0.125, False)
    assert found["refusal"].startswith("no formula")
    first = found["formulas"][0]
    assert first["valid"] == {"a": [1.0, 2.0]}
    assert first["intervals"][0] == {"value": 2.0, "low": 1.99, "high": 2.01}
    assert first["intervals"][1]["high"] is None
    assert all((data.parent / path).is_file() for path in found["files"].values())
    assert run("discover", "data.csv", "--target", "y", "--json", "--quiet", "--overwrite").stderr == ""
    assert run("discover", "data.csv", "--target", "y", "--quiet", "--overwrite").output == ""


def test_splines_have_a_name_each_and_a_table(run, data, pipeline):
    pipeline.alter = with_splines
    result = run("discover", "data.csv", "--target", "y", "--out", "o")
    assert result.exit_code == 0, result.output
    folder = data.parent / "o"
    assert {path.name for path in folder.iterdir()} == FILES | {"splines.csv"}
    assert [row["formula"] for row in rows_of(folder / "equations.csv")][:2] == ["spline_1(a) + 1", "2*spline_2(a)"]
    assert "spline_1 is not a function of the library" in result.stdout
    table = pd.read_csv(folder / "splines.csv")
    assert list(table) == ["spline", "place", "value"]
    for name, factor in (("spline_1", 2.0), ("spline_2", 3.0)):
        own = table[table.spline == name]
        np.testing.assert_allclose(own.value, factor * own.place**2)
    # evaluated with nothing but the files
    first = rows_of(folder / "equations.csv")[0]
    own = table[table.spline == "spline_1"]
    x = pd.read_csv(data)["a"].to_numpy()
    value = eval(first["formula"], {"a": x, "spline_1": lambda z: np.interp(z, own.place, own.value)})
    assert np.isfinite(value).all()
    pipeline.alter = lambda table: table
    run("discover", "data.csv", "--target", "y", "--out", "o", "--overwrite")
    assert {path.name for path in folder.iterdir()} == FILES


def test_names_of_splines_mean_one_spline_in_all_rows():
    a, s1, s2 = symbol("a"), sympy.Function("s1"), sympy.Function("s2")
    two, three = Spline(2.0), Spline(3.0)

    def row(expression, splines, notes=()):
        return FormulaRow("y", expression, ("a",), 0.1, 0.9, 1.0, notes, splines)

    nested = row(s1(s2(a)) + s2(a), {"s1": two, "s2": three}, ("s1 and s2 are left",))
    swapped = row(s1(a) + s2(2 * a), {"s1": three, "s2": two})
    plain = row(a, {})
    found = named_apart(FormulaTable((nested, swapped, plain)))
    first, second, third = found.rows
    assert first.text == "spline_1(spline_2(a)) + spline_2(a)"
    assert first.notes == ("spline_1 and spline_2 are left",)
    assert second.text == "spline_1(2*a) + spline_2(a)"
    assert (second.splines["spline_1"], second.splines["spline_2"]) == (two, three)
    assert third is plain
    x = np.linspace(1, 2, 9)[:, None]
    for before, after in zip((nested, swapped), found.rows, strict=False):
        np.testing.assert_array_equal(before.numpy()(x), after.numpy()(x))


def test_a_column_is_not_called_as_a_spline_is(run, folder, pipeline):
    x = np.random.default_rng(0).uniform(1, 2, (20, 2))
    pd.DataFrame({"spline_1": x[:, 0], "b": x[:, 1], "y": x.sum(1)}).to_csv("d.csv", index=False)
    run("discover", "d.csv", "--target", "y")
    assert pipeline.calls[0]["names"] == ["spline_1_", "b"]


def test_formulas_without_a_network_are_an_answer_too(run, data, pipeline):
    pipeline.alter = lambda table: replace(table, model=None)
    result = run("discover", "data.csv", "--target", "y", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert "model" not in found["files"]
    assert found["metrics"]["active_inputs"] == ["a", "b", "c"]
    assert found["metrics"]["rmse_test"] < 1e-12
    shown = run("discover", "data.csv", "--target", "y", "--overwrite")
    assert "no network was needed" in shown.stdout
    assert "predict" not in shown.stdout
    assert run("fit", "data.csv", "--target", "y", "--out", "f").exit_code == 0


def test_only_what_was_asked_for_reaches_the_pipeline(run, data, pipeline):
    run("discover", "data.csv", "--target", "y")
    usual = set(pipeline.calls[0])
    assert (pipeline.calls[0]["budget"], pipeline.calls[0]["seed"]) == (60.0, 0)
    options = [
        ["--units", "a=m, y=km/s^2", "--noise-sd", "0.5", "--budget", "9", "--seed", "3"],
        ["--form", "y = A*exp(?)*b", "--forbid", "tan, c", "--forbid", "sinh"],
        ["--require", "a*b", "--require", "sin(c)", "--forbid", "tan"],
        ["--library", "sin,max(z, 0)", "--start", "a + sin(b)"],
    ]
    for given in options:
        result = run("discover", "data.csv", "--target", "y", "--overwrite", *given)
        assert result.exit_code == 0, result.output
    plain, form, terms, begun = pipeline.calls[1:]
    assert [call["function"] for call in pipeline.calls] == [
        *["discover"] * 2,
        "complete_formula",
        "discover_constrained",
        "discover",
    ]
    assert set(plain) - usual == {"units", "noise"}
    assert plain["units"] == {"a": "m", "y": "m/s^2"}
    assert (plain["noise"], plain["budget"], plain["seed"]) == (0.5, 9.0, 3)
    assert set(form) - usual == {"form", "forbid"}
    assert (form["form"], form["forbid"]) == ("y = A*exp(?)*b", ("tan", "c", "sinh"))
    assert set(terms) - usual == {"require", "forbid"}
    assert (terms["require"], terms["forbid"]) == (("a*b", "sin(c)"), ("tan",))
    assert set(begun) - usual == {"library", "start"}
    assert (begun["library"], begun["start"]) == (("sin", "max(z, 0)"), "a + sin(b)")


@pytest.mark.parametrize(
    ("options", "function", "names"),
    [
        (["--ode", "a"], "discover_ode", ["b", "c", "y"]),
        (["--ode", "a", "--features", "b"], "discover_ode", ["b", "y"]),
        (["--relation"], "discover_relation", ["a", "b", "c", "y"]),
        (["--classes"], "discover_classes", ["a", "b", "c"]),
    ],
)
def test_formulas_that_do_not_give_the_target_are_measured_by_the_search(run, data, pipeline, options, function, names):
    pipeline.alter = known
    result = run("discover", "data.csv", "--target", "y", "--json", *options)
    assert result.exit_code == 0, result.output
    call = pipeline.calls[0]
    assert (call["function"], call["names"]) == (function, names)
    assert call["x"].shape == (40, len(names))  # all rows
    assert call.get("clock", "a") == "a"
    found = json.loads(result.stdout)
    assert found["formulas"][0]["rmse_held_out"] == 0.25
    assert found["formulas"][0]["rmse_test"] is None
    assert "x" not in pipeline.reports[0]
    assert "no rows held out: the figures are those of the search" in found["notes"]


def test_several_targets_have_ranks_and_best_formulas_of_their_own(run, data, pipeline):
    def both(table):
        rates = [replace(row, target="da_dt") for row in known(table).rows]
        return replace(table, rows=(*known(table).rows, *rates), model=None)

    pipeline.alter = both
    result = run("discover", "data.csv", "--target", "y", "--ode", "c", "--out", "o")
    assert result.exit_code == 0, result.output
    equations = rows_of(data.parent / "o" / "equations.csv")
    assert [(row["target"], row["rank"]) for row in equations] == [
        ("y", "1"),
        ("y", "2"),
        ("da_dt", "1"),
        ("da_dt", "2"),
    ]
    pareto = rows_of(data.parent / "o" / "pareto.csv")
    assert [(row["target"], row["rank"]) for row in pareto] == [("y", "2"), ("y", "1"), ("da_dt", "2"), ("da_dt", "1")]
    for fragment in ("target", "of the first formula for y,", "of the first formula for da_dt,"):
        assert fragment in result.stdout


def test_classes_may_be_words(run, folder, pipeline):
    x = np.random.default_rng(0).uniform(1, 2, 30)
    pd.DataFrame({"a": x, "kind": ["wide" if v > 1.5 else "narrow" for v in x]}).to_csv("d.csv", index=False)
    result = run("discover", "d.csv", "--target", "kind", "--classes")
    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(pipeline.calls[0]["y"], x > 1.5)
    assert "the 2 classes of 'kind' are numbered: 'narrow' is 0, 'wide' is 1" in result.stdout
    refused(run("discover", "d.csv", "--target", "kind", "--overwrite"), "must be numbers")


def test_names_of_the_file_are_exchanged_for_those_of_formulas(run, folder, pipeline):
    x = np.random.default_rng(0).uniform(1, 2, (30, 3))
    pd.DataFrame({"mass [kg]": x[:, 0], "sin": x[:, 1], "y [m]": x.sum(1)}).to_csv("d.csv", index=False)
    options = ["--units", "mass [kg]=kg, sin=1, y_m=m"]
    result = run("discover", "d.csv", "--target", "y [m]", *options)
    assert result.exit_code == 0, result.output
    call = pipeline.calls[0]
    assert call["units"] == {"mass_kg": "kg", "sin_": "1", "y_m": "m"}
    options = ["--forbid", "sin", "--require", "mass [kg]", "--overwrite"]
    assert run("discover", "d.csv", "--target", "y [m]", *options).exit_code == 0
    call = pipeline.calls[1]
    assert (call["forbid"], call["require"]) == (("sin_",), ("mass_kg",))


def test_a_note_that_time_ran_out_is_shown(run, data, pipeline):
    pipeline.alter = lambda table: replace(table, notes=("time ran out: this is the best so far",))
    result = run("discover", "data.csv", "--target", "y", "--budget", "1")
    assert result.exit_code == 0
    assert "time ran out: this is the best so far" in result.stdout


def test_ctrl_c_while_the_command_is_writing(capfd):
    """A stream has one writer: the sentence comes another way, and the search ends all the same."""

    def busy(text):
        raise RuntimeError("reentrant call")

    stop = InterruptHandler(busy)
    with stop.searching(), pytest.raises(KeyboardInterrupt):
        stop.interrupt()
    assert "Ctrl-C again" in capfd.readouterr().err
    with pytest.raises(Interrupted):
        stop.interrupt()


def test_an_answered_ctrl_c_leaves_the_exit_code_alone():
    """Also where it passes through `exec`, after which Python would end with the signal."""
    code = (
        "from splinework.cli.interrupts import InterruptHandler\n"
        "stop = InterruptHandler(lambda text: None)\n"
        "try:\n"
        "    with stop.searching():\n"
        "        exec('stop.interrupt()')\n"
        "except KeyboardInterrupt:\n"
        "    pass\n"
        "raise SystemExit(130)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 130
