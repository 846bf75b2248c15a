"""Pictures of the inside of a network show its numbers: density, residuals on edges, values of edges, grids."""

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError, DataError, ShapeError
from splinework.interpret.reading import off_grid
from splinework.nn.frame import Frame, FramedKAN
from splinework.nn.trace import trace
from splinework.report.plot import plot_activations, plot_edges, plot_grids


def network(shape=(2, (2, 1), 1), **options) -> tuple[sw.KAN, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    model = sw.KAN(list(shape), generator=generator, dtype=torch.float64, **options)
    model.output_scaling.set(torch.full((model.outputs,), 3.0), torch.full((model.outputs,), 2.0))
    return model, torch.rand(960, model.inputs, generator=generator, dtype=torch.float64) + 0.1


def of(ax, gid):
    return [artist for artist in (*ax.lines, *ax.patches, *ax.collections) if artist.get_gid() == gid]


def dots(ax) -> np.ndarray:
    return np.column_stack(of(ax, "residuals")[0].get_data())


@pytest.mark.parametrize("place", [(0, 1, 2), (1, 0, 0), (0, 0, 0)])
def test_dots_are_the_edge_with_which_the_residuals_would_vanish(place):
    """The targets are those of the network with one edge changed a little: its dots find the change, to first order."""
    model, x = network()
    l, i, j = place
    other = sw.KAN(model.config, dtype=torch.float64)
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        other.kan_layers[l].coefficients[i, :, j] += 1e-4 * torch.randn(8, generator=torch.Generator().manual_seed(2))
        y = other(x)
        seen, wanted = trace(model, x).layers[l], trace(other, x).layers[l]
    keys = [(n, p, q) for n, layer in enumerate(model.kan_layers) for p, q in torch.nonzero(layer.mask).tolist()]
    ax = plot_edges(model, x, y)[keys.index(place)]
    change = (wanted.edges - seen.edges)[:, i, j]
    at, values = dots(ax).T
    order = torch.argsort(seen.inputs[:, i], stable=True)
    for n, rows in enumerate(np.array_split(order.numpy(), 12)):
        low, high = float(change[rows].min()), float(change[rows].max())
        curve = np.interp(at[n], *of(ax, "curve")[0].get_data())
        assert low - 2e-6 <= values[n] - curve <= high + 2e-6
        assert abs(values[n] - curve) <= 3e-4
    assert float(change.abs().max()) > 3e-5


def test_the_error_bars_are_those_of_means_where_the_edge_leads_to_the_output():
    model, x = network((1, 1))
    noise = torch.randn(len(x), 1, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    with torch.no_grad():
        y = model(x) + 2.0 * noise  # one unit of the network is 2
    (ax,) = plot_edges(model, x, y)
    halves = [np.ptp(segment[:, 1]) / 2 for segment in of(ax, "residuals")[1].get_segments()]
    for half, rows in zip(halves, np.array_split(np.argsort(x[:, 0].numpy(), kind="stable"), 12), strict=True):
        assert half == pytest.approx(float(noise[rows].std(unbiased=False)) / np.sqrt(len(rows)))


def test_the_area_below_a_curve_is_the_density_of_the_rows():
    model, x = network((2, 1), input_scales=["log", "linear"])
    for i, ax in enumerate(plot_edges(model, x)):
        (area,) = of(ax, "density")
        heights, ends, _ = area.get_data()
        counts, _ = np.histogram(x[:, i].numpy(), bins=ends)
        assert counts.sum() == len(x)
        np.testing.assert_allclose(heights / heights.max(), counts / counts.max())
        assert (ax.get_xscale() == "log") is (i == 0)


def test_wrong_targets_are_refused():
    model, x = network()
    with pytest.raises(ShapeError, match=r"\(960, 1\)"):
        plot_edges(model, x, np.zeros(7))
    with pytest.raises(DataError, match="not finite"):
        plot_edges(model, x, np.full(960, np.nan))
    framed = FramedKAN(sw.KAN([1, 1], dtype=torch.float64), Frame(("a",), ("a",), ("y",), ("2*z1",)))
    with pytest.raises(ConfigError, match="leave y out"):
        plot_edges(framed, x[:, :1], np.zeros(960))
    with pytest.raises(ConfigError, match="attribution"):
        plot_edges(model, x, metric="none")
    with pytest.raises(ConfigError, match="from 0 to 1"):
        plot_grids(model, x, layers=[2])


def test_histograms_of_edges_count_their_values_about_their_mean_on_the_axis_of_their_sum():
    model, x = network()
    with torch.no_grad():
        model.kan_layers[0].mask[1, 0] = 0
        seen = trace(model, x)
    keys = [(l, i, j) for l, layer in enumerate(model.kan_layers) for i, j in torch.nonzero(layer.mask).tolist()]
    axes = plot_activations(model, x)
    assert len(axes) == len(keys) == model.active_edges()
    for ax, (l, i, j) in zip(axes, keys, strict=True):
        values = seen.layers[l].edges[:, i, j]
        heights, ends, _ = of(ax, "histogram")[0].get_data()
        counts, _ = np.histogram((values - values.mean()).numpy(), bins=ends)
        assert abs(counts.sum() - len(x)) <= 1
        np.testing.assert_allclose(heights, counts / counts.max(), atol=0.02)
        same = [b.get_xlim() for b, key in zip(axes, keys, strict=True) if (key[0], key[2]) == (l, j)]
        assert len(set(same)) == 1
    assert len(plot_activations(model, x, most=3)) == 3


@pytest.mark.parametrize("options", [{}, {"basis": "fourier"}, {"grid_kind": "learnable"}, {"grid_kind": "normalised"}])
def test_grids_show_knots_data_and_how_many_rows_are_outside(options):
    model, x = network((2, 3, 1), **options)
    model.input_scaling.set(torch.tensor([0.6, 0.6]), torch.tensor([0.4, 0.5]))
    axes, outside = plot_grids(model, x), off_grid(model, x).layers
    places = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]
    for ax, (l, i) in zip(axes, places, strict=True):
        layer = model.kan_layers[l]
        knots, (low, high) = (
            layer.knots()[i].detach().numpy(),
            (end[i].item() for end in layer.basis.domain(layer.knots())),
        )
        inside = knots[(knots >= low) & (knots <= high)]
        if l == 0 and layer.grid_kind != "normalised":
            inside = inside * model.input_scaling.scale[i].item() + model.input_scaling.shift[i].item()
        np.testing.assert_allclose(of(ax, "knots")[0].get_xdata(), inside, atol=1e-12)
        share = outside[l][:, i].double().mean().item()
        assert ("outside" in ax.get_title()) is (share > 0)
        assert f"{100 * share:.2g} %" in ax.get_title() or share == 0
        assert len(of(ax, "outside")) == 2
    assert len(plot_grids(model, x, layers=[1])) == 3
