"""One layer of edges: the paper's formula, its grids, its start, and its manners as a module."""

import copy
import pickle

import numpy as np
import pytest
import scipy.interpolate
import torch

from splinework.errors import ConfigError, DtypeError, ShapeError
from splinework.nn.layer import GRID_KINDS, KANLayer
from splinework.splines.bases import BSpline, Chebyshev
from tests.contracts.cases import RECIPES, every_recipe, normal, relative_distance, seeded, table_oracle
from tests.families import every, raising
from tests.nn.convolution_cases import DOUBLE, randomised

every_kind = pytest.mark.parametrize("grid_kind", GRID_KINDS)
# A learnable grid needs knots.
FAMILIES = [(b, kind) for b in RECIPES for kind in GRID_KINDS if kind != "learnable" or isinstance(b, BSpline)]


def layer_of(inputs: int = 3, outputs: int = 2, **options) -> KANLayer:
    """A layer in which no number is special."""
    return randomised(KANLayer(inputs, outputs, generator=seeded(1), **DOUBLE, **options))


def move_grid(layer: KANLayer) -> None:
    """Gives the layer an uneven grid on another domain."""
    sample = normal(200, layer.inputs, seed=9) * 2 + 1
    grid = layer.basis.adapt_grid(sample, sample.amin(0), sample.amax(0), 0.2)
    layer.replace_grid(layer.basis, grid, layer.edge_coefficients().detach())


def silu(t: float) -> float:
    return t / (1 + np.exp(-t))


# ------------------------------------------------------------------------------------------------- the formula


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
def test_a_layer_is_the_paper_s_formula(degree):
    layer, x = layer_of(grid=4, degree=degree), torch.rand(8, 3, generator=seeded(), **DOUBLE) * 2 - 1
    knots, c = layer.grid.numpy(), layer.coefficients.detach().numpy()
    w_b, w_s, bias = (p.detach().numpy() for p in (layer.base_weight, layer.spline_weight, layer.bias))
    truth = np.zeros((8, 2))
    for b in range(8):
        for j in range(2):
            truth[b, j] = bias[j]
            for i in range(3):
                spline = scipy.interpolate.BSpline(knots[i], c[i, :, j], degree)
                truth[b, j] += w_b[i, j] * silu(float(x[b, i])) + w_s[i, j] * float(spline(float(x[b, i])))
    assert relative_distance(layer(x), truth) <= 1e-13


@pytest.mark.parametrize("extrapolation", ["linear", "constant", "zero", "natural"])
@pytest.mark.parametrize("base", ["silu", "sin", "none"])
@every_recipe
def test_a_layer_of_any_basis_is_the_sum_of_its_edges(basis, base, extrapolation):
    layer = layer_of(basis=basis, base=base, extrapolation=extrapolation)
    x = 3 * torch.rand(9, 3, generator=seeded(), **DOUBLE) - 1.5
    beta = table_oracle(layer.table(), x)
    truth = np.tile(layer.bias.detach().numpy(), (9, 1))
    for i in range(3):
        spline = beta[:, i, : basis.size] @ layer.coefficients[i].detach().numpy()
        truth += layer.spline_weight[i].detach().numpy() * spline
        if layer.base_weight is not None:
            truth += beta[:, i, -1:] * layer.base_weight[i].detach().numpy()
    assert relative_distance(layer(x), truth) <= 1e-12


@every_kind
def test_edges_sum_to_the_layer_and_their_derivative_is_autograd_s(grid_kind):
    layer = layer_of(grid_kind=grid_kind)
    x = (2 * normal(6, 3, seed=4)).requires_grad_()
    edges = layer.edges(x)
    assert relative_distance(edges.sum(1) + layer.bias, layer(x)) <= 1e-13
    slopes = layer.edges(x, 1) * layer.squash_slope(x)[..., None]
    for j in range(2):
        (truth,) = torch.autograd.grad(edges[..., j].sum(), x, retain_graph=True)
        assert relative_distance(slopes[..., j], truth) <= 1e-12


def test_without_a_bias_there_is_none():
    layer = layer_of(bias=False, base="none")
    assert layer.bias is None
    assert layer.base_weight is None
    assert relative_distance(layer(normal(4, 3)), layer.edges(normal(4, 3)).sum(1)) <= 1e-14


@pytest.mark.parametrize("batch", [(), (1,), (4, 5), (2, 3, 4), (0,), (3, 0), (2, 0, 5)])
@every_kind
def test_batch_dimensions_of_any_number_are_rows(grid_kind, batch):
    layer, x = layer_of(grid_kind=grid_kind), normal(*batch, 3)
    y = layer(x)
    assert y.shape == (*batch, 2)
    assert relative_distance(y.reshape(-1, 2), layer(x.reshape(-1, 3))) <= 1e-14
    y.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in layer.parameters())


# ------------------------------------------------------------------------------------------------------- masks


