"""What the page is told: the state, suggestions, previews, comparisons, and a refit in the background."""

import json

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError
from splinework.interpret.edit.pruning import SCORES
from splinework.report.editor.service import EditorService
from tests.report.editor.sessions import SHAPES, equal, files_of, session_of


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def service_of(folder, shape="plain", *, data=True):
    files_of(folder, SHAPES[shape])
    return EditorService(session_of(folder, data=data), folder)


def edit(service, name, arguments):
    return service.answer("edit", {"name": name, "arguments": arguments, "at": service.session.position})


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("data", [True, False])
def test_the_state_is_that_of_the_model(folder, shape, data):
    service = service_of(folder, shape, data=data)
    state = service.answer("state", {})
    model = service.session.model
    assert json.loads(json.dumps(state, allow_nan=False)) == state
    assert len(state["graph"]["edges"]) == state["edges"] == model.active_edges()
    assert state["parameters"] == model.parameter_count()
    assert state["change"] == {"last": 0.0, "start": 0.0}
    assert (state["errors"] is not None) == data
    if data:
        x, y = (service.session.rows[name].to_numpy(copy=True) for name in ("x", "y"))
        rest = model(torch.from_numpy(x)).detach().numpy() - y
        assert np.allclose(state["errors"]["rmse"], np.sqrt((rest**2).mean(0)), rtol=1e-12)
        assert np.allclose(state["errors"]["r2"], 1 - (rest**2).mean(0) / y.var(0), rtol=1e-9)


def test_the_state_names_functions_and_what_is_frozen(folder):
    service = service_of(folder)
    edit(service, "fix", {"edge": ["x1", "h1"], "function": "sin", "numbers": [3, 0, 2, 1]})
    state = edit(service, "freeze", {"edge": ["x2", "h1"]})
    edges = {tuple(edge["names"]): edge for edge in state["graph"]["edges"]}
    assert (edges["x1", "h1"]["state"], edges["x1", "h1"]["formula"]) == ("function", "2.0*sin(3.0*u) + 1.0")
    assert (edges["x2", "h1"]["state"], edges["x2", "h1"]["frozen"]) == ("frozen", True)
    assert (edges["x1", "h2"]["state"], edges["x1", "h2"]["frozen"]) == ("spline", False)


def test_the_change_is_that_of_the_library(folder):
    service = service_of(folder)
    before = service.session.model
    state = edit(service, "remove_edge", {"edge": ["x1", "h1"]})
    x = service.session.rows["x"]
    assert state["change"]["last"] == pytest.approx(sw.edit.change(before, service.session.model, x), rel=1e-9)
    assert state["change"]["start"] == state["change"]["last"]
    state = edit(service, "widen", {"layer": 1, "count": 1})
    assert state["change"]["last"] < 1e-12 < state["change"]["start"]


def test_a_page_that_shows_an_older_state_changes_nothing(folder):
    service = service_of(folder)
    edit(service, "widen", {"layer": 1, "count": 1})
    for at in (0, 2, None, "1"):
        with pytest.raises(ConfigError, match="another page"):
            service.answer("edit", {"name": "widen", "arguments": {"layer": 1, "count": 1}, "at": at})
    assert service.session.position == 1


def test_suggestions_are_those_of_the_library(folder):
    service = service_of(folder)
    found = service.answer("suggest", {"edge": ["x1", "h1"]})
    expected = sw.suggest(service.session.model, service.session.rows["x"], ("x1", "h1"), rows=8)
    assert [each["name"] for each in found["functions"]] == [row.name for row in expected]
    assert found["functions"][0]["r2"] == expected[0].r2
    assert all(len(each["curve"]) == len(found["u"]) for each in found["functions"])
    for wrong in (["x1", "nothing"], "x1", None, [9, 9, 9]):
        with pytest.raises(ConfigError):
            service.answer("suggest", {"edge": wrong})


