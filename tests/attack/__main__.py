"""`python -m tests.attack --seed 0 --models 600`: exit code 1 where a verdict is false or a forged certificate is accepted.

What each seed gave is kept in `build/attack.jsonl`, so that a run goes on where it was stopped, and runs of other seeds add to
it; the sum over all of them is written to `benchmarks/results/attack.json`. Only results of the same prover and checker count.
"""

import argparse
import hashlib
import json
import sys
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.lines import append, read
from tests.attack.campaign import attack

ROOT = Path(__file__).resolve().parents[2]
KEPT, SUMMARY = ROOT / "build" / "attack.jsonl", ROOT / "benchmarks" / "results" / "attack.json"


def main() -> int:
    """Runs the campaign and prints what it found."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--models", type=int, default=600, help="seeds, of five models each, about 17 claims")
    parser.add_argument("--budget", type=float, default=0.3, help="units of work for the claims of a model")
    parser.add_argument("--summary", type=Path, default=SUMMARY, help="where the sum is written")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    version, done = sources(), kept()
    for seed in range(given.seed, given.seed + given.models):
        if (version, given.budget, seed) in done:
            continue
        start = time.process_time()
        report = attack(range(seed, seed + 1), budget=given.budget)
        entry = {
            "sources": version,
            "budget": given.budget,
            "seed": seed,
            "verdicts": [[*key, count] for key, count in report.verdicts.items()],
            "forged": report.forged,
            "failures": report.failures,
            "seconds": round(time.process_time() - start, 2),
        }
        append(KEPT, entry)
        for failure in report.failures:
            print(failure, flush=True)
        if seed % 25 == 24:
            print(f"seed {seed}", flush=True)
    found = summary([entry for key, entry in kept().items() if key[:2] == (version, given.budget)])
    given.summary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))
    return 1 if found["failures"] else 0


def sources() -> str:
    """A digest of the prover, the checker and the campaign."""
    axioms, found = ROOT / "src" / "splinework" / "knowledge" / "axioms", hashlib.sha256()
    for folder in (axioms / "verify", axioms / "checker", ROOT / "tests" / "attack"):
        for file in sorted(folder.rglob("*.py")):
            found.update(file.read_bytes())
    return found.hexdigest()[:16]


def kept() -> dict[tuple[str, float, int], dict[str, Any]]:
    """What was found before, by sources, budget and seed."""
    return {(entry["sources"], entry["budget"], entry["seed"]): entry for entry in read(KEPT)}


def summary(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """The sum over seeds."""
    verdicts: Counter[str] = Counter()
    for entry in entries:
        for kind, status, count in entry["verdicts"]:
            verdicts[f"{kind}: {status}"] += count
    return {
        "sources": entries[0]["sources"] if entries else "",
        "seeds": len(entries),
        "first seed": min((entry["seed"] for entry in entries), default=0),
        "last seed": max((entry["seed"] for entry in entries), default=0),
        "claims": sum(count for key, count in verdicts.items() if "refused" not in key),
        "forged": sum(entry["forged"] for entry in entries),
        "failures": [failure for entry in entries for failure in entry["failures"]],
        "seconds of the process": round(sum(entry["seconds"] for entry in entries), 1),
        "verdicts": dict(sorted(verdicts.items())),
    }


if __name__ == "__main__":
    sys.exit(main())
