"""Formulas from networks: plans from simple to rich, a short fit of each; good ones are refined, pruned and read as formulas."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from splinework.discover.options import SearchOptions
from splinework.discover.plans import Plan
from splinework.discover.structure import simplified, trial_fit
from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import Splines
from splinework.interpret.symbolic.formulas_of_edges import propose
from splinework.interpret.symbolic.library import LIBRARY, LibraryFunction
from splinework.nn.network import KAN
from splinework.train import History, Penalty, Roughness, TrainingOptions
from splinework.train.parallel import in_parallel
from splinework.train.progress_line import jobs

Array = NDArray[np.float64]
MAX_GOOD_ERROR = 0.05
"""Held-out error, relative to the spread of y, below which a plan is refined at once, as there is hardly any noise."""


@dataclass(frozen=True)
class SplitRows:
    """Rows to fit and rows held out, and how errors are compared: on y's scale, relative to its spread."""

    x: Array
    y: Array
    held_x: Array
    held_y: Array
    scale: str = "linear"
    weights: Array | None = None

    @classmethod
    def of(cls, data: FitTarget, seed: int) -> "SplitRows":
        """Holds out a fifth, at least four rows and at most 2000."""
        order = np.random.default_rng(seed).permutation(len(data.y))
        count = min(max(round(0.2 * len(order)), 4), 2000)
        held, used = order[:count], order[count:]
        weights = None if data.weights is None else data.weights[used]
        return cls(data.x[used], data.y[used], data.x[held], data.y[held], data.scale, weights)

    def flat(self, y: Array) -> Array:
        """Values of y on the scale on which errors are compared."""
        return np.log(y) if self.scale == "log" else y

    def squares(self, predict: Callable[[Array], Array]) -> Array:
        """Squared errors on the rows held out, relative to the variance of y; infinite where undefined."""
        with np.errstate(all="ignore"):
            gap = (self.flat(predict(self.held_x)) - self.flat(self.held_y)) / (float(self.flat(self.y).std()) or 1.0)
            return np.where(np.isfinite(gap), gap**2, math.inf)

    def error(self, predict: Callable[[Array], Array], *, fitted: bool = False) -> float:
        """Root mean square on the rows held out, or those fitted, relative to the spread of y; infinite where undefined."""
        x, y = (self.x, self.y) if fitted else (self.held_x, self.held_y)
        with np.errstate(all="ignore"):
            gap = self.flat(predict(x)) - self.flat(y)
        value = float(np.sqrt((gap**2).mean())) / (float(self.flat(self.y).std()) or 1.0)
        return value if math.isfinite(value) else math.inf

    @property
    def constant(self) -> float:
        """The held-out error of the best constant."""
        level = float(self.flat(self.y).mean())
        value = math.exp(level) if self.scale == "log" else level
        return self.error(lambda x: np.full(len(x), value))


@dataclass(frozen=True)
class NetworkTrial:
    """A fit of a plan, and its error on the held-out rows relative to the spread."""

    plan: Plan
    model: KAN
    history: History
    error: float
    penalties: tuple[Penalty, ...] = ()
    refined: bool = False


