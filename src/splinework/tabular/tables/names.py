"""Names of columns as identifiers for formulas."""

import keyword
import re
import unicodedata
from collections.abc import Collection, Sequence


def identifiers(names: Sequence[str], *, reserved: Collection[str] = ()) -> dict[str, str]:
    """A distinct Python identifier for every name: identifier → name, in the order given.

    A name that can be used as it is stays as it is.

    Args:
        names: Distinct names.
        reserved: Words that a formula needs for itself, such as `sin`.

    >>> identifiers(["mass (kg)", "mass_kg", "2nd", "sin"], reserved={"sin"})
    {'mass_kg_2': 'mass (kg)', 'mass_kg': 'mass_kg', 'x_2nd': '2nd', 'sin_': 'sin'}
    """
    taken = {name for name in names if _usable(name, reserved)}
    found: dict[str, str] = {}
    for name in names:
        if _usable(name, reserved):
            found[name] = name
            continue
        stem = _stem(name, reserved)
        choice, count = stem, 2
        while choice in taken:
            choice, count = f"{stem}_{count}", count + 1
        taken.add(choice)
        found[choice] = name
    return found


def _usable(name: str, reserved: Collection[str]) -> bool:
    """Whether Python reads the name back as the same name, and nothing else is called so."""
    if unicodedata.normalize("NFKC", name) != name or name.startswith("__") or name in reserved:
        return False
    return name.isidentifier() and not keyword.iskeyword(name)


def _stem(name: str, reserved: Collection[str]) -> str:
    stem = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", name)).strip("_")
    stem = unicodedata.normalize("NFKC", stem)
    if not stem.isidentifier():
        stem = f"x_{stem}" if f"x_{stem}".isidentifier() and stem else "x"
    return stem if _usable(stem, reserved) else f"{stem}_"
