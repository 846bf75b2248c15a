"""Laws of what the diagram shows of edges: their metric, which of many have curves, and functions with their names."""

import numpy as np
import pytest
import torch

from splinework.interpret.edit import fix
from splinework.interpret.importance import ablation_scores
from splinework.nn.edge_functions import EdgeFunction
from splinework.nn.trace import trace
from splinework.report.plot import plot
from splinework.report.plot.curves import edge_curves
from splinework.report.plot.metrics import edge_scores
from splinework.report.plot.orientation import functions_of, oriented
from tests.report.plot.test_diagram import artists, count, keys, network


@pytest.mark.parametrize("metric", ["variance", "spread", "gain"])
def test_a_metric_is_what_it_says(metric):
    model, x = network([3, (2, 1), 2])
    with torch.no_grad():
        model.kan_layers[1].mask[0] = 0  # what leads to the first hidden sum leads nowhere
        seen = trace(model, x)
    found = edge_scores(model, x, metric)
    for l, (layer, score) in enumerate(zip(seen.layers, found, strict=True)):
        spread = layer.edges.std(0)
        if metric == "gain":
            spread = spread / layer.inputs.std(0)[:, None]  # every input varies
        if metric == "variance":
            assert torch.allclose(score, ablation_scores(model, x).edges[l] ** 2)
            assert l == 1 or float(score[:, 0].max()) < 1e-20 < float(score.max())
        else:
            assert torch.allclose(score, spread / spread.max())
    boxes = artists(plot(model, x, metric=metric), "boxes")[0]
    wanted = [float(torch.tanh(3 * found[l][i, j])) for l, i, j in keys(model)]
    np.testing.assert_allclose(boxes.get_edgecolor()[:, 3], wanted, atol=1e-12)


def test_own_matrices_are_a_metric_and_may_be_of_any_kind():
    model, x = network([2, 3, 1])
    own = [np.arange(6).reshape(2, 3), [[0], [1], [12]]]
    boxes = artists(plot(model, x, metric=own), "boxes")[0]
    wanted = np.tanh(3 * np.array([*range(6), 0, 1, 12]) / 12)
    np.testing.assert_allclose(boxes.get_edgecolor()[:, 3], wanted, atol=1e-12)


@pytest.mark.parametrize(
    ("names", "signs"), [(["sin", "exp"], (-1, 1)), (["x^2", "exp"], (-1, 1)), (["sin", "x^2"], (1, -1))]
)
def test_functions_look_like_what_they_are_called_unless_their_numbers_are_written(names, signs):
    """A hidden sum whose sign is changed on both sides changes the model and no picture."""
    model, x = network([1, 1, 1])
    edges = []
    for l, (name, sign) in enumerate(zip(names, signs, strict=True)):
        numbers = (1.0, 0.0, sign, 0.0) if l == 0 else (signs[0], 0.0, 1.0, 0.0)
        edges.append(EdgeFunction.of({"x^2": "u**2"}.get(name, f"{name}(u)"), 0, 0, name=name, numbers=numbers))
        model.kan_layers[l].mask.zero_()
        model.kan_layers[l].set_functions([edges[-1]])
    turned = oriented(edge_curves(model, x), model.config.nodes, functions_of(model))
    assert np.all(np.diff(turned.y[0]) > 0)  # sin and u² rise on (0, 1)
    asis = oriented(edge_curves(model, x), model.config.nodes, functions_of(model), numbers=True)
    np.testing.assert_array_equal(asis.y, edge_curves(model, x).y)


def test_formulas_are_written_in_the_names_of_their_inputs():
    model, x = network([1, 1, 1], names=["angle"])
    for l, layer in enumerate(model.kan_layers):
        layer.mask.zero_()
        layer.set_functions([EdgeFunction.of("sin(u)", 0, 0, name="sin", numbers=(2.0, 0.0, 1.5 - l, 0.0))])
    labels = [
        t.get_text().replace("\n", "") for t in plot(model, x, formulas=True).texts if t.get_gid() == "edge-label"
    ]
    assert labels == ["1.5*sin(2.0*angle)", "0.5*sin(2.0*h1)"]


@pytest.mark.parametrize("most", [0, 7, None])
def test_many_edges_are_lines_but_for_the_strongest_of_which_each_layer_has_some(most):
    model, x = network([20, 20, 5])
    ax, scores = plot(model, x, most=most), edge_curves(model, x).score
    wanted = 48 if most is None else most
    assert (count(ax, "boxes"), count(ax, "plain-lines")) == (wanted, 500 - wanted)
    (word,) = (text.get_text() for text in ax.texts if text.get_gid() == "rest")
    assert word.startswith("500 edges, without" if most == 0 else f"{wanted} of 500 edges have curves")
    if most is None:
        boxes = artists(ax, "boxes")[0]
        heights = np.array([path.vertices[:, 1].mean() for path in boxes.get_paths()])
        below = heights < np.mean([y for _, y in artists(ax, "sums")[0].get_offsets()][:20])
        assert below.sum() >= 12
        drawn = boxes.get_edgecolor()[:, 3]
        assert np.isclose(drawn.max(), np.tanh(3 * scores.max()))
        assert word.endswith(
            f"at most {np.arctanh(artists(ax, 'plain-lines')[0].get_colors()[:, 3].max() / 0.5) / 3:.2g}"
        )


def test_functions_have_curves_first():
    model, x = network([20, 20, 5])
    model = fix(model, (0, 3, 4), "sin", x=x)
    labels = [t.get_text() for t in plot(model, x, most=1).texts if t.get_gid() == "edge-label"]
    assert labels == ["sin"]
