"""Derivatives of a callable up to the third at given points: by autograd where it takes tensors, else by central differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]
Function = Callable[[Array], Array]
STEP: Final = 4e-3
"""Step of differences in standard deviations of an input: errors of 1e-5 by truncation and 1e-8 by rounding in third ones."""


@dataclass(frozen=True)
class Field:
    """A function with its derivatives at points.

    Attributes:
        x: Points `(N, d)`.
        value: The function of points `(N, d)`, with values `(N,)`.
        tensors: The same of tensors, where autograd follows it.
    """

    x: Array
    value: Function
    tensors: Callable[[Tensor], Tensor] | None = None

    @cached_property
    def f(self) -> Array:
        """Values `(N,)`."""
        return self.value(self.x)

    @cached_property
    def gradient(self) -> Array:
        """First derivatives `(N, d)`."""
        return self._derivatives(1)

    @cached_property
    def hessian(self) -> Array:
        """Second derivatives `(N, d, d)`."""
        return self._derivatives(2)

    @cached_property
    def third(self) -> Array:
        """Third derivatives `(N, d, d, d)`."""
        return self._derivatives(3)

    @cached_property
    def spread(self) -> Array:
        """Standard deviations of the inputs `(d,)`."""
        return np.asarray(self.x.std(axis=0))

    def restricted(self, columns: list[int], at: Array) -> Field:
        """The function of some columns, the others at a point `(d,)`."""

        def value(x: Array) -> Array:
            full = np.tile(at, (len(x), 1))
            full[:, columns] = x
            return self.value(full)

        def tensors(x: Tensor) -> Tensor:
            assert self.tensors is not None
            full = torch.from_numpy(at).expand(len(x), -1)
            where = torch.tensor(columns)
            return self.tensors(full.index_copy(1, where, x))

        return Field(self.x[:, columns], value, tensors if self.tensors else None)

    def _derivatives(self, order: int) -> Array:
        found = self._autograd(order) if self.tensors else self._differences(order)
        return np.asarray(found)

    def _autograd(self, order: int) -> Array:
        assert self.tensors is not None
        with torch.enable_grad():
            x = torch.from_numpy(self.x.copy()).requires_grad_(True)
            level = [self.tensors(x)]
            for _ in range(order):
                level = [column for each in level for column in _slopes(each, x)]
        shape = (len(self.x), *[self.x.shape[1]] * order)
        return torch.stack([each.detach() for each in level], 1).reshape(shape).numpy()

    def _differences(self, order: int) -> Array:
        """Nested central differences; each mixed derivative once, as they commute."""
        n, d = self.x.shape
        step = STEP * self.spread
        out = np.empty((n, *[d] * order))
        for index in np.ndindex(*[d] * order):
            if index != tuple(sorted(index)):
                out[(slice(None), *index)] = out[(slice(None), *sorted(index))]
                continue
            total = np.zeros(n)
            for signs in np.ndindex(*[2] * order):
                moved = self.x.copy()
                for i, sign in zip(index, signs, strict=True):
                    moved[:, i] += (2 * sign - 1) * step[i]
                total += np.prod(2 * np.array(signs) - 1) * self.value(moved)
            out[(slice(None), *index)] = total / np.prod(2 * step[list(index)])
        return out


def _slopes(values: Tensor, x: Tensor) -> tuple[Tensor, ...]:
    """The derivatives by every column; zeros where the values do not depend on x."""
    if not values.requires_grad:
        return torch.zeros_like(x).unbind(1)
    (slope,) = torch.autograd.grad(values.sum(), x, create_graph=True, allow_unused=True)
    return (torch.zeros_like(x) if slope is None else slope).unbind(1)
