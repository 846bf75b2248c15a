"""How often `sparsify`, with nothing set, keeps exactly the inputs that act: sparse formulas with idle inputs.

The formulas are drawn by the rule of `bench_attribution.py`, at 1000 rows uniform on (-1, 1); networks begin at [n, 5, 1].
Seeds 0 to 19 served development, 100 to 119 are reported. A set is exact if every input that acts has an edge, and no other.
Run: python -m benchmarks.bench_active_set [--seeds 100 120] [--noise 0.0] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import splinework as sw
from benchmarks.bench_attribution import generated


def run(seed: int, noise: float, rows: int = 1000) -> dict[str, Any]:
    """One formula: its active inputs and those that are left, both counted from 1."""
    function, random = generated(seed), np.random.default_rng([seed, 1])
    x = random.uniform(-1, 1, (rows, function.inputs))
    y = function(x)
    start = sw.KAN([function.inputs, 5, 1], generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    began = time.process_time()
    model = sw.sparsify(start, x, y + noise * y.std() * random.normal(size=rows), progress=False).model
    fresh = random.uniform(-1, 1, (rows, function.inputs))
    with torch.no_grad():
        error = model(torch.as_tensor(fresh))[:, 0].numpy() - function(fresh)
    return {
        "seed": seed,
        "noise": noise,
        "function": str(function),
        "inputs": function.inputs,
        "active": [i + 1 for i in function.active],
        "found": (model.kan_layers[0].alive.any(1).nonzero().ravel() + 1).tolist(),
        "shape": str(model.config.shape),
        "error": float(np.sqrt(np.mean(error**2)) / y.std()),
        "seconds": round(time.process_time() - began, 2),
    }


def main() -> None:
    """Prints a table in Markdown and the number of exact sets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs=2, default=(100, 120))
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    runs = []
    print("| function | inputs | active | found | relative RMSE | s |\n|---|---|---|---|---|---|")
    for seed in range(*given.seeds):
        one = run(seed, given.noise)
        runs.append(one)
        keys = ("function", "inputs", "active", "found")
        print(
            "| " + " | ".join(str(one[key]) for key in keys),
            f"| {one['error']:.1e} | {one['seconds']:.0f} |",
            flush=True,
        )
    exact = sum(one["active"] == one["found"] for one in runs)
    print(f"\nexact: {exact} of {len(runs)}; {sum(one['seconds'] for one in runs) / len(runs):.1f} s each")
    if given.out:
        given.out.write_text(json.dumps(runs, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
