"""Attribution after a plain fit: 30 generated functions with idle inputs and known Sobol indices.

Rule of the functions, by seed: 2 to 6 inputs, uniform on (-1, 1), of which at least one is idle and at most four act. Each acting
input has a term `c g(x_i)` or is a factor of a product `c g(x_i) h(x_j)`, with g and h drawn from nine functions and c from
±(0.5, 2). The indices are exact, by Gauss–Legendre quadrature over the acting inputs. A network [n, 5, 1] is fitted to 1000
rows without noise by `sw.fit` as it is.

Prints, function by function, the largest error of an input's total and first-order share, the largest share of an idle input, and
for comparison the largest KAN 2.0 score of an idle input. Run: python benchmarks/bench_attribution.py [--functions 30]
[--budget 10]
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import splinework as sw
from splinework.interpret.scores import attribution

Floats = NDArray[np.float64]
SHAPES: dict[str, Callable[[Floats], Floats]] = {
    "{}": lambda x: x,
    "{}**2": np.square,
    "{}**3": lambda x: x**3,
    "sin(3*{})": lambda x: np.sin(3 * x),
    "cos(2*{})": lambda x: np.cos(2 * x),
    "exp({})": np.exp,
    "tanh(3*{})": lambda x: np.tanh(3 * x),
    "1/(2+{})": lambda x: 1 / (2 + x),
    "log(2+{})": lambda x: np.log(2 + x),
}
POINTS = 16


@dataclass(frozen=True)
class Sparse:
    """A sum of terms, each a number and the shapes of one or two inputs."""

    inputs: int
    terms: tuple[tuple[float, tuple[tuple[int, str], ...]], ...]

    def __call__(self, x: Floats) -> Floats:
        parts = (c * np.prod([SHAPES[shape](x[:, i]) for i, shape in factors], axis=0) for c, factors in self.terms)
        return np.asarray(sum(parts))

    def __str__(self) -> str:
        texts = ("*".join([f"{c:.2f}", *(s.format(f"x{i + 1}") for i, s in factors)]) for c, factors in self.terms)
        return " + ".join(texts)

    @property
    def active(self) -> list[int]:
        """The inputs that act."""
        return sorted({i for _, factors in self.terms for i, _ in factors})

    def indices(self) -> tuple[Floats, Floats]:
        """First-order and total Sobol indices, `(inputs,)` each."""
        nodes, weights = np.polynomial.legendre.leggauss(POINTS)
        weights = weights / 2
        active = self.active
        grid = np.meshgrid(*[nodes] * len(active), indexing="ij")
        x = np.zeros((grid[0].size, self.inputs))
        x[:, active] = np.stack([each.ravel() for each in grid], axis=1)
        values = self(x).reshape([POINTS] * len(active))

        def mean(array: Floats, axes: list[int]) -> Floats:
            for axis in sorted(axes, reverse=True):
                array = np.tensordot(array, weights, axes=(axis, 0))
            return array

        places = list(range(len(active)))
        values = values - mean(values, places)
        whole = float(mean(values**2, places))
        first, total = np.zeros(self.inputs), np.zeros(self.inputs)
        for place, i in enumerate(active):
            others = [other for other in places if other != place]
            first[i] = mean(mean(values, others) ** 2, [0]) / whole
            total[i] = 1 - mean(mean(values, [place]) ** 2, list(range(len(others)))) / whole
        return first, total


def generated(seed: int) -> Sparse:
    """The function of a seed."""
    generator = np.random.default_rng(seed)
    inputs = int(generator.integers(2, 7))
    active = generator.permutation(inputs)[: generator.integers(1, min(inputs, 5))].tolist()
    shapes = list(SHAPES)

    def factor(i: int) -> tuple[int, str]:
        return i, shapes[generator.integers(len(shapes))]

    def number() -> float:
        return float(generator.uniform(0.5, 2) * generator.choice([-1, 1]))

    terms = []
    while active:
        pair = len(active) > 1 and generator.random() < 0.5
        own = [active.pop() for _ in range(1 + pair)]
        terms.append((number(), tuple(factor(i) for i in own)))
    return Sparse(inputs, tuple(terms))


def errors(function: Sparse, *, seed: int, rows: int = 1000, hidden: int = 5, **options: Any) -> dict[str, float]:
    """Errors of the shares after a plain fit, or one with options."""
    x = np.random.default_rng([seed, 1]).uniform(-1, 1, (rows, function.inputs))
    model = sw.KAN([function.inputs, hidden, 1], generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    result = sw.fit(model, x, function(x), progress=False, **options)
    found = sw.importance(result.model, x)
    first, total = function.indices()
    idle = [i for i in range(function.inputs) if i not in function.active]
    scores = attribution(result.model, x).inputs.numpy()
    return {
        "total": float(np.abs(found.sobol.total[:, 0] - total).max()),
        "first": float(np.abs(found.sobol.first[:, 0] - first).max()),
        "idle": float(found.sobol.total[idle, 0].max()),
        "idle, KAN 2.0": float(scores[idle].max()),
    }


def main() -> None:
    """Prints a table in Markdown, and the worst of each column."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--functions", type=int, default=30)
    parser.add_argument("--budget", type=float, default=None, help="seconds of each fit")
    given = parser.parse_args()
    found = []
    print("| function | inputs | total | first | idle | idle, KAN 2.0 |\n|---|---|---|---|---|---|")
    for seed in range(given.functions):
        function = generated(seed)
        found.append(errors(function, seed=seed, budget=given.budget))
        print(
            f"| {function} | {function.inputs} | " + " | ".join(f"{value:.4f}" for value in found[-1].values()),
            "|",
            flush=True,
        )
    print("| largest | | " + " | ".join(f"{max(each[key] for each in found):.4f}" for key in found[0]), "|")


if __name__ == "__main__":
    main()
