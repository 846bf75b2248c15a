"""Processor time of reading a network: attribution, the diagram, explanations, and Feynman's formulas as networks.

- attribution of a [20, 20, 5] network on 10,000 rows;
- the diagram of a [5, 10, 5, 1] network on 1000 rows, drawn to pixels, the first and the second time in a process;
- explanations of 10,000 predictions of an [8, 6, 1] network, and by how much their terms miss the predictions;
- the 120 formulas of the Feynman set compiled by `sw.from_formula`, and the largest difference to sympy on 200 rows, as a share
  of the spread of the values.

Run: python -m benchmarks.bench_reading
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import splinework as sw
from splinework.data import feynman, feynman_ids
from splinework.formula.parse import parse_formula
from splinework.interpret.scores import attribution
from splinework.interpret.symbolic.expression import compile_expression
from splinework.report.plot import plot


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor time of a call, and its result."""
    began = time.process_time()
    found = work()
    return time.process_time() - began, found


def network(shape: list[int], rows: int) -> tuple[sw.KAN, torch.Tensor]:
    """A network of a seed, and rows."""
    generator = torch.Generator().manual_seed(0)
    model = sw.KAN(shape, generator=generator, dtype=torch.float64)
    return model, 2 * torch.rand(rows, shape[0], generator=generator, dtype=torch.float64) - 1


def compiled() -> tuple[float, float, int]:
    """Seconds to compile all formulas, the largest relative difference to sympy, and how many there are."""
    total, worst, count = 0.0, 0.0, 0
    for name in feynman_ids(table="dimensional"):
        law = feynman(name, table="dimensional")
        ranges = dict(zip(law.inputs, zip(law.low, law.high, strict=True), strict=True))
        own, model = seconds(lambda text=law.formula, ranges=ranges: sw.from_formula(text, ranges))
        generator = np.random.default_rng(0)
        x = np.stack([generator.uniform(*ends, 200) for ends in ranges.values()], axis=1)
        wanted = compile_expression(parse_formula(law.formula, law.inputs), law.inputs)(x)
        spread = float(np.std(wanted)) or 1.0
        with torch.no_grad():
            found = model(torch.from_numpy(x)).numpy()[:, 0]
        total, count = total + own, count + 1
        worst = max(worst, float(np.abs(found - wanted).max()) / spread)
    return total, worst, count


def main() -> None:
    """Prints a table in Markdown."""
    print("| what | seconds of processor time | |\n|---|---|---|")
    model, x = network([20, 20, 5], 10_000)
    attribution(model, x[:100])
    print(f"| attribution of [20, 20, 5], 10,000 rows | {seconds(lambda: attribution(model, x))[0]:.2f} | |")
    model, x = network([5, 10, 5, 1], 1000)
    for number in ("first", "second"):
        spent, _ = seconds(lambda: plot(model, x).figure.canvas.draw())
        print(f"| diagram of [5, 10, 5, 1], the {number} | {spent:.2f} | |")
    model, x = network([8, 6, 1], 10_000)
    spent, found = seconds(lambda: sw.explain(model, x))
    missed = float(np.abs(found.base + found.terms.sum(axis=1) - found.prediction).max())
    print(f"| explanations of 10,000 predictions of [8, 6, 1] | {spent:.2f} | sums miss by {missed:.1e} |")
    spent, worst, count = compiled()
    print(
        f"| {count} Feynman formulas compiled | {spent:.2f} | difference to sympy {worst:.1e} of the spread |",
        flush=True,
    )


if __name__ == "__main__":
    main()
