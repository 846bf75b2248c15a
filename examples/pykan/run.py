"""Runs the counterparts of pykan's notebooks, keeps what came out, and writes the table of the documents.

A script says in its docstring which notebook it is for and what that ends with, `pykan's NOTEBOOK: RESULT`; it prints its own
result last, and fails if it does not reach that one.

    python examples/pykan/run.py                  # all of them, then the table; a quarter of an hour of processor time
    python examples/pykan/run.py api_7 example_3  # some of them
    python examples/pykan/run.py --check          # run nothing, fail where the table is not that of the results
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).resolve().parent
ROOT: Final = FOLDER.parent.parent
RESULTS: Final = ROOT / "benchmarks" / "results" / "pykan_notebooks.json"
PAGE: Final = ROOT / "docs" / "from-pykan.md"
SAYS: Final = re.compile(r"^pykan's (.+?): (.+)$", re.MULTILINE)
HEAD: Final = ("notebook", "script", "it does", "pykan's result", "result here", "reached", "processor time")


@dataclass(frozen=True)
class Notebook:
    """A notebook of pykan with its counterpart.

    Attributes:
        name: Name of the notebook.
        theirs: What it ends with.
        script: Name of the script in `examples`, without its ending.
        about: First line of the script's docstring.
    """

    name: str
    theirs: str
    script: str
    about: str


def notebooks() -> list[Notebook]:
    """All notebooks that a script names, by name."""
    found = []
    for path in sorted([*FOLDER.glob("*.py"), *FOLDER.parent.glob("*.py")]):
        text = path.read_text("utf-8").split('"""')[1]
        script = path.relative_to(FOLDER.parent).with_suffix("").as_posix()
        about = text.split("\n")[0].rstrip(".")
        found += [Notebook(name, theirs, script, about) for name, theirs in SAYS.findall(text) if name != "NOTEBOOK"]
    return sorted(found, key=lambda each: [int(p) if p.isdigit() else p.lower() for p in re.split(r"(\d+)", each.name)])


def run(script: str) -> dict[str, Any]:
    """Runs a script in a process of its own: whether it reached the result, what it said last, and its processor time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-W", "ignore", str(FOLDER.parent / f"{script}.py")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = done.stdout.strip().split("\n")[-1] if done.returncode == 0 else done.stderr.strip().split("\n")[-1]
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"reached": done.returncode == 0, "said": said, "seconds": round(seconds, 1)}


def kept() -> dict[str, Any]:
    """The results so far, by script."""
    return dict(json.loads(RESULTS.read_text("utf-8"))) if RESULTS.exists() else {}


def table(results: dict[str, Any]) -> str:
    """The table of the documents."""
    lines = []
    for each in notebooks():
        result = results.get(each.script)
        cells = [each.name, f"`{each.script}.py`", each.about, each.theirs]
        cells += ["not run", "–", "–"] if result is None else [
            result["said"], "yes" if result["reached"] else "**no**", f"{result['seconds']:.0f} s"
        ]  # fmt: skip
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("*", "\\*") for cell in cells) + " |")
    reached = sum(results.get(each.script, {}).get("reached", False) for each in notebooks())
    total = sum(result["seconds"] for result in results.values())
    count = f"{reached} of {len(lines)} notebooks reached, {total / 60:.0f} minutes of processor time in all.\n"
    return "\n".join([count, f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|", *lines]) + "\n"


def page(results: dict[str, Any]) -> str:
    """The page with the table between its marks."""
    before, rest = PAGE.read_text("utf-8").split("<!-- notebooks -->\n", 1)
    _, after = rest.split("<!-- end of notebooks -->", 1)
    return f"{before}<!-- notebooks -->\n{table(results)}<!-- end of notebooks -->{after}"


def main() -> None:
    """Runs what is asked for, and writes results and table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="beginnings of names of scripts; all if there are none"
    )
    parser.add_argument("--check", action="store_true", help="run nothing, fail where the table is not up to date")
    options = parser.parse_args()
    if options.check:
        sys.exit(
            0 if page(kept()) == PAGE.read_text("utf-8") else f"the table of {PAGE.name} is not that of the results"
        )
    for script in dict.fromkeys(each.script for each in notebooks()):
        if not options.names or script.split("/")[-1].startswith(tuple(options.names)):
            found = run(script)
            print(
                f"{script}: {'reached' if found['reached'] else 'NOT REACHED'}, {found['seconds']} s\n    {found['said']}",
                flush=True,
            )
            results = dict(sorted({**kept(), script: found}.items()))
            RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
    PAGE.write_text(page(kept()), "utf-8")


if __name__ == "__main__":
    main()
