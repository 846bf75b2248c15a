"""The drawn tree shows every module once, inputs at the bottom in the order of the tree, and parents above their children."""

import pytest
import torch

from splinework.errors import DataError
from splinework.interpret.structure import Structure, find_structure
from splinework.report.plot import plot_structure
from splinework.report.plot.style import new_figure


def nested():
    x = 0.3 + 0.6 * torch.rand(100, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return find_structure(lambda x: torch.sin(x[:, 0] * x[:, 1] + x[:, 2] ** 3) + x[:, 3] ** 2, x, names=list("abcd"))


def test_every_module_is_drawn_above_its_children():
    found = nested()
    ax = plot_structure(found)
    assert [text.get_text() for text in ax.texts] == ["+", "φ(+)", "φ(+)\na*b", "a", "b", "c", "d"]
    heights = [text.get_position()[1] for text in ax.texts]
    assert heights == [3, 2, 1, 0, 0, 0, 0]
    assert [text.get_position()[0] for text in ax.texts[3:]] == [0, 1, 2, 3]
    links = [line for line in ax.lines if len(line.get_xdata())]
    assert len(links) == len(list(found.tree.walk())) - 1
    for line in links:
        assert line.get_ydata()[0] > line.get_ydata()[1]
    ax.figure.canvas.draw()
    boxes = [text.get_bbox_patch().get_window_extent() for text in ax.texts]
    assert not any(one.overlaps(two) for n, one in enumerate(boxes) for two in boxes[:n])


def test_axes_that_are_given_are_drawn_in():
    ax = new_figure(3, 3).add_subplot()
    assert plot_structure(nested(), ax=ax) is ax


def test_a_constant_has_nothing_to_draw():
    with pytest.raises(DataError, match="constant"):
        plot_structure(Structure(("a",), (), None))
