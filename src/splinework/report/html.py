"""HTML fragments. `Html` is text that is safe in a page; plain strings are converted by `text` only."""

import html
import math
import re
from collections.abc import Sequence
from typing import NewType

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from splinework.report.plot.style import bin_range
from splinework.report.plot.svg import svg

Html = NewType("Html", str)
NOTHING = Html("")
MAX_NARROW_COLUMNS = 3
"""Maximum number of columns of a table that does not fill the width of the page."""

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def text(value: object) -> Html:
    """A string escaped for HTML, without unprintable characters."""
    kept = "".join(c for c in str(value) if c in "\n\t" or (c.isprintable() and not "\ud800" <= c <= "\udfff"))
    return Html(html.escape(kept, quote=True))


def join(*parts: Html) -> Html:
    """Concatenation of fragments."""
    return Html("\n".join(part for part in parts if part))


def element(tag: str, *content: Html, **attributes: str) -> Html:
    """`<tag …>content</tag>`; attributes are escaped, and their `_` is a hyphen (`class_` is class)."""
    written = "".join(f' {key.strip("_").replace("_", "-")}="{text(value)}"' for key, value in attributes.items())
    return Html(f"<{tag}{written}>{''.join(content)}</{tag}>")


def section(identifier: str, heading: str, content: Html) -> Html:
    """A section with a heading."""
    title = element("h2", text(heading), id=f"{identifier}-heading")
    return element("section", title, Html("\n"), content, id=identifier, aria_labelledby=f"{identifier}-heading")


def paragraph(sentence: str, kind: str = "") -> Html:
    """One paragraph of plain text."""
    return element("p", text(sentence), class_=kind) if kind else element("p", text(sentence))


def bullets(sentences: Sequence[str]) -> Html:
    """A list of plain sentences; empty without any."""
    if not sentences:
        return NOTHING
    return element("ul", *(element("li", text(sentence)) for sentence in sentences))


def cards(figures: Sequence[tuple[str, Html]]) -> Html:
    """Key figures with their labels, without missing ones."""
    shown = [
        element("div", element("dd", value), element("dt", text(label)))
        for label, value in figures
        if value not in ("", "–")
    ]
    return element("dl", *shown, class_="cards") if shown else NOTHING


def code(content: str, label: str) -> Html:
    """A block of code that can be copied."""
    return element("pre", element("code", text(content)), class_="copy", tabindex="0", role="group", aria_label=label)


def table(
    caption: str,
    head: Sequence[str],
    rows: Sequence[Sequence[Html]],
    *,
    words: Sequence[int] = (0,),
    names: int | None = None,
) -> Html:
    """A table with a caption; the first cell of each row heads the row.

    Args:
        caption: Caption of the table.
        head: Headings of the columns.
        rows: Cells.
        words: Indices of the left-aligned columns; the others hold numbers.
        names: Index from which headings are names, which are written as they are; None for none.
    """
    kinds = ["words" if column in words else "number" for column in range(len(head))]
    last = len(head) if names is None else names
    heads = [
        element("th", text(name), scope="col", class_=kind if place < last else f"{kind} name")
        for place, (name, kind) in enumerate(zip(head, kinds, strict=True))
    ]
    body = []
    for row in rows:
        first = element("th", row[0], scope="row", class_=kinds[0])
        body.append(
            element("tr", first, *(element("td", cell, class_=k) for cell, k in zip(row[1:], kinds[1:], strict=True)))
        )
    parts = (
        element("caption", element("span", text(caption))),
        element("thead", element("tr", *heads)),
        element("tbody", *body),
    )
    inside = element("table", *parts, class_="narrow") if len(head) <= MAX_NARROW_COLUMNS else element("table", *parts)
    return element("div", inside, class_="wide", tabindex="0", role="region", aria_label=caption)


def picture(figure: Figure, name: str, description: str, caption: str = "") -> Html:
    """A figure as inline SVG with an accessible description."""
    size = "large" if figure.get_figwidth() > 6 else "small"
    start = f'<svg class="{size}" role="img" aria-label="{text(description)}" '
    drawn = svg(figure, name).replace("<svg ", start, 1)
    below = [element("figcaption", text(caption))] if caption else []
    scrolled = (
        {"class_": "wide", "tabindex": "0", "role": "group", "aria_label": description} if size == "large" else {}
    )
    return element("figure", element("div", Html(drawn), **scrolled), *below)


def histogram(values: NDArray[np.float64], description: str, *, bins: int = 24) -> Html:
    """A tiny histogram as inline SVG."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return NOTHING
    counts, _ = np.histogram(finite, bins=bins, range=bin_range(finite, bins))
    width, height, bar = 5 * bins, 26, 4
    bars = []
    for place, count in enumerate(counts.tolist()):
        if count:
            tall = max(1.0, height * count / int(counts.max()))
            bars.append(f'<rect x="{5 * place}" y="{height - tall:.1f}" width="{bar}" height="{tall:.1f}"/>')
    return Html(
        f'<svg class="histogram" role="img" aria-label="{text(description)}" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">{"".join(bars)}</svg>'
    )


def r_squared(value: float | None) -> Html:
    """R² as text; close to one as its difference from one."""
    if value is None or not math.isfinite(value):
        return Html("–")
    if value == 1:
        return Html("1")
    if 1 - value < 5e-7:
        return Html(f"1 − {number(1 - value, 2)}")
    return Html((f"{value:.6f}" if value > 0.999 else f"{round(value, 4) + 0.0:.4f}").replace("-", "−"))


def number(value: float | None, digits: int = 4) -> Html:
    """A number with significant digits, in scientific notation if large or small; a dash for None."""
    if value is None or math.isnan(value):
        return Html("–")
    if math.isinf(value):
        return Html("∞" if value > 0 else "−∞")
    shown = f"{value:.{digits}g}"
    match = re.fullmatch(r"(-?[0-9.]+)e([+-][0-9]+)", shown)
    if match and abs(value) >= 1 and abs(value) < 1e6:
        return Html(f"{value:.0f}".replace("-", "−"))
    if match:
        power = str(int(match[2])).translate(_SUPERSCRIPTS)
        return Html(f"{match[1]} × 10{power}".replace("-", "−"))
    return Html(shown.replace("-", "−"))
