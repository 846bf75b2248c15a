"""The editor in a notebook: messages are answered as requests are, and the front end is the same."""

import sys
from functools import partial

import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError
from splinework.report.editor import EditSession
from splinework.report.editor.notebook import _widget_class, answered, widget
from splinework.report.editor.page import own, script, style
from tests.report.editor.sessions import SHAPES, equal, files_of, model_of, run, session_of

X = torch.rand(20, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture
def shown():
    pytest.importorskip("anywidget")
    return widget(model_of(SHAPES["plain"]), X, X[:, :1])


def test_a_message_is_answered_as_a_request_is(shown):
    sent = []
    shown.send = lambda content: sent.append(content)
    edit = {"name": "widen", "arguments": {"layer": 1, "count": 1}, "at": 0}
    messages = [("state", {}), ("edit", edit), ("edit", edit), ("nothing", {}), ("go", {"to": 9}), ("script", {})]
    for number, (name, values) in enumerate(messages):
        shown._asked(shown, {"id": f"a:{number}", "name": name, "values": values}, [])
    assert [each["id"] for each in sent] == [f"a:{number}" for number in range(6)]
    assert ["answer" in each for each in sent] == [True, True, False, False, False, True]
    assert "another page" in sent[2]["error"]
    assert shown.session.model.config.shape == [2, 4, 1]
    for wrong in (None, [], 3, {}, {"id": 1, "name": 2, "values": "x"}):
        assert "error" in answered(shown.service, wrong)


def test_its_script_is_the_edits(shown):
    shown.session.edit("split", {"node": "h1"})
    names = {"model": shown.session.steps[0].model, "x": X, "y": X[:, :1]}
    exec(shown.session.script(), names)
    assert equal(names["model"], shown.session.model)


def test_the_front_end_is_that_of_the_page(shown):
    page, notebook = script("page"), script("notebook")
    assert shown._esm == notebook
    assert shown._css == style()
    assert (
        page.removesuffix(own("page.js").partition("\n\n")[2].partition("\n\n")[2] + "\n")[:20000] == notebook[:20000]
    )
    assert "export default" in notebook
    for text in (page, notebook):
        assert "\nimport " not in text
        assert "innerHTML" not in text


def serve():
    from splinework.report.editor.server import EditorServer

    return EditorServer


CASES = [("anywidget", "notebook"), ("uvicorn", "editor"), ("starlette.routing", "editor")]


@pytest.mark.parametrize(("missing", "extra"), CASES)
def test_without_the_extra_it_says_what_to_install(monkeypatch, missing, extra):
    monkeypatch.setitem(sys.modules, missing, None)
    _widget_class.cache_clear()
    monkeypatch.delitem(sys.modules, "splinework.report.editor.server", raising=False)
    use = serve if extra == "editor" else partial(widget, sw.KAN([2, 1]))
    with pytest.raises(ConfigError, match=rf"pip install 'splinework\[{extra}\]'"):
        use()
    _widget_class.cache_clear()


def test_a_session_has_the_rows_of_one_table(tmp_path):
    model = model_of(SHAPES["plain"])
    for x, y, fragment in (
        (None, X[:, :1], "y alone"),
        (X, X[:3, :1], "as many rows"),
        (X[:, :1], None, "must have shape"),
    ):
        with pytest.raises((ConfigError, sw.SplineworkError), match=fragment):
            EditSession(model, x=x, y=y)
    files_of(tmp_path, SHAPES["plain"])
    assert "complete_rows" in session_of(tmp_path).script()
    assert run("model = 3") == 3
