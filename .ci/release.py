"""Hashes and a bill of materials of the files of a release, beside them: `SHA256SUMS` and `NAME.cdx.json` (CycloneDX 1.5).

Everything in them follows from the files, so two runs write the same bytes.

Run: python .ci/release.py dist
"""

import hashlib
import json
import re
import sys
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import Any

REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)\s*(?:\[[^]]*\])?\s*(?P<version>[^;]*)(?:;\s*(?P<when>.*))?")
BUILT_WITH = {"nanobind": "BSD-3-Clause", "tsl::robin_map": "MIT"}
"""What is compiled into the kernels, with its license."""


def main() -> int:
    """Writes both for the folder that was given."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    wheels, sources = sorted(folder.glob("*.whl")), sorted(folder.glob("*.tar.gz"))
    if not wheels:
        sys.exit(f"there is no wheel in {folder}; build it with: make wheel")
    for wheel in wheels:
        text = json.dumps(bill(wheel), indent=1, sort_keys=True) + "\n"
        wheel.with_suffix(".cdx.json").write_text(text, encoding="utf-8")
    files = [*sources, *wheels, *(wheel.with_suffix(".cdx.json") for wheel in wheels)]
    lines = [f"{hash_of(path)}  {path.name}\n" for path in sorted(files)]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
    print("".join(lines), end="")
    return 0


def hash_of(path: Path) -> str:
    """SHA-256 of a file in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def bill(wheel: Path) -> dict[str, Any]:
    """The bill of materials of a wheel: itself, what it requires at run time, and what is compiled into it."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        about = Parser().parsestr(archive.read(name).decode("utf-8"))
        native = any(member.startswith("splinework/_native") for member in archive.namelist())
    parts = [_required(text) for text in about.get_all("Requires-Dist") or () if "extra ==" not in text]
    if native:
        parts += [
            {"type": "library", "name": part, "scope": "required", "licenses": [{"license": {"id": license}}]}
            for part, license in BUILT_WITH.items()
        ]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "name": about["Name"],
                "version": about["Version"],
                "purl": f"pkg:pypi/{about['Name']}@{about['Version']}",
                "licenses": [{"license": {"id": about["License-Expression"] or "MIT"}}],
                "hashes": [{"alg": "SHA-256", "content": hash_of(wheel)}],
            }
        },
        "components": parts,
    }


def _required(text: str) -> dict[str, Any]:
    match = REQUIREMENT.fullmatch(text.strip())
    if match is None:
        sys.exit(f"cannot read the requirement {text!r}")
    name, when = match["name"].lower(), match["when"]
    part: dict[str, Any] = {"type": "library", "name": name, "scope": "required", "purl": f"pkg:pypi/{name}"}
    wanted = [{"name": "splinework:range", "value": match["version"].strip()}]
    part["properties"] = wanted + ([{"name": "splinework:when", "value": when}] if when else [])
    return part


if __name__ == "__main__":
    sys.exit(main())