@pytest.mark.parametrize("base", ["silu", "none"])
@every_kind
def test_a_masked_edge_contributes_nothing_even_if_its_numbers_are_nan(grid_kind, base):
    layer, x = layer_of(grid_kind=grid_kind, base=base), 2 * normal(7, 3)
    edges = layer.edges(x).detach()
    with torch.no_grad():
        layer.mask[1, 0] = 0.0
        layer.coefficients[1, :, 0] = torch.nan
        layer.spline_weight[1, 0] = torch.nan
        if layer.base_weight is not None:
            layer.base_weight[1, 0] = torch.inf
    edges[:, 1, 0] = 0.0
    y = layer(x)
    assert relative_distance(y, edges.sum(1) + layer.bias) <= 1e-13
    y.square().sum().backward()
    for parameter in layer.parameters():
        assert parameter.grad.isfinite().all()
    assert layer.coefficients.grad[1, :, 0].abs().max() == 0.0
    assert layer.spline_weight.grad[1, 0] == 0.0


def test_masking_every_edge_leaves_the_bias():
    layer = layer_of()
    layer.mask.zero_()
    assert torch.equal(layer(normal(5, 3)), layer.bias.expand(5, 2))


@pytest.mark.parametrize("mask", ["whole", "half", "soft"])
@every_recipe
def test_setting_edge_coefficients_is_the_inverse_of_reading_them(basis, mask):
    layer = layer_of(basis=basis)
    with torch.no_grad():
        if mask == "half":
            layer.mask.copy_((normal(3, 2) > 0).double())
        elif mask == "soft":
            layer.mask.copy_(normal(3, 2).abs())
        layer.spline_weight[0, 0] = 0.0  # a spline that had been switched off takes values again
    values = normal(3, basis.size + 1, 2, seed=8)
    layer.set_edge_coefficients(values)
    alive = (layer.mask != 0)[:, None, :]
    truth = torch.where(alive, values, torch.zeros_like(values))
    assert relative_distance(layer.edge_coefficients(), truth) <= 1e-14
    x, before = normal(5, 3), layer(normal(5, 3)).detach()
    layer.set_edge_coefficients(layer.edge_coefficients().detach())
    assert relative_distance(layer(x), before) <= 1e-13


# ------------------------------------------------------------------------------------------------------- starts


def test_the_paper_s_start_has_its_spreads():
    layer = KANLayer(60, 40, grid=5, generator=seeded(3), **DOUBLE)
    c, w_b = layer.coefficients.detach(), layer.base_weight.detach()
    assert abs(float(c.std()) / 0.1 - 1) < 0.02
    assert abs(float(c.mean())) < 0.002
    assert torch.equal(layer.spline_weight, torch.ones(60, 40, **DOUBLE))
    bound = (6 / 100) ** 0.5  # Xavier-uniform
    assert float(w_b.abs().max()) <= bound
    assert abs(float(w_b.std()) / (bound / 3**0.5) - 1) < 0.05
    assert torch.equal(layer.bias, torch.zeros(40, **DOUBLE))


def test_the_power_start_has_its_spreads():
    layer = KANLayer(60, 40, grid=5, init="power", generator=seeded(3), **DOUBLE)
    terms = 60 * (8 + 1)
    assert abs(float(layer.coefficients.detach().std()) / terms**-1.75 - 1) < 0.03
    assert abs(float(layer.base_weight.detach().std()) / terms**-0.25 - 1) < 0.05
    assert torch.equal(layer.spline_weight, torch.ones(60, 40, **DOUBLE))


@pytest.mark.parametrize("init", ["paper", "power"])
@every_recipe
def test_the_same_generator_gives_the_same_layer_and_leaves_torch_s_own_alone(basis, init):
    before = torch.random.get_rng_state()
    one, two = (KANLayer(3, 4, basis=basis, init=init, generator=seeded(7)) for _ in range(2))
    other = KANLayer(3, 4, basis=basis, init=init, generator=seeded(8))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert not torch.equal(one.coefficients, other.coefficients)


# ------------------------------------------------------------------------------------------- manners as a module


@every(("basis", "grid_kind"), FAMILIES)
def test_a_trip_through_another_dtype_works_out_the_basis_again(basis, grid_kind):
    layer = layer_of(basis=basis, grid_kind=grid_kind)
    move_grid(layer)
    layer.float()
    assert {t.dtype for t in layer.state_dict().values()} == {torch.float32}
    assert layer.prepared.dtype == torch.float32
    assert layer(normal(4, 3).float()).dtype == torch.float32
    layer.double()
    assert torch.equal(layer.prepared, basis.prepare(layer.grid))  # from the knots, not from rounded polynomials


@every_kind
def test_loading_a_state_works_out_the_basis_again(grid_kind):
    source, target = layer_of(grid_kind=grid_kind), layer_of(grid_kind=grid_kind)
    move_grid(source)
    x = 3 * normal(20, 3)
    assert relative_distance(target(x), source(x)) > 1e-3
    missing = target.load_state_dict(source.state_dict())
    assert not missing.missing_keys
    assert not missing.unexpected_keys
    assert torch.equal(target(x), source(x))
    assert torch.equal(target.prepared, source.prepared)
    other = layer_of(grid_kind=grid_kind)
    other.load_state_dict(source.state_dict(), assign=True)
    assert torch.equal(other(x), source(x))


