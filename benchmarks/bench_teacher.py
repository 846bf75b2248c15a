"""How often `sparsify` and `prune` find exactly the edges of a network whose edges are known.

`TeacherKAN((4, 3, 1), sparsity=0.5)` for each seed, 2000 rows with noise of 1 % of y's spread, from [4, 5, 1]; precision and
recall after nodes were matched by `aligned_edges`.
Run: python benchmarks/bench_teacher.py [--seeds 9]
"""

import argparse
import statistics
import time
import warnings

import torch

import splinework as sw
from splinework.knowledge.teach.alignment import aligned_edges
from splinework.knowledge.teach.teacher import TeacherKAN


def main() -> None:
    """Prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=9)
    warnings.simplefilter("ignore", sw.FitWarning)
    print("| seed | shape | precision | recall | least R² of an edge | before prune | processor s |")
    print("|---|---|---|---|---|---|---|")
    found = []
    for seed in range(parser.parse_args().seeds):
        teacher = TeacherKAN((4, 3, 1), sparsity=0.5, seed=seed).build()
        x, y = teacher.sample(2000, seed=seed, noise=0.01)
        began = time.process_time()
        model = sw.KAN([4, 5, 1], dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        sparse = sw.sparsify(model, x, y, seed=seed, progress=False, accuracy=1e-3).model
        spent = time.process_time() - began
        pruned = sw.prune(sparse, x)
        before, after = (aligned_edges(one, teacher.network, x) for one in (sparse, pruned))
        least = min((pair.r2 for pair in after.pairs if pair.student), default=float("nan"))
        found.append(after)
        print(
            f"| {seed} | {pruned.config.shape} | {after.precision:.2f} | {after.recall:.2f} | {least:.3f} | "
            f"{before.precision:.2f}, {before.recall:.2f} | {spent:.1f} |",
            flush=True,
        )
    exact = sum(one.precision == one.recall == 1 for one in found)
    means = (statistics.mean(one.precision for one in found), statistics.mean(one.recall for one in found))
    print(f"\n{exact} of {len(found)} exact; mean precision {means[0]:.2f}, mean recall {means[1]:.2f}")


if __name__ == "__main__":
    main()
