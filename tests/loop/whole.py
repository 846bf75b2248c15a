"""Runs all tests, the slow ones too, part by part, and goes on where it was stopped.

What passed is kept in `build/test-all/`, under a key made of the contents of the sources and of the tests that a part depends on:
a change of the sources runs everything again, a change of one part's test runs that part.
Run: python -m tests.loop.whole [--workers N] [PART ...]
"""

import argparse
import hashlib
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from importlib.metadata import version
from pathlib import Path

from tests.loop import changes, imports, journal, parts
from tests.loop.parts import ROOT, one_thread

FOLDER = ROOT / "build" / "test-all"
PAGE = ROOT / "docs" / "test_results.md"
KEYED = ("src", "csrc", "tests", "benchmarks", "examples", "pyproject.toml")
"""What the results hold for, but the tests of other parts. Results of benchmarks and the documents are not in it."""
ENDED = (0, 1, 5)
"""Exit codes of pytest after a session that came to its end: passed, failed, nothing left to run."""


@dataclass(frozen=True)
class Tally:
    """Outcomes of one part, and how long its sessions took."""

    part: str
    counts: Counter[str]
    seconds: float
    failures: tuple[str, ...]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="All parts without.")
    parser.add_argument("--workers", type=int, default=2, help="Processes that run the tests.")
    options = parser.parse_args()
    chosen = options.parts or parts.names()
    for part in chosen:
        parts.paths(part)  # refuses unknown ones before an hour has gone
    for part in chosen:
        code = run(part, options.workers)
        if code not in ENDED:
            print(
                f"Stopped in {part} by pytest's exit code {code}. The same command goes on from here.", file=sys.stderr
            )
            return code
    tallies = [tally(part) for part in parts.names() if _done(part).is_file()]
    missing = [part for part in parts.names() if part not in {each.part for each in tallies}]
    if missing:
        print(f"== not run yet: {', '.join(missing)}")
    else:
        PAGE.write_text(page(tallies, options.workers), encoding="utf-8")
        print(f"== written: {PAGE.relative_to(ROOT)}")
    print(summary([each for each in tallies if not options.parts or each.part in chosen]))
    return int(any(each.failures for each in tallies if each.part in chosen))


@cache
def key(part: str) -> str:
    """A number made of the contents of all files that a part's tests may depend on."""
    return digest(lambda name: concerns(name, part))


def digest(concerned: Callable[[str], bool]) -> str:
    """A number made of the contents of all concerned files that git knows or would take."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *KEYED]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    hashed = hashlib.sha256()
    for name in sorted(set(names)):
        path = ROOT / name
        if path.is_file() and "results" not in path.relative_to(ROOT).parts and concerned(name):
            hashed.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return hashed.hexdigest()[:12]


def concerns(name: str, part: str) -> bool:
    """Whether a part's results may depend on a file: on all but the test modules that other parts have for themselves."""
    if not (name.startswith("tests/") and Path(name).name.startswith("test_")) or parts.part_of(name) == part:
        return True
    others = [other for other in imports.files().values() if parts.part_of(other) != parts.part_of(name)]
    called = Path(name).stem  # whoever imports a test module writes its name
    return any(
        called in (parts.ROOT / other).read_text("utf-8") and name in imports.imported(other) for other in others
    )


def _journal(part: str) -> Path:
    return FOLDER / key(part) / f"{part}.jsonl"


def _done(part: str) -> Path:
    return FOLDER / key(part) / f"{part}.done"


def run(part: str, workers: int) -> int:
    """pytest on what of a part has not passed yet; its exit code."""
    done = _done(part)
    entries = journal.read(_journal(part))
    if done.is_file() and "failed" not in entries.values():
        print(f"== {part}: done before, {len(entries)} tests", flush=True)
        return 0
    print(f"== {part}" + (f", {len(entries)} tests done before" if entries else ""), flush=True)
    code = remaining(_journal(part), parts.paths(part), workers, one_thread(), "-m", "slow or not slow")
    if code in ENDED:
        done.touch()
    return code


def remaining(file: Path, paths: Iterable[str], workers: int, environment: Mapping[str, str], *options: str) -> int:
    """pytest on the tests that a file of outcomes does not have as passed; its exit code."""
    several = ["-n", str(workers), "--dist", "worksteal"] if workers > 1 else []
    plugin = ["-p", "tests.loop.journal", "--journal", str(file)]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--continue-on-collection-errors",
        *options,
        *plugin,
        *several,
        *paths,
    ]
    process = subprocess.Popen(command, cwd=ROOT, env=dict(environment))
    try:
        return process.wait()
    except KeyboardInterrupt:  # which went to pytest, too: it ends by itself
        return process.wait() or 130


def tally(part: str) -> Tally:
    entries = journal.read(_journal(part))
    failures = tuple(test for test, outcome in entries.items() if outcome == "failed")
    return Tally(part, Counter(entries.values()), journal.seconds(_journal(part)), failures)


def summary(tallies: Iterable[Tally]) -> str:
    """Failures, then a line like pytest's own."""
    tallies = list(tallies)
    lines = [f"FAILED {test}" for each in tallies for test in each.failures]
    counts = sum((each.counts for each in tallies), Counter[str]())
    told = (
        ", ".join(f"{counts[name]} {name}" for name in ("failed", "passed", "skipped") if counts[name])
        or "no tests ran"
    )
    return "\n".join([*lines, f" {told} in {clock(sum(each.seconds for each in tallies))} ".center(80, "=")])


def page(tallies: list[Tally], workers: int) -> str:
    """The page of the documents that holds the last whole run."""
    commit = changes.describe("HEAD").split()[0]
    local = (
        " with changes that were not committed" if set(changes.changed("HEAD")) - {str(PAGE.relative_to(ROOT))} else ""
    )
    total = Tally(
        "**all**", sum((each.counts for each in tallies), Counter[str]()), sum(t.seconds for t in tallies), ()
    )
    rows = [
        "| "
        + " | ".join([part, *(f"{counts[name]:,}" for name in ("passed", "failed", "skipped")), clock(seconds)])
        + " |"
        for part, counts, seconds in [(each.part, each.counts, each.seconds) for each in [*tallies, total]]
    ]
    failures = [test for each in tallies for test in each.failures]
    return "\n".join(
        [
            "# The last whole run of all tests",
            "",
            "`make test-all` runs every test, the slow ones too, part by part; it writes this page when the last part is done.",
            "",
            f"- Date: {datetime.now(timezone.utc):%Y-%m-%d}",
            f"- Commit: {commit}{local}",
            f"- Python {platform.python_version()}, torch {version('torch')}, {workers} processes with one thread each",
            "",
            "| part | passed | failed | skipped | time |",
            "|---|--:|--:|--:|--:|",
            *rows,
            "",
            "Skipped are tests of programs and packages that the machine lacks, and conventions that a part does not keep yet.",
            *(["", "Failed:", "", *(f"- `{test}`" for test in failures)] if failures else []),
            "",
        ]
    )


def clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


if __name__ == "__main__":
    sys.exit(main())
