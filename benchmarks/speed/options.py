"""The options of a bench, shared by every command that runs one, what they mean, and how such a command ends."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, final

import click

from benchmarks.speed.cases import DTYPES, MODES, Job, select
from benchmarks.speed.contenders import Contender
from benchmarks.speed.driver import Settings
from benchmarks.speed.machine import cores
from benchmarks.speed.results import Results
from splinework.cli.folder import write_file
from splinework.cli.json_output import json_text
from splinework.errors import ConfigError, FileError, SplineworkError

F = TypeVar("F", bound=Callable[..., Any])
_QUICK = Settings(rounds=3, seconds=0.03, budget=5.0)


@final
@dataclass(frozen=True)
class Choice:
    """The choice that the options make."""

    jobs: list[Job]
    settings: Settings
    only: tuple[str, ...]
    memory: bool
    out: Path | None
    quiet: bool

    def among(self, contenders: list[Contender]) -> list[Contender]:
        """Those that `--only` names: one by its whole name, or all whose names begin so.

        Raises:
            ConfigError: If a name fits none.
        """
        if not self.only:
            return contenders
        chosen: list[Contender] = []
        for text in self.only:
            found = [c for c in contenders if c.name == text] or [c for c in contenders if c.name.startswith(text)]
            if not found:
                raise ConfigError(f"--only knows {'; '.join(c.name for c in contenders)}; got {text!r}.")
            chosen += found
        return [c for c in contenders if c in chosen]


def bench_options(*, configs: str, grids: str | None, threads: str | None) -> Callable[[F], F]:
    """Adds the options to a command; the arguments are their defaults. The command gets them as keywords for `choose`."""
    usual = Settings()
    options = (
        click.option(
            "--network",
            "config",
            default=configs,
            show_default=True,
            metavar="A,C",
            help="Networks: A-E, W for widths.",
        ),
        click.option(
            "--grid", default=grids, show_default=True if grids else "each one's own", metavar="5,100", help="Grids G."
        ),
        click.option("--mode", default=",".join(MODES), show_default=True, metavar="M,…", help="What to time."),
        click.option("--dtype", default=DTYPES[0], show_default=True, metavar="D,…", help="float32, float64 or both."),
        click.option(
            "--threads",
            default=threads,
            show_default=True if threads else "the cores",
            metavar="1,2",
            help="Numbers of threads.",
        ),
        click.option("--rounds", type=int, default=usual.rounds, show_default=True, help="Rounds for each contender."),
        click.option(
            "--seconds",
            type=float,
            default=usual.seconds,
            show_default=True,
            help="Length of a round, at least one call.",
        ),
        click.option(
            "--cap",
            type=float,
            default=usual.cap,
            show_default=True,
            help="Skip contenders whose call takes longer than this.",
        ),
        click.option(
            "--compile-mode",
            type=click.Choice(["default", "max-autotune-no-cudagraphs", "max-autotune"]),
            default=usual.compile_mode,
            show_default=True,
            help="Mode of torch.compile.",
        ),
        click.option(
            "--only", default="", metavar="NAME;…", help="Contender names or prefixes, separated by semicolons."
        ),
        click.option("--memory/--no-memory", default=True, show_default=True, help="Measure memory as well."),
        click.option("--quick", is_flag=True, help="Three short rounds regardless of --rounds, as a smoke test."),
        click.option("--out", metavar="FILE", help="Write all results as JSON."),
        click.option("--quiet", is_flag=True, help="Print nothing but errors."),
    )

    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def choose(
    *,
    config: str,
    grid: str | None,
    mode: str,
    dtype: str,
    threads: str | None,
    rounds: int,
    seconds: float,
    cap: float,
    compile_mode: str,
    only: str,
    memory: bool,
    quick: bool,
    out: str | None,
    quiet: bool,
) -> Choice:
    """The choice that the options of `bench_options` make.

    Raises:
        ConfigError: If one is out of range or unknown.
        FileError: If `--out` cannot be written.
    """
    jobs = select(
        _words(config),
        grids=None if grid is None else _numbers("--grid", grid),
        modes=_words(mode),
        dtypes=_words(dtype),
        threads=[cores()] if threads is None else _numbers("--threads", threads),
    )
    if rounds < 1:
        raise ConfigError(f"--rounds is 1 or more, got {rounds}.")
    for option, value in (("--seconds", seconds), ("--cap", cap)):
        if not (value > 0 and math.isfinite(value)):
            raise ConfigError(f"{option} is a number of seconds above 0, such as 0.2; got {value:g}.")
    most = max(job.threads for job in jobs)
    if most > cores():
        raise ConfigError(f"--threads asks for {most}, but there are {cores()} cores; more threads measure nothing.")
    if quick:
        settings = Settings(_QUICK.rounds, _QUICK.seconds, _QUICK.budget, cap, compile_mode=compile_mode)
    else:
        settings = Settings(rounds, seconds, cap=cap, compile_mode=compile_mode)
    names = tuple(name.strip() for name in only.split(";") if name.strip())
    return Choice(jobs, settings, names, memory, None if out is None else _checked(Path(out)), quiet)


def save(results: Results, path: Path | None) -> None:
    """Writes the results so far, if a file was named."""
    if path is not None:
        write_file(path, json_text(results.to_dict()).encode())


def run_command(command: click.Command, name: str) -> None:
    """Runs a command of the developers: an error is printed in one line, with exit code 2; 130 after Ctrl-C."""
    try:
        command.main(prog_name=name, standalone_mode=False)
    except (SplineworkError, click.ClickException) as error:
        click.echo(f"error: {error.format_message() if isinstance(error, click.ClickException) else error}", err=True)
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort):
        click.echo("\ninterrupted; what was measured is kept where --out names a file", err=True)
        sys.exit(130)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _numbers(option: str, text: str) -> list[int]:
    try:
        return [int(word) for word in _words(text)]
    except ValueError as error:
        raise ConfigError(f"{option} takes whole numbers separated by commas, such as 5,20; got {text!r}.") from error


def _checked(path: Path) -> Path:
    """The path, if a file may be written there: asked before the work."""
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise FileError(f"--out {path} is no file in a folder that exists; name another one.")
    return path
