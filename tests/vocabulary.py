"""What the language of the sources and documents is held to: standard terms, sentences instead of fragments.

`python -m tests.vocabulary [PATH…]` lists what offends, file by file; `test_vocabulary.py` asks that nothing does.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# A word that nobody outside this project would search for → the term of the field.
STANDARD = {
    r"doors?": "API, entry point",
    r"doubt(s|ed|ful)?": "misspecification test",
    r"wish(es|ed)?": "constraint, option",
    r"endings?": "exit code, end",
    r"lessons?": "distillation loss",
    r"verdicts?": "status, result",
    r"clash(es|ed)?": "conflict",
    r"courses?": "run, workflow",
    r"manners?": "convention, way",
    r"survivors?": "what is preserved, what is left",
    r"marks": "data coverage",
    r"marched": "time marching",
    r"speech": "output",
    r"told": "given, warned",
    r"said": "message, stated, named",
    r"hears?": "callback, is called with",
    r"speaks? of": "refers to",
    r"so many": "number of",
    r"dear(er|est)?": "expensive",
    r"mend(s|ed|ing)?": "fix",
    r"carried_out": "executed",
    r"nobody(?=\()": "no_progress",
}
# `is_told`, `tell_of_doubts` and `Doubt` are words as well: a name is taken apart at underscores and capitals.
_WORDS = {re.compile(rf"(?<![A-Za-z]){word}(?![A-Za-z])", re.IGNORECASE): term for word, term in STANDARD.items()}
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

# "Of the derivative.", "What a layer does.": no sentence, and no noun that says what the thing is.
_FRAGMENT_OPENING = re.compile(r"(What|Of|By|That|Which|From|For|With|As|To|In|At|On|Without|Where|Who)\b")
_FRAGMENT_ARGUMENT = re.compile(r"^ +\*{0,2}\w+: (What|Of|By|That|Which|To|Who)\b")
_SECTION = re.compile(r"^(Args|Attributes|Returns|Yields):$")


def unusual(text: str) -> Iterator[tuple[int, str]]:
    """Line number and message for every word of `STANDARD` in a text."""
    for number, line in enumerate(text.splitlines(), 1):
        apart = _CAMEL.sub(" ", line).replace("_", " ") if "_" in line or _CAMEL.search(line) else line
        for pattern, term in _WORDS.items():
            if match := pattern.search(line) or pattern.search(apart):
                yield number, f"{match[0]!r}: {term}"


def fragments(source: str) -> Iterator[tuple[int, str]]:
    """Line number and message for every docstring that opens with a fragment, or has one as the meaning of an argument."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        docstring = ast.get_docstring(node)
        if docstring is None:
            continue
        start = node.body[0].lineno
        if _FRAGMENT_OPENING.match(docstring):
            yield start, f"opens with a fragment: {docstring.splitlines()[0][:60]!r}"
        section = False
        for offset, line in enumerate(docstring.splitlines()):
            section = bool(_SECTION.match(line)) or (section and (not line or line.startswith(" ")))
            if section and _FRAGMENT_ARGUMENT.match(line):
                yield start + offset, f"an argument's meaning is a fragment: {line.strip()[:60]!r}"


def offences(path: Path) -> list[str]:
    """All that `path`, Python or prose, is reminded of."""
    text = path.read_text(encoding="utf-8")
    found = [*unusual(text), *(fragments(text) if path.suffix == ".py" else ())]
    return [f"{path.relative_to(ROOT)}:{number}: {message}" for number, message in sorted(found)]


if __name__ == "__main__":
    places = [Path(place).resolve() for place in sys.argv[1:]] or [ROOT / "src"]
    files = [file for place in places for file in (sorted(place.rglob("*.py")) if place.is_dir() else [place])]
    lines = [line for file in files for line in offences(file)]
    sys.stdout.write("\n".join([*lines, f"{len(lines)} in {len(files)} files", ""]))
