"""torch: a module that evaluates a formula on a tensor and can train its constants; `pytorch_text.py` writes source text.

The module runs the program of the expression, each distinct part once; no text is executed.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import sympy
import torch
from torch import Tensor, nn

from splinework.errors import ShapeError
from splinework.formula.sympy_bridge import program_of_expression, symbol
from splinework.formula.tensor_functions import interpolate
from splinework.formula.tensors import TENSORS


class FormulaModule(nn.Module):
    """A formula as a function of tensors `(..., columns)` → `(...)`, in their dtype and on their device.

    Its constants, the numbers with a decimal point, are one parameter, each distinct number once; integers, fractions, π and
    exponents that are whole numbers are exact and stay.

    Attributes:
        constants: The constants in order of size, `(K,)` in float64; None if there are none.

    Example:
        >>> import sympy, torch
        >>> x1, x2 = sympy.symbols("x1 x2", real=True)
        >>> module = FormulaModule(2.0 * sympy.sin(x1) + x2**2, ["x1", "x2"])
        >>> float(module(torch.tensor([0.0, 3.0])).detach())
        9.0
        >>> module.constants.detach()
        tensor([2.], dtype=torch.float64)
    """

    constants: nn.Parameter | None

    def __init__(self, expression: Any, names: Sequence[str], splines: Mapping[str, Any] | None = None) -> None:
        """Builds the module from a sympy expression over the columns `names`.

        Raises:
            FormulaError: If torch cannot evaluate a part of the expression, or a column is not in `names`.
        """
        super().__init__()
        self.names = tuple(names)
        self._tables = tuple(splines or {})
        for place, spline in enumerate((splines or {}).values()):
            columns = [torch.as_tensor(column, dtype=torch.float64) for column in spline.table()]
            self.register_buffer(f"table_{place}", torch.stack(columns))
        expression = expression.replace(_whole_power, lambda power: power.base ** int(power.exp))
        floats = sorted(expression.atoms(sympy.Float))
        self._symbols = [sympy.Dummy(real=True) for _ in floats]
        self._template = expression.xreplace(dict(zip(floats, self._symbols, strict=True)))
        self.constants = nn.Parameter(torch.tensor(list(map(float, floats)), dtype=torch.float64)) if floats else None
        columns = [*(symbol(name) for name in names), *self._symbols]
        self._program = program_of_expression(self._template, columns, self._tables)

    @property
    def expression(self) -> Any:
        """The sympy expression with the present constants."""
        values = [] if self.constants is None else self.constants.tolist()
        return self._template.xreplace(dict(zip(self._symbols, map(sympy.Float, values), strict=True)))

    def extra_repr(self) -> str:
        return f"{self.expression} of {', '.join(self.names)}"

    def forward(self, x: Tensor) -> Tensor:
        """Values at `x`, shape `(..., columns)`; NaN where the formula is undefined."""
        if x.ndim == 0 or x.shape[-1] != len(self.names):
            raise ShapeError(
                f"the formula takes x of shape (..., {len(self.names)}), columns {list(self.names)}, got {tuple(x.shape)}; "
                "order the columns so."
            )
        tables = {name: self.get_buffer(f"table_{place}").to(x) for place, name in enumerate(self._tables)}
        splines = {name: partial(_spline, table) for name, table in tables.items()}
        constants = () if self.constants is None else self.constants.to(x).unbind()
        value = self._program.run([*x.unbind(-1), *constants], {**TENSORS, **splines})
        return value.expand(x.shape[:-1]) if isinstance(value, Tensor) else x.new_full(x.shape[:-1], value)


def _whole_power(part: Any) -> bool:
    return bool(part.is_Pow and part.exp.is_Float and part.exp == int(part.exp))


def _spline(table: Tensor, x: Any) -> Tensor:
    return interpolate(x if isinstance(x, Tensor) else table.new_tensor(x), table[0], table[1])
