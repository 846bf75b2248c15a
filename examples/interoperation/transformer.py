"""A transformer block whose MLP is a KAN, on a small task in which numbers have to be looked up and worked on.

A sequence holds pairs of a mark and a number, `(k, v_k)`, in random order, and ends with a question k. The answer is
`sin(π v_k) + v_k²`: attention finds the pair, the layer behind it must know the function. The MLP beside it has as many
parameters.

Run: python examples/interoperation/transformer.py (about a minute on one core; --quick for a few seconds)
"""

import argparse
import time

import torch
from torch import Tensor, nn

from splinework import KANLayer

MARKS, WIDTH = 6, 16


def questions(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sequences `(N, 7, 8)` (mark as one-hot, number, whether it is the question) and answers `(N, 1)`."""
    order = torch.rand(count, MARKS, generator=generator).argsort(1)
    numbers = 2 * torch.rand(count, MARKS, generator=generator) - 1
    asked = torch.randint(MARKS, (count,), generator=generator)
    x = torch.zeros(count, MARKS + 1, MARKS + 2)
    x[:, :-1, :MARKS] = nn.functional.one_hot(order, MARKS)
    x[:, :-1, MARKS] = numbers
    x[:, -1, :MARKS] = nn.functional.one_hot(asked, MARKS)
    x[:, -1, MARKS + 1] = 1.0
    v = numbers.gather(1, (order == asked[:, None]).int().argmax(1)[:, None])
    return x, torch.sin(torch.pi * v) + v**2


class Block(nn.Module):
    """Pre-norm: attention, then what it is given."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.enter = nn.Linear(MARKS + 2, WIDTH)
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(3))
        self.attention = nn.MultiheadAttention(WIDTH, 2, batch_first=True)
        self.inner, self.leave = inner, nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.enter(x)
        n = self.norms[0](h)
        h = h + self.attention(n, n, n, need_weights=False)[0]
        h = h + self.inner(self.norms[1](h))
        return self.leave(self.norms[2](h)[:, -1])


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def inners() -> dict[str, nn.Module]:
    """A drop-in takes `(…, WIDTH)` to `(…, WIDTH)`. The domain is that of a layer norm's numbers."""
    kan = KANLayer(WIDTH, WIDTH, grid=6, domain=(-2.5, 2.5), init="power")
    hidden = round((count(kan) - WIDTH) / (2 * WIDTH + 1))
    return {"KAN": kan, "MLP": nn.Sequential(nn.Linear(WIDTH, hidden), nn.GELU(), nn.Linear(hidden, WIDTH))}


def train(net: nn.Module, steps: int, generator: torch.Generator) -> None:
    """Adam on fresh questions. Grids need not follow: the layer norm keeps what they see in place."""
    optimiser = torch.optim.Adam(net.parameters(), lr=4e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=4e-3, total_steps=steps)
    for _ in range(steps):
        x, y = questions(256, generator)
        optimiser.zero_grad()
        nn.functional.mse_loss(net(x), y).backward()
        optimiser.step()
        schedule.step()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed, few steps")
    quick = parser.parse_args().quick
    seeds, steps = (1, 40) if quick else (2, 2500)
    test_x, test_y = questions(4000, torch.Generator().manual_seed(99))
    print(f"spread of the answers {float(test_y.std()):.3f}; {steps} steps of 256 fresh questions")
    for seed in range(seeds):
        for name in ("KAN", "MLP"):
            with torch.random.fork_rng():  # torch's layers draw from its own generator
                torch.manual_seed(seed)
                net = Block(inners()[name])
            began = time.process_time()
            train(net, steps, torch.Generator().manual_seed(seed))
            with torch.no_grad():
                error = float((net(test_x) - test_y).square().mean().sqrt())
            took = time.process_time() - began
            print(
                f"seed {seed}  {name}  {count(net.inner):5d} of {count(net)} parameters  RMSE {error:.4f}  {took:5.1f} s of CPU"
            )


if __name__ == "__main__":
    main()
