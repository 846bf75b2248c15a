"""The page of the editor: its frame, its script and its style, which are those of the report and its own."""

import re
from importlib.resources import files
from string import Template
from typing import Final

from splinework.report.html import text
from splinework.report.scripts import asset, bundled

_IMPORT: Final = re.compile(r'^import \{[^}]*\} from "\./\w+\.js";\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async )?function |const |let |class )", re.MULTILINE)
SCRIPTS: Final = ("words", "pictures", "panels", "files", "editor")
"""Scripts of the editor, each after those that it imports."""


def page(name: str) -> str:
    """The page for a model of some name; all else it asks the server for."""
    return Template(own("editor.html")).substitute(name=text(name))


def script(entry: str) -> str:
    """All scripts as one module."""
    parts = [_EXPORT.sub("", _IMPORT.sub("", own(f"{name}.js") + "\n")).strip() for name in (*SCRIPTS, entry)]
    return "\n\n".join([bundled("dom", "format", "chart", "network"), *parts]) + "\n"


def style() -> str:
    """The style sheets, that of the picture first."""
    return f"{asset('network.css')}\n\n{own('editor.css')}\n"


def own(name: str) -> str:
    """The text of a file in `assets` of the editor."""
    return files("splinework.report.editor").joinpath("assets", name).read_text("utf-8").strip()
