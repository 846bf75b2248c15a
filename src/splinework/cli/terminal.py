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
_FORMULA_WIDTH: Final = 20  # letters, below which a terminal is too narrow anyway
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

    def say(self, text: str) -> None:
        """A sentence that stays, between the stages."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        elif not self.quiet:
            click.echo(text, err=True)

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
    names = ("rank", "formula", "size", "rmse train", "rmse test", "R² test")
    rows = [
        (
            str(row["rank"]),
            rounded(row["formula"]),
            str(row["complexity"]),
            figure(row["rmse_train"]),
            figure(row["rmse_test"]),
            share(row["r2_test"]),
        )
        for row in outcome.equations
    ]
    show_formulas(outcome, names, rows)
    show_model(outcome)
    show_notes(outcome.notes)


def show_formulas(outcome: Outcome, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints the first formulas in a table with these columns, one of which is `formula`."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    out, target = console(), outcome.prepared.target
    title = f"formulas for {target}, best first (rounded; equations.csv has all digits)"
    table = Table(title=Text(title, style="bold"), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in names:
        least = _FORMULA_WIDTH if name == "formula" else len(name)
        table.add_column(name, justify="left" if name == "formula" else "right", overflow="fold", min_width=least)
    for row in rows[:_SHOWN]:
        table.add_row(*map(Text, row))
    out.print(table)
    if len(rows) > _SHOWN:
        out.print(f"and {len(rows) - _SHOWN} more in equations.csv")


def show_model(outcome: Outcome) -> None:
    """Prints what the network is like, if there is one."""
    model, m, out = outcome.table.model, outcome.metrics, console()
    if model is None:
        out.print(f"no network was needed; {m['seconds']:.1f} s")
        return
    used = ", ".join(m["active_inputs"]) or "no input"
    held = f", {figure(m['rmse_test'])} on {plural(m['n_test'], 'row')} held back (R² {share(m['r2_test'])})"
    errors = f"; rmse {figure(m['rmse_train'])} on {plural(m['n_train'], 'row')} fitted{held if m['n_test'] else ''}"
    edges = plural(m["active_edges"], "active edge")
    out.print(f"model: {edges} on {used}{errors if outcome.of_the_target else ''}; {m['seconds']:.1f} s")
    named = outcome.prepared.columns
    config = model.config
    scales = zip(
        (*config.input_names, *config.output_names), (*config.input_scales, *config.output_scales), strict=True
    )
    if logs := [named.get(name, name) for name, scale in scales if scale == "log"]:
        out.print(f"on a logarithmic scale: {', '.join(logs)}")


def show_notes(notes: Sequence[str]) -> None:
    """Prints the decisions taken."""
    out = console()
    for note in notes:
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


def figure(value: float | None) -> str:
    """A number for the eye."""
    return "–" if value is None else f"{value:.4g}"


def share(value: float | None) -> str:
    """R², by its distance from 1 where it is close."""
    if value is None:
        return "–"
    if value >= 1:
        return "1"
    return f"{value:.4f}" if 1 - value > 1e-4 else f"1-{1 - value:.1e}"


def rounded(formula: str) -> str:
    """A formula for the eye: numbers of five digits, and an end to it."""
    text = _DECIMAL.sub(lambda match: f"{float(match.group()):.5g}", formula)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
