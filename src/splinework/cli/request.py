"""Options of the commands that fit formulas to a table, and their checks before any work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from splinework.cli import common
from splinework.cli.complete import files_of, header_of
from splinework.cli.folder import check_folder
from splinework.cli.options import argument, option, takes
from splinework.cli.terminal import default_folder
from splinework.errors import ConfigError

if TYPE_CHECKING:
    from splinework.tabular.tables import FileTable

MAX_ROWS: Final = 100_000
"""Rows that are fitted of a data set of several files."""
_MISSING_TEXTS: Final = {"drop": "leave out their rows", "mean": "fill in the mean", "learn": "learn a value for them"}


@dataclass(frozen=True, kw_only=True)
class FitRequest:
    """The options as they were given."""

    data: str = argument(shell_complete=files_of)
    wanted: str | None = common.target(help="Target column.  [required]")
    features: tuple[str, ...] = common.features("", "all others")
    missing: str | None = option(show_default="refuse them", group=common.INPUT_GROUP)
    test_fraction: float | None = common.test_fraction()
    max_unpacked: float | None = common.max_unpacked()
    budget: float = common.budget(45.0)
    seed: int = common.seed()
    jobs: int | None = common.jobs()
    out: str | None = common.out("DIR", "Folder for the results.", show_default="splinework-NAME")
    overwrite: bool = option(
        default=False, help="Replace earlier results in the folder; other files stay.", group=common.OUTPUT_GROUP
    )
    quiet: bool = common.quiet()
    as_json: bool = common.as_json()

    @property
    def target(self) -> str:
        """The target column.

        Raises:
            ConfigError: If none was given; the message lists the columns.
        """
        if self.wanted is None:
            names = header_of(self.data)
            there = (
                f"; {self.data} has {', '.join(map(repr, names[:12]))}{', …' if names[12:] else ''}" if names else ""
            )
            raise ConfigError(f"--target is missing{there}.")
        return self.wanted

    @property
    def source(self) -> str:
        """The name of the data in messages."""
        return self.data if self.data != "-" else "the standard input"

    def check(self, files: Iterable[str]) -> Path:
        """The folder for the results, once it is known that the files may be written there.

        Raises:
            ConfigError: If a number is out of range, or the data would be replaced.
            FileError: If the folder cannot be used.
        """
        target, share = self.target, self.test_fraction
        if not target:
            raise ConfigError("--target is empty; name the target column.")
        if share is not None and not 0 <= share < 1:
            raise ConfigError(f"--test-fraction is a share of the rows, 0 <= F < 1, such as 0.2; got {share:g}.")
        folder = Path(self.out) if self.out is not None else default_folder(self.data)
        names = tuple(files)
        check_folder(folder, names, overwrite=self.overwrite)
        data = Path(self.data)
        if data.exists() and any((folder / name).exists() and (folder / name).samefile(data) for name in names):
            raise ConfigError(f"--out {folder} would replace {self.data}, which is read; name another folder.")
        return folder

    def table(self, tell: Callable[[float], None]) -> FileTable:
        """The table; `tell` is called with the share of it that is read. Of several files at most `MAX_ROWS` rows are taken."""
        from splinework.tabular.tables import read_table
        from splinework.tabular.tables.arrow_rows import arrow_rows, is_many

        if is_many(self.data):
            return arrow_rows(self.data).sample(MAX_ROWS, tell)
        return read_table(self.data, tell=tell, max_unpacked=self.max_unpacked)

    def chosen(self, table: FileTable, beside: str | None = None) -> list[str] | None:
        """The features that --features names, None for all; with a column `beside` that is required in any case."""
        if not self.features:
            return None
        chosen = [name for name in self.features if name]
        if chosen and beside is not None and beside in table.columns and beside not in (*chosen, self.target):
            chosen.append(beside)
        return chosen

    def predict(self, files: Mapping[str, str]) -> list[list[str]]:
        """The command that predicts with the model among the files, if there is one."""
        rows = self.data if self.data != "-" else "NEW.csv"
        out = "predictions/" if Path(rows).is_dir() else "predictions.csv"
        return [["splinework", "predict", path, rows, "--out", out] for kind, path in files.items() if kind == "model"]


def on_table(*, budget: float, missing: Sequence[str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Adds the options of a `FitRequest` to a command, which receives them as its first argument."""
    text = f"Missing cells: {', or '.join(_MISSING_TEXTS[choice] for choice in missing)}."
    return takes(FitRequest, budget={"default": budget}, missing={"type": click.Choice(missing), "help": text})
