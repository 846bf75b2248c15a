"""Fits a function of one variable by a sum of element currents within the limits of the device, allowing for its errors.

`min Σ_k w_k (Σ_m I_m(V_k) + I_const - φ(V_k))² + Σ_m ρ_m c_m²` over tails c_m and centres V_m, where `I_m` is the current of
the *device* (see `circuits`), not of an ideal tanh, and `ρ_m = σ² var(T_m) + σ_δ² ⟨T_m'²⟩` is the variance due to programming
errors per ampere of tail current squared, so widths and spacings are chosen for the real device. The fit starts from a grid of
widths and spacings, each a bounded linear least-squares problem, and is refined by Gauss-Newton steps on tails and centres.

Whole networks are converted in `convert`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.optimize import least_squares, lsq_linear

from splinework.errors import ConfigError, DataError
from splinework.hardware.analog.circuits import OperatingPoint, bump_current, pair_currents
from splinework.hardware.analog.ekv import AnalogTechnology
from splinework.hardware.analog.network import Element, Floats, Span

N_POINTS: Final = 161
"""Number of sample points of a function over its span."""

_WIDTH_RATIOS: Final = {"tanh": (0.8, 1.0, 1.3, 1.6, 2.0, 2.6), "bump": (0.9, 1.2, 1.6, 2.0)}
_COVERAGE_SHARES: Final = (0.85, 0.95, 1.05, 1.15)
_RIDGE: Final = 1e-13


@dataclass(frozen=True)
class EdgeFitRecipe:
    """The recipe of edge fits.

    Attributes:
        max_elements: Largest number of elements per edge, besides its constant.
        kinds: Kinds of elements: `("tanh",)`, `("bump",)` or both.
        gain_error: Relative standard deviation of programmed tail currents, for the objective.
        centre_error: Standard deviation of programmed centres in V, for the objective.
        candidates: Number of starts that are refined.
        steps: Largest number of Gauss-Newton steps.
    """

    max_elements: int = 10
    kinds: tuple[str, ...] = ("tanh",)
    gain_error: float = 0.01
    centre_error: float = 5e-4
    candidates: int = 2
    steps: int = 25

    def __post_init__(self) -> None:
        if not 2 <= self.max_elements <= 64:
            raise ConfigError(f"max_elements must be 2 to 64, got {self.max_elements}; 8 to 10 suit most splines.")
        if not self.kinds or len(set(self.kinds)) < len(self.kinds) or set(self.kinds) - {"tanh", "bump"}:
            raise ConfigError(f"kinds are 'tanh', 'bump' or both, got {self.kinds!r}.")
        if self.gain_error < 0 or self.centre_error < 0 or self.candidates < 1 or self.steps < 0:
            raise ConfigError(f"errors and counts must not be negative, got {self}.")


DEFAULT_RECIPE: Final = EdgeFitRecipe()
"""The default recipe."""


@dataclass(frozen=True)
class EdgeFit:
    """A fitted edge.

    Attributes:
        elements: Fitted elements.
        constant: Constant current in A.
        unit: Value of one ampere.
        rms: Rms error over the span (uniform weights), relative to the function's span.
        largest: Largest error, relative to the function's span.
        expected: Expected error with the recipe's programming errors after trimming the constant, `√(rms² + variance)`.
        span: Largest minus smallest value of the function.
    """

    elements: tuple[Element, ...]
    constant: float
    unit: float
    rms: float
    largest: float
    expected: float
    span: float


def edge_current(voltage: Floats, elements: tuple[Element, ...], at: OperatingPoint) -> Floats:
    """Current of an edge in A, plus wire minus minus wire, at input voltages in V `(n,)`."""
    if not elements:
        return np.zeros_like(voltage)
    kinds = np.array([e.kind for e in elements])
    values = np.array([(e.centre, e.gain, e.divider) for e in elements])
    total: Floats = _curves(voltage, kinds, values[:, 0], values[:, 1], values[:, 2], at).sum(axis=1)
    return total


def fit_edge(
    values: Floats,
    span: Span,
    *,
    unit: float,
    technology: AnalogTechnology,
    recipe: EdgeFitRecipe = DEFAULT_RECIPE,
    weights: Floats | None = None,
) -> EdgeFit:
    """Fits elements to a function on a node's span; `unit` is the value of one ampere at the sum.

    The values are given in network units at equally spaced points of the span, ends included; `weights` are their fit weights,
    uniform if None.

    Returns:
        The fit, without elements if the function is constant. It may be poor: see `EdgeFit.rms`.

    Raises:
        DataError: If a value is not finite, or there are too few.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2 * recipe.max_elements + 2 or not np.isfinite(values).all():
        raise DataError(f"a fit needs at least {2 * recipe.max_elements + 2} finite samples, got shape {values.shape}.")
    size = float(np.ptp(values))
    if size <= 1e-12 * max(1.0, float(np.abs(values).max())):
        return EdgeFit((), float(values.mean()) / unit, unit, 0.0, 0.0, 0.0, size)
    problem = _EdgeFitProblem(
        np.linspace(span.low_voltage, span.high_voltage, len(values)),
        values / unit,
        _normalised(weights, len(values)),
        technology,
        recipe,
    )
    starts = sorted((problem.start(layout) for layout in _layouts(span, technology, recipe)), key=lambda s: s.cost)
    best = min((problem.refine(start) for start in starts[: recipe.candidates]), key=lambda s: s.cost)
    weak = np.abs(best.gains) < technology.current_min
    while weak.any():  # drop elements too weak to be programmed and refit the others
        kept = replace(best, **{key: getattr(best, key)[~weak] for key in ("kinds", "centres", "gains", "dividers")})
        if len(kept.gains) == 0:
            constant = float(np.average(problem.target, weights=problem.weights))
            best = replace(kept, constant=constant)
            break
        best = problem.refine(kept)
        weak = np.abs(best.gains) < technology.current_min
    return _result(problem, best, unit, size)


