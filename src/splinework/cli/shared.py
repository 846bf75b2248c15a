"""The options that every command has: `--config`, `--print-config`, `--debug`, and `--version` of the program."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar

import click

from splinework.cli.complete import files_of
from splinework.cli.endings import Frame

F = TypeVar("F", bound=Callable[..., Any])

_PRINT: Final = "splinework.print_config"


def version_option(command: F) -> F:
    """Adds `--version`; the version is looked up when it is asked for."""

    def show(context: click.Context, option: click.Parameter, asked: bool) -> None:
        if asked and not context.resilient_parsing:
            from splinework.cli.versions import own_version

            click.echo(f"splinework {own_version()}")
            context.exit()

    text = "Show the version and exit."
    return click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=show, help=text)(command)


def debug_option(command: F) -> F:
    """Adds `--debug`: with an error its traceback is shown."""

    def note(context: click.Context, option: click.Parameter, asked: bool) -> None:
        if asked:
            context.ensure_object(Frame).debug = True

    text = "With an error, show where in the program it arose."
    return click.option("--debug", is_flag=True, is_eager=True, expose_value=False, callback=note, help=text)(command)


def with_shared_options(command: click.Command) -> click.Command:
    """The same command with the options that all have, after its own."""
    own, callback = [p for p in command.params if isinstance(p, click.Option)], command.callback
    if callback is None:
        return command

    @wraps(callback)
    def run(*positional: Any, **given: Any) -> Any:
        context = click.get_current_context()
        if context.meta.get(_PRINT):
            from splinework.cli.config import as_toml

            click.echo(as_toml(context), nl=False)
            return 0
        return callback(*positional, **given)

    run.__dict__.pop("__click_params__", None)
    added: Any = debug_option(_print_config_option(_config_option(run)) if own else run)
    command.params += added.__dict__.pop("__click_params__")
    command.callback = run
    return command


def _config_option(command: F) -> F:
    def read(context: click.Context, option: click.Parameter, path: str | None) -> None:
        if path is not None and not context.resilient_parsing:
            from splinework.cli.config import options_in

            context.default_map = {**(context.default_map or {}), **options_in(path, context)}

    return click.option(
        "--config",
        "config_file",
        metavar="FILE.toml",
        shell_complete=files_of,
        is_eager=True,
        expose_value=False,
        callback=read,
        help="Take options that are not given here from a file.",
    )(command)


def _print_config_option(command: F) -> F:
    def note(context: click.Context, option: click.Parameter, asked: bool) -> None:
        if asked:
            context.meta[_PRINT] = True

    text = "Print all options as such a file, and do nothing else."
    return click.option("--print-config", is_flag=True, expose_value=False, callback=note, help=text)(command)
