"""Callbacks of a fit: the estimator's own, and those of scikit-learn from version 1.9 on.

Training calls one function, `on_step(stage, step, steps, loss)`. Here it becomes a `Step` for callbacks such as `EarlyStopping`,
and for scikit-learn a tree of tasks: the fit, its stages, their steps. Older versions of scikit-learn have no callbacks.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib import import_module
from typing import Any, TypeVar, cast

from splinework.tabular.ensemble import ProgressCallback
from splinework.train.callbacks import Callback, Step, StopTraining

_Method = TypeVar("_Method", bound=Callable[..., Any])


try:
    _theirs: Any = import_module("sklearn.callback")
except ImportError:
    _theirs = None

CallbackSupportMixin: Any = type("NoCallbacks", (), {}) if _theirs is None else _theirs.CallbackSupportMixin
"""scikit-learn's `set_callbacks`, where it has one: from 1.9 on."""


def with_callbacks(method: _Method) -> _Method:
    """Decorates a `fit` so that scikit-learn's callbacks are closed however it ends."""
    return method if _theirs is None else cast(_Method, _theirs.with_callbacks(method))


def as_callbacks(callbacks: Any) -> tuple[Callback, ...]:
    """The callbacks of an estimator as a tuple, from None, one function or several.

    Raises:
        TypeError: If one of them is not callable.
    """
    found = () if callbacks is None else (callbacks,) if callable(callbacks) else tuple(callbacks)
    for one in found:
        if not callable(one):
            raise TypeError(f"callbacks are functions of a Step, got {one!r}; give a function, or a list of functions.")
    return found


@contextmanager
def step_callback(estimator: Any, callbacks: Sequence[Callback], x: Any, y: Any) -> Iterator[ProgressCallback | None]:
    """The progress callback of one fit; None if there are no callbacks.

    Args:
        estimator: The estimator, inside a method decorated by `with_callbacks`.
        callbacks: Functions of a `Step`; context managers among them are entered for the duration of the fit.
        x: The user's X, for scikit-learn's callbacks.
        y: The user's y, likewise.
    """
    tree = _SklearnTasks(estimator, x, y) if hasattr(estimator, "_init_callback_context") else None
    if tree is None and not callbacks:
        yield None
        return
    began = time.monotonic()
    number = 0

    def on_step(stage: str, step: int, steps: int, loss: float) -> bool:
        nonlocal number
        number += 1
        root = math.sqrt(loss) if loss >= 0 else math.nan
        record = Step(number, stage, 0, loss, root, math.nan, time.monotonic() - began, loss=loss)
        stop = False
        for callback in callbacks:
            try:
                callback(record)
            except StopTraining:
                stop = True
        return bool(tree is not None and tree.step(stage, steps)) or stop

    with ExitStack() as stack:
        for callback in callbacks:
            if isinstance(callback, AbstractContextManager):
                stack.enter_context(callback)
        yield on_step
    if tree is not None:
        tree.close()


class _SklearnTasks:
    """The tree of scikit-learn's callback contexts: the fit, its stages, their steps."""

    def __init__(self, estimator: Any, x: Any, y: Any) -> None:
        self._estimator = estimator
        self._data = {"X": x, "y": y}
        self._root = estimator._init_callback_context(max_subtasks=None)
        self._root.call_on_fit_task_begin(estimator=estimator, **self._data)
        self._stage: Any = None
        self._name = ""

    def step(self, stage: str, steps: int) -> bool:
        if self._stage is None or stage != self._name:
            self._leave()
            self._name = stage
            self._stage = self._root.subcontext(task_name=stage, max_subtasks=None)
            self._stage.call_on_fit_task_begin(estimator=self._estimator, **self._data)
        leaf = self._stage.subcontext(task_name="step")
        leaf.call_on_fit_task_begin(estimator=self._estimator, **self._data)
        return bool(leaf.call_on_fit_task_end(estimator=self._estimator, **self._data))

    def close(self) -> None:
        self._leave()
        self._root.call_on_fit_task_end(estimator=self._estimator, reconstruction_attributes={}, **self._data)

    def _leave(self) -> None:
        if self._stage is not None:
            self._stage.call_on_fit_task_end(estimator=self._estimator, **self._data)
            self._stage = None
