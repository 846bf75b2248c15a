"""Laws of the report on formulas: what is known of them is shown, what is not is left out, a refusal comes first."""

import re
from urllib.parse import unquote

import numpy as np
import pytest

from splinework.errors import ConfigError, ShapeError
from splinework.formula.languages import LANGUAGES
from splinework.report import report
from tests.report.pages import SECTIONS, Table, discovered, page


def test_a_table_without_a_network_makes_a_page_of_its_own(tmp_path):
    table, x, y = discovered()
    read = page(report(None, tmp_path / "r.html", x=x[:40], y=y[:40], test=(x[40:], y[40:]), table=table))
    lacking = {"try", "network", "effects", "learning", "notes", "use"}
    assert set(read.sections) == set(SECTIONS) - lacking
    assert "<dt>R² on test rows</dt>" in read.text
    assert "<dd>1</dd><dt>R² on test rows</dt>" in read.text
    with pytest.raises(ConfigError, match="neither"):
        report(None, tmp_path / "s.html", table=Table((), ()))
    with pytest.raises(ShapeError, match="2"):
        report(None, tmp_path / "s.html", table=table, x=x[:, :1])


def test_what_is_known_of_a_formula_is_shown(tmp_path):
    table, x, y = discovered(noise=0.0123)
    text = report(None, tmp_path / "r.html", x=x, y=y, table=table).read_text("utf-8")
    for shown in (
        "75 %", "&lt; 0.1 %", "+180.0", "1.98765 to 2.0123", "0.25", "1.75",
        "y is a sum of parts", "spline_1(p)", "one spline is left", "Estimated noise: 0.0123", "1.23457*p",
    ):  # fmt: skip
        assert shown in text, shown
    assert 'class="refusal"' not in text


def test_a_refusal_comes_before_every_formula(tmp_path):
    table, _, _ = discovered(refusal="no formula of the library explains y <b>")
    text = report(None, tmp_path / "r.html", table=table).read_text("utf-8")
    assert text.index("no formula of the library explains y &lt;b&gt;") < text.index("<math")


def test_the_splines_in_numbers_are_their_values(tmp_path):
    table, x, y = discovered()
    text = report(None, tmp_path / "r.html", x=x, y=y, table=table).read_text("utf-8")
    listing = text[text.index("spline_1 in numbers") :]
    pairs = re.findall(r'class="number">([\d.]+)</th><td class="number">([\d.]+)</td>', listing)[:21]
    places, values = np.array(pairs, dtype=float).T
    np.testing.assert_allclose(values, places**2, rtol=1e-4)
    np.testing.assert_allclose([places[0], places[-1]], [x[:, 0].min(), x[:, 0].max()], rtol=1e-5)


def test_what_is_saved_is_what_is_shown_in_every_language(tmp_path):
    table, _, _ = discovered()
    read = page(report(None, tmp_path / "r.html", table=table))
    saved = [unquote(link.partition(",")[2]) for link in read.values("href") if link.startswith("data:")]
    assert len(saved) == 2 * len(LANGUAGES) == len(read.values("download"))
    shown = "".join(read.words)
    assert all(content in shown for content in saved)
