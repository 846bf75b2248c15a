"""Formulas as text, turned into sympy expressions: the whitelist of `splinework.formula.expressions`, never an evaluation.

The tokens, the limits on length and Python's own grammar are shared with it; here the tree becomes an expression. Work is
bounded: nesting is limited, and a number is worked out exactly only while it is small, else in float64, so that
`9**9**9**9` is an error at once.

Partial formulas, with constants to be found and holes, are read by `splinework.interpret.symbolic.partial`.
"""

import ast
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

import numpy as np
import sympy

from splinework.errors import FormulaError
from splinework.formula.expressions import finite, positions, read_tokens, shortened, syntax_tree, unknown
from splinework.formula.vocabulary import CHOICE, COMPARISONS, EXACT, FUNCTIONS, LOGIC, ORDERED
from splinework.interpret.symbolic.expression import compiled, symbol

MAX_NESTING: Final = 60
"""Deepest nesting accepted; a sum or a product of many terms is one level."""
SIGNS: Final = r"<=|>=|==|!=|<|>"
"""Signs that a formula may have besides those of `splinework.formula.expressions`: comparisons, in a `where`."""

MAX_EXTREMES: Final = 12
"""Most values that one `minimum` or `maximum` may compare, nested ones together."""

_WHOLE: Final = 2**53
_SMALL: Final = 10**6
_EXPONENT: Final = 200
_SUMS: Final = {ast.Add: 1, ast.Sub: -1}
_PRODUCTS: Final = {ast.Mult: 1, ast.Div: -1}

_BEYOND: Final = (
    *(
        RecursionError,
        MemoryError,
        ArithmeticError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        NotImplementedError,
    ),
)
"""What sympy may raise on expressions that it cannot work out."""

Leaf = Callable[[str], Any]
"""The expression for a name that is no column, or None."""


def parse_formula(text: str, names: Sequence[str], *, functions: Collection[str] = ()) -> Any:
    """Read a formula in Python syntax over columns, such as `2.0*exp(sin(pi*x1)) + x2**2`.

    Args:
        text: Numbers, names, `pi`, `+ - * / **`, parentheses, calls of numpy's and scipy.special's functions as our own
            text writes them, and `where(x1 < 2, ..., ...)`.
        names: Names of the columns, distinct Python identifiers; they hide `pi` where one is called so.
        functions: Names of functions of one argument that stay as they are, such as splines that are left.

    Returns:
        A sympy expression over the real symbols of the columns.

    Raises:
        FormulaError: If the text is no such formula; whatever the text, nothing else happens.

    Example:
        >>> parse_formula("x/3 + sqrt(2)*arcsin(x)", ["x"])
        x/3 + sqrt(2)*asin(x)
    """
    columns = {name: symbol(name) for name in positions(names)}
    return expression_of(read_tokens(text, SIGNS), text, Reader(text, columns, functions))


