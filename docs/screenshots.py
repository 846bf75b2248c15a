"""Pictures of the documents and other pages in Chromium: light, dark, narrow and in print, into build/screenshots/.

    python docs/screenshots.py                # all rows of PAGES that exist
    python docs/screenshots.py index faq      # some of them
    CHROMIUM=/path/to/chromium python docs/screenshots.py

A page that is wider than its window is reported, and the exit code is 1. Look at the pictures: nothing may overlap or be cut.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "docs" / "_build" / "html"
TARGET = ROOT / "build" / "screenshots"
PAGES = {
    "index": HTML / "index.html",
    "tutorial": HTML / "tutorial.html",
    "howto-formula": HTML / "howto-formula.html",
    "concept-smoothing": HTML / "concept-smoothing.html",
    "gallery": HTML / "gallery.html",
    "comparison": HTML / "comparison.html",
    "from-pykan": HTML / "from-pykan.html",
    "reference": HTML / "reference.html",
}
"""Name of the picture → the page. One row adds a page."""
VIEWS = {
    "light-1280": (1280, 1800, "light"),
    "dark-1280": (1280, 1800, "dark"),
    "light-390": (390, 1800, "light"),
}
"""Name → width, height, and the colour scheme that the page is shown in."""
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--virtual-time-budget=3000",
]
_PROBE = """<!doctype html><title>waiting</title><iframe src="{url}" width="{width}" height="{height}" style="border:0"></iframe>
<script>addEventListener("load", () => {{ const d = document.querySelector("iframe").contentDocument.documentElement;
document.title = d.scrollWidth - d.clientWidth; }});</script>"""


def browser() -> str:
    """The path of Chromium."""
    names = [os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"]
    found = next(filter(None, (shutil.which(name) for name in names if name)), None)
    if found is None:
        raise SystemExit("No Chromium. Debian and Ubuntu: apt-get install chromium; or set CHROMIUM to its path.")
    return found


def run(*arguments: str) -> str:
    """Runs Chromium with a profile that is thrown away, and returns what it prints."""
    with tempfile.TemporaryDirectory() as profile:
        command = [browser(), *FLAGS, f"--user-data-dir={profile}", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def take(name: str, page: Path) -> None:
    """All pictures of one page."""
    for view, (width, height, scheme) in VIEWS.items():
        dark = ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
        # Chromium's windows are at least 500 wide: a narrower page is shown in a frame.
        with tempfile.TemporaryDirectory() as folder:
            shown = Path(folder) / "frame.html"
            shown.write_text(
                f'<body style="margin:0"><iframe src="{page.as_uri()}" width="{width}" height="{height}" style="border:0">'
            )
            address = page.as_uri() if width >= 500 else shown.as_uri()
            run(*dark, f"--window-size={width},{height}", f"--screenshot={TARGET / f'{name}-{view}.png'}", address)
    run("--no-pdf-header-footer", f"--print-to-pdf={TARGET / f'{name}-print.pdf'}", page.as_uri())


def overflow(page: Path, width: int) -> int:
    """Number of pixels by which a page is wider than its window."""
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder) / "probe.html"
        probe.write_text(_PROBE.format(url=page.as_uri(), width=width, height=1000))
        text = run("--allow-file-access-from-files", "--dump-dom", probe.as_uri())
    found = re.search(r"<title>(-?\d+)</title>", text)
    return int(found[1]) if found else 0


def main(names: list[str]) -> int:
    """Takes the pictures, and returns 1 if a page is too wide."""
    TARGET.mkdir(parents=True, exist_ok=True)
    wide = []
    for name, page in PAGES.items():
        if (names and name not in names) or not page.exists():
            continue
        take(name, page)
        wide += [
            f"{name} at {width}: {beyond} pixels too wide"
            for width in (390, 1280)
            if (beyond := overflow(page, width)) > 0
        ]
    print(*wide, f"open {TARGET.relative_to(ROOT)}/", sep="\n")
    return int(bool(wide))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
