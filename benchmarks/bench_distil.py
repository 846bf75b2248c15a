"""How close `distil` brings a student to teachers of several kinds, on rows and on the box, with the usual settings.

sin 2a + bc on 500 rows in [-1, 1]³, learned by each teacher first (classifiers: whether it is above 0).
Run: python benchmarks/bench_distil.py [--teachers torch boosting]
"""

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPRegressor

from splinework.errors import FitWarning
from splinework.knowledge.teach.distil import distil
from splinework.knowledge.teach.query_points import QueryPoints

X = np.random.default_rng(0).uniform(-1, 1, (500, 3))
Y = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2]


def perceptron() -> torch.nn.Module:
    """16 tanh nodes, 500 steps of Adam."""
    net = torch.nn.Sequential(torch.nn.Linear(3, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1)).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    x, y = torch.tensor(X), torch.tensor(Y)[:, None]
    for _ in range(500):
        optimiser.zero_grad()
        (net(x) - y).square().mean().backward()
        optimiser.step()
    return net


TEACHERS: dict[str, tuple[Callable[[], Any], QueryPoints]] = {
    "torch": (perceptron, QueryPoints()),
    "torch, 150 points": (perceptron, QueryPoints(150)),
    "boosting": (lambda: GradientBoostingRegressor(random_state=0).fit(X, Y), QueryPoints()),
    "boosting, blurred": (lambda: GradientBoostingRegressor(random_state=0).fit(X, Y), QueryPoints(1000, blur=0.05)),
    "perceptron": (
        lambda: MLPRegressor(hidden_layer_sizes=(32, 32), max_iter=500, random_state=0).fit(X, Y),
        QueryPoints(),
    ),
    "logistic": (lambda: LogisticRegression().fit(X, Y > 0), QueryPoints()),
    "forest": (lambda: RandomForestClassifier(50, random_state=0).fit(X, Y > 0), QueryPoints()),
}


def main() -> None:
    """Prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--teachers", nargs="*", default=list(TEACHERS))
    warnings.simplefilter("ignore", FitWarning)
    print("| teacher | 1 - R² on rows | on the box | same class | processor s | notes |\n|---|---|---|---|---|---|")
    for name in parser.parse_args().teachers:
        make, points = TEACHERS[name]
        teacher, began = make(), time.process_time()
        found = distil(teacher, X, points=points, progress=False)
        spent = time.process_time() - began
        print(f"| {name} | {1 - found.rows:.2g} | {1 - found.box:.2g} | {found.agreement:.3f} | {spent:.1f} |", end=" ")
        print("; ".join(found.notes) + " |", flush=True)


if __name__ == "__main__":
    main()
