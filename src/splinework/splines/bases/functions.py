"""Vocabulary of formulas of bases: operators, and the elementary functions of a number type.

A basis states its formula once, in these terms. It is evaluated with tensors in training, with intervals or numbers of 60 digits
in proofs, and with names of variables in exports.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor


class Functions(Protocol):
    """Elementary functions of one number type; Python's numbers may be mixed with every type."""

    def number(self, value: float) -> Any:
        """A constant of this type."""

    @property
    def pi(self) -> Any:
        """π."""

    def exp(self, x: Any) -> Any: ...
    def log(self, x: Any) -> Any: ...
    def sqrt(self, x: Any) -> Any: ...
    def sin(self, x: Any) -> Any: ...
    def cos(self, x: Any) -> Any: ...
    def tanh(self, x: Any) -> Any: ...
    def sigmoid(self, x: Any) -> Any: ...
    def erfc(self, x: Any) -> Any: ...


class NamedFunctions(Functions, Protocol):
    """Functions of formulas for readers, which may also call named polynomials of SymPy."""

    def named(self, sympy: str, letter: str, n: int, x: Any) -> Any:
        """The n-th polynomial of a family at x: `sympy(n, x)` in SymPy, `letter_n(x)` in print."""


class IntervalFunctions(Functions, Protocol):
    """Functions of arrays of intervals, with rigorous enclosures."""

    def interval(self, low: Any, high: Any) -> Any:
        """Intervals with given ends."""

    def magnitude(self, x: Any) -> Any:
        """The largest absolute value in each interval."""


def _before(sign: str) -> Callable[[Any, Any], Any]:
    """`self sign other`, as Python functions that `torch.compile` can trace."""

    def operation(self: "Operand", other: Any) -> Any:
        return NotImplemented if getattr(other, "rank", 0) > self.rank else self.operate(sign, self, other)

    return operation


def _behind(sign: str) -> Callable[[Any, Any], Any]:
    """`other sign self`."""

    def operation(self: "Operand", other: Any) -> Any:
        return self.operate(sign, other, self)

    return operation


class Operand(ABC):
    """A number type with `+ - * /`, mixed with its own kind and with Python's numbers."""

    rank: ClassVar[int] = 0
    """The operand of higher rank performs the operation: a series has coefficients of any type."""
    __array_ufunc__ = None  # an array on the left leaves the operation to the operand

    @abstractmethod
    def operate(self, sign: str, left: Any, right: Any) -> Any:
        """`left sign right`, one of which is self; the sign is one of `+ - * /`."""

    __add__, __sub__, __mul__, __truediv__ = map(_before, "+-*/")
    __radd__, __rsub__, __rmul__, __rtruediv__ = map(_behind, "+-*/")

    def __neg__(self) -> Any:
        return self.operate("-", 0, self)


class TensorFunctions:
    """Functions of tensors; constants are Python's numbers."""

    pi = math.pi
    number = float

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        return lambda x: getattr(torch if isinstance(x, Tensor) else math, name)(x)
