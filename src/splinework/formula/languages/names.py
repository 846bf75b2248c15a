"""Names of columns in a language: unchanged where valid, otherwise similar valid names."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from splinework.errors import FormulaError


@dataclass(frozen=True)
class Naming:
    """The rules for names in a language.

    Attributes:
        reserved: Reserved words.
        looks_like: Pattern of further invalid names, such as cell addresses.
        ascii: Whether only ASCII letters are valid.
        fold: Whether names are case-insensitive.
        given: Pattern of valid names in a caller's mapping.
    """

    reserved: Collection[str] = frozenset()
    looks_like: str = r"(?!)"
    ascii: bool = True
    fold: bool = False
    given: str = r"[^\W\d]\w*"

    def allows(self, name: str) -> bool:
        """Whether a column may keep its name."""
        good = re.fullmatch(r"[^\W\d]\w*", name, re.ASCII if self.ascii else 0) is not None
        return good and not self.taken(name) and re.fullmatch(self.looks_like, name) is None

    def taken(self, name: str) -> bool:
        return self._key(name) in {self._key(word) for word in self.reserved}

    def _key(self, name: str) -> str:
        return name.upper() if self.fold else name

    def choose(self, names: Iterable[str]) -> dict[str, str]:
        """Column → distinct name; valid names are unchanged."""
        columns = list(dict.fromkeys(names))
        chosen: dict[str, str] = {}
        used: set[str] = set()
        for keep in (True, False):  # valid names first, so that no other column takes them
            for column in columns:
                good = self.allows(column) and self._key(column) not in used
                if column not in chosen and (good or not keep):
                    chosen[column] = column if good else self._new(column, used)
                    used.add(self._key(chosen[column]))
        return {column: chosen[column] for column in columns}

    def _new(self, column: str, used: Collection[str]) -> str:
        plain = unicodedata.normalize("NFKD", column).encode("ascii", "ignore").decode()
        stem = re.sub(r"\W+", "_", plain, flags=re.ASCII).strip("_") or "x"
        stem = f"x_{stem}" if stem[0].isdigit() else stem
        candidate, turn = stem, 1
        while not self.allows(candidate) or self._key(candidate) in used:
            candidate = f"{stem}_" if turn == 1 else f"{stem}_{turn}_"
            turn += 1
        return candidate

    def check(self, names: Mapping[str, str], language: str) -> dict[str, str]:
        """Checks a caller's own mapping.

        Raises:
            FormulaError: If a name is invalid in the language, or two columns share one.
        """
        for column, name in names.items():
            if not isinstance(name, str) or re.fullmatch(self.given, name) is None or self.taken(name):
                raise FormulaError(f"column {column!r} cannot be called {name!r} in {language}; give another name.")
        if len({self._key(name) for name in names.values()}) < len(names):
            raise FormulaError(f"two columns have the same name in {language}: {dict(names)}; names must differ.")
        return dict(names)


def named(names: Sequence[str] | Mapping[str, str], naming: Naming, language: str) -> dict[str, str]:
    """Column → name in the language, from column names or from a caller's mapping."""
    if isinstance(names, str):
        raise FormulaError(f"names is a sequence of column names, got the str {names!r}; write [{names!r}].")
    return naming.check(names, language) if isinstance(names, Mapping) else naming.choose(names)


def renaming_notes(names: Mapping[str, str]) -> list[str]:
    """A comment for every renamed column, in ASCII and safe inside comments."""
    changed = [(column, name) for column, name in names.items() if column != name]
    return [f'{name} is column "{plain(column)}"' for column, name in changed]


def plain(text: str) -> str:
    """The text with all but ASCII letters, digits and a few signs escaped, so that it cannot end a comment or string.

    >>> plain("width */ °C")
    'width <U+002A><U+002F> <U+00B0>C'
    """
    return "".join(c if (c.isalnum() and c.isascii()) or c in " _-.()[]%" else f"<U+{ord(c):04X}>" for c in text)
