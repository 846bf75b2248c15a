"""Operations of formulas (`splinework.nn.frame.Expression`) on truncated Taylor series.

A function of one variable is composed with a series by its derivatives at the point (`series.compose`), in closed form for any
order. At a corner (`abs`, `min`, `max`) or a jump (`floor`) the derivatives are one-sided, or between both.
"""

import functools
import math
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any, Final

import torch
from torch import Tensor

from splinework.formula.functions import COMPARISONS, FUNCTIONS
from splinework.formula.program import Algebra, derivative_programs
from splinework.formula.tensors import TENSORS
from splinework.nn.derivatives.series import Monomial, Series, add, compose, product

Derivatives = Callable[[Tensor, int], Tensor]
"""A function of one variable: its r-th derivative at every element of a tensor."""


def algebra_of(wanted: Collection[Monomial]) -> Algebra:
    """The operations on series truncated to the wanted monomials; plain numbers may stand for constants."""

    def plus(a: Any, b: Any) -> Any:
        total: Series = {}
        add(total, _lifted(a, b))
        add(total, _lifted(b, a))
        return total

    def times(a: Any, b: Any) -> Any:
        if not isinstance(a, dict) or not isinstance(b, dict):
            series, number = (a, b) if isinstance(a, dict) else (b, a)
            return {m: part * number for m, part in series.items()}
        return product(a, b, wanted)

    def negative(a: Series) -> Series:
        return {m: -part for m, part in a.items()}

    def of(function: Derivatives) -> Callable[[Series], Series]:
        return lambda a: compose(function, a, wanted)

    def power(a: Any, b: Any) -> Any:
        if not isinstance(b, dict):
            return compose(_to_the(b), a, wanted)
        base = a[()] if isinstance(a, dict) else torch.full_like(b[()], a)
        logs = compose(logarithm, a if isinstance(a, dict) else {(): base}, wanted)
        value = base ** b[()]
        return compose(lambda _, r: value, product(b, logs, wanted), wanted)

    def divided(a: Any, b: Any) -> Any:
        if isinstance(b, dict):
            return times(a, compose(_to_the(-1.0), b, wanted))
        return times(a, TENSORS["div"](1.0, b))

    operations: dict[str, Callable[..., Any]] = {
        "add": plus,
        "sub": lambda a, b: plus(a, negative(b) if isinstance(b, dict) else -b),
        "mul": times,
        "div": divided,
        "pow": power,
        "neg": negative,
        "pos": lambda a: a,
        "min": lambda a, b: _chosen(a, b, torch.minimum),
        "max": lambda a, b: _chosen(a, b, torch.maximum),
        **{name: _values_only(name) for name in (*COMPARISONS, "logical_and", "logical_or", "logical_not")},
        **{name: of(function) for name, function in _FUNCTIONS.items()},
        **{each.name: _ordered(each.name, wanted) for each in FUNCTIONS.values() if each.order},
    }
    return {**{name: _of_numbers_too(name, operation) for name, operation in operations.items()}, "where": _selected}


def _values_only(name: str) -> Callable[..., Any]:
    """A condition: it has a value and no derivatives."""
    return lambda *arguments: TENSORS[name](*(a[()] if isinstance(a, dict) else a for a in arguments))


def _selected(condition: Any, a: Any, b: Any) -> Any:
    """One of two series by a condition, point by point; slopes are those of the piece."""
    if not isinstance(condition, Tensor):
        return a if condition else b
    one, other = _lifted(a, {(): condition}), _lifted(b, {(): condition})
    zero = torch.zeros_like(condition)
    return {m: torch.where(condition > 0, one.get(m, zero), other.get(m, zero)) for m in dict.fromkeys((*one, *other))}


def _ordered(name: str, wanted: Collection[Monomial]) -> Callable[[int, Series], Series]:
    return lambda order, a: compose(_by_derivative(name, order), a, wanted)


def _by_derivative(name: str, order: int = 0) -> Derivatives:
    """A function defined by the formula of its derivative, with Taylor coefficients by term-wise integration."""
    value = functools.partial(TENSORS[name], order) if FUNCTIONS[name].order else TENSORS[name]

    def derivatives(x: Tensor, r: int) -> Tensor:
        (program,) = derivative_programs(name, order)
        found = [value(x)]
        for n in range(1, r + 1):
            here: Series = {(): x, **({(0,): torch.ones_like(x)} if n > 1 else {})}
            own: Series = {(0,) * k: part for k, part in enumerate(found)}
            slope = program.run((here, own), algebra_of({(0,) * k for k in range(n)}))
            part = slope.get((0,) * (n - 1), 0.0) if isinstance(slope, dict) else slope * (n == 1)
            found.append(part / n + torch.zeros_like(x))
        total: Tensor = math.factorial(r) * found[r]
        return total

    return derivatives


