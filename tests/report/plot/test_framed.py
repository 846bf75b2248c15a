"""Laws of pictures of models in frames: what is drawn is the network on what it sees."""

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.errors import DataError, ShapeError
from splinework.nn.frame import Frame, FramedKAN
from splinework.report.plot import plot, plot_edges

FRAME = Frame(("a", "b"), ("a*b", "b-a", "a"), ("y", "w"), ("2*z1", "z2+a"))


@pytest.fixture
def model() -> FramedKAN:
    return FramedKAN(sw.KAN([3, 2, 2], names=["a*b", "b-a", "a"], dtype=torch.float64), FRAME)


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(40, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def paths(ax, gid: str) -> list[np.ndarray]:
    return [p.vertices for artist in ax.collections if artist.get_gid() == gid for p in artist.get_paths()]


def test_the_picture_is_that_of_the_network_on_the_features(model, x):
    framed, bare = plot(model, x), plot(model.network, model.inside(x))
    for gid in ("boxes", "curves"):
        for one, other in zip(paths(framed, gid), paths(bare, gid), strict=True):
            assert np.ptp(one, axis=0) == pytest.approx(np.ptp(other, axis=0))
    shown = [text.get_text() for text in framed.texts]
    assert {"a*b", "b-a", "a"} <= set(shown)
    assert "y = 2*z1" in "\n".join(shown)


def test_labels_may_be_given_and_a_table_takes_the_place_of_the_answers(model, x):
    shown = [text.get_text() for text in plot(model, x, names=["p", "q", "r"], output_names=["s", "t"]).texts]
    assert {"p", "q", "r", "s", "t"} <= set(shown)


def test_edges_are_those_of_the_network(model, x):
    framed, bare = plot_edges(model, x), plot_edges(model.network, model.inside(x))
    for one, other in zip(framed, bare, strict=True):
        assert np.array_equal(one.lines[0].get_xydata(), other.lines[0].get_xydata())


def test_rows_that_do_not_fit_are_refused(model, x):
    with pytest.raises(ShapeError):
        plot(model, x[:, :1])
    with pytest.raises(DataError):
        plot(model, torch.full_like(x, torch.nan))
