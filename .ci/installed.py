"""Whether the splinework that this Python has installed works: from nothing to a formula, by the two commands of the README.

It imports nothing of a source tree and runs in an empty folder. Used by `make wheel-check`, by cibuildwheel after each wheel,
and for the oldest packages. Run: python .ci/installed.py [--native | --pure] [--oldest .ci/oldest.txt]
"""

import argparse
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from importlib.metadata import version
from pathlib import Path

DISCOVER = {
    "orbits": ["--target", "period_days", "--features", "central_mass_kg,semi_major_axis_km"],
    "diabetes": ["--target", "progression", "--effort", "4"],
}
"""The data of `splinework demo`: a search that ends by itself, and one of so much work, whatever time that takes."""
LAW = "semi_major_axis_km**(3/2)/sqrt(central_mass_kg)"  # Kepler's third


def main() -> int:
    options = _options()
    for name, wanted in _versions(options.oldest).items():
        if version(name) != wanted:
            sys.exit(f"{name} should be {wanted} here and is {version(name)}")
    with tempfile.TemporaryDirectory() as folder:
        where = Path(_ask(folder, "import splinework; print(splinework.__file__)")).parent
        if not (where / "py.typed").is_file():
            sys.exit(f"{where} has no py.typed")
        loaded = _ask(folder, "import splinework, sys; print(*{'torch', 'numpy'} & set(sys.modules))")
        if loaded:
            sys.exit(f"import splinework loads {loaded}")
        facts = json.loads(_command(folder, ["doctor", "--json"]))
        backend = {"native": "native", "pure": "reference"}.get(options.kernels, facts["backend"])
        if facts["backend"] != backend or facts["missing"]:
            sys.exit(f"expected the kernels {backend} and no package missing, got:\n{json.dumps(facts, indent=1)}")
        found = {name: _formulas(folder, name) for name in DISCOVER}
        if not any(LAW in formula for formula in found["orbits"][:1]):
            sys.exit(f"expected {LAW}, found {found['orbits']}")
    if options.formulas:
        options.formulas.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(f"splinework {version('splinework')} works, kernels: {facts['backend']}, in {where}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--native", dest="kernels", action="store_const", const="native", help="It must have kernels.")
    group.add_argument("--pure", dest="kernels", action="store_const", const="pure", help="It must have none.")
    parser.add_argument("--formulas", type=Path, help="File for the formulas of the demo's data.")
    parser.add_argument("--oldest", type=Path, help="Versions that must be the installed ones.")
    return parser.parse_args()


def _formulas(folder: str, name: str) -> list[str]:
    """The formulas that are found in one of the demo's data sets, best first, with all digits."""
    _command(folder, ["data", name, "--out", f"{name}.csv"])
    said = json.loads(_command(folder, ["discover", f"{name}.csv", *DISCOVER[name], "--quiet", "--json"]))
    return [each["formula"] for each in said["formulas"]]


def _versions(path: Path | None) -> dict[str, str]:
    """Name → version, of a file with a `name==version` per line."""
    lines = path.read_text(encoding="utf-8").splitlines() if path else []
    found = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    if sys.version_info >= (3, 11):
        found.pop("tomli", None)  # the standard library reads TOML from 3.11 on, so nobody installs it
    return found


def _ask(folder: str, script: str) -> str:
    return _run(folder, [sys.executable, "-I", "-c", script])


def _command(folder: str, words: list[str]) -> str:
    name = "splinework.exe" if os.name == "nt" else "splinework"
    return _run(folder, [str(Path(sysconfig.get_path("scripts")) / name), *words])


def _run(folder: str, command: list[str]) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment["PYTHONUTF8"] = "1"
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
