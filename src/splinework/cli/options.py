"""Options of the command line as fields of a frozen dataclass: each is written once, with its name, type, default and help.

Such as::

    @dataclass(frozen=True)
    class Page:
        model: str = argument(shell_complete=files_of)
        title: str | None = option(metavar="TEXT", help="Heading of the page.")

    @click.command()
    @takes(Page)
    def report(page: Page) -> None: ...

The name is the field's, unless it is given. Of the field's type, `bool` is a switch, `Literal` a choice, `tuple` may be given
several times; `| None` stands for what was not given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, field, fields
from functools import wraps
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import click

_KEY: Final = "splinework"


def argument(**words: Any) -> Any:
    """A field that is an argument; `words` are those of `click.argument`."""
    words.setdefault("required", True)
    default = MISSING if words["required"] else None
    return field(default=default, metadata={_KEY: ((), {"is_argument": True, **words})})


def option(*names: str, default: Any = None, within: tuple[int, int | None] | None = None, **words: Any) -> Any:
    """A field that is an option.

    Args:
        names: How it is written; by default as the field is called.
        default: Where it is not given; shown in the help unless it is nothing, an empty tuple or False.
        within: The least and the largest whole number that is taken.
        words: Those of `click.option`: `help`, `metavar`, …
    """
    if within is not None:
        words["type"] = click.IntRange(*within)
    if default is not None and default is not False and default != ():
        words |= {"default": default, "show_default": True}
    needed = words.get("required", False)
    return field(default=MISSING if needed else default, metadata={_KEY: (names, words)})


def takes(kind: type[Any], **changes: Mapping[str, Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Gives a command the options of a dataclass, which it gets as one object, after those of the decorators above.

    Args:
        kind: The dataclass.
        changes: Words of `click.option` by the name of a field, where this command's differ.
    """
    hints = get_type_hints(kind)
    made = [_made(each, hints[each.name], changes.get(each.name, {})) for each in fields(kind)]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def run(*before: Any, **given: Any) -> Any:
            return command(*before, kind(**{each.name: given.pop(each.name) for each in fields(kind)}), **given)

        for each in reversed(made):
            run = each(run)
        return run

    return decorate


def flag(kind: type[Any], name: str) -> str:
    """How the option of a field is written; an argument is in capitals."""
    each = next(each for each in fields(kind) if each.name == name)
    names, words = each.metadata[_KEY]
    return name.upper() if "is_argument" in words else _written(each, names)


def given(options: Any, *names: str) -> list[str]:
    """Those of the fields whose options were given, as they are written."""
    return [flag(type(options), name) for name in names if getattr(options, name) not in (None, ())]


def _written(each: Field[Any], names: tuple[str, ...]) -> str:
    return names[0] if names else f"--{each.name.replace('_', '-')}"


def _made(each: Field[Any], hint: Any, changes: Mapping[str, Any]) -> Callable[..., Any]:
    """The decorator of click for a field."""
    names, words = each.metadata[_KEY]
    words = {**words, **changes}
    if words.pop("is_argument", False):
        return click.argument(each.name, **words)
    written = names or (_written(each, names),)
    return click.option(*written, each.name, **(_words_of(hint, "/" in written[0]) | words))


def _words_of(hint: Any, either: bool) -> dict[str, Any]:
    """What a type says about its option; `either` where it is written as two switches."""
    if get_origin(hint) in (Union, UnionType):
        hint = next(one for one in get_args(hint) if one is not NoneType)
    if get_origin(hint) is tuple:
        return {"multiple": True, **_words_of(get_args(hint)[0], either)}
    if get_origin(hint) is Literal:
        return {"type": click.Choice(get_args(hint))}
    if hint is bool:
        return {"default": None} if either else {"is_flag": True}
    return {"type": hint} if hint in (int, float) else {}
