"""A stand-in for the pipeline: a straight line found at once, and a report of one line; and what a refusal looks like.

The real pipeline has tests of its own; here it is the reading, checking, writing and speaking that matters. What is in
test_end_to_end.py runs everything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from click.testing import Result

from splinework.network import KAN


@dataclass
class Line:
    """A formula that is a straight line."""

    names: list[str]
    target: str
    weights: np.ndarray
    notes: tuple[str, ...] = ()
    complexity: int = 3
    rmse: float = 0.0

    @property
    def code(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        terms = [f"{w!r}*{name}" for w, name in zip(self.weights[:-1].tolist(), self.names, strict=True)]
        return " + ".join([*terms, repr(float(self.weights[-1]))])

    def numpy(self) -> Callable[[np.ndarray], np.ndarray]:
        return lambda x: x @ self.weights[:-1] + self.weights[-1]


@dataclass
class Pipeline:
    """What the stand-ins were called with, and what they do beside."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    hook: Callable[[], None] = lambda: None
    report_hook: Callable[[Path], None] = lambda path: path.write_text("<html>")

    def discover(self, x: Any, y: Any, **options: Any) -> Any:
        self.calls.append({"x": x, "y": y, **options})
        options["on_stage"]("screening")
        self.hook()
        names, target = list(options["names"]), options["target"]
        generator = torch.Generator().manual_seed(options["seed"])
        model = KAN([x.shape[1], 1], names=names, output_names=[target], dtype=torch.float64, generator=generator)
        weights = np.linalg.lstsq(np.c_[x, np.ones(len(x))], y, rcond=None)[0]
        rows = [Line(names, target, weights), Line(names, target, np.r_[np.zeros(x.shape[1]), y.mean()], complexity=1)]
        options["on_stage"]("fitting [1]")
        options["callbacks"][0](SimpleNamespace(rmse_train=0.5))
        history = SimpleNamespace(steps=[], notes=[])
        return SimpleNamespace(rows=rows, best=rows[0], model=model, history=history, notes=("a note of the pipeline",))

    def report(self, model: Any, path: Path, **options: Any) -> None:
        self.reports.append({"model": model, "path": path, **options})
        self.report_hook(path)


def refused(result: Result, *fragments: str) -> None:
    """Exit code 2, one line that begins with `error:` and holds the fragments, nothing on the output."""
    assert result.exit_code == 2, result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    for fragment in fragments:
        assert fragment in lines[0], lines[0]
    assert result.stdout == ""


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}
