"""The constants of a formula: joint least-squares fit, snapping to simple numbers, and confidence intervals.

A constant is snapped (to 0, an integer, a small fraction, a multiple of π, …) if the code of the simple number plus the loss
of fit is shorter than the digits it replaces: the criterion is description length, not a tolerance.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from scipy import special

from splinework.errors import FormulaError
from splinework.formula.reverse_mode import DifferentiatedProgram
from splinework.formula.sympy_bridge import program_of_expression
from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.expression import compiled, symbol
from splinework.interpret.symbolic.levenberg_marquardt import LeastSquaresSolution, minimise
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.rounding import (
    MIN_SNAP_GAIN,
    ROUNDING_NATS,
    Rounding,
    is_worth,
    made_simple,
    roundings,
)

NEARLY_EQUAL = 1e-4
"""Relative difference of two constants that are tried as one; standard errors know nothing of what only their sum determines."""
MAX_PAIRS = 3
"""Pairs of constants that are tried as one, the nearest first."""
CANCELLATION, MAX_CANCELLATION = 8.0, 1e-4
"""Rounding errors of the largest value by which a sum of terms is off, and the largest relative error that this may explain."""


@dataclass(frozen=True)
class FitTarget:
    """The data of a fit.

    Attributes:
        x: Columns `(N, columns)`.
        y: Values `(N,)`.
        names: Names of the columns.
        scale: Scale of the errors, `linear` or `log`.
        weights: Weights of the squared errors, `(N,)`; None for equal weights.
        noise: Standard deviation of the noise on that scale, where known; no formula can explain less.
    """

    x: Array
    y: Array
    names: tuple[str, ...]
    scale: str = "linear"
    weights: Array | None = None
    noise: float = 0.0

    @property
    def root(self) -> Array | float:
        """Square roots of the weights, scaled to mean square 1."""
        return 1.0 if self.weights is None else np.sqrt(self.weights / self.weights.mean())

    @property
    def flat(self) -> Array:
        """The values of y on the scale of the errors."""
        return np.log(self.y) if self.scale == "log" else self.y

    @property
    def unit(self) -> float:
        """Standard deviation of y on its scale."""
        return float(self.flat.std()) or 1.0

    @property
    def columns(self) -> int:
        """Number of columns."""
        return len(self.names)

    @property
    def floor(self) -> float:
        """Residual sum of squares below which fits are equally good, by rounding or known noise."""
        n = len(self.y)
        known = self.noise**2 * max(1 - 3 * math.sqrt(2 / n), 0.0)  # lower 3σ limit of the sum of squares of the noise
        return max(n * self._resolution**2, n * known)

    @property
    def floor_of_sums(self) -> float:
        """The same for fits by linear least squares, which know nothing of cancellation."""
        return max(self.floor, float(np.sum((self.cancellation * self.root) ** 2)))

    @property
    def rounding(self) -> float:
        """Residual sum of squares that rounding may leave: less than `floor`."""
        return 1e-4 * len(self.y) * self._resolution**2

    @property
    def nothing(self) -> float:
        """Residual sum of squares of an exact fit: some digits above rounding, or known noise."""
        n = len(self.y)
        known = self.noise**2 * (1 + 3 * math.sqrt(2 / n))
        return max(1e4 * n * self._resolution**2, n * known)

    @property
    def _resolution(self) -> float:
        return 1e-10 * max(self.unit, 1e-3 * float(np.abs(self.flat).max()))

    @property
    def cancellation(self) -> Array | float:
        """Relative errors `(N,)` of a sum whose terms are as large as the largest y where y is small; 0 on a linear scale."""
        if self.scale != "log":
            return 0.0
        return np.asarray(np.minimum(CANCELLATION * np.finfo(float).eps * self.y.max() / self.y, MAX_CANCELLATION))

    def beyond(self, errors: Array) -> Array:
        """Errors on y's scale, less what cancellation explains."""
        return np.sign(errors) * np.maximum(np.abs(errors) - self.cancellation, 0.0)

    def rss(self, prediction: Array) -> float:
        """Residual sum of squares on y's scale; infinite where the prediction is undefined."""
        with np.errstate(all="ignore"):
            flat = np.log(prediction) if self.scale == "log" else prediction
            value = float(((self.beyond(flat - self.flat) * self.root) ** 2).sum())
        return value if np.isfinite(value) else math.inf


