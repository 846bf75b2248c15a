"""torch: a module that evaluates a formula on a tensor, with gradients. Its text as a function is in `pytorch_text.py`.

The module runs the expression's tree, each distinct part once; no text is executed.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from typing import Any, Final

import sympy
import torch
from torch import Tensor, nn

from splinework.errors import FormulaError, ShapeError
from splinework.formula.languages.printer import REWRITTEN
from splinework.formula.languages.torch_functions import bessel, gamma, interpolate, sign

UNARY: Final[dict[str, str]] = {
    **{
        name: name
        for name in ("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh")
    },
    **{name: name for name in ("exp", "log", "sqrt", "floor", "erf", "erfc", "digamma")},
    "Abs": "abs",
    "ceiling": "ceil",
    "loggamma": "lgamma",
}
"""Class name of a sympy function -> torch's name of it."""
_RELATIONS: Final[dict[str, Callable[..., Tensor]]] = {
    "StrictLessThan": torch.lt,
    "LessThan": torch.le,
    "StrictGreaterThan": torch.gt,
    "GreaterThan": torch.ge,
    "Equality": torch.eq,
    "Unequality": torch.ne,
}
Step = tuple[Callable[..., Tensor] | None, tuple[int, ...]]
"""A function of earlier values; none: the number or table at that place."""


class FormulaModule(nn.Module):
    """A formula as a function of tensors `(..., columns)` -> `(...)`, in their dtype and on their device.

    Example:
        >>> import sympy, torch
        >>> x1, x2 = sympy.symbols("x1 x2", real=True)
        >>> module = FormulaModule(2.0 * sympy.sin(x1) + x2**2, ["x1", "x2"])
        >>> float(module(torch.tensor([0.0, 3.0])))
        9.0
    """

    constants: Tensor

    def __init__(self, expression: Any, names: Sequence[str], splines: Mapping[str, Any] | None = None) -> None:
        """Build from a sympy expression over the columns `names`.

        Raises:
            FormulaError: If the expression has a part that torch cannot evaluate, or reads a column not in `names`.
        """
        super().__init__()
        self.names = tuple(names)
        self._text = str(expression)
        self._tables = tuple(splines or {})
        for place, spline in enumerate((splines or {}).values()):
            columns = [torch.as_tensor(column, dtype=torch.float64) for column in spline.table()]
            self.register_buffer(f"table_{place}", torch.stack(columns))
        builder = _Builder(self.names, self._tables)
        self._result = builder.place(expression)
        self._steps = tuple(builder.steps)
        self.register_buffer("constants", torch.tensor(builder.numbers, dtype=torch.float64))

    def extra_repr(self) -> str:
        return f"{self._text} of {', '.join(self.names)}"

    def forward(self, x: Tensor) -> Tensor:
        """Values at `x`, shape `(..., columns)`; NaN where the formula is undefined."""
        if x.ndim == 0 or x.shape[-1] != len(self.names):
            raise ShapeError(
                f"the formula takes x of shape (..., {len(self.names)}), columns {list(self.names)}, got {tuple(x.shape)}; "
                "order the columns so."
            )
        fixed = [self.get_buffer(f"table_{place}").to(x) for place in range(len(self._tables))]
        fixed += self.constants.to(x).unbind()
        values = list(x.unbind(-1))
        for function, places in self._steps:
            values.append(fixed[places[0]] if function is None else function(*(values[place] for place in places)))
        return values[self._result].expand(x.shape[:-1])


