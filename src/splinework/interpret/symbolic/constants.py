"""The numbers in a formula: fitted together, then replaced by simple ones where the data agree; and how sure they are.

A number is snapped (to 0, an integer, a small fraction, a multiple of π, …) if the code for the simple number plus what the
fit loses is shorter than the digits it replaces: a description length, not a tolerance.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import sympy
from scipy import special

from splinework.errors import FormulaError
from splinework.formula.reverse_mode import DifferentiatedProgram
from splinework.formula.sympy_bridge import program_of_expression
from splinework.interpret.symbolic.expression import compiled, symbol
from splinework.interpret.symbolic.levenberg_marquardt import LeastSquaresSolution, minimise
from splinework.interpret.symbolic.library import Array

MARGIN = 2.3
"""Nats by which a snap must win: one false snap in about twenty random numbers known to a thousandth."""
ROUNDING = 0.5 - 0.5 * math.log(3)
"""Nats of a number rounded as its standard error allows, beyond the logarithm of its relative precision."""


@dataclass(frozen=True)
class FitTarget:
    """What a formula is fitted to: columns x `(N, columns)` by name and y `(N,)`, compared on y's scale.

    `weights` `(N,)` are what each squared error counts; None for all the same. `noise` is the standard deviation of the errors
    of y on its scale, where it is known: nobody can explain what is below it.
    """

    x: Array
    y: Array
    names: tuple[str, ...]
    scale: str = "linear"
    weights: Array | None = None
    noise: float = 0.0

    @property
    def root(self) -> Array | float:
        """Factors of the errors, their mean square 1."""
        return 1.0 if self.weights is None else np.sqrt(self.weights / self.weights.mean())

    @property
    def flat(self) -> Array:
        """The values of y on the scale on which they are compared."""
        return np.log(self.y) if self.scale == "log" else self.y

    @property
    def unit(self) -> float:
        """Spread of y on its scale."""
        return float(self.flat.std()) or 1.0

    @property
    def columns(self) -> int:
        """Number of columns."""
        return len(self.names)

    @property
    def floor(self) -> float:
        """Sum of squares below which two fits are equally good: what rounding leaves."""
        size = max(self.unit, 1e-3 * float(np.abs(self.flat).max()))
        n = len(self.y)
        known = self.noise**2 * max(1 - 3 * math.sqrt(2 / n), 0.0)  # what noise leaves at least, but for luck
        return n * max((1e-10 * size) ** 2, known)

    @property
    def nothing(self) -> float:
        """Sum of squares that leaves nothing to explain: some digits above rounding, or noise that is known."""
        n = len(self.y)
        return max(replace(self, noise=0.0).floor * 1e4, n * self.noise**2 * (1 + 3 * math.sqrt(2 / n)))

    def rss(self, prediction: Array) -> float:
        """Sum of squares on y's scale; infinite where the prediction is undefined."""
        with np.errstate(all="ignore"):
            flat = np.log(prediction) if self.scale == "log" else prediction
            value = float((((flat - self.flat) * self.root) ** 2).sum())
        return value if np.isfinite(value) else math.inf


def _with_slopes(expression: Any, constants: Sequence[Any], columns: Sequence[Any]) -> Callable[..., Sequence[Any]]:
    """A function of constants and columns that gives the value and its derivatives by the constants."""
    try:
        program = program_of_expression(expression, [*constants, *columns])
        differentiated = DifferentiatedProgram(program, range(len(constants)))
    except FormulaError:  # a part that is not real, or a function of sympy's that formulas have not
        slopes = [sympy.diff(expression, s) for s in constants]
        return compiled([*constants, *columns], [expression, *slopes])

    def function(*values: Any) -> Sequence[Any]:
        value, slopes = differentiated(values)
        return [value, *slopes]

    return function


