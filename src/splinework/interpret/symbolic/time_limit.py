"""Functions under a time limit, in processes of their own: sympy takes milliseconds or, for some expressions, hours."""

import os
import pickle
import select
import signal
import time
import warnings
from collections.abc import Callable
from typing import Any

from splinework.interpret.symbolic import clock

SURE = 20.0
"""Multiple of a time limit that is waited where work is counted, so that the load of the machine does not matter."""


def run_within(budget: float, function: Callable[..., Any], *args: Any, otherwise: Any) -> Any:
    """`function(*args)` in a child process, or `otherwise` if that fails or takes longer than `budget` seconds.

    The child is a fork of this process, so that only the result is transferred. On platforms without `fork` (Windows) the result
    is `otherwise`.
    """
    if not hasattr(os, "fork"):
        return otherwise
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # about other threads, whose locks the child does not use
        child = os.fork()
    if child == 0:
        _answer(writer, function, args)
    os.close(writer)
    try:
        patience = SURE if clock.counts_work() else 1.0  # the same answer however slow the machine
        return _received(reader, time.monotonic() + patience * budget, otherwise)
    finally:
        os.close(reader)
        os.kill(child, signal.SIGKILL)  # safe if it has ended: its id is not reused before waitpid
        os.waitpid(child, 0)


def _answer(writer: int, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Body of the child: writes the result and exits without the parent's exit handlers."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        data = memoryview(pickle.dumps(function(*args)))
        while data:
            data = data[os.write(writer, data) :]
    finally:
        os._exit(0)


def _received(reader: int, deadline: float, otherwise: Any) -> Any:
    chunks = []
    while True:
        ready, _, _ = select.select([reader], [], [], max(deadline - time.monotonic(), 0.0))
        if not ready:
            return otherwise
        chunk = os.read(reader, 1 << 16)
        if not chunk:
            break
        chunks.append(chunk)
    try:
        return pickle.loads(b"".join(chunks))  # noqa: S301  # from our own child
    except (EOFError, pickle.UnpicklingError):
        return otherwise  # the child failed
