"""Many independent pieces of work at once, by the backend of joblib that the caller has chosen.

    with joblib.parallel_config("loky", n_jobs=4): ...  # processes of this machine
    with joblib.parallel_config("dask"): ...            # a cluster of Dask, after `Client(…)`
    with joblib.parallel_config("ray"): ...             # one of Ray, after `ray.util.joblib.register_ray()`

Without such a block everything is done one after the other, in this process. The results are the same either way, and in the
same order.
"""

import queue
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from splinework.errors import ConfigError, warn
from splinework.train.progress_line import jobs

Result = TypeVar("Result")
Item = TypeVar("Item")


@contextmanager
def with_jobs(count: int | None) -> Iterator[None]:
    """Inside, this number of local processes share the work; None and 1 change nothing, -1 takes a process for each core.

    Raises:
        ConfigError: For 0, or a number below -1.
    """
    if count in (None, 1):
        yield
        return
    if count == 0 or (count is not None and count < -1):
        raise ConfigError(f"jobs is a number of processes of at least 1, or -1 for one for each core; got {count}.")
    import joblib

    with joblib.parallel_config("loky", n_jobs=count):
        yield


def in_parallel(function: Callable[..., Result], tasks: Iterable[tuple[Any, ...]]) -> list[Result]:
    """`function(*task)` for every task, in order; several at once where joblib is configured for it.

    Functions, arguments and results travel between processes, so they must be such as can be pickled. What a piece of work warns
    of is warned of here.

    >>> in_parallel(pow, [(2, 3), (3, 2)])
    [8, 9]
    """
    return list(one_by_one(function, tasks))


def one_by_one(function: Callable[..., Result], tasks: Iterable[tuple[Any, ...]]) -> Iterator[Result]:
    """The same, each result as soon as it and those before it are there; a backend without that gives them all at the end.

    In this process a piece of work begins when its result is asked for.

    >>> next(one_by_one(pow, [(2, 3), (3, 2)]))
    8
    """
    listed = list(tasks)
    if len(listed) < 2 or jobs() == 1:
        yield from (function(*task) for task in listed)
        return
    import joblib

    streams = joblib.parallel.get_active_backend()[0].supports_return_generator
    work = joblib.Parallel(return_as="generator" if streams else "list")
    for result, warned in work(joblib.delayed(_done)(function, task) for task in listed):
        for kind, text in warned:
            warn(text) if kind == "FitWarning" else warnings.warn(text, stacklevel=2)
        yield result


def ahead(items: Iterable[Item], depth: int = 2) -> Iterator[Item]:
    """The same items, made by a thread that is at most `depth` of them ahead."""
    waiting: queue.Queue[tuple[bool, Any]] = queue.Queue(depth)
    over = threading.Event()

    def work() -> None:
        try:
            for item in items:
                while not over.is_set():
                    try:
                        waiting.put((True, item), timeout=0.2)
                        break
                    except queue.Full:
                        continue
                if over.is_set():
                    return
            waiting.put((False, None))
        except BaseException as error:  # noqa: BLE001  # raised where the items are taken
            waiting.put((False, error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            more, item = waiting.get()
            if not more:
                if item is not None:
                    raise item
                return
            yield item
    finally:
        over.set()


def _done(function: Callable[..., Result], task: tuple[Any, ...]) -> tuple[Result, list[tuple[str, str]]]:
    """The result, and what was warned of meanwhile."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = function(*task)
    return result, [(each.category.__name__, str(each.message)) for each in caught if _matters(each.category)]


def _matters(category: type[Warning]) -> bool:
    """Whether a warning is meant for users, and not for developers of what is underneath."""
    return not issubclass(category, (DeprecationWarning, PendingDeprecationWarning, ResourceWarning))
