"""A recurrent network whose cell is a KAN layer, on a series that a linear model cannot follow, beside one that tries.

The series is the Mackey–Glass equation, `ẋ = 0.2 x(t - 17) / (1 + x(t - 17)^10) - 0.1 x`, every second unit of time, with the
function of the delayed value that makes it chaotic. The cell is a GRU whose three maps are KAN layers. The baselines are
a linear autoregression on the last 24 values, the last value itself, and torch's GRU with as many parameters.

Run: python examples/interoperation/recurrent.py (about a minute on one core; --quick for a few seconds)
"""

import argparse
import time

import torch
from torch import Tensor, nn

from splinework import KANLayer
from splinework.interpret.edit import adapt_within

WINDOW, AHEAD, STATE = 24, 6, 6


def series(count: int) -> Tensor:
    """The equation by Euler's steps of 0.1, after what the start has left has died out; mean 0, spread 1."""
    step, delay, every = 0.1, 170, 20
    x = [1.2] * (delay + 1)
    for _ in range((count + 100) * every):
        late = x[-delay - 1]
        x.append(x[-1] + step * (0.2 * late / (1 + late**10) - 0.1 * x[-1]))
    taken = torch.tensor(x[-count * every :: every])
    return (taken - taken.mean()) / taken.std()


class KANGRU(nn.Module):
    """`h ← (1 - z) n + z h` with gate z, reset r and proposal n from KAN layers, and a linear answer."""

    def __init__(self) -> None:
        super().__init__()
        options = {"grid": 4, "domain": (-2.5, 2.5), "init": "power"}
        self.gates = KANLayer(1 + STATE, 2 * STATE, **options)
        self.proposal = KANLayer(1 + STATE, STATE, **options)
        self.leave = nn.Linear(STATE, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = x.new_zeros(x.shape[0], STATE)
        for value in x.unbind(1):
            z, r = torch.sigmoid(self.gates(torch.cat([value, h], 1))).chunk(2, 1)
            n = torch.tanh(self.proposal(torch.cat([value, r * h], 1)))
            h = (1 - z) * n + z * h
        return self.leave(h)


class GRU(nn.Module):
    """torch's."""

    def __init__(self, state: int) -> None:
        super().__init__()
        self.cell, self.leave = nn.GRU(1, state, batch_first=True), nn.Linear(state, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.leave(self.cell(x)[0][:, -1])


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def train(net: nn.Module, x: Tensor, y: Tensor, epochs: int, generator: torch.Generator) -> None:
    """Adam with one cycle of the rate; early on grids are put where the states are, whose scale nobody knows beforehand."""
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=1e-2, total_steps=epochs * -(-len(x) // 128))
    for epoch in range(epochs):
        for rows in torch.randperm(len(x), generator=generator).split(128):
            optimiser.zero_grad()
            nn.functional.mse_loss(net(x[rows]), y[rows]).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            schedule.step()
        if epoch in (1, epochs // 3) and isinstance(net, KANGRU):
            net.load_state_dict(adapt_within(net, lambda twin: twin(x), margin=0.1).state_dict())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two epochs of few windows")
    quick = parser.parse_args().quick
    values, epochs = series(400 if quick else 3000), 2 if quick else 30
    windows = values.unfold(0, WINDOW + AHEAD, 1)
    x, y = windows[:, :WINDOW, None], windows[:, -1:]
    cut = len(x) * 2 // 3
    (x, y), (test_x, test_y) = (x[: cut - AHEAD], y[: cut - AHEAD]), (x[cut + WINDOW :], y[cut + WINDOW :])
    print(f"{len(x)} windows of {WINDOW} values, {AHEAD} steps ahead, tested on {len(test_x)} later ones; spread 1")
    ones = lambda x: torch.cat([x[..., 0], torch.ones(len(x), 1)], 1)  # noqa: E731
    weights = torch.linalg.lstsq(ones(x), y).solution
    for name, error in (("last value", test_x[:, -1] - test_y), ("linear AR", ones(test_x) @ weights - test_y)):
        print(
            f"{name:10s} {len(weights) if 'AR' in name else 0:5d} parameters  RMSE {float(error.square().mean().sqrt()):.4f}"
        )
    for name in ("KAN-GRU", "GRU"):
        with torch.random.fork_rng():  # torch's layers draw from its own generator
            torch.manual_seed(0)
            net = KANGRU() if name == "KAN-GRU" else GRU(17)
        began = time.process_time()
        train(net, x, y, epochs, torch.Generator().manual_seed(0))
        with torch.no_grad():
            error = float((net(test_x) - test_y).square().mean().sqrt())
        print(f"{name:10s} {count(net):5d} parameters  RMSE {error:.4f}  {time.process_time() - began:5.1f} s of CPU")


if __name__ == "__main__":
    main()
