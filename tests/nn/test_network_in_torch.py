"""What torch's own tools do with modules, they do with networks: the same numbers come out, and all of it trains."""

import copy
import io
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune
from torch.optim.swa_utils import AveragedModel
from torch.utils.checkpoint import checkpoint

from splinework.nn.convolution import KANConv2d
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from tests.contracts.cases import normal, relative_distance, seeded

DOUBLE = {"dtype": torch.float64}


def network() -> nn.Module:
    return KAN([3, (2, 1), 2], generator=seeded(1), **DOUBLE)


def mixed() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 3, 1)),
        KANConv2d(1, 2, (2, 1), padding=(1, 0), generator=seeded(2), **DOUBLE),
        nn.Flatten(),
        KANLayer(8, 2, generator=seeded(3), **DOUBLE),
    )


def averaged(net: nn.Module, x: Tensor) -> Tensor:
    average = AveragedModel(net, use_buffers=True)
    average.update_parameters(net)
    return average(x)


def saved(net: nn.Module, x: Tensor) -> Tensor:
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    file.seek(0)
    other = copy.deepcopy(net)
    nn.utils.vector_to_parameters(torch.zeros(sum(p.numel() for p in net.parameters()), **DOUBLE), other.parameters())
    other.load_state_dict(torch.load(file, weights_only=True), assign=True)
    return other(x)


def emptied(net: nn.Module, x: Tensor) -> Tensor:
    other = copy.deepcopy(net).to("meta").to_empty(device="cpu")
    other.load_state_dict(net.state_dict())
    return other(x)


def normed(net: nn.Module, x: Tensor) -> Tensor:
    for part in net.modules():
        if isinstance(part, KANLayer):
            parametrizations.weight_norm(part, "coefficients")
    return net(x)


def masked(net: nn.Module, x: Tensor) -> Tensor:
    for part in net.modules():
        if isinstance(part, KANLayer):
            prune.identity(part, "coefficients")
    return net(x)


def stacked(net: nn.Module, x: Tensor) -> Tensor:
    parameters, buffers = torch.func.stack_module_state([net, copy.deepcopy(net)])
    shell = copy.deepcopy(net).to("meta")
    both = torch.func.vmap(lambda p, b: torch.func.functional_call(shell, (p, b), (x,)))(parameters, buffers)
    return both[1]


def hooked(net: nn.Module, x: Tensor) -> Tensor:
    seen: list[str] = []
    for part in net.modules():
        part.register_forward_hook(lambda part, args, result: seen.append(type(part).__name__))
    y = net(x)
    assert "KANLayer" in seen
    return y


TOOLS: dict[str, Callable[[nn.Module, Tensor], Tensor]] = {
    "AveragedModel": averaged,
    "torch.save": saved,
    "to_empty": emptied,
    "weight_norm": normed,
    "prune": masked,
    "stack_module_state": stacked,
    "forward hooks": hooked,
    "DataParallel": lambda net, x: nn.DataParallel(net)(x),
    "checkpoint": lambda net, x: checkpoint(net, x, use_reentrant=False),
    "share_memory": lambda net, x: net.share_memory()(x),
    "single and back": lambda net, x: net.float().double()(x),
}


@pytest.mark.parametrize("tool", sorted(TOOLS))
@pytest.mark.parametrize("make", [network, mixed])
def test_the_numbers_stay_and_it_trains(make, tool):
    net, x = make(), normal(9, 3)
    truth = net(x).detach()
    y = TOOLS[tool](net, x)
    assert relative_distance(y, truth) <= (1e-6 if tool == "single and back" else 1e-12)
    if y.requires_grad:
        y.square().sum().backward()


@pytest.mark.parametrize("name", ["Adam", "AdamW", "SGD", "RMSprop", "NAdam"])
@pytest.mark.parametrize("make", [network, mixed])
def test_every_optimiser_of_torch_lowers_the_loss(make, name):
    net, x = make(), normal(50, 3)
    target = x[:, :2] ** 2
    optimiser = getattr(torch.optim, name)(net.parameters(), lr=2e-3)
    losses = []
    for _ in range(25):
        optimiser.zero_grad()
        loss = nn.functional.mse_loss(net(x), target)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 10.0)
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.98 * losses[0]
