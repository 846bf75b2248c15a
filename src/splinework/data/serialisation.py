"""Conversion of frozen recipes to and from plain values (JSON, TOML): `{"kind": "Gaussian", "gamma": 0.1, "of": "rms"}`.

A recipe is a frozen dataclass whose fields are numbers, strings, tuples of these and other recipes. Input is validated against
the types of the fields; nothing is executed.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from splinework.errors import ConfigError, nearest
from splinework.errors.foreign import explained
from splinework.errors.stored_values import fields_of, shown


@explained
def to_dict(recipe: Any) -> dict[str, Any]:
    """A recipe as JSON values, without fields that are None, which TOML cannot represent.

    Args:
        recipe: The recipe, a frozen dataclass.

    Returns:
        Its class name under `kind`, and its fields.

    Raises:
        ConfigError: If it is not a dataclass.

    >>> from splinework.data.noise import Gaussian
    >>> to_dict(Gaussian(0.1))
    {'kind': 'Gaussian', 'gamma': 0.1, 'of': 'rms'}
    """
    if not is_dataclass(recipe) or isinstance(recipe, type):
        raise ConfigError(f"a recipe is a dataclass, such as FormulaSet(…), got {type(recipe).__name__}; make one.")
    values = {field.name: _plain(getattr(recipe, field.name)) for field in fields(recipe) if field.init}
    return {"kind": type(recipe).__name__, **{name: value for name, value in values.items() if value is not None}}


@explained
def from_dict(values: Mapping[str, Any], kinds: Iterable[type]) -> Any:
    """The inverse of `to_dict`.

    Args:
        values: Values as returned by `to_dict`.
        kinds: Accepted classes of recipes, also nested, such as `RECIPES`.

    Returns:
        The recipe.

    Raises:
        ConfigError: If a key is unknown, a value is missing or has the wrong type, or the recipe is invalid.

    Example:
        >>> from splinework.data.noise import Gaussian
        >>> from_dict({"kind": "Gaussian", "gamma": 0.1}, [Gaussian])
        Gaussian(gamma=0.1, of='rms')
    """
    return _recipe(values, {kind.__name__: kind for kind in kinds}, "the recipe")


def toml_text(values: Mapping[str, Any]) -> str:
    """Plain values as TOML, lists of tables last.

    >>> print(toml_text({"kind": "A", "inputs": [{"name": "x"}]}), end="")
    kind = "A"
    <BLANKLINE>
    [[inputs]]
    name = "x"
    """
    tables = {name: value for name, value in values.items() if _of_tables(value)}
    lines = [f"{_key(name)} = {toml_value(value)}" for name, value in values.items() if name not in tables]
    for name, value in tables.items():
        for one in value:
            lines += ["", f"[[{_key(name)}]]", *(f"{_key(key)} = {toml_value(cell)}" for key, cell in one.items())]
    return "\n".join(lines) + "\n"


def _of_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _key(name: str) -> str:
    return name if name.isascii() and name.replace("_", "a").replace("-", "a").isalnum() else json.dumps(name)


def toml_value(value: Any) -> str:
    """A plain value in TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else ("nan" if math.isnan(value) else f"{value:+}"[:1] + "inf")
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {toml_value(cell)}" for key, cell in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return to_dict(value)
    return [_plain(one) for one in value] if isinstance(value, (tuple, list)) else value


def _recipe(values: Any, kinds: Mapping[str, type], where: str) -> Any:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where} is a table of values, got {type(values).__name__}.")
    name = values.get("kind")
    if not isinstance(name, str) or name not in kinds:
        raise ConfigError(f"{where} has kind {shown(name)}; {nearest(name, kinds)}")

    def nested(hint: Any, value: Any, where: str) -> Any:
        own = getattr(hint, "__name__", "")
        if isinstance(value, Mapping) and "kind" not in value and kinds.get(own) is hint:
            value = {"kind": own, **value}  # the only possible type
        return _recipe(value, kinds, where)

    given = {word: value for word, value in values.items() if word != "kind"}
    return kinds[name](**fields_of(kinds[name], given, name, {object: nested}))
