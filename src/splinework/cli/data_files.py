"""The files of `splinework data`: tables as CSV or Parquet, data cards, and recipes in TOML."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from splinework.cli.folder import check_file, write_file
from splinework.errors import ConfigError
from splinework.nn.files import read_toml, write_into

if TYPE_CHECKING:
    import pandas as pd

    from splinework.data import Card
    from splinework.data.recipe import Recipe

PARQUET_SUFFIXES: Final = (".parquet", ".pq")
MAX_ROWS: Final = 10_000_000
"""Rows of a CSV file or of the standard output, which are made in memory; a Parquet file takes more."""


def check_out(out: str | None, name: str, *, card: str | None, saved: str | None) -> None:
    """Raises unless the files may be written, before any work."""
    if out not in (None, "-"):
        check_file(str(out), [], example=f"{name}.csv")
        path = Path(str(out))
        if path.suffix.lower() in (".gz", ".xlsx", ".json", ".md", ".toml"):
            raise ConfigError(
                f"tables are written as CSV or Parquet; name the file {path.with_suffix('.csv')} or "
                f"{path.with_suffix('.parquet').name}."
            )
    for option, file, suffixes in (("--card", card, (".md", ".json")), ("--save-recipe", saved, (".toml",))):
        if file is not None:
            try:
                check_file(file, [], example=f"{name}{suffixes[0]}")
            except ConfigError as error:
                raise ConfigError(str(error).replace("--out", option)) from error
            if Path(file).suffix.lower() not in suffixes:
                raise ConfigError(f"{option} {file} ends in {' or '.join(suffixes)}.")


def is_parquet(out: str | None) -> bool:
    """Whether a file name is that of a Parquet file."""
    return out is not None and Path(out).suffix.lower() in PARQUET_SUFFIXES


def write_table(frame: pd.DataFrame, out: str) -> int:
    """Writes a table that is in memory, whole or not at all; returns its rows."""
    path = Path(out)

    def write(aside: Path) -> None:
        if is_parquet(out):
            frame.to_parquet(aside, index=False)
        else:
            aside.write_text(csv_text(frame), encoding="utf-8", newline="")

    write_into(path.absolute().parent, {path.name: write})
    return len(frame)


def csv_text(frame: pd.DataFrame) -> str:
    """A table as CSV with every digit."""
    text: str = frame.to_csv(index=False, lineterminator="\n")
    return text


def write_card(card: Card, path: str) -> None:
    """Writes a data card, as a page or as JSON by its suffix."""
    text = card.to_json() if Path(path).suffix.lower() == ".json" else card.to_markdown()
    write_file(Path(path), text.encode())


def write_recipe(recipe: Recipe, rows: int, seed: int, path: str) -> None:
    """Writes a recipe with the rows and the seed that were asked for."""
    from splinework.data.serialisation import to_dict, toml_text

    write_file(Path(path), toml_text({"rows": rows, "seed": seed, **to_dict(recipe)}).encode())


def read_recipe(path: str) -> tuple[Recipe, int | None, int | None]:
    """A recipe from its file, with the rows and the seed in it.

    Raises:
        FileError: If the file cannot be read.
        ConfigError: If it is not TOML, or no recipe.
    """
    from splinework.data import RECIPES, from_dict
    from splinework.data.recipe import Recipe

    values = read_toml(path, "--recipe takes what --save-recipe writes", what="a recipe")
    given = [values.pop(word, None) for word in ("rows", "seed")]
    for word, value in zip(("rows", "seed"), given, strict=True):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < (word == "rows")):
            raise ConfigError(f"{path}: {word} is a whole number, got {value!r}.")
    found = from_dict(values, RECIPES)
    if not isinstance(found, Recipe):
        raise ConfigError(f"{path} is a recipe of {type(found).__name__}, not of a set of rows.")
    return found, given[0], given[1]
