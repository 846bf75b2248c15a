"""Values of files beside the types of fields: the one check for models, estimators, certificates, recipes and artefacts.

A file holds JSON or TOML. The annotations of a dataclass are its schema, and `typed` admits nothing else: no text for a number,
no number for a boolean, no unknown field. So the values that are read have the types that the rest of the library expects.
"""

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from splinework.errors import ConfigError, nearest

Readers = Mapping[type, Callable[[Any, Any, str], Any]]
"""Classes that are stored in a way of their own, each with a function of annotation, value and `where` that reads it."""
_SCALARS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
_SPECIAL = ("inf", "-inf", "nan")


def typed(hint: Any, value: Any, where: str, readers: Readers = {}) -> Any:  # noqa: B006  # never changed
    """A plain value as the type of a field: a list becomes a tuple or an array, a table a dataclass, a whole number a float.

    Args:
        hint: The annotation: a scalar, `tuple`, `list`, `dict`, `NDArray[np.float64]`, `Literal`, a union, a dataclass or `Any`.
        value: The value; a float may be one of the texts `inf`, `-inf` and `nan`, for which JSON has no words.
        where: Name of the value in messages.
        readers: See `Readers`; classes derived from one of them count too.

    Raises:
        ConfigError: If it is of another type, or a dataclass lacks a field or has one too many.

    >>> typed(tuple[float, ...], [1, 0.5], "domain")
    (1.0, 0.5)
    """
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any or hint is object:
        return value
    if origin in (Union, types.UnionType):
        return _one_of(inner, value, where, readers)
    if hint in (None, type(None)):
        return _checked(value is None, value, where, "nothing")
    if origin is Literal:
        return _checked(_is_among(value, inner), value, where, f"one of {', '.join(map(str, inner))}")
    if hint in _SCALARS:
        return _scalar(value, hint, where)
    if origin in (tuple, list):
        return origin(_items(origin, inner, value, where, readers))
    if origin in (dict, Mapping) or getattr(origin, "__name__", "") == "Mapping":
        _checked(isinstance(value, Mapping), value, where, "a table")
        pairs = [(typed(inner[0], k, f"a key of {where}"), k) for k in value]
        return {key: typed(inner[1], value[k], f"{shown(k)} of {where}", readers) for key, k in pairs}
    if origin is np.ndarray:
        return _array(value, where)
    for kind, read in readers.items():
        if isinstance(hint, type) and issubclass(hint, kind):
            return read(hint, value, where)
    if isinstance(hint, type) and is_dataclass(hint):
        return hint(**fields_of(hint, value, where, readers))
    return value


def fields_of(kind: Any, values: Any, where: str, readers: Readers = {}) -> dict[str, Any]:  # noqa: B006  # never changed
    """The fields of a dataclass, `typed`, by name.

    Raises:
        ConfigError: If `values` is not a table, lacks a field, has one too many, or one of another type.
    """
    _checked(isinstance(values, Mapping), values, where, "a table of values")
    known = {field.name: field for field in fields(kind) if field.init}
    for word in values:
        if word not in known:
            raise ConfigError(f"{where} has the fields {', '.join(known)}, none {shown(word)}; {nearest(word, known)}")
    for word, field in known.items():
        if field.default is MISSING and field.default_factory is MISSING and word not in values:
            raise ConfigError(
                f"{where} needs {word!r} of its fields {', '.join(known)}, got {shown(list(values))}; add it."
            )
    hints = _hints(kind)
    return {word: typed(hints[word], value, f"{word} of {where}", readers) for word, value in values.items()}


def shown(value: Any) -> str:
    """A value for an error message: its representation, shortened if it is long.

    >>> shown("a" * 1000)
    "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…"
    """
    if isinstance(value, (str, bytes)):
        value = value[:60]
    elif isinstance(value, (list, tuple, dict)) and len(value) > 20:
        return f"{type(value).__name__} of {len(value)}"
    if isinstance(value, int) and abs(value) >= 10**40:
        return "a whole number of many digits"
    try:
        text = repr(value)
    except ValueError:  # a whole number in it has more digits than Python writes
        text = type(value).__name__
    return text if len(text) <= 60 else text[:56] + "…"


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _checked(fits: bool, value: Any, where: str, wanted: str) -> Any:
    if not fits:
        raise ConfigError(f"{where} is {wanted}, got {shown(value)}.")
    return value


def _is_among(value: Any, choices: tuple[Any, ...]) -> bool:
    return any(type(value) is type(choice) and value == choice for choice in choices)


def _one_of(hints: tuple[Any, ...], value: Any, where: str, readers: Readers) -> Any:
    """The value as the first type of a union that admits it; the message is that of the first type."""
    errors = []
    for hint in sorted(hints, key=lambda hint: hint is not type(None)):
        if hint is type(None) and value is None:
            return None
        if hint is not type(None):
            try:
                return typed(hint, value, where, readers)
            except ConfigError as error:
                errors.append(error)
    raise errors[0]


def _scalar(value: Any, hint: type, where: str) -> Any:
    whole = isinstance(value, int) and not isinstance(value, bool)
    special = hint is float and isinstance(value, str) and value in _SPECIAL
    fits = {bool: isinstance(value, bool), int: whole, str: isinstance(value, str), float: whole or special}[hint]
    _checked(fits or (hint is float and isinstance(value, float)), value, where, _SCALARS[hint])
    try:
        return hint(value)
    except OverflowError as error:
        raise ConfigError(f"{where} is a number within float64 (about 1.8e308), got {shown(value)}.") from error


def _items(kind: type, inner: tuple[Any, ...], value: Any, where: str, readers: Readers) -> list[Any]:
    _checked(isinstance(value, (list, tuple)), value, where, "a list")
    if kind is list or (len(inner) == 2 and inner[1] is Ellipsis):
        return [typed(inner[0], one, where, readers) for one in value]
    _checked(len(value) == len(inner), value, where, f"a list of {len(inner)}")
    return [typed(hint, one, where, readers) for hint, one in zip(inner, value, strict=True)]


def _array(value: Any, where: str) -> Any:
    """Numbers in nested lists, all rows of one length, as float64."""
    wanted = "numbers, all rows of one length"
    _checked(isinstance(value, (list, int, float)) and not isinstance(value, bool), value, where, wanted)
    try:
        array = np.array(value)
    except (OverflowError, ValueError) as error:  # ragged, or deeper than NumPy goes
        raise ConfigError(f"{where} is {wanted}, got {shown(value)}.") from error
    _checked(array.dtype.kind in "fiu" and not _holds_truth(value), value, where, wanted)
    return array.astype(np.float64)


def _holds_truth(value: Any) -> bool:
    """Whether some of nested lists hold true or false, which NumPy takes for numbers among others."""
    if isinstance(value, list):
        return any(isinstance(one, bool) or (isinstance(one, list) and _holds_truth(one)) for one in value)
    return isinstance(value, bool)
