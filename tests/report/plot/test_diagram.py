"""Laws of the network diagram: what is drawn is the network, and drawing leaves no trace."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.colors import to_rgb

from splinework import KAN
from splinework.errors import ConfigError, DataError, ShapeError
from splinework.interpret.scores import attribution
from splinework.report.plot import plot
from splinework.report.plot.curves import edge_curves
from splinework.report.plot.orientation import oriented
from splinework.report.plot.style import VERMILION, new_figure

SHAPES = ([1, 1], [2, 5, 1], [2, (3, 2), 1], [10, 1], [3, 4, 4, 2], [3, (1, [2, 4]), (0, [3]), 2], [30, 10, 1])
OPTIONS = (
    {},
    {"basis": "fourier"},
    {"basis": "chebyshev"},
    {"basis": "gaussian_rbf"},
    {"degree": 0},
    {"grid_kind": "fixed", "extrapolation": "zero"},
    {"grid_kind": "learnable"},
    {"grid_kind": "normalised"},
    {"base": "none", "bias": False},
    {"input_scales": ["log", "linear"]},
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network(shape, *, masked: bool = False, dtype=torch.float64, **options) -> tuple[KAN, torch.Tensor]:
    model = KAN(shape, generator=seeded(), dtype=dtype, **options)
    if masked:
        for l, layer in enumerate(model.kan_layers):
            layer.mask.copy_((torch.rand(layer.mask.shape, generator=seeded(l)) < 0.6).to(layer.mask) * 0.7)
    return model, torch.rand(40, model.inputs, generator=seeded(7), dtype=torch.float64).to(dtype) + 0.1


def artists(ax: Axes, gid: str) -> list[Collection]:
    return [artist for artist in ax.collections if artist.get_gid() == gid]


def count(ax: Axes, gid: str) -> int:
    return sum(len(artist.get_paths()) for artist in artists(ax, gid))


def dots(ax: Axes, gid: str) -> int:
    return sum(len(artist.get_offsets()) for artist in artists(ax, gid))


def keys(model: KAN) -> list[tuple[int, int, int]]:
    return [(l, i, j) for l, layer in enumerate(model.kan_layers) for i, j in torch.nonzero(layer.mask).tolist()]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_one_box_and_one_curve_for_each_active_edge(shape, masked):
    model, x = network(shape, masked=masked)
    ax = plot(model, x)
    active = model.active_edges()
    curves = active if active <= 120 else 48
    assert count(ax, "boxes") == count(ax, "curves") == curves
    assert count(ax, "lines") == 2 * curves
    assert count(ax, "plain-lines") == active - curves


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_node_is_drawn_once_with_its_kind(shape):
    model, x = network(shape)
    ax, nodes = plot(model, x), model.config.nodes
    assert dots(ax, "inputs") == nodes[0].width
    assert dots(ax, "sums") == sum(n.sums for n in nodes[1:])
    assert dots(ax, "products") == sum(len(n.products) for n in nodes[1:])
    assert dots(ax, "factor-sums") == count(ax, "factors") == sum(sum(n.products) for n in nodes[1:])
    assert dots(ax, "idle") == 0


def test_a_node_without_edges_is_idle():
    model, x = network([3, 2, 1])
    with torch.no_grad():
        model.kan_layers[0].mask[1] = 0
    ax = plot(model, x)
    assert (dots(ax, "inputs"), dots(ax, "idle")) == (2, 1)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_curve_is_the_edge_over_the_range_of_the_data_up_to_signs_of_hidden_sums(options):
    model, x = network([2, (2, 1), 1], **options)
    ax = plot(model, x)
    (curves,) = artists(ax, "curves")
    (boxes,) = artists(ax, "boxes")
    drawn = dict(zip(keys(model), zip(curves.get_segments(), boxes.get_paths(), strict=True), strict=True))
    u, edges = model.input_scaling(x), {}
    share = torch.linspace(0, 1, 96, dtype=torch.float64)[:, None]
    for l, (layer, nodes) in enumerate(zip(model.kan_layers, model.config.nodes[1:], strict=True)):
        values = layer.edges((u.amin(0) + share * (u.amax(0) - u.amin(0))).detach()).detach().numpy()
        for i, j in torch.nonzero(layer.mask).tolist():
            segment, box = drawn.pop((l, i, j))
            low, high = box.vertices.min(0), box.vertices.max(0)
            inside = (segment - low) / (high - low)  # the curve takes the middle 80 % of its box
            np.testing.assert_allclose(inside[:, 0], 0.1 + 0.8 * share[:, 0], atol=1e-9)
            edges[l, i, j] = values[:, i, j], (inside[:, 1] - 0.1) / 0.8
        u = nodes.combine(layer(u))
    assert not drawn

    def equal(signs):
        """Whether all curves are those of the network with these signs of the two hidden sums; factors have none."""
        for (l, i, j), (curve, seen) in edges.items():
            before, after = (1, (*signs, 1, 1)[j]) if l == 0 else ((*signs, 1)[i], 1)
            wanted = after * curve[::before]
            wanted = (wanted - wanted.min()) / (wanted.max() - wanted.min()) if np.ptp(wanted) > 1e-9 else 0.5
            if not np.allclose(seen, wanted, atol=1e-6):
                return False
        return True

    assert any(equal(signs) for signs in itertools.product((1, -1), repeat=2))


def test_what_follows_a_hidden_sum_rises_with_it():
    model, x = network([2, 3, 2, 1])
    curves = edge_curves(model, x)
    turned = oriented(curves, model.config.nodes)
    for l in (1, 2):
        for n in range(model.config.nodes[l].width):
            out = (curves.layer == l) & (curves.source == n)
            rises = (turned.y[out, -1] - turned.y[out, 0]) / np.ptp(turned.y[out], axis=1)
            assert (turned.score[out] * rises).sum() >= 0
    again = oriented(turned, model.config.nodes)
    np.testing.assert_array_equal(again.y, turned.y)


@pytest.mark.parametrize("beta", [0.5, 3.0])
def test_opacity_is_tanh_of_beta_times_score(beta):
    model, x = network([3, 3, 2], masked=True)
    scores = attribution(model, x).edges
    wanted = [float(torch.tanh(beta * scores[l][i, j])) for l, i, j in keys(model)]
    ax = plot(model, x, beta=beta)
    for gid in ("boxes", "curves"):
        (artist,) = artists(ax, gid)
        np.testing.assert_allclose(artist.get_edgecolor()[:, 3], wanted, atol=1e-12)
    (lines,) = artists(ax, "lines")
    np.testing.assert_allclose(lines.get_colors()[:, 3], [*wanted, *wanted], atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_every_dtype_is_drawn(dtype):
    model, x = network([2, 3, 1], dtype=dtype)
    ax = plot(model, x)
    assert count(ax, "boxes") == 9
    assert next(model.parameters()).dtype is dtype


def test_arrays_of_another_dtype_are_taken():
    model, x = network([2, 3, 1], dtype=torch.float32)
    drawn = [artists(plot(model, data), "curves")[0].get_segments() for data in (x, x.double().numpy(), x.tolist())]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    np.testing.assert_array_equal(drawn[0], drawn[2])


def test_a_frame_is_taken_whatever_the_order_of_its_columns():
    import pandas as pd

    model, x = network([2, 3, 1], names=["a", "b"])
    frame = pd.DataFrame({"b": x[:, 1].numpy(), "idle": 0.0, "a": x[:, 0].numpy()})
    drawn = [artists(plot(model, data), "curves")[0].get_segments() for data in (x, frame)]
    np.testing.assert_array_equal(drawn[0], drawn[1])


def test_drawing_changes_neither_model_nor_randomness_nor_files_nor_pyplot(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model, x = network([2, (2, 1), 1], masked=True)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    states = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002  # the global one
    training = model.training
    plot(model, x)
    assert model.training is training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (np.random.get_state()[1] == states[1]).all()  # noqa: NPY002
    assert plt.get_fignums() == []
    assert list(tmp_path.iterdir()) == []


def test_pyplot_and_higher_layers_are_never_imported(tmp_path):
    script = """
