"""A time limit for what has none of its own: sympy's rewriting takes milliseconds or, for some expressions, hours."""

import os
import pickle
import select
import signal
import time
import warnings
from collections.abc import Callable
from typing import Any


def within(seconds: float, function: Callable[..., Any], *args: Any, otherwise: Any) -> Any:
    """`function(*args)` in a child process, or `otherwise` where that takes longer or fails.

    The child is a copy of this process, so nothing need be sent to it; only the result comes back. Where processes cannot be
    copied (Windows), `otherwise` is the answer.
    """
    if not hasattr(os, "fork"):
        return otherwise
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads: the child does not touch what they hold
        child = os.fork()
    if child == 0:
        _answer(writer, function, args)
    os.close(writer)
    try:
        return _received(reader, time.monotonic() + seconds, otherwise)
    finally:
        os.close(reader)
        os.kill(child, signal.SIGKILL)  # it may have ended; until it is waited for, its number is its own
        os.waitpid(child, 0)


def _answer(writer: int, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """The child: writes the result and ends, whatever happens, without the parent's farewells."""
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
