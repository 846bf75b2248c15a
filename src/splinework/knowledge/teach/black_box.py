"""Any trained model as a function of arrays: NumPy or torch functions and modules, scikit-learn's interface, ONNX files.

A classifier's answer is its log odds, without bounds and smooth where probabilities are flat. Not here: what is learned from it.
"""

import copy
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from splinework.errors import ConfigError, DataError, FileError, ShapeError

Floats = NDArray[np.float64]

BATCH_ROWS = 8192
MIN_PROBABILITY = 1e-4
"""Probabilities beyond this and its complement are taken for it: the logarithm of a tree's 0 is not a number."""


@final
@dataclass(frozen=True)
class BlackBox:
    """A teacher.

    Attributes:
        kind: `values` or `log odds`.
        classes: Labels of a classifier; empty for others.
        call: From rows `(n, p)` to answers `(n, q)` or `(n,)`.
        slopes: From rows to derivatives `(n, q, p)`, where the teacher has them.
        names: Names of the inputs, where the teacher knows them.
    """

    kind: str
    classes: tuple[Any, ...]
    call: Callable[[Floats], Any]
    slopes: Callable[[Floats], Floats] | None = None
    names: tuple[str, ...] = ()

    def values(self, x: Floats, *, progress: bool = False) -> Floats:
        """Answers `(n, q)`, in batches.

        Raises:
            ShapeError: If there is not one answer per row.
            DataError: If answers are no finite numbers.
        """
        found = [_numbers(self.call(batch), len(batch)) for batch in _batches(x, progress)]
        answers = np.concatenate(found) if found else np.zeros((0, 1))
        bad = int((~np.isfinite(answers)).any(1).sum())
        if bad:
            raise DataError(
                f"the teacher gives no finite number at {bad} of {len(x)} points; shrink the box, or guard the teacher."
            )
        return log_odds(answers) if self.kind == "log odds" else answers


def black_box(teacher: Any, inputs: int, *, output: str | None = None) -> BlackBox:
    """The teacher as a function of arrays.

    Args:
        teacher: A torch module, a path of an ONNX file, an object with `predict_proba`, `decision_function` or `predict`, or a
            function of an array or a tensor `(n, inputs)`.
        inputs: Number of inputs.
        output: Name of the output of an ONNX file; None takes probabilities where there are some, else the first numbers.

    Raises:
        ConfigError: If it is none of these, or onnxruntime is missing.
        FileError: If the file is not there or cannot be read.
        DataError: If its answers are not numbers.
    """
    if isinstance(teacher, (str, Path)):
        return _of_onnx(Path(teacher), output)
    if isinstance(teacher, nn.Module):
        own = copy.deepcopy(teacher).eval()
        like = next(own.parameters(), next(own.buffers(), torch.zeros((), dtype=torch.float64)))
        like = like if like.is_floating_point() else torch.zeros((), dtype=torch.float64)
        return BlackBox("values", (), *_of_torch(own, like))
    names = tuple(str(name) for name in getattr(teacher, "feature_names_in_", ()))
    classes = tuple(getattr(teacher, "classes_", ()))
    for method, kind in (("predict_proba", "log odds"), ("decision_function", "values"), ("predict", "values")):
        if hasattr(teacher, method) and (method != "decision_function" or classes):
            ask = getattr(teacher, method)
            return BlackBox(kind, classes, _with_names(ask, names), None, names)
    if callable(teacher):
        return _of_function(teacher, inputs)
    raise ConfigError(
        f"a teacher is a function, a torch module, an object with predict or predict_proba, or the path of an ONNX file; "
        f"got {type(teacher).__name__}."
    )


