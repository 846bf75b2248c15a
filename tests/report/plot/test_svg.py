"""Laws of figures inside a page: well-formed, the same each time, nothing from outside, nothing twice."""

import re
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest
import torch

from splinework import KAN
from splinework.report.plot import plot, plot_fit, plot_history
from splinework.report.plot.svg import COLOURS, svg

HOSTILE = '"/></svg><script>alert(1)</script> id="x" $&amp; 色 \x07'


def figures(name: str = HOSTILE):
    model = KAN([2, (2, 1), 1], generator=torch.Generator().manual_seed(0))
    x = torch.rand(30, 2, generator=torch.Generator().manual_seed(1))
    yield plot(model, x, names=[name, "b"], labels={(0, 0, 0): name}).figure
    yield plot_fit(np.arange(1.0, 9), np.arange(1.0, 9), name=name, scale="log").figure


@pytest.mark.parametrize("which", [0, 1])
def test_a_figure_is_well_formed_and_needs_nothing_else(which):
    text = svg(list(figures())[which], "net")
    root = ET.fromstring(text)
    assert root.tag == "svg"
    assert "http" not in text
    assert "script" not in {element.tag for element in root.iter()}
    assert any("<script>alert(1)" in (element.text or "") for element in root.iter("text"))
    held = {element.get("id") for element in root.iter() if element.get("id")}
    assert all(identifier.startswith("net-") for identifier in held)
    wanted = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text))
    assert {a or b for a, b in wanted} <= held


@pytest.mark.quick(1)
@pytest.mark.parametrize("which", [0, 1])
def test_the_same_figure_gives_the_same_text(which):
    first, second = (svg(list(figures())[which], "net") for _ in range(2))
    assert first == second
    other = svg(list(figures())[which], "other")
    assert not set(re.findall(r'id="([^"]+)"', first)) & set(re.findall(r'id="([^"]+)"', other))


def test_colours_are_left_to_the_page():
    text = svg(next(figures("a")), "net")
    bare = re.sub(r"var\(--[a-z]+, #[0-9a-f]{6}\)", "", text)
    assert not [colour for colour in COLOURS if colour in bare]


def test_settings_of_matplotlib_are_as_they_were():
    before = dict(matplotlib.rcParams)
    svg(next(figures()), "net")
    assert dict(matplotlib.rcParams) == before


def test_a_history_is_drawn_too():
    class Step:
        number, stage, rmse_train, rmse_validation, seconds = 1, HOSTILE, 1.0, 2.0, 0.0

    class History:
        steps = (Step(), Step())
        notes = ()

    ET.fromstring(svg(plot_history(History()).figure, "h"))
