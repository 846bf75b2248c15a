"""What a person sees in the end: tables on the output, with colours on a terminal only. Progress is in `progress`."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from splinework.formula.figures import DASH, figure, plural, rounded

if TYPE_CHECKING:
    from rich.console import Console

    from splinework.cli.estimation import Estimation
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


def show_results(found: Outcome | Estimation) -> None:
    """Prints the table of formulas, the figures of the model and the decisions taken."""
    show_ranked(found.target, found.equations)
    found.show_model()
    show_notes(found.notes)


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
    title = f"formulas for {target}, best first (rounded; equations.csv has all digits)"
    columns = {
        name: {"justify": "left", "min_width": _FORMULA_WIDTH} if name == "formula" else {"min_width": len(name)}
        for name in names
    }
    show_table(title, columns, rows[:_SHOWN], justify="right", overflow="fold")
    if len(rows) > _SHOWN:
        console().print(f"and {len(rows) - _SHOWN} more in equations.csv")


def show_table(title: str, columns: Mapping[str, Any], rows: Iterable[Iterable[str]], **options: Any) -> None:
    """Prints a table; the options of each column, by its name, stand beside those of all."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title, style="bold"), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name, own in columns.items():
        table.add_column(name, **(options | own))
    for row in rows:
        table.add_row(*map(Text, row))
    console().print(table)


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


def regression(metrics: Mapping[str, Any]) -> str:
    """The errors of a regression in words."""
    train, test = (plural(metrics[name], "row") for name in ("n_train", "n_test"))
    held = f", {figure(metrics['rmse_test'])} on {test} held back (R² {share(metrics['r2_test'])})"
    return f"rmse {figure(metrics['rmse_train'])} on {train} fitted{held if metrics['n_test'] else ''}"


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
