"""How many threads a fit uses: one where others run beside it, or where its arrays are small."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits

MANY_ROWS = 20_000
"""From this many rows on, a second thread gives more than it costs."""


class _Limit:
    """One thread for torch and BLAS while anybody is inside; their numbers are the process's, so the last one out restores."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._torch = 1
        self._blas: threadpool_limits | None = None

    def enter(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._torch = torch.get_num_threads()
                self._blas = threadpool_limits(limits=1)
            torch.set_num_threads(1)

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                torch.set_num_threads(self._torch)
                if self._blas is not None:
                    self._blas.restore_original_limits()
                    self._blas = None


_limit = _Limit()


def is_worker() -> bool:
    """Whether this is one of several workers, in a process or a thread, so that the other processors are taken.

    >>> is_worker()
    False
    """
    process = multiprocessing.current_process()
    return process.name != "MainProcess" or threading.current_thread() is not threading.main_thread()


@contextmanager
def suited_to(rows: int) -> Iterator[None]:
    """Limits torch and BLAS to one thread inside, in a worker or where there are few rows; afterwards all is as it was."""
    if rows >= MANY_ROWS and not is_worker():
        yield
        return
    _limit.enter()
    try:
        yield
    finally:
        _limit.leave()