def _value_and_gradient(
    expression: Any, constants: Sequence[Any], columns: Sequence[Any]
) -> Callable[..., Sequence[Any]]:
    """A function of constants and columns that returns the value and its derivatives by the constants."""
    try:
        program = program_of_expression(expression, [*constants, *columns])
        differentiated = DifferentiatedProgram(program, range(len(constants)))
    except FormulaError:  # not real, or a sympy function that formulas lack
        slopes = [sympy.diff(expression, s) for s in constants]
        return compiled([*constants, *columns], [expression, *slopes])

    def function(*values: Any) -> Sequence[Any]:
        value, slopes = differentiated(values)
        return [value, *slopes]

    return function


def free_numbers(expression: Any) -> list[Any]:
    """The floats of an expression that stand for constants of their own, by size: `c*exp(x) - c` has one."""
    floats = sorted(expression.atoms(sympy.Float), key=lambda f: (abs(float(f)), float(f)))
    return list({abs(float(f)): f for f in floats}.values())


class Template:
    """An expression whose floats are free constants; those of one size are one constant.

    Args:
        expression: Expression with floats.
        target: The data.
    """

    def __init__(self, expression: Any, target: FitTarget) -> None:
        self.target = target
        floats = free_numbers(expression)
        self.symbols = [sympy.Dummy(f"c_{n}", real=True) for n in range(len(floats))]
        self.start = np.array([float(f) for f in floats])
        constants = dict(zip(floats, self.symbols, strict=True))
        opposite = {-f: -s for f, s in constants.items()}
        self.expression = expression.xreplace({**opposite, **constants})
        columns = [symbol(name) for name in target.names]
        self._function = _value_and_gradient(self.expression, self.symbols, columns)

    def fit(self, start: Array, fixed: dict[int, float], *, steps: int = 30) -> LeastSquaresSolution | None:
        """Fits the free constants by least squares; the solution contains the fixed ones too."""
        free = [n for n in range(len(start)) if n not in fixed]
        full = np.array(start, dtype=float)
        for n, value in fixed.items():
            full[n] = value
        columns = list(self.target.x.T)
        flat, beyond = self.target.flat, self.target.beyond
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
                return beyond(value - flat) / unit, slopes / unit[:, None]

        try:
            solution = minimise(model, full[free], steps=steps)
        except (TypeError, ValueError, ZeroDivisionError, OverflowError, np.linalg.LinAlgError):
            return None  # complex values or overflow, outside the domain of the formula
        if solution is None:
            return None
        full[free] = solution.constants
        return LeastSquaresSolution(full, solution.rss * self.target.unit**2, solution.jacobian)

    def put(self, constants: Array, snapped: dict[int, Any]) -> Any:
        """The expression with its constants, exact where snapped."""
        values = {s: snapped.get(n, sympy.Float(constants[n])) for n, s in enumerate(self.symbols)}
        return self.expression.xreplace(values)


