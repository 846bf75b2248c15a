"""Faults at random instants, resumably: what has been tried is kept in `build/kills.jsonl`.

Run: python -m tests.faults [--instants 1000] [--seed 0] [--seconds 3600] [--number N] [--record]
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.lines import append, read
from splinework.data import temporary
from tests.faults.campaign import Campaign
from tests.faults.client import Server
from tests.loop.parts import ROOT

RESULTS = ROOT / "build" / "kills.jsonl"
RECORD = ROOT / "benchmarks" / "results" / "kills.json"


def main() -> int:
    """Runs the instants that have not been tried, and prints a table of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instants", type=int, default=1000, help="number of instants in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=3600.0, help="after which it stops, to go on another time")
    parser.add_argument("--number", type=int, default=None, help="this instant only, whether it has been tried or not")
    parser.add_argument("--record", action="store_true", help="write the table into benchmarks/results/kills.json")
    given = parser.parse_args()
    known = {(entry["seed"], entry["number"]): entry for entry in read(RESULTS)}
    numbers = range(given.instants) if given.number is None else [given.number]
    missing = [n for n in numbers if given.number is not None or (given.seed, n) not in known]
    temporary.MIN_AGE_SECONDS = 0.0  # type: ignore[misc]  # what a killed process leaves may be swept at once
    end = time.monotonic() + given.seconds
    with tempfile.TemporaryDirectory(prefix="splinework-faults-") as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "w").mkdir()
        campaign = Campaign(Server(Path(folder)), Path(folder) / "w")
        for number in missing:
            if time.monotonic() > end:
                break
            entry = {"seed": given.seed, **campaign.instant(given.seed, number)}
            known[given.seed, number] = entry
            append(RESULTS, entry)
            if entry["wrong"]:
                print(json.dumps(entry), flush=True)
        campaign.server.close()
    table = summary([entry for entry in known.values() if entry["seed"] == given.seed])
    print(json.dumps(table, indent=1))
    if given.record:
        RECORD.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    return int(table["wrong"] > 0)


def summary(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Numbers of instants by task and by fault, and how many left something wrong."""
    return {
        "seeds": sorted({entry["seed"] for entry in entries}),
        "instants": len(entries),
        "wrong": sum(bool(entry["wrong"]) for entry in entries),
        "tasks": dict(sorted(Counter(entry["task"] for entry in entries).items())),
        "faults": dict(sorted(Counter(entry["kind"] for entry in entries).items())),
        "codes": dict(sorted(Counter(str(entry.get("code")) for entry in entries).items())),
    }


if __name__ == "__main__":
    sys.exit(main())
