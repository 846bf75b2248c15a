"""Hello world, timed: [2, 5, 1] on 1000 rows of exp(sin(πx) + y²), sparsified, and turned into its formula.

Prints wall and processor time of each stage, the structure, the formula, and its error on fresh rows. Times include the
import of the package and of sympy. Run: python benchmarks/bench_hello.py
"""

import time

BEGAN = time.perf_counter(), time.process_time()

import numpy as np  # noqa: E402  # the clock runs before the imports
import torch  # noqa: E402

import splinework as sw  # noqa: E402
from splinework.data import problem  # noqa: E402


def main() -> None:
    """Prints a table in Markdown, and the formula."""
    recipe = problem("exp_sine")
    x, y = recipe.sample(1000, seed=0)
    fresh_x, fresh_y = recipe.sample(10_000, seed=1)
    model = sw.KAN([2, 5, 1], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    starts = [("import and data", BEGAN), ("sparsify", (time.perf_counter(), time.process_time()))]
    small = sw.sparsify(model, x, y, progress=False).model
    starts.append(("symbolify", (time.perf_counter(), time.process_time())))
    formula = sw.symbolify(small, x, y).best
    ended = (time.perf_counter(), time.process_time())
    print("| stage | wall, s | processor, s |\n|---|---|---|")
    for (name, start), (_, end) in zip(starts, [*starts[1:], ("", ended)], strict=True):
        print(f"| {name} | {end[0] - start[0]:.2f} | {end[1] - start[1]:.2f} |")
    print(f"| all | {ended[0] - BEGAN[0]:.2f} | {ended[1] - BEGAN[1]:.2f} |\n")
    with torch.no_grad():
        network = small(torch.from_numpy(fresh_x))[:, 0].numpy()
    print(f"structure: {small.config.shape} with {small.active_edges()} active edges")
    print(f"RMSE of the network on fresh rows: {_rmse(network, fresh_y):.3g}")
    print(f"formula: {formula.text}")
    print(f"RMSE of the formula on fresh rows: {_rmse(formula.numpy()(fresh_x), fresh_y):.3g}")


def _rmse(values: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(np.square(values - truth.reshape(-1)).mean()))


if __name__ == "__main__":
    main()
