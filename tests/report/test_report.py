"""Laws of the report: valid HTML that needs nothing else, trusts no name, is written whole or not at all."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import numpy as np
import pytest
import sympy
import torch

from splinework import KAN
from splinework.errors import ConfigError, DataError, FileError, ShapeError
from splinework.report import report

HOSTILE = "\"'><script>alert('x')</script><img src=x onerror=alert(1)> ${title} \x00\ud800"
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
SECTIONS = ["formula", "figures", "data", "network", "learning", "fit"]
SECTIONS += ["residuals", "formulas", "edges", "notes", "use", "versions"]  # in this order


@dataclass(frozen=True)
class Step:
    number: int
    stage: str
    rmse_train: float
    rmse_validation: float = float("nan")
    seconds: float = 1.5


@dataclass(frozen=True)
class History:
    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ("ended: converged",)


@dataclass(frozen=True)
class Formula:
    target: str
    expression: sympy.Expr
    complexity: int
    rmse: float
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return str(self.expression)

    def sympy(self) -> sympy.Expr:
        return self.expression


@dataclass(frozen=True)
class Table:
    rows: tuple[Formula, ...]
    notes: tuple[str, ...] = ("sin was taken for one edge",)


@dataclass
class Page(HTMLParser):
    """Reads a page and keeps what the laws ask for; refuses tags that do not match."""

    text: str
    open: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    sections: list[str] = field(default_factory=list)

    def __post_init__(self):
        super().__init__()
        self.feed(self.text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, names)
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag == "section":
            self.sections.append(dict(attrs)["id"])

    def handle_endtag(self, tag):
        assert self.open[-1:] == [tag]
        self.open.pop()

    def handle_data(self, data):
        self.words.append(data)

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.attributes if key == name]


def network(shape=(2, (2, 1), 1), **options):
    generator = torch.Generator().manual_seed(0)
    model = KAN(list(shape), generator=generator, dtype=torch.float64, **options)
    x = torch.rand(80, model.inputs, generator=generator, dtype=torch.float64) + 0.1
    with torch.no_grad():
        y = model(x) * (1 + 0.01 * torch.rand(80, model.outputs, generator=generator, dtype=torch.float64))
    return model, x, y


def everything(name: str = "b", target: str = "y") -> tuple[KAN, dict]:
    model, x, y = network(names=["a", name], output_names=[target])
    a, b = sympy.Symbol("a"), sympy.Symbol(name)
    spline = sympy.Function(name.split("\x00")[0])  # sympy allows no more
    rows = (
        Formula(target, sympy.exp(1.23456789 * a) + sympy.sqrt(b) * spline(a), 7, 1e-3, (name,)),
        Formula(target, sympy.Float(0.5) * a, 2, 0.2),
    )
    given = {
        "x": x[:60],
        "y": y[:60],
        "test": (x[60:], y[60:]),
        "table": Table(rows, (name,)),
        "history": History(tuple(Step(n, name, 1 / n, 2 / n) for n in range(1, 9)), (name,)),
        "notes": [name],
        "title": name,
        "metrics": {"seed": 3, "rmse_test": 0.125},
    }
    return model, given


def page(path) -> Page:
    return Page(path.read_text("utf-8"))


def test_a_full_report_has_every_section_in_order_and_is_valid(tmp_path):
    model, given = everything()
    read = page(report(model, tmp_path / "r.html", **given))
    assert read.sections == SECTIONS
    assert read.values("href")[: len(SECTIONS)] == [f"#{name}" for name in SECTIONS]
    identifiers = read.values("id")
    assert len(identifiers) == len(set(identifiers))
    inner = [value[1:] for value in read.values("href")] + re.findall(r"url\(#([^)]+)\)", read.text)
    assert set(inner) | set(read.values("aria-labelledby")) <= set(identifiers)
    assert (read.tags.count("h1"), read.tags.count("main"), read.tags.count("math")) == (1, 1, 1)


def test_a_report_needs_nothing_from_outside(tmp_path):
    model, given = everything()
    read = page(report(model, tmp_path / "r.html", **given))
    assert not re.search(r"https?:|//[a-z]", read.text.replace("// The page", ""))
    assert not {"link", "img", "iframe", "object", "embed", "base"} & set(read.tags)
    assert not read.values("src")
    assert "@import" not in read.text


def test_the_only_script_is_ours_and_the_policy_allows_no_other(tmp_path):
    model, given = everything(HOSTILE, "t" + HOSTILE)
    read = page(report(model, tmp_path / "r.html", **given))
    assert read.tags.count("script") == 1
    (script,) = re.findall(r"<script>(.*?)</script>", read.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = [value for value in read.values("content") if "default-src" in value]
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy


def test_hostile_names_are_text_wherever_they_appear(tmp_path):
    tame, given = everything()
    harmless = page(report(tame, tmp_path / "tame.html", **given))
    model, given = everything(HOSTILE, "t" + HOSTILE)
    read = page(report(model, tmp_path / "r.html", **given))
    assert set(read.tags) <= set(harmless.tags)
    assert {name for name, _ in read.attributes} <= {name for name, _ in harmless.attributes}
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    assert sum("<script>alert('x')</script>" in words for words in read.words) > 10
    assert "\x00" not in read.text


def test_pictures_and_tables_are_described(tmp_path):
    model, given = everything()
    text = report(model, tmp_path / "r.html", **given).read_text("utf-8")
    drawings = re.findall(r"<svg [^>]*>", text)
    assert len(drawings) > 8
    assert all('role="img"' in tag and re.search(r'aria-label="[^"]+"', tag) for tag in drawings)
    assert text.count("<table>") == text.count("<caption>") >= 4
    assert all("scope=" in tag for tag in re.findall(r"<th [^>]*>|<th>", text))


def test_the_same_arguments_give_the_same_bytes(tmp_path):
    contents = set()
    for name in ("a.html", "b.html"):
        model, given = everything()
        contents.add(report(model, tmp_path / name, **given).read_bytes())
    assert len(contents) == 1


def test_what_is_not_given_is_left_out(tmp_path):
    model, given = everything()
    path = tmp_path / "r.html"
    bare = {"figures", "use", "versions"}
    assert set(page(report(model, path)).sections) == bare
    assert set(page(report(model, path, x=given["x"])).sections) == bare | {"data", "network", "edges"}
    assert set(page(report(model, path, history=given["history"])).sections) == bare | {"learning"}
    assert set(page(report(model, path, table=Table(given["table"].rows, ()))).sections) == bare | {
        "formula",
        "formulas",
    }
    assert set(page(report(model, path, test=given["test"])).sections) == bare | {"fit", "residuals"}
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
        ([3, 4, 4, 2], {"basis": "chebyshev"}),
        ([10, 1], {"grid_kind": "normalised"}),
        ([30, 15, 1], {}),
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
