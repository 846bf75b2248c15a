"""Derivatives through every door to the native kernels: the fused network, the operators, the functions for torch.func."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from splinework import kernels
from splinework.kernels import functions, ops
from splinework.nn.network import KAN
from tests.contracts.cases import every_extrapolation, normal, relative_distance
from tests.kernels.cases import needs_native, problem, spline_of
from tests.nn.test_network import network

pytestmark = [needs_native, pytest.mark.usefixtures("native_kernels")]
DOORS = {"operators": ops.calculus, "functions": functions.calculus}
every_door = pytest.mark.parametrize("door", DOORS)


def by_reference(work: Callable[[], Tensor]) -> Tensor:
    before = kernels.use("reference")
    try:
        return work()
    finally:
        kernels.use(before)


# ------------------------------------------------------------------------------------------- the three primitives


@every_extrapolation
@pytest.mark.parametrize("base", ["silu", "none", pytest.param("tanh", marks=pytest.mark.slow)])
@every_door
def test_primitives_match_finite_differences_twice_over(door, base, extrapolation):
    p = problem(size=(3, 1, 2), grid=2, degree=4, base=base, extrapolation=extrapolation, seed=3)
    spline = tuple(vars(spline_of(p.table)).values())
    s, c = normal(3, 1, seed=2), p.edges.table_coefficients()
    x, s, c, g = (t.detach().clone().requires_grad_() for t in (p.x, s, c, p.g))
    calls = DOORS[door]
    for f, operands in (
        (calls.contract, (x, s, c)),
        (calls.contract, (x, None, c)),
        (calls.probe, (x, c, g)),
        (calls.scatter, (x, s, g)),
    ):

        def value(*operands: Tensor | None, f=f) -> Tensor:
            return f(*operands, *spline, 0)

        assert torch.autograd.gradcheck(value, operands, check_forward_ad=door == "functions", fast_mode=True)
        assert torch.autograd.gradgradcheck(value, operands, fast_mode=True)


@every_door
def test_third_derivatives_of_the_primitives_match_finite_differences(door):
    p = problem(size=(2, 2, 2), grid=2, degree=5)
    spline = tuple(vars(spline_of(p.table)).values())
    x = (0.4 * normal(2, 2, seed=1)).requires_grad_()  # off the knots, and off the ends, where the tails begin
    c = p.edges.table_coefficients().detach().requires_grad_()

    def slopes(x: Tensor, c: Tensor) -> tuple[Tensor, ...]:
        y = DOORS[door].contract(x, None, c, *spline, 0)
        return torch.autograd.grad(y.square().sum(), (x, c), create_graph=True)

    assert torch.autograd.gradcheck(slopes, (x, c), fast_mode=True)
    assert torch.autograd.gradgradcheck(slopes, (x, c), fast_mode=True)


# ------------------------------------------------------------------------------------------------ whole networks

NETWORKS = {
    "layer": ([2, 3], {}),
    "fused": ([2, 2, 1], {}),
    "deep": ([1, 2, 2, 1], {"degree": 4, "base": "none"}),
    "first layer of torch's base": ([2, 2], {"base": "tanh"}),
    "in two parts": ([2, 2, 1], {"base": "sin"}),
}
every_network = pytest.mark.parametrize("name", NETWORKS)


def with_parameters(model: KAN) -> tuple[Callable[..., Tensor], tuple[Tensor, ...]]:
    """The model as a function of x and its parameters, fused as it is for anyone."""
    names = [name for name, _ in model.named_parameters()]

    def run(x: Tensor, *values: Tensor) -> Tensor:
        return torch.func.functional_call(model, dict(zip(names, values, strict=True)), (x,))

    return run, tuple(p.detach().clone().requires_grad_() for p in model.parameters())


@every_network
def test_networks_match_finite_differences_twice_over(name):
    shape, options = NETWORKS[name]
    model = network(shape, grid=2, **options)
    run, values = with_parameters(model)
    x = torch.tensor([[-1.4, 0.31], [0.17, 0.52]], dtype=torch.float64)[:, : shape[0]].clone().requires_grad_()
    assert torch.autograd.gradcheck(run, (x, *values), fast_mode=True)
    assert torch.autograd.gradgradcheck(run, (x, *values), fast_mode=True)


@every_network
def test_third_derivatives_of_networks_are_the_reference_s(name):
    shape, options = NETWORKS[name]
    model = network(shape, grid=3, **options)

    def third() -> Tensor:
        x = normal(9, shape[0], seed=5).requires_grad_()
        value = model(x).square().sum()
        for _ in range(3):
            (slope,) = torch.autograd.grad(value, x, create_graph=True)
            value = slope.sin().sum()
        found = torch.autograd.grad(value, [x, *model.parameters()], materialize_grads=True)
        return torch.cat([t.flatten() for t in found])

    assert relative_distance(third(), by_reference(third)) <= 1e-10


def gradients_are_the_reference_s(value: Callable[[], tuple[Tensor, list[Tensor]]], tolerance: float = 1e-11) -> None:
    """Of a sum in some leaves, with a graph of their own and without."""
    for create_graph in (False, True):

        def gradients(create_graph: bool = create_graph) -> Tensor:
            y, leaves = value()
            found = torch.autograd.grad(y.sum(), leaves, create_graph=create_graph, materialize_grads=True)
            return torch.cat([t.flatten() for t in found]).detach()

        assert relative_distance(gradients(), by_reference(gradients)) <= tolerance


def test_a_network_applied_to_its_own_outputs():
    model = network([2, 3, 2], grid=3)
    x = (0.3 * normal(7, 2, seed=4)).requires_grad_()
    gradients_are_the_reference_s(lambda: (model(model(x)), [x, *model.parameters()]))


def test_layers_that_share_their_parameters():
    model, x = network([2, 2, 2], grid=3), normal(7, 2, seed=4).requires_grad_()
    first, second = model.kan_layers
    for name in ("coefficients", "base_weight", "bias"):
        setattr(second, name, getattr(first, name))
    gradients_are_the_reference_s(lambda: (model(x), [x, *model.parameters()]))


def test_x_that_depends_on_the_parameters():
    model, x = network([2, 2], grid=3), normal(7, 2, seed=4)
    gradients_are_the_reference_s(lambda: (model(x * model.kan_layers[0].bias).square(), list(model.parameters())))


def test_some_parameters_frozen_and_some_not():
    model = network([2, 3, 1], grid=3)
    x = normal(8, 2)
    for frozen in ("coefficients", "spline_weight", "base_weight", "bias"):
        for layer in model.kan_layers:
            for key, parameter in layer.named_parameters():
                parameter.requires_grad_(key != frozen)
        leaves = [p for p in model.parameters() if p.requires_grad]
        gradients_are_the_reference_s(lambda leaves=leaves: (model(x).square(), leaves), 1e-12)


@pytest.mark.parametrize("rows", [0, 1])
def test_batches_of_none_and_one_have_second_derivatives(rows):
    model = network([2, 3, 1], grid=3)
    x = normal(rows, 2).requires_grad_()
    (slope,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
    found = torch.autograd.grad(slope.square().sum(), list(model.parameters()), materialize_grads=True)
    assert all(t.shape == p.shape and t.isfinite().all() for t, p in zip(found, model.parameters(), strict=True))


def test_a_graph_can_be_walked_twice_and_numbers_changed_in_place_are_noticed():
    model = network([2, 3, 1], grid=3)
    x = normal(5, 2).requires_grad_()
    y = model(x).sum()
    first = torch.autograd.grad(y, x, retain_graph=True)
    assert torch.equal(*first, *torch.autograd.grad(y, x, retain_graph=True))
    with torch.no_grad():
        model.kan_layers[1].coefficients.mul_(2.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(y, x)


# ---------------------------------------------------------------------------------------------------- torch.func


@every_network
def test_torch_func_gives_the_loop_s_numbers(name):
    shape, options = NETWORKS[name]
    model, x = network(shape, grid=3, **options), normal(4, shape[0], seed=3)
    direction = normal(4, shape[0], seed=6)
    rows = torch.func.vmap(model)(x)
    jacobian = torch.func.vmap(torch.func.jacrev(model))(x)
    forward = torch.func.vmap(torch.func.jacfwd(model))(x)
    hessian = torch.func.vmap(torch.func.hessian(model))(x)
    value, pushed = torch.func.jvp(model, (x,), (direction,))
    for b in range(4):
        truth = by_reference(lambda b=b: torch.autograd.functional.jacobian(model, x[b]))
        assert relative_distance(rows[b], model(x[b])) <= 1e-13
        assert relative_distance(jacobian[b], truth) <= 1e-12
        assert relative_distance(forward[b], truth) <= 1e-12
        assert relative_distance(pushed[b], truth @ direction[b]) <= 1e-12
        for j in range(shape[-1]):
            truth = by_reference(lambda b=b, j=j: torch.autograd.functional.hessian(lambda t: model(t)[j], x[b]))
            assert relative_distance(hessian[b, j], truth) <= 1e-11
    assert relative_distance(value, model(x)) <= 1e-13


@every_network
def test_gradients_per_sample_are_a_loop_s(name):
    shape, options = NETWORKS[name]
    model, x = network(shape, grid=3, **options), normal(5, shape[0])
    parameters = {key: p.detach() for key, p in model.named_parameters()}

    def loss(values: dict[str, Tensor], x: Tensor) -> Tensor:
        return torch.func.functional_call(model, values, (x,)).square().sum()

    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(parameters, x)
    for b in range(5):
        truth = torch.autograd.grad(model(x[b]).square().sum(), list(model.parameters()))
        for (key, _), expected in zip(model.named_parameters(), truth, strict=True):
            assert relative_distance(each[key][b], expected) <= 1e-12


def test_an_ensemble_is_its_members_and_so_are_its_gradients():
    members = [network([2, 3, 1], seed=s, grid=3) for s in (1, 2, 3)]
    parameters, buffers = torch.func.stack_module_state(members)
    x = normal(6, 2)

    def loss(p: dict[str, Tensor], b: dict[str, Tensor]) -> Tensor:
        return torch.func.functional_call(members[0], (p, b), (x,)).square().sum()

    together = torch.func.vmap(torch.func.grad(loss))(parameters, buffers)
    for n, member in enumerate(members):
        truth = torch.autograd.grad(member(x).square().sum(), list(member.parameters()))
        for (key, _), expected in zip(member.named_parameters(), truth, strict=True):
            assert relative_distance(together[key][n], expected) <= 1e-12


@pytest.mark.parametrize("of", ["x", "parameters"])
def test_dual_numbers_of_forward_mode(of):
    model, x, direction = network([2, 3, 2], grid=3), normal(4, 2), normal(4, 2, seed=8)
    layer = model.kan_layers[1]
    change = normal(*layer.coefficients.shape, seed=9)
    with torch.autograd.forward_ad.dual_level(), torch.no_grad():
        if of == "x":
            y = model(torch.autograd.forward_ad.make_dual(x, direction))
        else:
            dual = torch.autograd.forward_ad.make_dual(layer.coefficients.detach(), change)
            y = torch.func.functional_call(model, {"layers.1.coefficients": dual}, (x,))
        pushed = torch.autograd.forward_ad.unpack_dual(y).tangent
    h = 1e-6
    with torch.no_grad():
        if of == "x":
            truth = (model(x + h * direction) - model(x - h * direction)) / (2 * h)
        else:
            run = [
                torch.func.functional_call(model, {"layers.1.coefficients": layer.coefficients + t * change}, (x,))
                for t in (h, -h)
            ]
            truth = (run[0] - run[1]) / (2 * h)
    assert relative_distance(pushed, truth) <= 1e-7
