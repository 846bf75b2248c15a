"""torch.compile sees the native kernels as operators: no graph break, the same numbers, whatever the size of the batch."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from splinework import kernels
from splinework.nn.derivatives import partials
from splinework.nn.network import KAN
from tests.contracts.cases import normal, relative_distance
from tests.kernels.cases import needs_native
from tests.nn.test_network import network

pytestmark = [needs_native, pytest.mark.filterwarnings("ignore")]  # torch warns of itself while it traces

COMPILERS = ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)]
every_compiler = pytest.mark.parametrize("compiler", COMPILERS)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    kernels.use("native")
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def burgers(model: KAN, x: Tensor) -> Tensor:
    """A loss on a differential equation."""
    u, u_t, u_x, u_xx = partials(model, x, (), 1, 0, (0, 0))
    return (u_t + u * u_x - 0.1 * u_xx).square().mean()


def fit(model: KAN, x: Tensor) -> Tensor:
    """A loss on values."""
    return (model(x) - x.prod(1, keepdim=True)).square().mean()


LOSSES: dict[str, Callable[[KAN, Tensor], Tensor]] = {"values": fit, "equation": burgers}
every_loss = pytest.mark.parametrize("loss", ["values", pytest.param("equation", marks=pytest.mark.slow)])


def step(loss: Callable[[KAN, Tensor], Tensor], model: KAN, x: Tensor) -> list[Tensor]:
    """The loss and its gradients by x and all parameters."""
    x = x.detach().requires_grad_()
    value = loss(model, x)
    return [value.detach(), *torch.autograd.grad(value, [x, *model.parameters()], materialize_grads=True)]


@pytest.mark.parametrize("options", [{}, {"base": "tanh"}, {"extrapolation": "zero", "base": "none"}], ids=str)
@every_loss
@every_compiler
@pytest.mark.slow  # what any number of rows needs is quick
def test_one_graph_forward_and_backward(compiler, loss, options):
    model, x = network([2, 3, 1], grid=3, **options), normal(20, 2, seed=4)
    compiled = torch.compile(LOSSES[loss], fullgraph=True, backend=compiler)
    for value, truth in zip(step(compiled, model, x), step(LOSSES[loss], model, x), strict=True):
        assert relative_distance(value, truth) <= 1e-11


@every_loss
@every_compiler
def test_one_graph_for_any_number_of_rows(compiler, loss):
    torch._dynamo.utils.counters.clear()
    model = network([2, 3, 1], grid=3)
    compiled = torch.compile(LOSSES[loss], fullgraph=True, dynamic=True, backend=compiler)
    for rows in (20, 33, 7, 300):
        x = normal(rows, 2, seed=rows)
        for value, truth in zip(step(compiled, model, x), step(LOSSES[loss], model, x), strict=True):
            assert relative_distance(value, truth) <= 1e-11
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1


@every_compiler
def test_a_compiled_module_follows_its_masks(compiler):
    model, x = network([2, 4, 1], grid=3), normal(9, 2)
    with torch.no_grad():
        model.kan_layers[0].mask[:, 1] = 0.0
        model.kan_layers[1].mask[1] = 0.0
    compiled = torch.compile(model, fullgraph=True, backend=compiler)
    assert relative_distance(compiled(x), model(x)) <= 1e-13
    with torch.no_grad():
        model.kan_layers[0].mask[0, 0] = 0.0
    assert relative_distance(compiled(x), model(x)) <= 1e-13


def test_export_keeps_the_operators():
    model, x = network([2, 3, 1], grid=3), normal(9, 2)
    exported = torch.export.export(model, (x,))
    called = {str(node.target) for node in exported.graph.nodes}
    assert any(target.startswith("splinework.") for target in called)
    assert relative_distance(exported.module()(x), model(x)) <= 1e-13
