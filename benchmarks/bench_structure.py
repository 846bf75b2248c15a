"""How often `sparsify` ends with exactly the three edges of exp(sin(πx) + y²), from [2, 5, 1].

Twenty seeds × penalties × grids, as in Liu et al. 2024, appendix C; 1000 uniform rows, float64. Only the structure is looked
for: accuracy stops at 1e-3. Runs are kept in the JSON file as they end, and a second call goes on with those that are missing.
Run: python benchmarks/bench_structure.py [--quick] [--out FILE]
"""

import argparse
import itertools
import json
import os
import time
from pathlib import Path
from typing import Any

import torch

import splinework as sw
from splinework.data import problem

EDGES = 3
SEEDS, PENALTIES, GRIDS = range(20), (1e-4, 1e-3, 1e-2, 1e-1), (3, 5, 10)
RESULTS = Path(__file__).parent / "results" / "structure.json"


def run(seed: int, penalty: float, grid: int) -> dict[str, Any]:
    """One structure: shape, number of edges, processor time in seconds, relative error."""
    x, y = problem("exp_sine").sample(1000, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    model = sw.KAN([2, 5, 1], grid=grid, generator=generator, dtype=torch.float64)
    began = time.process_time()
    result = sw.sparsify(model, x, y, penalty=penalty, seed=seed, progress=False, accuracy=1e-3)
    return {
        "seed": seed,
        "penalty": penalty,
        "grid": grid,
        "shape": result.model.config.shape,
        "edges": result.model.active_edges(),
        "seconds": time.process_time() - began,
        "error": result.history[-1].rmse_train / float(y.std()),
    }


def table(runs: list[dict[str, Any]]) -> str:
    """Share of runs with exactly the three edges, by penalty and grid, in Markdown."""
    lines = ["| penalty | " + " | ".join(f"grid {grid}" for grid in GRIDS) + " |", "|---" * (1 + len(GRIDS)) + "|"]
    for penalty in PENALTIES:
        cells = []
        for grid in GRIDS:
            own = [r["edges"] == EDGES for r in runs if (r["penalty"], r["grid"]) == (penalty, grid)]
            cells.append(f"{sum(own)} of {len(own)}")
        lines.append(f"| {penalty:g} | " + " | ".join(cells) + " |")
    right = sum(r["edges"] == EDGES for r in runs)
    seconds = sum(r["seconds"] for r in runs) / max(len(runs), 1)
    return "\n".join([*lines, "", f"{right} of {len(runs)} runs ({right / len(runs):.1%}); {seconds:.2f} s each"])


def main() -> None:
    """Goes through the runs that are missing, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two seeds only")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    runs = json.loads(arguments.out.read_text()) if arguments.out.exists() else []
    done = {(r["seed"], r["penalty"], r["grid"]) for r in runs}
    seeds = SEEDS[:2] if arguments.quick else SEEDS
    for case in itertools.product(seeds, PENALTIES, GRIDS):
        if case in done:
            continue
        runs.append(run(*case))
        fresh = arguments.out.with_suffix(".part")
        fresh.write_text(json.dumps(runs, indent=1))
        os.replace(fresh, arguments.out)
    print(table([r for r in runs if r["seed"] in seeds]))


if __name__ == "__main__":
    main()
