"""The smooth rival of curves and networks: a Gaussian process, or a sum of splines on grids as fine as the rows ask for.

Where the target is smooth and rows are few, or covariates act together, the process is ahead of all else; where it is a sum of
waves, the splines are. Their predictions of rows that they have not seen are known in closed form, so the held-out loss says
which is. The splines are a network; on the mean of a process, blended with them, one is trained (`train/distillation.py`), and
that is what is handed back.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from splinework.errors import FitWarning
from splinework.nn.network import KAN
from splinework.splines.bases import DEFAULT_BASE
from splinework.tabular.ensemble import ProgressCallback
from splinework.train.additive import SumOfCurves, is_estimable, judged_fit
from splinework.train.additive_network import put_curves, take_curves
from splinework.train.between_rows import N_COMPARED_POINTS, is_significant, new_points
from splinework.train.boosting import BoostingTeacher, better_trees
from splinework.train.callbacks import Step, StopTraining
from splinework.train.covariance import Covariance, depends_on
from splinework.train.curve import MIN_ROWS as MIN_CURVE_ROWS
from splinework.train.data_objective import DataObjective
from splinework.train.data_split import DataSplit, Samples, set_units
from splinework.train.distillation import teach
from splinework.train.fitting import conduct
from splinework.train.losses import Squared
from splinework.train.options import TrainingOptions
from splinework.train.plan import make_plan
from splinework.train.process_teacher import ProcessTeacher, estimated_curve
from splinework.train.run import TrainingRun
from splinework.train.teacher import MIN_ROWS

MAX_ROWS, MAX_COVARIATES, MAX_TARGETS = 10_000, 64, 4
"""Sizes up to which the rival is fitted."""
MAX_CURVE_ROWS, MAX_CURVE_VALUES = 100_000, 2_000_000
"""Rows, and values of covariates, up to which curves may be the rival; beyond `MAX_ROWS` a process knows too few of them."""
MIN_FITTED_ROWS, MAX_FITTED_ROWS = 500, 10_000
"""Rows from which on a network may be fitted to the rows themselves, and the most that it sees."""
MAX_HIDDEN, MAX_PARAMETERS, GRID, DEGREE = 11, 1000, 5, 3
"""Hidden nodes of the network (two per covariate and one, but no more parameters than this), and its splines."""
MAX_MISFIT, MAX_WIDER_PARAMETERS = 0.5, 1500
"""Share of the estimate's uncertainty from which on a second network is tried, and most parameters of that: training takes time
in proportion to their cube."""


@dataclass(frozen=True)
class SmoothEstimate:
    """A smooth estimate of the target, and the network that is it or will learn it.

    Attributes:
        out_of_fold: Prediction of every row without its fold, or of many rows without itself, `(n, q)` in the units of y.
        objective: The rows in units of the network.
        teacher: The Gaussian process, or boosted trees beside it; None where splines are the estimate.
        curves: The splines of several covariates; None where there is one, whose spline the network is already.
    """

    out_of_fold: Tensor
    objective: DataObjective
    teacher: ProcessTeacher | BoostingTeacher | None
    curves: SumOfCurves | None = None

    @property
    def process(self) -> ProcessTeacher | None:
        """The teacher, where it is a process."""
        return self.teacher if isinstance(self.teacher, ProcessTeacher) else None

    @property
    def noise(self) -> float:
        """The standard deviation of the noise that a process sees, in the units of y; infinite where there is none."""
        scale = float(self.objective.model.output_scaling.scale.square().mean().sqrt())
        return math.inf if self.process is None else self.process.noise * scale

    def network(self, seed: int, max_iter: int, on_step: ProgressCallback) -> tuple[KAN, float]:
        """The network in raw units, and the mean square by which it differs from the estimate, in the units of y.

        Where it differs by more than half of the estimate's own uncertainty, which adds an eighth to the error, one with twice
        the hidden nodes is tried.
        """
        if self.teacher is None and self.curves is None:
            return self.objective.model, 0.0

        tell = step_teller(on_step, "smooth", max_iter)
        run = TrainingRun(None, torch.Generator().manual_seed(seed), callbacks=(tell,), remaining=max_iter)
        if self.teacher is None:
            assert self.curves is not None
            plan = make_plan(self.objective, TrainingOptions(), smooth=False)
            with torch.inference_mode(False), torch.enable_grad():
                take_curves(run, self.objective, plan, self.curves)
            assert run.best is not None
            return run.best, 0.0
        uncertainty = self.teacher.uncertainty(new_points(self.objective.u, N_COMPARED_POINTS, seed))
        with torch.inference_mode(False), torch.enable_grad():
            model, misfit = self._taught(run, self.objective, seed)
            inputs, hidden, outputs = model.config.shape
            larger = _in_same_units(self.objective.model, [inputs, 2 * hidden, outputs], seed)
            close_idle_inputs(larger, self.objective.model.kan_layers[0].mask.any(1))
            small = larger.parameter_count() <= MAX_WIDER_PARAMETERS
            if misfit > MAX_MISFIT * uncertainty and small and not run.over:
                wider, less = self._taught(run, self.objective.on(larger), seed)
                if less < misfit:
                    model, misfit = wider, less
        return model, misfit**2 * float(self.objective.model.output_scaling.scale.square().mean())

    def _taught(self, run: TrainingRun, objective: DataObjective, seed: int) -> tuple[KAN, float]:
        """The network of an objective that the teacher trained, and the root mean square by which it differs, in its units."""
        assert self.teacher is not None
        plan = replace(make_plan(objective, TrainingOptions(), smooth=False), smooths="never")
        model, _ = teach(run, objective, plan, self.teacher, seed, rough=self.process is None)
        return model, run.best_score


def smooth_estimates(
    x: Tensor,
    y: Tensor,
    weights: Tensor,
    *,
    seed: int,
    names: Sequence[str] | None = None,
    covariances: tuple[Covariance, ...] = (),
) -> list[SmoothEstimate]:
    """The smooth estimates: splines, and a Gaussian process; none of tables that are too small, too long or too wide.

    Where boosted trees predict left-out rows better than the process by more than a standard error, they are a further one,
    blended with it. The search for the process goes on from the covariances, where some are given.
    """
    count, inputs, outputs = len(x), x.shape[1], y.shape[1]
    short = MIN_ROWS <= count <= min(MAX_CURVE_ROWS, MAX_CURVE_VALUES // inputs)
    if not (short and inputs <= MAX_COVARIATES and outputs <= MAX_TARGETS):
        return []
    model = network_for(inputs, outputs, seed, names)
    set_units(model, x, y, always=True)
    objective = DataObjective(model, u=model.input_scaling(x), t=model.output_scaling(y), weights=weights, seed=seed)
    rows = objective.samples

    def unseen(left_out: Tensor) -> Tensor:
        return model.output_scaling.inverse(rows.t - left_out)

    if inputs == 1:
        if len(torch.unique(x)) < MIN_CURVE_ROWS:
            return []
        curve, left_out, _ = estimated_curve(model, rows, seed)
        put_curves(model, curve, rows.u)
        return [SmoothEstimate(unseen(left_out), objective, None)]
    curves = judged_fit(model, rows) if is_estimable(objective) else None
    teacher = ProcessTeacher.of(rows, seed, curves, covariances) if count <= MAX_ROWS else None
    found = []
    if curves is not None:
        own = objective.on(_in_same_units(model, [inputs, outputs], seed))
        found.append(SmoothEstimate(unseen(curves.left_out), own, None, curves))
    if teacher is not None:
        if teacher.curves is not None and not bool(teacher.depends.all()):
            alone = replace(teacher, curves=None, share=1.0)  # of fewer inputs: the simpler one
            if not is_significant((alone.left_out.square() - teacher.left_out.square()).mean(1)):
                teacher = alone
        if teacher.curves is None:
            objective = of_inputs(objective, teacher.depends, seed)
        found.append(SmoothEstimate(unseen(teacher.left_out), objective, teacher))
        rough = None if count < MIN_FITTED_ROWS else better_trees(rows, seed, teacher)
        if rough is not None:
            everything = objective.on(_in_same_units(model, list(model.config.shape), seed))
            found.append(SmoothEstimate(unseen(rough.left_out), everything, rough))
    return found


def of_inputs(objective: DataObjective, used: Tensor, seed: int) -> DataObjective:
    """The same for a network of random values with edges from some inputs `(inputs,)` only, and hidden nodes as for so few."""
    inputs, hidden, outputs = objective.model.config.shape
    model = _in_same_units(
        objective.model, [inputs, max(hidden, _hidden_nodes(int(used.sum()), outputs)), outputs], seed
    )
    close_idle_inputs(model, used)
    return objective.on(model)


@torch.no_grad()
def close_idle_inputs(model: KAN, used: Tensor) -> None:
    """Closes the edges of all inputs but those that are used `(inputs,)`, before a network learns a function of these."""
    model.kan_layers[0].mask.mul_(used[:, None])


def fit_network(
    x: Tensor,
    y: Tensor,
    weights: Tensor,
    held: Tensor,
    *,
    seed: int,
    max_iter: int,
    on_step: ProgressCallback,
    names: Sequence[str] | None = None,
    covariances: tuple[Covariance, ...] = (),
) -> tuple[KAN, Tensor] | None:
    """The network that `sw.fit` makes of the rows, or of a sample of them; None of tables that are too small or too wide.

    Where rows are many, or they say more of their target than a process does, second-order steps on fine grids go furthest.
    Rows that are `held` `(n,)` are held out until the last steps; the covariances are of a process of the rows.

    Returns:
        The network; and the outputs `(n, q)` of the one that held-out rows have judged, NaN for rows that are no such.
    """
    if len(x) < MIN_FITTED_ROWS or not 1 < x.shape[1] <= MAX_COVARIATES or y.shape[1] > MAX_TARGETS:
        return None
    some = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[:MAX_FITTED_ROWS]
    model, unseen = network_for(x.shape[1], y.shape[1], seed, names), some[held[some]]
    set_units(model, x[some], y[some], always=True)
    rows = Samples(model.input_scaling(x), model.output_scaling(y), weights)
    split = DataSplit(rows.rows(some[~held[some]]), rows.rows(unseen), True, Squared(), covariances)
    objective = DataObjective(model, u=split.used.u, t=split.used.t, weights=split.used.weights, seed=seed)
    if covariances:
        objective = of_inputs(objective, depends_on(covariances), seed)
    options = TrainingOptions(seed=seed, progress=False, callbacks=(step_teller(on_step, "fit", max_iter),))
    with torch.inference_mode(False), torch.enable_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)  # the caller judges the network
        outcome = conduct(objective.model, x, split, objective, options)
    assert outcome.judged is not None
    outputs = torch.full_like(y, math.nan)
    with torch.no_grad():
        outputs[unseen] = outcome.judged(x[unseen])
    return outcome.model, outputs


def step_teller(on_step: ProgressCallback, stage: str, max_iter: int) -> Callable[[Step], None]:
    """The callback of a fit that passes every step on."""

    def tell(step: Step) -> None:
        if on_step(stage, step.number, max_iter, step.loss):
            raise StopTraining("a callback ended the fit")

    return tell


def _in_same_units(own: KAN, shape: list[int], seed: int) -> KAN:
    """A network of random values with the units and names of another one."""
    model = _random_network(shape, seed, own.config.input_names, own.config.base)
    model.input_scaling.load_state_dict(own.input_scaling.state_dict())
    model.output_scaling.load_state_dict(own.output_scaling.state_dict())
    return model


def network_for(inputs: int, outputs: int, seed: int, names: Sequence[str] | None, base: str = DEFAULT_BASE) -> KAN:
    """A network with random values: one layer for one covariate, else one with hidden nodes."""
    shape = [1, outputs] if inputs == 1 else [inputs, _hidden_nodes(inputs, outputs), outputs]
    return _random_network(shape, seed, names, base)


def _hidden_nodes(inputs: int, outputs: int) -> int:
    """Two hidden nodes for each input and one, within what steps can teach in seconds."""
    per_node = (inputs + outputs) * (GRID + DEGREE + 1) + 1
    return max(2, min(2 * inputs + 1, MAX_HIDDEN, MAX_PARAMETERS // per_node))


def _random_network(shape: list[int], seed: int, names: Sequence[str] | None, base: str) -> KAN:
    like: dict[str, Any] = {"dtype": torch.float64, "generator": torch.Generator().manual_seed(seed)}
    return KAN(shape, grid=GRID, degree=DEGREE, base=base, names=names, **like)