class Reader:
    """Turns a syntax tree to an expression.

    Args:
        text: The formula, for errors.
        columns: Column -> symbol.
        functions: Functions that stay as they are.
        leaf: Says what other names stand for.
        call: Says what other calls stand for, from the name and the names that are its arguments.
    """

    def __init__(
        self,
        text: str,
        columns: dict[str, Any],
        functions: Collection[str] = (),
        leaf: Leaf = lambda name: None,
        call: Callable[[str, list[ast.expr]], Any] = lambda name, arguments: None,
    ) -> None:
        self.text, self.columns, self.functions, self.leaf, self.call = text, columns, functions, leaf, call

    def error(self, what: str) -> FormulaError:
        """An error on this formula."""
        return FormulaError(f"the formula {shortened(self.text)} {what}")

    def read(self, node: ast.expr, depth: int = 1) -> Any:
        """The expression of a node."""
        if depth > MAX_NESTING:
            raise self.error(f"is nested more than {MAX_NESTING} levels deep; split it.")
        if isinstance(node, ast.BinOp) and type(node.op) in _SUMS:
            return self._sound(sympy.Add(*(self._signed(n, s, depth) for n, s in _chain(node, _SUMS))))
        if isinstance(node, ast.BinOp) and type(node.op) in _PRODUCTS:
            factors = [(self.read(n, depth + 1), power) for n, power in _chain(node, _PRODUCTS)]
            return self._sound(
                sympy.Mul(*(e if power > 0 else self._power(e, sympy.Integer(-1)) for e, power in factors))
            )
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            return self._power(self.read(node.left, depth + 1), self.read(node.right, depth + 1))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
            return self._signed(node.operand, -1 if isinstance(node.op, ast.USub) else 1, depth)
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            return _literal(node.value, self.text)
        if isinstance(node, ast.Name):
            return self._name(node.id)
        if isinstance(node, ast.Call):
            return self._call(node, depth)
        raise self.error(f"uses {type(node).__name__}; only arithmetic and function calls are read.")

    def _signed(self, node: ast.expr, sign: int, depth: int) -> Any:
        value = self.read(node, depth + 1)
        return value if sign > 0 else -value

    def _name(self, name: str) -> Any:
        if name in self.columns:
            return self.columns[name]
        if name == "pi":
            return sympy.pi
        found = self.leaf(name)
        if found is None:
            raise FormulaError(unknown("name", name, [*self.columns, "pi"], self.text))
        return found

    def _call(self, node: ast.Call, depth: int) -> Any:
        if not isinstance(node.func, ast.Name):
            raise self.error("calls something that is not a name; write * to multiply.")
        name = node.func.id
        special = self.call(name, node.args)
        if special is not None:
            return special
        if name in self.functions:
            return sympy.Function(name)(*self._arguments(node, name, 1, depth))
        if name == "where":
            condition, value, otherwise = self._taken(node, name, 3)
            branches = (self.read(branch, depth + 1) for branch in (value, otherwise))
            return self._sound(CHOICE(self._condition(condition, depth + 1), *branches))
        if name not in FUNCTIONS:
            if name in self.columns:
                raise self.error(f"calls {shortened(name)}, which is a column; write * to multiply.")
            raise FormulaError(unknown("function", name, [*FUNCTIONS, "where", *self.functions], self.text))
        build, arity = FUNCTIONS[name]
        arguments = self._arguments(node, name, arity, depth)
        if name in ORDERED and not (arguments[0].is_Integer and abs(arguments[0]) <= 100):
            raise self.error(f"gives {name} the order {shortened(str(arguments[0]))}; write a whole number up to 100.")
        if name == "power":
            return self._power(*arguments)
        exact = name in EXACT and all(_is_small(a) for a in arguments)
        return self._built(build, arguments, exact=exact)

    def _taken(self, node: ast.Call, name: str, arity: int) -> list[ast.expr]:
        if node.keywords or len(node.args) != arity or any(isinstance(a, ast.Starred) for a in node.args):
            came = len(node.args) + len(node.keywords)
            raise self.error(f"gives {name} {came} argument(s); it takes {arity}.")
        return node.args

    def _arguments(self, node: ast.Call, name: str, arity: int, depth: int) -> list[Any]:
        return [self.read(argument, depth + 1) for argument in self._taken(node, name, arity)]

    def _condition(self, node: ast.expr, depth: int) -> Any:
        if depth > MAX_NESTING:
            raise self.error(f"is nested more than {MAX_NESTING} levels deep; split it.")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in LOGIC:
            build, arity = LOGIC[node.func.id]
            return build(*(self._condition(a, depth + 1) for a in self._taken(node, node.func.id, arity)))
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]).__name__ in COMPARISONS:
            left, right = (self.read(side, depth + 1) for side in (node.left, node.comparators[0]))
            if left.has(sympy.Piecewise) or right.has(sympy.Piecewise):
                raise self.error("has a `where` in a condition; write its cases one by one.")
            plain = left.is_Number and right.is_Number
            return COMPARISONS[type(node.ops[0]).__name__](left, right, **({} if plain else {"evaluate": False}))
        raise self.error("has a condition that is no comparison of two numbers, such as `x < 2`.")

    def _power(self, base: Any, exponent: Any) -> Any:
        if exponent.is_Integer and abs(exponent) > _EXPONENT:
            exponent = sympy.Float(int(exponent))
        small = _is_small(base) and exponent.is_Rational and abs(exponent.p) <= 16 and exponent.q <= 12
        return self._built(sympy.Pow, [base, exponent], exact=small)

    def _built(self, build: Callable[..., Any], arguments: list[Any], *, exact: bool) -> Any:
        """A function of expressions; of mere numbers, unless they are small and exact, its value in float64."""
        if exact or not all(a.is_number for a in arguments):
            return self._sound(build(*arguments))
        hidden = [sympy.Dummy(real=True) for _ in arguments]
        fixed = [
            a if build in ORDERED.values() and a is arguments[0] else h for a, h in zip(arguments, hidden, strict=True)
        ]
        with np.errstate(all="ignore"):
            value = compiled(hidden, build(*fixed))(*(np.float64(self._float(a)) for a in arguments))
        return self._float_of(value)

    def _float(self, number: Any) -> float:
        try:
            return float(number)
        except (TypeError, OverflowError):
            raise self.error("works out a number that is not real, or beyond float64; check it.") from None

    def _float_of(self, value: Any) -> Any:
        if np.iscomplexobj(value) or not np.isfinite(value):
            raise self.error("works out a number that is not real, or beyond float64; check it.")
        return sympy.Float(float(value))

    def _sound(self, expression: Any) -> Any:
        """The expression, if the numbers at its top are finite: none may grow unseen on the way up."""
        if isinstance(expression, (sympy.Min, sympy.Max)) and len(expression.args) > MAX_EXTREMES:
            raise self.error(f"compares more than {MAX_EXTREMES} values in one minimum or maximum; split it.")
        parts = (expression, *expression.args)
        numbers = [n for part in parts for n in (part, part.as_coeff_Mul()[0] if part.is_Mul else part) if n.is_Number]
        beyond = any(n.is_finite is not True or abs(n) > 1e308 for n in numbers)
        if (
            beyond
            or expression.has(sympy.I, sympy.zoo, sympy.nan)
            or (expression.is_number and expression.is_real is False)
        ):
            raise self.error("works out a number that is not real, or beyond float64; check it.")
        return expression


