"""Every kind of picture looks as it did when somebody looked at it; `tests/report/golden_pictures.py` writes them anew."""

import io
from functools import partial

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes

import splinework as sw
from splinework.report import plot
from tests.report import golden_pictures as golden

TOTAL_BYTES = 1_500_000
QUICK = ("diagram_2_1", "diagram_functions", "diagram_products", "interactions", "effect", "grids")
"""Pictures that every run of the tests looks at."""


def _marked(names, quick):
    return [pytest.param(name, marks=[] if name in quick else pytest.mark.slow) for name in names]


def test_there_is_one_picture_of_every_function_and_nothing_else():
    names = {path.stem for path in golden.FOLDER.glob("*")}
    assert names == set(golden.PICTURES)
    assert sum(path.stat().st_size for path in golden.FOLDER.glob("*")) < TOTAL_BYTES
    kinds = {name.removeprefix("plot_").removesuffix("s") for name in plot.__all__} - {"plot"}
    drawn = {name.lower().removesuffix("s") for name in names}
    assert {kind.lower() for kind in kinds} <= drawn
    assert any(name.startswith("diagram") for name in names)


@pytest.mark.parametrize("name", _marked(golden.PICTURES, QUICK))
def test_a_picture_looks_as_it_did(name):
    figure, path = golden.PICTURES[name](), golden.FOLDER / f"{name}.png"
    found = golden.difference(golden.pixels(figure), golden.opened(path), golden.letters(figure))
    assert found <= golden.MOST, f"look at it: python -m tests.report.golden_pictures {name}"
    assert golden.written(figure) + "\n" == path.with_suffix(".txt").read_text(encoding="utf-8")


def flipped(model: sw.KAN, l: int, i: int, j: int) -> None:
    """Turns a curve upside down, and what it leads to the same way, so that it alone looks different."""
    layer = model.kan_layers[l]
    layer.coefficients[i, :, j] *= -1
    layer.base_weight[i, j] *= -1


def removed(model: sw.KAN, l: int, i: int, j: int) -> None:
    model.kan_layers[l].mask[i, j] = 0


def scaled(model: sw.KAN, l: int, i: int, j: int) -> None:
    model.kan_layers[l].coefficients[i, :, j] *= 0.05
    model.kan_layers[l].base_weight[i, j] *= 0.05


def histograms(model: sw.KAN, x: torch.Tensor) -> Axes:
    return plot.plot_activations(model, x)[0]


PLANTED = {
    "a flipped curve of a small diagram": ("diagram_2_1", [2, 1], plot.plot, (flipped, 0, 0, 0)),
    "a missing edge of a small diagram": ("diagram_2_1", [2, 1], plot.plot, (removed, 0, 1, 0)),
    "a flipped curve of a wide diagram": ("diagram_5_10_5_1", [5, 10, 5, 1], plot.plot, (flipped, 2, 1, 0)),
    "a missing edge of a wide diagram": ("diagram_5_10_5_1", [5, 10, 5, 1], plot.plot, (removed, 1, 3, 2)),
    "another metric": ("diagram_variance", [2, 5, 1], partial(plot.plot, metric="spread"), (lambda model: None,)),
    "a histogram of other values": ("activations", [2, 3, 1], histograms, (scaled, 0, 0, 1)),
}
"""A picture, the shape of its network, what draws it, and what is changed before."""


@pytest.mark.parametrize("fault", _marked(PLANTED, list(PLANTED)[:2]))
def test_a_planted_fault_is_seen(fault):
    name, shape, draw, (plant, *edge) = PLANTED[fault]
    model, x = golden.network(shape), golden.rows(shape[0])
    with torch.no_grad():
        plant(model, *edge)
    figure = draw(model, x).figure
    seen, masked = golden.pixels(figure), golden.letters(figure)
    assert golden.difference(seen, golden.opened(golden.FOLDER / f"{name}.png"), masked) > golden.MOST


@pytest.mark.parametrize("name", _marked(["diagram_functions", "edges", "history", "interactions"], ["interactions"]))
def test_other_fonts_and_a_shift_of_a_pixel_are_forgiven(name):
    picture = golden.opened(golden.FOLDER / f"{name}.png")
    assert golden.difference(np.roll(picture, (1, 1), axis=(0, 1)), picture) <= golden.MOST
    with mpl.rc_context({"text.hinting": "none"}):
        other, buffer = golden.PICTURES[name](), io.BytesIO()
        other.savefig(buffer, format="png", dpi=golden.DPI)
        masked = golden.letters(other)
    assert golden.difference(golden.opened(buffer), picture, masked) <= golden.MOST
