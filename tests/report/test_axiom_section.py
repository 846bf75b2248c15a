"""Laws of the report of axioms and of models in frames: every verdict is there, and nothing that was not looked at."""

import re

import pytest
import torch

import splinework as sw
from splinework.nn.frame import Frame, FramedKAN
from splinework.report import report
from splinework.report.axiom_sections import certified
from tests.report.pages import HOSTILE, SECTIONS, page

AXIOMS = ["bounded(0, 1)", "monotone(a)", 'convex(a, strength="verify")', 'monotone(b, strength="soft(0.1)")']


@pytest.fixture(scope="module")
def result():
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(120, 2, generator=generator, dtype=torch.float64)
    y = torch.sigmoid(3 * x[:, 0] - 1 + x[:, 1])
    model = sw.KAN([2, 1], names=["a", "b"], dtype=torch.float64, generator=generator)
    return sw.fit(model, x, y, axioms=AXIOMS, steps=8, progress=False), x, y


@pytest.fixture(scope="module")
def written(result, tmp_path_factory):
    """The page of what the fit returned."""
    fitted, x, y = result
    return report(fitted, tmp_path_factory.mktemp("axioms") / "r.html", x=x, y=y)


def cells(read, section: str) -> str:
    return read.text.split(f'<section id="{section}"')[1].split("</section>")[0]


def test_every_axiom_has_a_row_with_strength_verdict_and_how(result, written):
    fitted, read = result[0], page(written)
    assert read.sections == [name for name in [*SECTIONS[:8], "axioms", *SECTIONS[8:]] if name in read.sections]
    shown = cells(read, "axioms")
    for words in ("bounded(0.0, upper=1.0)", "monotone(&#x27;a&#x27;)", "soft(0.1)", "verify", "by construction"):
        assert words in shown
    assert shown.count("<tr>") == 1 + len(AXIOMS) + 1 + len(fitted.certificate.claims)
    assert "4 axioms: " in shown
    assert "<strong>refuted</strong>" in shown
    (point,) = [claim.counterexample for claim in fitted.certificate.claims if claim.status == "refuted"]
    assert ", ".join(f"{name} = {value!r}" for name, value in point.items()) in shown


def test_a_framed_model_is_drawn_with_its_formulas_and_used_by_its_raw_columns(result, tmp_path):
    fitted, x, y = result
    assert isinstance(fitted.model, FramedKAN)
    read = page(report(fitted.model, tmp_path / "r.html", x=x, y=y))
    network = cells(read, "network")
    assert "<svg" in network
    assert "sigmoid" in network
    assert "in a frame of formulas" in read.text
    assert "Columns of x, in this order: a, b." in cells(read, "use")
    assert "in this order: a, b" in read.text
    assert "proved" in cells(read, "axioms")  # of the axioms that the model was built with


def test_a_frame_of_features_shows_them_and_counts_the_raw_inputs_in_use(tmp_path):
    frame = Frame(("a", "b", "c"), ("a*b", "b"), ("y",), ("z1+a",), ((0, 1),) * 3)
    model = FramedKAN(sw.KAN([2, 1], dtype=torch.float64, generator=torch.Generator().manual_seed(1)), frame)
    x = torch.rand(50, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    read = page(report(model, tmp_path / "r.html", x=x, y=model(x).detach()))
    assert "<code>a*b</code>" in cells(read, "network")
    assert "<code>z1+a</code>" in cells(read, "network")
    assert "2 <small>of 3</small>" in read.text
    assert "axioms" not in read.sections


def test_without_axioms_there_is_no_section_and_no_certificate(tmp_path):
    model = sw.KAN([2, 1])
    assert certified(model) is None
    assert certified(None) is None
    assert "axioms" not in page(report(model, tmp_path / "r.html")).sections


def test_the_same_arguments_give_the_same_page(result, written, tmp_path):
    fitted, x, y = result
    assert report(fitted, tmp_path / "r.html", x=x, y=y).read_bytes() == written.read_bytes()


def test_names_of_columns_are_text_in_the_table_of_axioms(tmp_path):
    model = sw.KAN([1, 1], names=["<b>a</b>"], dtype=torch.float64)
    found = sw.verify(model, "bounded(-100, 100)")
    read = page(report(model, tmp_path / "r.html", certificate=found))
    assert "<b>a" not in read.text
    assert "&lt;b&gt;a" in cells(read, "axioms")
    assert HOSTILE not in read.text


def test_what_a_fit_returned_brings_its_model_and_history(result, tmp_path):
    _, x, y = result
    fitted = sw.fit(sw.KAN([2, 1], names=["a", "b"], dtype=torch.float64), x, y, steps=3, progress=False)
    one = report(fitted, tmp_path / "one.html", x=x, y=y, title="t").read_text()
    other = report(fitted.model, tmp_path / "other.html", x=x, y=y, title="t", history=fitted.history).read_text()
    apart = [re.sub(r'<section id="effects".*?</section>', "", text, flags=re.DOTALL) for text in (one, other)]
    assert apart[0] == apart[1]  # but for the effects, which have bands where the fit knows them
    assert 'class="band"' in one
    assert 'class="band"' not in other
    assert "learning" in page(tmp_path / "one.html").sections