import sys, torch, splinework as sw
assert not any(name.split(".")[0] == "matplotlib" for name in sys.modules)
model, x = sw.KAN([2, 2, 1]), torch.rand(9, 2)
sw.plot(model, x).figure.savefig("network.png")
sw.report(model, "report.html", x=x, y=x[:, 0])
high = ("matplotlib.pyplot", "splinework.train", "splinework.interpret.symbolic", "splinework.discover")
assert not [name for name in high if name in sys.modules]
"""
    source = Path(__file__).parents[3] / "src"
    subprocess.run(
        [sys.executable, "-c", script], check=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(source)}
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_boxes_do_not_overlap_and_lie_inside_the_picture(shape):
    model, x = network(shape)
    ax = plot(model, x)
    (boxes,) = artists(ax, "boxes")
    corners = np.array([[*path.vertices.min(0), *path.vertices.max(0)] for path in boxes.get_paths()])
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    assert (corners[:, :2] > [left, bottom]).all()
    assert (corners[:, 2:] < [right, top]).all()
    for a, b in itertools.combinations(corners, 2):
        assert a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1]


@pytest.mark.parametrize(
    ("shape", "names"),
    [
        ([2, 5, 1], ["semi_major_axis_km", "central_mass_kg"]),
        ([12, 1], [f"a_rather_long_name_{i}" for i in range(12)]),
        ([100, 1], None),
    ],
    ids=str,
)
def test_names_neither_overlap_nor_leave_the_picture(shape, names):
    model, x = network(shape)
    ax = plot(model, x, names=names)
    renderer = ax.figure.canvas.get_renderer()
    frame = ax.figure.bbox
    boxes = [text.get_window_extent(renderer) for text in ax.texts]
    assert len(boxes) == shape[0] + shape[-1]
    for box in boxes:
        assert box.x0 > frame.x0 - 1
        assert box.x1 < frame.x1 + 1
        assert box.y0 > frame.y0 - 1
        assert box.y1 < frame.y1 + 1
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_labels_colour_their_edges_and_are_written_once():
    model, x = network([2, 2, 1])
    ax = plot(model, x, labels={(0, 1, 0): "sin", (1, 0, 0): "x**2"})
    assert sorted(t.get_text() for t in ax.texts if t.get_gid() == "edge-label") == ["sin", "x**2"]
    coloured = (artists(ax, "boxes")[0].get_edgecolor()[:, :3] == to_rgb(VERMILION)).all(axis=1)
    assert [key for key, c in zip(keys(model), coloured, strict=True) if c] == [(0, 1, 0), (1, 0, 0)]


def test_names_are_text_and_never_mathematics():
    model, x = network([2, 1])
    ax = plot(model, x, names=["$\\frac{", "_{^"], output_names=["<b>"])
    ax.figure.canvas.draw()  # a formula that does not parse would raise
    assert {t.get_text() for t in ax.texts} == {"$\\frac{", "_{^", "<b>"}


def test_given_axes_are_drawn_on_and_returned():
    model, x = network([2, 3, 1])
    axes = new_figure(8, 3).subplots(1, 2)
    assert plot(model, x, ax=axes[1]) is axes[1]
    assert count(axes[1], "boxes") == 9
    assert not axes[0].collections


def test_the_best_formula_of_each_target_is_written_above():
    class Row:
        def __init__(self, target, text):
            self.target, self.text, self.complexity, self.rmse = target, text, 1, 0.1

    class Table:
        rows = (Row("a", "x1 + 1"), Row("b", "2*x2"), Row("a", "1.0"))

    model, x = network([2, 2], output_names=["a", "b"])
    (formulas,) = (t.get_text() for t in plot(model, x, table=Table()).texts if t.get_gid() == "formulas")
    assert formulas == "a = x1 + 1\nb = 2*x2"


def test_flat_edges_and_constant_inputs_are_drawn_flat():
    model, x = network([2, 1])
    with torch.no_grad():
        model.kan_layers[0].coefficients[0] = 0
        model.kan_layers[0].base_weight[0] = 0
    x[:, 1] = 0.3
    (curves,) = artists(plot(model, x), "curves")
    for segment in curves.get_segments():
        assert np.ptp(segment[:, 1]) == 0


def test_an_edge_that_is_not_finite_does_not_break_the_picture():
    model, x = network([2, 2, 1])
    with torch.no_grad():
        model.kan_layers[1].coefficients[0] = torch.nan
    plot(model, x).figure.canvas.draw()


def test_a_network_without_edges_is_drawn():
    model, x = network([2, 2, 1])
    with torch.no_grad():
        for layer in model.kan_layers:
            layer.mask.zero_()
    ax = plot(model, x)
    ax.figure.canvas.draw()
    assert dots(ax, "idle") == 5


def test_wrong_input_is_refused():
    model, x = network([2, 3, 1])
    with pytest.raises(ShapeError, match="2 rows"):
        plot(model, x[:1])
    with pytest.raises(ShapeError, match=r"\(rows, 2\)"):
        plot(model, x[:, :1])
    with pytest.raises(DataError, match="x1: 1"):
        plot(model, torch.where(torch.arange(40)[:, None] == 3, torch.tensor([torch.nan, 1.0]).double(), x))
    with pytest.raises(ConfigError, match="2 names"):
        plot(model, x, names=["a"])
    with pytest.raises(ConfigError, match="from 0 to 400"):
        plot(model, x, most=-1)
    with pytest.raises(ConfigError, match="attribution"):
        plot(model, x, metric="atribution")
    with pytest.raises(ShapeError, match=r"\(2, 3\), \(3, 1\)"):
        plot(model, x, metric=[np.ones((2, 3))])
    with pytest.raises(ConfigError, match="zero or above"):
        plot(model, x, metric=[-np.ones((2, 3)), np.ones((3, 1))])
    with pytest.raises(ConfigError, match="matrix of numbers"):
        plot(model, x, metric=3)
    with pytest.raises(ConfigError, match="output_names"):
        plot(model, x, output_names="y")
