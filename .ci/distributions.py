"""Whether the wheel and the sdist in a folder hold what they should, and each works in an empty environment.

The wheel is tried by the Python that made it, the sdist by every Python from 3.10 on that is found, with kernels and, by one,
without; all must give the same formulas for the demo's data.
Run: python .ci/distributions.py dist [--contents]
"""

import argparse
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

MEGABYTE = 1_000_000
NUMBER = re.compile(r"\d+\.\d*(?:e[-+]?\d+)?")
DIGITS = 1e-5
"""Relative difference of fitted numbers that is none: searches end when a step gains less than rounding, at its root."""
IN_WHEEL = (
    "splinework/__init__.py",
    "splinework/py.typed",
    "splinework/report/assets/page.html",
    "splinework/data/orbits.csv",
)
IN_SDIST = (
    *("pyproject.toml", "CMakeLists.txt", "LICENSE", "README.md", "CITATION.cff", "csrc/binding.cpp", "Makefile"),
    *("csrc/editable/CMakeLists.txt", "src/splinework/py.typed", "tests/conftest.py", "docs/conf.py"),
)
NOT_IN_SDIST = ("benchmarks/results/", "build/", "dist/", "docs/api/", "docs/_build/", ".venv", ".git/")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--contents", action="store_true", help="Only look into the files; install none.")
    options = parser.parse_args()
    wheel, sdist = _only(options.folder, "*.whl"), _only(options.folder, "*.tar.gz")
    pure = wheel.name.endswith("-py3-none-any.whl")
    check_wheel(wheel, pure)
    check_sdist(sdist)
    if not options.contents:
        tried = [(wheel, pure, sys.executable), *((sdist, pure, python) for python in pythons())]
        if not pure:
            tried.append((sdist, True, sys.executable))
        found = [works(*each) for each in tried]
        if odd := [each for each, formulas in zip(tried, found, strict=True) if not same(formulas, found[0])]:
            sys.exit(f"other formulas by {odd}: {json.dumps(found, indent=1)}")
        print(f"the same formulas {len(found)} times: {json.dumps(found[0], indent=1)}")
    return 0


def same(found: dict[str, list[str]], expected: dict[str, list[str]]) -> bool:
    """Whether formulas are the same but for the last digits of their numbers."""

    def equal(formula: str, other: str) -> bool:
        numbers = [[float(each) for each in NUMBER.findall(text)] for text in (formula, other)]
        return NUMBER.split(formula) == NUMBER.split(other) and all(
            math.isclose(a, b, rel_tol=DIGITS) for a, b in zip(*numbers, strict=True)
        )

    return found.keys() == expected.keys() and all(
        len(found[name]) == len(expected[name]) and all(map(equal, found[name], expected[name])) for name in expected
    )


def pythons() -> list[str]:
    """Each version of CPython from 3.10 on that is on the path and can make an environment, this one first."""
    names = [sys.executable, *(f"python3.{minor}" for minor in range(10, 20))]
    asked = "import sys, venv, ensurepip; print(*sys.version_info[:2])"
    found: dict[str, str] = {}
    for name in (shutil.which(each) for each in names):
        if name:
            said = subprocess.run([name, "-c", asked], capture_output=True, text=True, check=False)
            if said.returncode == 0:
                found.setdefault(said.stdout.strip(), name)
    return list(found.values())


def check_wheel(wheel: Path, pure: bool) -> None:
    """The package and nothing else, its types, kernels unless it is pure; no larger than it has to be."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    _need(wheel, names, IN_WHEEL)
    _refuse(wheel, [name for name in names if not name.startswith(("splinework/", "splinework-"))])
    _refuse(wheel, [name for name in names if "__pycache__" in name])
    kernels = [name for name in names if name.startswith("splinework/_native.")]
    if len(kernels) != (0 if pure else 1):
        sys.exit(f"{wheel.name} should have {'no' if pure else 'one'} module of kernels, has {kernels}")
    if "-abi3-" in wheel.name and "abi3" not in kernels[0]:
        sys.exit(f"{wheel.name} promises the stable ABI, and {kernels[0]} has not got it")
    _no_larger(wheel, 2.5 * MEGABYTE if pure else 5 * MEGABYTE)  # half of it is the kernels, for three instruction sets


def check_sdist(sdist: Path) -> None:
    """What one needs to build, test and document it; no results, nothing that was built; at most 5.5 MB."""
    with tarfile.open(sdist) as archive:
        members = [member for member in archive if member.isfile()]
    names = [member.name.partition("/")[2] for member in members]
    _need(sdist, names, IN_SDIST)
    _refuse(sdist, [n for n in names if n.startswith(NOT_IN_SDIST)])
    _refuse(sdist, [n for n in names if n.endswith((".so", ".pyd", ".pyc", ".o", ".whl"))])
    _refuse(sdist, [f"{m.name} of {m.size} bytes" for m in members if m.size > 0.35 * MEGABYTE])
    _no_larger(sdist, 5.5 * MEGABYTE)


def works(file: Path, pure: bool, interpreter: str) -> dict[str, list[str]]:
    """Installs the file in an environment with nothing in it, as a user would; the formulas that are found there."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([interpreter, "-m", "venv", folder], check=True)
        python = str(Path(folder) / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
        started, how = time.monotonic(), dict(os.environ, SPLINEWORK_PURE="1") if pure else dict(os.environ)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", str(file.resolve())], check=True, cwd=folder, env=how
        )
        print(f"{file.name} installed by {interpreter} in {time.monotonic() - started:.0f} s", flush=True)
        formulas = Path(folder) / "formulas.json"
        script = str(Path(__file__).with_name("installed.py").resolve())
        kernels = "--pure" if pure else "--native"
        subprocess.run([python, script, kernels, "--formulas", str(formulas)], check=True, cwd=folder)
        found: dict[str, list[str]] = json.loads(formulas.read_text(encoding="utf-8"))
        return found


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        sys.exit(f"expected one {pattern} in {folder}, found {[path.name for path in found]}")
    return found[0]


def _need(file: Path, names: list[str], needed: tuple[str, ...]) -> None:
    if missing := set(needed) - set(names):
        sys.exit(f"{file.name} lacks {', '.join(sorted(missing))}")


def _refuse(file: Path, found: list[str]) -> None:
    if found:
        sys.exit(f"{file.name} should not have {', '.join(found[:5])}{' …' if len(found) > 5 else ''}")


def _no_larger(file: Path, limit: float) -> None:
    size = file.stat().st_size
    print(f"{file.name}: {size / MEGABYTE:.2f} MB")
    if size > limit:
        sys.exit(f"{file.name} has {size} bytes, more than {limit:.0f}")


if __name__ == "__main__":
    sys.exit(main())
