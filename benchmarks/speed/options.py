"""The options of a bench, shared by every command that runs one, what they mean, and how such a command ends."""

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, final

import click

from benchmarks.commands import integers, words
from benchmarks.speed.cases import DTYPES, MODES, Job, select
from benchmarks.speed.contenders import Contender
from benchmarks.speed.driver import Settings
from benchmarks.speed.machine import cores
from benchmarks.speed.results import Results
from splinework.cli.folder import write_file
from splinework.cli.json_output import json_text
from splinework.cli.options import option
from splinework.errors import ConfigError, FileError, SplineworkError

_USUAL, _QUICK = Settings(), Settings(rounds=3, seconds=0.03, budget=5.0)


@final
@dataclass(frozen=True, kw_only=True)
class BenchOptions:
    """The options of a bench, and what they choose."""

    networks: str = option("--network", default="A,C,D,E", metavar="A,C", help="Networks: A-E, W for widths.")
    grids: str | None = option("--grid", default="5,100", metavar="5,100", help="Grids G.")
    modes: str = option("--mode", default=",".join(MODES), metavar="M,…", help="What to time.")
    dtypes: str = option("--dtype", default=DTYPES[0], metavar="D,…", help="float32, float64 or both.")
    threads: str | None = option(metavar="1,2", show_default="the cores", help="Numbers of threads.")
    rounds: int = option(default=_USUAL.rounds, help="Rounds for each contender.")
    seconds: float = option(default=_USUAL.seconds, help="Length of a round, at least one call.")
    cap: float = option(default=_USUAL.cap, help="Skip contenders whose call takes longer than this.")
    compile_mode: Literal["default", "max-autotune-no-cudagraphs", "max-autotune"] = option(
        default="default", help="Mode of torch.compile."
    )
    only: str | None = option(metavar="NAME;…", help="Contender names or prefixes, separated by semicolons.")
    memory: bool = option("--memory/--no-memory", default=True, help="Measure memory as well.")
    quick: bool = option(default=False, help="Three short rounds regardless of --rounds, as a smoke test.")
    out: str | None = option(metavar="FILE", help="Write all results as JSON.")
    quiet: bool = option(default=False, help="Print nothing but errors.")

    def check(self) -> None:
        """Raises, before the work, if an option is out of range or `--out` cannot be written."""
        if self.rounds < 1:
            raise ConfigError(f"--rounds is 1 or more, got {self.rounds}.")
        for name, value in (("--seconds", self.seconds), ("--cap", self.cap)):
            if not (value > 0 and math.isfinite(value)):
                raise ConfigError(f"{name} is a number of seconds above 0, such as 0.2; got {value:g}.")
        if (most := max(job.threads for job in self.jobs())) > cores():
            raise ConfigError(
                f"--threads asks for {most}, but there are {cores()} cores; more threads measure nothing."
            )
        if self.out is not None and (Path(self.out).is_dir() or not Path(self.out).absolute().parent.is_dir()):
            raise FileError(f"--out {self.out} is no file in a folder that exists; name another one.")

    def jobs(self) -> list[Job]:
        """The jobs to time."""
        return select(
            words(self.networks),
            grids=None if self.grids is None else _numbers("--grid", self.grids),
            modes=words(self.modes),
            dtypes=words(self.dtypes),
            threads=[cores()] if self.threads is None else _numbers("--threads", self.threads),
        )

    def settings(self) -> Settings:
        """How carefully to measure."""
        rounds, seconds = (_QUICK.rounds, _QUICK.seconds) if self.quick else (self.rounds, self.seconds)
        budget = (_QUICK if self.quick else _USUAL).budget
        return Settings(rounds, seconds, budget, self.cap, compile_mode=self.compile_mode)

    def among(self, contenders: list[Contender]) -> list[Contender]:
        """Those that `--only` names: one by its whole name, or all whose names begin so; a ConfigError if a name fits none."""
        chosen: list[Contender] = []
        for text in filter(None, map(str.strip, (self.only or "").split(";"))):
            found = [c for c in contenders if c.name == text] or [c for c in contenders if c.name.startswith(text)]
            if not found:
                raise ConfigError(f"--only knows {'; '.join(c.name for c in contenders)}; got {text!r}.")
            chosen += found
        return [c for c in contenders if c in chosen] if chosen else contenders

    def save(self, results: Results) -> None:
        """Writes the results so far, if a file was named."""
        if self.out is not None:
            write_file(Path(self.out), json_text(results.to_dict()).encode())


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


def _numbers(option: str, text: str) -> list[int]:
    try:
        return integers(text)
    except ValueError as error:
        raise ConfigError(f"{option} takes whole numbers separated by commas, such as 5,20; got {text!r}.") from error
