"""Counts of work, which a busy machine does not change: what a test asserts instead of a time."""

import sys
from collections.abc import Callable
from typing import Any


def calls(function: Callable[..., Any], *arguments: Any, **options: Any) -> int:
    """How many calls of Python functions one call makes."""
    count = 0

    def seen(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        function(*arguments, **options)
    finally:
        sys.setprofile(before)
    return count
