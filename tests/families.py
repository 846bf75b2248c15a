"""Families of tests: which members of crossed settings are quick, and laws so small that one test holds all their members."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

QUICK = 8
"""Members of a family of crossed settings that run at once."""


def thinned(family: Sequence[pytest.Function]) -> list[pytest.Function]:
    """The members of a family that are left to the slow tests: so many that about `QUICK` are quick where settings are crossed.

    Members are quick whose places in their settings add up to a multiple of some number, as in a Latin square: every value of
    every setting is in some of them, beside various values of the others.
    """
    marks = [mark.args[0] for mark in family[0].iter_markers("parametrize")]
    together = [[name.strip() for name in names.split(",")] if isinstance(names, str) else names for names in marks]
    of_fixtures = family[0].callspec.params.keys() - {name for names in together for name in names}
    crossed = [*(names[0] for names in together), *sorted(of_fixtures)]
    chosen = [[id(item.callspec.params[name]) for name in crossed] for item in family]
    places = [{value: place for place, value in enumerate(dict.fromkeys(axis))} for axis in zip(*chosen, strict=True)]
    step = min(math.ceil(len(family) / QUICK), sorted(map(len, places))[-2]) if len(places) > 1 else 1
    sums = [sum(place[value] for place, value in zip(places, each, strict=True)) for each in chosen]
    return [item for item, total in zip(family, sums, strict=True) if total % step]


def every(
    arguments: str | tuple[str, ...], members: Iterable[Any]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """`parametrize` in one test, where a test each would cost more than the law; a failure names its member."""
    members = list(members)
    names = (arguments,) if isinstance(arguments, str) else arguments

    def decorate(law: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(law)
        def test(**fixtures: Any) -> None:
            for member in members:
                values = (member,) if isinstance(arguments, str) else member
                try:
                    law(**dict(zip(names, values, strict=True)), **fixtures)
                except (Exception, pytest.fail.Exception) as error:
                    raise AssertionError(f"{', '.join(names)} = {member!r}: {error}") from error

        signature = inspect.signature(law)
        others = [value for name, value in signature.parameters.items() if name not in names]
        test.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]
        return test

    return decorate