def log_odds(probabilities: Floats) -> Floats:
    """Log odds: `log p_1/p_0` `(n, 1)` of two classes, logarithms about their mean `(n, K)` of K; a single column is class 1.

    >>> log_odds(np.array([[0.5, 0.5]]))
    array([[0.]])
    """
    p = np.clip(probabilities, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    if p.shape[1] == 1:
        return np.asarray(np.log(p / (1 - p)))
    logs = np.log(p)
    if p.shape[1] == 2:
        return np.asarray(logs[:, 1:] - logs[:, :1])
    return np.asarray(logs - logs.mean(1, keepdims=True))


def labels(answers: Floats) -> NDArray[np.int64]:
    """Numbers of the classes with the highest odds, `(n,)`."""
    return np.asarray(answers[:, 0] > 0 if answers.shape[1] == 1 else answers.argmax(1), dtype=np.int64)


def _batches(x: Floats, progress: bool) -> Iterator[Floats]:
    starts: Iterable[int] = range(0, len(x), BATCH_ROWS)
    if progress and len(x) > BATCH_ROWS and sys.stderr is not None and sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import track

        starts = track(starts, "asking the teacher", console=Console(stderr=True), transient=True)
    yield from (x[start : start + BATCH_ROWS] for start in starts)


def _numbers(answers: Any, rows: int) -> Floats:
    if isinstance(answers, torch.Tensor):
        answers = answers.detach().cpu().numpy()
    try:
        array = np.asarray(answers, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"the teacher's answers are not numbers ({error}); of a classifier take predict_proba, of several outputs one array."
        ) from error
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or len(array) != rows:
        raise ShapeError(f"a teacher gives one answer per row, ({rows}, q) or ({rows},), got {array.shape}.")
    return array


def _with_names(ask: Callable[[Any], Any], names: tuple[str, ...]) -> Callable[[Floats], Any]:
    """Asked with a frame, where it learned from one: scikit-learn warns otherwise."""
    if not names:
        return ask

    def named(x: Floats) -> Any:
        import pandas as pd

        return ask(pd.DataFrame(x, columns=list(names)))

    return named


def _of_torch(
    function: Callable[[Any], Any], like: torch.Tensor
) -> tuple[Callable[[Floats], Any], Callable[[Floats], Floats]]:
    """Values and derivatives of something that takes a tensor."""

    def call(x: Floats) -> Any:
        with torch.no_grad():
            return function(torch.as_tensor(x).to(like))

    def slopes(x: Floats) -> Floats:
        leaf = torch.as_tensor(x).to(like).requires_grad_()
        with torch.enable_grad():
            answers = function(leaf)
            answers = answers[:, None] if answers.dim() == 1 else answers
            sums = answers.sum(0)
            rows = [torch.autograd.grad(one, leaf, retain_graph=True, materialize_grads=True)[0] for one in sums]
        return np.asarray(torch.stack(rows, 1).detach().cpu().numpy(), dtype=np.float64)

    return call, slopes


def _of_function(function: Callable[[Any], Any], inputs: int) -> BlackBox:
    """A plain function, which takes an array or, where that fails, a tensor."""
    few = np.full((2, inputs), 0.5)
    try:
        with np.errstate(all="ignore"):
            answer = function(few)
    except (TypeError, AttributeError) as error:
        try:
            function(torch.as_tensor(few))
        except (TypeError, AttributeError, RuntimeError) as other:
            raise ConfigError(
                f"the teacher takes neither an array ({error}) nor a tensor ({other}) of shape (n, {inputs})."
            ) from other
        return BlackBox("values", (), *_of_torch(function, torch.zeros((), dtype=torch.float64)))
    if isinstance(answer, torch.Tensor):
        return BlackBox("values", (), *_of_torch(function, torch.zeros((), dtype=torch.float64)))
    return BlackBox("values", (), function)


def _of_onnx(path: Path, output: str | None) -> BlackBox:
    """A file, run by onnxruntime.

    Raises:
        ConfigError: If onnxruntime is missing, or the graph has several inputs or no numbers to learn.
        FileError: If the file is not there or cannot be read.
    """
    if not path.is_file():
        raise FileError(f"there is no ONNX file at {path}.")
    if importlib.util.find_spec("onnxruntime") is None:
        raise ConfigError('an ONNX file is run by onnxruntime, which is not installed: pip install "splinework[onnx]".')
    runtime: Any = importlib.import_module("onnxruntime")
    try:
        session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has its own errors, which differ between versions
        raise FileError(f"onnxruntime cannot read {path}: {error}") from error
    taken = session.get_inputs()
    if len(taken) != 1:
        raise ConfigError(
            f"the graph of {path} has {len(taken)} inputs, {[one.name for one in taken]}; a teacher takes one, of shape (n, p)."
        )
    dtype = np.float64 if "double" in taken[0].type else np.float32
    given = {one.name: one.type for one in session.get_outputs()}
    numbers = [name for name, kind in given.items() if kind in ("tensor(float)", "tensor(double)")]
    likely = [name for name in numbers if "prob" in name.lower()]
    name = output or next(iter(likely + numbers), None)
    if name not in numbers:
        raise ConfigError(
            f"the output to learn is one of floating-point numbers, got {output!r}; {path} has {given}. Of a "
            "classifier export probabilities as a tensor (zipmap off)."
        )

    def call(x: Floats) -> Any:
        return session.run([name], {taken[0].name: x.astype(dtype)})[0]

    return BlackBox("log odds" if name in likely else "values", (), call)
