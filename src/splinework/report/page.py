"""The page around the sections: style, table of contents, and a content security policy without external sources."""

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from string import Template

from splinework.report.html import Html, element, join, section, text


def page(title: str, lead: Html, parts: Sequence[tuple[str, str, Html]]) -> str:
    """A self-contained HTML page.

    Args:
        title: Heading of the page, plain text.
        lead: Text below the heading.
        parts: Identifier, heading and content of every section; empty ones are omitted.
    """
    held = [part for part in parts if part[2]]
    here = files("splinework.report")
    style, script, frame = (
        here.joinpath(name).read_text("utf-8").strip() for name in ("page.css", "page.js", "page.html")
    )
    return Template(frame).substitute(
        title=text(title),
        lead=lead,
        contents=element("ul", *(element("li", element("a", text(h), href=f"#{i}")) for i, h, _ in held)),
        sections=join(*(section(i, h, content) for i, h, content in held)),
        style=style,
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
