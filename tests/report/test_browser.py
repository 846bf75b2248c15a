"""Laws of the page in a browser: silent, offline, quick to use by keyboard and on a small screen, and blind to hostile names."""

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.report import report
from tests.report.browser import AXE, Visit, chromium, needs_chromium
from tests.report.pages import HOSTILE, everything, network

pytestmark = [needs_chromium, pytest.mark.slow]


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Pages of several kinds, by name, with the model of `plain` and its rows."""
    place = tmp_path_factory.mktemp("pages")
    model, given = everything()
    found = {"full": report(model, place / "full.html", **given)}
    model, given = everything(HOSTILE, "t" + HOSTILE)
    found["hostile"] = report(model, place / "hostile.html", **given)
    model, x, y = network([4, 3, 2])
    found["plain"] = report(model, place / "plain.html", x=x[:50], y=y[:50], test=(x[50:], y[50:]))
    many, rows, values = network([200, 1])
    found["many inputs"] = report(many, place / "many.html", x=rows, y=values)
    one, rows, values = network([1, 1], names=["色 \u202e abc"])
    found["one input"] = report(one, place / "one.html", x=rows, y=values)
    found["no rows"] = report(one, place / "none.html")
    broken, rows, values = network([2, 3, 1])
    with torch.no_grad():
        broken.kan_layers[0].coefficients[0, :, 1] = torch.nan
    found["not finite"] = report(broken, place / "nan.html", x=rows[:50], y=values[:50], test=(rows[50:], values[50:]))
    found["classes"] = classes(place / "classes.html")
    return found | {"model": model, "x": x}


def classes(path):
    import pandas as pd

    from splinework.tabular import KANClassifier

    generator = np.random.default_rng(0)
    table = pd.DataFrame({"<i>size</i>": generator.normal(size=300), "kind": generator.choice(["a", "<b>b", "c"], 300)})
    table["kind"] = table["kind"].astype(object)
    label = pd.Series(np.where(table["<i>size</i>"] + (table["kind"] == "a") > 0.3, HOSTILE[:30], "no"), name="<u>y")
    table.loc[::9, "<i>size</i>"] = np.nan
    fitted = KANClassifier(hidden=0, grid=3).fit(table[:200], label[:200])
    return fitted.report(path, table[:200], label[:200], test=(table[200:], label[200:]), equations=False)


NAMES = ["full", "hostile", "plain", "many inputs", "one input", "no rows", "not finite", "classes"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_a_page_is_ready_silent_and_asks_for_nothing(browser, pages, name, width, scheme):
    with Visit(browser, pages[name], width, color_scheme=scheme) as visit:
        assert visit.ask("document.documentElement.dataset.ready") == "true"
        assert visit.messages == []
        assert visit.dialogs == []
        assert [url for url in visit.requests if not url.startswith(("file:", "data:"))] == []
        assert visit.ask("document.documentElement.scrollWidth") <= width
        assert pages[name].stat().st_size < 2_000_000
        assert visit.ask("document.querySelectorAll('main img, main script, main iframe').length") == 0


def test_the_page_shows_hostile_names_as_they_are(browser, pages):
    with Visit(browser, pages["hostile"]) as visit:
        shown = HOSTILE.replace("\x00", "").replace("\ud800", "")
        assert shown[:30] in visit.ask("document.querySelector('#predict-panel').textContent")
        assert visit.ask(
            "[...document.querySelectorAll('svg.network [aria-label]')].map(e => e.ariaLabel).join()"
        ).count("<script>")
        visit.page.locator("svg.network .edge").first.click(force=True)
        assert visit.dialogs == []


def test_a_change_of_an_input_gives_the_prediction_of_the_model(browser, pages):
    with Visit(browser, pages["plain"]) as visit:
        visit.page.fill("#input-1", "0.75")
        visit.page.fill("#input-3", "1.25")
        row = visit.ask("splinework.row()")
        assert (row[0], row[2]) == (0.75, 1.25)
        with torch.no_grad():
            expected = pages["model"](torch.tensor([row], dtype=torch.float64))[0].tolist()
        shown = visit.ask(
            "[...document.querySelectorAll('[data-part=result] .value')].map(e => Number(e.dataset.value))"
        )
        np.testing.assert_allclose(shown, expected, rtol=1e-12)
        for way in ("inputs", "edges"):
            visit.page.select_option("#decomposed-by", way)
            total = visit.ask("Number(document.querySelector('[data-part=terms]').dataset.sum)")
            assert total == pytest.approx(expected[0], rel=1e-9)
        visit.page.focus("#input-2-range")
        visit.page.keyboard.press("ArrowRight")
        assert visit.ask("splinework.row()")[1] != row[1]
        visit.page.fill("#input-1", "")
        assert visit.page.get_attribute("#input-1", "aria-invalid") == "true"


def test_ten_thousand_rows_agree_with_the_model_in_the_browser(browser, pages):
    x = 2 * torch.rand(10_000, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    with torch.no_grad():
        expected = pages["model"](x).numpy()
    with Visit(browser, pages["plain"]) as visit:
        found = np.array(visit.ask("rows => rows.map(row => splinework.predict(row))", x.tolist()))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())


def test_edges_nodes_formulas_and_tables_answer_to_the_keyboard(browser, pages):
    with Visit(browser, pages["full"]) as visit:
        page = visit.page
        visit.ask("document.querySelector('svg.network [tabindex=\"0\"]').focus()")
        title = "document.querySelector('#network-panel h3').textContent"
        seen = {visit.ask(title)}
        for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowUp"):
            page.keyboard.press(key)
            seen.add(visit.ask(title))
        assert len(seen) > 3
        page.keyboard.press("Enter")
        assert visit.ask("document.activeElement.getAttribute('aria-pressed')") == "true"
        page.keyboard.press("Escape")
        assert visit.ask("document.querySelectorAll('svg.network [aria-pressed=true]').length") == 0
        page.locator("svg.pareto [role=button]").nth(1).focus()
        page.keyboard.press("Enter")
        shown = "[...document.querySelectorAll('[data-formula]')].filter(e => !e.hidden).map(e => e.dataset.formula)"
        assert visit.ask(shown) == ["0-1"]
        page.select_option("#choose-0-0", "0-0")
        assert visit.ask(shown) == ["0-0"]
        head = page.locator("#worst thead th").nth(1).locator("button")
        column = "[...document.querySelectorAll('#worst tbody tr')].map(r => r.cells[1].textContent)"
        head.press("Enter")
        up = [float(cell.replace("−", "-")) for cell in visit.ask(column)]
        head.press("Enter")
        down = [float(cell.replace("−", "-")) for cell in visit.ask(column)]
        assert up == sorted(up)
        assert down == up[::-1]
        assert page.locator("#worst thead th").nth(1).get_attribute("aria-sort") == "descending"


def test_the_switch_of_colours_overrides_the_system(browser, pages):
    with Visit(browser, pages["plain"], color_scheme="light") as visit:
        paper = "getComputedStyle(document.querySelector('section')).backgroundColor"
        light = visit.ask(paper)
        visit.page.select_option("#theme", "dark")
        dark = visit.ask(paper)
        assert light != dark
        visit.page.select_option("#theme", "system")
        assert visit.ask(paper) == light


CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const parse = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const channel = (v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.getClientRects().length || ["SCRIPT", "title", "OPTION", "NOSCRIPT"].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    const ink = parse(element instanceof SVGElement ? style.fill : style.color);
    let place = element;
    let paper = [0, 0, 0, 0];
    while (place && paper[3] < 255) { paper = parse(getComputedStyle(place).backgroundColor); place = place.parentElement; }
    if (paper[3] < 255 || ink[3] < 255) continue;
    const [a, b] = [light(ink), light(paper)].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize);
    const ratio = (a + 0.05) / (b + 0.05);
    const name = `${element.tagName}.${element.className?.baseVal ?? element.className}`;
    if (ratio < (size >= 24 ? 3 : 4.5)) found.push(`${name}: ${ratio}`);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["full", "classes"])
def test_all_text_stands_out_by_four_and_a_half_to_one(browser, pages, name, scheme):
    with Visit(browser, pages[name], color_scheme=scheme) as visit:
        visit.ask("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        assert sorted(set(visit.ask(CONTRAST))) == []


@pytest.mark.skipif(not AXE.exists(), reason="npm install axe-core, or name its axe.min.js in AXE_CORE")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing(browser, pages, name, width):
    with Visit(browser, pages[name], width, bypass_csp=True) as visit:
        visit.ask(AXE.read_text("utf-8"))
        found = visit.ask("axe.run(document, { resultTypes: ['violations'] })")["violations"]
        assert [(each["id"], each["nodes"][0]["html"][:120]) for each in found] == []


def test_a_page_prints_and_is_readable_without_scripts(browser, pages, tmp_path):
    with Visit(browser, pages["full"]) as visit:
        visit.page.pdf(path=str(tmp_path / "page.pdf"), prefer_css_page_size=True)
        assert (tmp_path / "page.pdf").stat().st_size > 10_000
    with Visit(browser, pages["full"], java_script_enabled=False) as visit:
        assert visit.page.locator("#network-picture svg").count() == 1
        assert visit.page.locator("#formulas math").count() >= 1
        assert "need JavaScript" in visit.page.locator("#try").inner_text()


def test_a_script_that_is_slipped_in_does_not_run(browser, pages, tmp_path):
    text = pages["plain"].read_text("utf-8")
    forged = tmp_path / "forged.html"
    forged.write_text(text.replace("<main>", "<main><script>window.slipped = 1</script><p onclick='1'></p>"), "utf-8")
    with Visit(browser, forged) as visit:
        assert visit.ask("window.slipped") is None
        assert any("Content Security Policy" in message for message in visit.messages)


def test_a_model_in_a_frame_lives_in_its_page(browser, tmp_path):
    from splinework.nn.frame import Frame, FramedKAN

    model, x, _ = network([2, 3, 1])
    framed = FramedKAN(model, Frame(("a", "b"), ("a * b", "a + b"), ("exp(z1)",)))
    with torch.no_grad():
        y = framed(x)
    with Visit(browser, sw.report(framed, tmp_path / "r.html", x=x[:50], y=y[:50], test=(x[50:], y[50:]))) as visit:
        row = visit.ask("splinework.row()")
        with torch.no_grad():
            expected = framed(torch.tensor([row], dtype=torch.float64))[0].tolist()
        np.testing.assert_allclose(visit.ask("splinework.predict(splinework.row())"), expected, rtol=1e-12)
        assert visit.messages == []