@dataclass(frozen=True)
class _FitState:
    kinds: Floats
    centres: Floats
    gains: Floats
    dividers: Floats
    constant: float
    cost: float = np.inf


@dataclass(frozen=True)
class _EdgeFitProblem:
    """The function as currents at voltages, and the two stages of its fit."""

    voltage: Floats
    target: Floats
    weights: Floats
    technology: AnalogTechnology
    recipe: EdgeFitRecipe

    @property
    def at(self) -> OperatingPoint:
        return OperatingPoint(self.technology)

    @property
    def size(self) -> float:
        """Span of the function in A, the unit of the solver."""
        return float(np.ptp(self.target))

    def penalties(self, shapes: Floats, slopes: Floats) -> Floats:
        """ρ_m: variance due to programming errors of an element of unit tail, after trimming the constant."""
        mean = self.weights @ shapes
        spread = self.weights @ shapes**2 - mean**2
        shift = self.weights @ slopes**2 - (self.weights @ slopes) ** 2
        out: Floats = self.recipe.gain_error**2 * spread + self.recipe.centre_error**2 * shift
        return out

    def shapes(self, state: _FitState, tails: Floats) -> tuple[Floats, Floats]:
        """Curves per unit of tail current `(n, K)` and their derivatives with respect to the voltage."""
        arrays = (state.kinds, state.centres, tails, state.dividers, self.at)
        step = 1e-4
        low, high = (_curves(self.voltage + h, *arrays) / tails for h in (-step, step))
        return _curves(self.voltage, *arrays) / tails, (high - low) / (2 * step)

    def start(self, layout: tuple[Floats, Floats, Floats]) -> _FitState:
        """Tails and constant for given kinds, centres and dividers, by bounded linear least squares."""
        kinds, centres, dividers = layout
        typical = float(np.clip(0.2 * self.size, self.technology.current_min, self.technology.current_max))
        state = _FitState(kinds, centres, np.full(len(centres), typical), dividers, 0.0)
        shapes, slopes = self.shapes(state, state.gains)
        ridge = np.sqrt(self.penalties(shapes, slopes))
        root = np.sqrt(self.weights)[:, None]
        matrix = np.block([[root * shapes, root], [np.diag(ridge), np.zeros((len(ridge), 1))]])
        wanted = np.concatenate([root[:, 0] * self.target, np.zeros(len(ridge))]) / self.size
        limit = np.append(np.full(len(ridge), self.technology.current_max / self.size), np.inf)
        solved = lsq_linear(matrix, wanted, bounds=(-limit, limit))
        gains = solved.x[:-1] * self.size
        return replace(state, gains=gains, constant=float(solved.x[-1]) * self.size, cost=float(2 * solved.cost))

    def refine(self, start: _FitState) -> _FitState:
        """Refines tails, centres and the constant by Gauss-Newton steps with the curves of the device."""
        count, size, technology = len(start.gains), self.size, self.technology
        scale = technology.width(float(start.dividers.min()))
        shapes, slopes = self.shapes(start, np.maximum(np.abs(start.gains), technology.current_min))
        ridge = np.sqrt(self.penalties(shapes, slopes)) * size
        root = np.sqrt(self.weights)

        def unpacked(p: Floats) -> tuple[Floats, Floats, float]:
            return p[:count] * size, p[count : 2 * count] * scale, float(p[-1]) * size

        def residuals(p: Floats) -> Floats:
            gains, centres, constant = unpacked(p)
            curves = _curves(self.voltage, start.kinds, centres, gains, start.dividers, self.at)
            return np.concatenate([root * (curves.sum(1) + constant - self.target), ridge / size * gains]) / size

        def jacobian(p: Floats) -> Floats:
            gains, centres, _ = unpacked(p)
            by_gain, by_centre = self._derivatives(start, gains, centres)
            fit = root[:, None] * np.column_stack([by_gain * size, by_centre * scale, np.full(len(root), size)]) / size
            rows = np.column_stack([np.diag(ridge / size), np.zeros((count, count + 1))])
            return np.concatenate([fit, rows])

        reach = (self.voltage[-1] - self.voltage[0]) / 4 / scale
        ends = [
            (np.full(count, -technology.current_max / size), np.full(count, technology.current_max / size)),
            (np.full(count, self.voltage[0] / scale - reach), np.full(count, self.voltage[-1] / scale + reach)),
            (np.array([-1e6]), np.array([1e6])),
        ]
        low, high = (np.concatenate([end[k] for end in ends]) for k in (0, 1))
        first = np.concatenate([start.gains / size, start.centres / scale, [start.constant / size]])
        first = np.clip(first, low + 1e-9 * np.abs(low), high - 1e-9 * np.abs(high))
        solved = least_squares(
            residuals, first, jacobian, bounds=(low, high), max_nfev=max(1, self.recipe.steps), x_scale=1.0
        )
        gains, centres, constant = unpacked(solved.x)
        return replace(start, gains=gains, centres=centres, constant=constant, cost=float(2 * solved.cost))

    def _derivatives(self, state: _FitState, gains: Floats, centres: Floats) -> tuple[Floats, Floats]:
        """Derivatives of every element's curve with respect to its tail and its centre, `(n, K)` each.

        The first neglects the slight dependence of the curve's shape on its tail; steps are judged by the exact cost anyway.
        """
        h = 1e-4
        here, there = (
            _curves(self.voltage, state.kinds, c, gains, state.dividers, self.at) for c in (centres, centres + h)
        )
        return here / np.where(gains < 0, -1.0, 1.0) / np.maximum(np.abs(gains), _RIDGE), (there - here) / h


