"""How often `find_structure` finds separability, symmetries and the tree of modules from rows: 60 functions with known structure.

Functions are drawn by the rule of `separability_cases.py`: seeds 0 to 29 served development, 30 to 59 are reported. Each is
sampled at 1000 rows with noise of 0, 1 and 5 % of its spread. Counted are three answers a function: the kind and the groups at
the root (separability), all symmetries (invariances, exchange, parity, idle inputs), and the whole tree; further the share of
structures that hold and are rejected (false alarms, to compare with the level of 1 %), and of those that do not hold and are not
rejected. Run: python -m benchmarks.bench_separability [--seeds 30 60] [--noises 0 0.01 0.05] [--rows 1000] [--out FILE]
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from benchmarks.separability_cases import case
from splinework.interpret.structure import Structure, StructureNode, find_structure

ROOT_KINDS = ("sum", "product")
SYMMETRIES = ("idle", "invariance", "exchange", "even", "odd")


def root(tree: StructureNode | None) -> tuple[str, frozenset[frozenset[str]]]:
    """How the root separates, and into which groups; others are one group."""
    if tree is None or tree.kind not in ROOT_KINDS:
        return "", frozenset()
    return tree.kind, frozenset(frozenset(child.inputs) for child in tree.children)


def symmetries(found: Structure) -> frozenset[str]:
    """The symmetries that hold."""
    return frozenset(each.statement for each in found.holding if each.kind in SYMMETRIES)


def run(seed: int, rows: int, noise: float) -> dict[str, Any]:
    """One function at one noise: what is right."""
    known = case(seed)
    began = time.process_time()
    found = find_structure(*known.sample(rows, noise, 1000 + seed))
    truth = {each.statement: each.holds for each in known.truth.findings}
    tested = [(truth[each.statement], each) for each in found.findings if each.statement in truth]
    return {
        "seed": seed,
        "noise": noise,
        "seconds": time.process_time() - began,
        "separability": root(found.tree) == root(known.truth.tree),
        "symmetry": symmetries(found) == symmetries(known.truth),
        "tree": found.tree is not None and found.tree.key == known.key,
        "true": sum(holds for holds, _ in tested),
        "rejected": sum(holds and not each.holds for holds, each in tested),
        "false": sum(not holds for holds, _ in tested),
        "accepted": sum(not holds and each.holds for holds, each in tested),
        "wrong": [str(each) for holds, each in tested if holds != each.holds],
        "found": found.formula(),
        "known": known.truth.formula(),
    }


def table(runs: list[dict[str, Any]]) -> str:
    """Right answers by noise, in Markdown."""
    lines = [
        "| noise | separability | symmetry | tree | all three | false alarms | missed violations | s |",
        "|---" * 8 + "|",
    ]
    for noise in sorted({r["noise"] for r in runs}):
        own = [r for r in runs if r["noise"] == noise]
        cells = [f"{sum(r[k] for r in own)}/{len(own)}" for k in ("separability", "symmetry", "tree")]
        share = sum(r[k] for r in own for k in ("separability", "symmetry", "tree")) / (3 * len(own))
        alarms = f"{sum(r['rejected'] for r in own)}/{sum(r['true'] for r in own)}"
        missed = f"{sum(r['accepted'] for r in own)}/{sum(r['false'] for r in own)}"
        seconds = sum(r["seconds"] for r in own) / len(own)
        lines.append(f"| {noise:.0%} | {' | '.join(cells)} | {share:.1%} | {alarms} | {missed} | {seconds:.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Runs all functions at all noises and prints the table; wrong answers are listed before it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs=2, default=(30, 60))
    parser.add_argument("--noises", type=float, nargs="+", default=(0.0, 0.01, 0.05))
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    runs = []
    for seed in range(*options.seeds):
        for noise in options.noises:
            runs.append(run(seed, options.rows, noise))
            last = runs[-1]
            if last["wrong"] or not (last["separability"] and last["symmetry"] and last["tree"]):
                print(f"seed {seed}, noise {noise:.0%}: {last['found']}  |  {last['known']}")
                print("".join(f"    {text}\n" for text in last["wrong"]), end="", flush=True)
    print(table(runs))
    if options.out:
        options.out.write_text(json.dumps(runs, indent=1))


if __name__ == "__main__":
    main()
