"""Run: python -m tests.fuzz [--seconds 600] [--seed 0] [--target NAME,…] [--first N] [--most N] [--record]."""

import argparse
import json
import sys

from tests.fuzz.cases import run
from tests.fuzz.targets import TARGETS
from tests.loop.parts import ROOT

RECORD = ROOT / "benchmarks" / "results" / "fuzz.json"


def main() -> int:
    """Runs the targets in turn, and prints a line for each, with its failures below it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="processor time in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", default=",".join(TARGETS))
    parser.add_argument("--first", type=int, default=0, help="number of the first case of each target")
    parser.add_argument("--most", type=int, default=None, help="number of cases of each target")
    parser.add_argument("--record", action="store_true", help="add the numbers to benchmarks/results/fuzz.json")
    given = parser.parse_args()
    names, failed = given.target.split(","), 0
    for name in names:
        found = run(
            name, TARGETS[name], seed=given.seed, seconds=given.seconds / len(names), first=given.first, most=given.most
        )
        failed += len(found.failures)
        print(
            f"{name:12} {found.cases:7} cases: {found.read} read, {found.refused} refused, {len(found.failures)} failed",
            flush=True,
        )
        for failure in found.failures[:20]:
            print(f"  {failure}", flush=True)
        if given.record:
            counts = {"cases": found.cases, "read": found.read, "refused": found.refused, "failed": len(found.failures)}
            recorded(name, given.seed, counts)
    return 1 if failed else 0


def recorded(name: str, seed: int, counts: dict[str, int]) -> None:
    """Adds what a target gave with a seed to the sum of earlier seeds."""
    known = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else {}
    targets, seeds = known.get("targets", {}), known.get("seeds", [])
    targets[name] = {key: targets.get(name, {}).get(key, 0) + count for key, count in counts.items()}
    targets = {each: targets[each] for each in TARGETS if each in targets}
    total = {key: sum(row[key] for row in targets.values()) for key in ("cases", "failed")}
    found = {"total": total, "seeds": sorted({*seeds, seed}), "targets": targets}
    RECORD.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
