"""The parts that tests are run by: a package of the sources with its tests, or what belongs to the repository as a whole.

Run: python -m tests.loop.parts [PART ...]   prints the paths that pytest takes
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES, TESTS = Path("src/splinework"), Path("tests")
PROJECT = "project"
"""Tests of the repository as a whole, and the modules that belong to no package."""
BESIDE = {"benchmarks": ("benchmarks/speed",)}
"""What a part has doctests in besides its package."""


def names() -> list[str]:
    """All parts, in alphabetical order."""
    packages = {path.parent.name for path in (ROOT / SOURCES).glob("*/__init__.py")}
    folders = {path.name for path in (ROOT / TESTS).iterdir() if any(path.rglob("test_*.py"))}
    return sorted(packages | folders | {PROJECT})


def paths(part: str) -> list[str]:
    """What pytest is given to run one part, relative to the root.

    Raises:
        SystemExit: There is no such part; the message lists those that there are.
    """
    if part == PROJECT:
        found = [*(ROOT / TESTS).glob("test_*.py"), *(ROOT / SOURCES).glob("*.py")]
        return sorted(str(path.relative_to(ROOT)) for path in found)
    if part not in names():
        sys.exit(f"There is no part {part!r}. PART is one of: {', '.join(names())}.")
    folders = [str(TESTS / part), str(SOURCES / part), *BESIDE.get(part, ())]
    return [name for name in folders if (ROOT / name).exists()]


def part_of(path: str) -> str:
    """The part that a file of the sources or of the tests belongs to."""
    for folder in (SOURCES, TESTS):
        if folder in Path(path).parents:
            below = Path(path).relative_to(folder).parts
            return below[0] if len(below) > 1 else PROJECT
    return Path(path).parts[0] if Path(path).parts[0] in BESIDE else PROJECT


def one_thread() -> dict[str, str]:
    """The environment of programs that run side by side."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


if __name__ == "__main__":
    print(*(path for part in sys.argv[1:] for path in paths(part)))
