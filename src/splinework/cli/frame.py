"""The group of commands: it knows them by name and loads the file of one only when that one is asked for.

So `splinework --help` loads no command, and no command loads what another one needs.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import click

from splinework.cli.exits import ErrorHandling, OutputClosed, run_and_exit
from splinework.cli.shared import with_shared_options
from splinework.errors import nearest


class CommandGroup(click.Group):
    """A group of commands with our exit codes."""

    def __init__(self, *, table: Mapping[str, str], package: str, **options: Any) -> None:
        super().__init__(**options)
        self.table, self.package = table, package

    def main(self, *arguments: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        run: Callable[..., Any] = super().main
        if not standalone_mode:
            return run(*arguments, standalone_mode=False, **extra)
        handling = ErrorHandling()
        return run_and_exit(lambda: run(*arguments, standalone_mode=False, obj=handling, **extra), handling)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise OutputClosed from error  # click would answer it with an exit code of its own

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.commands and cmd_name in self.table:
            command: click.Command = getattr(import_module(f"{self.package}.{cmd_name}"), cmd_name)
            self.add_command(with_shared_options(command))
        return self.commands.get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in self.table:
            raise click.UsageError(f"there is no command {args[0]!r}; {nearest(args[0], self.table)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self.table.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        named = [CompletionItem(name, help=text) for name, text in self.table.items() if name.startswith(incomplete)]
        return [*named, *click.Command.shell_complete(self, ctx, incomplete)]
