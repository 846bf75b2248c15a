"""A plugin of pytest that moves the data of every test by a unit in the last place, where they enter a fit.

A value becomes x (1 ± 2⁻⁵²) or stays, as its other bits say: so equal values stay equal, a value that is moved twice is moved
once, and a run can be repeated. Whole numbers stay, as they are classes, counts and codes. What a test then asserts is true of
the data to rounding only, which is all that anybody's data are.
Run: python -m pytest -p tests.portable.moved tests/train
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor


def moved(values: NDArray[Any]) -> NDArray[Any]:
    """The values, those that are float64 and not whole with another last bit where their other bits say so."""
    if values.dtype != np.float64:
        return values
    bits = np.ascontiguousarray(values).view(np.uint64)
    parity = bits >> np.uint64(1)
    for shift in (32, 16, 8, 4, 2, 1):
        parity = parity ^ (parity >> np.uint64(shift))
    other = ((bits & ~np.uint64(1)) | (parity & np.uint64(1))).view(np.float64).reshape(values.shape)
    whole = ~np.isfinite(values) | (values == np.round(values))
    return np.where(whole, values, other)


def moved_tensor(values: Tensor) -> Tensor:
    """The same of a tensor on the processor without a graph; others are as they were."""
    if values.dtype != torch.float64 or values.requires_grad or values.device.type != "cpu":
        return values
    return torch.from_numpy(moved(values.numpy()))


def _moved(value: Any) -> Any:
    if isinstance(value, Tensor):
        return moved_tensor(value)
    return moved(value) if isinstance(value, np.ndarray) else value


def moving(function: Callable[..., Any], *places: int) -> Callable[..., Any]:
    """The function, with its arguments at some places moved."""

    @functools.wraps(function)
    def called(*given: Any, **named: Any) -> Any:
        changed = [_moved(value) if place in places else value for place, value in enumerate(given)]
        return function(*changed, **named)

    return called


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leaves out what compares bits with data that were not moved."""
    items[:] = [item for item in items if item.get_closest_marker("bits") is None]


def pytest_configure() -> None:
    """Where data enter: rows of fits, of estimators, of processes and of searches for formulas, in all tests from here on."""
    from splinework.interpret.symbolic.constants import FitTarget
    from splinework.tabular.rows import WeightedRows
    from splinework.train import gaussian_process
    from splinework.train.data_split import Samples

    for rows in (Samples, WeightedRows, FitTarget):
        setattr(rows, "__init__", moving(rows.__init__, 1, 2))  # noqa: B010 - mypy takes no assignment to it
    gaussian_process._fitted = moving(gaussian_process._fitted, 0, 1)