@every_kind
def test_a_copy_is_equal_and_independent(grid_kind):
    layer = layer_of(grid_kind=grid_kind)
    x, before = normal(5, 3), layer(normal(5, 3)).detach()
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(twin(x), before)
        move_grid(twin)
        with torch.no_grad():
            for parameter in twin.parameters():
                parameter.add_(1.0)
        twin.load_state_dict(
            layer_of(grid_kind=grid_kind).state_dict()
        )  # its hook refreshes the copy, not the original
        assert torch.equal(twin(x), before)
        assert torch.equal(layer(x), before)


@every_kind
def test_forward_stores_nothing(grid_kind):
    layer = layer_of(grid_kind=grid_kind)
    names, state = set(layer.__dict__), copy.deepcopy(layer.state_dict())
    layer(normal(5, 3)).sum().backward()
    assert set(layer.__dict__) == names
    assert all(torch.equal(value, state[key]) for key, value in layer.state_dict().items())


def test_what_can_be_worked_out_is_not_in_the_state():
    assert set(layer_of().state_dict()) == {"coefficients", "spline_weight", "base_weight", "bias", "mask", "grid"}


def test_autocast_is_let_through():
    layer = KANLayer(3, 2, generator=seeded())
    x = normal(5, 3).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = layer(x)
    assert (mixed - layer(x)).abs().max() < 0.05


# ------------------------------------------------------------------------------------------------------- errors


@every(
    ("options", "told"),
    [
        ({"inputs": 0}, ["at least one input", "0 and 2"]),
        ({"outputs": -1}, ["at least one", "3 and -1"]),
        ({"domain": (1.0, 1.0)}, ["low < high", "(1.0, 1.0)"]),
        ({"domain": (1.0, -1.0)}, ["low < high", "(1.0, -1.0)"]),
        ({"domain": (0.0, float("nan"))}, ["low < high", "nan"]),
        ({"domain": (0.0, float("inf"))}, ["finite", "inf"]),
        ({"domain": (0.0, 1.0, 2.0)}, ["(low, high)", "(0.0, 1.0, 2.0)"]),
        ({"base": "relu"}, ["silu", "none", "'relu'"]),
        ({"basis": "wavelet"}, ["bspline", "fourier", "'wavelet'"]),
        ({"extrapolation": "cubic"}, ["linear", "natural", "'cubic'"]),
        ({"grid_kind": "free"}, ["adaptive", "learnable", "'free'"]),
        ({"grid_kind": "learnable", "basis": "fourier"}, ["knots", "bspline", "fourier"]),
        ({"init": "kaiming"}, ["paper", "power", "'kaiming'"]),
        ({"grid": 0}, ["grid", "at least 1", "0"]),
        ({"degree": 10}, ["degree", "0 and 9", "10"]),
    ],
)
def test_a_wrong_setting_is_refused_by_name_value_and_way_out(options, told):
    sizes = {"inputs": 3, "outputs": 2}
    with raising(ConfigError, told):
        KANLayer(**{**sizes, **options})


@every(
    ("x", "error", "told"),
    [
        (torch.zeros(4, 2, **DOUBLE), ShapeError, ["(…, 3)", "(4, 2)"]),
        (torch.zeros(3, 1, **DOUBLE), ShapeError, ["(…, 3)", "(3, 1)"]),
        (torch.zeros((), **DOUBLE), ShapeError, ["(…, 3)", "()"]),
        (torch.zeros(4, 3, dtype=torch.float32), DtypeError, ["float64", "float32", ".to("]),
        (torch.zeros(4, 3, dtype=torch.int64), DtypeError, ["floating-point", "int64", ".to("]),
        (torch.zeros(4, 3, dtype=torch.complex128), DtypeError, ["floating-point", "complex128"]),
        (torch.zeros(4, 3, device="meta", **DOUBLE), DtypeError, ["cpu", "meta", ".to(device)"]),
        (np.zeros((4, 3)), DtypeError, ["ndarray", "torch.as_tensor"]),
        ([[0.0, 0.0, 0.0]], DtypeError, ["list", "torch.as_tensor"]),
    ],
)
def test_a_wrong_input_is_refused_with_what_came_and_the_way_out(x, error, told):
    with raising(error, ["KANLayer", *told]):
        layer_of()(x)


def test_numbers_that_are_not_floating_point_are_refused():
    with pytest.raises(DtypeError, match=r"floating-point, got dtype=torch.int64"):
        KANLayer(2, 1, dtype=torch.int64)


def test_a_layer_says_what_it_is():
    text = repr(KANLayer(3, 2, basis=Chebyshev(order=4), base="sin", grid_kind="fixed"))
    for word in ("3, 2", "Chebyshev(order=4)", "sin", "fixed"):
        assert word in text


def test_every_recipe_can_be_a_layer_s_basis_by_itself():
    assert {type(KANLayer(1, 1, basis=basis).basis) for basis in RECIPES} == {type(basis) for basis in RECIPES}
