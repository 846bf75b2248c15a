"""Inside a worker: one call of a job, made ready and timed."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.speed import truth
from benchmarks.speed.cases import Job

CHUNK_SECONDS: Final = 1e-3  # calls are timed in chunks at least so long: the clock then costs nothing
CHECKED_ROWS: Final = 64
WARM_CALLS: Final = 5
WARM_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Data:
    """Inputs, the gradient of the output and targets of one job."""

    x: Tensor
    g: Tensor
    target: Tensor

    @classmethod
    def of(cls, job: Job) -> Data:
        """Uniform in [-1, 1], the same for every contender."""
        generator = torch.Generator().manual_seed(1)
        dtype = getattr(torch, job.dtype)
        x = torch.rand(job.batch, job.shape[0], generator=generator, dtype=dtype) * 2 - 1
        g, target = (torch.randn(job.batch, job.shape[-1], generator=generator, dtype=dtype) for _ in range(2))
        return cls(x.requires_grad_(job.inner and job.mode != "forward"), g, target)


def make_call(
    model: nn.Module,
    run: Callable[[Tensor], Tensor],
    data: Data,
    mode: str,
    gradient: Callable[[Tensor, Tensor], Any] | None = None,
) -> tuple[Callable[[], Any], str]:
    """The call that is timed, and the kind of its optimiser.

    Args:
        model: Holds the parameters.
        run: The model, or what `torch.compile` made of it.
        data: Inputs and the like.
        mode: `forward`, `backward` or `adam`.
        gradient: Function that computes a step's gradient; None means autograd.

    Returns:
        A function that makes one call and returns the output (None for a step), and a word on Adam.
    """
    leaves = [p for p in model.parameters() if p.requires_grad] + [data.x]

    def forward() -> Tensor:
        with torch.no_grad():
            return run(data.x)

    def backward() -> Tensor:
        for leaf in leaves:
            leaf.grad = None
        y = run(data.x)
        y.backward(data.g)
        return y

    if mode != "adam":
        return (forward if mode == "forward" else backward), ""
    optimiser, kind = _adam(leaves[:-1])

    def short_step() -> None:
        assert gradient is not None
        gradient(data.x, data.target)
        optimiser.step()

    def step() -> None:
        for leaf in leaves:
            leaf.grad = None
        torch.nn.functional.mse_loss(run(data.x), data.target).backward()
        optimiser.step()

    return (step if gradient is None else short_step), kind


@dataclass(frozen=True)
class Ready:
    """A call that is warm."""

    call: Callable[[], Any]
    seconds: float
    first: float
    settings: dict[str, Any]
    adam: str
    model: nn.Module
    data: Data


def make_ready(source: Any, job: Job, option: str, *, compiled: bool, compile_mode: str, cap: float) -> Ready:
    """Builds every alternative, warms it up, and keeps the fastest."""
    if compiled:
        torch.compiler.reset()
    found: list[Ready] = []
    for settings in source.alternatives(job, option, compiled):
        model, data = source.build(job, option, **settings), Data.of(job)
        run = torch.compile(model, dynamic=False, mode=compile_mode) if compiled else model
        gradient = source.gradient(model, option) if hasattr(source, "gradient") and not compiled else None
        call, adam = make_call(model, run, data, job.mode, gradient)
        began = time.perf_counter()
        call()
        first = time.perf_counter() - began
        seconds = first if first > 4 * cap and not compiled else _warm(call, cap)
        found.append(Ready(call, seconds, first, settings, adam, model, data))
    return min(found, key=lambda ready: ready.seconds)


def errors(source: Any, job: Job, ready: Ready) -> dict[str, float | None]:
    """How far the output, and the gradient of the inputs where there is one, are from what is claimed; both relative.

    The first rows are checked, of a call on the whole batch: so it is the code that is timed.
    """
    if job.mode == "adam":  # it has moved the parameters
        return {"error": None, "gradient_error": None}
    y = ready.call()
    rows = slice(0, CHECKED_ROWS)
    x, g = (_array(tensor)[rows] for tensor in (ready.data.x, ready.data.g))
    value, pulled = truth.chain(source.layers(ready.model), x, g)
    gradient = ready.data.x.grad
    return {
        "error": truth.relative_error(_array(y)[rows], value),
        "gradient_error": None if gradient is None else truth.relative_error(_array(gradient)[rows], pulled),
    }


def time_round(call: Callable[[], Any], expected: float, seconds: float) -> dict[str, float]:
    """Times calls for `seconds` seconds, in chunks: the quickest and the middle chunk, in seconds per call."""
    size = max(1, round(CHUNK_SECONDS / max(expected, 1e-9)))
    took: list[float] = []
    enabled = gc.isenabled()
    gc.disable()
    try:
        end = time.perf_counter() + seconds
        while not took or time.perf_counter() < end:
            began = time.perf_counter()
            for _ in range(size):
                call()
            took.append((time.perf_counter() - began) / size)
    finally:
        if enabled:
            gc.enable()
    return {"minimum": min(took), "median": median(took), "calls": size * len(took)}


def _warm(call: Callable[[], Any], cap: float) -> float:
    """A few calls; the quickest."""
    best, spent, count = float("inf"), 0.0, 0
    while count == 0 or (count < WARM_CALLS and spent < min(WARM_SECONDS, cap)):
        began = time.perf_counter()
        call()
        took = time.perf_counter() - began
        best, spent, count = min(best, took), spent + took, count + 1
    return best


def _adam(parameters: list[Tensor]) -> tuple[torch.optim.Optimizer, str]:
    """Torch's fused Adam; where it does not take these parameters, the plain one."""
    rate = 1e-5  # thousands of steps leave the network what it was
    try:
        return torch.optim.Adam(parameters, lr=rate, fused=True), "fused"
    except RuntimeError:
        return torch.optim.Adam(parameters, lr=rate, foreach=True), "foreach"


def _array(tensor: Tensor) -> truth.Floats:
    return np.asarray(tensor.detach().double().numpy())
