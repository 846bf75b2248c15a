"""The editor at work: processor time of an edit until its answer, of a refit, and a hundred edits undone.

The model is [2, 5, 1] with grid 5, fitted to 1000 rows of `exp(sin(pi x1) + x2^2)`; the same for [8, 6, 1] on 5000 rows. An
edit is timed as the page asks for it: the edit, and all that the page then shows (picture, errors, steps) as JSON. Times are of
the processor, in one process on one core, so that other work on the machine does not count.
Run: python benchmarks/bench_editor.py
"""

import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

import splinework as sw
from splinework.report.editor.service import EditorService
from splinework.report.editor.session import EditSession

EDITS: list[tuple[str, dict[str, Any]]] = [
    ("fix", {"edge": ["x1", "h1"], "function": "sin"}),
    ("free", {"edge": ["x1", "h1"]}),
    ("freeze", {"edge": ["x2", "h1"]}),
    ("unfreeze", {"edge": ["x2", "h1"]}),
    ("remove_edge", {"edge": ["x1", "h2"]}),
    ("prune", {"keep_edges": 8, "nodes": 0, "inputs": 0}),
    ("widen", {"layer": 1, "count": 1}),
    ("split", {"node": "h1"}),
    ("merge", {"first": "h1", "second": "h2"}),
    ("refine", {"grid": 10}),
]


def rows(inputs: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of the target, which depends on the first two inputs and, weakly, on the others."""
    x = 2 * torch.rand(count, inputs, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1
    y = torch.exp(torch.sin(torch.pi * x[:, :1]) + x[:, 1:2] ** 2) + 0.1 * x[:, 2:].sum(1, keepdim=True)
    return x, y


def seconds(action: Callable[[], Any]) -> float:
    """Processor time of one call."""
    began = time.process_time()
    action()
    return time.process_time() - began


def edit(service: EditorService, name: str, arguments: dict[str, Any]) -> None:
    """One edit as the page asks for it, with the answer as it is sent."""
    request = {"name": name, "arguments": arguments, "at": service.session.position}
    json.dumps(service.answer("edit", request))


def refit(service: EditorService) -> None:
    """A refit until it has converged."""
    edit(service, "refit", {"starts": 1})
    assert service.refit is not None
    service.refit.wait()


def measure(shape: list[int], count: int) -> None:
    """Prints the times of one model."""
    x, y = rows(shape[0], count)
    start = sw.KAN(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    model = sw.fit(start, x, y, starts=1, steps=50, grids=None, progress=False).model
    opened = {name: value.clone() for name, value in model.state_dict().items()}
    service = EditorService(EditSession(model, x=x, y=y), ".")
    for name, arguments in EDITS:  # once before the clock runs, as imports are no part of an edit
        edit(service, name, arguments)
    service.answer("suggest", {"edge": ["x1", "h1"]})
    service.answer("go", {"to": 0})
    taken = {name: seconds(partial(edit, service, name, arguments)) for name, arguments in EDITS}
    service.answer("go", {"to": 0})
    suggested = seconds(partial(service.answer, "suggest", {"edge": ["x1", "h1"]}))
    refitted = seconds(partial(refit, service))
    service.answer("go", {"to": 0})
    for name, arguments in 25 * EDITS[:4]:
        service.session.edit(name, arguments)
    for _ in range(100):
        service.session.undo()
    same = all(torch.equal(value, opened[name]) for name, value in service.session.model.state_dict().items())
    slowest = max(taken, key=lambda name: taken[name])
    print(f"{shape}, {count} rows, processor time in ms")
    print(
        f"  edit: median {1000 * statistics.median(taken.values()):.0f}, slowest {slowest} {1000 * taken[slowest]:.0f}"
    )
    print(f"  suggestions for an edge: {1000 * suggested:.0f}")
    print(f"  refit of {model.parameter_count()} parameters until converged: {1000 * refitted:.0f}")
    print(f"  100 edits and undos give the starting model bit for bit: {same}")


def main() -> None:
    torch.set_num_threads(1)
    for shape, count in (([2, 5, 1], 1000), ([8, 6, 1], 5000)):
        measure(shape, count)


if __name__ == "__main__":
    main()
