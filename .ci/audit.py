"""Known weaknesses of the packages that are required or installed, from a list in the repository: needs no network.

Fails where a lower bound of pyproject.toml, or of .ci/oldest.txt, admits a release with a weakness of `.ci/advisories.csv`, or an
installed package is such a release. The list holds what is known to matter for what splinework does;
where there is a network, pip-audit compares with all advisories.

Run: python .ci/audit.py [--declared]
"""

import argparse
import csv
import re
import sys
from importlib import metadata
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*(?:[>=]=\s*([0-9][0-9.]*))?")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--declared", action="store_true", help="Only the bounds; not what is installed.")
    options = parser.parse_args()
    known = advisories()
    found = [*admitted(known), *([] if options.declared else installed(known))]
    print("\n".join(found) or f"none of {len(known)} known weaknesses")
    return int(bool(found))


def advisories() -> list[tuple[str, str, str, str]]:
    """Package, first release without the weakness, identifier, and what it is."""
    with (ROOT / ".ci" / "advisories.csv").open(encoding="utf-8", newline="") as file:
        return [(row[0], row[1], row[2], row[3]) for row in list(csv.reader(file))[1:]]


def admitted(known: list[tuple[str, str, str, str]]) -> list[str]:
    """Lower bounds below a release that has been mended."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = [*project["dependencies"], *(each for group in project["optional-dependencies"].values() for each in group)]
    texts += [line for line in (ROOT / ".ci" / "oldest.txt").read_text(encoding="utf-8").splitlines() if "==" in line]
    bounds = [(name_of(match[1]), match[2] or "0") for match in map(REQUIREMENT.match, texts) if match]
    return [
        f"{package}>={bound} admits {identifier}, mended in {fixed}: {why}"
        for package, fixed, identifier, why in known
        for name, bound in bounds
        if name == package and numbers(bound) < numbers(fixed)
    ]


def installed(known: list[tuple[str, str, str, str]]) -> list[str]:
    """Installed packages that have a weakness."""
    versions = {name_of(each.metadata["Name"]): each.version for each in metadata.distributions()}
    return [
        f"{package} {versions[package]} has {identifier}, mended in {fixed}: {why}"
        for package, fixed, identifier, why in known
        if package in versions and numbers(versions[package]) < numbers(fixed)
    ]


def name_of(text: str) -> str:
    """A name as the index spells it."""
    return re.sub(r"[-_.]+", "-", text).lower()


def numbers(version: str) -> tuple[int, ...]:
    """A version as it is ordered, up to its first part that is no number: 1.2 and 1.2.0 are the same."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    parts = [int(part) for part in found[0].split(".")] if found else []
    return (*parts, *[0] * (5 - len(parts)))


if __name__ == "__main__":
    sys.exit(main())
