"""Options of the command line as fields of a frozen dataclass: each is written once, with its name, type, default and help.

Such as::

    @dataclass(frozen=True)
    class Page:
        model: str = argument(shell_complete=files_of)
        title: str | None = option(metavar="TEXT", help="Heading of the page.")

    @command(short_help="Write a page.")
    @takes(Page)
    def report(page: Page) -> None: ...

The name is the field's, unless it is given. Of the field's type, `bool` is a switch, `Literal` a choice, `tuple` a list: its
option takes `A,B` and may be given several times. `| None` stands for what was not given. Options that several commands have are
in `common`.
"""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, field, fields
from functools import partial, wraps
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import click

LAST_GROUPS: Final = ("Search", "Output", "General")
"""Headings of groups of options that come after all others."""
_KEY: Final = "splinework"
_BRACKETS: Final = {"(": ")", "[": "]", "{": "}"}
_MIN_SIMILARITY: Final = 0.6
"""Ratio of matching letters from which an option is suggested for one that is not known."""


class Option(click.Option):
    """An option that is listed below a heading in the help."""

    def __init__(self, *options: Any, group: str = "Options", **words: Any) -> None:
        super().__init__(*options, **words)
        self.group = group

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        record = super().get_help_record(ctx)  # click puts brackets around a default in words
        return (
            None if record is None else (record[0], re.sub(r"\[default: \((.*)\)(?=[;\]])", r"[default: \1", record[1]))
        )

    def value_from_envvar(self, ctx: click.Context) -> Any:
        value = super().value_from_envvar(ctx)  # click would take a list apart at blanks
        return [self.resolve_envvar_value(ctx)] if self.multiple and value is not None else value


class Command(click.Command):
    """A command whose help lists options by group, and that suggests the nearest option for one that is not known."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                groups.setdefault(getattr(parameter, "group", LAST_GROUPS[-1]), []).append(record)
        for heading in sorted(groups, key=lambda name: LAST_GROUPS.index(name) if name in LAST_GROUPS else -1):
            with formatter.section(heading):
                formatter.write_dl(groups[heading])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            known = [name for parameter in self.params for name in parameter.opts if name.startswith("--")]
            near = difflib.get_close_matches(error.option_name, known, n=1, cutoff=_MIN_SIMILARITY)
            raise click.NoSuchOption(error.option_name, possibilities=near, ctx=ctx) from error


command = partial(click.command, cls=Command)


def argument(**words: Any) -> Any:
    """A field for an argument; `words` are those of `click.argument`."""
    words.setdefault("required", True)
    default = MISSING if words["required"] else None
    return field(default=default, metadata={_KEY: ((), {"is_argument": True, **words})})


def option(*names: str, default: Any = None, within: tuple[int, int | None] | None = None, **words: Any) -> Any:
    """A field for an option.

    Args:
        names: Its spelling; by default the field's name.
        default: Value where it is not given; shown in the help unless it is None, an empty tuple or False.
        within: Least and largest whole number that it accepts.
        words: Arguments of `Option`: `help`, `metavar`, `group`; a text as `show_default` describes a computed default.
    """
    if within is not None:
        words["type"] = click.IntRange(*within)
    if default is not None and default is not False and default != ():
        words = {"default": default, "show_default": True} | words
    needed = words.get("required", False)
    return field(default=MISSING if needed else default, metadata={_KEY: (names, words)})


def takes(kind: type[Any], **changes: Mapping[str, Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Adds the options of a dataclass to a command, which receives them as one object, after those of the decorators above.

    Args:
        kind: The dataclass; its `HEADING` is the group of options that name none.
        changes: Arguments of `Option` by the name of a field, where this command's differ.
    """
    hints = get_type_hints(kind)
    usual = {"group": getattr(kind, "HEADING", "Options")}
    made = [_made(each, hints[each.name], usual, changes.get(each.name, {})) for each in fields(kind)]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def run(*before: Any, **given: Any) -> Any:
            return command(*before, kind(**{each.name: given.pop(each.name) for each in fields(kind)}), **given)

        for each in reversed(made):
            run = each(run)
        return run

    return decorate


def flag(kind: type[Any], name: str) -> str:
    """The spelling of a field's option; an argument is in capitals."""
    each = next(each for each in fields(kind) if each.name == name)
    names, words = each.metadata[_KEY]
    return name.upper() if "is_argument" in words else _written(each, names)


def given(options: Any, *names: str) -> list[str]:
    """Those of the fields whose options were given, in their spelling."""
    return [flag(type(options), name) for name in names if getattr(options, name) not in (None, ())]


def split_list(text: str) -> list[str]:
    """The items of a list such as `a,b` or `"a, in kg",bounded(0, 1)`: commas inside quotes or brackets do not separate.

    >>> split_list('"a, in kg", bounded(0, 1)')
    ['a, in kg', 'bounded(0, 1)']
    """
    items = _cut(text, _BRACKETS) or _cut(text, {}) or text.split(",")  # a name may have a bracket that is never closed
    stripped = [item.strip() for item in items]
    return [_unquoted(item) for item in stripped if item]


def _cut(text: str, brackets: Mapping[str, str]) -> list[str] | None:
    """The text cut at commas outside of quotes and brackets; None if one of these is not closed."""
    items, closing = [""], [""]
    for letter in text:
        if letter == closing[-1]:
            closing.pop()
        elif closing[-1] != '"' and (letter == '"' or letter in brackets):
            closing.append(brackets.get(letter, letter))
        if letter == "," and len(closing) == 1:
            items.append("")
        else:
            items[-1] += letter
    return items if len(closing) == 1 else None


def _unquoted(item: str) -> str:
    return item[1:-1].replace('""', '"') if len(item) > 1 and item[0] == item[-1] == '"' else item


def list_text(items: Sequence[str]) -> str:
    """The text from which `split_list` recovers these items."""
    return ",".join(item if split_list(item) == [item] else '"' + item.replace('"', '""') + '"' for item in items)


def _written(each: Field[Any], names: tuple[str, ...]) -> str:
    return names[0] if names else f"--{each.name.replace('_', '-')}"


def _made(each: Field[Any], hint: Any, usual: Mapping[str, Any], changes: Mapping[str, Any]) -> Callable[..., Any]:
    """The decorator of click for a field."""
    names, words = each.metadata[_KEY]
    words = {**words, **changes}
    if words.pop("is_argument", False):
        return click.argument(each.name, **words)
    written = names or (_written(each, names),)
    return click.option(*written, each.name, cls=Option, **{**usual, **_words_of(hint), **words})


def _words_of(hint: Any) -> dict[str, Any]:
    """The arguments of an option that follow from the type of its field."""
    if get_origin(hint) in (Union, UnionType):
        hint = next(one for one in get_args(hint) if one is not NoneType)
    if get_origin(hint) is tuple:
        inner = get_args(hint)[0]
        return {"multiple": True, "callback": partial(_items, get_args(inner))}
    if get_origin(hint) is Literal:
        return {"type": click.Choice(get_args(hint))}
    if hint is bool:
        return {"is_flag": True}
    return {"type": hint} if hint in (int, float) else {}


def _items(
    choices: Sequence[str], context: click.Context, parameter: click.Parameter, texts: Sequence[str]
) -> tuple[str, ...]:
    """The items of a list given as one text or several; for an empty text an empty item, which its command refuses."""
    items = tuple(item for text in texts for item in split_list(text) or [""])
    for item in items if choices else ():
        if item not in choices:
            raise click.BadParameter(f"{item!r} is not one of {', '.join(map(repr, choices))}.", context, parameter)
    return items
