"""Inside a fresh worker: by how much one forward + backward raises the peak of the resident memory."""

import ctypes
import gc
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch

from benchmarks.speed.cases import Job
from benchmarks.speed.timing import Data, make_call

_CLEAR: Final = Path("/proc/self/clear_refs")
_STATM: Final = Path("/proc/self/statm")


def measure(source: Any, job: Job, option: str, *, compiled: bool, compile_mode: str) -> int:
    """Bytes above the model, its parameters' gradients, x and the gradient of the output (and of x, if x has one).

    Code is loaded and thread pools are started by a call on two rows before; what `torch.compile` needs, by a whole one.
    The call begins as a step of training does, by letting go of the gradients; they count as held all the same.
    The peak is the kernel's (`ru_maxrss`), brought down to the present size before the call where the system can do that.
    """
    model = source.build(job, option, **source.alternatives(job, option, compiled)[0])
    run: Any = torch.compile(model, dynamic=False, mode=compile_mode) if compiled else model
    warm = Data.of(job if compiled else replace(job, batch=min(2, job.batch)))
    make_call(model, run, warm, "backward")[0]()
    del warm
    data = Data.of(job)
    for leaf in (*model.parameters(), data.x):
        leaf.grad = torch.zeros_like(leaf) if leaf.requires_grad else None
    call = make_call(model, run, data, "backward")[0]
    _return_free_memory()
    before = _bring_down_peak()
    call()
    return max(0, _peak() - before)


def _bring_down_peak() -> int:
    """The peak from here on, in bytes."""
    try:
        _CLEAR.write_text("5", encoding="ascii")
        pages = int(_STATM.read_text(encoding="ascii").split()[1])
    except OSError:
        return _peak()
    import resource

    return pages * resource.getpagesize()


def _peak() -> int:
    """`ru_maxrss` in bytes.

    Raises:
        ImportError: On a system without it.
    """
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _return_free_memory() -> None:
    """Hands back what the allocator keeps; else it would hide what the call takes."""
    gc.collect()
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # not glibc
        return
    trim(0)