@pytest.mark.quick(3)
@pytest.mark.parametrize(
    ("shape", "by"), [*(("plain", by) for by in SCORES), ("products", "attribution"), ("deep", "ablation")]
)
def test_a_preview_says_what_pruning_does_and_does_nothing(folder, shape, by):
    service = service_of(folder, shape)
    edges = {edge["id"] for edge in service.answer("state", {})["graph"]["edges"]}
    for count in (2, len(edges) - 2):
        given = {"keep_edges": count, "nodes": 0, "inputs": 0, "by": by}
        found = service.answer("preview", {"arguments": given})
        assert service.session.position == 0
        state = edit(service, "prune", given)
        assert set(found["gone"]) <= edges
        assert len(found["gone"]) == len(edges) - state["edges"] == len(edges) - found["left"]
        assert found["change"] == state["change"]["last"]
        assert found["errors"] == state["errors"]
        service.answer("undo", {})


def test_a_comparison_is_of_the_two_states(folder):
    service = service_of(folder)
    edit(service, "remove_input", {"input": "x2"})
    found = service.answer("compare", {"first": 0, "second": 1})
    x = torch.from_numpy(service.session.rows["x"].to_numpy(copy=True))
    with torch.no_grad():
        gap = (service.session.steps[0].model(x) - service.session.steps[1].model(x[:, :1])).abs()
    assert found["largest"]["value"] == pytest.approx(float(gap.max()), rel=1e-12)
    at = int(gap.argmax())
    assert found["largest"]["row"] == pytest.approx({"x1": float(x[at, 0]), "x2": float(x[at, 1])})
    assert found["states"][1]["errors"] == service.answer("state", {})["errors"]
    curves = {each["input"]: each for each in found["inputs"]}
    assert np.ptp(curves["x2"]["y"][1]) == pytest.approx(0, abs=1e-12)  # which it no longer depends on
    assert np.ptp(curves["x2"]["y"][0]) > 1e-3
    assert {each["edge"] for each in found["edges"]} >= {"x1 → h1", "x1 → h2"}
    same = service.answer("compare", {"first": 1, "second": 1})
    assert (same["change"], same["largest"]["value"]) == (0.0, 0.0)
    for wrong in ({}, {"first": 0, "second": 9}, {"first": "0", "second": 1}):
        with pytest.raises(ConfigError, match="there is no state"):
            service.answer("compare", wrong)


def test_a_refit_runs_in_the_background_and_becomes_a_step(folder):
    service = service_of(folder)
    edit(service, "refit", {"steps": 5, "starts": 1})
    assert service.refit is not None
    service.refit.wait(120)
    state = service.answer("state", {})
    assert state["refit"]["state"] == "done"
    assert 0 < state["refit"]["step"] <= 5
    assert (
        state["steps"][1]["line"] == 'model = sw.fit(model, x, y, steps=5, starts=1, grids=None, degree="keep").model'
    )
    assert state["errors"]["rmse"][0] < service.session.steps[0].model.parameter_count()
    x, y = service.session.rows["x"], service.session.rows["y"]
    again = sw.fit(service.session.steps[0].model, x, y, steps=5, starts=1, grids=None, degree="keep", progress=False)
    assert equal(service.session.model, again.model)


def test_a_cancelled_refit_changes_nothing_and_nothing_changes_during_one(folder):
    service = service_of(folder)
    edit(service, "refit", {"starts": 6, "grids": "auto"})
    refused = [
        ("edit", {"name": "widen", "arguments": {"layer": 1, "count": 1}, "at": 0}),
        ("undo", {}),
        ("go", {"to": 0}),
    ]
    for name, values in refused:
        with pytest.raises(ConfigError, match="a refit is going on"):
            service.answer(name, values)
    assert service.answer("cancel", {})["refit"]["state"] in ("running", "cancelled")
    service.refit.wait(120)
    assert service.answer("progress", {})["refit"]["state"] == "cancelled"
    assert len(service.session.steps) == 1
    with pytest.raises(ConfigError, match="no refit is going on"):
        service.answer("cancel", {})


def test_a_refit_that_fails_says_why(folder):
    service = service_of(folder)
    edit(service, "remove_input", {"input": "x1"})
    service.session.rows["y"].iloc[0, 0] = float("nan")
    edit(service, "refit", {"steps": 2})
    service.refit.wait(120)
    found = service.answer("progress", {})["refit"]
    assert found["state"] == "failed"
    assert "finite" in found["error"]
    assert service.session.position == 1


@pytest.mark.parametrize("name", ["nothing", "", "__class__", "_written"])
def test_requests_that_there_are_not_are_refused(folder, name):
    with pytest.raises(ConfigError, match="there is no request"):
        service_of(folder).answer(name, {})