def _of_numbers_too(name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
    def either(*arguments: Any) -> Any:
        if any(isinstance(each, dict) for each in arguments):
            return operation(*arguments)
        return TENSORS[name](*arguments)  # a part of the formula without columns

    return either


def _lifted(value: Any, like: Any) -> Series:
    """A number as a series, or the series itself."""
    return value if isinstance(value, dict) else {(): torch.full_like(like[()], value)}


def _chosen(a: Any, b: Any, choose: Callable[[Tensor, Tensor], Tensor]) -> Series:
    """Minimum or maximum of two series by their values; the mean of both where these are equal, as in torch."""
    one, other = _lifted(a, b), _lifted(b, a)
    left, right = one[()], other[()]
    value = choose(left, right)
    result: Series = {(): value}
    for m in dict.fromkeys((*one, *other)):
        if m:
            zero = torch.zeros_like(value)
            x, y = one.get(m, zero), other.get(m, zero)
            result[m] = torch.where(left == right, (x + y) / 2, torch.where(left == value, x, y))
    return result


# ------------------------------------------------------------------------------- functions and their derivatives


def _sin(x: Tensor, r: int) -> Tensor:
    wave = torch.sin(x) if r % 2 == 0 else torch.cos(x)
    return wave if r % 4 < 2 else -wave


def _sinh(x: Tensor, r: int) -> Tensor:
    return torch.sinh(x) if r % 2 == 0 else torch.cosh(x)


def logarithm(x: Tensor, r: int) -> Tensor:
    """The r-th derivative of the logarithm."""
    return torch.log(x) if r == 0 else -math.factorial(r - 1) * (-1 / x) ** r


def _abs(x: Tensor, r: int) -> Tensor:
    return torch.abs(x) if r == 0 else torch.sign(x) if r == 1 else torch.zeros_like(x)


def _sigmoid(x: Tensor, r: int) -> Tensor:
    return _horner(_in_itself((0.0, 1.0, -1.0), r), torch.sigmoid(x))


def _atan(x: Tensor, r: int) -> Tensor:
    angle = torch.atan(x)
    if r == 0:
        return angle
    return math.factorial(r - 1) * torch.cos(angle) ** r * torch.sin(r * (angle + math.pi / 2))


def _asin(x: Tensor, r: int) -> Tensor:
    if r == 0:
        return torch.asin(x)
    return _horner(_arc(r), x) * (1 - x * x) ** (0.5 - r)


def _to_the(exponent: float) -> Derivatives:
    """`x^p`: derivatives `p (p-1) … (p-r+1) x^(p-r)`, which vanish beyond order p if p is a whole number."""

    def power(x: Tensor, r: int) -> Tensor:
        factor = math.prod(exponent - i for i in range(r))
        left = exponent - r
        if factor == 0:
            return torch.zeros_like(x)
        value: Tensor = TENSORS["pow"](x, left)
        return value if factor == 1 else factor * value

    return power


@lru_cache(maxsize=256)
def _in_itself(rule: tuple[float, ...], r: int) -> tuple[float, ...]:
    """The r-th derivative of f as a polynomial in f, lowest power first, where f' is the polynomial `rule` in f."""
    if r == 0:
        return (0.0, 1.0)
    return _convolved(_differentiated(_in_itself(rule, r - 1)), rule)


@lru_cache(maxsize=64)
def _arc(r: int) -> tuple[float, ...]:
    """P with `asin^(r)(x) = P(x) (1 - x²)^(1/2 - r)`, lowest power first."""
    if r == 1:
        return (1.0,)
    before = _arc(r - 1)
    first = _convolved(_differentiated(before), (1.0, 0.0, -1.0))
    second = _convolved(before, (0.0, 2.0 * r - 3.0))
    size = max(len(first), len(second))
    padded = [(*each, *(0.0,) * (size - len(each))) for each in (first, second)]
    return tuple(a + b for a, b in zip(*padded, strict=True))


def _differentiated(polynomial: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(n * c for n, c in enumerate(polynomial))[1:] or (0.0,)


def _convolved(a: tuple[float, ...], b: tuple[float, ...]) -> tuple[float, ...]:
    result = [0.0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            result[i + j] += x * y
    return tuple(result)


def _horner(polynomial: tuple[float, ...], x: Tensor) -> Tensor:
    total = torch.full_like(x, polynomial[-1])
    for c in reversed(polynomial[:-1]):
        total = total * x + c
    return total


_FUNCTIONS: Final[dict[str, Derivatives]] = {
    "sin": _sin,
    "cos": lambda x, r: _sin(x, r + 1),
    "tan": lambda x, r: _horner(_in_itself((1.0, 0.0, 1.0), r), torch.tan(x)),
    "asin": _asin,
    "acos": lambda x, r: -_asin(x, r) if r else torch.acos(x),
    "atan": _atan,
    "sinh": _sinh,
    "cosh": lambda x, r: _sinh(x, r + 1),
    "tanh": lambda x, r: _horner(_in_itself((1.0, 0.0, -1.0), r), torch.tanh(x)),
    "exp": lambda x, r: torch.exp(x),
    "log": logarithm,
    "sqrt": lambda x, r: _to_the(0.5)(x, r) if r else torch.sqrt(x),
    "abs": _abs,
    "floor": lambda x, r: torch.zeros_like(x) if r else torch.floor(x),
    "sigmoid": _sigmoid,
    "softplus": lambda x, r: _sigmoid(x, r - 1) if r else torch.nn.functional.softplus(x, threshold=50.0),
    **{name: _by_derivative(name) for name in ("asinh", "acosh", "atanh", "erf", "gamma", "gammaln", "sign")},
}
