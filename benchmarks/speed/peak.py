"""Inside a worker: how many fused multiply-adds per second the machine gives, by the best that is at hand."""

import time
from importlib import import_module
from typing import Final

import torch

_SIZE: Final = 2048


def measure(dtype: str, threads: int, *, seconds: float) -> dict[str, float | None]:
    """The best rate of a square matrix product, and of the native kernels' own loop of multiply-adds where there is one.

    Returns:
        `matmul` and `loop`, in multiply-adds per second.
    """
    return {"matmul": _matmul(dtype, seconds), "loop": _loop(dtype, threads)}


def _matmul(dtype: str, seconds: float) -> float:
    a, b = (torch.rand(_SIZE, _SIZE, dtype=getattr(torch, dtype)) for _ in range(2))
    out = torch.empty_like(a)
    torch.matmul(a, b, out=out)
    best, end = float("inf"), time.perf_counter() + seconds
    while best == float("inf") or time.perf_counter() < end:
        began = time.perf_counter()
        torch.matmul(a, b, out=out)
        best = min(best, time.perf_counter() - began)
    return float(_SIZE**3 / best)


def _loop(dtype: str, threads: int) -> float | None:
    try:
        rate = import_module("splinework._native").fma_peak(dtype == "float64", threads)
    except (ImportError, AttributeError):
        return None
    return float(rate)
