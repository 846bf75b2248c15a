"""Families of tests of which a part is quick: every value of every setting stands in one of the quick members."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import pytest


def spanning(**axes: Iterable[Any]) -> pytest.MarkDecorator:
    """All combinations of settings; those are quick that differ from the first one in one setting at most, the rest is slow.

    Args:
        axes: The values of each argument of the test; values of a mapping are named by its keys.
    """
    named = [
        list(axis.items()) if isinstance(axis, Mapping) else [(str(v)[:40], v) for v in axis] for axis in axes.values()
    ]
    members = []
    for places in itertools.product(*(range(len(axis)) for axis in named)):
        chosen = [axis[place] for axis, place in zip(named, places, strict=True)]
        slow = sum(place > 0 for place in places) > 1
        values = [value for _, value in chosen]
        name = "-".join(name for name, _ in chosen)
        members.append(pytest.param(*values, id=name, marks=pytest.mark.slow if slow else ()))
    return pytest.mark.parametrize(",".join(axes), members)