def _curves(
    voltage: Floats, kinds: Floats, centres: Floats, gains: Floats, dividers: Floats, at: OperatingPoint
) -> Floats:
    """Signed currents `(n, K)` of elements in A."""
    tails = np.maximum(np.abs(gains), _RIDGE)
    difference = (voltage[:, None] - centres) * dividers
    out = np.empty(difference.shape)
    circuits: dict[str, Callable[[Floats, Floats], Floats]] = {
        "tanh": lambda d, t: np.subtract(*pair_currents(d, t, at)),
        "bump": lambda d, t: np.asarray(bump_current(d, t, at)),
        "constant": lambda d, t: t + 0.0 * d,
    }
    for kind in np.unique(kinds):
        chosen = kinds == kind
        out[:, chosen] = circuits[str(kind)](difference[:, chosen], tails[chosen])
    result: Floats = out * (np.where(gains < 0, -1.0, 1.0) * np.abs(gains) / tails)
    return result


def _layouts(
    span: Span, technology: AnalogTechnology, recipe: EdgeFitRecipe
) -> Iterator[tuple[Floats, Floats, Floats]]:
    """Initial kinds, centres and dividers: spacings by coverage of the span, widths by the spacing."""
    half = (span.high_voltage - span.low_voltage) / 2
    counts = [len(part) for part in np.array_split(np.arange(recipe.max_elements), len(recipe.kinds))]
    seen = set()
    for coverage in _COVERAGE_SHARES:
        for number in range(max(len(_WIDTH_RATIOS[kind]) for kind in recipe.kinds)):
            parts = []
            for kind, count in zip(recipe.kinds, counts, strict=True):
                ratio = _WIDTH_RATIOS[kind][min(number, len(_WIDTH_RATIOS[kind]) - 1)]
                spacing = 2 * half * coverage / max(count - 1, 1)
                divider = _on_raster(technology.width() * ratio / spacing, technology)
                centres = span.middle + half * coverage * np.linspace(-1, 1, count) if count > 1 else [span.middle]
                parts.append(([kind] * count, centres, [divider] * count))
            key = (coverage, *(p[2][0] for p in parts if p[2]))
            if key not in seen:
                seen.add(key)
                yield tuple(np.concatenate([np.asarray(p[k]) for p in parts]) for k in range(3))  # type: ignore[misc]


