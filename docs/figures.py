"""The pictures of the documents, drawn by the code that the pages print.

    python docs/figures.py            # docs/figures/, as `make docs` does
    python docs/figures.py --readme   # docs/images/network.png, by README's first block

A page that shows `figures/NAME` has a Python block that writes a file NAME into the current folder. All blocks of such a page run
in order, in an empty folder and a process of their own.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
BACKEND = 'import matplotlib\nmatplotlib.use("Agg")\n'
SETTINGS = """
matplotlib.rcParams.update({"svg.hashsalt": "splinework", "svg.fonttype": "path", "figure.dpi": 110, "savefig.bbox": "tight"})
"""
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def code(page: Path) -> str:
    """The Python blocks of a page as one script."""
    return BACKEND + SETTINGS + "\n".join(_BLOCK.findall(page.read_text(encoding="utf-8")))


def hero() -> str:
    """README's first block, with nothing set besides, so that it draws what it draws for a reader."""
    return BACKEND + _BLOCK.findall((HERE.parent / "README.md").read_text(encoding="utf-8"))[0]


def pictures(page: Path) -> list[str]:
    """Names of the pictures that a page expects its own code to draw."""
    return sorted(set(re.findall(r"figures/([\w-]+\.\w+)", page.read_text(encoding="utf-8"))))


def run(script: str, names: list[str], target: Path) -> None:
    """Runs a script in an empty folder, and moves the pictures that it has drawn into another folder."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "SOURCE_DATE_EPOCH": "0", "PYTHONWARNINGS": "ignore"},
        )
        for name in names:
            shutil.move(Path(folder) / name, target / name)


def draw(target: Path) -> None:
    """Draws what is missing or older than the text of its page, as many pages at a time as there are cores."""
    target.mkdir(exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda page: draw_page(page, target), sorted(HERE.glob("*.md"))))


def draw_page(page: Path, target: Path) -> None:
    """Draws the pictures of a page, unless they are those of its present text."""
    names, script, mark = pictures(page), code(page), target / f".{page.stem}"
    digest = hashlib.sha256(script.encode()).hexdigest()
    current = mark.exists() and mark.read_text() == digest and all((target / name).exists() for name in names)
    if names and not current:
        run(script, names, target)
        mark.write_text(digest)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--readme", action="store_true", help="Draw the picture of the README.")
    if parser.parse_args().readme:
        run(hero(), ["network.png"], HERE / "images")
    else:
        draw(HERE / "figures")
