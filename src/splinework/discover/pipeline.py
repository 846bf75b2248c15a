"""`discover`: tries plans from simple to rich, takes the promising ones to formulas, and keeps the shortest description."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from splinework.discover.plans import Plan, only, plans
from splinework.discover.scales import choose_scale, describe
from splinework.discover.structure import simplified
from splinework.errors import DataError, ShapeError
from splinework.network import KAN
from splinework.symbolic import FormulaTable, symbolify
from splinework.train import FitResult, History, Roughness, fit
from splinework.train.callbacks import Callback

Array = NDArray[np.float64]
FEWEST_ROWS = 8
EXACT = 1e-8
"""A formula with a smaller error, relative to the spread of y, is taken as exact: nothing else is tried."""


@dataclass(frozen=True)
class Discovery:
    """What was found.

    Attributes:
        model: The fitted and pruned network; takes raw units.
        table: Formulas, best first.
        history: Of the fit that led to `model`.
        notes: What was decided on the way, in sentences.
    """

    model: KAN
    table: FormulaTable
    history: History
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Rows:
    """Rows to fit and rows held out, and how errors are compared: on y's scale, relative to its spread."""

    x: Array
    y: Array
    held_x: Array
    held_y: Array
    scale: str

    def flat(self, y: Array) -> Array:
        return np.log(y) if self.scale == "log" else y

    def error(self, predict: Callable[[Array], Array]) -> float:
        """Root mean squared error on the held-out rows over the spread of y there; infinite where undefined."""
        with np.errstate(all="ignore"):
            gap = self.flat(predict(self.held_x)) - self.flat(self.held_y)
        value = float(np.sqrt((gap**2).mean())) / (float(self.flat(self.y).std()) or 1.0)
        return value if math.isfinite(value) else math.inf


@dataclass(frozen=True)
class _Trial:
    plan: Plan
    result: FitResult
    error: float


def discover(
    x: Any,
    y: Any,
    *,
    names: Sequence[str] | None = None,
    target: str = "y",
    shape: Sequence[Any] | None = None,
    seconds: float = 45.0,
    seed: int = 0,
    on_stage: Callable[[str], None] | None = None,
    callbacks: Sequence[Callback] = (),
) -> Discovery:
    """From rows of data to a fitted model and its formulas, without a setting to choose.

    Args:
        x: `(N, d)` array or frame.
        y: `(N,)`.
        names: Names of the columns of x; a frame brings its own.
        target: Name of y.
        shape: Try only this shape.
        seconds: About how much time to take.
        seed: Seed of everything random; the same seed gives the same result where time does not run out.
        on_stage: Told in words what is being done.
        callbacks: Functions of a `Step` of the fits.

    Raises:
        ShapeError: If x and y do not fit each other.
        DataError: For fewer than 8 rows, or values that are not finite.
    """
    if names is None and hasattr(x, "columns"):
        names = [str(c) for c in x.columns]
    xs, ys = np.asarray(x, dtype=float), np.asarray(y, dtype=float).reshape(-1)
    _check(xs, ys)
    labels = tuple(names) if names is not None else tuple(f"x{i + 1}" for i in range(xs.shape[1]))
    say = on_stage or (lambda text: None)
    deadline = time.monotonic() + seconds
    scales = tuple(choose_scale(column) for column in xs.T)
    output_scale = choose_scale(ys)
    notes = describe((*labels, target), np.column_stack([xs, ys]), (*scales, output_scale))
    rows = _split(xs, ys, output_scale, seed)
    todo = only(shape, scales, output_scale) if shape is not None else plans(xs, ys, scales, output_scale)
    settings = _Settings(labels, target, seed, tuple(callbacks))
    say("screening")
    trials = _screen(rows, todo, settings, say, deadline=time.monotonic() + 0.4 * seconds)
    constant = rows.error(lambda held: np.full(len(held), _level(rows)))
    best = min(trials, key=lambda t: t.error)
    promising = _promising(trials, constant)
    found: list[tuple[KAN, FormulaTable, History, Plan]] = []
    for trial in promising:
        if found and time.monotonic() > deadline - 0.15 * seconds:
            notes.append("the time was used up before every promising shape was tried")
            break
        say(f"refining {trial.plan}")
        left = max(deadline - time.monotonic(), 2.0)
        model, history = simplified(trial.result.model, rows.x, rows.y, rows.held_x, rows.held_y, seed=seed, seconds=left / 2)
        say(f"formulas for {trial.plan}")
        table = symbolify(model, xs, ys)
        found.append((model, table, history, trial.plan))
        if table.best.r2 > 1 - EXACT**2 or _relative(table, rows, xs, ys) < EXACT:
            break
    model, table, history, plan = min(found, key=lambda entry: entry[1].best.description)
    notes.append(f"chosen: {plan}")
    notes += _verdict(table, model, rows, constant, best.error)
    return Discovery(model, FormulaTable(_merged([t for _, t, _, _ in found]), tuple(notes)), history, tuple(notes))


@dataclass(frozen=True)
class _Settings:
    names: tuple[str, ...]
    target: str
    seed: int
    callbacks: tuple[Callback, ...]


