"""The options that several commands have, each with one name, one type and one meaning; the defaults may differ."""

import math
import os
from typing import Any, Final

import click

from splinework.cli.complete import axioms_for, columns_of, files_of
from splinework.cli.options import LAST_GROUPS, option
from splinework.errors import ConfigError

INPUT_GROUP: Final = "Input"
MODEL_GROUP: Final = "Model"
SEARCH_GROUP, OUTPUT_GROUP, GENERAL_GROUP = LAST_GROUPS


class Amount(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A finite amount above 0 of seconds or units of work."""

    def __init__(self, name: str) -> None:
        self.name = name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        amount: float = click.FLOAT.convert(value, param, ctx)
        if not (amount > 0 and math.isfinite(amount)):
            raise ConfigError(
                f"{param.opts[0] if param else 'this'} is a number of {self.name} above 0, such as 30; got {amount:g}."
            )
        return amount


def target(**words: Any) -> Any:
    """The target column."""
    usual: dict[str, Any] = {
        "metavar": "COL",
        "shell_complete": columns_of,
        "help": "Target column.",
        "group": INPUT_GROUP,
    }
    return option("--target", **{**usual, **words})


def features(note: str, default: str) -> Any:
    """The input columns."""
    words: dict[str, Any] = {"shell_complete": columns_of, "help": f"Input columns{note}.", "group": INPUT_GROUP}
    return option(default=(), metavar="COL,…", show_default=default, **words)


def max_unpacked() -> Any:
    """The size to which a compressed table may unpack."""
    text = "Size to which a compressed table may unpack, in MiB."
    words: dict[str, Any] = {"metavar": "MIB", "show_default": "64, or 20 times the file", "group": INPUT_GROUP}
    return option(default=None, help=text, **words)


def test_fraction() -> Any:
    """The share of held-out rows."""
    text = "Share of rows held out for testing."
    return option(metavar="SHARE", show_default="0.2, less for few rows", help=text, group=INPUT_GROUP)


def task() -> Any:
    """Regression or classification."""
    return option(default="auto", help="Kind of model; auto infers it from the target.", group=MODEL_GROUP)


def shape(note: str, default: str) -> Any:
    """The shape of the network."""
    text = f"Number of nodes in each layer{note}."
    return option(metavar="2,5,1", show_default=default, help=text, group=MODEL_GROUP)


def effort(default: float | None, **words: Any) -> Any:
    """The limit of work, which does not depend on the load of the machine."""
    text = "Limit of work, in units of about a second on one core."
    return option(default=default, type=Amount("units of work"), metavar="WORK", help=text, group=SEARCH_GROUP, **words)


def budget(default: float) -> Any:
    """The time limit."""
    return option(
        default=default, type=Amount("seconds"), metavar="SECONDS", help="Time limit in seconds.", group=SEARCH_GROUP
    )


def jobs() -> Any:
    """The number of cores that share the work."""
    text = "Cores that share the work; -1 takes all of them."
    return option(within=(-1, 4096), metavar="N", help=text, show_default="one process", group=SEARCH_GROUP)


def cores(given: int | None) -> int:
    """The number of cores that an option `--jobs` stands for."""
    return 1 if given is None else (os.cpu_count() or 1) if given == -1 else given


def seed(default: int | None = 0, **words: Any) -> Any:
    """The seed."""
    words = {"metavar": "N", "help": "Seed of everything random.", "group": SEARCH_GROUP, **words}
    return option(default=default, within=(0, 2**31 - 1), **words)


def axioms() -> Any:
    """Axioms as texts."""
    text = "Axioms, such as 'monotone(age)' or 'bounded(0, 1)'."
    return option("--axiom", default=(), metavar="AXIOM,…", shell_complete=axioms_for, help=text, group="Axioms")


def axiom_file() -> Any:
    """Axioms in a file."""
    return option("--axioms", metavar="FILE.toml", shell_complete=files_of, help="A file of axioms.", group="Axioms")


def name(**words: Any) -> Any:
    """The prefix of names in what is written."""
    return option(metavar="NAME", help="Prefix of the names in the output.", group=OUTPUT_GROUP, **words)


def out(metavar: str, text: str, **words: Any) -> Any:
    """The file or folder of the result."""
    return option(metavar=metavar, shell_complete=files_of, help=text, group=OUTPUT_GROUP, **words)


def quiet() -> Any:
    """No output but errors."""
    return option(default=False, help="Suppress progress and messages.", group=OUTPUT_GROUP)


def as_json() -> Any:
    """Output for programs."""
    return option("--json", default=False, help="Print the result as one JSON object.", group=OUTPUT_GROUP)
