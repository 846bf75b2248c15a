"""Which tests a change calls for, the likeliest to fail first."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.loop import imports
from tests.loop.parts import ROOT, SOURCES, part_of

ALWAYS = ("tests/test_structure.py", "tests/test_names.py", "tests/test_vocabulary.py")
"""Conventions that hold for each file, and are quick; they run after what was chosen."""

OF_ALL_SOURCES = "tests/test_types.py"
"""Types and layers, from one second to forty by what hangs on the changed file: it runs first."""

MAX_FILES = 24
"""Files that are chosen at most: to collect more would take most of a minute."""


@dataclass(frozen=True)
class Choice:
    """Test files and sources with doctests in the order in which they are run, each with the reason."""

    reasons: dict[str, str]
    left: tuple[str, ...]
    """Those that would have come next, were there not more than `MAX_FILES`."""

    @property
    def parts(self) -> set[str]:
        return {part_of(file) for file in self.reasons}


def choose(changed: Iterable[str]) -> Choice:
    """Tests for changed files: themselves, their namesakes, those that import them, those of the part that import an importer."""
    reasons, changed = dict[str, str](), list(changed)
    here = [name for name in changed if (ROOT / name).is_file()]
    if any((SOURCES in Path(name).parents and name.endswith(".py")) or name == "pyproject.toml" for name in changed):
        reasons[OF_ALL_SOURCES] = "types and layers of all sources"
    for rule in (_itself, _namesakes, _importing, _of_importers):
        for name in here:
            for file, reason in rule(name):
                reasons.setdefault(file, reason)
    left = list(reasons)[MAX_FILES:]
    for file in left:
        del reasons[file]
    for file in ALWAYS if reasons else ():
        reasons.setdefault(file, "conventions of all files")
    return Choice(reasons, tuple(left))


def tests() -> list[str]:
    """All test files."""
    return [file for file in imports.files().values() if _is_test(file)]


def _itself(name: str) -> Iterable[tuple[str, str]]:
    if _is_test(name):
        yield name, "changed"
    elif SOURCES in Path(name).parents and name.endswith(".py") and ">>> " in (ROOT / name).read_text(encoding="utf-8"):
        yield name, "doctests of the changed file"


def _namesakes(name: str) -> Iterable[tuple[str, str]]:
    stem, part = Path(name).stem, part_of(name)
    for file in tests():
        if part_of(file) == part and (Path(file).stem + "_").startswith(f"test_{stem}_"):
            yield file, f"is named after {stem}"


def _importing(name: str) -> Iterable[tuple[str, str]]:
    if name.endswith(".py"):
        near = sorted(filter(_is_test, imports.importers(name)), key=lambda file: part_of(file) != part_of(name))
        yield from ((file, f"imports {Path(name).stem}") for file in near)
    else:  # a page, a table or a picture: whoever mentions it
        for file in tests():
            if Path(name).name in (ROOT / file).read_text(encoding="utf-8"):
                yield file, f"mentions {Path(name).name}"


def _of_importers(name: str) -> Iterable[tuple[str, str]]:
    users = imports.importers(name) if name.endswith(".py") else []
    between = [file for file in users if not _is_test(file) and Path(file).name != "__init__.py"]
    for user in between:
        for file in filter(_is_test, imports.importers(user)):
            if part_of(file) == part_of(name):
                yield file, f"imports {Path(user).stem}, which imports {Path(name).stem}"


def _is_test(file: str) -> bool:
    return Path(file).name.startswith("test_") and Path("tests") in Path(file).parents
