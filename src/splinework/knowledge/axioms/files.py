"""Axioms in a TOML file: `axioms = ["monotone(age)", …]`, and tables `[[axiom]]` with a kind and its fields."""

import os
from typing import Any, Final

from splinework.errors import ConfigError, SplineworkError
from splinework.errors.foreign import explained
from splinework.knowledge.axioms.axiom import Axiom
from splinework.knowledge.axioms.language import axiom_of, parse_axiom
from splinework.nn.files import read_toml

_USAGE: Final = 'write axioms = ["monotone(age)"] into a TOML file'
_MAX_BYTES: Final = 20_000_000
"""The maximum size of a file of axioms in bytes; a table of ten thousand points has less than a million."""


@explained
def read_axioms(path: str | os.PathLike[str]) -> tuple[Axiom, ...]:
    """Reads the axioms of a TOML file, those of the list `axioms` first.

    A table `[[axiom]]` has the key `kind`, such as `monotone`, and the fields of that axiom: `input = "age"`,
    `strength = "soft"`, `domain = { age = [18, 65] }`.

    Args:
        path: The file, in UTF-8.

    Returns:
        The axioms.

    Raises:
        FileError: If it cannot be read.
        ConfigError: If it is not TOML, has other keys, or an axiom is invalid; the message names it.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "axioms.toml")
        ...     _ = path.write_text('axioms = ["monotone(age)"]')
        ...     print(read_axioms(path)[0])
        monotone('age')
    """
    written = read_toml(path, _USAGE, what="a file of axioms", most=_MAX_BYTES)
    for key in written:
        if key not in ("axioms", "axiom"):
            raise ConfigError(
                f'{path} has a key {key!r}; a file of axioms has a list axioms = ["monotone(age)"] and tables [[axiom]].'
            )
    listed, tables = written.get("axioms", []), written.get("axiom", [])
    if not isinstance(listed, list) or not isinstance(tables, list):
        raise ConfigError(f'{path}: axioms is a list of texts, axioms = ["monotone(age)"], and a table is [[axiom]].')
    found = []
    for number, entry in enumerate([*listed, *tables]):
        try:
            found.append(_table(entry) if number >= len(listed) else parse_axiom(entry))
        except SplineworkError as error:
            what = f"axiom {number + 1} of the list" if number < len(listed) else f"table {number - len(listed) + 1}"
            raise ConfigError(f"{path}, {what}: {error}") from error
    return tuple(found)


def _table(entry: Any) -> Axiom:
    if not isinstance(entry, dict) or not isinstance(entry.get("kind"), str):
        raise ConfigError(f'a table [[axiom]] has kind = "monotone" and the fields of that axiom, got {entry!r}.')
    return axiom_of(entry["kind"], {key: value for key, value in entry.items() if key != "kind"})
