"""What a formula may use: operators, and the elementary functions of whatever kind of numbers it is worked out in.

A member of a family states its formula once, in these terms. Who needs values hands in tensors, who checks a proof numbers of 60
digits or intervals, who writes source the names of variables: one definition serves all of them.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor


class Functions(Protocol):
    """Elementary functions of one kind of numbers; plain numbers of Python go along with every kind."""

    def number(self, value: float) -> Any:
        """A constant of this kind."""

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
    """Those of formulas to be read, in which a function of a library may be called by its name."""

    def named(self, sympy: str, letter: str, n: int, x: Any) -> Any:
        """The n-th polynomial of a family at x: `sympy(n, x)` in SymPy, `letter_n(x)` in mathematics."""


class IntervalFunctions(Functions, Protocol):
    """Those of intervals, arrays of them at once, that hold every value."""

    def interval(self, low: Any, high: Any) -> Any:
        """Intervals by their ends."""

    def magnitude(self, x: Any) -> Any:
        """The largest absolute value in each interval."""


def _before(sign: str) -> Callable[[Any, Any], Any]:
    """`self sign other`; functions of Python, which `torch.compile` can follow."""

    def operation(self: "Operand", other: Any) -> Any:
        return NotImplemented if getattr(other, "rank", 0) > self.rank else self.operate(sign, self, other)

    return operation


def _behind(sign: str) -> Callable[[Any, Any], Any]:
    """`other sign self`."""

    def operation(self: "Operand", other: Any) -> Any:
        return self.operate(sign, other, self)

    return operation


class Operand(ABC):
    """Something that is added, subtracted, multiplied and divided, with its like and with plain numbers."""

    rank: ClassVar[int] = 0
    """Of two operands, the one of higher rank does the operation: a series has coefficients of any kind."""
    __array_ufunc__ = None  # an array on the left leaves the operation to the operand

    @abstractmethod
    def operate(self, sign: str, left: Any, right: Any) -> Any:
        """`left sign right`, one of which is self; the sign is one of `+ - * /`."""

    __add__, __sub__, __mul__, __truediv__ = map(_before, "+-*/")
    __radd__, __rsub__, __rmul__, __rtruediv__ = map(_behind, "+-*/")

    def __neg__(self) -> Any:
        return self.operate("-", 0, self)


class TensorFunctions:
    """Those of tensors; constants are numbers of Python."""

    pi = math.pi
    number = float

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        return lambda x: getattr(torch if isinstance(x, Tensor) else math, name)(x)
