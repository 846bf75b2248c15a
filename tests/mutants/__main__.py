"""Plants faults, runs the tests that belong to each file, and prints the share that they find and the mutants that survive.

Nothing is written into the sources: a forked process, which has torch loaded, gets the mutant instead of the file when it imports
the module. Results are kept in `build/mutants.jsonl`, and hold as long as the mutant and its tests stay the same, byte by byte.

Run: python -m tests.mutants [--file PATH] [--count 240] [--seed 0] [--survivors]
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
import random
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from tests.loop.parts import ROOT
from tests.mutants import subjects
from tests.mutants.operators import Mutant, differs, mutants
from tests.mutants.server import Server

RESULTS = ROOT / "build" / "mutants.jsonl"
MIN_TIMEOUT, TIMEOUT_RATIO = 30.0, 5.0
"""Seconds that a run of tests may take at least, and how many times longer than the sources as they are."""


@dataclass(frozen=True)
class Case:
    """A mutant of a file, and the number that its result is kept under."""

    file: str
    mutant: Mutant

    @property
    def source(self) -> str:
        return (ROOT / self.file).read_text(encoding="utf-8")

    @property
    def diff(self) -> str:
        lines = difflib.unified_diff(
            self.source.splitlines(), self.mutant.apply(self.source).splitlines(), "", "", "", "", 0, ""
        )
        return "\n".join(line for line in lines if not line.startswith(("---", "+++")))

    @property
    def key(self) -> str:
        return _digest(self.file, self.mutant.apply(self.source))

    @property
    def equivalent(self) -> bool:
        changed = [line for line in self.diff.splitlines() if line[:1] in "+-"]
        sides = tuple(" ".join(line[1:].strip() for line in changed if line[0] == sign) for sign in "-+")
        return (self.file, *sides) in subjects.EQUIVALENT


def main() -> int:
    options = _options()
    files = [options.file] if options.file else list(subjects.TESTS)
    cases = sample(files, options.count, options.seed)
    known, outcomes = _known(), {}
    server = Server(ROOT)
    for file in files:
        tests = tuple(test for test in subjects.TESTS[file] if (ROOT / test).is_file())
        laws = _digest(*tests, *((ROOT / test).read_text(encoding="utf-8") for test in tests))
        limit = 0.0
        for case in (case for case in cases if case.file == file):
            entry = known.get(case.key)
            if not entry or (entry["laws"] != laws and not (options.survivors and entry["outcome"] != "survived")):
                limit = limit or _limit(server, file, tests)
                started = time.monotonic()
                outcome = server.outcome(file, case.mutant.apply(case.source), tests, limit)
                entry = {"key": case.key, "laws": laws, "outcome": outcome, "seconds": time.monotonic() - started}
                _keep(entry)
                print("." if outcome != "survived" else "S", end="", flush=True)
            outcomes[case] = entry["outcome"]
    print()
    return report(outcomes)


def sample(files: list[str], count: int, seed: int) -> list[Case]:
    """The same number of mutants of each file, as far as there are so many, without those known to change nothing."""
    chosen: list[Case] = []
    for n, file in enumerate(files):
        source = (ROOT / file).read_text(encoding="utf-8")
        found = mutants(source)
        random.Random(f"{seed} {file}").shuffle(found)
        share = -(-(count - len(chosen)) // (len(files) - n))
        cases = (Case(file, mutant) for mutant in found if differs(mutant, source))
        chosen += islice((case for case in cases if not case.equivalent), share)
    return chosen


def report(outcomes: dict[Case, str]) -> int:
    """Prints survivors, the share found in each file and in all; fails where less than 85 % are found."""
    groups: dict[str, list[str]] = defaultdict(list)
    for case, outcome in outcomes.items():
        groups[case.file].append(outcome)
        if outcome == "survived":
            print(f"survived: {case.file} ({case.mutant.kind})\n{case.diff}")
    for file, found in [*groups.items(), ("all", list(outcomes.values()))]:
        dead = sum(outcome != "survived" for outcome in found)
        print(f"{file}: {dead} of {len(found)} found, {100 * dead / max(len(found), 1):.0f} %")
    dead = sum(outcome != "survived" for outcome in outcomes.values())
    return int(dead < 0.85 * len(outcomes))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", choices=list(subjects.TESTS), metavar="PATH", help="Only this file.")
    parser.add_argument("--count", type=int, default=240, help="Mutants in all.")
    parser.add_argument("--seed", type=int, default=0, help="Which mutants are drawn.")
    parser.add_argument("--survivors", action="store_true", help="Trust what was found before; run survivors again.")
    return parser.parse_args()


def _limit(server: Server, file: str, tests: tuple[str, ...]) -> float:
    started = time.monotonic()
    source = (ROOT / file).read_text(encoding="utf-8")
    if server.outcome(file, source, tests, 1200) != "survived":
        sys.exit(f"The tests of {file} fail without a fault: {' '.join(tests)}")
    taken = time.monotonic() - started
    print(f"\n== {file}: its tests take {taken:.0f} s", flush=True)
    return max(MIN_TIMEOUT, TIMEOUT_RATIO * taken)


def _entries() -> Iterator[dict[str, str]]:
    for line in RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.is_file() else []:
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue  # cut off by a kill


def _known() -> dict[str, dict[str, str]]:
    return {entry["key"]: entry for entry in _entries()}


def _keep(entry: dict[str, object]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


if __name__ == "__main__":
    sys.exit(main())
