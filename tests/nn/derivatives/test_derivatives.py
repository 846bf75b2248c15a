"""Derivatives with respect to the inputs, carried forward: nested autograd's numbers, in one ordinary graph."""

import itertools
import math
import re
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.nn.derivatives import jet, partials
from splinework.nn.layer import GRID_KINDS
from splinework.nn.network import KAN
from splinework.nn.nodes import shape_of
from tests.contracts.cases import every_base, every_extrapolation, every_recipe, normal, relative_distance, seeded
from tests.families import every, slow
from tests.nn.test_network import DOUBLE, SHAPES, network
from tests.nn.test_network_derivatives import edge, laplacian_by_autograd

PAGE = Path(__file__).resolve().parents[3] / "docs" / "pde.md"

every_kind = pytest.mark.parametrize("grid_kind", GRID_KINDS)
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def by_autograd(model: KAN, x: Tensor, v: Tensor, order: int) -> list[Tensor]:
    """Derivatives along v by differentiating again and again."""
    t = torch.zeros(len(x), 1, **DOUBLE, requires_grad=True)
    columns = []
    for column in model(x + t * v).unbind(-1):
        derivatives = [column]
        for _ in range(order):
            (slope,) = torch.autograd.grad(derivatives[-1].sum(), t, create_graph=True, materialize_grads=True)
            derivatives.append(slope[:, 0] + 0 * t[:, 0])  # that a constant, too, can be differentiated again
        columns.append(derivatives)
    return [torch.stack(each, dim=-1) for each in zip(*columns, strict=True)]


def in_units(shape, **options) -> KAN:
    """A network with units and a domain of its own, the first input and the last output logarithmic."""
    inputs, outputs = shape[0], shape_of(shape)[-1].width
    model = network(
        shape,
        domain=(-1.5, 1.0),
        input_scales=("log", *["linear"] * (inputs - 1)),
        output_scales=(*["linear"] * (outputs - 1), "log"),
        **options,
    )
    for scaling, seed in ((model.input_scaling, 3), (model.output_scaling, 5)):
        n = len(scaling.scales)
        scaling.set(0.3 * normal(n, seed=seed), 0.5 + torch.rand(n, generator=seeded(seed), **DOUBLE))
    return model


def positive(count: int, inputs: int, *, seed: int = 2) -> Tensor:
    """Points with a few far outside the grids."""
    return 0.1 + 2.5 * torch.rand(count, inputs, generator=seeded(seed), **DOUBLE)


def residual(model: KAN, x: Tensor) -> Tensor:
    """Of Burgers' equation with a mixed term."""
    u, u_t, u_x, u_xx, u_xt = partials(model, x, (), "t", "x", ("x", "x"), ("x", "t"))
    return u_t + u * u_x - 0.1 * u_xx + 0.3 * u_xt


def residual_by_autograd(model: KAN, x: Tensor) -> Tensor:
    x = x.detach().requires_grad_()
    u = model(x)
    u_x, u_t = torch.autograd.grad(u.sum(), x, create_graph=True)[0].split(1, dim=1)
    u_xx, u_xt = torch.autograd.grad(u_x.sum(), x, create_graph=True)[0].split(1, dim=1)
    return u_t + u * u_x - 0.1 * u_xx + 0.3 * u_xt


def gradients(model: KAN, loss: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(loss, list(model.parameters()), materialize_grads=True))


# ----------------------------------------------------------------------------------------------- the derivatives


@every_extrapolation
@every_recipe
def test_a_jet_is_nested_autograd_for_every_basis_inside_and_outside(basis, extrapolation):
    model = network([2, (1, 1), 2], basis=basis, extrapolation=extrapolation)
    x, v = 1.3 * normal(9, 2), normal(9, 2, seed=7)
    for value, truth in zip(jet(model, x, v, 4), by_autograd(model, x, v, 4), strict=True):
        assert relative_distance(value, truth) <= 1e-10


@every_kind
@every_shape
def test_a_jet_is_nested_autograd_for_every_shape_grid_and_scale(shape, grid_kind):
    model = in_units(shape, grid_kind=grid_kind)
    x, v = positive(5, model.inputs), normal(model.inputs, seed=7)
    for value, truth in zip(jet(model, x, v, 3), by_autograd(model, x, v, 3), strict=True):
        assert relative_distance(value, truth) <= 1e-10


@every_base
def test_a_jet_is_nested_autograd_for_every_base_function(base):
    model = network([1, 2, 1], base=base, bias=False)
    x, v = normal(6, 1), torch.ones(1, **DOUBLE)
    for value, truth in zip(jet(model, x, v, 4), by_autograd(model, x, v, 4), strict=True):
        assert relative_distance(value, truth) <= 1e-10


@every_kind
def test_partials_of_every_order_are_nested_autograd(grid_kind):
    model = in_units([3, (1, [3]), 1], grid_kind=grid_kind)
    x = positive(4, 3).requires_grad_()
    wanted = [m for n in range(4) for m in itertools.combinations_with_replacement(range(3), n)] + [(2, 0, 1, 2)]
    for m, value in zip(wanted, partials(model, x, *wanted), strict=True):
        truth = model(x)[:, 0]
        for i in m:
            truth = torch.autograd.grad(truth.sum(), x, create_graph=True)[0][:, i]
        assert relative_distance(value[:, 0], truth) <= 1e-10, m