class Template:
    """An expression whose floats have become free constants.

    Args:
        expression: With floats.
        target: The data.
    """

    def __init__(self, expression: Any, target: FitTarget) -> None:
        self.target = target
        floats = sorted(expression.atoms(sympy.Float), key=lambda f: (abs(float(f)), float(f)))
        self.symbols = [sympy.Dummy(f"c_{n}", real=True) for n in range(len(floats))]
        self.start = np.array([float(f) for f in floats])
        self.expression = expression.xreplace(dict(zip(floats, self.symbols, strict=True)))
        columns = [symbol(name) for name in target.names]
        self._function = _with_slopes(self.expression, self.symbols, columns)

    def fit(self, start: Array, fixed: dict[int, float], *, steps: int = 30) -> LeastSquaresSolution | None:
        """The free constants by least squares, the fixed ones held; the solution has all of them."""
        free = [n for n in range(len(start)) if n not in fixed]
        full = np.array(start, dtype=float)
        for n, value in fixed.items():
            full[n] = value
        columns = list(self.target.x.T)
        flat = self.target.flat
        unit = self.target.unit / np.broadcast_to(self.target.root, flat.shape)

        def model(constants: Array) -> tuple[Array, Array]:
            vector = full.copy()
            vector[free] = constants
            with np.errstate(all="ignore"):
                outcome = self._function(*vector.tolist(), *columns)
                stacked = np.stack([np.broadcast_to(np.asarray(v, dtype=float), flat.shape) for v in outcome], -1)
                value, slopes = stacked[:, 0], stacked[:, 1:][:, free]
                if self.target.scale == "log":
                    value, slopes = np.log(value), slopes / value[:, None]
                return (value - flat) / unit, slopes / unit[:, None]

        try:
            solution = minimise(model, full[free], steps=steps)
        except (TypeError, ValueError, ZeroDivisionError, OverflowError, np.linalg.LinAlgError):
            return None  # complex values or overflow: outside the formula's domain
        if solution is None:
            return None
        full[free] = solution.constants
        return LeastSquaresSolution(full, solution.rss * self.target.unit**2, solution.jacobian)

    def put(self, constants: Array, snapped: dict[int, Any]) -> Any:
        """The expression with its numbers: exact where snapped, else rounded to what their errors leave meaningful."""
        values = {s: snapped.get(n, sympy.Float(constants[n])) for n, s in enumerate(self.symbols)}
        return self.expression.xreplace(values)


def snap(template: Template, *, rounds: int = 40) -> tuple[Any, float] | None:
    """Fits, snaps greedily and fits again; no snap makes the description longer.

    Returns:
        The expression, and the nats that its numbers cost: the digits of the free ones, the codes of the simple ones. None
        where it cannot be fitted.
    """
    solution = template.fit(template.start, {})
    if solution is None:
        return None
    target = template.target
    n = len(target.y)
    snapped: dict[int, Any] = {}
    code = 0.0
    refused: set[tuple[int, Any]] = set()
    free = list(range(len(solution.constants)))
    price = _price(solution, free, target)
    for _ in range(rounds):
        best = _most_worthwhile(solution.constants, free, standard_errors(solution, free, target), n, refused)
        if best is None:
            break
        index, value, length = best
        trial = template.fit(solution.constants, {**{i: float(v) for i, v in snapped.items()}, index: float(value)})
        if trial is not None:
            rest = [i for i in free if i != index]
            new = _price(trial, rest, target)
            loss = n / 2 * math.log(max(trial.rss, target.floor) / max(solution.rss, target.floor))
        if trial is None or loss + new + length + (MARGIN if value != 0 else 0.0) > price:
            refused.add((index, value))
            continue
        snapped[index], solution, free, price = value, trial, rest, new
        code += length
        refused.clear()  # what shared its effect with another number may be worth its code now
    expression = template.put(solution.constants, snapped)
    if snapped and len(expression.atoms(sympy.Float)) < len(free):  # some have merged, now that others are exact
        again = snap(Template(expression, target), rounds=rounds)
        if again is not None:
            return again[0], again[1] + code
    return expression, price + code


def _variance(solution: LeastSquaresSolution, free: list[int], target: FitTarget) -> float:
    """Of the errors, in the units of the solution's residuals."""
    return max(solution.rss, target.floor) / max(len(target.y) - len(free), 1) / target.unit**2


def standard_errors(solution: LeastSquaresSolution, free: list[int], target: FitTarget) -> dict[int, float]:
    """Standard errors of the free constants, on the subspace that the data determine."""
    if not free:
        return {}
    length = np.linalg.norm(solution.jacobian, axis=0)
    length = np.where(length > 0, length, 1e-300)
    inverse = np.linalg.pinv((solution.jacobian / length).T @ (solution.jacobian / length), rcond=1e-12, hermitian=True)
    spread = np.sqrt(np.maximum(np.diag(inverse), 0) * _variance(solution, free, target)) / length
    return {i: float(max(s, 1e-9 * abs(solution.constants[i]))) for i, s in zip(free, spread, strict=True)}


