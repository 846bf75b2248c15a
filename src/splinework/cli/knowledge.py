"""Axioms of `fit`: `--axiom`, `--axioms` and `--monotone`, read before any work; and their statuses at the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from splinework.cli import common
from splinework.cli.complete import signs_for
from splinework.cli.options import option
from splinework.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class AxiomOptions:
    """The options as they were given."""

    HEADING: ClassVar[str] = "Axioms"

    axioms: tuple[str, ...] = common.axioms()
    file: str | None = common.axiom_file()
    monotone: tuple[str, ...] = option(
        default=(),
        metavar="COL=1,…",
        shell_complete=signs_for,
        help="Columns in which the target never decreases (1) or never increases (-1).",
    )

    def __bool__(self) -> bool:
        return bool(self.axioms or self.file is not None or self.monotone)

    def read(self) -> dict[str, Any]:
        """The axioms as parameters of an estimator, which checks the columns.

        Raises:
            FormulaError: If a text cannot be read.
            ConfigError: If one is empty or unknown, or the file has no axioms.
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
    found: dict[str, int] = {}
    for part in texts:
        name, equals, sign = (piece.strip() for piece in part.rpartition("="))
        if not equals or not name or sign not in ("1", "+1", "-1"):
            raise ConfigError(
                f"--monotone takes COLUMN=1 (rising) or COLUMN=-1 (falling), such as age=1; got {part!r}."
            )
        if found.setdefault(name, int(sign)) != int(sign):
            raise ConfigError(f"--monotone says that {name!r} rises and falls; give one of the two.")
    return found


def show_axiom_status(statuses: Sequence[Mapping[str, Any]]) -> None:
    """Prints a table of axioms with their statuses."""
    from splinework.cli.terminal import show_table

    if statuses:
        names = ["axiom", "strength", "status", *["note"] * any(each.get("note") for each in statuses)]
        rows = [[str(each.get(name, "")) for name in names] for each in statuses]
        show_table("axioms of the model", {name: {} for name in names}, rows, overflow="fold")