@dataclass
class NetworkSearch:
    """Goes through the plans.

    Attributes:
        rows: The data.
        names: Names of the columns.
        target: Name of y.
        options: Options of the search, of which the seed and the callbacks are used.
        on_stage: Function called with a text at the beginning of each stage.
        deadline: Time of `clock`.
        offer: Function called with an expression over the columns and the splines in it.
        done: Function that says whether an offered expression is good enough to stop.
        library: Functions for edges.
        trials: The fits so far.
        notes: Decisions of the search.
    """

    rows: SplitRows
    names: tuple[str, ...]
    target: str
    options: SearchOptions
    on_stage: Callable[[str], None]
    deadline: float
    offer: Callable[[Any, Splines], object]
    done: Callable[[], bool]
    library: Sequence[LibraryFunction] = LIBRARY
    trials: list[NetworkTrial] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def best(self) -> NetworkTrial | None:
        """The trial with the least held-out error; of those that are about as good, the simplest."""
        if not self.trials:
            return None
        least = min(trial.error for trial in self.trials)
        return min((t for t in self.trials if t.error <= 1.02 * least + 1e-9), key=lambda t: t.plan.complexity)

    def run(self, todo: Sequence[Plan], screening: float) -> None:
        """Tries the plans in order, for `screening` seconds at most; what is nearly exact goes on at once."""
        until = clock.now() + screening
        good = MAX_GOOD_ERROR
        taken: list[Plan] = []
        waiting: list[NetworkTrial] = []
        for number, plan in enumerate(todo):
            left = until - clock.now()
            if self.trials and left <= 0 and not waiting:
                self.notes.append(f"time ran out before {len(todo) - number} of {len(todo)} shapes were tried")
                break
            if not waiting:
                waiting = self._tried(todo[number : number + jobs()], budget=max(left, 1.0))
            self.trials.append(waiting.pop(0))
            if self.trials[-1].error < good:
                self.trials[-1] = refined = self._refined(self.trials[-1])
                good = 0.3 * refined.error
                if refined.error < 1e-4:
                    taken.append(plan)
                    if self._take(refined):
                        return
        for index in _promising(self.trials, self.rows.constant):
            trial = self.trials[index]
            if clock.now() > self.deadline:
                self.notes.append("time ran out before every promising shape was taken to a formula")
                return
            if trial.plan in taken:
                continue
            if not trial.refined:
                self.trials[index] = trial = self._refined(trial)
            if self._take(trial):
                return

    def only(self, plan: Plan, *, budget: float) -> NetworkTrial:
        """One short fit, for a network where a formula was found without any."""
        self.trials += self._tried([plan], budget=budget, verb="fitting")
        return self.trials[-1]

    def _tried(self, plans: Sequence[Plan], *, budget: float, verb: str = "trying") -> list[NetworkTrial]:
        """The plans' networks, several at once where joblib is configured for it; callbacks stay in this process."""
        self.on_stage(f"{verb} {' and '.join(map(str, plans))}")
        common = self._common if len(plans) > 1 else replace(self._common, callbacks=self.options.callbacks)
        return in_parallel(_try, [(plan, self.rows, self.names, self.target, common, budget) for plan in plans])

    @property
    def _common(self) -> TrainingOptions:
        """Options that all fits have in common."""
        return TrainingOptions(validation=(self.rows.held_x, self.rows.held_y), seed=self.options.seed, progress=False)

    def _refined(self, trial: NetworkTrial) -> NetworkTrial:
        """The trial with grids as fine as pay and without the edges that do not matter."""
        self.on_stage(f"refining {trial.plan}")
        left = max(self.deadline - clock.now(), 2.0)
        rows = self.rows
        options = replace(self._common, starts=1, standardise=False, penalties=trial.penalties)
        model, history = simplified(
            trial.model, rows.x, rows.y, options=options, budget=left / 2, fallback=trial.history
        )
        return NetworkTrial(trial.plan, model, history, rows.error(predictor(model)), trial.penalties, refined=True)

    def _take(self, trial: NetworkTrial) -> bool:
        """Offers formulas of a trial; True if one is good enough."""
        self.on_stage(f"formulas for {trial.plan}")
        until = clock.now() + max(self.deadline - clock.now(), 2.0) / 2
        model = trial.model.double().requires_grad_(False)
        x, y = (torch.from_numpy(np.ascontiguousarray(v)) for v in (self.rows.x, self.rows.y[:, None]))
        with np.errstate(all="ignore"):  # a search looks into every corner; what is not finite there is refused
            for expressions, splines in propose(model, x, y, library=self.library, deadline=until):
                self.offer(expressions[0], splines)
        return self.done()


def _try(
    plan: Plan, rows: SplitRows, names: tuple[str, ...], target: str, common: TrainingOptions, budget: float
) -> NetworkTrial:
    """The plan's network at a grid that the rows can bear; under noise smoothed as held-out rows ask."""
    model = KAN(
        list(plan.shape),
        basis=plan.bases(_affordable_grid(plan, len(rows.y))),
        base=plan.base,
        names=names,
        output_names=[target],
        input_scales=plan.input_scales,
        output_scales=(plan.output_scale,),
        generator=torch.Generator().manual_seed(common.seed),
        dtype=torch.float64,
    )
    best: NetworkTrial | None = None
    for penalties in ((), (Roughness(1e-4),), (Roughness(1e-2),)):
        options = replace(
            common,
            grids=None,
            starts=4 if best is None and len(plan.shape) > 2 else 1,
            standardise=best is None,
            penalties=penalties,
            budget=budget,
            weights=rows.weights,
        )
        result = trial_fit(model if best is None else best.model, rows.x, rows.y, options)
        trial = NetworkTrial(plan, result.model, result.history, rows.error(predictor(result.model)), penalties)
        if best is not None and trial.error >= best.error:
            break
        best = trial
        if trial.error < max(MAX_GOOD_ERROR, 1.1 * rows.error(predictor(result.model), fitted=True)):
            break  # hardly any noise, or no sign of having followed it: nothing to smooth
    assert best is not None
    return best


def _affordable_grid(plan: Plan, rows: int) -> int:
    """The largest of 5, 3, 2, 1 intervals that leaves three rows per parameter; of 20, 10 too where edges are simply added."""
    grids = (20, 10, 5, 3, 2) if len(plan.shape) == 2 else (5, 3, 2)
    own = torch.Generator()  # the global one is not to be touched
    for grid in grids:
        model = KAN(list(plan.shape), basis=plan.bases(grid), base=plan.base, generator=own)
        if 3 * model.parameter_count() <= rows:
            return grid
    return 1


def predictor(model: KAN) -> Callable[[Array], Array]:
    """The model's only output as a function of arrays."""

    @torch.no_grad()
    def predict(x: Array) -> Array:
        return np.asarray(model(torch.from_numpy(np.ascontiguousarray(x)))[:, 0].numpy())

    return predict


def _promising(trials: Sequence[NetworkTrial], constant: float) -> list[int]:
    """Plans about as good as the best, simple ones first; where nothing beats a constant, the simplest alone."""
    if not trials:
        return []
    best = min(trial.error for trial in trials)
    if best > 0.98 * constant:
        return [0]
    limit = 10 * best + 1e-3 if best < 0.02 else 1.05 * best
    simple = 3 * limit if best < 0.02 else 1.1 * best  # the simplest plan gets a chance to be short
    close = [n for n, t in enumerate(trials) if t.error <= (simple if n == 0 else limit)]
    return sorted(close, key=lambda n: (trials[n].plan.complexity, trials[n].error))[:4]
