"""The page around the sections: style, scripts, table of contents, and a content security policy without external sources."""

import base64
import hashlib
from collections.abc import Sequence
from string import Template
from typing import Any

from splinework.report.html import NOTHING, Html, element, join, section, text
from splinework.report.scripts import asset, bundled, embedded


def page(
    title: str, lead: Html, parts: Sequence[tuple[str, str, Html]], *, data: Any = None, model: str | None = None
) -> str:
    """A self-contained HTML page.

    Args:
        title: Heading of the page, plain text.
        lead: Text below the heading.
        parts: Identifier, heading and content of every section; empty ones are omitted.
        data: Data that the scripts read; None for a page without a model.
        model: Statements that define the model for the scripts; None for a page without one.
    """
    held = [part for part in parts if part[2]]
    script = bundled("plain") if model is None else bundled("report", before=model)
    return Template(asset("page.html")).substitute(
        title=text(title),
        lead=lead,
        contents=element("ul", *(element("li", element("a", text(h), href=f"#{i}")) for i, h, _ in held)),
        sections=join(*(section(i, h, content) for i, h, content in held)),
        style=f"{asset('page.css')}\n{asset('network.css')}",
        data=NOTHING if data is None else _data(data),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _data(data: Any) -> Html:
    return Html(f'<script type="application/json" id="report-data">{embedded(data)}</script>')