def expression_of(tokens: Sequence[str], text: str, reader: Reader) -> Any:
    """The expression of tokens; errors of all kinds are `FormulaError`."""
    try:
        return reader.read(syntax_tree(tokens, text))
    except _BEYOND as error:
        if isinstance(error, FormulaError):
            raise
        raise reader.error("is beyond what can be read; split it or write it in simpler functions.") from error


def _chain(node: ast.expr, signs: dict[Any, int]) -> list[tuple[ast.expr, int]]:
    """The terms of a sum, or the factors of a product, read from the left, each with its sign."""
    terms: list[tuple[ast.expr, int]] = []
    while isinstance(node, ast.BinOp) and type(node.op) in signs:
        terms.append((node.right, signs[type(node.op)]))
        node = node.left
    return [(node, 1), *reversed(terms)]


def _literal(value: Any, text: str) -> Any:
    number = finite(value, text)
    return sympy.Integer(value) if isinstance(value, int) and value <= _WHOLE else sympy.Float(float(number))


def _is_small(number: Any) -> bool:
    """Whether sympy works it out exactly at once: a small fraction, or one of π."""
    ratio = number.as_coeff_Mul()[0] if number.has(sympy.pi) else number
    rest = number / ratio if ratio != 0 else 1
    return bool(ratio.is_Rational and rest in (1, sympy.pi) and max(abs(ratio.p), ratio.q) <= _SMALL)
