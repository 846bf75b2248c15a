"""What the language of the sources and documents is held to: standard terms, sentences instead of fragments.

`python -m tests.vocabulary [PATH…]` lists what offends, file by file; `test_vocabulary.py` asks that nothing does.
`--check` looks at all that the tests look at, for `make lint`.
`python -m tests.vocabulary --draw 100 --seed 0` prints sentences drawn at random from documents, help texts and docstrings.
"""

import ast
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from docs.structure import statements

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
_ALONE = r"(?! (of these|that|which|left|to|for|in|whose|beyond|with|such|at))"
# A phrase that no native speaker would write → what to write. Only in prose: documents, docstrings, messages.
PHRASES = {
    r"parted by": "separated by",
    r"as the target looks\b": "inferred from",
    r"went away": "closed",
    r"not for what was typed": "not a usage error",
    r"who needs more seconds": "takes longer",
    r"those are taken that": "by default",
    r"go(es)? on to the same bits": "resume bit for bit",
    r"rows can tell": "the data identify",
    r"bits are those": "description length",
    r"would follow it\b": "would be overfitting",
    r"as it pays": "affordable",
    r"nothing has seen": "out of sample",
    r"counts rows\.": "sets per-row weights",
    r"columns of words": "categorical columns",
    r"numbers of rows are no": "row IDs are not",
    r"goes the other way": "violation",
    r"all (that )?there (is|are)\b": "all",
    r"all is there": "everything is installed",
    r"as scikit-learn has it": "in scikit-learn style",
    rf"(?<!there )is no (function|column|folder|number|integer|table|checkpoint|derivative|option|input)\b{_ALONE}": "is not a",
    rf"(?<!there )(are|were) no (inputs|categories|columns|numbers)\b{_ALONE}": "are not",
    r"(made|found|fitted|drawn|trained|worked out|measured|estimated|starts?) anew": "again, from scratch",
    r"of one's own": "custom, your own",
    r"(was|were) worked out on (?!the fly)": "developed on",
    r"goes astray": "diverges",
    r"is through with": "has finished",
    r"came of it": "resulted",
    r"whoever": "anyone who",
    r"(has|have) no say": "do not count",
    r"(has|have) the last word": "decides",
    r"in fingers": "know",
    r"to the eye\b": "visually",
}
_PHRASES = {re.compile(rf"\b{phrase}", re.IGNORECASE): term for phrase, term in PHRASES.items()}
# The log and the changelog name things as they were called at the time; the page about language quotes what is avoided.
EXEMPT = {"log.md", "CHANGELOG.md", "style.md"}
PAGES = [path for path in [*ROOT.glob("*.md"), *sorted((ROOT / "docs").glob("*.md"))] if path.name not in EXEMPT]
# `is_told`, `tell_of_doubts` and `Doubt` are words as well: a name is taken apart at underscores and capitals.
_WORDS = {re.compile(rf"(?<![A-Za-z]){word}(?![A-Za-z])", re.IGNORECASE): term for word, term in STANDARD.items()}
# Where a word begins is asked once at a place, not once for every word.
_ANY_WORD = re.compile(rf"(?<![A-Za-z])(?:{'|'.join(STANDARD)})(?![A-Za-z])", re.IGNORECASE)
_ANY_PHRASE = re.compile(rf"\b(?:{'|'.join(PHRASES)})", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

# "Of the derivative.", "What a layer does.": no sentence, and no noun that says what the thing is.
_FRAGMENT_OPENING = re.compile(r"(What|Of|By|That|Which|From|For|With|As|To|In|At|On|Without|Where|Who)\b")
_FRAGMENT_ARGUMENT = re.compile(r"^ +\*{0,2}\w+: (What|Of|By|That|Which|To|Who)\b")
_SECTION = re.compile(r"^(Args|Attributes|Returns|Yields):$")


def unusual(text: str) -> Iterator[tuple[int, str]]:
    """Line number and message for every word of `STANDARD` in a text."""
    for number, line in enumerate(text.splitlines(), 1):
        apart = _CAMEL.sub(" ", line).replace("_", " ") if "_" in line or _CAMEL.search(line) else line
        if not _ANY_WORD.search(line) and (apart is line or not _ANY_WORD.search(apart)):
            continue  # the usual case, quickly
        for pattern, term in _WORDS.items():
            if match := pattern.search(line) or pattern.search(apart):
                yield number, f"{match[0]!r}: {term}"


def phrases(text: str) -> Iterator[tuple[int, str]]:
    """Line number and message for every phrase of `PHRASES` in a text; a phrase may run over the end of a line."""
    joined = re.sub(r"\s", " ", text)
    if not _ANY_PHRASE.search(joined):
        return
    for pattern, term in _PHRASES.items():
        for match in pattern.finditer(joined):
            yield text.count("\n", 0, match.start()) + 1, f"{match[0]!r}: {term}"


def prose(path: Path) -> list[str]:
    """The paragraphs of a page, or the docstrings and messages of a source, that readers see."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
        return [part for part in re.split(r"\n\s*\n|\n(?=[-*|#])", text) if not part.startswith(("|", "#", ":::"))]
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (doc := ast.get_docstring(node)):
            found.extend(part for part in doc.split("\n\n") if ">>>" not in part)
        elif isinstance(node, ast.keyword) and node.arg == "help" and isinstance(node.value, ast.Constant):
            found.append(str(node.value.value))
    return found


def draw(paths: list[Path], count: int, seed: int) -> list[str]:
    """Sentences drawn at random: a file first, in proportion to its length, then a sentence of it."""
    sentences = []
    for path in paths:
        for part in prose(path):
            flat = re.sub(r"\s+", " ", part)
            sentences += [
                f"{path.relative_to(ROOT)}: {each}"
                for each in re.split(r"(?<=[.!?:]) (?=[A-Z`])", flat)
                if len(each) > 40
            ]
    return random.Random(seed).sample(sentences, min(count, len(sentences)))


def fragments(source: str) -> Iterator[tuple[int, str]]:
    """Line number and message for every docstring that opens with a fragment, or has one as the meaning of an argument."""
    for node in statements(source):
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
    found = [*unusual(text), *phrases(text), *(fragments(text) if path.suffix == ".py" else ())]
    return [f"{path.relative_to(ROOT)}:{number}: {message}" for number, message in sorted(found)]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--draw"]:
        pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "src").rglob("*.py"))]
        seed = int(sys.argv[4]) if len(sys.argv) > 4 else 0
        drawn = draw([page for page in pages if page.name != "log.md"], int(sys.argv[2]), seed)
        sys.stdout.write("\n".join([*drawn, ""]))
        raise SystemExit
    checked = [*(ROOT / part for part in ("src", "docs", "benchmarks")), *PAGES]
    places = (
        checked if sys.argv[1:] == ["--check"] else [Path(place).resolve() for place in sys.argv[1:]] or [ROOT / "src"]
    )
    files = [file for place in places for file in (sorted(place.rglob("*.py")) if place.is_dir() else [place])]
    lines = [line for file in files for line in offences(file)]
    sys.stdout.write("\n".join([*lines, f"{len(lines)} in {len(files)} files", ""]))
    raise SystemExit(bool(lines))
