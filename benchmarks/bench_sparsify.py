"""How often `sparsify` ends with exactly the right structure.

`edges`: the three edges of exp(sin(πx) + y²) from [2, 5, 1], seeds × penalties × grids as in Liu et al. 2024, appendix C; 1000
rows. `inputs`: the inputs that act in the sparse formulas of `bench_attribution.py`, from [n, 5, 1] with nothing set; 1000 rows.
Seeds 0 to 19 served development, 100 to 119 are reported. A set is exact if every input that acts has an edge, and no other.
`teacher`: the edges of `TeacherKAN((4, 3, 1), sparsity=0.5)` from [4, 5, 1], after `prune`; 2000 rows with noise of 1 % of y's
spread; precision and recall after nodes were matched by `aligned_edges`.

Runs are kept in a JSON file as they end, and a second call goes on with those that are missing.
Run: python -m benchmarks.bench_sparsify edges|inputs|teacher [--seeds FIRST END] [--noise 0.0] [--out FILE]
"""

import argparse
import json
import os
import time
import warnings
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

import splinework as sw
from benchmarks.bench_attribution import generated
from splinework.data import problem
from splinework.knowledge.teach.alignment import aligned_edges
from splinework.knowledge.teach.teacher import TeacherKAN

PENALTIES, GRIDS = (1e-4, 1e-3, 1e-2, 1e-1), (3, 5, 10)
RESULTS = Path(__file__).parent / "results"
Record = dict[str, Any]


def network(shape: list[int], seed: int, **options: Any) -> sw.KAN:
    """A random network to begin with."""
    return sw.KAN(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64, **options)


def edges(seed: int, penalty: float, grid: int) -> Record:
    """One structure: accuracy stops at 1e-3."""
    x, y = problem("exp_sine").sample(1000, seed=seed)
    model = network([2, 5, 1], seed, grid=grid)
    result = sw.sparsify(model, x, y, penalty=penalty, seed=seed, progress=False, accuracy=1e-3)
    error = result.history[-1].rmse_train / float(y.std())
    return {"shape": result.model.config.shape, "edges": result.model.active_edges(), "error": error}


def inputs(seed: int, noise: float, rows: int = 1000) -> Record:
    """One formula: its active inputs and those that are left, both counted from 1."""
    function, random = generated(seed), np.random.default_rng([seed, 1])
    x = random.uniform(-1, 1, (rows, function.inputs))
    y = function(x)
    noisy = y + noise * y.std() * random.normal(size=rows)
    model = sw.sparsify(network([function.inputs, 5, 1], seed), x, noisy, progress=False).model
    fresh = random.uniform(-1, 1, (rows, function.inputs))
    with torch.no_grad():
        error = model(torch.as_tensor(fresh))[:, 0].numpy() - function(fresh)
    return {
        "function": str(function),
        "inputs": function.inputs,
        "active": [i + 1 for i in function.active],
        "found": (model.kan_layers[0].alive.any(1).nonzero().ravel() + 1).tolist(),
        "shape": str(model.config.shape),
        "error": float(np.sqrt(np.mean(error**2)) / y.std()),
    }


def teacher(seed: int) -> Record:
    """One teacher: precision and recall of the edges."""
    known = TeacherKAN((4, 3, 1), sparsity=0.5, seed=seed).build()
    x, y = known.sample(2000, seed=seed, noise=0.01)
    sparse = sw.sparsify(network([4, 5, 1], seed), x, y, seed=seed, progress=False, accuracy=1e-3).model
    pruned = sw.prune(sparse, x)
    before, after = (aligned_edges(one, known.network, x) for one in (sparse, pruned))
    return {
        "shape": str(pruned.config.shape),
        "precision": after.precision,
        "recall": after.recall,
        "least R² of an edge": min((pair.r2 for pair in after.pairs if pair.student), default=float("nan")),
        "before prune": f"{before.precision:.2f}, {before.recall:.2f}",
    }


KINDS = {
    "edges": (edges, (0, 20), "structure.json", lambda run: run["edges"] == 3),
    "inputs": (inputs, (100, 120), "active_set.json", lambda run: run["active"] == run["found"]),
    "teacher": (teacher, (0, 9), "teacher.json", lambda run: run["precision"] == run["recall"] == 1),
}
"""What runs, seeds, the file of results, and whether a run is exact."""


def main() -> None:
    """Goes through the runs that are missing; prints all in Markdown, and how many are exact."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=list(KINDS))
    parser.add_argument("--seeds", type=int, nargs=2)
    parser.add_argument("--noise", type=float, default=0.0, help="of `inputs`, as a share of y's spread")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore", sw.FitWarning)
    run, seeds, name, exact = KINDS[given.kind]
    out = given.out or RESULTS / name
    kept: list[Record] = json.loads(out.read_text()) if out.exists() else []
    axes: dict[str, Any] = {"seed": range(*(given.seeds or seeds))}
    axes |= {"edges": {"penalty": PENALTIES, "grid": GRIDS}, "inputs": {"noise": (given.noise,)}}.get(given.kind, {})
    shown = []
    for values in product(*axes.values()):
        settings = dict(zip(axes, values, strict=True))
        one = next((each for each in kept if settings.items() <= each.items()), None)
        if one is None:
            began = time.process_time()
            one = {**settings, **run(**settings)}
            kept.append(one | {"seconds": round(time.process_time() - began, 2)})
            fresh = out.with_suffix(".part")
            fresh.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
            os.replace(fresh, out)
            one = kept[-1]
        if not shown:
            print(f"| {' | '.join(one)} |\n|{'---|' * len(one)}")
        shown.append(one)
        cells = (f"{value:.3g}" if isinstance(value, float) else str(value) for value in one.values())
        print(f"| {' | '.join(cells)} |", flush=True)
    right, seconds = sum(map(exact, shown)), sum(each["seconds"] for each in shown) / len(shown)
    print(f"\nexact: {right} of {len(shown)}; {seconds:.1f} s each")


if __name__ == "__main__":
    main()
