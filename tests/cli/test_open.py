"""`splinework open`: what it reads and writes into the script, and what it refuses; the server has tests of its own."""

import webbrowser

import pandas as pd
import pytest
import torch

import splinework as sw

pytest.importorskip("uvicorn")
from splinework.report.editor.server import EditorServer  # the extra `editor` may not be there
from tests.report.editor.sessions import equal
from tests.report.editor.sessions import run as run_script


@pytest.fixture
def served(monkeypatch):
    """What the command serves, without a server that waits."""
    found = []

    def run(server):
        found.append(server)
        server.close()

    monkeypatch.setattr(EditorServer, "run", run)
    monkeypatch.setattr(webbrowser, "open", lambda url: found.append(url))
    return found


@pytest.fixture
def model(folder):
    made = sw.KAN([2, 2, 1], names=["mass", "b"], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    sw.save(made, "model.safetensors", notes={"columns": {"mass": "mass in kg", "b": "b", "y": "y 1"}})
    rows = torch.rand(12, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64).numpy()
    table = pd.DataFrame(rows, columns=["b", "y 1", "mass in kg"])
    table.to_csv("data.csv", index=False)
    table.drop(columns="y 1").to_csv("inputs.csv", index=False)
    table.drop(columns="b").to_csv("lacking.csv", index=False)
    return made


def test_it_says_where_the_page_is_and_opens_it(run, model, served):
    result = run("open", "model.safetensors", "--data", "data.csv")
    assert result.exit_code == 0
    server, url = served[1], served[0]
    assert result.stdout == f"open   {server.url}\n"
    assert url == server.url
    session = server.service.session
    assert list(session.rows["x"].columns) == ["mass", "b"]
    assert torch.equal(session.model(session.rows["x"]), model(session.rows["x"]))
    session.edit("remove_edge", {"edge": ["mass", "h1"]})
    assert equal(run_script(session.script()), session.model)
    server.service.answer("save", {"path": "new.safetensors"})
    assert run("predict", "new.safetensors", "data.csv", "--out", "p.csv").exit_code == 0  # the columns are still known


def test_without_a_browser_it_prints_the_address_only(run, model, served):
    result = run("open", "model.safetensors", "--no-browser", "--quiet")
    assert len(served) == 1
    assert (result.stdout, result.stderr) == (f"open   {served[0].url}\n", "")
    result = run("open", "model.safetensors", "--json")
    assert served[1].url in result.stdout
    assert len(served) == 2


def test_edits_that_are_not_saved_are_told(run, model, monkeypatch):
    def run_and_edit(server):
        server.service.session.edit("split", {"node": "h1"})
        server.close()

    monkeypatch.setattr(EditorServer, "run", run_and_edit)
    assert "not saved" in run("open", "model.safetensors", "--no-browser").stderr


def test_rows_without_the_target_are_for_looking(run, model, served):
    result = run("open", "model.safetensors", "--data", "inputs.csv", "--no-browser")
    assert "has no column 'y 1'" in result.stderr
    session = served[0].service.session
    assert session.rows["y"] is None
    session.edit("adapt", {})
    assert equal(run_script(session.script()), session.model)


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["nothing.safetensors"], "there is no file"),
        (["data.csv"], "not a whole safetensors file"),
        (["model.safetensors", "--data", "lacking.csv"], "lacks 1 of the 2 columns"),
        (["model.safetensors", "--data", "-"], "not -"),
        (["data.csv", "--data", "model.safetensors"], "the model comes first"),
        (["model.safetensors", "--port", "70000"], "not in the range"),
        (["model.safetensors", "--prt", "1"], "--port"),
    ],
)
def test_wrong_input_is_explained(run, model, served, arguments, fragment):
    result = run("open", *arguments)
    assert result.exit_code == 2
    assert fragment in result.stderr
    assert served == []