def _price(solution: LeastSquaresSolution, free: list[int], target: FitTarget) -> float:
    """Nats of the digits of the free constants, together: the logarithm of their joint precision relative to their size.

    What one of them costs beside the others is its size over its standard error (Bartlett et al. 2022, arXiv 2211.11461),
    and half a ln N at least.
    """
    if not free:
        return 0.0
    sizes = np.abs(solution.constants[free])
    precision = np.linalg.svd(solution.jacobian * sizes, compute_uv=False) / math.sqrt(
        _variance(solution, free, target)
    )
    digits = np.log(np.clip(precision, 1.0, 1e9)) + ROUNDING
    return float(np.maximum(digits, 0.5 * math.log(len(target.y))).sum())


def _most_worthwhile(
    constants: Array, free: list[int], errors: dict[int, float], n: int, refused: set[tuple[int, Any]]
) -> tuple[int, Any, float] | None:
    """The snap that promises to save most: constant, simple value, its code."""
    best: tuple[int, Any, float] | None = None
    most = 0.0
    for i in free:
        value, error = float(constants[i]), errors[i]
        digits = max(math.log(max(abs(value), error) / error) + ROUNDING, 0.5 * math.log(n))
        for simple, code in simple_numbers(value, error):
            if (i, simple) in refused:
                continue
            saving = digits - code - MARGIN if simple != 0 else digits
            if saving > most:
                best, most = (i, simple, code), saving
    return best


_UNITS: tuple[tuple[Any, float, float], ...] = tuple(
    (unit, float(unit), code)
    for unit, code in (
        (sympy.Integer(1), 0.0),
        (sympy.pi, 1.4),
        (1 / sympy.pi, 1.4),
        (sympy.sqrt(2), 1.7),
        (sympy.sqrt(3), 1.7),
        (sympy.sqrt(sympy.pi), 2.1),
        (1 / sympy.sqrt(2 * sympy.pi), 2.1),
        (sympy.E, 2.1),
        (sympy.pi**2, 2.1),
    )
)
"""Numbers whose small multiples count as simple: exact, as a float, and the nats that naming it costs."""


def simple_numbers(value: float, error: float) -> list[tuple[Any, float]]:
    """Simple numbers within five standard errors (or where rounding leaves no more), with the nats of their code.

    Zero is proposed for every small number: beside others that do the same, an error says little. The refit decides.
    """
    found: list[tuple[Any, float]] = []
    if abs(value) < max(5 * error, 1e-4):
        found.append((sympy.Integer(0), 0.7))
    if not math.isfinite(value) or value == 0:
        return found
    for unit, size, extra in _UNITS:
        ratio = value / size
        if abs(ratio) > 1000:
            continue
        seen = set()
        for bottom in (1, 2, 3, 4, 5, 6, 8, 10, 12):
            top = round(ratio * bottom)
            close = abs(top / bottom * size - value) < max(5 * error, 1e-7 * abs(value))
            simple = Fraction(top, bottom)
            if top != 0 and close and simple not in seen:
                seen.add(simple)
                code = math.log((1 + abs(simple.numerator)) * simple.denominator) + math.log(2) + extra
                found.append((sympy.Rational(simple.numerator, simple.denominator) * unit, code))
    return found


@dataclass(frozen=True)
class FittedConstant:
    """A number of a formula with its 95 % interval.

    Attributes:
        value: As it stands in the formula.
        low, high: The interval, where the formula is true and errors are normal: by the curvature of the sum of squares.
    """

    value: float
    low: float
    high: float


def confidence_intervals(expression: Any, target: FitTarget) -> tuple[FittedConstant, ...]:
    """The free numbers of an expression, smallest magnitude first, with intervals from the data."""
    if not expression.atoms(sympy.Float):
        return ()
    template = Template(expression, target)
    solution = template.fit(template.start, {}, steps=0)
    if solution is None:
        return ()
    free = list(range(len(solution.constants)))
    reach = float(special.stdtrit(max(len(target.y) - len(free), 1), 0.975))
    errors = standard_errors(solution, free, target)
    found = []
    for n, value in enumerate(solution.constants.tolist()):
        half = reach * errors[n]
        if math.isfinite(half):
            found.append(FittedConstant(value, value - half, value + half))
        else:
            found.append(FittedConstant(value, -np.inf, np.inf))
    return tuple(found)
