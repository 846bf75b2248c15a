"""torch: a module that evaluates a formula on a tensor, with gradients; `pytorch_text.py` writes source text.

The module runs the program of the expression, each distinct part once; no text is executed.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from splinework.errors import ShapeError
from splinework.formula.sympy_bridge import program_of_expression, symbol
from splinework.formula.tensor_functions import interpolate
from splinework.formula.tensors import TENSORS


class FormulaModule(nn.Module):
    """A formula as a function of tensors `(..., columns)` → `(...)`, in their dtype and on their device.

    Example:
        >>> import sympy, torch
        >>> x1, x2 = sympy.symbols("x1 x2", real=True)
        >>> module = FormulaModule(2.0 * sympy.sin(x1) + x2**2, ["x1", "x2"])
        >>> float(module(torch.tensor([0.0, 3.0])))
        9.0
    """

    def __init__(self, expression: Any, names: Sequence[str], splines: Mapping[str, Any] | None = None) -> None:
        """Builds the module from a sympy expression over the columns `names`.

        Raises:
            FormulaError: If torch cannot evaluate a part of the expression, or a column is not in `names`.
        """
        super().__init__()
        self.names = tuple(names)
        self._text = str(expression)
        self._tables = tuple(splines or {})
        for place, spline in enumerate((splines or {}).values()):
            columns = [torch.as_tensor(column, dtype=torch.float64) for column in spline.table()]
            self.register_buffer(f"table_{place}", torch.stack(columns))
        self._program = program_of_expression(expression, [symbol(name) for name in names], self._tables)

    def extra_repr(self) -> str:
        return f"{self._text} of {', '.join(self.names)}"

    def forward(self, x: Tensor) -> Tensor:
        """Values at `x`, shape `(..., columns)`; NaN where the formula is undefined."""
        if x.ndim == 0 or x.shape[-1] != len(self.names):
            raise ShapeError(
                f"the formula takes x of shape (..., {len(self.names)}), columns {list(self.names)}, got {tuple(x.shape)}; "
                "order the columns so."
            )
        tables = {name: self.get_buffer(f"table_{place}").to(x) for place, name in enumerate(self._tables)}
        splines = {name: partial(_spline, table) for name, table in tables.items()}
        value = self._program.run(x.unbind(-1), {**TENSORS, **splines})
        return value.expand(x.shape[:-1]) if isinstance(value, Tensor) else x.new_full(x.shape[:-1], value)


def _spline(table: Tensor, x: Any) -> Tensor:
    return interpolate(x if isinstance(x, Tensor) else table.new_tensor(x), table[0], table[1])
