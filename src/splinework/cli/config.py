"""Files of options, in TOML: read for `--config`, written for `--print-config`.

A key is an option without its dashes, such as `budget` or `test-fraction` (`test_fraction` does as well), or an argument, such as
`data`. Keys at the top are for whichever command reads the file; those of a table `[fit]` are for that command alone.
"""

from collections.abc import Mapping
from typing import Any, Final

import click

from splinework.cli.options import list_text
from splinework.data.serialisation import toml_value
from splinework.errors import ConfigError, nearest
from splinework.nn.files import read_toml

SHARED_OPTIONS: Final = ("config_file", "print_config", "debug", "help")
"""Names of the options that a file cannot hold."""


_FORMAT_HINT: Final = '--config takes a TOML file with lines such as budget = 20 or target = "y"'


def options_in(path: str, context: click.Context) -> dict[str, Any]:
    """Options of a command in a file, by the names of its parameters, as defaults for click.

    Raises:
        FileError: If the file cannot be read.
        ConfigError: If it is not TOML, has a key that is not an option of the command, or a value that does not fit.
    """
    command = context.info_name or ""
    written = read_toml(path, _FORMAT_HINT, what="a file of options")
    known = _keys(context.command)
    commands = context.parent.command.list_commands(context.parent) if context.parent is not None else [command]  # type: ignore[attr-defined]
    found: dict[str, Any] = {}
    for key, value in written.items():
        if not isinstance(value, dict):
            if key in commands and key not in known:
                raise ConfigError(f"{path}: {key} is a command; write its options below a line [{key}].")
            found[_known(key, known, path, command)] = value
        elif key not in commands:
            raise ConfigError(f"{path} has a table [{key}], but there is no such command; {nearest(key, commands)}")
    own = written.get(command, {})
    found |= {_known(key, known, f"[{command}] of {path}", command): value for key, value in own.items()}
    parameters = {parameter.name: parameter for parameter in known.values()}
    return {name: _checked(parameters[name], value, path, context) for name, value in found.items()}


def as_toml(context: click.Context) -> str:
    """The current options of a command as a file that gives them again."""
    lines = [f"[{context.info_name}]"]
    for key, parameter in _keys(context.command).items():
        value = context.params.get(parameter.name or "")
        if value is not None and value != ():
            lines.append(f"{key} = {toml_value(value)}")
    return "\n".join(lines) + "\n"


def _keys(command: click.Command) -> dict[str, click.Parameter]:
    """Key in a file → parameter of a command."""
    found = {}
    for parameter in command.params:
        if parameter.name not in SHARED_OPTIONS:
            long = [text for text in parameter.opts if text.startswith("--")]
            key = long[0].lstrip("-") if long else str(parameter.name)
            found[key] = parameter
    return found


def _known(key: str, known: Mapping[str, click.Parameter], place: str, command: str) -> str:
    """The name of the parameter that a key stands for."""
    parameter = known.get(key.replace("_", "-")) or known.get(key)
    if parameter is None or parameter.name is None:
        raise ConfigError(
            f"{place} has a key {key!r}, which is not an option of {command}; {nearest(key.replace('_', '-'), known)}"
        )
    return parameter.name


def _checked(parameter: click.Parameter, value: Any, path: str, context: click.Context) -> Any:
    """The value for click, once it is known to be valid."""
    key = next((key for key, known in _keys(context.command).items() if known is parameter), str(parameter.name))
    switch = isinstance(parameter, click.Option) and parameter.is_flag
    if switch != isinstance(value, bool):
        wanted = "true or false" if switch else "a value as on the command line, not true or false"
        raise ConfigError(f"{path}: {key} takes {wanted}; got {_shown(value)}.")
    taken = value if switch else _texts(parameter, value, f"{path}: {key}")
    try:
        parameter.type_cast_value(context, taken)
    except click.ClickException as error:
        raise ConfigError(f"{path}: {key} = {_shown(value)} does not fit: {error.message}") from error
    return taken


def _texts(parameter: click.Parameter, value: Any, place: str) -> Any:
    """Texts as on the command line, so that every type reads its usual input."""
    if parameter.nargs == -1:  # words of an argument
        return [_text(part, place) for part in (value if isinstance(value, list) else [value])]
    if isinstance(value, list):
        if not (isinstance(parameter, click.Option) and parameter.multiple):
            raise ConfigError(f"{place} takes one value; got an array of {len(value)}.")
        return [list_text([_text(part, place)]) for part in value]
    text = _text(value, place)
    return [text] if isinstance(parameter, click.Option) and parameter.multiple else text


def _text(value: Any, place: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return repr(value)
    raise ConfigError(f"{place} takes a text or a number; got {_shown(value)}.")


def _shown(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
