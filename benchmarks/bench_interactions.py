"""The p-values of interactions: false alarms at stated levels, and pairs that are found, on generated functions with noise.

The functions are those of `bench_attribution.py`: sums of functions of one input and products of two, with idle inputs. Rows are
uniform; `correlated` mixes inputs (correlation about 0.4), `heteroscedastic` noise grows with two inputs. A network [n, 5, 1] is
fitted to the first half of the rows by `sw.fit`, and the pairs are tested on the other half; `seen` tests on the rows of the fit,
which the documents advise against. Noise is a share of the standard deviation of the function.

Run: python -m benchmarks.bench_interactions [--functions 40] [--rows 500] [--noise 0.2] [--budget 2] [--kinds …]
"""

import argparse

import numpy as np
import torch
from numpy.typing import NDArray

import splinework as sw
from benchmarks.bench_attribution import Sparse, generated
from splinework.interpret.importance import interactions

KINDS = ("uniform", "correlated", "heteroscedastic", "seen")
LEVELS = (0.05, 0.01)
Floats = NDArray[np.float64]


def data(function: Sparse, kind: str, rows: int, noise: float, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Rows and noisy targets."""
    x = generator.uniform(-1, 1, (rows, function.inputs))
    if kind == "correlated":
        shared = generator.uniform(-1, 1, (rows, 1))
        x = 0.55 * x + 0.45 * shared
    values = function(x)
    size = noise * values.std() * (np.exp(x[:, 0] + x[:, -1]) if kind == "heteroscedastic" else 1.0)
    return x, values + size * generator.normal(size=rows)


def p_values(seed: int, kind: str, rows: int, noise: float, budget: float) -> tuple[list[float], list[float]]:
    """P-values of the pairs that do not act together, and of those that do."""
    function = generated(seed)
    if function.inputs < 2:
        return [], []
    x, y = data(function, kind, 2 * rows, noise, np.random.default_rng([seed, KINDS.index(kind)]))
    model = sw.KAN([function.inputs, 5, 1], generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    fitted = sw.fit(model, x[:rows], y[:rows], progress=False, budget=budget).model
    own = slice(None, rows) if kind == "seen" else slice(rows, None)
    found = interactions(fitted, x[own], y[own], samples=1024)
    together = {tuple(sorted(i for i, _ in factors)) for _, factors in function.terms if len(factors) == 2}
    assert found.p_value is not None
    pairs = list(zip(found.pairs, found.p_value[:, 0].tolist(), strict=True))
    return [p for pair, p in pairs if pair not in together], [p for pair, p in pairs if pair in together]


def main() -> None:
    """Prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--functions", type=int, default=40)
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--noise", type=float, default=0.2)
    parser.add_argument("--budget", type=float, default=2.0)
    parser.add_argument("--kinds", nargs="*", default=KINDS, choices=KINDS)
    given = parser.parse_args()
    print(
        "| rows | idle pairs | below 0.05 | below 0.01 | acting pairs | below 0.05 | below 0.01 |\n|---|---|---|---|---|---|---|"
    )
    for kind in given.kinds:
        both = [p_values(seed, kind, given.rows, given.noise, given.budget) for seed in range(given.functions)]
        cells = [kind]
        for part in zip(*both, strict=True):
            values = np.array([p for each in part for p in each])
            cells += [str(len(values)), *(f"{np.mean(values < level):.3f}" for level in LEVELS)]
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
