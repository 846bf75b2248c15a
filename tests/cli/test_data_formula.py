"""`splinework data` with a formula, a recipe, a simulator: words in, tables, cards and recipes out."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from splinework.cli.data_specs import DESIGNS, NOISES, design_of, noise_of
from splinework.data import FormulaSet, Input, OdeSet, data_names, data_set
from splinework.data.catalogue import KINDS
from splinework.data.designs import Grid, LatinHypercube, Uniform
from splinework.data.noise import NOISES as MODELS
from splinework.data.noise import Censored, Gaussian, Missing, Outliers, StudentT
from tests.cli.stand_in import refused, tree

WORDS = ["--formula", "sin(x)*b", "--range", "x=0:3", "--range", "b=1:100:log"]


def read(path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str).astype(float)


def test_the_short_list_has_groups_and_kinds(run):
    short = run("data").stdout
    lines = short.splitlines()
    assert [line for line in lines if line.endswith(":")] == [
        "measurements:",
        "synthetic problems:",
        "simulators:",
        "kinds, see --all:",
    ]
    for kind in KINDS:
        assert any(line.startswith(f"  {kind}:") for line in lines)
    assert len(lines) < 60
    assert max(len(line) for line in lines) < 120
    long = run("data", "--all").stdout
    assert {line.split()[0] for line in long.splitlines() if line.startswith("  ")} >= set(data_names())


def test_a_formula_is_drawn_as_its_words_say(run, folder):
    result = run("data", *WORDS, "--units", "x=rad", "--units", "y=m", "--rows", "64", "--seed", "3", "--out", "f.csv")
    assert result.exit_code == 0, result.output
    recipe = FormulaSet("sin(x)*b", (Input("x", 0, 3, "rad"), Input("b", 1, 100, "", "loguniform")), unit="m")
    pd.testing.assert_frame_equal(read("f.csv"), recipe.draw(64, seed=3).frame(), check_exact=True)
    assert "64 rows in f.csv" in result.stderr
    assert "next   splinework discover f.csv --target y" in result.stderr
    assert run("data", *WORDS, "--rows", "64", "--seed", "3").stdout == (folder / "f.csv").read_text()


def test_options_reach_the_recipe(run, folder):
    more = [
        "--add-noise", "0.1", "--add-noise", "student:0.2:5", "--add-noise", "outliers:0.01", "--irrelevant", "2",
        "--design", "lhs",
    ]  # fmt: skip
    more += ["--correlation", "x:b=0.5", "--target", "z", "--rows", "50"]
    result = run("data", *WORDS, *more, "--out", "f.csv", "--save-recipe", "f.toml", "--card", "f.json")
    assert result.exit_code == 0, result.output
    recipe = FormulaSet(
        "sin(x)*b",
        (Input("x", 0, 3), Input("b", 1, 100, "", "loguniform")),
        LatinHypercube(),
        (Gaussian(0.1, of="std"), StudentT(0.2, 5.0), Outliers(0.01)),
        idle=2,
        correlation=((1.0, 0.5), (0.5, 1.0)),
        target="z",
    )
    drawn = recipe.draw(50, seed=0)
    pd.testing.assert_frame_equal(read("f.csv"), drawn.frame(), check_exact=True)
    assert json.loads((folder / "f.json").read_text())["sha256"] == drawn.digest
    assert "noise floor" in result.stderr
    assert run("data", "--recipe", "f.toml", "--out", "g.csv").exit_code == 0
    assert (folder / "g.csv").read_bytes() == (folder / "f.csv").read_bytes()
    assert len(read("g.csv")) == 50
    assert run("data", "--recipe", "f.toml", "--rows", "7", "--seed", "1").stdout.count("\n") == 8


def test_inputs_are_drawn_like_those_of_a_table(run, folder):
    generator = np.random.default_rng(0)
    x = generator.exponential(size=300)
    table = pd.DataFrame({"x": x, "other": 1.0, "b": x + 0.1 * generator.standard_normal(300)})
    table.loc[5, "b"] = np.nan
    table.to_csv("real.csv", index=False)
    result = run("data", "--formula", "x*b", "--inputs-from", "real.csv", "--rows", "2000", "--out", "f.csv")
    assert result.exit_code == 0, result.output
    drawn = read("f.csv")
    assert drawn.columns.tolist() == ["x", "b", "y"]
    assert drawn[["x", "b"]].corr(method="spearman").iloc[0, 1] > 0.95
    assert drawn["x"].min() >= x.min()
    assert drawn["x"].median() == pytest.approx(np.median(x), rel=0.2)
    for words, fragment in (
        (["--formula", "x*q"], "no column 'q'"),
        (["--formula", "x*other"], "vary"),
        (["--formula", "x", "--design", "lhs"], "--design is given by the rows"),
    ):
        refused(run("data", *words, "--inputs-from", "real.csv"), fragment)


def test_an_equation_is_drawn_as_its_words_say(run, folder):
    words = [
        "--equation", "x=v", "--equation", "v=-sin(x)", "--range", "x=-2:2", "--range", "v=0:1", "--units", "x=rad",
        "--units", "t=s",
    ]  # fmt: skip
    result = run("data", *words, "--end-time", "5", "--rows", "30", "--out", "o.csv", "--save-recipe", "o.toml")
    assert result.exit_code == 0, result.output
    recipe = OdeSet((("x", "v"), ("v", "-sin(x)")), (Input("x", -2, 2, "rad"), Input("v", 0, 1)), 5.0, time_unit="s")
    pd.testing.assert_frame_equal(read("o.csv"), recipe.draw(30).frame(), check_exact=True)
    assert "--target dv_dt --features x,v" in result.stderr
    assert run("data", "--recipe", "o.toml").stdout == (folder / "o.csv").read_text()


def test_a_target_that_is_taken_gets_another_name(run):
    assert run("data", "--formula", "x*y", "--rows", "4").stdout.startswith("x,y,target\n")


def test_rows_that_were_rounded_up_are_told(run, folder):
    result = run("data", "--formula", "x*y", "--rows", "100", "--out", "f.csv")
    assert "128 rows in f.csv" in result.stderr
    assert "power of two" in result.stderr
    assert run("data", "--formula", "x", "--rows", "100", "--design", "uniform").stdout.count("\n") == 101


@pytest.mark.parametrize(
    "name", ["lorenz", "burgers", "mosaic", "special:jv", "nguyen:7", "neo_hookean:P12", "random:4"]
)
def test_simulators_and_kinds_are_written(run, folder, name):
    result = run("data", name, "--rows", "50", "--out", "s.csv", "--card", "s.md")
    assert result.exit_code == 0, result.output
    expected = data_set(name).draw(50)
    found = pd.read_csv("s.csv", dtype=str).astype(expected.frame().dtypes.to_dict())
    pd.testing.assert_frame_equal(found, expected.frame(), check_exact=True)
    assert (folder / "s.md").read_text() == expected.card().to_markdown()
    assert f"--target {data_set(name).target}" in result.stderr
    facts = json.loads(run("data", name, "--json").stdout)
    assert facts["units"] == dict(data_set(name).units)


def test_of_several_targets_the_features_are_named(run):
    line = run("data", "pendulum", "--rows", "20", "--out", "p.csv").stderr.splitlines()[-1]
    assert line == "next   splinework fit p.csv --target domega_dt --features theta,omega"


def test_parquet_is_a_stream_with_its_card_beside(run, folder):
    result = run("data", "nguyen:7", "--rows", "500", "--out", "n.parquet", "--save-recipe", "n.toml")
    assert result.exit_code == 0, result.output
    pd.testing.assert_frame_equal(parquet.read_table("n.parquet").to_pandas(), data_set("nguyen:7").draw(500).frame())
    assert {path.name for path in folder.iterdir()} == {"n.parquet", "n.md", "n.toml"}
    assert run("data", "orbits", "--out", "o.parquet").exit_code == 0
    pd.testing.assert_frame_equal(parquet.read_table("o.parquet").to_pandas(), data_set("orbits").frame())


def test_json_tells_the_files(run, folder):
    result = run("data", *WORDS, "--rows", "8", "--out", "f.csv", "--card", "f.md", "--save-recipe", "f.toml", "--json")
    facts = json.loads(result.stdout)
    assert facts["files"] == {"data": "f.csv", "recipe": "f.toml", "card": "f.md"}
    assert (facts["formula"], facts["rows"], facts["target"]) == ("sin(x)*b", 8, "y")
    assert result.stderr == ""
    assert run("data", *WORDS, "--quiet", "--out", "f.csv").output == ""


def test_options_of_a_file_are_read(run, folder):
    (folder / "run.toml").write_text(
        '[data]\nformula = "a*b"\nrange = ["a=0:1", "b=2:3"]\nadd-noise = [0.1, "drift:0.2"]\nrows = 16\n'
    )
    first = run("data", "--config", "run.toml").stdout
    words = [
        "--formula", "a*b", "--range", "a=0:1", "--range", "b=2:3", "--add-noise", "0.1", "--add-noise", "drift:0.2",
    ]  # fmt: skip
    assert first == run("data", *words, "--rows", "16").stdout
    printed = run("data", "--config", "run.toml", "--print-config").stdout
    (folder / "again.toml").write_text(printed)
    assert run("data", "--config", "again.toml").stdout == first


def test_every_word_for_noise_and_design_is_understood():
    texts = {
        "gaussian": "gaussian:0.1", "student": "student:0.1", "outliers": "outliers:0.1:5", "input": "input:0.1",
        "heteroscedastic": "heteroscedastic:0.1*abs(x)", "rounded": "rounded:3", "quantised": "quantised:8",
        "censored": "censored::2", "missing": "missing:0.1:all", "drift": "drift:-0.1",
    }  # fmt: skip
    assert set(texts) == set(NOISES)
    found = [noise_of([text])[1][0] for text in texts.values()]
    assert {type(one) for one in found} == set(MODELS)
    assert Censored(None, 2.0) in found
    assert Missing(0.1, "all") in found
    assert noise_of(["0.5", "missing:0.1"]) == (0.5, (Missing(0.1),))
    assert noise_of([]) == (0.0, ())
    assert [type(design_of(word)) for word in DESIGNS][1:3] == [LatinHypercube, Grid]
    assert design_of("uniform") == Uniform()


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        ([*WORDS, "--range", "q=0:1"], ["'q' does not occur", "'x', 'b'", "--irrelevant"]),
        ([*WORDS, "--range", "x=0:1"], ["given twice", "'x'"]),
        (["--formula", "x", "--range", "x"], ["x=0:1", "'x'"]),
        (["--formula", "x", "--range", "x=1"], ["two numbers"]),
        (["--formula", "x", "--range", "x=1:0"], ["low < high", "1.0 to 0.0"]),
        (["--formula", "x", "--range", "x=a:1"], ["an end is a number", "'a'"]),
        (["--formula", "x", "--range", "x=0:inf"], ["number", "'inf'"]),
        (["--formula", "x", "--range", "x=0:1:logg"], ["no distribution 'logg'", "log"]),
        (["--formula", "x", "--range", "x=0:1:log"], ["above 0"]),
        (["--formula", "x", "--range", "x=0:1:2:3"], ["x=0:1"]),
        (["--formula", "x", "--units", "x=mtr"], ["--units x=mtr", "mtr"]),
        (["--formula", "x", "--units", "z=m"], ["'z'"]),
        (["--formula", "x", "--correlation", "x=1"], ["a:b=0.8"]),
        (["--formula", "x*b", "--correlation", "x:c=0.1"], ["two different variables", "x, b"]),
        (["--formula", "x*b", "--correlation", "x:b=2"], ["inconsistent"]),
        (["--formula", "x*b", "--correlation", "x:b=0.5", "--design", "grid"], ["Grid does not support"]),
        (["--formula", "x*"], ["cannot read the formula"]),
        (["--formula", "sine(x)"], ["unknown function 'sine'", "sin"]),
        (["--formula", "__import__('os')"], ["unexpected"]),
        (["--formula", "2"], ["no variables", "--irrelevant"]),
        (["--formula", "log(x)"], ["not finite", "x=-"]),
        (["--formula", "x", "--target", "x"], ["another name"]),
        (["--formula", "x", "--add-noise", "gauss:1"], ["no noise 'gauss'", "gaussian"]),
        (["--formula", "x", "--add-noise", "student"], ["student:SHARE"]),
        (["--formula", "x", "--add-noise", "student:0.1:1"], ["above 2"]),
        (["--formula", "x", "--add-noise", "rounded:2.5"], ["whole number"]),
        (["--formula", "x", "--add-noise", "missing:0.1:rows"], ["inputs|target|all"]),
        (["--formula", "x", "--add-noise", "drift:0.1:2"], ["drift:SHARE"]),
        (["--formula", "x", "--add-noise", "0.1", "--add-noise", "0.2"], ["two plain shares"]),
        (["--formula", "x", "--add-noise", "much"], ["a share such as 0.1"]),
        (["--formula", "x", "--add-noise", "-1"], ["0 or more", "-1"]),
        (["--formula", "x", "--add-noise", "outliers:2"], ["between 0 and 1"]),
        (["--formula", "x", "--design", "random"], ["sobol"]),
        (["--equation", "x"], ["x=y"]),
        (["--equation", "x=-x"], ["--range x=0:1"]),
        (["--equation", "x=-x", "--equation", "x=x"], ["given twice"]),
        (["--equation", "x=-x", "--range", "y=0:1"], ["does not occur in the equations"]),
        (["--equation", "x=x**2", "--range", "x=1:2"], ["diverges at t = 0."]),
        (["--equation", "x=-x", "--range", "x=1:2", "--design", "lhs"], ["--design"]),
        (["--equation", "x=-x", "--range", "x=1:2", "--end-time", "0"], ["end"]),
        (["--equation", "x=-x", "--range", "x=1:2", "--irrelevant", "1"], ["--irrelevant is for --formula"]),
        (["--formula", "x", "--end-time", "3"], ["--end-time is for --equation"]),
        (["lorenz", "--formula", "x"], ["NAME and --formula"]),
        (["lorenz", "--range", "x=0:1"], ["--range is for --formula", "lorenz"]),
        (["lorenz", "--design", "lhs"], ["--design"]),
        (["mosaic", "--add-noise", "0.1"], ["categorical"]),
        (["orbits", "--add-noise", "missing:0.1"], ["measurements"]),
        (["orbits", "--card", "o.md"], ["measurements"]),
        (["--recipe", "none.toml"], ["no file none.toml"]),
        (["--recipe", "bad.toml"], ["bad.toml is not TOML"]),
        (["--recipe", "kind.toml"], ["FormulaSet"]),
        (["--recipe", "noise.toml"], ["recipe of Gaussian"]),
        (["--recipe", "rows.toml"], ["rows is a whole number"]),
        (["--recipe", "noise.toml", "--add-noise", "1"], ["part of a recipe"]),
        (["--recipe", "."], ["cannot read"]),
        (["nguyen:1", "--card", "c.txt"], ["--card", ".md"]),
        (["nguyen:1", "--card", "no/c.md"], ["no folder", "--card"]),
        (["nguyen:1", "--save-recipe", "c.json"], [".toml"]),
        (["nguyen:1", "--rows", "20000000"], ["Parquet"]),
        (["--card", "c.md"], ["name it"]),
    ],
)
def test_what_is_wrong_is_told_and_nothing_written(run, folder, arguments, fragments):
    (folder / "bad.toml").write_text("a = = 3")
    (folder / "kind.toml").write_text('kind = "FormulaSte"')
    (folder / "noise.toml").write_text('kind = "Gaussian"\ngamma = 0.1')
    (folder / "rows.toml").write_text('rows = 0\nkind = "FormulaSet"')
    result = run("data", *arguments)
    if "--design" in arguments and "random" in arguments:
        assert result.exit_code == 2
        assert not result.wrote
        assert fragments[0] in result.stderr
    else:
        refused(result, *fragments)


def test_help_shows_examples_and_models(run):
    text = run("data", "--help").stdout
    for word in ("--formula", "--range", "--recipe", "student:SHARE", "heteroscedastic:FORMULA", "big.parquet"):
        assert word in text


def test_a_full_disk_leaves_nothing(run, folder, monkeypatch):
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("splinework.nn.files.os.replace", full)
        refused(run("data", "nguyen:1", "--out", "n.csv", "--card", "n.md"), "No space left")
    assert tree(folder) == {}


def test_values_have_every_digit(run):
    found = run("data", "nguyen:6", "--rows", "20").stdout.splitlines()[1:]
    drawn = data_set("nguyen:6").draw(20)
    np.testing.assert_array_equal(
        [[float(cell) for cell in line.split(",")] for line in found], np.c_[drawn.x, drawn.y]
    )


@given(
    formula=st.sampled_from(["x", "sin(x)*b", "x**b", "log(x)", "1/b", "2", "x+", ""]),
    range_=st.one_of(
        st.text(max_size=8),
        st.tuples(st.sampled_from(["x", "b", "q"]), st.text("0123456789:.-elogintx", max_size=8)).map("=".join),
    ),
    unit=st.one_of(st.none(), st.text("xb=m/s^2 ()kg", max_size=8)),
    noise=st.one_of(st.none(), st.text(max_size=8), st.sampled_from([f"{name}:0.1" for name in NOISES])),
    design=st.sampled_from([None, *DESIGNS]),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_words_are_drawn_or_refused_in_a_line(run, formula, range_, unit, noise, design):
    words = ["--formula", formula, f"--range={range_}", "--rows", "5"]
    words += [
        f"--{key}={value}" for key, value in (("unit", unit), ("noise", noise), ("design", design)) if value is not None
    ]
    result = run("data", *words)
    assert result.exit_code in (0, 2), result.output
    assert "Traceback" not in result.output
    if result.exit_code == 2:
        assert result.stdout == ""
        assert len([line for line in result.stderr.splitlines() if line.startswith("error: ")]) == 1
