"""What the commands share that look for formulas in a table: their options, and what is checked before any work."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Any

import click

from splinework.cli.folder import check_folder
from splinework.cli.sample import Sample, split_names, take_sample
from splinework.cli.terminal import default_folder
from splinework.errors import ConfigError


@dataclass(frozen=True)
class Request:
    """The options as they were given."""

    data: str
    target: str
    features: str | None
    out: str | None
    seed: int
    test_fraction: float | None
    budget: float
    missing: str | None
    overwrite: bool
    quiet: bool
    as_json: bool

    def check(self, files: Iterable[str]) -> Path:
        """The folder for the results, once it is certain that the files may be written there.

        Raises:
            ConfigError: If a number is out of range, or the data would be replaced.
            FileError: If the folder cannot be used.
        """
        share = self.test_fraction
        if share is not None and not 0 <= share < 1:
            raise ConfigError(f"--test-fraction is a share of the rows, 0 <= F < 1, such as 0.2; got {share:g}.")
        if not (self.budget > 0 and math.isfinite(self.budget)):
            raise ConfigError(f"--budget is a number of seconds above 0, such as 30; got {self.budget:g}.")
        folder = Path(self.out) if self.out is not None else default_folder(self.data)
        names = tuple(files)
        check_folder(folder, names, overwrite=self.overwrite)
        data = Path(self.data)
        if data.exists() and any((folder / name).exists() and (folder / name).samefile(data) for name in names):
            raise ConfigError(f"--out {folder} would replace {self.data}, which is read; name another folder.")
        return folder

    def sample(self, *, beside: str | None = None, classes: bool = False) -> tuple[Sample, str]:
        """The rows that the table holds, and what the table is called.

        Args:
            beside: A column that is needed whatever --features says.
            classes: Whether the target may be words.

        Raises:
            SplineworkError: If the file or a column cannot be used.
        """
        from splinework.tables import read_table

        table = read_table(self.data)
        chosen = None if self.features is None else split_names(self.features)
        if chosen and beside is not None and beside in table.columns and beside not in (*chosen, self.target):
            chosen.append(beside)
        return take_sample(table, self.target, chosen, missing=self.missing, classes=classes), table.name

    def predict(self, files: Mapping[str, str]) -> list[list[str]]:
        """The command that predicts with the model among the files, if there is one."""
        rows = self.data if self.data != "-" else "NEW.csv"
        return [
            ["splinework", "predict", path, rows, "--out", "predictions.csv"]
            for kind, path in files.items()
            if kind == "model"
        ]


def on_table(*, seconds: float) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Gives a command the options of a `Request`, which it gets as its first argument; `seconds` are the usual budget."""
    seeds = click.IntRange(0, 2**32 - 1)
    missing = click.Choice(["drop", "mean"])
    options = [
        click.argument("data"),
        click.option("--target", required=True, metavar="COL", help="The column to explain."),
        click.option("--features", metavar="A,B,C", help="The columns to explain it by; all others by default."),
        click.option("--out", metavar="DIR", help="Folder for the results; splinework-NAME by default."),
        click.option("--seed", type=seeds, default=0, show_default=True, help="Seed of split and search."),
        click.option(
            "--budget", type=float, default=seconds, show_default=True, metavar="SECONDS", help="Time for the search."
        ),
        click.option(
            "--test-fraction", type=float, metavar="F", help="Share of rows held back to test; 0.2, fewer of few rows."
        ),
        click.option("--missing", type=missing, help="Missing cells: leave out their rows, or fill in."),
        click.option("--overwrite", is_flag=True, help="Replace earlier results in the folder; other files stay."),
        click.option("--quiet", is_flag=True, help="Print nothing but errors."),
        click.option("--json", "as_json", is_flag=True, help="Print the results as one JSON object."),
    ]
    names = [field.name for field in fields(Request)]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def run(**given: Any) -> Any:
            request = Request(**{name: given.pop(name) for name in names})
            return command(request, **given)

        for option in reversed(options):
            run = option(run)
        return run

    return decorate
