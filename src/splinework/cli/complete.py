"""Completions for a shell: files, and the names of the columns of the table that was named."""

import csv
import re
from pathlib import Path
from typing import Final

import click
from click.shell_completion import CompletionItem

from splinework.errors import SplineworkError

_HEAD_BYTES: Final = 65_536  # bytes that hold the first line
_KINDS_FOLDER: Final = Path(__file__).parents[1] / "knowledge" / "axioms" / "kinds"
_WORD_PATTERN: Final = re.compile(r'^    word: ClassVar\[str\] = "(\w+)"$', re.MULTILINE)


def axiom_words() -> list[str]:
    """The words of all kinds of axioms, read from their files without importing them, which is faster."""
    return sorted(
        word for path in _KINDS_FOLDER.glob("*.py") for word in _WORD_PATTERN.findall(path.read_text(encoding="utf-8"))
    )


def files_of(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Files and folders: the shell lists them itself."""
    return [CompletionItem(incomplete, type="file")]


def columns_of(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The columns in the first line of the table; after a comma, the next one of a list."""
    before, comma, begun = incomplete.rpartition(",")
    named = set(before.split(","))
    return [
        CompletionItem(f"{before}{comma}{name}")
        for name in _header_in(context)
        if name.startswith(begun) and name not in named
    ]


def axioms_for(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The words of axioms; after the bracket and each comma, the columns of the table."""
    word, bracket, inside = incomplete.partition("(")
    if not bracket:
        return [CompletionItem(f"{known}(") for known in axiom_words() if known.startswith(word)]
    before, comma, begun = inside.rpartition(",")
    blank = begun[: len(begun) - len(begun.lstrip())]
    return [
        CompletionItem(f"{word}({before}{comma}{blank}{name}")
        for name in _header_in(context)
        if name.startswith(begun.strip()) and name.isidentifier()
    ]


def signs_for(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The columns of the table, each rising and falling."""
    before, comma, begun = incomplete.rpartition(",")
    pairs = [f"{name}={sign}" for name in _header_in(context) for sign in ("1", "-1")]
    return [CompletionItem(f"{before}{comma}{pair}") for pair in pairs if pair.startswith(begun)]


def _header_in(context: click.Context) -> list[str]:
    """The columns of the table that was named."""
    # An option that still lacks its value leaves the arguments unread.
    places = [text for text in (context.params.get("data"), *context.args) if text]
    return header_of(places[0]) if places else []


def header_of(place: str) -> list[str]:
    """The names of the columns of a table, none if there is no such table."""
    try:
        path = Path(place)
        if place != "-" and not path.is_file():
            from splinework.tabular.tables.arrow_rows import arrow_rows

            return arrow_rows(place).columns
        if path.suffix.lower() in (".parquet", ".pq"):
            from pyarrow.parquet import read_schema

            return [str(name) for name in read_schema(path).names]
        with path.open("rb") as file:
            content = file.read(_HEAD_BYTES)
        if content.startswith(b"\x1f\x8b"):
            import gzip

            with gzip.open(path, "rb") as packed:
                content = packed.read(_HEAD_BYTES)
        encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        first = content.decode(encoding, errors="replace").splitlines()[0]
    except (OSError, ValueError, EOFError, IndexError, ImportError, SplineworkError):
        return []
    if not first.replace("\t", "").isprintable():
        return []  # no text
    separator = max(",;\t|", key=first.count)
    return [name.strip() for name in next(csv.reader([first], delimiter=separator, skipinitialspace=True), [])]