def test_the_third_derivative_is_the_one_worked_out_from_the_splines():
    model = network([1, 1, 1], grid=6)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.5)  # so that the inner node stays on its grid
    first, second = model.kan_layers
    x = 2 * torch.rand(30, 1, generator=seeded(5), **DOUBLE) - 1
    h = [edge(first, 0, 0, r)(x.numpy()[:, 0]) for r in range(4)]
    s = h[0] + first.bias.item()
    assert np.abs(s).max() < 1
    g = [edge(second, 0, 0, r)(s) for r in range(4)]
    truth = g[3] * h[1] ** 3 + 3 * g[2] * h[1] * h[2] + g[1] * h[3]  # Faà di Bruno
    assert relative_distance(jet(model, x, [1.0], 3)[3][:, 0], truth) <= 1e-10


def test_a_jet_is_the_sum_of_partials_with_the_multinomial_weights():
    model, x = in_units([3, (2, 1), 2]), positive(6, 3)
    v = [0.7, -1.2, 0.4]
    for order, value in enumerate(jet(model, x, v, 4)):
        monomials = list(itertools.combinations_with_replacement(range(3), order))
        total = torch.zeros_like(value)
        for m, partial in zip(monomials, partials(model, x, *monomials), strict=True):
            ways = math.factorial(order) // math.prod(math.factorial(m.count(i)) for i in range(3))
            total += ways * math.prod(v[i] for i in m) * partial
        assert relative_distance(value, total) <= 1e-12


def test_the_gradient_of_a_jet_along_its_direction_is_the_next_order():
    model, x = in_units([2, (1, 1), 1]), positive(6, 2).requires_grad_()
    v = normal(2, seed=4)
    derivatives = jet(model, x, v, 4)
    for lower, higher in itertools.pairwise(derivatives):
        (slope,) = torch.autograd.grad(lower.sum(), x, retain_graph=True)
        assert relative_distance((slope * v).sum(1, keepdim=True), higher) <= 1e-10


def test_several_directions_at_once_are_each_of_them():
    model, x = in_units([2, (1, 1), 3]), positive(6, 2)
    v = normal(4, 6, 2, seed=4)
    together = jet(model, x, v, 3)
    shared = jet(model, x, v[:, :1], 2)
    for d in range(4):
        for n, value in enumerate(jet(model, x, v[d], 3)):
            assert relative_distance(together[n][d], value) <= 1e-12
        for n, value in enumerate(jet(model, x, v[d, 0], 2)):
            assert relative_distance(shared[n][d], value) <= 1e-12


@every_kind
def test_the_first_number_is_the_model_s_output_and_each_derivative_has_its_shape(grid_kind):
    model = in_units([2, (1, 1), 3], grid_kind=grid_kind)
    for count in (0, 1, 5):
        x = positive(count, 2)
        derivatives = jet(model, x, [1.0, 2.0], 3)
        assert [tuple(d.shape) for d in derivatives] == [(count, 3)] * 4
        assert relative_distance(derivatives[0], model(x)) <= 1e-14
        assert torch.equal(jet(model, x, [1.0, 2.0], 0)[0], derivatives[0])
        assert torch.equal(partials(model, x, ())[0], derivatives[0])


def test_a_straight_line_has_no_bend():
    model = network([2, 1], base="identity", basis="chebyshev", degree=1, grid=1, extrapolation="natural")
    _, slope, bend, jerk = jet(model, normal(5, 2), [1.0, 1.0], 3)
    assert relative_distance(slope, slope[:1].expand(5, 1)) <= 1e-13
    assert not bend.any()
    assert not jerk.any()


# --------------------------------------------------------------------------------------------------- for training


@every_kind
@pytest.mark.parametrize("shape", [[2, 3, 1], [2, (1, [3, 2]), (1, 1), 1]], ids=str)
def test_a_residual_s_gradient_is_double_backward_s(shape, grid_kind):
    model = in_units(shape, grid_kind=grid_kind, names=["x", "t"])
    x = positive(8, 2)
    value, truth = residual(model, x), residual_by_autograd(model, x)
    assert relative_distance(value, truth) <= 1e-11
    pairs = zip(gradients(model, value.square().mean()), gradients(model, truth.square().mean()), strict=True)
    for gradient, expected in pairs:
        assert relative_distance(gradient, expected) <= 1e-10


def test_the_laplacian_is_the_one_by_autograd():
    model, x = network([3, 4, 1]), normal(7, 3)
    laplacian = sum(partials(model, x, *[(i, i) for i in range(3)]))
    assert relative_distance(laplacian[:, 0], laplacian_by_autograd(model, x.clone())) <= 1e-11


