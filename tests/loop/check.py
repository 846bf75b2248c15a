"""Checks what a change touches, in under a minute: style of its files, types, layers, and the tests that it calls for.

Run: python -m tests.loop.check [--base COMMIT] [--budget SECONDS] [--workers N]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from tests.loop import changes, choice
from tests.loop.parts import ROOT

MAX_LISTED = 15
"""Chosen files that are listed one by one."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--base", default="", help="Compare with this commit; by default with where the branch left main."
    )
    parser.add_argument("--budget", type=float, default=50.0, help="Start no test after this many seconds.")
    parser.add_argument("--workers", type=int, default=2, help="Processes that run the tests.")
    options = parser.parse_args()
    end = time.monotonic() + options.budget
    commit = changes.base(options.base)
    changed = changes.changed(commit)
    print(f"== {len(changed)} files changed since {changes.describe(commit)}", flush=True)
    _list(changed)
    chosen = choice.choose(changed)
    code = _lint(changed)
    code = _test(chosen, max(5.0, end - time.monotonic()), options.workers) or code
    if any(name.startswith("csrc/") for name in changed):
        print("csrc/ changed: its own tests are `make test-kernels`, and `make clean` lets it be built anew")
    return code


def _lint(changed: list[str]) -> int:
    python = [name for name in changed if name.endswith(".py") and (ROOT / name).is_file()]
    sources = any(name.startswith("src/") for name in python) or "pyproject.toml" in changed
    code = 0
    if python:
        code |= _run("ruff", ["ruff", "check", *python]) | _run("", ["ruff", "format", "--check", *python])
    if sources:
        code |= _run("mypy", ["mypy", "--strict"]) | _run("import-linter", ["lint-imports", "--no-logo"])
    return code


def _test(chosen: choice.Choice, seconds: float, workers: int) -> int:
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
    plugin = ["-p", "tests.loop.deadline", "--deadline", f"{seconds:.0f}"]
    return _run("", [sys.executable, "-m", "pytest", "-q", *plugin, *several, *chosen.reasons])


def _list(lines: Iterable[str]) -> None:
    lines = list(lines)
    for line in lines[:MAX_LISTED]:
        print(f"  {line}")
    if len(lines) > MAX_LISTED:
        print(f"  … and {len(lines) - MAX_LISTED} more")


def _run(title: str, command: list[str]) -> int:
    if title:
        print(f"== {title}")
    sys.stdout.flush()
    if not Path(command[0]).is_absolute():
        command = [str(Path(sys.executable).with_name(command[0])), *command[1:]]
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **threads}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
