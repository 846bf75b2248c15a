"""Laws of the report of an artefact: valid HTML that needs nothing else, the same figures in JSON, and no name trusted."""

import json
import math
import re

import numpy as np
import pytest

from splinework.errors import ConfigError, DataError, FileError
from splinework.hardware.report_facts import REQUIRED
from splinework.hardware.report_page import (
    WORDS,
    ArtefactReport,
    PowerEstimate,
    ReportCheck,
    ReportPicture,
    ReportTable,
    report_html,
    shown,
    write_report,
)
from splinework.hardware.report_pictures import plot_front, tables_of
from tests.families import every
from tests.hardware.cases import random_model
from tests.report.pages import HOSTILE, Page, page

FPGA = [
    "accuracy_float", "accuracy_quantised", "vectors", "mismatches", "neurons", "neurons_proven", "luts", "luts_estimated",
    "flipflops", "latency_cycles", "fmax_mhz", "tools",
]  # fmt: skip
SECTIONS = [
    "figures", "verification", "warnings", "resources", "power", "pictures", "tables", "use", "notes", "versions",
]  # fmt: skip


def figures(kind: str, metric: str = "accuracy") -> dict:
    """All figures of a kind; numbers are their places."""
    names = [name.replace("METRIC", metric) for name in REQUIRED[kind]]
    values = {name: k + 1 for k, name in enumerate(names)} | {"mismatches": 0, "tools": {"a": "1.0"}}
    return {name: values[name] for name in names}


def full(kind: str = "fpga", word: str = "plain", **more) -> ArtefactReport:
    """A report with everything."""
    front = plot_front([(57, 97.4), (40, 96.0), (90, 97.0)], chosen=0)
    return ArtefactReport(
        word,
        kind,
        figures(kind) | {"instructions": {"cortex-m3": 123.4, word: 1234.5}, "tools": {word: word}},
        lead=word,
        checks=(ReportCheck(word, word, True),),
        power=PowerEstimate(4.2e-6, word),
        tables=(ReportTable(word, (word, "mean"), ((word, 0.5), (0.0, None))),),
        pictures=(*tables_of(random_model(1, (2, 3, 1))), ReportPicture(front.figure, word, word)),
        usage=((word, word),),
        warnings=(word,),
        notes=(word,),
        **more,
    )


@pytest.mark.parametrize("kind", list(REQUIRED))
def test_a_page_has_every_section_in_order_is_valid_and_needs_nothing(kind, tmp_path):
    read = page(write_report(tmp_path, full(kind)))
    assert read.sections == SECTIONS
    identifiers = read.values("id")
    assert len(identifiers) == len(set(identifiers))
    assert set(read.values("aria-labelledby")) <= set(identifiers)
    assert not re.search(r"https?:|//[a-z]", read.text.replace("http://www.w3.org/2000/svg", ""))
    assert not {"link", "img", "iframe", "object", "embed", "base"} & set(read.tags)
    assert (read.tags.count("h1"), read.tags.count("main"), read.tags.count("script")) == (1, 1, 1)
    drawings = re.findall(r"<svg [^>]*>", read.text)
    assert len(drawings) == 3
    assert all('role="img"' in tag and re.search(r'aria-label="[^"]+"', tag) for tag in drawings)
    assert read.tags.count("table") == read.tags.count("caption") == 4
    assert "" not in re.findall(r"<th [^>]*>(.*?)</th>", read.text)


@pytest.mark.parametrize("metric", ["accuracy", "rmse"])
def test_the_json_of_an_fpga_has_these_names_in_this_order(metric, tmp_path):
    report = ArtefactReport("a", "fpga", figures("fpga", metric))
    write_report(tmp_path, report)
    found = json.loads((tmp_path / "report.json").read_text())
    assert list(found) == [name.replace("accuracy", metric) for name in FPGA]
    assert found == dict(report.figures)


def test_the_json_holds_what_the_page_says(tmp_path):
    report = full("mcu")
    write_report(tmp_path, report)
    found = json.loads((tmp_path / "report.json").read_text())
    assert {name: found[name] for name in report.figures} == dict(report.figures)
    assert found["power"] == {"watts": 4.2e-6, "formula": "plain"}
    assert found["checks"] == [{"what": "plain", "result": "plain", "passed": True}]
    assert found["warnings"] == found["notes"] == ["plain"]


def test_every_figure_with_a_word_is_on_the_page():
    values = {name: 1000 + k for k, name in enumerate(WORDS)} | {"mismatches": 0, "tools": {}}
    text = report_html(ArtefactReport("a", "mcu", values))
    for name, word in WORDS.items():
        assert f">{word.label}<" in text
        if not word.unit:
            assert f">{values[name]:,}<".replace(",", " ") in text


