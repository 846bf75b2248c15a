"""Formulas in named columns: parsed once, then evaluated, differentiated and displayed.

>>> energy = Expression("m*v**2/2", ("m", "v"))
>>> float(energy([[2.0, 3.0]])[0]), energy.derivative("v").text
(9.0, 'm * (2 * v) / 2')
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splinework.errors import ShapeError
from splinework.errors.foreign import explained_record
from splinework.formula.arrays import array_operations
from splinework.formula.derivatives import derivative
from splinework.formula.program import Algebra, Program, compiled
from splinework.formula.reading import positions, shortened

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float64]


@explained_record
@final
@dataclass(frozen=True)
class Expression:
    """A formula in named columns, in Python syntax.

    It may contain numbers, `pi`, `e`, `+ - * / **`, parentheses, the functions of `functions.py` and `where(x < 2, …, …)`. The
    text is parsed, never executed, with limits on its length and nesting; everything is float64 (`9**9**9**9` is infinity). Where
    the formula is undefined, its value is NaN or infinite, without a warning.

    Attributes:
        text: The formula.
        names: Names of the columns, in order: distinct Python identifiers, which hide constants of the same name.

    Raises:
        FormulaError: If the text cannot be parsed, or contains names that are not columns, constants or functions.

    Example:
        >>> radius = Expression("sqrt(x**2 + y**2)", ("x", "y"))
        >>> radius([[3.0, 4.0]])
        array([5.])
    """

    text: str
    names: Sequence[str]

    def __post_init__(self) -> None:
        positions(self.names)
        object.__setattr__(self, "names", tuple(self.names))
        _ = self.program

    @property
    def program(self) -> Program:
        """The program of its operations."""
        return compiled(self.text, self.names)

    @property
    def columns(self) -> tuple[int, ...]:
        """Indices of the columns that it depends on, in order."""
        return self.program.columns

    def run(self, columns: Sequence[Any], algebra: Algebra, number: Callable[[float], Any] = float) -> Any:
        """The value in an algebra; see `Program.run`."""
        return self.program.run(columns, algebra, number)

    def __call__(self, x: ArrayLike) -> Floats:
        """The values `(n,)` at rows `(n, columns)` of an array.

        Raises:
            ShapeError: If x has another shape.
        """
        columns = np.asarray(x, dtype=np.float64)
        if columns.ndim != 2 or columns.shape[1] != len(self.names):
            raise ShapeError(
                f"the formula takes x of shape (n, {len(self.names)}), columns {list(self.names)}, got {columns.shape}; "
                "select and order the columns first."
            )
        with np.errstate(all="ignore"):
            value = self.run(list(columns.T), array_operations(), np.float64)
        return np.array(np.broadcast_to(value, columns.shape[:1]), dtype=np.float64)

    def of(self, x: Tensor) -> Tensor:
        """The values `(…,)` at rows `(…, columns)` of a tensor, differentiable.

        Raises:
            ShapeError: If x has another number of columns.
        """
        from torch import Tensor

        from splinework.formula.tensors import TENSORS

        if x.shape[-1] != len(self.names):
            raise ShapeError(
                f"the formula {shortened(self.text)} takes columns {list(self.names)}, got {x.shape[-1]} of them."
            )
        value = self.run(x.unbind(-1), TENSORS)
        return value if isinstance(value, Tensor) else x.new_full(x.shape[:-1], float(value))

    def derivative(self, name: str) -> Expression:
        """The partial derivative by a column.

        Raises:
            FormulaError: If it contains a function without a derivative, or is nested too deeply.
        """
        return Expression(derivative(self.text, name), self.names)
