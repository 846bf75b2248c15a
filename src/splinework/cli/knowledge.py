"""What `fit` is told beforehand: `--axiom`, `--axioms` and `--monotone`, read before any work; and the statuses at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from splinework.cli.complete import axioms_for, files_of, signs_for
from splinework.cli.options import option
from splinework.errors import ConfigError


@dataclass(frozen=True)
class Told:
    """The options as they were given."""

    axioms: tuple[str, ...] = option(
        "--axiom",
        default=(),
        metavar="TEXT",
        shell_complete=axioms_for,
        help="What the model must keep, such as 'monotone(age)' or 'bounded(0, 1)'; may be given several times.",
    )
    file: str | None = option(
        "--axioms", metavar="FILE.toml", shell_complete=files_of, help="The same from a file of axioms."
    )
    monotone: tuple[str, ...] = option(
        default=(),
        metavar="COL=1",
        shell_complete=signs_for,
        help="The target never falls (1) or never rises (-1) with a column; several times, or A=1,B=-1.",
    )

    def __bool__(self) -> bool:
        return bool(self.axioms or self.file is not None or self.monotone)

    def read(self) -> dict[str, Any]:
        """What they say, as parameters of an estimator; which columns there are is for that to see.

        Raises:
            FormulaError: If a text cannot be read.
            ConfigError: If one is empty or says nothing known, or there are no axioms in the file.
            FileError: If the file cannot be read.
        """
        from splinework.knowledge.axioms.files import read_axioms
        from splinework.knowledge.axioms.language import axioms_of

        if not all(text.strip() for text in self.axioms):
            raise ConfigError("--axiom is empty; give it a text such as 'monotone(age)', or leave it out.")
        listed = axioms_of(list(self.axioms))
        if self.file is not None:
            found = read_axioms(self.file)
            if not found:
                raise ConfigError(
                    f'{self.file} holds no axiom; write axioms = ["monotone(age)"], or leave --axioms out.'
                )
            listed = (*listed, *found)
        known = {"monotone": _signs(self.monotone), "axioms": list(listed)}
        return {name: value for name, value in known.items() if value}


def _signs(texts: Sequence[str]) -> dict[str, int]:
    """Column → sign."""
    from splinework.cli.sample import split_names

    found: dict[str, int] = {}
    for part in (part for text in texts for part in split_names(text)):
        name, equals, sign = (piece.strip() for piece in part.rpartition("="))
        if not equals or not name or sign not in ("1", "+1", "-1"):
            raise ConfigError(
                f"--monotone takes COLUMN=1 (rising) or COLUMN=-1 (falling), such as age=1; got {part!r}."
            )
        if found.setdefault(name, int(sign)) != int(sign):
            raise ConfigError(f"--monotone says that {name!r} rises and falls; give one of the two.")
    return found


def show_axiom_status(statuses: Sequence[Mapping[str, Any]]) -> None:
    """Prints a table of axioms with what is known of each."""
    from splinework.cli.terminal import show_table

    if statuses:
        names = ["axiom", "strength", "status", *["note"] * any(each.get("note") for each in statuses)]
        rows = [[str(each.get(name, "")) for name in names] for each in statuses]
        show_table("axioms of the model", {name: {} for name in names}, rows, overflow="fold")