def _on_raster(divider: float, technology: AnalogTechnology) -> float:
    step = technology.divider_step
    rounded = np.round(divider / step) * step if step > 0 else divider
    low, high = technology.divider_min, technology.divider_max
    if step > 0:
        low, high = np.ceil(low / step - 1e-9) * step, np.floor(high / step + 1e-9) * step
    return float(np.clip(rounded, low, high))


def _normalised(weights: Floats | None, count: int) -> Floats:
    if weights is None:
        return np.full(count, 1 / count)
    if weights.shape != (count,) or not (weights >= 0).all() or weights.sum() <= 0:
        raise DataError(f"weights must be {count} non-negative numbers, not all 0, got shape {weights.shape}.")
    out: Floats = weights / weights.sum()
    return out


def _result(problem: _EdgeFitProblem, state: _FitState, unit: float, size: float) -> EdgeFit:
    order = np.argsort(state.centres, kind="stable")
    elements = tuple(
        Element(str(state.kinds[m]), float(state.centres[m]), float(state.gains[m]), float(state.dividers[m]))
        for m in order
    )
    error = (edge_current(problem.voltage, elements, problem.at) + state.constant - problem.target) * unit / size
    variance = 0.0
    if elements:
        shapes, slopes = problem.shapes(state, np.abs(state.gains))
        variance = float(problem.penalties(shapes, slopes) @ state.gains**2) * (unit / size) ** 2
    rms = float(np.sqrt(np.mean(error**2)))
    return EdgeFit(
        elements, state.constant, unit, rms, float(np.abs(error).max()), float(np.sqrt(rms**2 + variance)), size
    )
