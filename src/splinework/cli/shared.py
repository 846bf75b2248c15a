"""The options that every command has: `--config`, `--print-config`, `--debug`, and `--version` of the program."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar

import click

from splinework.cli.common import GENERAL_GROUP
from splinework.cli.complete import files_of
from splinework.cli.exits import ErrorHandling
from splinework.cli.options import Option

F = TypeVar("F", bound=Callable[..., Any])

_PRINT_KEY: Final = "splinework.print_config"


def _switch(name: str, note: Callable[[click.Context], None], text: str, *, eager: bool = True) -> Callable[[F], F]:
    """A flag that is handled before the command runs, and is not passed to it."""

    def answer(context: click.Context, option: click.Parameter, asked: bool) -> None:
        if asked and not context.resilient_parsing:
            note(context)

    return click.option(
        name,
        cls=Option,
        group=GENERAL_GROUP,
        is_flag=True,
        is_eager=eager,
        expose_value=False,
        callback=answer,
        help=text,
    )


def _show_version(context: click.Context) -> None:
    from splinework.cli.versions import own_version

    click.echo(f"splinework {own_version()}")
    context.exit()


def _set_debug(context: click.Context) -> None:
    context.ensure_object(ErrorHandling).debug = True


def _set_print(context: click.Context) -> None:
    context.meta[_PRINT_KEY] = True


version_option = _switch("--version", _show_version, "Show the version and exit.")
debug_option = _switch("--debug", _set_debug, "Show a traceback with an error.")
_print_option = _switch("--print-config", _set_print, "Print all options as a file for --config and exit.", eager=False)


def with_shared_options(command: click.Command) -> click.Command:
    """The command with the options of all commands, after its own."""
    own, callback = [p for p in command.params if isinstance(p, click.Option)], command.callback
    if callback is None:
        return command

    @wraps(callback)
    def run(*positional: Any, **given: Any) -> Any:
        context = click.get_current_context()
        if context.meta.get(_PRINT_KEY):
            from splinework.cli.config import as_toml

            click.echo(as_toml(context), nl=False)
            return 0
        return callback(*positional, **given)

    run.__dict__.pop("__click_params__", None)
    added: Any = debug_option(_print_option(_config_option(run)) if own else run)
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
        cls=Option,
        group=GENERAL_GROUP,
        metavar="FILE.toml",
        shell_complete=files_of,
        is_eager=True,
        expose_value=False,
        callback=read,
        help="Read options that are not given here from a file.",
    )(command)
