"""Arguments of edits: what a request may give, as values that are literals of Python."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from splinework.errors import ConfigError
from splinework.nn.frame import FramedKAN, network_of
from splinework.nn.naming import edge_names, edge_place
from splinework.nn.network import KAN

MAX_TEXT: Final = 500
"""Most characters of a text, such as the formula of an edge."""


@final
@dataclass(frozen=True)
class EditArgument:
    """An argument of an edit.

    Attributes:
        name: Its name in a request, and its keyword in the call.
        kind: Its type: `edge`, `node`, `input`, `inputs`, `count`, `score`, `flag`, `numbers` or a `text`.
        positional: Whether the call takes it by position.
        choices: The texts that are allowed; any if empty.
        required: Whether a request must give it.
    """

    name: str
    kind: str
    positional: bool = False
    choices: tuple[str, ...] = ()
    required: bool = False


def literal(value: Any) -> str:
    """A value as a literal of Python, texts in double quotes where they need no escapes.

    >>> literal(("x1", [1, 2.5, None]))
    '("x1", [1, 2.5, None])'
    """
    if isinstance(value, str):
        plain = value.isprintable() and not set(value) & {'"', "\\"}
        return f'"{value}"' if plain else repr(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(key)}: {literal(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' * (len(value) == 1)})"
    return repr(value)


def value_of(field: EditArgument, value: Any, model: KAN | FramedKAN) -> Any:
    """An argument as a value whose `repr` is a literal of Python.

    Raises:
        ConfigError: If it is of another kind.
    """
    found = _READERS[field.kind](value, model)
    if found is None:
        raise ConfigError(f"{field.name} is {_KINDS[field.kind]}; got {value!r:.80}.")
    if field.choices and found not in field.choices:
        raise ConfigError(f"{field.name} is one of {', '.join(field.choices)}; got {found!r:.80}.")
    return found


def _edge(value: Any, model: KAN | FramedKAN) -> tuple[int | str, ...] | None:
    """The edge by its two names, or where these are not unique by index."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return None
    network = network_of(model)
    place = edge_place(network, value)
    names = edge_names(network, [place])[0]
    try:
        unique = edge_place(network, names) == place
    except ConfigError:
        unique = False
    return names if unique else place


def _whole(value: Any, model: KAN | FramedKAN) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 31 else None


def _number(value: Any, model: KAN | FramedKAN) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return value if is_number else None


def _numbers(value: Any, model: KAN | FramedKAN) -> list[float] | None:
    listed = [_number(each, model) for each in value] if isinstance(value, list) and len(value) <= 16 else [None]
    return None if None in listed else [each for each in listed if each is not None]


def _text(value: Any, model: KAN | FramedKAN) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= MAX_TEXT else None


def _node(value: Any, model: KAN | FramedKAN) -> str | tuple[int, ...] | None:
    if isinstance(value, list) and len(value) == 2 and all(_whole(each, model) is not None for each in value):
        return tuple(value)
    return _text(value, model)


def _input(value: Any, model: KAN | FramedKAN) -> int | str | None:
    return _text(value, model) if isinstance(value, str) else _whole(value, model)


def _inputs(value: Any, model: KAN | FramedKAN) -> list[str] | None:
    is_list = isinstance(value, list) and value and all(_text(each, model) is not None for each in value)
    return list(value) if is_list else None


def _flag(value: Any, model: KAN | FramedKAN) -> bool | None:
    return value if isinstance(value, bool) else None


_READERS: Final[Mapping[str, Callable[[Any, KAN | FramedKAN], Any]]] = {
    "edge": _edge,
    "node": _node,
    "input": _input,
    "inputs": _inputs,
    "count": _whole,
    "score": _number,
    "flag": _flag,
    "numbers": _numbers,
    "text": _text,
}
_KINDS: Final = {
    "edge": "an edge: [layer, input, sum] or two names",
    "node": "a node: its name or [layer, n]",
    "input": "an input: its name or index",
    "inputs": "a list of names of inputs",
    "count": "a whole number",
    "score": "a finite number",
    "flag": "true or false",
    "numbers": "a list of finite numbers",
    "text": f"a text of at most {MAX_TEXT} characters",
}