def snap(template: Template, *, rounds: int = 40, deadline: float = math.inf) -> tuple[Any, float] | None:
    """Fits, snaps greedily, makes one of two that are nearly equal, and refits; nothing increases the description length.

    After the `deadline`, a time of `clock`, constants stay as they are.

    Returns:
        The expression, and the code length of its constants in nats; None where it cannot be fitted.
    """
    solution = template.fit(template.start, {})
    if solution is None:
        return None
    target = template.target
    n, every = len(target.y), range(len(solution.constants))
    exponents = {part.exp for part in template.expression.atoms(sympy.Pow)}

    def free_of(snapped: Rounding) -> list[int]:
        return [i for i in every if i not in snapped]

    def propose(state: tuple[Rounding, LeastSquaresSolution]) -> list[Rounding]:
        free = free_of(state[0])
        return roundings(state[1].constants[free], covariance(state[1], free, target), free, n)

    def attempt(
        state: tuple[Rounding, LeastSquaresSolution], chosen: Rounding
    ) -> tuple[Rounding, LeastSquaresSolution] | None:
        (snapped, before), values = state, {**state[0], **chosen}
        if any(number.unit and template.symbols[i] in exponents for i, number in chosen.items()):
            return None  # T**(8*pi) is no law
        if clock.now() > deadline:
            return None
        trial = template.fit(before.constants, {i: number.value for i, number in values.items()})
        if trial is None:
            return None
        loss = n / 2 * math.log(max(trial.rss, target.floor) / max(before.rss, target.floor))
        digits = _digits(before, free_of(snapped), target), _digits(trial, free_of(values), target)
        return (values, trial) if is_worth(chosen, loss, digits, n) else None

    snapped, solution = made_simple((dict[int, Any](), solution), propose, attempt, rounds)
    free = free_of(snapped)
    price = _number_length(solution, free, target)
    expression = template.put(solution.constants, {i: number.exact for i, number in snapped.items()})
    if snapped and len(free_numbers(expression)) < len(free):  # some have merged, now that others are exact
        again = snap(Template(expression, target), rounds=rounds, deadline=deadline)
        if again is not None:
            return again
    errors = standard_errors(solution, free, target)
    known = [i for i in free if abs(solution.constants[i]) > 5 * errors[i]]
    choice = math.log(max(len(free), 1)) + MIN_SNAP_GAIN
    near = []
    for i, j in itertools.combinations(known, 2):
        one, other = (float(solution.constants[k]) for k in (i, j))
        size = max(math.hypot(errors[i], errors[j]), NEARLY_EQUAL / 5 * abs(one))
        if abs(abs(one) - abs(other)) < 5 * size:
            near.append((abs(abs(one) - abs(other)) / size, one, other))
    for _, one, other in sorted(near)[: MAX_PAIRS if clock.now() <= deadline else 0]:
        same = sympy.Float(math.copysign(one, other))
        tied = Template(expression.xreplace({sympy.Float(other): same, sympy.Float(-other): -same}), target)
        trial = tied.fit(tied.start, {})
        if trial is not None:
            loss = n / 2 * math.log(max(trial.rss, target.floor) / max(solution.rss, target.floor))
            if loss + _number_length(trial, list(range(len(tied.start))), target) + choice < price:
                again = snap(tied, rounds=rounds, deadline=deadline)
                return (expression, price) if again is None else (again[0], again[1] + choice)
    return expression, price


def _variance(solution: LeastSquaresSolution, free: list[int], target: FitTarget) -> float:
    """Variance of the errors, in units of the solution's residuals."""
    return max(solution.rss, target.floor) / max(len(target.y) - len(free), 1) / target.unit**2


def covariance(solution: LeastSquaresSolution, free: list[int], target: FitTarget) -> Array:
    """Covariance of the free constants, `(P, P)`, on the subspace identified by the data."""
    length = np.linalg.norm(solution.jacobian, axis=0)
    length = np.where(length > 0, length, 1e-300)
    inverse = np.linalg.pinv((solution.jacobian / length).T @ (solution.jacobian / length), rcond=1e-12, hermitian=True)
    with np.errstate(over="ignore"):
        return np.asarray(inverse * _variance(solution, free, target) / length / length[:, None])


def standard_errors(solution: LeastSquaresSolution, free: list[int], target: FitTarget) -> dict[int, float]:
    """Standard errors of the free constants, on the subspace identified by the data."""
    if not free:
        return {}
    spread = np.sqrt(np.maximum(np.diag(covariance(solution, free, target)), 0))
    return {i: float(max(s, 1e-9 * abs(solution.constants[i]))) for i, s in zip(free, spread, strict=True)}


def _digits(solution: LeastSquaresSolution, free: list[int], target: FitTarget) -> Array:
    """Nats of the digits of the free constants: logarithms of their joint relative precision.

    A constant costs the logarithm of its size over its standard error (Bartlett et al. 2022, arXiv 2211.11461).
    """
    sizes = np.abs(solution.constants[free])
    precision = np.linalg.svd(solution.jacobian * sizes, compute_uv=False) / math.sqrt(
        _variance(solution, free, target)
    )
    return np.asarray(np.log(np.clip(precision, 1.0, 1e9)) + ROUNDING_NATS)


def _number_length(solution: LeastSquaresSolution, free: list[int], target: FitTarget) -> float:
    """Code length of the free constants in nats: their digits, and at least ½ ln N for each."""
    least = 0.5 * math.log(len(target.y))
    return float(np.maximum(_digits(solution, free, target), least).sum()) if free else 0.0


@dataclass(frozen=True)
class FittedConstant:
    """A constant of a formula with its 95 % confidence interval.

    Attributes:
        value: The value in the formula.
        low: Lower end of the interval, assuming a correct formula and normal errors, from the Gauss–Newton Hessian.
        high: Upper end of the interval.
    """

    value: float
    low: float
    high: float


def confidence_intervals(expression: Any, target: FitTarget) -> tuple[FittedConstant, ...]:
    """The constants of an expression, smallest magnitude first, with 95 % confidence intervals."""
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
