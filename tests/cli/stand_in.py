"""A stand-in for the pipeline: a straight line found at once, and a report of one line; and what a refusal looks like.

The real pipeline has tests of its own; here it is the reading, checking, writing and speaking that matters. What is in
test_end_to_end.py runs everything.
"""

import functools
import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sympy
import torch
from click.testing import Result

from splinework.interpret.symbolic import FormulaRow, FormulaTable
from splinework.interpret.symbolic.expression import symbol
from splinework.nn.network import KAN

REAL = import_module("splinework.discover")  # as an attribute of splinework it is the function


def line(names: list[str], target: str, weights: np.ndarray, y: np.ndarray, x: np.ndarray) -> FormulaRow:
    """A formula that is a straight line."""
    terms = [float(w) * symbol(name) for w, name in zip(weights, names, strict=False) if w]
    left = x @ weights[:-1] + weights[-1] - y
    rmse = float(np.sqrt(np.square(left).mean()))
    return FormulaRow(target, sympy.Add(*terms, float(weights[-1])), tuple(names), rmse, 0.5, 10.0 * len(terms))


@dataclass
class Pipeline:
    """What the stand-ins were called with, and what they do beside."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    hook: Callable[[], None] = lambda: None
    alter: Callable[[FormulaTable], Any] = lambda table: table
    report_hook: Callable[[Path], None] = lambda path: path.write_text("<html>")

    def search(self, function: Any) -> Any:
        """A stand-in for a function of `splinework.discover`, with the same signature."""
        signature = inspect.signature(function)

        @functools.wraps(function)
        def found(*data: Any, **options: Any) -> Any:
            given = dict(signature.bind(*data, **options).arguments)
            self.calls.append({"function": function.__name__, **given})
            x = given["x"]
            return self.answer(x, given.get("y", x[:, -1]), **{"target": "y", **options})

        return found

    def answer(self, x: Any, y: Any, **options: Any) -> Any:
        notes = ["a note of the pipeline"]
        options["on_stage"]("screening")
        try:
            self.hook()
        except KeyboardInterrupt:  # as the real one answers it
            notes.append("interrupted: the best so far")
        names, target = list(options["names"]), options["target"]
        generator = torch.Generator().manual_seed(options["seed"])
        model = KAN([x.shape[1], 1], names=names, output_names=[target], dtype=torch.float64, generator=generator)
        weights = np.linalg.lstsq(np.c_[x, np.ones(len(x))], y, rcond=None)[0]
        level = np.r_[np.zeros(x.shape[1]), y.mean()]
        rows = (line(names, target, weights, y, x), line(names, target, level, y, x))
        options["on_stage"]("fitting [1]")
        options["callbacks"][0](SimpleNamespace(rmse_train=0.5))
        history = SimpleNamespace(steps=[], notes=[])
        return self.alter(FormulaTable(rows, tuple(notes), model, history))

    def replace_modules(self, patch: pytest.MonkeyPatch) -> None:
        """Puts the stand-ins in the places of `splinework.discover` and `splinework.report`."""
        searches, pages = ModuleType("splinework.discover"), ModuleType("splinework.report")
        pages.report = self.report  # type: ignore[attr-defined]
        for name in REAL.__all__:
            setattr(searches, name, self.search(getattr(REAL, name)))
        for module in (searches, pages):
            patch.setitem(sys.modules, module.__name__, module)

    def report(self, model: Any, path: Path, **options: Any) -> None:
        self.reports.append({"model": model, "path": path, **options})
        self.report_hook(path)


class Estimator:
    """A stand-in for the estimators: the mean of the target, or its most frequent class."""

    def __init__(self, request: Any, wanted: Any, rows: Any, stages: Any) -> None:
        self.request, self.rows = request, rows
        self.formula_budget = 1.0
        self.columns_ = SimpleNamespace(columns=[SimpleNamespace(name=name) for name in rows.x.columns])
        self.feature_importances_ = np.ones(rows.x.shape[1])
        self.model_ = KAN([1, 1], names=["x"])
        if wanted.classes:
            self.classes_, counts = np.unique(rows.y.astype(str), return_counts=True)
            self.shares = counts / counts.sum()
        stages.step(SimpleNamespace(rmse_train=0.5))

    @property
    def formulas_(self) -> FormulaTable:
        row = FormulaRow(self.request.target, sympy.Float(1.5), ("x",), 0.5, 0.0, 1.0)
        return FormulaTable((row,), ("a note of the estimator",))

    def predict(self, frame: Any) -> np.ndarray:
        most = self.classes_[self.shares.argmax()] if hasattr(self, "classes_") else self.rows.y.mean()
        return np.array([most] * len(frame))

    def predict_log_proba(self, frame: Any) -> np.ndarray:
        return np.log(np.tile(self.shares, (len(frame), 1)))

    def save(self, path: Path) -> None:
        path.write_bytes(b"a model")

    def report(self, path: Path, X: Any = None, y: Any = None, **options: Any) -> None:
        assert len(X) == len(y)
        path.write_text(options["title"])


def said(stderr: str) -> list[str]:
    """The lines of an error stream, without those of stages that took long on a busy machine."""
    return [line for line in stderr.strip("\n").splitlines() if not re.match(r" *\d+\.\d s  \w", line)]


def refused(result: Result, *fragments: str) -> None:
    """Exit code 2, one line that begins with `error:` and holds the fragments, nothing on the output or written."""
    assert result.exit_code == 2, result.output
    assert not getattr(result, "wrote", False)
    lines = said(result.stderr)
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    for fragment in fragments:
        assert fragment in lines[0], lines[0]
    assert result.stdout == ""


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}
