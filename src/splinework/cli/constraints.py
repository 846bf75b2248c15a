"""Constraints of the search for formulas: the options of `discover`, and the search that they select.

Only options that were given are passed on. Columns may be named as in the file or as in formulas. Texts are checked as far as
possible before any work; the search interprets them, and none of them is ever evaluated as code.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from splinework.cli.options import flag, option
from splinework.errors import ConfigError, nearest

if TYPE_CHECKING:
    from splinework.cli.sample import Floats
    from splinework.interpret.symbolic import FormulaTable


CONSTRAINTS_GROUP: Final = "Prior knowledge"
QUESTION_GROUP: Final = "Kind of formula (at most one)"


@dataclass(frozen=True, kw_only=True)
class FormulaConstraints:
    """The options as they were given; None, empty or False where they were not."""

    units: tuple[str, ...] = option(
        default=(), metavar="COL=UNIT,…", help="Units of columns, such as x=m,t=s,v=m/s.", group=CONSTRAINTS_GROUP
    )
    noise: float | None = option(
        "--noise-sd",
        metavar="SIGMA",
        show_default="estimated",
        help="Standard deviation of the target's noise, in its units.",
        group=CONSTRAINTS_GROUP,
    )
    require: tuple[str, ...] = option(
        default=(), metavar="TERM,…", help="Terms that every formula must contain.", group=CONSTRAINTS_GROUP
    )
    forbid: tuple[str, ...] = option(
        default=(), metavar="NAME,…", help="Functions and columns that no formula may contain.", group=CONSTRAINTS_GROUP
    )
    library: tuple[str, ...] = option(
        default=(),
        metavar="NAME,…",
        show_default="all",
        help="Functions that formulas may contain, besides powers: sin, exp, … or formulas over z, such as z*exp(-z).",
        group=CONSTRAINTS_GROUP,
    )
    start: str | None = option(
        metavar="FORMULA",
        show_default="none",
        help="A formula to start from; its constants are refitted, and terms and factors are added or replaced.",
        group=CONSTRAINTS_GROUP,
    )
    max_exponent: float | None = option(
        type=float,
        metavar="N",
        show_default="any",
        help="Largest size of an exponent, such as 3 for x**3 and 1/x**3.",
        group=CONSTRAINTS_GROUP,
    )
    form: str | None = option(
        metavar="TEXT", help='A formula to complete, with ? for unknown parts: "y = A*exp(?)*x2".', group=QUESTION_GROUP
    )
    ode: str | None = option(
        metavar="TIME", help="Differential equations over this column of time.", group=QUESTION_GROUP
    )
    relation: bool = option(default=False, help="A relation f(columns) = 0.", group=QUESTION_GROUP)
    classes: bool = option(default=False, help="Probabilities of the target's classes.", group=QUESTION_GROUP)

    @property
    def question(self) -> str | None:
        """The field that asks for another search than `discover`; None if none does."""
        asked = {"form": self.form is not None, "ode": self.ode is not None, "relation": self.relation}
        asked |= {"classes": self.classes, "require": bool(self.require), "forbid": bool(self.forbid)}
        return next((name for name, given in asked.items() if given), None)

    @property
    def explains_target(self) -> bool:
        """Whether the formula gives the target itself, and not its derivative, a relation or the odds of a class."""
        return self.question not in ("ode", "relation", "classes")

    def check(self) -> None:
        """Refuses contradictory options, before any file is read.

        Raises:
            ConfigError: For options that ask for different kinds of formulas, a noise that is not a number, or an empty text.
        """
        if self.noise is not None and not (math.isfinite(self.noise) and self.noise >= 0):
            raise ConfigError(
                f"--noise-sd is a standard deviation in the target's units, such as 0.1; got {self.noise:g}."
            )
        chosen = {"--form": self.form is not None, "--ode": self.ode is not None}
        chosen |= {"--relation": self.relation, "--classes": self.classes}
        several = [option for option, given in chosen.items() if given]
        if len(several) > 1:
            raise ConfigError(f"{' and '.join(several)} ask for formulas of different kinds; give one of them.")
        texts = {"--form": [self.form or ""] if self.form is not None else [], "--units": self.units}
        texts |= {"--require": self.require, "--forbid": self.forbid, "--library": self.library}
        texts |= {"--start": [self.start] if self.start is not None else []}
        for word, given in texts.items():
            if not all(text.strip() for text in given):
                raise ConfigError(f"{word} is empty; give it a text, or leave it out.")

    def search(self, x: Floats, y: Floats, columns: Mapping[str, str], **common: Any) -> FormulaTable:
        """Searches for formulas."""
        import numpy as np

        *names, target = columns
        function, keywords = self._function, {**self.keywords(columns), **common}
        if self.ode is not None:
            place = names.index(keywords["clock"])
            states = [*names[:place], *names[place + 1 :], target]
            table = function(x[:, place], np.column_stack([np.delete(x, place, axis=1), y]), names=states, **keywords)
            rows = sorted(table.rows, key=lambda row: not row.target.startswith(f"d{target}/"))
            return replace(table, rows=tuple(rows))
        if self.relation:
            return function(np.column_stack([x, y]), names=[*names, target], **keywords)
        data = (x, y) if self.form is None else (self.form, x, y)
        return function(*data, names=names, target=target, **keywords)

    def keywords(self, columns: Mapping[str, str]) -> dict[str, Any]:
        """The keyword arguments of the search that follow from these options.

        Raises:
            ConfigError: If a text cannot be read, names a column that is not there, or the search has no use for an option.
        """
        given = {
            "units": _units(",".join(self.units), columns) if self.units else None,
            "noise": self.noise,
            "require": tuple(_in_formulas(term, columns) for term in self.require) or None,
            "forbid": tuple(_in_formulas(name, columns) for name in self.forbid) or None,
            "library": self.library or None,
            "start": self.start,
            "max_exponent": self.max_exponent,
        }
        given = {name: value for name, value in given.items() if value is not None}
        idle = [flag(FormulaConstraints, name) for name in given.keys() - inspect.signature(self._function).parameters]
        if idle:
            asked = flag(FormulaConstraints, self.question or "")
            raise ConfigError(f"{' and '.join(sorted(idle))} cannot be used together with {asked}; leave it out.")
        return given if self.ode is None else {"clock": _time(self.ode, columns)}

    @property
    def _function(self) -> Callable[..., FormulaTable]:
        """The function of `splinework.discover` that answers the question."""
        answers = {None: "discover", "form": "complete_formula"}
        answers |= {"require": "discover_constrained", "forbid": "discover_constrained"}
        function: Callable[..., FormulaTable] = getattr(
            import_module("splinework.discover"), answers.get(self.question, f"discover_{self.question}")
        )
        return function


def _units(text: str, columns: Mapping[str, str]) -> dict[str, str]:
    """Name in formulas → unit."""
    from splinework.formula.units.parsing import parse_units

    try:
        found = parse_units(text, names=list(dict.fromkeys((*columns.values(), *columns))))
    except ConfigError as error:
        raise ConfigError(f"--units {text!r}: {error}") from error
    return {_in_formulas(name, columns): str(dimension) for name, dimension in found.items()}


def _time(name: str, columns: Mapping[str, str]) -> str:
    """The name in formulas of the column of time."""
    *features, target = columns
    key = _in_formulas(name, columns)
    if key == target:
        raise ConfigError(f"--ode {name} is the target; name the column of time, and as --target what changes with it.")
    if key not in features:
        known: Sequence[str] = [columns[feature] for feature in features]
        raise ConfigError(f"--ode {name} is no column to explain the target by; {nearest(name, known)}")
    return key


def _in_formulas(name: str, columns: Mapping[str, str]) -> str:
    """The name in formulas of a column of the file; any other text as it is."""
    return next((key for key, named in columns.items() if named == name.strip()), name.strip())