@pytest.mark.parametrize("grid_kind", [GRID_KINDS[0], *slow(*GRID_KINDS[1:])])
def test_a_residual_and_its_gradient_compile_without_a_graph_break(grid_kind):
    torch.compiler.reset()
    model = in_units([2, (1, 1), 1], grid_kind=grid_kind, names=["x", "t"])
    x, v = positive(8, 2), normal(2, seed=3)

    def loss(x: Tensor) -> Tensor:
        return residual(model, x).square().mean() + jet(model, x, v, 3)[3].mean()

    compiled = torch.compile(loss, fullgraph=True, backend="eager")
    value, truth = compiled(x), loss(x)
    assert relative_distance(value, truth) <= 1e-13
    for gradient, expected in zip(gradients(model, value), gradients(model, truth), strict=True):
        assert relative_distance(gradient, expected) <= 1e-12


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_torch_compile_with_its_own_backend_gives_the_same_residual_and_gradient():
    torch.compiler.reset()
    model = in_units([2, (1, 1), 1], names=["x", "t"])
    x = positive(50, 2)
    value = torch.compile(lambda x: residual(model, x).square().mean(), fullgraph=True)(x)
    truth = residual(model, x).square().mean()
    assert relative_distance(value, truth) <= 1e-12
    for gradient, expected in zip(gradients(model, value), gradients(model, truth), strict=True):
        assert relative_distance(gradient, expected) <= 1e-11


def test_the_model_s_dtype_is_kept():
    model = in_units([2, (1, 1), 1])
    x = positive(8, 2)
    exact = jet(model, x, [1.0, 0.5], 3)
    single = jet(model.float(), x.float(), torch.tensor([1.0, 0.5], **DOUBLE), 3)
    for value, truth in zip(single, exact, strict=True):
        assert value.dtype == torch.float32
        assert relative_distance(value, truth) <= 1e-3
    sum(d.square().mean() for d in single).backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in model.parameters())


def test_a_dead_edge_carries_nothing():
    model = network([2, 2, 1])
    with torch.no_grad():
        model.kan_layers[0].mask[1] = 0.0
        model.kan_layers[0].coefficients[1] = math.nan
    x1, x2, mixed = partials(model, normal(5, 2), "x1", "x2", ("x1", "x2"))
    assert x1.isfinite().all()
    assert not x2.any()
    assert not mixed.any()


# ------------------------------------------------------------------------------------------------------- the door


def test_names_and_numbers_in_any_order_are_the_same():
    model = network([2, 2, 1], names=["body mass", "t"])
    x = normal(5, 2)
    one, other, again = partials(model, x, ("body mass", "t"), [1, 0], (np.int64(0), "t"))
    assert torch.equal(one, other)
    assert torch.equal(one, again)
    assert torch.equal(partials(model, x, np.int64(1))[0], partials(model, x, "t")[0])


def test_frames_and_arrays_are_taken():
    model = network([2, 2, 1])
    x = normal(5, 2)
    frame = pd.DataFrame({"x2": x[:, 1].numpy(), "x1": x[:, 0].numpy()})
    assert torch.equal(partials(model, frame, "x1")[0], partials(model, x, "x1")[0])
    assert torch.equal(jet(model, x.numpy(), np.ones(2))[2], jet(model, x, torch.ones(2))[2])


@every("wanted", ["x", "x1 x2", 2, -1, ("x1", "x3"), None, 0.5, [("x1",)]])
def test_an_input_that_is_none_is_refused_with_the_names(wanted):
    with pytest.raises(ConfigError, match=r"inputs are \['x1', 'x2'\], got"):
        partials(network([2, 1]), normal(3, 2), wanted)


def test_partials_of_nothing_are_refused():
    with pytest.raises(ConfigError, match="got none"):
        partials(network([2, 1]), normal(3, 2))


@pytest.mark.parametrize("shape", [(3,), (), (4, 2), (3, 3), (0, 1, 2), (2, 4, 2), (1, 1, 1, 2)], ids=str)
def test_a_direction_of_another_shape_is_refused(shape):
    with pytest.raises(ShapeError, match=re.escape("(2,) or (3, 2) for this x, or (D, 1, 2)")) as caught:
        jet(network([2, 1]), normal(3, 2), torch.zeros(shape))
    assert str(shape) in str(caught.value)


@pytest.mark.parametrize("order", [-1, 1.5, "2", None], ids=str)
def test_an_order_that_is_none_is_refused(order):
    with pytest.raises(ConfigError, match="order of a derivative"):
        jet(network([2, 1]), normal(3, 2), [1.0, 0.0], order)


def test_points_and_directions_that_are_none_are_refused():
    with pytest.raises(ShapeError):
        jet(network([2, 1]), normal(3, 3), [1.0, 0.0])
    with pytest.raises(DataError, match="direction must be numbers"):
        jet(network([2, 1]), normal(3, 2), ["a", "b"])


# ------------------------------------------------------------------------------------------------------- the page


@pytest.mark.slow
def test_the_page_s_example_solves_the_equation(tmp_path, capsys):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    script = tmp_path / "page.py"
    script.write_text("\n".join(blocks), encoding="utf-8")
    runpy.run_path(str(script))
    error = float(re.search(r"relative error (\S+)", capsys.readouterr().out).group(1))
    assert error < 0.03
