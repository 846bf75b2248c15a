"""The native update of parameters is torch's own step, whatever happens to the optimiser between two steps."""

import copy

import pytest
import torch
from torch.optim import LBFGS, Adam, AdamW

import splinework as sw
from splinework.train import step
from splinework.train.optim import updates
from splinework.train.optim.updates import update
from tests.contracts.cases import normal, seeded
from tests.kernels.cases import needs_native

KINDS = {
    "Adam": lambda p: Adam(p, lr=0.03),
    "Adam with decay": lambda p: Adam(p, lr=0.03, weight_decay=0.1, betas=(0.8, 0.95), eps=1e-4),
    "AdamW": lambda p: AdamW(p, lr=0.03, weight_decay=0.2),
    "fused": lambda p: Adam(p, lr=0.03, fused=True),
    "two groups": lambda p: AdamW([{"params": p[:2], "lr": 0.3}, {"params": p[2:], "weight_decay": 0.0}], lr=0.01),
    "amsgrad": lambda p: Adam(p, lr=0.03, amsgrad=True),
    "maximize": lambda p: Adam(p, lr=0.03, maximize=True),
    "SGD": lambda p: torch.optim.SGD(p, lr=0.03, momentum=0.9),
}
NATIVE = ("Adam", "Adam with decay", "AdamW", "fused", "two groups")


def parameters(dtype: torch.dtype) -> list[torch.nn.Parameter]:
    shapes = ((3, 4, 5), (1,), (17, 3), ())
    return [torch.nn.Parameter(torch.randn(s, generator=seeded(n), dtype=dtype)) for n, s in enumerate(shapes)]


def set_gradients(own: list[torch.nn.Parameter], seed: int) -> None:
    for n, p in enumerate(own):
        p.grad = torch.randn(p.shape, generator=seeded(100 * seed + n), dtype=p.dtype)


def assert_same(own, others) -> None:
    for p, q in zip(own, others, strict=True):
        scale = 1e-12 if p.dtype == torch.float64 else 3e-6
        assert (p - q).abs().max() <= scale * (1 + q.abs().max())


def reload(optimiser, own) -> None:
    optimiser.load_state_dict(copy.deepcopy(optimiser.state_dict()))


def new_rate(optimiser, own) -> None:
    optimiser.param_groups[0]["lr"] *= 0.3


def freeze(optimiser, own) -> None:
    own[1].grad = None


def move(optimiser, own) -> None:
    own[0].data = own[0].data.clone()


def forget(optimiser, own) -> None:
    optimiser.state[own[2]] = {}


def add(optimiser, own) -> None:
    late = torch.nn.Parameter(torch.ones(4, dtype=own[0].dtype))
    late.grad = torch.full_like(late, 2.0)
    own.append(late)
    optimiser.add_param_group({"params": [late]})


CHANGES = {f.__name__: f for f in (reload, new_rate, freeze, move, forget, add)}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_torch_s_step_after_every_change(kind, dtype):
    for change in CHANGES.values():
        own, others = parameters(dtype), parameters(dtype)
        ours, torchs = KINDS[kind](own), KINDS[kind](others)
        for seed in range(6):
            for these, optimiser in ((own, ours), (others, torchs)):
                set_gradients(these, seed)
                if seed == 3:
                    change(optimiser, these)
            update(ours)
            torchs.step()
            assert_same(own, others)
        left, right = ours.state_dict()["state"], torchs.state_dict()["state"]
        assert left.keys() == right.keys()
        for key, slot in right.items():
            assert left[key].keys() == slot.keys()
            assert all(
                torch.allclose(left[key][name], t, rtol=1e-4, atol=1e-6) for name, t in slot.items() if t is not None
            )
        torchs.load_state_dict(ours.state_dict())  # and torch goes on from there


@needs_native
@pytest.mark.parametrize("kind", KINDS)
def test_only_adam_as_published_is_native(kind, monkeypatch):
    calls = []
    own = parameters(torch.float64)
    optimiser = KINDS[kind](own)
    monkeypatch.setattr(updates._Places, "step", lambda self: calls.append(self))
    set_gradients(own, 0)
    update(optimiser)
    assert bool(calls) == (kind in NATIVE)
    hooked = KINDS[kind](own)
    heard = []
    hooked.register_step_post_hook(lambda *args: heard.append(args))
    before = len(calls)
    update(hooked)
    assert len(heard) == 1
    assert len(calls) == before


def test_a_gradient_may_be_given_as_a_closure_and_its_value_comes_back():
    own = parameters(torch.float64)
    optimiser = Adam(own, lr=0.1)

    def gradient() -> float:
        assert torch.is_grad_enabled()
        set_gradients(own, 1)
        return 2.5

    with torch.no_grad():
        assert update(optimiser, gradient) == 2.5


def test_a_graph_made_before_a_step_notices_it():
    p = torch.nn.Parameter(torch.ones(3))
    optimiser = Adam([p], lr=0.1)
    loss = (p * p).sum()
    p.grad = torch.ones(3)
    update(optimiser)
    with pytest.raises(RuntimeError, match="inplace"):
        loss.backward()


@pytest.mark.parametrize("shape", [[2, 5, 1], [3, 4, 2]])
@pytest.mark.parametrize("kind", [Adam, LBFGS])
def test_a_step_is_the_loop_of_torch(shape, kind):
    model, other = (sw.KAN(shape, generator=seeded(3), dtype=torch.float64) for _ in range(2))
    x, y = normal(80, shape[0]), normal(80, shape[-1], seed=5)
    ours, torchs = kind(model.parameters(), lr=0.02), kind(other.parameters(), lr=0.02)

    def closure() -> torch.Tensor:
        torchs.zero_grad()
        loss = torch.nn.functional.mse_loss(other(x), y)
        loss.backward()
        return loss

    for _ in range(20 if kind is Adam else 3):
        assert step(model, ours, x, y) == pytest.approx(float(torchs.step(closure).detach()), rel=1e-8)
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.allclose(p, q, rtol=1e-7, atol=1e-9)
