"""Plants faults, runs the tests that belong to each file, and prints the share that they find and the mutants that survive.

Nothing is written into the sources: a forked process, which has the library and the tests loaded, gets the mutant in place of
functions, and runs the tests that reach it until one fails. Results are kept in `build/mutants.jsonl`, and hold as long as the
mutant and its tests stay the same, byte by byte.

Run: python -m tests.mutants [--file PATH …] [--count 240] [--seed 0] [--survivors]
"""

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
from pathlib import Path
from typing import Any

from tests.loop.parts import ROOT
from tests.mutants import subjects
from tests.mutants.operators import Mutant, differs, mutants
from tests.mutants.server import Server

RESULTS, MEASURED = ROOT / "build" / "mutants.jsonl", ROOT / "build" / "mutants-tests.jsonl"


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
    cases = sample(options.file, options.count, options.seed)
    files = list(dict.fromkeys(case.file for case in cases))
    tests = {file: tuple(test for test in subjects.TESTS[file] if (ROOT / test).is_file()) for file in files}
    known, outcomes = _known(), {}
    laws = {file: _digest(*(text for test in tests[file] for text in (test, *_texts(test)))) for file in files}
    wanted = [case for case in cases if not _holds(known.get(case.key), laws[case.file], options.survivors)]
    server = _server(tests, {case.file for case in wanted}) if wanted else None
    for case in cases:
        if server and case in wanted:
            started = time.monotonic()
            outcome = server.outcome(case.file, case.mutant, case.source, tests[case.file])
            known[case.key] = {"key": case.key, "laws": laws[case.file], "outcome": outcome}
            _keep(known[case.key] | {"seconds": round(time.monotonic() - started, 2)}, RESULTS)
            print("." if outcome != "survived" else "S", end="", flush=True)
        outcomes[case] = known[case.key]["outcome"]
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
    parser.add_argument(
        "--file",
        choices=list(subjects.TESTS),
        default=list(subjects.TESTS),
        nargs="+",
        metavar="PATH",
        help="Only these.",
    )
    parser.add_argument("--count", type=int, default=240, help="Mutants in all.")
    parser.add_argument("--seed", type=int, default=0, help="Which mutants are drawn.")
    parser.add_argument("--survivors", action="store_true", help="Trust what was found before; run survivors again.")
    return parser.parse_args()


def _server(tests: dict[str, tuple[str, ...]], files: set[str]) -> Server:
    """Loads the tests of some files, and measures those that are not known."""
    needed = list(dict.fromkeys(test for file in tests if file in files for test in tests[file]))
    sources = {file: (ROOT / file).read_text(encoding="utf-8") for file in subjects.TESTS}
    library = _digest(*(path.read_text(encoding="utf-8") for path in sorted((ROOT / "src").rglob("*.py"))))
    state = {test: _digest(library, *_texts(test), *sources) for test in needed}
    known = {
        each["test"]: each for each in _entries(MEASURED) if each["state"] == state.get(each["test"].partition("::")[0])
    }
    server = Server(ROOT, sources, needed, known)
    failing = [name for name, measured in server.measured.items() if not measured]
    if failing:
        sys.exit("Without a fault these fail: " + " ".join(failing))
    for name, measured in server.measured.items():
        if name not in known:
            _keep({**measured, "test": name, "state": state[name.partition("::")[0]]}, MEASURED)
    print(
        f"{len(server.measured)} tests, {sum(each['seconds'] for each in server.measured.values()):.0f} s", flush=True
    )
    return server


def _texts(test: str) -> list[str]:
    """A file of tests, and what its folder shares."""
    shared = [each for each in sorted((ROOT / test).parent.glob("*.py")) if not each.name.startswith("test_")]
    return [path.read_text(encoding="utf-8") for path in (ROOT / test, *shared)]


def _holds(entry: dict[str, str] | None, laws: str, survivors: bool) -> bool:
    return entry is not None and (entry["laws"] == laws or (survivors and entry["outcome"] != "survived"))


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue  # cut off by a kill


def _known() -> dict[str, dict[str, Any]]:
    return {entry["key"]: entry for entry in _entries(RESULTS)}


def _keep(entry: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


if __name__ == "__main__":
    sys.exit(main())
