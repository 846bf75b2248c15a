"""What a person sees: progress on the error stream, tables on the output. Colours and motion only on a terminal."""

from __future__ import annotations

import re
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import click

from splinework.cli.words import plural

if TYPE_CHECKING:
    from rich.console import Console

    from splinework.cli.job import Outcome

_SHOWN: Final = 8  # formulas in the table
_LONGEST: Final = 300  # characters of one formula
_DECIMAL: Final = re.compile(r"(?<![\w.])\d+\.\d+(e[+-]?\d+)?")
_WIDTHS: Final = {"rank": 4, "formula": 20, "size": 4, "rmse train": 9, "rmse test": 9, "R² test": 9}
_WIDE: Final = 160  # columns where there is no terminal to ask


class Stages:
    """Shows which stage a job is in: a spinner with a clock on a terminal, else one line per stage.

    A context manager; its methods `stage` and `step` are what a job tells.

    Args:
        quiet: Shows nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self._began = time.monotonic()
        self._text = ""
        self._bar: Any = None

    def __enter__(self) -> Stages:
        if not self.quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.add_task("starting", total=None)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def stage(self, text: str) -> None:
        """A stage begins."""
        self._text = text
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], description=text)
        elif not self.quiet:
            click.echo(f"{time.monotonic() - self._began:6.1f} s  {text}", err=True)

    def step(self, step: Any) -> None:
        """A step of a fit is done."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], description=f"{self._text} · error {step.rmse_train:.3g}")


def console() -> Console:
    """The output, as wide as the terminal, or wide enough where there is none."""
    from rich.console import Console

    made = Console(highlight=False, markup=False, emoji=False)
    return made if made.is_terminal else Console(highlight=False, markup=False, emoji=False, width=_WIDE)


def show_outcome(outcome: Outcome) -> None:
    """Prints the table of formulas, the figures of the model and the decisions taken."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    out, target = console(), outcome.prepared.target
    title = f"formulas for {target}, best first (rounded; equations.csv has all digits)"
    table = Table(title=Text(title, style="bold"), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("rank", "formula", "size", "rmse train", "rmse test", "R² test"):
        table.add_column(
            name, justify="left" if name == "formula" else "right", overflow="fold", min_width=_WIDTHS[name]
        )
    for row in outcome.equations[:_SHOWN]:
        figures = [_figure(row["rmse_train"]), _figure(row["rmse_test"]), _share(row["r2_test"])]
        table.add_row(str(row["rank"]), Text(_rounded(row["formula"])), str(row["complexity"]), *figures)
    out.print(table)
    if len(outcome.equations) > _SHOWN:
        out.print(f"and {len(outcome.equations) - _SHOWN} more in equations.csv")
    m = outcome.metrics
    used = ", ".join(m["active_inputs"]) or "no input"
    held = f", {_figure(m['rmse_test'])} on {plural(m['n_test'], 'row')} held back (R² {_share(m['r2_test'])})"
    out.print(
        f"model: {plural(m['active_edges'], 'active edge')} on {used}; rmse {_figure(m['rmse_train'])} on "
        f"{plural(m['n_train'], 'row')} fitted{held if m['n_test'] else ''}; {m['seconds']:.1f} s"
    )
    config = outcome.table.model.config
    scales = zip(outcome.prepared.columns.values(), (*config.input_scales, *config.output_scales), strict=True)
    if logs := [name for name, scale in scales if scale == "log"]:
        out.print(f"on a logarithmic scale: {', '.join(logs)}")
    for note in outcome.notes:
        out.print(f"  · {note}")


def show_next_steps(reports: Sequence[str], commands: Sequence[Sequence[str]]) -> None:
    """Prints which files to open and what to type next."""
    click.echo("")
    for report in reports:
        click.echo(f"open   {report}")
    for command in commands:
        click.echo(f"next   {shlex.join(command)}")


def default_folder(data: str) -> Path:
    """Where results go unless `--out` says otherwise: beside the user, named after the data."""
    return Path("splinework-" + (Path(data).stem if data != "-" else "stdin"))


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _share(value: float | None) -> str:
    """R², by its distance from 1 where it is close."""
    if value is None:
        return "–"
    if value >= 1:
        return "1"
    return f"{value:.4f}" if 1 - value > 1e-4 else f"1-{1 - value:.1e}"


def _rounded(formula: str) -> str:
    """A formula for the eye: numbers of five digits, and an end to it."""
    text = _DECIMAL.sub(lambda match: f"{float(match.group()):.5g}", formula)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