class _Builder:
    """Flattens an expression to steps, equal parts once."""

    def __init__(self, names: Sequence[str], tables: Sequence[str]) -> None:
        self.names, self.tables = names, tables
        self.steps: list[Step] = []
        self.numbers: list[float] = []
        self._places: dict[Any, int] = {}

    def place(self, expression: Any) -> int:
        """Where the value of the expression will be."""
        if expression.is_Symbol:
            if expression.name not in self.names:
                raise FormulaError(f"the formula reads {expression.name!r}; the columns are {', '.join(self.names)}.")
            return self.names.index(expression.name)
        if expression not in self._places:
            self._places[expression] = self._new(expression)
        return self._places[expression]

    def _new(self, expression: Any) -> int:
        if not expression.free_symbols:
            if isinstance(expression, sympy.logic.boolalg.BooleanAtom):
                return self._number(float(bool(expression)))
            return self._number(real_value(expression))
        name = expression.func.__name__
        if expression.is_Pow and not expression.exp.free_symbols:
            return self._step(_power(real_value(expression.exp)), expression.base)
        if expression.is_Piecewise:
            return self._pieces(expression)
        if isinstance(expression, sympy.core.function.AppliedUndef) and name in self.tables:
            self.steps.append((None, (self.tables.index(name),)))
            table = len(self.names) + len(self.steps) - 1
            return self._append(_spline, self.place(expression.args[0]), table)
        if name.startswith("bessel") and expression.args[0].is_Integer:
            return self._step(partial(_bessel, name[-1], int(expression.args[0])), expression.args[1])
        if name == "polygamma" and expression.args[0] == 0:
            return self._step(torch.digamma, expression.args[1])
        if name in UNARY:
            return self._step(getattr(torch, UNARY[name]), expression.args[0])
        if name in _FUNCTIONS:
            return self._step(_FUNCTIONS[name], *expression.args)
        if name in REWRITTEN:
            return self.place(REWRITTEN[name](*expression.args))
        raise FormulaError(f"torch has no {name}; take another language, or a formula without it.")

    def _pieces(self, expression: Any) -> int:
        pieces = [(piece.expr, piece.cond) for piece in expression.args]
        otherwise = self._number(float("nan"))
        if pieces[-1][1] == True:  # noqa: E712  # sympy's own truth
            otherwise = self.place(pieces.pop()[0])
        for value, condition in reversed(pieces):
            otherwise = self._append(torch.where, self.place(condition), self.place(value), otherwise)
        return otherwise

    def _step(self, function: Callable[..., Tensor], *arguments: Any) -> int:
        return self._append(function, *[self.place(argument) for argument in arguments])

    def _append(self, function: Callable[..., Tensor] | None, *places: int) -> int:
        self.steps.append((function, places))
        return len(self.names) + len(self.steps) - 1

    def _number(self, value: float) -> int:
        self.numbers.append(value)
        return self._append(None, len(self.tables) + len(self.numbers) - 1)


def real_value(expression: Any) -> float:
    """A number in float64."""
    try:
        value = complex(expression.evalf(17))
    except (TypeError, OverflowError):
        value = complex("nan")
    if value.imag != 0 or not abs(value.real) < float("inf"):
        raise FormulaError(f"the formula contains {expression}, which is no real number in float64; check its domain.")
    return value.real


def _power(exponent: float) -> Callable[..., Tensor]:
    if exponent in (0.5, -0.5):
        return torch.sqrt if exponent > 0 else torch.rsqrt
    return partial(_raised, exponent=exponent)


def _raised(base: Tensor, exponent: float) -> Tensor:
    return torch.pow(base, exponent)


def _bessel(kind: str, order: int, x: Tensor) -> Tensor:
    return bessel(kind, order, x)


def _spline(x: Tensor, table: Tensor) -> Tensor:
    return interpolate(x, table[0], table[1])


def _sum(*terms: Tensor) -> Tensor:
    return reduce(torch.add, terms)


def _product(*factors: Tensor) -> Tensor:
    return reduce(torch.mul, factors)


def _smallest(*values: Tensor) -> Tensor:
    return reduce(torch.minimum, values)


def _largest(*values: Tensor) -> Tensor:
    return reduce(torch.maximum, values)


def _all(*values: Tensor) -> Tensor:
    return reduce(torch.logical_and, values)


def _any(*values: Tensor) -> Tensor:
    return reduce(torch.logical_or, values)


_FUNCTIONS: Final[dict[str, Callable[..., Tensor]]] = {
    **_RELATIONS,
    "Add": _sum,
    "Mul": _product,
    "Pow": torch.pow,
    "Min": _smallest,
    "Max": _largest,
    "And": _all,
    "Or": _any,
    "Not": torch.logical_not,
    "atan2": torch.atan2,
    "gamma": gamma,
    "sign": sign,
}
"""Class name of a sympy expression -> what it does to tensors."""
