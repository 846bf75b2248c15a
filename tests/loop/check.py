"""Checks what a change touches, in under a minute: style of its files, types, layers, and the tests that it calls for.

Run: python -m tests.loop.check [--base COMMIT] [--budget SECONDS] [--workers N]
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from tests.loop import changes, choice
from tests.loop.parts import ROOT, one_thread

MAX_LISTED = 15
"""Chosen files that are listed one by one."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--base", default="", help="Compare with this commit; by default with where the branch left main."
    )
    parser.add_argument("--budget", type=float, default=40.0, help="Start no test after this many seconds.")
    parser.add_argument("--workers", type=int, default=2, help="Processes that run the tests.")
    options = parser.parse_args()
    end = time.monotonic() + options.budget
    commit = changes.base(options.base)
    changed = changes.changed(commit)
    print(f"== {len(changed)} files changed since {changes.describe(commit)}", flush=True)
    _list(changed)
    code = _style(changed)
    code = _test(choice.choose(changed), end, options.workers) or code
    if any(name.startswith("csrc/") for name in changed):
        print("csrc/ changed: its own tests are `make test-kernels`, and `make clean` lets it be built anew")
    return code


def _style(changed: list[str]) -> int:
    python = [name for name in changed if name.endswith(".py") and (ROOT / name).is_file()]
    if not python:
        return 0
    print("== ruff", flush=True)
    return _run(["ruff", "check", *python]) | _run(["ruff", "format", "--check", *python])


def _test(chosen: choice.Choice, end: float, workers: int) -> int:
    every = len(choice.tests())
    print(f"== pytest: {len(chosen.reasons)} files chosen of {every}")
    _list(f"{file}: {reason}" for file, reason in chosen.reasons.items())
    if not chosen.reasons:
        print("no test imports, mentions or is named after what changed; `make test` runs all")
        return 0
    print(
        f"not chosen: the other tests, {', '.join(f'`make test PART={part}`' for part in sorted(chosen.parts))} and `make test`"
    )
    several = ["-n", str(workers), "--dist", "load", "--maxschedchunk", "4"] if workers > 1 else []
    left = max(5.0, end - time.monotonic())
    plugin = ["-p", "tests.loop.deadline", "--deadline", f"{left:.0f}"]
    return _run([Path(sys.executable).name, "-m", "pytest", "-q", *plugin, *several, *chosen.reasons])


def _list(lines: Iterable[str]) -> None:
    lines = list(lines)
    for line in lines[:MAX_LISTED]:
        print(f"  {line}")
    if len(lines) > MAX_LISTED:
        print(f"  … and {len(lines) - MAX_LISTED} more")


def _run(command: list[str]) -> int:
    sys.stdout.flush()
    command[0] = str(Path(sys.executable).with_name(command[0]))
    return subprocess.run(command, cwd=ROOT, env=one_thread(), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
