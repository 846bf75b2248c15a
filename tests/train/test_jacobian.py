"""The exact Jacobian, against torch's."""

import pytest
import torch

from splinework.nn.layer import GRID_KINDS
from splinework.train.jacobian import (
    MIN_SCATTER_PARAMETERS,
    MIN_SCATTER_RATIO,
    Linearisation,
    ParameterVector,
    linearise,
)
from tests.contracts.cases import normal, relative_distance
from tests.interpret.edit.cases import BASES
from tests.train.cases import SHAPES, thinned

every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
every_kind = pytest.mark.parametrize("grid_kind", GRID_KINDS)


def check(model, x):
    parameters = ParameterVector.of(model)
    vector = parameters.read(model)

    def outputs(values: torch.Tensor) -> torch.Tensor:
        """The network as a function of one vector, by way of its own parameters."""
        tensors, start = {}, 0
        for l, (layer, (i, j)) in enumerate(zip(model.kan_layers, parameters.edges, strict=True)):
            size = layer.basis.size
            width = size + (layer.base_weight is not None)
            edges = values[start : start + len(i) * width].reshape(len(i), width)
            start += len(i) * width
            weight = (layer.spline_weight * layer.mask)[i, j].detach()
            tensors[f"layers.{l}.coefficients"] = layer.coefficients.detach().index_put(
                (i[:, None], torch.arange(size), j[:, None]), edges[:, :size] / weight[:, None]
            )
            if layer.base_weight is not None:
                scale = layer.mask[i, j]
                tensors[f"layers.{l}.base_weight"] = layer.base_weight.detach().index_put(
                    (i, j), edges[:, size] / scale
                )
            if layer.bias is not None:
                tensors[f"layers.{l}.bias"] = values[start : start + layer.outputs]
                start += layer.outputs
        assert start == len(values)
        return torch.func.functional_call(model, tensors, (x,))

    value, jacobian = linearise(model, parameters, x)
    assert relative_distance(value, model(x)) <= 1e-12
    assert relative_distance(jacobian, torch.func.jacrev(outputs)(vector)) <= 1e-12
    assert not jacobian.requires_grad


@every_kind
@every_shape
def test_what_is_written_is_read_and_nothing_else_changes(shape, grid_kind):
    model = thinned(shape, grid_kind=grid_kind)
    parameters, x = ParameterVector.of(model), normal(9, 2)
    masks, before = [layer.mask.clone() for layer in model.kan_layers], model(x)
    vector = parameters.read(model)
    dead = model.kan_layers[0].coefficients[0, :, 0].clone()
    parameters.write(model, vector)
    assert relative_distance(model(x), before) <= 1e-13
    other = normal(len(vector), seed=5)
    parameters.write(model, other)
    assert relative_distance(parameters.read(model), other) <= 1e-14
    assert all(torch.equal(layer.mask, mask) for layer, mask in zip(model.kan_layers, masks, strict=True))
    assert len(vector) == sum(
        int((layer.mask != 0).sum()) * (layer.basis.size + 1) + layer.outputs for layer in model.kan_layers
    )
    if len(shape) > 2:
        model.kan_layers[0].mask[0, 0] = 1.0  # a dead edge comes back as what it was, or as nothing
        assert model.kan_layers[0].coefficients[0, :, 0].abs().max() <= dead.abs().max() + 1e-12


def test_an_edge_whose_spline_weight_is_zero_can_still_be_written():
    model = thinned([2, 1])
    with torch.no_grad():
        model.kan_layers[0].spline_weight.zero_()
    parameters = ParameterVector.of(model)
    target = normal(len(parameters.read(model)), seed=2)
    parameters.write(model, target)
    assert relative_distance(parameters.read(model), target) <= 1e-14


# ------------------------------------------------------------------------------------------- without the matrix


def roots(rows, outputs):
    """Weights that mix nothing, and some that mix the outputs of a row."""
    yield normal(rows, outputs, seed=7).abs()
    yield normal(rows, outputs, outputs, seed=8)


def check_products(model, x):
    parameters = ParameterVector.of(model)
    here = Linearisation(model, parameters, x)
    dense = here.dense()
    size = dense.shape[2]
    v, g = normal(size, seed=4), normal(*here.outputs.shape, seed=5)
    assert relative_distance(here.times(v), dense @ v) <= 1e-12
    assert relative_distance(here.transposed(g), torch.einsum("nop,no->p", dense, g)) <= 1e-12
    for root in (None, *roots(*here.outputs.shape)):
        weighed = here if root is None else here.weighed(root)
        rows = dense
        if root is not None:
            rows = dense * root[..., None] if root.dim() == 2 else root @ dense
        square = torch.einsum("nop,noq->pq", rows, rows)
        gram = square.new_zeros(size, size)
        weighed.gram(gram, weighed.dense())
        assert relative_distance(weighed.dense(), rows) <= 1e-12
        assert relative_distance(gram, square) <= 1e-12
        assert relative_distance(weighed.squared_lengths(), square.diagonal()) <= 1e-12
        for own, blocks in weighed.squares():
            whole = square[own, own].unflatten(1, (len(blocks), -1)).unflatten(0, (len(blocks), -1))
            assert relative_distance(blocks, torch.diagonal(whole, dim1=0, dim2=2).permute(2, 0, 1)) <= 1e-12
        part = Linearisation(model, parameters, x[::3]) if root is None else None
        for some, every in zip(part.squares(), here.squares(3), strict=True) if part else ():
            assert relative_distance(every[1], 3 * some[1]) <= 1e-12


every_law = pytest.mark.parametrize("law", [check, check_products])


@every_law
@every_kind
@every_shape
def test_it_and_its_products_are_torch_s_for_every_grid_kind_product_nodes_several_outputs_and_masks(
    shape, grid_kind, law
):
    law(thinned(shape, grid_kind=grid_kind), 1.5 * normal(11, 2, seed=3))


@every_law
@pytest.mark.parametrize("extrapolation", ["linear", "constant", "zero"])
@pytest.mark.parametrize("basis", BASES)
def test_and_for_every_basis_and_tail(basis, extrapolation, law):
    law(thinned([2, 3, 1], basis=basis, extrapolation=extrapolation), 1.5 * normal(11, 2, seed=3))


@every_law
@pytest.mark.parametrize(
    "options", [{"base": "none"}, {"bias": False}, {"base": "none", "bias": False}, {"degree": 1}], ids=str
)
def test_and_with_parts_missing(options, law):
    law(thinned([2, (1, 1), 1], **options), normal(11, 2, seed=3))


@pytest.mark.parametrize("base", ["silu", "none"])
@every_shape
def test_and_so_are_they_where_few_splines_of_many_are_active(shape, base):
    model = thinned(shape, grid=70, base=base)
    assert len(ParameterVector.of(model).read(model)) >= MIN_SCATTER_PARAMETERS
    assert model.kan_layers[0].table().size > MIN_SCATTER_RATIO * 6
    check_products(model, 1.2 * normal(60, 2, seed=3))


def test_an_even_grid_is_not_asked_of_them():
    model = thinned([2, 3, 1], grid=8)
    for k, layer in enumerate(model.kan_layers):
        sample = normal(60, layer.inputs, seed=k).exp()
        grid = layer.basis.adapt_grid(sample, sample.amin(0), sample.amax(0), 0.0)
        layer.replace_grid(layer.basis, grid, layer.edge_coefficients().detach())
    check_products(model, 1.5 * normal(60, 2, seed=3))
