"""A figure as inline SVG, without header and URLs, with colours from CSS variables."""

import io
import re
import warnings

import matplotlib
from matplotlib.figure import Figure

from splinework.report.plot import style

COLOURS = {
    style.INK: "ink",
    style.MUTED: "muted",
    style.RULE: "rule",
    style.PAPER: "paper",
    style.BLUE: "blue",
    style.VERMILION: "vermilion",
    style.GREEN: "green",
    style.PURPLE: "purple",
    style.AMBER: "amber",
}
"""Colours of `style` → names of CSS variables, such as `--ink`."""

_DROPPED = re.compile(
    r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>|<title>.*?</title>|<style.*?</style>", re.DOTALL
)
_MARKERS = re.compile(r'<use [^<>]*( style="[^"]*")/>\n(?:<use [^<>]*\1/>\n)+')
_TAG = re.compile(r"<[^<>]+>")


def svg(figure: Figure, name: str) -> str:
    """The figure as one reproducible `<svg>` element.

    Text remains searchable text in the page's font. Colours become CSS variables with the original colour as default, identifiers
    begin with `name`, and the size is in CSS pixels, 96 per inch.
    """
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # the browser has the glyph
        figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    text = _DROPPED.sub("", buffer.getvalue().decode())
    text = _TAG.sub(lambda match: _tag(match[0], name), text)
    text = re.sub(r"\s*\n\s*", "\n", text).strip()
    text = _MARKERS.sub(lambda match: f"<g{match[1]}>\n{match[0].replace(match[1], '')}</g>\n", text)
    width, height = (round(96 * inches) for inches in figure.get_size_inches())
    return text.replace("<svg ", f'<svg width="{width}" height="{height}" ', 1)


def _tag(tag: str, name: str) -> str:
    """One tag with prefixed identifiers, none for groups, without namespaces, with CSS colours and fewer digits."""
    if tag.startswith("<g "):
        tag = re.sub(r' id="[^"]*"', "", tag)
    tag = re.sub(r'\bid="', f'id="{name}-', tag)
    tag = re.sub(r'(?:xlink:)?href="#', f'href="#{name}-', tag)
    tag = tag.replace("url(#", f"url(#{name}-")
    tag = re.sub(r' (?:xmlns(?::xlink)?|version)="[^"]*"', "", tag)
    if tag.startswith("<svg"):
        tag = re.sub(r' (?:width|height)="[^"]*"', "", tag)
    tag = re.sub(r"font-family: [^;\"]*;? ?", "", tag)
    tag = re.sub(r"(font: (?:[a-z]+ )*[0-9.]+px) [^;\"]*", r"\1 var(--sans, sans-serif)", tag)
    tag = re.sub(r"(\.[0-9]{2})[0-9]+", r"\1", tag)
    tag = re.sub(r"\s+", " ", tag)
    for colour, variable in COLOURS.items():
        tag = tag.replace(colour, f"var(--{variable}, {colour})")
    return tag
