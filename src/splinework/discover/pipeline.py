"""`discover`: tries plans from simple to rich, takes the promising ones to formulas, keeps the shortest description."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from splinework.discover.plans import Plan, only, plans
from splinework.discover.scales import choose_scale, describe
from splinework.discover.structure import simplified
from splinework.discover.trial import trial_fit
from splinework.errors import DataError, ShapeError
from splinework.network import KAN
from splinework.symbolic import FormulaTable, symbolify
from splinework.train import History, Penalty, Roughness
from splinework.train.callbacks import Callback

Array = NDArray[np.float64]
FEWEST_ROWS = 8
GOOD = 0.05
"""A plan with a smaller held-out error, relative to the spread of y, is refined at once: there is hardly any noise."""
NEARLY_EXACT = 1e-4
"""A refined plan with a smaller held-out error is taken to formulas at once, before other plans are tried."""
OVERFITTED = 1.1
"""A held-out error beyond this many times the fitted one is a reason to smooth."""
TIE = 3.0
"""Nats within which two plans count as equally good, and the simpler one is taken."""
EXACT = 1e-8
"""A formula with a smaller error, relative to the spread of y, is taken as exact: nothing else is tried."""


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
        """Root mean squared error on the held-out rows, relative to the spread of y; infinite where undefined."""
        return self._error(predict, self.held_x, self.held_y)

    def fitted_error(self, predict: Callable[[Array], Array]) -> float:
        """The same on the rows that were fitted."""
        return self._error(predict, self.x, self.y)

    def _error(self, predict: Callable[[Array], Array], x: Array, y: Array) -> float:
        with np.errstate(all="ignore"):
            gap = self.flat(predict(x)) - self.flat(y)
        value = float(np.sqrt((gap**2).mean())) / (float(self.flat(self.y).std()) or 1.0)
        return value if math.isfinite(value) else math.inf


@dataclass(frozen=True)
class _Trial:
    """A short fit of a plan, and its error on the held-out rows relative to the spread."""

    plan: Plan
    model: KAN
    history: History
    error: float
    penalties: tuple[Penalty, ...] = ()
    refined: bool = False


def discover(
    x: Any,
    y: Any,
    *,
    names: Sequence[str] | None = None,
    target: str = "y",
    shape: Sequence[Any] | None = None,
    budget: float = 60.0,
    seed: int = 0,
    progress: bool = True,
    on_stage: Callable[[str], None] | None = None,
    callbacks: Sequence[Callback] = (),
) -> FormulaTable:
    """From rows of data to formulas and the network they come from, without a setting to choose.

    Args:
        x: `(N, d)` array or frame.
        y: `(N,)`.
        names: Names of the columns of x; a frame brings its own.
        target: Name of y.
        shape: Try only this shape.
        budget: About how many seconds to take.
        seed: Seed of everything random; the same seed gives the same result where time does not run out.
        progress: Shows on a terminal what is being done.
        on_stage: Told in words what is being done; then `progress` shows nothing.
        callbacks: Functions of a `Step` of the fits.

    Returns:
        The table; its `model` is the fitted and pruned network, in raw units, its `history` that of the fit that led to it.

    Raises:
        ShapeError: If x and y do not fit each other.
        DataError: For fewer than 8 rows, or values that are not finite.
    """
    if names is None and hasattr(x, "columns"):
        names = [str(c) for c in x.columns]
    xs, ys = np.asarray(x, dtype=float), np.asarray(y, dtype=float).reshape(-1)
    _check(xs, ys)
    labels = tuple(names) if names is not None else tuple(f"x{i + 1}" for i in range(xs.shape[1]))
    say = on_stage or _silent
    scales = tuple(choose_scale(column) for column in xs.T)
    output_scale = choose_scale(ys)
    notes = describe((*labels, target), np.column_stack([xs, ys]), (*scales, output_scale))
    rows = _split(xs, ys, output_scale, seed)
    todo = only(shape, scales, output_scale) if shape is not None else plans(xs, ys, scales, output_scale)
    search = _Search(rows, xs, ys, labels, target, seed, say, tuple(callbacks), time.monotonic() + budget)
    search.run(todo, 0.5 * budget)
    shortest = min(answer.table.best.description for answer in search.found)
    found = next(answer for answer in search.found if answer.table.best.description < shortest + TIE)
    notes += [*search.notes, f"chosen: {found.plan}", *_verdict(found, rows)]
    return FormulaTable(_merged([answer.table for answer in search.found]), tuple(notes), found.model, found.history)


@dataclass(frozen=True)
class _Answer:
    """A plan taken to formulas."""

    plan: Plan
    model: KAN
    history: History
    table: FormulaTable


@dataclass
class _Search:
    """Goes through the plans: a short fit of each; the good ones are taken to formulas, until one is exact."""

    rows: _Rows
    x: Array
    y: Array
    names: tuple[str, ...]
    target: str
    seed: int
    say: Callable[[str], None]
    callbacks: tuple[Callback, ...]
    deadline: float
    found: list[_Answer] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def run(self, todo: list[Plan], screening: float) -> None:
        """Tries the plans in order, for `screening` seconds at most; what is nearly exact goes on at once."""
        until = time.monotonic() + screening
        trials: list[_Trial] = []
        level = np.log(self.rows.y).mean() if self.rows.scale == "log" else self.rows.y.mean()
        constant = self.rows.error(
            lambda held: np.full(len(held), np.exp(level) if self.rows.scale == "log" else level)
        )
        good = GOOD
        for number, plan in enumerate(todo):
            left = until - time.monotonic()
            if trials and left <= 0:
                self.notes.append(f"time ran out before {len(todo) - number} of {len(todo)} shapes were tried")
                break
            self.say(f"trying {plan}")
            trial = self._try(plan, seconds=max(left, 1.0))
            trials.append(trial)
            if trial.error < good:
                trials[-1] = refined = self._refined(trial)
                good = 0.3 * refined.error
                if refined.error < NEARLY_EXACT and self._take(refined):
                    return
        for trial in _promising(trials, constant):
            if self.found and time.monotonic() > self.deadline:
                self.notes.append("time ran out before every promising shape was taken to a formula")
                return
            taken = any(answer.plan == trial.plan for answer in self.found)
            if not taken and self._take(trial if trial.refined else self._refined(trial)):
                return

    def _refined(self, trial: _Trial) -> _Trial:
        """The trial with grids as fine as pay and without the edges that do not matter."""
        self.say(f"refining {trial.plan}")
        left = max(self.deadline - time.monotonic(), 2.0)
        rows = self.rows
        model, history = simplified(
            trial.model,
            rows.x,
            rows.y,
            rows.held_x,
            rows.held_y,
            seed=self.seed,
            seconds=left / 2,
            fallback=trial.history,
            penalties=trial.penalties,
        )
        return _Trial(trial.plan, model, history, rows.error(_predictor(model)), trial.penalties, refined=True)

    def _take(self, trial: _Trial) -> bool:
        """To formulas; True if one is exact."""
        self.say(f"formulas for {trial.plan}")
        rows = self.rows
        left = max(self.deadline - time.monotonic(), 2.0)
        table = symbolify(trial.model, self.x, self.y, seconds=left / 2, scale=rows.scale)
        self.found.append(_Answer(trial.plan, trial.model, trial.history, table))
        with np.errstate(all="ignore"):
            gap = rows.flat(table.numpy()(self.x)) - rows.flat(self.y)
        return float(np.sqrt((gap**2).mean())) < EXACT * float(rows.flat(self.y).std())

    def _try(self, plan: Plan, *, seconds: float) -> _Trial:
        """The plan's network at a grid that the rows can bear; under noise smoothed as held-out rows ask."""
        rows = self.rows
        model = KAN(
            list(plan.shape),
            basis=plan.bases(_affordable_grid(plan, len(rows.y))),
            base=plan.base,
            names=self.names,
            output_names=[self.target],
            input_scales=plan.input_scales,
            output_scales=(plan.output_scale,),
            generator=torch.Generator().manual_seed(self.seed),
            dtype=torch.float64,
        )
        best: _Trial | None = None
        for penalties in ((), (Roughness(1e-4),), (Roughness(1e-2),)):
            result = trial_fit(
                model if best is None else best.model,
                rows.x,
                rows.y,
                validation=(rows.held_x, rows.held_y),
                seed=self.seed,
                progress=False,
                grids=None,
                starts=4 if best is None and len(plan.shape) > 2 else 1,
                standardise=best is None,
                penalties=penalties,
                seconds=seconds,
                callbacks=self.callbacks,
            )
            trial = _Trial(plan, result.model, result.history, rows.error(_predictor(result.model)), penalties)
            if best is not None and trial.error >= best.error:
                break
            best = trial
            if trial.error < max(GOOD, OVERFITTED * rows.fitted_error(_predictor(result.model))):
                break  # hardly any noise, or no sign of having followed it: nothing to smooth
        assert best is not None
        return best


