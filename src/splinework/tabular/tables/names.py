"""Names of columns as identifiers for formulas."""

import keyword
import re
import unicodedata
from collections.abc import Collection, Sequence


def identifiers(names: Sequence[str], *, reserved: Collection[str] = ()) -> dict[str, str]:
    """A distinct Python identifier for every name: identifier → name, in the order given; valid names stay as they are.

    Args:
        names: Distinct names.
        reserved: Identifiers that formulas reserve, such as `sin`.

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
    """Whether the name is a valid identifier in normal form (NFKC), and not reserved."""
    if unicodedata.normalize("NFKC", name) != name or name.startswith("__") or name in reserved:
        return False
    return name.isidentifier() and not keyword.iskeyword(name)


def _stem(name: str, reserved: Collection[str]) -> str:
    stem = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", name)).strip("_")
    stem = unicodedata.normalize("NFKC", stem)
    if not stem.isidentifier():
        stem = f"x_{stem}" if f"x_{stem}".isidentifier() and stem else "x"
    return stem if _usable(stem, reserved) else f"{stem}_"
