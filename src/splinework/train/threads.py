"""Number of threads of a fit: one if other workers run beside it, or if its arrays are small.

Threads that wait for each other after every small product of matrices keep two processors busy for the work of one, and where
another program needs one of them, each product waits for that.
"""

import multiprocessing
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch

MIN_ROWS_FOR_THREADS = 20_000
"""Number of rows from which a second thread saves more than it costs."""


class _Limit:
    """Limits torch and BLAS to one thread while in use; thread counts are global, so the last user to leave restores them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._torch = 1
        self._libraries: Any = None
        self._modules = 0
        self._blas: Any = None

    def enter(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                from threadpoolctl import ThreadpoolController  # loaded by the first fit

                if self._modules != len(
                    sys.modules
                ):  # what is loaded is looked at, in 3 ms, where a module may have loaded more
                    self._libraries, self._modules = ThreadpoolController(), len(sys.modules)
                self._torch = torch.get_num_threads()
                self._blas = self._libraries.limit(limits=1)
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
    """Whether this is a worker process or thread, so that the other processors are in use.

    >>> is_worker()
    False
    """
    process = multiprocessing.current_process()
    return process.name != "MainProcess" or threading.current_thread() is not threading.main_thread()


@contextmanager
def one_thread(limited: bool = True) -> Iterator[None]:
    """Context that limits torch and BLAS to one thread where `limited`, and restores them afterwards."""
    if not limited:
        yield
        return
    _limit.enter()
    try:
        yield
    finally:
        _limit.leave()


def suited_to(rows: int) -> AbstractContextManager[None]:
    """`one_thread` in a worker or for few rows, else a context that does nothing."""
    return one_thread(rows < MIN_ROWS_FOR_THREADS or is_worker())