def _silent(text: str) -> None:
    """Tells nobody."""


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


def _sized(plan: Plan, grid: int) -> int:
    """Number of parameters of the plan's network at a grid."""
    own = torch.Generator()  # the global one is not to be touched
    return KAN(list(plan.shape), basis=plan.bases(grid), base=plan.base, generator=own).parameter_count()


def _affordable_grid(plan: Plan, rows: int) -> int:
    """The largest of 5, 3, 2, 1 intervals that leaves three rows per parameter."""
    for grid in (5, 3, 2):
        if _sized(plan, grid) * 3 <= rows:
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
    simple = 3 * limit if best < 0.02 else 1.1 * best  # the simplest plan gets a chance to be short
    close = [t for t in trials if t.error <= (simple if t.plan == trials[0].plan else limit)]
    return sorted(close, key=lambda t: (t.plan.complexity, t.error))[:4]


def _merged(tables: list[FormulaTable]) -> tuple[Any, ...]:
    """All rows that no other beats in both complexity and error, shortest description first."""
    unique = {str(row): row for table in tables for row in table.rows}
    ordered = sorted(unique.values(), key=lambda row: row.description)
    kept = [
        row
        for row in ordered
        if row is ordered[0] or not any(o.complexity <= row.complexity and o.rmse < row.rmse for o in ordered)
    ]
    return tuple(kept[:10])


def _verdict(found: _Answer, rows: _Rows) -> list[str]:
    """Whether there is a formula, and whether it is as good as the network."""
    best = found.table.best
    if not best.inputs:
        return [f"no formula explains {best.target}: nothing predicts it better than a constant"]
    formula, network = rows.error(found.table.numpy()), rows.error(_predictor(found.model))
    if formula > 1.2 * network + 1e-6:
        return [
            f"no formula of the library explains these data as well as the network does (held-out error {formula:.3g} "
            f"against {network:.3g} of the spread); the best attempt is given"
        ]
    return []
