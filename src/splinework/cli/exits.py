"""Exit codes and error handling: one line on the error stream says what is wrong.

- 0: done
- 1: internal failure (bug, out of memory, disk full), not a usage error
- 2: invalid input, option or file; the message says how to fix it
- 130: interrupted; `fit` and `discover` have then written what they found, unless they say that there is nothing
- 129, 143: ended by SIGHUP or SIGTERM; nothing half-written is left
- 141: output pipe closed by the reader, as `head` does
"""

import atexit
import io
import os
import re
import shutil
import signal
import sys
import textwrap
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TextIO

import click

from splinework.cli.interrupts import (
    INTERRUPTED,
    Interrupted,
    Terminated,
    answering,
    at_once,
    never_discarded,
    terminable,
)
from splinework.errors import FitWarning, SplineworkError, bounded

DONE: Final = 0
FAILED: Final = 1
REFUSED: Final = 2
OUTPUT_CLOSED: Final = 141
"""128 and the number of SIGPIPE, as in shells."""

_OUT_OF_MEMORY_MESSAGE: Final = (
    "there is not enough memory for this; use fewer rows or columns, or a machine that has more."
)

_NO_MEMORY: Final = re.compile(
    r"failed to map segment|cannot allocate memory|can't allocate memory|not enough memory|out of memory|bad_?alloc|"
    r"error return without exception set",  # of Python itself, where an allocation in C failed
    re.IGNORECASE,
)


class OutputClosed(Exception):
    """The output pipe was closed by the reader."""


@dataclass
class ErrorHandling:
    """Settings of error handling for one run: whether to print a traceback with an error."""

    debug: bool = False


def run_and_exit(run: Callable[[], Any], handling: ErrorHandling) -> NoReturn:
    """Runs a command and ends the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # R² on a terminal that knows no ²
    status = _status(run, handling)
    if status == INTERRUPTED:  # one more Ctrl-C while the libraries clean up would only print a traceback
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
    sys.exit(status)


def _status(run: Callable[[], Any], handling: ErrorHandling) -> int:
    """Runs a command, prints its error if there is one, and returns the exit code."""
    try:
        with never_discarded(), answering(at_once), terminable(), _warnings_in_a_line(handling):
            status = run()
            sys.stdout.flush()
    except (OutputClosed, BrokenPipeError):
        _drop_output()
        return OUTPUT_CLOSED
    except (SplineworkError, click.ClickException) as error:
        return _refused(error, handling)
    except (Interrupted, KeyboardInterrupt, click.Abort):
        click.echo("\ninterrupted", err=True)
        return INTERRUPTED
    except Terminated as error:
        click.echo(f"\nterminated by {signal.Signals(error.number).name}; nothing half-written is left", err=True)
        return 128 + error.number
    except (MemoryError, OSError) as error:
        text = (
            _OUT_OF_MEMORY_MESSAGE
            if isinstance(error, MemoryError)
            else f"the system refused: {error.strerror or error}."
        )
        _say(text, error, handling)
        _drop_output()  # what could not be written now cannot be written at the end either
        return FAILED
    except Exception as error:  # noqa: BLE001  # the last place: the user gets a sentence, and on demand everything
        _say(_OUT_OF_MEMORY_MESSAGE if _lacks_memory(error) else _defect(error, handling), error, handling)
        return FAILED
    return status if isinstance(status, int) else DONE


def _refused(error: Exception, handling: ErrorHandling) -> int:
    """Prints an error that the user can fix, and returns the exit code."""
    if not isinstance(error, click.ClickException):
        _say(str(error), error, handling)
        return REFUSED
    context = getattr(error, "ctx", None)
    if context is not None and type(error).__name__ == "NoArgsIsHelpError":
        click.echo(context.get_help(), err=True)
        return REFUSED
    command = context.command_path if context is not None else "splinework"
    text = error.format_message()
    _say(f"{text}{'' if text.endswith(('.', '?')) else '.'} See: {command} --help", error, handling)
    return REFUSED


def _lacks_memory(error: BaseException | None) -> bool:
    """Whether an error, or one that it comes from, means in the words of a library that there was not enough memory."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, MemoryError) or _NO_MEMORY.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def _defect(error: Exception, handling: ErrorHandling) -> str:
    """A sentence on an unexpected error."""
    first = (str(error).splitlines() or [""])[0]
    named = f"{type(error).__name__}: {first}" if first else type(error).__name__
    report = "report it with the lines above and the output of `splinework doctor`"
    if not handling.debug:
        report = "run it again with --debug, and report it with what that prints and the output of `splinework doctor`"
    return f"an internal error of splinework, not of your input ({named}). Please {report}."


def _say(text: str, error: BaseException, handling: ErrorHandling) -> None:
    """One line, below the traceback if that is wanted."""
    if handling.debug:
        click.echo("".join(traceback.format_exception(type(error), error, error.__traceback__)), err=True, nl=False)
    line = bounded(f"error: {' '.join(text.splitlines())}")
    if sys.stderr.isatty():  # wrapped at blanks, which a terminal does not do
        width = shutil.get_terminal_size().columns
        line = textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)
    click.echo(line, err=True)


def _drop_output() -> None:
    """Discards buffered output, about which Python would complain at exit."""
    try:
        place = sys.stdout.fileno()
    except (OSError, ValueError):  # no stream of the system, as in tests
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, place)
    os.close(nowhere)


@contextmanager
def _warnings_in_a_line(handling: ErrorHandling) -> Iterator[None]:
    """Inside, a warning is one line without its place in the source; warnings of libraries are shown with --debug only."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        context = click.get_current_context(silent=True)
        quiet = context is not None and context.params.get("quiet")
        if handling.debug:
            click.echo(warnings.formatwarning(message, category, filename, lineno, line), err=True, nl=False)
        elif issubclass(category, FitWarning) and not quiet:
            click.echo(bounded(f"note: {' '.join(str(message).splitlines())}"), err=True)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
