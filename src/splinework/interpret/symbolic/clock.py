"""The clock of a search for formulas: seconds, or units of work, which do not depend on the load of the machine.

While work is counted, time stands still but for what is spent: a unit is about a second on one core. Asking for the time costs a
little, since what is asked for it before each of its parts takes some time.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

QUESTION = 0.004
"""Units that are counted each time that a search asks whether it is late."""
_spent: ContextVar[list[float] | None] = ContextVar("_spent", default=None)


def now() -> float:
    """Seconds of the monotonic clock, or the units of work so far where these are counted."""
    counter = _spent.get()
    if counter is None:
        return time.monotonic()
    counter[0] += QUESTION
    return counter[0]


def spend(units: float) -> None:
    """Counts units of work, where they are counted."""
    counter = _spent.get()
    if counter is not None:
        counter[0] += units


def counts_work() -> bool:
    """Whether work is counted instead of seconds."""
    return _spent.get() is not None


@contextmanager
def counting_work() -> Iterator[None]:
    """Counts work instead of seconds inside; what a search inside of another has done counts for both.

    >>> with counting_work():
    ...     began = now()
    ...     spend(2.0)
    ...     now() - began > 2
    True
    """
    counter = [0.0]
    token = _spent.set(counter)
    try:
        yield
    finally:
        _spent.reset(token)
        spend(counter[0])