def _check(x: Array, y: Array) -> None:
    if x.ndim != 2 or len(x) != len(y):
        raise ShapeError(f"discover takes x of shape (rows, columns) and as many y, got {x.shape} and {y.shape}.")
    if len(y) < FEWEST_ROWS:
        raise DataError(f"a formula needs at least {FEWEST_ROWS} rows to be more than a guess, got {len(y)}.")
    bad = int((~np.isfinite(x)).sum() + (~np.isfinite(y)).sum())
    if bad:
        raise DataError(f"the data have {bad} values that are not finite numbers; drop or fill those rows first.")


def _split(x: Array, y: Array, scale: str, seed: int) -> _Rows:
    """Holds out a fifth, at least four rows and at most 2000."""
    order = np.random.default_rng(seed).permutation(len(y))
    count = min(max(round(0.2 * len(y)), 4), 2000)
    held, used = order[:count], order[count:]
    return _Rows(x[used], y[used], x[held], y[held], scale)


def _level(rows: _Rows) -> float:
    level = float(rows.flat(rows.y).mean())
    return math.exp(level) if rows.scale == "log" else level


def _screen(
    rows: _Rows, todo: list[Plan], settings: _Settings, say: Callable[[str], None], deadline: float
) -> list[_Trial]:
    """A short fit of every plan; the first always, the others while there is time."""
    trials: list[_Trial] = []
    for number, plan in enumerate(todo):
        left = deadline - time.monotonic()
        if trials and left <= 0:
            break
        say(f"trying {plan}")
        share = max(left, 1.0) / (len(todo) - number) * 1.5
        trial = _try(rows, plan, settings, seconds=max(share, 1.0))
        trials.append(trial)
        if trial.error < 1e-6:
            break
    return trials


def _try(rows: _Rows, plan: Plan, settings: _Settings, *, seconds: float) -> _Trial:
    """The plan's network at a grid that the rows can bear; the strength of smoothing by the held-out error."""
    grid = _affordable_grid(plan, len(rows.y))
    results = []
    generator = torch.Generator().manual_seed(settings.seed)
    model = KAN(
        list(plan.shape),
        grid=grid,
        names=settings.names,
        output_names=[settings.target],
        input_scales=plan.input_scales,
        output_scales=(plan.output_scale,),
        generator=generator,
        dtype=torch.float64,
    )
    for weight in (0.0, 1e-4, 1e-2):
        result = fit(
            model,
            rows.x,
            rows.y,
            validation=(rows.held_x, rows.held_y),
            seed=settings.seed,
            progress=False,
            grids=None,
            starts=4 if len(plan.shape) > 2 else 1,
            standardise=True,
            penalties=(Roughness(weight),) if weight else (),
            seconds=seconds,
            callbacks=settings.callbacks,
        )
        results.append(_Trial(plan, result, rows.error(_predictor(result.model))))
        if results[0].error < 0.02:
            break  # hardly any noise: nothing to smooth
    return min(results, key=lambda trial: trial.error)


def _affordable_grid(plan: Plan, rows: int) -> int:
    """The largest of 5, 3, 2, 1 intervals that leaves three rows per parameter."""
    for grid in (5, 3, 2):
        if KAN(list(plan.shape), grid=grid).parameter_count() * 3 <= rows:
            return grid
    return 1


def _predictor(model: KAN) -> Callable[[Array], Array]:
    @torch.no_grad()
    def predict(x: Array) -> Array:
        return np.asarray(model(torch.from_numpy(np.ascontiguousarray(x)))[:, 0].numpy())

    return predict


def _promising(trials: list[_Trial], constant: float) -> list[_Trial]:
    """Plans about as good as the best, simple ones first; where nothing beats a constant, the simplest alone."""
    best = min(trial.error for trial in trials)
    if best > 0.98 * constant:
        return trials[:1]
    limit = 10 * best + 1e-3 if best < 0.02 else 1.05 * best
    return sorted((t for t in trials if t.error <= limit), key=lambda t: (t.plan.complexity, t.error))[:4]


def _relative(table: FormulaTable, rows: _Rows, x: Array, y: Array) -> float:
    """Error of the best formula on all rows, relative to the spread of y, on y's scale."""
    with np.errstate(all="ignore"):
        gap = rows.flat(table.numpy()(x)) - rows.flat(y)
    return float(np.sqrt((gap**2).mean())) / (float(rows.flat(y).std()) or 1.0)


def _merged(tables: list[FormulaTable]) -> tuple[Any, ...]:
    """All rows that no other beats in both complexity and error, shortest description first."""
    unique = {row.text: row for table in tables for row in table.rows}
    ordered = sorted(unique.values(), key=lambda row: row.description)
    kept = [
        row
        for row in ordered
        if row is ordered[0] or not any(o.complexity <= row.complexity and o.rmse < row.rmse for o in ordered)
    ]
    return tuple(kept[:10])


def _verdict(table: FormulaTable, model: KAN, rows: _Rows, constant: float, best: float) -> list[str]:
    """Whether there is a formula, and whether it is as good as the network."""
    if not table.best.inputs:
        return [f"no formula explains {table.best.target}: nothing predicts it better than its mean"]
    formula, network = rows.error(table.numpy()), rows.error(_predictor(model))
    if formula > 1.2 * network + 1e-6:
        return [
            f"no formula of the library explains these data as well as the network does (held-out error {formula:.3g} "
            f"against {network:.3g} of the spread); the best attempt is given"
        ]
    return []
