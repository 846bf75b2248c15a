"""What the user knows of the formula beforehand, from the texts of the options to what `discover` takes.

Only what was given is passed on. Columns may be named as the file or as formulas name them. Texts are checked for what can be
told from them alone; what they mean is the business of `discover`, and none of them is ever evaluated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from splinework.cli.options import option
from splinework.errors import ConfigError, nearest


@dataclass(frozen=True)
class Wishes:
    """The options as they were given; None, empty or False where they were not."""

    units: str | None = option(metavar="TEXT", help='Units of columns, such as "x=m,t=s,v=m/s".')
    noise: str | None = option(
        metavar="auto|SIGMA", help="Standard deviation of the target's noise; estimated by default."
    )
    form: str | None = option(metavar="TEXT", help='A formula to complete, ? for what is missing: "y = A*exp(?)*x2".')
    require: tuple[str, ...] = option(
        default=(), metavar="TERM", help="A term that must occur; may be given several times."
    )
    forbid: tuple[str, ...] = option(default=(), metavar="A,B", help="Functions and columns to do without.")
    ode: str | None = option(metavar="TIME", help="The column of time; finds the target's derivative by it.")
    implicit: bool = option(default=False, help="Find a relation f(columns) = 0 instead.")
    classes: bool | None = option(
        "--classes/--no-classes", help="The target is a class, or a number; by default as it looks."
    )

    @property
    def of_the_target(self) -> bool:
        """Whether the formula gives the target itself, and not its derivative, a relation or the odds of a class."""
        return self.ode is None and not self.implicit and not self.classes

    def check(self) -> None:
        """Refuses what contradicts itself, before any file is read.

        Raises:
            ConfigError: With the options that are at odds.
        """
        _sigma(self.noise)
        chosen = {"--ode": self.ode is not None, "--implicit": self.implicit, "--classes": bool(self.classes)}
        several = [option for option, given in chosen.items() if given]
        if len(several) > 1:
            raise ConfigError(f"{' and '.join(several)} ask for formulas of different kinds; give one of them.")
        for word, texts in (("--form", (self.form,)), ("--require", self.require), ("--forbid", self.forbid)):
            if any(text is not None and not text.strip(" ,") for text in texts):
                raise ConfigError(f"{word} is empty; give it a text, or leave it out.")

    def for_columns(self, columns: Mapping[str, str]) -> dict[str, Any]:
        """The options of `discover`.

        Args:
            columns: Name in formulas → name in the file, for the features and, last, the target.

        Raises:
            ConfigError: If a text cannot be read, or names a column that is not there.
        """
        from splinework.cli.sample import split_names

        forbidden = [name for text in self.forbid for name in split_names(text)]
        wished = {
            "units": None if self.units is None else _units(self.units, columns),
            "noise": _sigma(self.noise),
            "form": self.form,
            "require": tuple(_in_formulas(term, columns) for term in self.require) or None,
            "forbid": tuple(_in_formulas(name, columns) for name in forbidden) if self.forbid else None,
            "ode": None if self.ode is None else _time(self.ode, columns),
            "implicit": self.implicit or None,
            "classes": self.classes,
        }
        return {name: wish for name, wish in wished.items() if wish is not None}


def _sigma(text: str | None) -> float | None:
    """The standard deviation of the noise; None where it is to be estimated."""
    if text is None or text.strip().lower() == "auto":
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise ConfigError(
            f"--noise is auto, or the standard deviation of the target's noise in its own units, such as 0.1; got {text!r}."
        )
    return value


def _units(text: str, columns: Mapping[str, str]) -> dict[str, str]:
    """Name in formulas → unit."""
    from splinework.formula.units.parsing import parse_units

    try:
        found = parse_units(text, names=list(dict.fromkeys((*columns.values(), *columns))))
    except ConfigError as error:
        raise ConfigError(f"--units {text!r}: {error}") from error
    return {_in_formulas(name, columns): str(dimension) for name, dimension in found.items()}


def _time(name: str, columns: Mapping[str, str]) -> str:
    """The column of time, as formulas call it."""
    *features, target = columns
    key = _in_formulas(name, columns)
    if key == target:
        raise ConfigError(f"--ode {name} is the target; name the column of time, and as --target what changes with it.")
    if key not in features:
        known: Sequence[str] = [columns[feature] for feature in features]
        raise ConfigError(f"--ode {name} is no column to explain the target by; {nearest(name, known)}")
    return key


def _in_formulas(name: str, columns: Mapping[str, str]) -> str:
    """What formulas call a column of the file; anything else as it is."""
    return next((key for key, named in columns.items() if named == name.strip()), name.strip())