def test_figures_that_could_not_be_had_are_left_out(tmp_path):
    values = figures("fpga") | {"fmax_mhz": None, "accuracy_quantised": None}
    read = page(write_report(tmp_path, ArtefactReport("a", "fpga", values)))
    words = " ".join(read.words)
    assert "maximum clock" not in words
    assert "accuracy, quantised" not in words
    assert json.loads((tmp_path / "report.json").read_text())["fmax_mhz"] is None


def test_the_outcome_comes_first():
    good = report_html(full())
    assert "refusal" not in re.sub(r"<style>.*?</style>", "", good, flags=re.DOTALL)
    checks = (ReportCheck("simulation", "3 of 10 vectors differ", False), ReportCheck("proof", "7 of 7", True))
    bad = ArtefactReport("a", "mcu", figures("mcu") | {"mismatches": 3}, checks=checks)
    assert not bad.passed
    body = report_html(bad).split("</style>")[1]
    assert body.index("Failed: simulation.") < body.index("<nav")
    assert "FAILED" in body
    nothing = ArtefactReport("a", "mcu", figures("mcu"))
    assert not nothing.passed
    assert "Nothing was verified." in report_html(nothing)


@pytest.mark.slow
def test_hostile_names_are_text():
    harmless, read = Page(report_html(full())), Page(report_html(full(word=HOSTILE)))
    assert set(read.tags) <= set(harmless.tags)
    assert {name for name, _ in read.attributes} <= {name for name, _ in harmless.attributes}
    assert sum("<script>alert('x')</script>" in words for words in read.words) > 10


@pytest.mark.slow
def test_the_same_report_gives_the_same_bytes():
    assert report_html(full()) == report_html(full())


@every("name", FPGA)
def test_a_missing_figure_is_refused_by_name(name):
    values = figures("fpga")
    del values[name]
    with pytest.raises(ConfigError, match=f"missing: {name}"):
        ArtefactReport("a", "fpga", values)


def test_figures_that_are_none_are_refused(tmp_path):
    for value in (math.nan, math.inf, np.float32(1), {1, 2}):
        with pytest.raises(ConfigError, match="JSON values"):
            ArtefactReport("a", "mcu", figures("mcu") | {"flash": value})
    with pytest.raises(ConfigError, match="kind fpga, mcu, analog"):
        ArtefactReport("a", "asic", {})
    with pytest.raises(ConfigError, match="checks are not figures"):
        ArtefactReport("a", "mcu", figures("mcu") | {"checks": 1})
    with pytest.raises(ConfigError, match="2 mismatches, but all checks passed"):
        ArtefactReport("a", "mcu", figures("mcu") | {"mismatches": 2}, checks=(ReportCheck("a", "b", True),))
    with pytest.raises(ConfigError, match="2 columns"):
        ArtefactReport("a", "mcu", figures("mcu"), tables=(ReportTable("t", ("a", "b"), (("1",),)),))
    with pytest.raises(FileError, match="no folder"):
        write_report(tmp_path / "none", ArtefactReport("a", "mcu", figures("mcu")))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.5, "%", "50 %"), (2e-9, "s", "2 ns"), (0.0, "W", "0 W"), (1234.6, "", "1 235"), (-12345, "", "−12 345")],
)
def test_numbers_are_written_with_their_units(value, unit, text):
    assert shown(value, unit) == text


def test_pictures_show_what_they_are_given():
    model = random_model(3, (13, 6, 2), density=1.0)
    pictures = tables_of(model, most=10)
    assert len(pictures) == 2
    assert [sum(ax.axison for ax in p.figure.axes) for p in pictures] == [10, 10]
    assert "the 10 of 78" in pictures[0].caption
    drawn = next(ax for ax in tables_of(random_model(1, (1, 1)))[0].figure.axes).lines[0].get_ydata()
    assert np.array_equal(drawn, random_model(1, (1, 1)).layers[0].tables[0][:, 0])
    points = [(3.0, 5.0), (1.0, 9.0), (2.0, 9.5), (4.0, 4.0)]
    for better, expected in (("less", [(1, 9), (3, 5), (4, 4)]), ("more", [(1, 9), (2, 9.5)])):
        line = next(x for x in plot_front(points, better=better).lines if x.get_gid() == "front")
        assert [tuple(p) for p in np.transpose(line.get_data())] == expected
    with pytest.raises(DataError):
        plot_front([])
