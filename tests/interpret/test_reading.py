"""The parts of an edge, and the rows that leave the grids."""

import pytest
import torch

from splinework.errors import ConfigError
from splinework.interpret.reading import edge_parts, off_grid
from splinework.nn.edge_functions import EdgeFunction
from splinework.nn.frame import Frame, FramedKAN
from splinework.nn.layer import GRID_KINDS
from splinework.nn.trace import trace
from splinework.splines.bases import activation
from tests.contracts.cases import normal, relative_distance
from tests.nn.test_network import SHAPES, network


@pytest.mark.parametrize("base", ["silu", "identity", "none"])
@pytest.mark.parametrize("grid_kind", GRID_KINDS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_base_and_spline_add_up_to_the_edge(shape, grid_kind, base):
    model, x = network(shape, grid_kind=grid_kind, base=base), normal(9, shape[0])
    record = trace(model, x)
    for l, layer in enumerate(model.kan_layers):
        for i, j in ((0, 0), (layer.inputs - 1, layer.outputs - 1)):
            seen, value = record.edge(l, i, j)
            parts = edge_parts(model, x, (l, i, j))
            assert relative_distance(parts.output, value) <= 1e-12
            assert relative_distance(parts.input, seen) <= 1e-12
            if base == "none":
                assert not parts.base.any()
            else:
                values = activation(base).derivative(
                    layer.squash(parts.input[:, None].expand(-1, layer.inputs))[:, i], 0
                )
                whole = layer.base_weight[i, j] * values
                inside = off_grid(model, x).layers[l][:, i].logical_not()
                assert relative_distance(parts.base[inside], whole[inside]) <= 1e-12


@pytest.mark.parametrize("edge", [(2, 0, 0), (0, 7, 0), (0, 0, 9), (-3, 0, 0)])
def test_an_edge_that_does_not_exist_is_refused_with_those_that_do(edge):
    model, x = network([2, 3, 1]), normal(4, 2)
    with pytest.raises(ConfigError, match=r"layer 0 \(0, 0\) to \(1, 2\); layer 1 \(0, 0\) to \(2, 0\)"):
        trace(model, x).edge(*edge)
    with pytest.raises(ConfigError, match="2 × 3, 3 × 1 edges"):
        edge_parts(model, x, edge)


def test_an_edge_that_is_a_function_has_that_as_its_part():
    model, x = network([2, 3, 1]), normal(20, 2)
    model.kan_layers[0].set_functions([EdgeFunction.of("sin(2*u)", 1, 2)])
    parts = edge_parts(model, x, ("x2", "h3"))
    assert relative_distance(parts.function, torch.sin(2 * parts.input)) <= 1e-12
    assert not parts.base.any()
    assert not parts.spline.any()
    assert relative_distance(parts.output, trace(model, x).edge(0, 1, 2)[1]) <= 1e-12
    assert not edge_parts(model, x, ("x1", "h3")).function.any()


def test_rows_off_the_grid_are_found_in_every_layer():
    model = network([2, 3, 1])
    x = 2 * normal(200, 2)
    found = off_grid(model, x)
    u = x
    for layer, outside in zip(model.kan_layers, found.layers, strict=True):
        low, high = layer.basis.domain(layer.grid)
        assert torch.equal(outside, (u < low - 1e-5) | (u > high + 1e-5))
        u = layer(u)
    assert torch.equal(found.rows, found.layers[0].any(1) | found.layers[1].any(1))
    assert f"{int(found.rows.sum())} of 200 rows" in str(found)
    assert f"x1 in {int(found.layers[0][:, 0].sum())}" in str(found)


def test_rows_inside_stay_and_a_masked_input_does_not_count():
    model = network([2, 1])
    with torch.no_grad():
        model.kan_layers[0].mask[1] = 0.0
    x = torch.tensor([[0.5, 9.0], [-1.0, 9.0]], dtype=torch.float64)
    assert str(off_grid(model, x)) == "All 2 rows stay on the grids."
    framed = FramedKAN(network([1, 1]), Frame(("a", "b"), ("a*b",)))
    assert off_grid(framed, [[1.0, 0.5], [1.0, 3.0]]).rows.tolist() == [False, True]
