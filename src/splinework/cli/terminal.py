"""What a person sees in the end: tables on the output, with colours on a terminal only. Progress is in `progress`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import click

from splinework.cli.words import plural
from splinework.formula.figures import DASH, figure, rounded

if TYPE_CHECKING:
    from rich.console import Console

    from splinework.cli.job import Outcome

_SHOWN: Final = 8  # formulas in the table
_LONGEST: Final = 300  # characters of one formula
_FORMULA_WIDTH: Final = 20  # letters, below which a terminal is too narrow anyway
_WIDE: Final = 160  # columns where there is no terminal to ask


def console() -> Console:
    """The output, as wide as the terminal, or wide enough where there is none."""
    from rich.console import Console

    class Output(Console):
        def on_broken_pipe(self) -> None:  # rich would end the program with a code of its own
            raise

    made = Output(highlight=False, markup=False, emoji=False)
    return made if made.is_terminal else Output(highlight=False, markup=False, emoji=False, width=_WIDE)


class Results(Protocol):
    """What `fit` has found, whichever way it went."""

    @property
    def target(self) -> str: ...
    @property
    def equations(self) -> list[dict[str, Any]]: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    def say_what_the_model_is(self) -> None: ...


def show_results(found: Results) -> None:
    """Prints the table of formulas, the figures of the model and the decisions taken."""
    show_ranked(found.target, found.equations)
    found.say_what_the_model_is()
    show_notes(found.notes)


def show_outcome(outcome: Outcome) -> None:
    """The same of a job."""
    show_ranked(outcome.prepared.target, outcome.equations)
    show_model(outcome)
    show_notes(outcome.notes)


def show_ranked(target: str, equations: Sequence[dict[str, Any]]) -> None:
    """Prints the table of formulas with their errors; a column that says nothing is left out."""
    several = len({row["target"] for row in equations}) > 1
    columns = {
        "rank": [str(row["rank"]) for row in equations],
        "target": [row["target"] if several else "–" for row in equations],
        "formula": [shortened(row["formula"]) for row in equations],
        "size": [str(row["complexity"]) for row in equations],
        "rmse train": [figure(row["rmse_train"]) for row in equations],
        "rmse test": [figure(row["rmse_test"]) for row in equations],
        "R² test": [share(row["r2_test"]) for row in equations],
    }
    known = {name: cells for name, cells in columns.items() if any(cell != "–" for cell in cells)}
    show_formulas(target, list(known), list(zip(*known.values(), strict=True)))


def show_formulas(target: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints the first formulas in a table with these columns, one of which is `formula`."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    out = console()
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


def share(value: float | None) -> str:
    """R², by its distance from 1 where it is close."""
    if value is None:
        return DASH
    if value >= 1:
        return "1"
    return f"{value:.4f}" if 1 - value > 1e-4 else f"1-{1 - value:.1e}"


def shortened(formula: str) -> str:
    """A formula for the eye: numbers of five digits, and an end to it."""
    text = rounded(formula, 5)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
