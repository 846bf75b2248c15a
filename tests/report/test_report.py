"""Laws of the report: valid HTML that needs nothing else, trusts no name, is written whole or not at all."""

import base64
import hashlib
import json
import os
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
import sympy
import torch

from splinework.errors import ConfigError, DataError, FileError, ShapeError
from splinework.report import report
from tests.report.pages import HOSTILE, SECTIONS, Formula, History, Table, everything, network, page


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A report with all that can be given."""
    model, given = everything()
    return report(model, tmp_path_factory.mktemp("full") / "r.html", **given)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """The same with names that are HTML."""
    model, given = everything(HOSTILE, "t" + HOSTILE)
    return page(report(model, tmp_path_factory.mktemp("hostile") / "r.html", **given))


def test_a_full_report_has_every_section_in_order_and_is_valid(full):
    read = page(full)
    assert read.sections == SECTIONS
    assert read.values("href")[: len(SECTIONS)] == [f"#{name}" for name in SECTIONS]
    identifiers = read.values("id")
    assert len(identifiers) == len(set(identifiers))
    inner = [value[1:] for value in read.values("href") if value.startswith("#")] + re.findall(
        r"url\(#([^)]+)\)", read.text
    )
    assert set(inner) | set(read.values("aria-labelledby")) <= set(identifiers)
    assert (read.tags.count("h1"), read.tags.count("main"), read.tags.count("math")) == (1, 1, 2)


def test_a_report_needs_nothing_from_outside(full):
    read = page(full)
    assert re.findall(r"https?:[^\"]*", read.text) == ["http://www.w3.org/2000/svg"]  # the name of a namespace
    assert not {"link", "img", "iframe", "object", "embed", "base"} & set(read.tags)
    assert not read.values("src")
    assert "@import" not in read.text


def test_the_only_script_is_ours_and_the_policy_allows_no_other(hostile):
    read = hostile
    assert read.tags.count("script") == 2
    (data,) = re.findall(r'<script type="application/json" id="report-data">(.*?)</script>', read.text, re.DOTALL)
    assert not set("<>&") & set(data)
    assert json.loads(data)["outputs"] == [f"t{HOSTILE}"]
    (script,) = re.findall(r'<script type="module">(.*?)</script>', read.text, re.DOTALL)
    assert "alert" not in script
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = [value for value in read.values("content") if "default-src" in value]
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy


def test_hostile_names_are_text_wherever_they_appear(full, hostile):
    harmless, read = page(full), hostile
    assert set(read.tags) <= set(harmless.tags)
    assert {name for name, _ in read.attributes} <= {name for name, _ in harmless.attributes}
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    assert sum("<script>alert('x')</script>" in words for words in read.words) > 10
    assert "\x00" not in read.text


def test_pictures_and_tables_are_described(full):
    text = full.read_text("utf-8")
    drawings = re.findall(r"<svg [^>]*>", text)
    assert len(drawings) > 8
    assert all('role="img"' in tag and re.search(r'aria-label="[^"]+"', tag) for tag in drawings)
    assert len(re.findall("<table[ >]", text)) == text.count("<caption>") >= 4
    assert all("scope=" in tag for tag in re.findall(r"<th [^>]*>|<th>", text))


def test_the_same_arguments_give_the_same_bytes(full, tmp_path):
    model, given = everything()
    assert report(model, tmp_path / "r.html", **given).read_bytes() == full.read_bytes()


def test_what_is_not_given_is_left_out(tmp_path):
    model, given = everything()
    path = tmp_path / "r.html"
    bare = {"answer", "try", "use", "repeat"}
    assert set(page(report(model, path)).sections) == bare
    assert set(page(report(model, path, x=given["x"])).sections) == bare | {"data", "network", "effects"}
    assert set(page(report(model, path, history=given["history"])).sections) == bare | {"learning"}
    plain = Table((Formula("y", sympy.Symbol("a"), 1, 0.1),), ())
    assert set(page(report(model, path, table=plain)).sections) == bare | {"formulas"}
    fit = {"fit", "residuals", "worst", "network", "effects"}
    assert set(page(report(model, path, test=given["test"])).sections) == bare | fit
    assert set(page(report(model, path, notes=["split 80 : 20"])).sections) == bare | {"notes"}
    empty = report(model, path, table=Table((), ()), history=History((), ()))
    assert set(page(empty).sections) == bare


def test_figures_are_those_of_the_rows(tmp_path):
    model, x, y = network()
    text = report(model, tmp_path / "r.html", x=x[:60], y=y[:60], test=(x[60:], y[60:])).read_text("utf-8")
    for rows, kind in ((slice(0, 60), "training"), (slice(60, 80), "test")):
        left = (y[rows] - model(x[rows])).detach().numpy()
        assert f"<dd>{np.sqrt((left**2).mean()):.4g}</dd><dt>RMSE on {kind} rows</dt>" in text
        r2 = 1 - (left**2).mean() / y[rows].numpy().var()
        assert f"<dd>{r2:.6f}</dd><dt>R² on {kind} rows</dt>" in text
    assert f"<dd>{model.parameter_count()}</dd>" in text


def test_metrics_that_are_given_win(tmp_path):
    model, x, y = network()
    metrics = {"rmse_train": 0.123, "r2_test": 0.45, "n_test": 7, "seconds": 2.5, "seed": 11, "other": "ignored"}
    text = report(model, tmp_path / "r.html", x=x, y=y, metrics=metrics).read_text("utf-8")
    for shown in ("0.123", "0.4500", "7", "2.5", "11"):
        assert f"<dd>{shown}</dd>" in text


def test_the_example_in_the_report_is_true(tmp_path):
    model, x, y = network()
    text = report(model, tmp_path / "r.html", x=x, y=y).read_text("utf-8")
    row, dtype, result = re.search(
        r"torch\.tensor\(\[\[(.*?)\]\], dtype=(torch\.\w+)\)\)  # about (\S+?)<", text
    ).groups()
    value = model(
        torch.tensor([[float(v) for v in row.split(",")]], dtype=getattr(torch, dtype.removeprefix("torch.")))
    )
    assert float(result) == pytest.approx(value.item(), rel=1e-3)


def test_logarithmic_scales_are_drawn_and_said(tmp_path):
    model, x, _ = network([2, 1], input_scales=["log", "linear"], output_scales=["log"])
    y = model(x).detach() * 1.01
    text = report(model, tmp_path / "r.html", x=x, y=y).read_text("utf-8")
    assert "RMSE of the logarithm on training rows" in text
    assert "logarithmic" in text
    # measured values that have no logarithm: the page is made all the same
    report(model, tmp_path / "r.html", x=x, y=y - 2 * y.max())


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ([2, 5, 1], {}),
        pytest.param([3, 4, 4, 2], {"basis": "chebyshev"}, marks=pytest.mark.slow),
        ([10, 1], {"grid_kind": "normalised"}),
        pytest.param([30, 15, 1], {}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_reports_of_all_kinds_of_networks_are_valid(tmp_path, shape, options):
    model, x, y = network(shape, **options)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    page(report(model, tmp_path / "r.html", x=x.numpy(), y=y.numpy()))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert plt.get_fignums() == []
    assert [file.name for file in tmp_path.iterdir()] == ["r.html"]


def test_letters_that_our_font_lacks_are_left_to_the_browser(tmp_path):
    model, x, y = network(names=["色", "🙂"])
    assert "色" in report(model, tmp_path / "r.html", x=x, y=y).read_text("utf-8")


def test_a_report_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    model, _, _ = network()
    path = tmp_path / "r.html"
    path.write_text("old")

    def refuse(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", refuse)
        with pytest.raises(FileError, match="No space left"):
            report(model, path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["r.html"]
    with pytest.raises(FileError, match="cannot write"):
        report(model, tmp_path / "missing" / "r.html")


def test_wrong_input_is_refused_before_anything_is_written(tmp_path):
    model, x, y = network()
    path = tmp_path / "r.html"
    with pytest.raises(ConfigError, match="y alone"):
        report(model, path, y=y)
    with pytest.raises(ConfigError, match="pair"):
        report(model, path, test=x)
    with pytest.raises(ConfigError, match="list of sentences"):
        report(model, path, notes="one")
    with pytest.raises(ShapeError, match="as many rows"):
        report(model, path, x=x, y=y[1:])
    with pytest.raises(ShapeError, match="2 rows"):
        report(model, path, x=x[:1])
    with pytest.raises(DataError, match="y: 80"):
        report(model, path, x=x, y=y * torch.nan)
    assert list(tmp_path.iterdir()) == []
