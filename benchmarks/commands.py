"""The frame of benchmarks with subcommands: help where nothing is asked, errors as usage, an interruption that keeps results."""

import argparse
import sys
from collections.abc import Callable

from splinework.errors import ConfigError


def words(text: str) -> list[str]:
    """The parts of an option that is a list, such as `kan,gam`."""
    return [part.strip() for part in text.split(",") if part.strip()]


def integers(text: str) -> list[int]:
    """The same for whole numbers."""
    return [int(part) for part in words(text)]


def main_of(made: argparse.ArgumentParser, act: Callable[[argparse.Namespace], None], kept: str) -> int:
    """Parses the arguments and acts on them; the exit code.

    Args:
        made: Parser of the arguments.
        act: Function that acts on the arguments; a ConfigError ends the command like a wrong option.
        kept: Name of the results that an interruption keeps, for the message.
    """
    if len(sys.argv) == 1:
        made.print_help()
        return 0
    chosen = made.parse_args()
    try:
        act(chosen)
    except ConfigError as error:
        made.error(str(error))
    except KeyboardInterrupt:
        print(f"stopped; the {kept} so far are kept", file=sys.stderr)
        return 130
    return 0
