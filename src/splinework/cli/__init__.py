"""The command line: `main` joins the commands, one file each, and turns errors into one line and an exit code.

Exit codes: 0 done, 2 something the user can mend, 130 interrupted (`discover` has then written what it found, unless it
says that there is nothing, or was interrupted twice). Anything else is a defect and keeps its traceback.
"""

from __future__ import annotations

import atexit
import io
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import click

from splinework.cli.bench import bench
from splinework.cli.demo import demo
from splinework.cli.discover import discover
from splinework.cli.doctor import doctor
from splinework.cli.fit import fit
from splinework.cli.interrupts import INTERRUPTED, Interrupted, answering, at_once
from splinework.cli.predict import predict
from splinework.cli.versions import own_version
from splinework.errors import SplineworkError

__all__ = ["main"]


class Commands(click.Group):
    """The commands, and how they end."""

    def main(self, *arguments: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        run: Callable[..., Any] = super().main
        if not standalone_mode:
            return run(*arguments, standalone_mode=False, **extra)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")  # R² on a terminal that knows no ²
        try:
            with answering(at_once):
                status = run(*arguments, standalone_mode=False, **extra)
        except SplineworkError as error:
            _end(f"error: {error}", 2)
        except click.ClickException as error:
            _end_usage(error)
        except (Interrupted, KeyboardInterrupt, click.Abort):
            status = INTERRUPTED
            click.echo("\ninterrupted", err=True)
        if status == INTERRUPTED:  # one more Ctrl-C while the libraries clean up would only print a traceback
            atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
        sys.exit(status if isinstance(status, int) else 0)


@click.group(cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(own_version(), message="splinework %(version)s")
@click.pass_context
def main(context: click.Context) -> None:
    """Give it data, get a model you can read.

    splinework fits networks of splines (Kolmogorov-Arnold networks) to a table, makes them sparse and turns them into
    formulas.

    \b
    Examples:
      splinework demo
      splinework fit data.csv --target y
      splinework fit data.csv --target y --features a,b --out results --budget 20
      splinework discover data.csv --target y --units "x=m,t=s"
      splinework predict results/model.safetensors new.csv --out predictions.csv
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for command in (demo, fit, discover, predict, doctor, bench):
    main.add_command(command)


def _end(message: str, status: int) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(status)


def _end_usage(error: click.ClickException) -> NoReturn:
    """A wrong option or argument, in one line, and where to look."""
    context = getattr(error, "ctx", None)
    if context is not None and type(error).__name__ == "NoArgsIsHelpError":
        _end(context.get_help(), 2)
    command = context.command_path if context is not None else "splinework"
    _end(f"error: {error.format_message()} See: {command} --help", 2)
