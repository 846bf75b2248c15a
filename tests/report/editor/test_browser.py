"""The editor in Chromium, as a user works in it: from `splinework open` to a saved model and the script that makes it."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

import splinework as sw
from splinework.report.editor.notebook import answered
from splinework.report.editor.page import script, style
from splinework.report.editor.service import EditorService
from splinework.report.editor.session import EditSession
from tests.report.editor.sessions import equal, run

playwright = pytest.importorskip("playwright.sync_api")
pytest.importorskip("uvicorn")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")]
EVIL = "<img src=x onerror=window.evil=1>"
PATIENCE = 120_000  # milliseconds, on a busy machine


@contextmanager
def opened(folder, *arguments):
    """A running `splinework open` and its address."""
    command = [sys.executable, "-m", "splinework", "open", *arguments, "--no-browser"]
    env = {**os.environ, "PYTHONPATH": str(Path(sw.__file__).parents[1])}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder, env=env)
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().split()[1]
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


def page_of(browser, url, **options):
    """A page with the editor, and what its console and its requests said."""
    context = browser.new_context(viewport={"width": options.pop("width", 1280), "height": 900}, **options)
    context.set_default_timeout(PATIENCE)
    page, seen = context.new_page(), []
    page.on("console", lambda message: seen.append(message.text))
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("request", lambda request: seen.append(request.url) if not request.url.startswith((url, "data:")) else None)
    page.goto(url)
    page.wait_for_selector("svg.network")
    return page, seen


def at(page, position):
    page.wait_for_selector(f'#editor[data-position="{position}"]')


def sample(folder, names=("x1", "x2")):
    x = 2 * torch.rand(300, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1
    y = torch.exp(torch.sin(torch.pi * x[:, :1]) + x[:, 1:] ** 2)
    start = sw.KAN(
        [2, 3, 1], grid=8, names=list(names), dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    model = sw.fit(start, x, y, starts=1, steps=60, grids=None, progress=False).model
    sw.save(model, folder / "model.safetensors")
    import pandas as pd

    pd.DataFrame(torch.cat([x, y], dim=1).numpy(), columns=[*names, "y"]).to_csv(folder / "data.csv", index=False)
    return model


def test_a_session_from_opening_to_closing(browser, tmp_path, monkeypatch):
    start = sample(tmp_path)
    with opened(tmp_path, "model.safetensors", "--data", "data.csv") as (process, url):
        page, seen = page_of(browser, url)
        assert page.locator("g.edge").count() == 9

        page.click('g.edge[data-id="0:1:0"] .box')
        page.wait_for_selector(".suggested table")
        assert page.locator(".suggested svg.small").count() >= 3
        name = page.locator(".suggested tbody th").first.inner_text()
        page.locator(".suggested tbody button").first.click()
        at(page, 1)
        assert page.locator(".steps li.here code").inner_text() == f'model = sw.fix(model, ("x2", "h1"), "{name}", x=x)'
        assert page.locator('g.edge[data-id="0:1:0"].function').count() == 1

        page.fill(".panel form input", "nothing(u")
        page.click(".panel form button")
        page.wait_for_selector(".status.error")
        assert "neither a function of the library" in page.inner_text(".status")
        page.click("text=Undo")
        at(page, 0)
        page.keyboard.press("Control+y")
        at(page, 1)

        slider = page.locator(".prune input[type=range]")
        slider.focus()
        for _ in range(4):
            slider.press("ArrowLeft")
        page.wait_for_selector("g.edge.pruned")
        page.wait_for_selector(".prune output:has-text('changes the function')")
        assert page.locator("g.edge.pruned").count() == 4
        page.click(".prune button")
        at(page, 2)
        assert page.locator("g.edge").count() == 5

        page.fill('input[placeholder="no limit"]', "20")
        page.click("button.primary:has-text('Refit')")
        at(page, 3)
        page.wait_for_selector(".status:has-text('Refitted.')")

        page.click("button:has-text('Compare')")
        page.wait_for_selector(".compared table")
        assert page.locator(".compared figure.pair").count() >= 3

        page.click("button:has-text('Save') >> nth=0")
        page.wait_for_selector("text=Written: edited.safetensors")
        page.click("button:has-text('Save') >> nth=0")
        page.click("text=Replace it >> nth=-1")
        page.wait_for_selector("text=Written: edited.safetensors")
        page.click("text=Save the script")
        page.wait_for_selector("text=Written: edits.py")

        page.click("button:has-text('Close')")
        page.wait_for_selector("text=The editor is closed")
        assert process.wait(60) == 0
        refused = [
            each for each in seen if each.startswith("Failed to load resource")
        ]  # the wrong function, and the file
        assert (seen, len(refused)) == (refused, 2)
    monkeypatch.chdir(tmp_path)
    edited = sw.load("edited.safetensors")
    assert equal(run((tmp_path / "edits.py").read_text()), edited)
    assert not equal(edited, start)


def test_names_are_shown_and_never_run_and_nothing_is_wider_than_the_window(browser, tmp_path):
    sample(tmp_path, names=(EVIL, "x2"))
    with opened(tmp_path, "model.safetensors", "--data", "data.csv") as (_, url):
        for width in (390, 1280):
            page, seen = page_of(browser, url, width=width, color_scheme="dark")
            page.click('g.edge[data-id="0:0:0"] .box')
            page.wait_for_selector(".suggested table")
            page.locator(".suggested tbody button").first.click()
            page.wait_for_selector(".steps li.here code")
            page.click("button:has-text('Compare')")
            page.wait_for_selector(".compared table")
            assert EVIL in page.inner_text(".compared")
            assert page.evaluate("window.evil === undefined")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert seen == []


def test_without_data_what_needs_rows_is_disabled_and_says_why(browser, tmp_path):
    sample(tmp_path)
    with opened(tmp_path, "model.safetensors") as (_, url):
        page, seen = page_of(browser, url)
        refit = page.locator("button.primary:has-text('Refit')")
        assert refit.get_attribute("aria-disabled") == "true"
        assert "--data" in str(refit.get_attribute("title"))
        assert page.locator(".prune input").first.is_disabled()
        page.click('g.edge[data-id="0:1:0"] .box')
        page.wait_for_selector(".suggested table")
        page.locator(".suggested tbody button").first.click()
        at(page, 1)
        assert "x=x" not in page.inner_text(".steps li.here code")
        assert seen == []


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for children")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_it_ends_cleanly_by_a_signal(browser, tmp_path, number, code):
    sample(tmp_path)
    with opened(tmp_path, "model.safetensors") as (process, url):
        page_of(browser, url)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert process.returncode == code
        assert "Traceback" not in err
        assert out == ""


KERNEL = """
import editor from "./widget.mjs";
const listeners = new Set();
const model = {
  on(name, call) { if (name === "msg:custom") listeners.add(call); },
  off(name, call) { listeners.delete(call); },
  async send(content) {
    const answer = await window.kernel(content);
    for (const call of listeners) call(answer);
  },
};
editor.render({ model, el: document.getElementById("cell") });
"""


def test_the_widget_works_with_a_kernel_that_answers_messages(browser, tmp_path):
    service = EditorService(EditSession(sample(tmp_path)), tmp_path)
    files = {
        "": ("text/html", f'<style>{style()}</style><div id="cell"></div><script type="module">{KERNEL}</script>'),
        "widget.mjs": ("text/javascript", script("notebook")),
    }
    page, seen = browser.new_page(), []
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.expose_function("kernel", lambda content: answered(service, content))

    def fulfil(route):
        kind, body = files[route.request.url.rpartition("/")[2]]
        route.fulfill(content_type=kind, body=body)

    page.route("http://notebook.test/*", fulfil)
    page.goto("http://notebook.test/")
    page.wait_for_selector("svg.network")
    page.click('g.edge[data-id="0:1:0"] .box')
    page.wait_for_selector(".suggested table")
    page.locator(".suggested tbody button").first.click()
    page.wait_for_selector('g.edge[data-id="0:1:0"].function')
    page.fill(".panel form input", "nothing(u")
    page.click(".panel form button")
    page.wait_for_selector(".status.error")
    assert page.locator("button:has-text('Close')").count() == 0  # the cell is the notebook's
    assert service.session.position == 1
    assert seen == []
