"""Conversion of frozen recipes to and from plain values (JSON, TOML): `{"kind": "Gaussian", "gamma": 0.1, "of": "rms"}`.

A recipe is a frozen dataclass whose fields are numbers, strings, tuples of these and other recipes. Input is validated against
the types of the fields; nothing is executed.
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from splinework.errors import ConfigError, nearest
from splinework.errors.foreign import explained


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
        raise ConfigError(f"{where} has kind {name!r}; {nearest(name, kinds)}")
    kind = kinds[name]
    known = {field.name: field for field in fields(kind) if field.init}
    for word in values:
        if word != "kind" and word not in known:
            raise ConfigError(f"{name} has no field {word!r}; {nearest(word, known)}")
    for word, field in known.items():
        if field.default is MISSING and field.default_factory is MISSING and word not in values:
            raise ConfigError(f"{name} needs {word!r}; add it.")
    hints = _hints(kind)
    given = {
        word: _value(value, hints[word], kinds, f"{word} of {name}") for word, value in values.items() if word != "kind"
    }
    return kind(**given)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _value(value: Any, hint: Any, kinds: Mapping[str, type], where: str) -> Any:
    """A JSON or TOML value converted to the type of a field."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        choices = [one for one in get_args(hint) if one is not type(None)]
        if value is None and len(choices) < len(get_args(hint)):
            return None
        return _value(value, choices[0], kinds, where)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise ConfigError(f"{where} is a list, got {value!r}.")
        inner = get_args(hint)
        if len(inner) == 2 and inner[1] is Ellipsis:
            return tuple(_value(one, inner[0], kinds, where) for one in value)
        if len(inner) != len(value):
            raise ConfigError(f"{where} is a list of {len(inner)}, got {value!r}.")
        return tuple(_value(one, kind, kinds, where) for one, kind in zip(value, inner, strict=True))
    if origin is Literal:
        if value not in get_args(hint):
            raise ConfigError(f"{where} is one of {', '.join(map(str, get_args(hint)))}, got {value!r}.")
        return value
    if isinstance(hint, type) and hint in (bool, int, float, str):
        return _scalar(value, hint, where)
    own = getattr(hint, "__name__", "")
    if isinstance(value, Mapping) and "kind" not in value and kinds.get(own) is hint:
        value = {"kind": own, **value}  # the only possible type
    return _recipe(value, kinds, where)


def _scalar(value: Any, hint: type, where: str) -> Any:
    whole = isinstance(value, int) and not isinstance(value, bool)
    fits = {
        bool: isinstance(value, bool),
        int: whole,
        float: whole or isinstance(value, float),
        str: isinstance(value, str),
    }[hint]
    if not fits:
        words = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
        raise ConfigError(f"{where} is {words[hint]}, got {value!r}.")
    return hint(value)
