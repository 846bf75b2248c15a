"""Run: python -m tests.fuzz [--seconds 600] [--seed 0] [--target NAME,…] [--first N] [--most N] [--record]."""

from __future__ import annotations

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
    parser.add_argument("--record", action="store_true", help="write the numbers into benchmarks/results/fuzz.json")
    given = parser.parse_args()
    names, failed, rows = given.target.split(","), 0, {}
    for name in names:
        found = run(
            name, TARGETS[name], seed=given.seed, seconds=given.seconds / len(names), first=given.first, most=given.most
        )
        failed += len(found.failures)
        rows[name] = {"cases": found.cases, "read": found.read, "refused": found.refused, "failed": len(found.failures)}
        print(
            f"{name:12} {found.cases:7} cases: {found.read} read, {found.refused} refused, {len(found.failures)} failed",
            flush=True,
        )
        for failure in found.failures[:20]:
            print(f"  {failure}", flush=True)
    if given.record:
        known = json.loads(RECORD.read_text(encoding="utf-8"))["targets"] if RECORD.is_file() else {}
        targets = {name: rows.get(name, known.get(name)) for name in TARGETS if name in rows or name in known}
        total = {key: sum(row[key] for row in targets.values()) for key in ("cases", "failed")}
        RECORD.write_text(json.dumps({"total": total, "targets": targets}, indent=1) + "\n", encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
