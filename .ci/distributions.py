"""Whether the wheel and the sdist in a folder hold what they should, and each works in an empty environment.

Run: python .ci/distributions.py dist [--contents]
"""

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
import zipfile
from pathlib import Path

MEGABYTE = 1_000_000
IN_WHEEL = (
    "splinework/__init__.py",
    "splinework/py.typed",
    "splinework/report/page.html",
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
        works(wheel, pure)
        works(sdist, pure)
    return 0


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
    """What one needs to build, test and document it; no results, nothing that was built; at most 4 MB."""
    with tarfile.open(sdist) as archive:
        members = [member for member in archive if member.isfile()]
    names = [member.name.partition("/")[2] for member in members]
    _need(sdist, names, IN_SDIST)
    _refuse(sdist, [n for n in names if n.startswith(NOT_IN_SDIST)])
    _refuse(sdist, [n for n in names if n.endswith((".so", ".pyd", ".pyc", ".o", ".whl"))])
    _refuse(sdist, [f"{m.name} of {m.size} bytes" for m in members if m.size > MEGABYTE // 4])
    _no_larger(sdist, 4 * MEGABYTE)


def works(file: Path, pure: bool) -> None:
    """Installs the file in an environment with nothing in it, as a user would, and comes to a formula."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
        started = time.monotonic()
        subprocess.run([python, "-m", "pip", "install", "--quiet", str(file.resolve())], check=True, cwd=folder)
        print(f"{file.name} installed in {time.monotonic() - started:.0f} s", flush=True)
        kernels = ["--pure"] if pure and file.suffix == ".whl" else [] if pure else ["--native"]
        subprocess.run(
            [python, str(Path(__file__).with_name("installed.py").resolve()), *kernels], check=True, cwd=folder
        )


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
