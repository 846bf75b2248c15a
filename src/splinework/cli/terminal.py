"""Tables of results on the output, with colours on a terminal only. Progress is in `progress`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from splinework.formula.figures import DASH, figure, plural, probability, rounded

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.measure import Measurement
    from rich.text import Text

    from splinework.cli.estimation import Estimation
    from splinework.cli.job import FitOutcome

_TOKEN_PATTERN: Final = re.compile(r" ?[\w.]+\(?| ?\*\*[\w.(]*| ?.", re.DOTALL)
_MAX_FORMULAS: Final = 8  # formulas in the table
_MAX_LETTERS: Final = 300  # characters of one formula
_MIN_FORMULA_WIDTH: Final = 20  # letters, below which a terminal is too narrow anyway
_PIPE_WIDTH: Final = 160  # columns where there is no terminal to ask


def console() -> Console:
    """The output, as wide as the terminal, or of a fixed width without one."""
    from rich.console import Console

    class Output(Console):
        def on_broken_pipe(self) -> None:  # rich would end the program with a code of its own
            raise

    made = Output(highlight=False, markup=False, emoji=False)
    return made if made.is_terminal else Output(highlight=False, markup=False, emoji=False, width=_PIPE_WIDTH)


def show_results(found: FitOutcome | Estimation) -> None:
    """Prints the table of formulas, the figures of the model and the decisions taken."""
    show_formulas(found.target, found.equations)
    found.show_model()
    show_notes(found.notes)


def show_formulas(target: str, equations: Sequence[Mapping[str, Any]]) -> None:
    """Prints the first formulas in a table with their errors; empty columns are left out."""
    several = len({row["target"] for row in equations}) > 1
    columns = {
        "target": [row["target"] if several else DASH for row in equations],
        "complexity": [str(row["complexity"]) for row in equations],
        "rmse train": [figure(row["rmse_train"]) for row in equations],
        "rmse held out": [figure(row.get("rmse_held_out", row["rmse_test"])) for row in equations],
        "R² held out": [share(row["r2_test"]) for row in equations],
        "probability": [probability(row.get("probability")) for row in equations],
    }
    shown = {name: cells for name, cells in columns.items() if any(cell != DASH for cell in cells)}
    layout: dict[str, Any] = {
        name: {"min_width": max(map(len, (*name.split(), *cells)))} for name, cells in shown.items()
    }
    layout["formula"] = {"justify": "left", "min_width": _MIN_FORMULA_WIDTH}
    formulas = [BreakableFormula(shortened(row["formula"])) for row in equations]
    rows = list(zip(*shown.values(), formulas, strict=True))
    title = f"formulas for {target}, best first (rounded; equations.csv has all digits)"
    show_table(title, layout, rows[:_MAX_FORMULAS], justify="right", overflow="fold")
    if len(rows) > _MAX_FORMULAS:
        console().print(f"and {len(rows) - _MAX_FORMULAS} more in equations.csv")


@dataclass(frozen=True)
class BreakableFormula:
    """A formula in a cell of a table: its lines end between words and signs, never inside a name or a number."""

    text: str

    def lines(self, width: int) -> list[str]:
        """The lines of the formula.

        >>> BreakableFormula("sqrt(mass)*speed**2").lines(11)
        ['sqrt(mass)*', 'speed**2']
        """
        lines = [""]
        for token in _TOKEN_PATTERN.findall(self.text):
            if lines[-1] and len((lines[-1] + token).rstrip()) > width:
                lines.append("")
            lines[-1] += token if lines[-1] else token.lstrip()
        return [line.rstrip() for line in lines]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        from rich.text import Text

        yield Text("\n".join(self.lines(options.max_width)), overflow="fold")  # a name may be wider than the cell

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        from rich.measure import Measurement

        most = options.max_width
        longest = max((len(token) for token in _TOKEN_PATTERN.findall(self.text)), default=0)
        return Measurement(min(longest, most), min(len(self.text), most))


def show_table(title: str, columns: Mapping[str, Any], rows: Iterable[Iterable[Any]], **options: Any) -> None:
    """Prints a table with options of all columns and of single ones, by their names."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title, style="bold"), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name, own in columns.items():
        table.add_column(name, **(options | own))
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
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
    """The default folder of results: in the current folder, named after the data."""
    return Path("splinework-" + (Path(data).stem if data != "-" else "stdin"))


def regression(metrics: Mapping[str, Any]) -> str:
    """The errors of a regression, as text."""
    train, test = (plural(metrics[name], "row") for name in ("n_train", "n_test"))
    held = f", {figure(metrics['rmse_test'])} on {test} held out (R² {share(metrics['r2_test'])})"
    return f"rmse {figure(metrics['rmse_train'])} on {train} fitted{held if metrics['n_test'] else ''}"


def share(value: float | None) -> str:
    """R²; close to 1, by its distance from 1."""
    if value is None:
        return DASH
    if value >= 1:
        return "1"
    return f"{value:.4f}" if 1 - value > 1e-4 else f"1-{1 - value:.1e}"


def shortened(formula: str) -> str:
    """A formula with numbers of five digits, cut if it is too long."""
    text = rounded(formula, 5)
    return text if len(text) <= _MAX_LETTERS else text[: _MAX_LETTERS - 1] + "…"
