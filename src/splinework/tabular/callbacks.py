"""Who is told how a fit goes on: the callbacks of an estimator, and those of scikit-learn from 1.9 on.

The engine tells one listener, `listen(stage, step, steps, loss)`. Here it becomes a `Step` for functions such as
`EarlyStopping`, and for scikit-learn a tree of tasks: the fit, its stages, their steps. Below scikit-learn 1.9 the second does
not exist, and nothing is missed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib import import_module
from typing import Any, TypeVar, cast

from splinework.train.callbacks import Callback, Step, StopTraining

StepCallback = Callable[[str, int, int, float], bool]
"""Told the stage, the step, how many steps the stage takes at most, and the loss; answers whether to stop."""

_Method = TypeVar("_Method", bound=Callable[..., Any])


try:
    _theirs: Any = import_module("sklearn.callback")
except ImportError:
    _theirs = None

CallbackSupportMixin: Any = type("NoCallbacks", (), {}) if _theirs is None else _theirs.CallbackSupportMixin
"""scikit-learn's `set_callbacks`, where it has one: from 1.9 on."""


def with_callbacks(method: _Method) -> _Method:
    """A `fit` that takes leave of scikit-learn's callbacks however it ends."""
    return method if _theirs is None else cast(_Method, _theirs.with_callbacks(method))


def as_callbacks(callbacks: Any) -> tuple[Callback, ...]:
    """The callbacks that an estimator was given: None, one function or several.

    Raises:
        TypeError: If one of them cannot be called.
    """
    found = () if callbacks is None else (callbacks,) if callable(callbacks) else tuple(callbacks)
    for one in found:
        if not callable(one):
            raise TypeError(f"callbacks are functions of a Step, got {one!r}; give a function, or a list of functions.")
    return found


@contextmanager
def step_callback(estimator: Any, callbacks: Sequence[Callback], x: Any, y: Any) -> Iterator[StepCallback | None]:
    """The listener for one fit of this estimator; None if there is nobody to tell.

    Args:
        estimator: The one that is fitted, inside a method under `with_callbacks`.
        callbacks: Functions of a `Step`; one that is a context manager is entered for the time of the fit.
        x: As the user gave it, for scikit-learn's callbacks.
        y: The same.
    """
    tree = _SklearnTasks(estimator, x, y) if hasattr(estimator, "_init_callback_context") else None
    if tree is None and not callbacks:
        yield None
        return
    began = time.monotonic()
    number = 0

    def listen(stage: str, step: int, steps: int, loss: float) -> bool:
        nonlocal number
        number += 1
        root = math.sqrt(loss) if loss >= 0 else math.nan
        told = Step(number, stage, 0, loss, root, math.nan, time.monotonic() - began, loss=loss)
        stop = False
        for callback in callbacks:
            try:
                callback(told)
            except StopTraining:
                stop = True
        return bool(tree is not None and tree.step(stage, steps)) or stop

    with ExitStack() as stack:
        for callback in callbacks:
            if isinstance(callback, AbstractContextManager):
                stack.enter_context(callback)
        yield listen
    if tree is not None:
        tree.close()


class _SklearnTasks:
    """scikit-learn's tasks of one fit: its stages, and their steps."""

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
