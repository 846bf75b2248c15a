"""Run: python -m tests.fuzz [--seconds 600] [--seed 0] [--target NAME,…] [--first N] [--most N]."""

from __future__ import annotations

import argparse
import sys

from tests.fuzz.cases import run
from tests.fuzz.targets import TARGETS


def main() -> int:
    """Runs the targets in turn, and prints a line for each, with its failures below it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="processor time in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", default=",".join(TARGETS))
    parser.add_argument("--first", type=int, default=0, help="number of the first case of each target")
    parser.add_argument("--most", type=int, default=None, help="number of cases of each target")
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
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
