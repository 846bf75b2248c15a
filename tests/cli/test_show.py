"""`splinework show` and `splinework report`: what they say of a model, and what they refuse."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from splinework.cli.description import curve_of
from splinework.cli.fitted import ModelFile, kept_table
from splinework.nn.checkpoint import read_header, save
from splinework.nn.network import KAN
from tests.cli.stand_in import refused


@pytest.fixture
def model(run, data, pipeline, monkeypatch) -> str:
    """A model fitted to data.csv: features a, b, c and target y."""
    assert run("fit", "data.csv", "--target", "y", "--quiet").exit_code == 0
    monkeypatch.undo()  # the real report from here on
    monkeypatch.chdir(data.parent)
    return "splinework-data/model.safetensors"


def test_the_shape_the_columns_the_edges_and_the_formulas_are_shown(run, model):
    result = run("show", model, "--quiet")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert "\x1b" not in result.stdout
    for fragment in (
        "[3, 1]",
        "3 of 3 edges active",
        "float64",
        "a from 1.0",
        "b from",
        "outputs  y",
        "a → y",
        "R² test",
    ):
        assert fragment in result.stdout, fragment
    formulas = read_header(model)["notes"]["formulas"]
    assert [row["rank"] for row in formulas] == [1, 2]
    assert "a note of the pipeline" in result.stdout


def test_json_says_the_same(run, model):
    found = json.loads(run("show", model, "--json").stdout)
    assert found["shape"] == [3, 1]
    assert [column["name"] for column in found["inputs"]] == ["a", "b", "c"]
    assert all(1 <= column["low"] < column["high"] <= 2 for column in found["inputs"])
    assert [edge["score"] for edge in found["edges"]] == sorted((e["score"] for e in found["edges"]), reverse=True)
    assert len(found["edges"][0]["x"]) == len(found["edges"][0]["y"]) == 64
    assert found["formulas"][0]["target"] == "y"
    assert found["notes"] == read_header(model)["notes"]["notes"]
    fewer = json.loads(run("show", model, "--json", "--edges", "1").stdout)
    assert fewer["edges"] == found["edges"][:1]
    assert "and 2 edges more" in run("show", model, "--edges", "1").stdout
    assert "→" not in run("show", model, "--edges", "0").stdout


SHAPES = [
    pytest.param({"shape": [2, 3, 1]}, id="plain"),
    pytest.param({"shape": [1, 1], "input_scales": ["log"], "output_scales": ["log"]}, id="logarithms"),
    pytest.param({"shape": [2, (1, 2), 2]}, id="products", marks=pytest.mark.slow),
    pytest.param({"shape": [2, 2], "basis": "fourier"}, id="fourier", marks=pytest.mark.slow),
    pytest.param({"shape": [2, 2], "basis": "chebyshev", "base": "none"}, id="chebyshev", marks=pytest.mark.slow),
    pytest.param({"shape": [3, 2, 1], "names": ["größe [m]", "b", "c"]}, id="names"),
]


@pytest.mark.parametrize("options", SHAPES)
def test_a_model_saved_by_hand_is_shown_and_reported(run, folder, options):
    options = dict(options)
    save(KAN(options.pop("shape"), **options, generator=torch.Generator().manual_seed(0)), folder / "m.safetensors")
    result = run("show", "m.safetensors")
    assert result.exit_code == 0, result.output
    assert "nan" not in result.stdout
    json.loads(run("show", "m.safetensors", "--json").stdout)
    done = run("report", "m.safetensors", "--out", "m.html", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"rows": 0, "notes": [], "files": {"report": "m.html"}}
    page = (folder / "m.html").read_text()
    assert "no data were given" in page
    assert "Network diagram" in page


def test_a_model_without_edges_is_shown(run, folder):
    network = KAN([2, 1])
    with torch.no_grad():
        network.kan_layers[0].mask.zero_()
    save(network, folder / "m.safetensors")
    result = run("show", "m.safetensors")
    assert result.exit_code == 0, result.output
    assert "0 of 2 edges active" in result.stdout
    assert "not used" in result.stdout


def test_notes_of_somebody_else_do_no_harm(run, folder):
    notes = {
        "columns": 3,
        "means": [],
        "ranges": {"x1": "wide", "x2": [1, "b"]},
        "notes": "text",
        "formulas": [{"formula": "__import__('os')"}, {"formula": 3}, 7, {"formula": "x1 + 1", "r2_test": "good"}],
    }
    save(KAN([2, 1]), folder / "m.safetensors", notes=notes)
    result = run("show", "m.safetensors")
    assert result.exit_code == 0, result.output
    assert run("report", "m.safetensors", "--out", "m.html").exit_code == 0
    table = kept_table(ModelFile("m.safetensors"))
    assert table is not None
    assert [row.text for row in table.rows] == ["x1 + 1"]
    assert table.rows[0].inputs == ("x1",)
    np.testing.assert_allclose(table.rows[0].numpy()(np.ones((2, 2))), 2)


@pytest.mark.parametrize("opened", [True, False])
def test_open_draws_the_page_and_opens_it(run, model, monkeypatch, opened):
    seen = []
    monkeypatch.setattr("webbrowser.open", lambda address: seen.append(address) or opened)
    result = run("show", model, "--open")
    assert result.exit_code == (0 if opened else 1)
    path = Path(seen[0].removeprefix("file://"))
    assert "Kolmogorov" in path.read_text()
    assert str(path) in (result.stdout if opened else result.stderr)
    assert json.loads(run("show", model, "--open", "--json").stdout)["opened"] is opened


def test_a_curve_in_letters():
    assert curve_of(list(np.linspace(0, 1, 64))) == "▁▁▂▂▃▃▄▄▅▅▆▆▇▇██"
    assert curve_of([2.0] * 64) == "▅" * 16
    assert curve_of([None] * 64) == ""
    assert curve_of([0.0, None, 1.0]) == "▁ █"


@pytest.mark.slow
def test_the_report_shows_the_rows_of_a_table(run, data, model):
    result = run("report", model, "data.csv", "--out", "r.html", "--title", "about <y>")
    assert result.exit_code == 0, result.output
    assert result.stdout == "open   r.html\n"
    page = Path("r.html").read_text()
    assert "about &lt;y&gt;" in page
    assert "Residuals" in page
    assert "R² on training rows" in page
    assert "no data were given" not in page
    unseen = run("report", model, "data.csv", "--out", "u.html", "--held-out", "--quiet")
    assert unseen.output == ""
    assert "R² on test rows" in Path("u.html").read_text()
    piped = run("report", model, "-", "--out", "p.html", "--quiet", input=data.read_bytes())
    assert piped.exit_code == 0, piped.output


def test_rows_that_cannot_be_shown_are_left_out_and_counted(run, folder, data, model):
    frame = pd.read_csv(data)
    frame.loc[3, "a"] = np.nan
    frame.loc[4, "y"] = np.nan
    frame.to_csv("holes.csv", index=False)
    found = json.loads(run("report", model, "holes.csv", "--out", "r.html", "--json").stdout)
    assert found["rows"] == 38
    assert any("2 rows of holes.csv left out" in note for note in found["notes"])
    frame.drop(columns="y").to_csv("without.csv", index=False)
    result = run("report", model, "without.csv", "--out", "w.html")
    assert "no column 'y': no errors are shown" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        (["show", "none.safetensors"], ["no file none.safetensors"]),
        (["show", "data.csv"], ["data.csv", "not a whole safetensors file"]),
        (["show", "splinework-data"], ["is a folder", "model.safetensors"]),
        (["show", "MODEL", "--edges", "-1"], ["--edges", "-1"]),
        (["report", "none.safetensors"], ["no file none.safetensors"]),
        (["report", "MODEL", "none.csv"], ["no file none.csv"]),
        (["report", "MODEL", "other.csv"], ["lacks 2 of the 3 columns", "'b'"]),
        (["report", "MODEL", "words.csv"], ["column 'b'", "'x' (line 2)"]),
        (["report", "MODEL", "one.csv"], ["1 row", "at least 2"]),
        (["report", "MODEL", "noy.csv", "--held-out"], ["no column 'y'", "--held-out"]),
        (["report", "MODEL", "--held-out"], ["no DATA"]),
        (["report", "MODEL", "data.csv", "--out", "data.csv"], ["is the file that is read"]),
        (["report", "MODEL", "--out", "MODEL"], ["is the file that is read"]),
        (["report", "MODEL", "--out", "."], ["is a folder", "report.html"]),
        (["report", "MODEL", "--out", "no/r.html"], ["no folder"]),
        (["report", "MODEL", "--out", "-"], ["report.html"]),
    ],
)
def test_what_is_wrong_is_told_and_nothing_written(run, folder, model, arguments, fragments):
    (folder / "other.csv").write_text("a,B,d\n1,2,3\n")
    (folder / "words.csv").write_text("a,b,c,y\n1,x,1,1\n")
    (folder / "one.csv").write_text("a,b,c,y\n1,1,1,1\n")
    (folder / "noy.csv").write_text("a,b,c\n1,1,1\n2,2,2\n")
    refused(run(*(model if argument == "MODEL" else argument for argument in arguments)), *fragments)
