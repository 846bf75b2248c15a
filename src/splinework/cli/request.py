"""What the commands share that look for formulas in a table: their options, and what is checked before any work."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from splinework.cli.complete import columns_of, files_of, header_of
from splinework.cli.config import Listed
from splinework.cli.folder import check_folder
from splinework.cli.options import argument, option, takes
from splinework.cli.terminal import default_folder
from splinework.errors import ConfigError

if TYPE_CHECKING:
    from splinework.tabular.tables import FileTable

_GAPS: Final = {"drop": "leave out their rows", "mean": "fill in the mean", "learn": "learn what they mean"}


@dataclass(frozen=True)
class Request:
    """The options as they were given."""

    data: str = argument(shell_complete=files_of)
    wanted: str | None = option(
        "--target", metavar="COL", shell_complete=columns_of, help="The column to explain; always needed."
    )
    features: str | None = option(
        type=Listed(),
        metavar="A,B,C",
        shell_complete=columns_of,
        help="The columns to explain it by; all others by default.",
    )
    out: str | None = option(
        metavar="DIR", shell_complete=files_of, help="Folder for the results; splinework-NAME by default."
    )
    seed: int = option(default=0, within=(0, 2**32 - 1), metavar="N", help="Seed of split and search.")
    budget: float = option(default=45.0, metavar="SECONDS", help="Time for the search.")
    test_fraction: float | None = option(metavar="F", help="Share of rows held back to test; 0.2, fewer of few rows.")
    missing: str | None = option()
    overwrite: bool = option(default=False, help="Replace earlier results in the folder; other files stay.")
    quiet: bool = option(default=False, help="Print nothing but errors.")
    as_json: bool = option("--json", default=False, help="Print the results as one JSON object.")

    @property
    def target(self) -> str:
        """The column to explain.

        Raises:
            ConfigError: If none was named; says which there are.
        """
        if self.wanted is None:
            names = header_of(self.data)
            there = (
                f"; {self.data} has {', '.join(map(repr, names[:12]))}{', …' if names[12:] else ''}" if names else ""
            )
            raise ConfigError(f"--target is missing, the column to explain{there}.")
        return self.wanted

    @property
    def source(self) -> str:
        """What to call the data."""
        return self.data if self.data != "-" else "the standard input"

    def check(self, files: Iterable[str]) -> Path:
        """The folder for the results, once it is certain that the files may be written there.

        Raises:
            ConfigError: If a number is out of range, or the data would be replaced.
            FileError: If the folder cannot be used.
        """
        target, share = self.target, self.test_fraction
        if not target:
            raise ConfigError("--target is empty; name the column to explain.")
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

    def table(self, tell: Callable[[float], None]) -> FileTable:
        """The table; `tell` hears the share of it that is read.

        Raises:
            SplineworkError: If there is none.
        """
        from splinework.tabular.tables import read_table

        return read_table(self.data, tell=tell)

    def chosen(self, table: FileTable, beside: str | None = None) -> list[str] | None:
        """The features that --features names, None for all; with a column `beside` that is needed whatever it says."""
        from splinework.cli.sample import split_names

        if self.features is None:
            return None
        chosen = split_names(self.features)
        if chosen and beside is not None and beside in table.columns and beside not in (*chosen, self.target):
            chosen.append(beside)
        return chosen

    def predict(self, files: Mapping[str, str]) -> list[list[str]]:
        """The command that predicts with the model among the files, if there is one."""
        rows = self.data if self.data != "-" else "NEW.csv"
        return [
            ["splinework", "predict", path, rows, "--out", "predictions.csv"]
            for kind, path in files.items()
            if kind == "model"
        ]


def on_table(*, seconds: float, gaps: Sequence[str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Gives a command the options of a `Request`, which it gets as its first argument.

    Args:
        seconds: The usual budget.
        gaps: What --missing may be.
    """
    filled = ", or ".join(_GAPS[gap] for gap in gaps)
    missing = {"type": click.Choice(gaps), "help": f"Missing cells: {filled}."}
    return takes(Request, budget={"default": seconds}, missing=missing)
